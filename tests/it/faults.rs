//! Faults of our own side: the agent pauses and says why, no file is failed for it, and it goes on by itself.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Command};
use std::sync::Mutex;

use rustix::process::Signal;

use super::disks::{Disk, Wrong};
use super::harness::{Site, h5inbox, said, wait_until};
use super::snapshot::digests;

const SKIP: &str = "records.on_bad_record = \"skip\"\n";
const ARCHIVE: &str = "source.after = \"archive\"\n";

/// A folder of ours, how the agent is set up so that it is needed, and the sources beside good ones.
struct Place {
    name: &'static str,
    folder: &'static str,
    config: &'static str,
    bad: &'static [u8],
    bytes: usize,
    wrongs: &'static [Wrong],
}

const ALL: &[Wrong] = &Wrong::ALL;

const PLACES: [Place; 6] = [
    Place { name: "outbox", folder: "outbox", config: "", bad: b"", bytes: 400_000, wrongs: ALL },
    Place { name: "archive", folder: "archive", config: ARCHIVE, bad: b"", bytes: 50_000, wrongs: ALL },
    Place { name: "quarantine", folder: "quarantine", config: ARCHIVE, bad: b"nonsense\n", bytes: 50_000, wrongs: ALL },
    Place { name: "report", folder: "quarantine", config: "", bad: b"nonsense\n", bytes: 50_000, wrongs: ALL },
    Place {
        name: "bad records",
        folder: "quarantine",
        config: SKIP,
        bad: b"{\"a\": 1}\nbad\n",
        bytes: 50_000,
        wrongs: ALL,
    },
    // Nothing but the database is written there, and it stays open.
    Place {
        name: "ledger",
        folder: "state",
        config: "",
        bad: b"",
        bytes: 12_000_000,
        wrongs: &[Wrong::Full, Wrong::Quota],
    },
];

const GOOD: usize = 4;

fn good(number: usize) -> Vec<u8> {
    (0..20).map(|row| format!("{{\"file\": {number}, \"row\": {row}}}\n")).collect::<Vec<_>>().concat().into_bytes()
}

/// So many records.
fn records(rows: usize) -> Vec<u8> {
    (0..rows).map(|row| format!("{{\"n\": {row}, \"m\": {row}.5}}\n")).collect::<Vec<_>>().concat().into_bytes()
}

/// Names and contents of what is in the outbox under final names.
fn outputs(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let named = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let named = named.filter(|path| path.extension().is_some_and(|ending| ending == "h5"));
    named.map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read(&path).unwrap())).collect()
}

/// Whether the outbox holds what `convert` makes of the same sources, each by itself, and no more.
fn all_came_out_right(site: &Site) -> bool {
    let mut convert = h5inbox();
    convert.args(["convert", "--on-bad-record", "skip", "--outdir"]).arg(site.path("expected"));
    let _ = convert.arg(site.path("sources")).output().unwrap();
    let all = digests(&site.path(""));
    let below = |folder: &str| {
        let named = all.iter().filter_map(|(path, digest)| Some((path.strip_prefix(folder)?, digest)));
        named.collect::<BTreeMap<_, _>>()
    };
    below("outbox/") == below("expected/")
}

/// As a producer, and keeps a copy.
fn drop_in(site: &Site, name: &str, content: &[u8]) {
    fs::create_dir_all(site.path("sources")).unwrap();
    fs::write(site.path("sources").join(name), content).unwrap();
    site.drop_in(name, content);
}

fn paused(site: &Site) -> Option<String> {
    site.status()["paused"].as_str().map(str::to_owned)
}

fn told(site: &Site, event: &str) -> usize {
    site.log().matches(&format!("{event}: ")).count()
}

/// Every source has its one output, equal to that of `convert`, or its one report, and no attempt counted that was in vain.
fn assert_all_is_well(site: &mut Site, what: &str) {
    wait_until("it is not paused any more", || paused(site).is_none());
    assert!(site.stop().success(), "{what}");
    assert!(all_came_out_right(site), "{what}: {:?}", site.names("outbox"));
    assert_eq!((site.unfinished(), site.unfinished_in("quarantine")), (0, 0), "{what}");
    for job in site.history() {
        assert_eq!(job["attempts"], 1, "{what}: {job}");
        assert_ne!(job["state"], "failed", "{what}: {job}");
    }
    assert_eq!(told(site, "file.failed"), 0, "{what}");
}

