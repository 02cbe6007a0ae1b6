//! Each kind of producer against a running agent: a file is taken when it is whole, and not before.

use std::fs::{self, File};
use std::io::Write;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::fs::{AtFlags, CWD, Mode, OFlags};

use super::harness::{Site, reader, wait_until};

const EVENTS_ONLY: &str = "inbox.recursive = true\ninbox.scan_interval_secs = 86400";
const HALF: &[u8] = b"{\"row\": 1}\n{\"row\": 2}\n";
/// Longer than any quiet time that could let an unfinished file of our own pass.
const LONG: Duration = Duration::from_millis(3500);

/// The rows of each job of `source`, newest first; of jobs that were found gone, none.
fn rows(site: &Site, source: &str) -> Vec<u64> {
    let jobs = site.history().into_iter().filter(|job| job["path"] == source && job["state"] == "done");
    jobs.map(|job| job["rows"].as_u64().unwrap()).collect()
}

/// A file that has no name until it is given `name`, and stays open.
fn nameless(folder: &Path, name: &str) -> File {
    let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(folder, flags, Mode::from_raw_mode(0o644)).unwrap());
    let link = format!("/proc/self/fd/{}", file.as_raw_fd());
    rustix::fs::linkat(CWD, link, CWD, folder.join(name), AtFlags::SYMLINK_FOLLOW).unwrap();
    file
}

/// A process that maps `path`, has closed its descriptor, and writes the file when it is told to.
fn mapper(path: &Path) -> Child {
    let script = "import mmap, os, sys\n\
        whole = b'{\"row\": 1}\\n' * 4\n\
        fd = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)\n\
        os.ftruncate(fd, len(whole))\n\
        mapped = mmap.mmap(fd, len(whole)); os.close(fd)\n\
        mapped[:22] = whole[:22]\n\
        sys.stdin.readline()\n\
        mapped[:] = whole; mapped.close()\n";
    let mut command = Command::new(reader("3.1"));
    command.args(["-c", script]).arg(path).stdin(Stdio::piped()).spawn().unwrap()
}

#[test]
fn whatever_way_a_file_is_held_open_it_is_taken_when_its_last_writer_is_done() {
    let mut site = Site::new(EVENTS_ONLY);
    site.start();
    let inbox = site.path("inbox");
    let mut written = File::create(inbox.join("written.json")).unwrap();
    let mut linked = File::create(site.path("other-name")).unwrap();
    fs::hard_link(site.path("other-name"), inbox.join("linked.json")).unwrap();
    let mut nameless = nameless(&inbox, "nameless.json");
    let mut renamed = File::create(site.path("beside")).unwrap();
    fs::rename(site.path("beside"), inbox.join("renamed.json")).unwrap();
    let mut mapper = mapper(&inbox.join("mapped.json"));
    let mut held = [&mut written, &mut linked, &mut nameless, &mut renamed];
    held.iter_mut().for_each(|file| file.write_all(HALF).unwrap());
    std::thread::sleep(LONG);
    assert!(site.history().is_empty(), "taken while it was written: {:?}", site.history());
    held.iter_mut().for_each(|file| file.write_all(HALF).unwrap());
    drop((written, linked, nameless, renamed));
    mapper.stdin.take().unwrap().write_all(b"\n").unwrap();
    assert!(mapper.wait().unwrap().success());
    site.wait_for("done", 5);
    for name in ["written", "linked", "nameless", "renamed", "mapped"] {
        assert_eq!(rows(&site, &format!("{name}.json")), [4], "{name}");
    }
}

/// The kernel gives the agent no lease on files of others: that nobody has closed the file has to do.
#[test]
fn a_file_of_another_user_is_not_taken_before_it_is_closed() {
    let mut site = Site::new(EVENTS_ONLY);
    site.open_to_everybody();
    let agent = site.as_somebody_else();
    site.spawn(agent);
    // It counts as running before it watches.
    wait_until("the agent watches", || site.log().contains("agent.ready"));
    let mut slow = File::create(site.path("inbox/slow.json")).unwrap();
    slow.write_all(HALF).unwrap();
    std::thread::sleep(LONG);
    slow.write_all(HALF).unwrap();
    std::thread::sleep(LONG);
    assert!(site.history().is_empty(), "taken while it was written: {:?}", site.history());
    slow.write_all(HALF).unwrap();
    drop(slow);
    site.drop_in("whole.json", HALF);
    site.wait_for("done", 2);
    assert_eq!((rows(&site, "slow.json"), rows(&site, "whole.json")), (vec![6], vec![2]));
}

