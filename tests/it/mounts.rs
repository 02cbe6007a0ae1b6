//! File systems inside the inbox, and file systems whose events and errors are not ours.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::harness::{Site, h5inbox, wait_until};

const GOOD: &[u8] = b"{\"a\": 1, \"b\": \"x\"}\n";
const LISTED: &str = "inbox.recursive = true\ninbox.scan_interval_secs = 1";

/// Something mounted at a path, and unmounted with this.
struct Mounted {
    at: PathBuf,
    /// The process behind it, if there is one.
    server: Option<Child>,
}

impl Mounted {
    /// None, with the reason told, where this user may not.
    fn tmpfs(at: &Path) -> Option<Self> {
        let mut command = Command::new("mount");
        if command.args(["-t", "tmpfs", "tmpfs"]).arg(at).status().is_ok_and(|status| status.success()) {
            return Some(Self { at: at.into(), server: None });
        }
        eprintln!("skipped: this user may not mount a file system");
        None
    }

    /// A real FUSE file system that shows `behind` at `at`.
    fn bindfs(behind: &Path, at: &Path) -> Option<Self> {
        let device = fs::metadata(at).unwrap().dev();
        let mut server = Command::new("bindfs").arg("-f").args([behind, at]).spawn().ok();
        while let Some(Ok(None)) = server.as_mut().map(Child::try_wait) {
            if fs::metadata(at).is_ok_and(|now| now.dev() != device) {
                return Some(Self { at: at.into(), server });
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        eprintln!("skipped: bindfs cannot be had here; `make test` installs it, and it needs /dev/fuse");
        None
    }

    /// The process behind it dies: whatever is asked of the mount is refused.
    fn break_down(&mut self) {
        if let Some(mut server) = self.server.take() {
            server.kill().unwrap();
            server.wait().unwrap();
        }
    }

    /// As a cable that is pulled: whoever has something open there keeps it.
    fn pull(&self) {
        let _ = Command::new("umount").arg("-l").arg(&self.at).stderr(Stdio::null()).status();
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        self.pull();
        self.break_down();
    }
}

/// How many files were taken, again or for the first time.
fn ready(site: &Site) -> usize {
    site.log().matches("file.ready").count()
}

#[test]
fn a_file_system_inside_the_inbox_is_served_and_loses_nothing_when_it_goes() {
    let mut site = Site::new("inbox.recursive = true\ninbox.scan_interval_secs = 86400");
    let inside = site.path("inbox/sub");
    fs::create_dir_all(&inside).unwrap();
    site.start();
    site.drop_in("sub/beneath.json", GOOD);
    site.wait_for("done", 1);
    let Some(mounted) = Mounted::tmpfs(&inside) else { return };
    fs::create_dir(inside.join("deeper")).unwrap();
    fs::write(inside.join("deeper/a.json"), GOOD).unwrap();
    // Nothing tells of a mount but a listing; from then on it is watched, too.
    site.signal(rustix::process::Signal::USR2);
    site.wait_for("done", 2);
    std::thread::sleep(Duration::from_secs(5));
    fs::write(inside.join("b.json"), GOOD.repeat(2)).unwrap();
    site.wait_for("done", 3);
    mounted.pull();
    fs::write(inside.join("c.json"), GOOD.repeat(3)).unwrap();
    site.wait_for("done", 4);
    let paths = ["sub/beneath.json", "sub/deeper/a.json", "sub/b.json", "sub/c.json"];
    assert!(paths.iter().all(|path| site.states(path) == ["done"]), "{:?}", site.history());
}

#[test]
fn what_changes_behind_a_fuse_mount_is_found_and_not_taken_half_written() {
    behind_a_mount("", "poll");
}

/// Each mount is what it is, whatever the inbox is on.
#[test]
fn what_changes_behind_a_fuse_mount_inside_a_watched_inbox_is_not_taken_half_written() {
    behind_a_mount("sub", "native");
}

fn behind_a_mount(folder: &str, mode: &str) {
    let mut site = Site::new(&format!("{LISTED}\nsource.after = 'archive'"));
    let (behind, at) = (site.path("behind"), site.path("inbox").join(folder));
    fs::create_dir_all(&behind).unwrap();
    fs::create_dir_all(&at).unwrap();
    let Some(_mounted) = Mounted::bindfs(&behind, &at) else { return };
    site.start();
    wait_until("it says so", || site.status()["watch"]["mode"] == mode);
    fs::write(behind.join("slow.json"), GOOD).unwrap();
    fs::write(behind.join("whole.json"), GOOD).unwrap();
    for _ in 0..2 {
        // Longer than it takes to be found, to settle where writers are known, and to be looked at twice.
        std::thread::sleep(Duration::from_secs(4));
        assert!(site.history().is_empty(), "{:?}", site.history());
        File::options().append(true).open(behind.join("slow.json")).unwrap().write_all(GOOD).unwrap();
    }
    site.wait_for("done", 2);
    let path = |name: &str| Path::new(folder).join(name).to_str().unwrap().to_owned();
    let rows = |name: &str| site.history().iter().find(|job| job["path"] == path(name)).unwrap()["rows"].as_u64();
    assert_eq!((rows("slow.json"), rows("whole.json")), (Some(3), Some(1)));
    wait_until("sources are moved away behind it, too", || fs::read_dir(&behind).unwrap().count() == 0);
    assert_eq!(site.names(&format!("archive/{folder}")), ["slow.json", "whole.json"]);
}

#[test]
fn a_mount_that_breaks_down_makes_the_agent_forget_nothing() {
    let mut site = Site::new("inbox.scan_interval_secs = 1\ninbox.done_marker = '.done'");
    let (behind, inbox) = (site.path("behind"), site.path("inbox"));
    fs::create_dir(&behind).unwrap();
    // With a marker a file need not be left alone for as long as on a mount where others may write.
    let put = |name: &str| {
        fs::write(behind.join(name), GOOD).unwrap();
        std::thread::sleep(Duration::from_millis(50));
        fs::write(behind.join(format!("{name}.done")), b"").unwrap();
    };
    ["a.json", "b.json"].iter().for_each(|name| put(name));
    let Some(mut mounted) = Mounted::bindfs(&behind, &inbox) else { return };
    site.start();
    site.wait_for("done", 2);
    mounted.break_down();
    wait_until("it says so", || site.log().contains("cannot list the inbox"));
    mounted.pull();
    let _again = Mounted::bindfs(&behind, &inbox).unwrap();
    put("c.json");
    site.wait_for("done", 3);
    assert_eq!(site.history().len(), 3);
}

/// Listings that fail as those of network mounts do, and listings that end early.
#[test]
fn a_listing_that_fails_makes_the_agent_forget_nothing() {
    for errno in ["ESTALE", "EIO"] {
        let mut site = Site::new(LISTED);
        for number in 0..20 {
            fs::create_dir(site.path("inbox").join(format!("d{number}"))).unwrap();
            fs::write(site.path("inbox").join(format!("d{number}/a.json")), GOOD).unwrap();
        }
        let mut strace = Command::new("strace");
        // Each second listing of a folder or so fails, after the first listing of all.
        let fault = format!("inject=getdents64:error={errno}:when=100+7");
        strace.args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=getdents64", "-e", &fault]);
        strace.arg(h5inbox().get_program());
        site.spawn(strace);
        site.wait_for("done", 20);
        let listings = |site: &Site| site.log().matches("scan.done").count() + site.log().matches("broke off").count();
        let before = listings(&site);
        wait_until("some listings have failed", || listings(&site) > before + 6);
        site.drop_in("new.json", GOOD);
        site.wait_for("done", 21);
        assert_eq!((ready(&site), site.history().len()), (21, 21), "{errno}: taken again");
        site.kill_if_running();
    }
}