fn endure(place: &Place, wrong: Wrong) {
    let what = format!("{}, {wrong:?}", place.name);
    let mut site = Site::new(place.config);
    let Some(disk) = Disk::mount(wrong, &site.path(place.folder), place.bytes) else { return };
    site.start();
    drop_in(&site, "before.json", &good(99));
    site.wait_for("done", 1);
    disk.breaks();
    let before = outputs(&site.path("outbox"));
    // A ledger has room in what it has taken before.
    let files = if place.name == "ledger" { 150 } else { GOOD };
    for number in 0..files {
        drop_in(&site, &format!("f{number}.json"), &good(number));
    }
    if !place.bad.is_empty() {
        drop_in(&site, "bad.json", place.bad);
    }
    wait_until(&format!("it has paused: {what}"), || {
        disk.breaks();
        paused(&site).is_some()
    });
    let why = paused(&site).unwrap_or_default();
    if place.name == "ledger" {
        assert!(why.contains("state/ledger.sqlite") && why.contains("check free space"), "{what}: {why}");
    } else {
        assert!(why.contains(site.path(place.folder).to_str().unwrap()) && why.contains(wrong.said()), "{what}: {why}");
        assert!(site.history().iter().all(|job| job["state"] != "failed" && job["state"] != "gone"), "{what}");
    }
    assert!(before.iter().all(|(name, content)| outputs(&site.path("outbox")).get(name) == Some(content)), "{what}");
    disk.heals();
    wait_until(&format!("all are done: {what}"), || {
        let status = site.status();
        let files = files + 1 + usize::from(!place.bad.is_empty() && place.config == SKIP);
        status["files"]["done"] == files
    });
    if !place.bad.is_empty() && place.config != SKIP {
        site.wait_for("quarantined", 1);
        wait_until("the report is there", || site.path("quarantine/bad.json.reason.txt").exists());
    }
    if place.config == ARCHIVE {
        // Between the two names that they have, they have one that does not show.
        wait_until("all are in the archive", || site.names("archive").len() == files + 1);
        assert!(site.names("inbox").is_empty(), "{what}");
    }
    assert_all_is_well(&mut site, &what);
    // Where one file alone needs the place, the others go on in between.
    let most = if place.bad.is_empty() || place.config == ARCHIVE { 1 } else { 2 };
    assert!((1..=most).contains(&told(&site, "agent.paused")) && told(&site, "agent.resumed") >= 1, "{what}");
    assert!(!site.log().contains("ERROR"), "{what}");
}

/// Most of the time is waiting.
fn several_at_a_time<T: Send>(cases: impl Iterator<Item = T> + Send, check: impl Fn(T) + Sync) {
    let cases = Mutex::new(cases);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(case) = { cases.lock().unwrap().next() } {
                    check(case);
                }
            });
        }
    });
}

#[test]
fn a_disk_that_is_full_read_only_or_over_quota_pauses_the_agent_and_costs_no_file() {
    let cells = PLACES.iter().flat_map(|place| place.wrongs.iter().map(move |wrong| (place, *wrong)));
    several_at_a_time(cells, |(place, wrong)| endure(place, wrong));
}

/// Calls that the system refuses for a while: the call, on which file, what it says, and what is set up so.
const REFUSED: [(&str, &str, &str, &str); 12] = [
    ("fsync", "outbox/.h5inbox/1.tmp", "EIO", ""),
    ("write", "outbox/.h5inbox/1.tmp", "EIO", ""),
    ("write", "outbox/.h5inbox/1.tmp", "EDQUOT", ""),
    ("renameat2", "outbox/.h5inbox/1.tmp", "EIO", ""),
    ("renameat2", "outbox/.h5inbox/1.tmp", "EROFS", ""),
    ("fsync", "outbox", "EIO", ""),
    ("openat", "outbox/.h5inbox/1.tmp", "EMFILE", ""),
    ("openat", "outbox/.h5inbox/1.tmp", "ENOMEM", ""),
    ("fsync", "archive", "EIO", ARCHIVE),
    ("renameat2", "archive/f0.json", "ESTALE", ARCHIVE),
    ("write", "quarantine/.1.reason.tmp", "EIO", ""),
    ("fsync", "quarantine/.1.reason.tmp", "ENOTCONN", ""),
];