#[test]
fn a_file_opened_and_closed_several_times_is_taken_once_it_is_left_alone() {
    let mut site = Site::new(EVENTS_ONLY);
    site.set_settle_ms(1500);
    site.start();
    for _ in 0..6 {
        let path = site.path("inbox/appended.json");
        File::options().append(true).create(true).open(path).unwrap().write_all(HALF).unwrap();
        std::thread::sleep(Duration::from_millis(200));
    }
    site.wait_for("done", 1);
    assert_eq!(rows(&site, "appended.json"), [12]);
}

#[test]
fn an_empty_file_waits_to_be_filled_and_is_taken_empty_if_it_is_not() {
    let mut site = Site::new(EVENTS_ONLY);
    site.start();
    for name in ["filled", "empty"] {
        drop(File::create(site.path("inbox").join(format!("{name}.json"))).unwrap());
    }
    std::thread::sleep(Duration::from_millis(800));
    fs::write(site.path("inbox/filled.json"), HALF).unwrap();
    site.wait_for("done", 2);
    assert_eq!((rows(&site, "filled.json"), rows(&site, "empty.json")), (vec![2], vec![0]));
}

#[test]
fn files_in_folders_are_found_however_their_folder_came_to_its_name() {
    let mut site = Site::new(EVENTS_ONLY);
    site.start();
    let inbox = site.path("inbox");
    fs::create_dir_all(inbox.join("made/at/once")).unwrap();
    fs::write(inbox.join("made/at/once/a.json"), HALF).unwrap();
    fs::create_dir_all(site.path("full/inner")).unwrap();
    fs::write(site.path("full/inner/a.json"), HALF).unwrap();
    fs::rename(site.path("full"), inbox.join("full")).unwrap();
    site.wait_for("done", 2);
    // A file in a folder that has another name now, and in one that was removed and made again.
    fs::rename(inbox.join("made/at"), inbox.join("made/now")).unwrap();
    fs::remove_dir_all(inbox.join("full")).unwrap();
    fs::create_dir_all(inbox.join("full/inner")).unwrap();
    fs::write(inbox.join("made/now/once/b.json"), HALF).unwrap();
    fs::write(inbox.join("full/inner/b.json"), HALF).unwrap();
    for output in ["made/now/once/a.h5", "made/now/once/b.h5", "full/inner/b.h5"] {
        wait_until(output, || site.path("outbox").join(output).exists());
    }
}

/// Whenever it happens: what is published is one of the versions, whole, and the last one comes.
#[test]
fn a_file_that_changes_while_it_is_read_is_published_as_one_version_or_the_other() {
    let mut site = Site::new(EVENTS_ONLY);
    site.start();
    let (large, small) = (HALF.repeat(300_000), HALF.repeat(3));
    for change in ["grown", "replaced", "truncated", "removed"] {
        let (name, path) = (format!("{change}.json"), site.path("inbox").join(format!("{change}.json")));
        site.drop_in(&name, &large);
        wait_until("it is being read", || !site.states(&name).is_empty());
        let last = match change {
            "grown" => {
                File::options().append(true).open(&path).unwrap().write_all(&small).unwrap();
                600_006
            }
            "replaced" => {
                site.drop_in(&name, &small);
                6
            }
            "truncated" => {
                File::options().write(true).open(&path).unwrap().set_len(0).unwrap();
                0
            }
            _ => {
                fs::remove_file(&path).unwrap();
                wait_until("it is found gone", || site.states(&name) != ["running"] && site.states(&name) != ["ready"]);
                continue;
            }
        };
        wait_until("the last version is done", || rows(&site, &name).first() == Some(&last));
        assert!(rows(&site, &name)[1..].iter().all(|&rows| rows == 600_000), "{change}: {:?}", rows(&site, &name));
    }
    site.stop();
    assert_eq!(site.unfinished(), 0);
}
