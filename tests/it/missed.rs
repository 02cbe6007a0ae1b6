//! Nothing is missed: lost events, watches that are not to be had, inboxes that are exchanged under the agent.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

use rustix::process::Signal;

use super::harness::{Site, wait_until};

const GOOD: &[u8] = b"{\"a\": 1, \"b\": \"x\"}\n";
/// Nothing is found by a regular listing within a test.
const EVENTS_ONLY: &str = "inbox.recursive = true\ninbox.scan_interval_secs = 86400";
/// Everything may be found by a listing.
const LISTED: &str = "inbox.recursive = true\ninbox.scan_interval_secs = 1";

/// How many events the kernel keeps for a watcher that comes to be now.
const QUEUED_EVENTS: &str = "/proc/sys/fs/inotify/max_queued_events";
/// As many as it usually keeps.
const USUAL: usize = 16_384;

/// Events enough to overflow the kernel's queue of the agent, which must be stopped meanwhile.
pub(super) fn overflow(site: &Site) {
    let limit: usize = fs::read_to_string(QUEUED_EVENTS).unwrap().trim().parse().unwrap();
    let ignored = site.path("inbox/ignored.tmp");
    // Each time two events at least. Another test may have lowered the limit for a moment.
    for _ in 0..limit.max(USUAL) {
        drop(File::create(&ignored).unwrap());
        fs::remove_file(&ignored).unwrap();
    }
}

#[test]
fn files_whose_events_were_lost_in_an_overflow_are_found() {
    let mut site = Site::new(EVENTS_ONLY);
    site.start();
    site.signal(Signal::STOP);
    overflow(&site);
    fs::create_dir_all(site.path("inbox/new/folder")).unwrap();
    for number in 0..10 {
        fs::write(site.path("inbox").join(format!("{number}.json")), GOOD).unwrap();
        fs::write(site.path("inbox/new/folder").join(format!("{number}.json")), GOOD).unwrap();
    }
    site.signal(Signal::CONT);
    site.wait_for("done", 20);
    wait_until("it says so", || site.status()["watch"]["overflows"].as_u64() >= Some(1));
    assert!(site.log().contains("watch.overflow"));
}

/// A lower limit of queued events until this is dropped.
struct FewEvents(String);

impl FewEvents {
    /// None if that is not allowed here.
    fn set(limit: u32) -> Option<Self> {
        let before = fs::read_to_string(QUEUED_EVENTS).ok()?;
        fs::write(QUEUED_EVENTS, limit.to_string()).ok().map(|()| Self(before))
    }
}

impl Drop for FewEvents {
    fn drop(&mut self) {
        fs::write(QUEUED_EVENTS, &self.0).unwrap();
    }
}

#[test]
fn with_room_for_few_events_every_burst_overflows_and_nothing_is_missed() {
    let mut site = Site::new(EVENTS_ONLY);
    // A watcher has the limit that was in force when it came to be.
    let Some(few) = FewEvents::set(8) else {
        eprintln!("skipped: the limit of queued events cannot be set here");
        return;
    };
    site.start();
    drop(few);
    for burst in 0..5 {
        for number in 0..100 {
            fs::write(site.path(&format!("inbox/{burst}-{number}.json")), format!("{{\"n\": {number}}}\n")).unwrap();
        }
        site.wait_for("done", 100 * (burst + 1));
    }
    assert!(site.status()["watch"]["overflows"].as_u64() >= Some(1));
    assert_eq!(site.names("outbox").len(), 500);
}

/// Starts the agent in a user namespace of its own with `limit` set there; false if that is not allowed here.
fn start_limited(site: &mut Site, limit: &str) -> bool {
    let namespace = |script: &str| {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "sh", "-ec", script, "sh"]);
        command
    };
    let set = format!("echo {limit}");
    if !namespace(&set).status().is_ok_and(|status| status.success()) {
        eprintln!("skipped: user namespaces are not to be had here");
        return false;
    }
    let mut command = namespace(&format!("{set}; exec \"$@\""));
    command.arg(env!("CARGO_BIN_EXE_h5inbox"));
    site.spawn(command);
    wait_until("the agent answers", || site.status()["running"] == true);
    true
}

#[test]
fn without_any_watch_the_inbox_is_listed_instead() {
    for limit in ["0 > /proc/sys/user/max_inotify_instances", "0 > /proc/sys/user/max_inotify_watches"] {
        let mut site = Site::new(LISTED);
        if !start_limited(&mut site, limit) {
            return;
        }
        wait_until("it says so", || site.status()["watch"]["mode"] == "poll");
        site.drop_in("sub/a.json", GOOD);
        site.wait_for("done", 1);
        assert!(site.log().contains("sysctl"));
    }
}

#[test]
fn folders_beyond_the_limit_of_watches_are_listed_and_the_others_watched() {
    let mut site = Site::new(LISTED);
    for number in 0..4 {
        fs::create_dir(site.path("inbox").join(format!("old{number}"))).unwrap();
    }
    if !start_limited(&mut site, "3 > /proc/sys/user/max_inotify_watches") {
        return;
    }
    wait_until("it says so", || {
        let watch = &site.status()["watch"];
        watch["mode"] == "native" && watch["unwatched"] == 1
    });
    for number in 0..4 {
        site.drop_in(&format!("old{number}/a.json"), GOOD);
        site.drop_in(&format!("new{number}/a.json"), GOOD);
    }
    site.wait_for("done", 8);
    assert_eq!(site.log().matches("watch.incomplete").count(), 1, "told once");
}

#[test]
fn an_inbox_that_is_mounted_over_and_unmounted_is_followed() {
    let mut site = Site::new(LISTED);
    let inbox = site.path("inbox");
    site.start();
    site.drop_in("before.json", GOOD);
    site.wait_for("done", 1);
    let mounted = Command::new("mount").args(["-t", "tmpfs", "tmpfs"]).arg(&inbox).status();
    if !mounted.is_ok_and(|status| status.success()) {
        eprintln!("skipped: this user may not mount a file system");
        return;
    }
    fs::write(inbox.join("mounted.json"), GOOD).unwrap();
    site.wait_for("done", 2);
    wait_until("nobody has a file open there", || unmounted(&inbox));
    assert_eq!(site.names("inbox"), ["before.json"]);
    fs::write(inbox.join("after.json"), GOOD).unwrap();
    site.wait_for("done", 3);
    assert_eq!(site.history().len(), 3, "what was there before is not done again");
}

fn unmounted(inbox: &Path) -> bool {
    let device = |path: &Path| fs::metadata(path).unwrap().dev();
    let _ = Command::new("umount").arg(inbox).stderr(std::process::Stdio::null()).status();
    device(inbox) == device(inbox.parent().unwrap())
}

#[test]
fn an_inbox_that_moved_away_and_came_back_is_served_with_what_it_brings() {
    let mut site = Site::new(EVENTS_ONLY);
    site.start();
    fs::rename(site.path("inbox"), site.path("elsewhere")).unwrap();
    fs::write(site.path("elsewhere/meanwhile.json"), GOOD).unwrap();
    fs::rename(site.path("elsewhere"), site.path("inbox")).unwrap();
    site.wait_for("done", 1);
    fs::write(site.path("inbox/later.json"), GOOD).unwrap();
    site.wait_for("done", 2);
}