/// Calls of an agent that runs are refused, until dropped.
struct Refusing(Child);

impl Refusing {
    fn start(site: &Site, call: &str, file: &str, error: &str) -> Self {
        let (pid, inject) = (site.pid().to_string(), format!("inject={call}:error={error}"));
        let mut strace = Command::new("strace");
        strace.args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={call}"), "-e", &inject, "-p", &pid, "-P"]);
        let this = Self(strace.arg(site.path(file)).spawn().expect("strace is missing; `make test` installs it"));
        wait_until("every thread is traced", || {
            let threads = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
            let status = |thread: fs::DirEntry| fs::read_to_string(thread.path().join("status")).unwrap_or_default();
            threads.map(|thread| status(thread.unwrap())).all(|status| !status.contains("TracerPid:\t0"))
        });
        this
    }
}

impl Drop for Refusing {
    fn drop(&mut self) {
        let pid = rustix::process::Pid::from_child(&self.0);
        rustix::process::kill_process(pid, Signal::TERM).unwrap();
        self.0.wait().unwrap();
    }
}

fn refuse((call, file, error, config): (&str, &str, &str, &str)) {
    let what = format!("{call} {file} {error}");
    let mut site = Site::new(config);
    // Folders whose names are traced have to be there.
    ["quarantine", "archive"].iter().for_each(|folder| fs::create_dir(site.path(folder)).unwrap());
    site.start();
    let refusing = Refusing::start(&site, call, file, error);
    let bad = file.starts_with("quarantine");
    drop_in(&site, "f0.json", if bad { b"nonsense\n" } else { b"{\"a\": 1}\n" });
    wait_until(&format!("it has paused: {what}"), || told(&site, "agent.paused") == 1);
    let why = paused(&site).unwrap_or_default();
    assert!(why.contains(site.path(file.split('/').next().unwrap()).to_str().unwrap()), "{what}: {why}");
    assert!(site.history().iter().all(|job| job["state"] != "failed" && job["state"] != "quarantined"), "{what}");
    drop(refusing);
    let state = if bad { "quarantined" } else { "done" };
    wait_until(&format!("it is {state}: {what}"), || site.states("f0.json") == [state]);
    assert_eq!(site.names("outbox").len(), usize::from(!bad), "{what}");
    wait_until(&format!("the source is where it belongs: {what}"), || {
        config.is_empty() || site.names("inbox").is_empty()
    });
    // A source that is refused proves nothing, and then there is none left.
    assert_all_is_well(&mut site, &what);
    assert_eq!((told(&site, "agent.paused"), told(&site, "agent.resumed")), (1, 1), "{what}");
}

#[test]
fn a_call_that_is_refused_for_a_while_pauses_the_agent_and_the_file_is_done_after_it() {
    several_at_a_time(REFUSED.into_iter(), refuse);
}

/// Where the ledger cannot be written, nothing is published that it does not know of.
#[test]
fn a_ledger_that_cannot_be_written_for_a_while_is_opened_again() {
    several_at_a_time(["EIO", "EDQUOT", "EROFS"].into_iter(), |error| {
        let mut site = Site::new(ARCHIVE);
        site.start();
        drop_in(&site, "first.json", &good(0));
        wait_until("it is archived", || site.names("archive").len() == 1);
        let refusing = Refusing::start(&site, "pwrite64", "state/ledger.sqlite-wal", error);
        (0..20).for_each(|number| drop_in(&site, &format!("f{number}.json"), &good(number)));
        wait_until("it has paused", || told(&site, "agent.paused") == 1);
        assert_eq!(site.names("outbox"), ["first.h5"]);
        assert!(paused(&site).unwrap_or_default().contains("state/ledger.sqlite"), "{:?}", paused(&site));
        assert_eq!(site.status()["files"]["done"], 1, "what was known last is told still");
        drop(refusing);
        wait_until("all have left the inbox", || site.names("inbox").is_empty());
        assert_all_is_well(&mut site, error);
        assert_eq!((site.names("archive").len(), told(&site, "agent.resumed")), (21, 1));
    });
}

/// The disk is full just when an output is made.
#[test]
fn an_output_whose_publication_cannot_be_recorded_gets_no_name_until_it_can() {
    let mut site = Site::new("");
    let Some(disk) = Disk::mount(Wrong::Full, &site.path("state"), 4_000_000) else { return };
    // Not by `start`: who asks for the status while the ledger is made may be the last to close it, and then its log has room.
    site.spawn(h5inbox());
    wait_until("it is ready", || told(&site, "agent.ready") == 1);
    drop_in(&site, "large.json", &records(600_000));
    wait_until("a worker has it in hand", || {
        fs::read(site.path("outbox/.h5inbox/in-hand")).is_ok_and(|held| held.iter().any(|byte| *byte != 0))
    });
    site.signal(Signal::STOP);
    disk.breaks();
    site.signal(Signal::CONT);
    wait_until("it has come to the commit", || told(&site, "agent.paused") == 1 || !site.names("outbox").is_empty());
    assert_eq!((site.names("outbox"), told(&site, "file.published")), (vec![], 0));
    disk.heals();
    site.wait_for("done", 1);
    assert_all_is_well(&mut site, "publication");
}

/// What the disk says after that proves nothing.
#[test]
fn a_ledger_that_cannot_be_flushed_ends_the_agent_and_the_next_run_does_the_rest() {
    let mut site = Site::new(ARCHIVE);
    site.start();
    drop_in(&site, "first.json", &good(0));
    wait_until("it is archived", || site.names("archive").len() == 1);
    let refusing = Refusing::start(&site, "fsync", "state/ledger.sqlite-wal", "EIO");
    (0..20).for_each(|number| drop_in(&site, &format!("f{number}.json"), &good(number)));
    wait_until("it has ended", || site.has_ended());
    drop(refusing);
    assert_eq!(site.names("outbox"), ["first.h5"]);
    assert_eq!(site.end(), Some(69));
    assert!(site.log().contains("could not be flushed"), "{}", site.log());
    assert!(site.once().status.success());
    assert!(all_came_out_right(&site));
    assert_eq!((site.names("archive").len(), site.unfinished()), (21, 0));
    assert!(site.history().iter().all(|job| job["state"] == "done"));
}

/// Inbox and all, as on many machines. Even the log is there.
#[test]
fn everything_on_one_disk_that_is_full_goes_on_when_it_is_not() {
    for config in [ARCHIVE, SKIP] {
        let folder = tempfile::tempdir().unwrap();
        let Some(disk) = Disk::mount(Wrong::Full, folder.path(), 20 << 20) else { return };
        let mut site = Site::within(folder.path(), &[], config);
        site.start();
        site.signal(Signal::STOP);
        (0..60).for_each(|number| drop_in(&site, &format!("f{number}.json"), &good(number)));
        disk.breaks();
        site.signal(Signal::CONT);
        wait_until("it has paused", || {
            disk.breaks();
            paused(&site).is_some()
        });
        assert!(paused(&site).is_none_or(|why| why.contains("full") || why.contains("No space left")));
        disk.heals();
        wait_until("all are done", || site.status()["files"]["done"] == 60);
        wait_until("all are where they belong", || config == SKIP || site.names("archive").len() == 60);
        assert_all_is_well(&mut site, config);
    }
}

#[test]
fn an_agent_that_starts_on_a_disk_that_is_read_only_begins_when_it_is_not() {
    several_at_a_time(["state", "outbox"].into_iter(), |folder| {
        let mut site = Site::new("");
        let Some(disk) = Disk::mount(Wrong::ReadOnly, &site.path(folder), 0) else { return };
        disk.breaks();
        drop_in(&site, "a.json", &good(0));
        site.spawn(h5inbox());
        wait_until("it has paused", || told(&site, "agent.paused") == 1);
        assert!(
            site.log().contains(site.path(folder).to_str().unwrap()) && site.log().contains("Read-only file system")
        );
        disk.heals();
        wait_until("it is done", || site.names("outbox") == ["a.h5"]);
        assert_all_is_well(&mut site, folder);
    });
}

#[test]
fn columns_that_cannot_be_put_aside_wait_for_room() {
    let mut site = Site::new("limits.memory_bytes = 1");
    let Some(disk) = Disk::mount(Wrong::Full, &site.path("outbox"), 40 << 20) else { return };
    site.start();
    disk.breaks();
    drop_in(&site, "big.json", &records(200_000));
    wait_until("it has paused", || paused(&site).is_some());
    let why = paused(&site).unwrap();
    let place = site.path("outbox/.h5inbox");
    assert!(why.contains(&format!("put columns aside in {}: No space left", place.display())), "{why}");
    disk.heals();
    site.wait_for("done", 1);
    assert_all_is_well(&mut site, "columns put aside");
}

#[test]
fn one_file_that_finds_no_room_keeps_no_other_waiting() {
    let mut site = Site::new("inbox.order = \"name\"");
    let Some(_disk) = Disk::mount(Wrong::Full, &site.path("outbox"), 1_000_000) else { return };
    site.start();
    drop_in(&site, "a-large.json", &records(200_000));
    wait_until("it has paused", || paused(&site).is_some());
    (0..10).for_each(|number| drop_in(&site, &format!("b{number}.json"), &records(10)));
    site.wait_for("done", 10);
    assert!(["ready", "running"].contains(&site.states("a-large.json")[0].as_str()));
    assert!(told(&site, "agent.paused") <= 2, "{}", site.log());
    assert!(site.stop().success());
}

#[test]
fn once_leaves_to_the_next_run_what_a_full_disk_keeps_and_says_so() {
    let site = Site::new("");
    let Some(disk) = Disk::mount(Wrong::Full, &site.path("outbox"), 400_000) else { return };
    assert!(site.once().status.success());
    disk.breaks();
    (0..3).for_each(|number| drop_in(&site, &format!("f{number}.json"), &good(number)));
    let left = site.once();
    assert_eq!(left.status.code(), Some(1), "{}", said(&left));
    assert!(said(&left).contains("agent.gave_up") && said(&left).contains("sources=3"), "{}", said(&left));
    disk.heals();
    assert!(site.once().status.success());
    assert!(all_came_out_right(&site));
    assert!(site.history().iter().all(|job| job["attempts"] == 1));
}

/// Calls that a signal interrupts are made again; every second one of them here.
#[test]
fn calls_that_are_interrupted_are_made_again() {
    for call in ["read", "write", "pwrite64", "fsync", "openat", "renameat2"] {
        let site = Site::new(ARCHIVE);
        (0..3).for_each(|number| drop_in(&site, &format!("f{number}.json"), &good(number)));
        let mut traced = Command::new("strace");
        let inject = format!("inject={call}:error=EINTR:when=1+2");
        traced.args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={call}"), "-e", &inject]);
        let files =
            ["inbox/f0.json", "inbox/f1.json", "outbox/.h5inbox/1.tmp", "outbox/.h5inbox/2.tmp", "archive/f0.json"];
        // A flush that SQLite is told has failed, it rightly does not try again.
        let ledger = if call == "fsync" { "outbox" } else { "state/ledger.sqlite-wal" };
        for file in files.into_iter().chain([ledger]) {
            traced.arg("-P").arg(site.path(file));
        }
        traced.args([env!("CARGO_BIN_EXE_h5inbox"), "run", "--once", "--config"]).arg(site.config());
        let ran = traced.output().unwrap();
        assert!(ran.status.success(), "{call}: {}", said(&ran));
        assert!(all_came_out_right(&site), "{call}");
        assert_eq!((site.names("archive").len(), site.unfinished()), (3, 0), "{call}");
        assert!(!said(&ran).contains("WARN") && !said(&ran).contains("ERROR"), "{call}: {}", said(&ran));
    }
}

#[test]
fn systemd_is_told_why_nothing_happens_and_that_it_goes_on() {
    let mut site = Site::new("");
    let Some(disk) = Disk::mount(Wrong::Full, &site.path("outbox"), 400_000) else { return };
    let systemd = UnixDatagram::bind(site.path("notify")).unwrap();
    let hears = |what: &str| {
        let mut message = [0; 4096];
        wait_until(&format!("systemd hears `{what}`"), || {
            let length = systemd.recv(&mut message).unwrap();
            String::from_utf8_lossy(&message[..length]).contains(what)
        });
    };
    let mut service = h5inbox();
    service.env("NOTIFY_SOCKET", site.path("notify"));
    site.spawn(service);
    hears("STATUS=watching the inbox");
    disk.breaks();
    drop_in(&site, "a.json", &good(0));
    hears("STATUS=paused: cannot ");
    disk.heals();
    hears("STATUS=watching the inbox");
}

#[test]
fn too_few_descriptors_pause_the_agent_until_there_are_more() {
    let mut site = Site::new("");
    site.start();
    drop_in(&site, "before.json", &good(0));
    site.wait_for("done", 1);
    // Some for looking at sources, too few for converting them.
    let limit = |limit: usize| {
        let (pid, limit) = (site.pid().to_string(), format!("--nofile={limit}:"));
        assert!(Command::new("prlimit").args(["--pid", &pid, &limit]).status().unwrap().success());
    };
    let open = site.open_files().len();
    limit(open + 3);
    (0..40).for_each(|number| drop_in(&site, &format!("f{number}.json"), &good(number)));
    wait_until("it has paused", || told(&site, "agent.paused") >= 1);
    assert!(site.log().contains("LimitNOFILE"));
    limit(1024);
    wait_until("all are done", || site.status()["files"]["done"] == 41);
    assert_all_is_well(&mut site, "descriptors");
}

/// The program where no file may have more than a megabyte.
fn with_small_files() -> Command {
    let mut limited = Command::new("prlimit");
    limited.arg("--fsize=1000000:unlimited").arg(env!("CARGO_BIN_EXE_h5inbox"));
    limited
}

#[test]
fn a_limit_of_a_files_size_is_that_files_trouble_alone() {
    let mut site = Site::new("");
    site.spawn(with_small_files());
    wait_until("the agent answers", || site.status()["running"] == true);
    drop_in(&site, "large.json", &records(600_000));
    wait_until("it is told", || site.history().iter().any(|job| job["state"] == "failed"));
    let why = site.history()[0]["error"].as_str().unwrap().to_owned();
    assert!(why.contains("File too large") && why.contains("LimitFSIZE"), "{why}");
    drop_in(&site, "small.json", &good(1));
    site.wait_for("done", 1);
    assert_eq!((paused(&site), site.names("outbox")), (None, vec!["small.h5".to_owned()]));
    let pid = site.pid().to_string();
    assert!(Command::new("prlimit").args(["--pid", &pid, "--fsize=unlimited:"]).status().unwrap().success());
    site.wait_for("done", 2);
    assert_eq!(site.unfinished(), 0);
}

fn set_mode(site: &Site, folder: &str, mode: u32) {
    fs::set_permissions(site.path(folder), std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
}

#[test]
fn a_folder_that_denies_everything_pauses_and_one_inside_it_does_not() {
    let mut site = Site::new("inbox.recursive = true");
    site.open_to_everybody();
    fs::create_dir(site.path("outbox/sub")).unwrap();
    set_mode(&site, "outbox/sub", 0o555);
    let somebody = site.as_somebody_else();
    fs::create_dir(site.path("inbox/sub")).unwrap();
    fs::write(site.path("inbox/sub/denied.json"), good(0)).unwrap();
    fs::write(site.path("inbox/a.json"), good(1)).unwrap();
    site.spawn(somebody);
    wait_until("the one outside is done and the other is told of", || {
        site.path("outbox/a.h5").exists() && told(&site, "file.failed") >= 1
    });
    assert_eq!(told(&site, "agent.paused"), 0);
    set_mode(&site, "outbox", 0o555);
    fs::write(site.path("inbox/b.json"), good(2)).unwrap();
    wait_until("it has paused", || told(&site, "agent.paused") == 1);
    assert!(site.log().contains("let this user write there"));
    set_mode(&site, "outbox", 0o777);
    set_mode(&site, "outbox/sub", 0o777);
    wait_until("all are done", || {
        ["a.h5", "b.h5", "sub/denied.h5"].iter().all(|name| site.path("outbox").join(name).exists())
    });
    site.signal(Signal::TERM);
    wait_until("it has ended", || site.has_ended());
}

#[test]
fn the_wait_before_another_attempt_survives_a_restart_and_a_run_that_somebody_starts_does_not_wait() {
    let mut site = Site::new("");
    let config = fs::read_to_string(site.config()).unwrap();
    fs::write(site.config(), config.replace("backoff_secs = 1\n", "backoff_secs = 600\n")).unwrap();
    drop_in(&site, "large.json", &records(600_000));
    let mut run_at = Vec::new();
    for name in ["f1.json", "f2.json"] {
        site.spawn(with_small_files());
        wait_until("it is told", || told(&site, "file.failed") == 1);
        drop_in(&site, name, &good(1));
        wait_until("the other is done", || site.states(name) == ["done"]);
        let large = site.history().into_iter().find(|job| job["path"] == "large.json").unwrap();
        run_at.push((large["run_at"].clone(), large["attempts"].clone()));
        site.kill();
    }
    assert_eq!((told(&site, "file.failed"), &run_at[0]), (1, &run_at[1]));
    assert_eq!(site.once_by(with_small_files()).status.code(), Some(1));
    assert_eq!(site.once().status.code(), Some(0));
    assert_eq!(site.states("large.json"), ["done"]);
}

/// Any read of this source kills the agent.
fn poisoned(site: &Site) -> Command {
    let mut traced = Command::new("strace");
    traced.args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=read", "-e", "inject=read:signal=KILL", "-P"]);
    traced.arg(site.path("inbox/poison.json")).arg(env!("CARGO_BIN_EXE_h5inbox"));
    traced
}

#[test]
fn a_file_that_kills_the_agent_is_set_aside_after_so_many_attempts_and_comes_back_when_asked_for() {
    for config in ["retry.max_attempts = 2", "retry.max_attempts = 2\nsource.after = \"archive\""] {
        let mut site = Site::new(config);
        site.drop_in("poison.json", &good(0));
        site.drop_in("other.json", &good(1));
        for _ in 0..2 {
            site.spawn(poisoned(&site));
            wait_until("it is killed", || site.has_ended());
            site.kill_if_running();
        }
        site.spawn(poisoned(&site));
        wait_until("it is set aside", || site.states("poison.json") == ["quarantined"]);
        wait_until("the other is done", || site.states("other.json") == ["done"]);
        let report = site.path("quarantine/poison.json.reason.txt");
        wait_until("the report is there", || report.exists());
        let told = fs::read_to_string(report).unwrap();
        assert!(told.contains("crash_loop") && told.contains("the agent stopped 2 times"), "{told}");
        site.kill_if_running();
        site.start();
        let again = site.verb("retry", &["--failed"]);
        assert!(again.status.success(), "{}", said(&again));
        wait_until("it is done now", || site.path("outbox/poison.h5").exists());
    }
}

/// Reading it never ends.
#[test]
fn a_file_that_a_worker_never_comes_back_from_is_set_aside_by_the_runs_that_follow() {
    let mut site = Site::new("limits.convert_secs = 1\nretry.max_attempts = 2\ninbox.scan_interval_secs = 1");
    site.drop_in("stuck.json", &good(0));
    for attempt in 1..=3 {
        let mut traced = Command::new("strace");
        traced.args([
            "-f",
            "-qq",
            "-o",
            "/dev/null",
            "-e",
            "trace=read",
            "-e",
            "inject=read:delay_enter=1000000000",
            "-P",
        ]);
        traced.arg(site.path("inbox/stuck.json")).arg(env!("CARGO_BIN_EXE_h5inbox"));
        site.spawn(traced);
        let other = format!("other{attempt}.json");
        site.drop_in(&other, &good(attempt));
        wait_until("the other is done", || site.states(&other) == ["done"]);
        if attempt < 3 {
            wait_until("it gives up", || told(&site, "agent.stuck") == attempt);
            // The tracer waits for the thread.
            site.kill_if_running();
        }
    }
    wait_until("it is set aside", || site.states("stuck.json") == ["quarantined"]);
    assert!(site.path("quarantine/stuck.json.reason.txt").exists());
    site.kill_if_running();
}

/// Reading it takes longer than a conversion may.
#[test]
fn a_file_that_takes_too_long_is_set_aside_and_keeps_no_other_waiting() {
    let mut site = Site::new("limits.convert_secs = 1");
    let record = format!("{{\"a\": \"{}\"}}\n", "x".repeat(1000));
    site.drop_in("slow.json", record.repeat(4000).as_bytes());
    let mut traced = Command::new("strace");
    traced.args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=read", "-e", "inject=read:delay_enter=600000", "-P"]);
    traced.arg(site.path("inbox/slow.json")).arg(env!("CARGO_BIN_EXE_h5inbox"));
    site.spawn(traced);
    site.drop_in("other.json", &good(1));
    wait_until("it is set aside", || site.states("slow.json") == ["quarantined"]);
    wait_until("the other is done", || site.states("other.json") == ["done"]);
    let report = fs::read_to_string(site.path("quarantine/slow.json.reason.txt")).unwrap();
    assert!(report.contains("limits.convert_secs"), "{report}");
    site.kill_if_running();
}
