//! The agent: what is dropped in comes out, once, whatever way it came.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::Duration;

use super::harness::{Site, sha256, wait_until};

const GOOD: &[u8] = b"{\"a\": 1, \"b\": \"x\"}\n";

#[test]
fn a_file_renamed_in_comes_out_and_is_recorded() {
    let mut site = Site::new("");
    site.start();
    site.drop_in("a.json", GOOD);
    site.wait_for("done", 1);
    assert_eq!(site.names("outbox"), ["a.h5"]);
    assert_eq!(site.names("inbox"), ["a.json"]);
    let job = &site.history()[0];
    assert_eq!((&job["rows"], &job["columns"], &job["attempts"]), (&1.into(), &2.into(), &1.into()));
    assert_eq!(job["source_hash"].as_str().unwrap(), sha256(GOOD).as_str());
    let status = site.status();
    assert_eq!(
        (&status["files"]["done"], &status["rows"], &status["watch"]["mode"]),
        (&1.into(), &1.into(), &"native".into())
    );
    assert!(site.stop().success());
    assert_eq!(site.status()["running"], false);
    assert_eq!(site.unfinished(), 0);
}

/// The fields of the events that are called `event`, as text.
fn events(log: &str, event: &str) -> Vec<serde_json::Value> {
    let lines = log.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    lines.filter(|line| line["event"] == event).collect()
}

#[test]
fn each_event_of_a_file_has_its_fields() {
    let mut site = Site::new("log.format = \"json\"\nsource.after = \"archive\"");
    site.start();
    site.drop_in("a.json", b"\xef\xbb\xbf{\"a\": 1}\n");
    site.wait_for("done", 1);
    site.drop_in("a.json", b"\xef\xbb\xbf{\"a\": 1}\n");
    site.wait_for("duplicate", 1);
    site.drop_in("bad.json", b"{\"a\": 1}\n[]\n");
    site.wait_for("quarantined", 1);
    site.drop_in("plain.json", b"{\"a\": 1}\n");
    site.wait_for("done", 2);
    site.stop();
    let log = site.log();
    let file = ["job", "attempt", "path", "size_bytes"];
    let more = |more: &[&'static str]| [&file[..], more].concat();
    let took = ["wait_s", "convert_s", "publish_s"];
    for (event, fields) in [
        ("file.ready", vec!["path", "size_bytes"]),
        ("file.published", more(&[&["rows", "columns", "output", "input", "compression", "bom"], &took[..]].concat())),
        ("file.duplicate", more(&["output"])),
        ("file.quarantined", more(&["error_code", "error", "line", "byte"])),
        ("file.disposed", vec!["job", "path"]),
        ("scan.done", vec!["sources"]),
        ("agent.ready", vec!["workers"]),
        ("agent.stopping", vec!["in_hand"]),
    ] {
        let found = events(&log, event);
        assert!(!found.is_empty(), "{event} is not told");
        for line in found {
            let missing: Vec<_> = fields.iter().filter(|field| line[**field].is_null()).collect();
            assert!(missing.is_empty(), "{event} has no {missing:?}: {line}");
            assert!(took.iter().all(|field| line[field].is_null() || line[field].is_number()), "{line}");
        }
    }
    let marks = |lines: Vec<serde_json::Value>| lines.iter().map(|line| line["bom"].clone()).collect::<Vec<_>>();
    assert_eq!(marks(events(&log, "file.published")), [true, false]);
    let recorded = site.history().into_iter().filter(|job| job["state"] == "done").collect();
    assert_eq!(marks(recorded), [false, true], "the newest first");
}

#[test]
fn a_file_still_being_written_is_waited_for() {
    let mut site = Site::new("");
    site.start();
    let mut slow = File::create(site.path("inbox/slow.json")).unwrap();
    for row in 0..6 {
        // Longer than the settle time between lines: only the open descriptor tells that more will come.
        writeln!(slow, "{{\"row\": {row}}}").unwrap();
        std::thread::sleep(Duration::from_millis(400));
    }
    assert!(site.names("outbox").is_empty());
    drop(slow);
    site.wait_for("done", 1);
    assert_eq!(site.history().len(), 1);
    assert_eq!(site.history()[0]["rows"], 6);
}

#[test]
fn every_way_to_deliver_a_file_works() {
    let mut site = Site::new("inbox.recursive = true");
    site.start();
    let (inbox, outside) = (site.path("inbox"), site.path("outside.json"));
    fs::write(&outside, GOOD).unwrap();
    let shell = |script: &str| {
        let done = Command::new("sh").args(["-ec", script]).current_dir(site.path("")).status().unwrap();
        assert!(done.success(), "{script}");
    };
    shell("cp outside.json inbox/cp.json");
    shell("cp -p outside.json inbox/cp-p.json && touch -d 2001-01-01 inbox/cp-p.json");
    shell("ln outside.json inbox/ln.json");
    shell("rsync outside.json inbox/rsync.json && rsync --inplace outside.json inbox/inplace.json");
    shell("mkdir -p inbox/deep/er && cp outside.json inbox/deep/er/dir.json");
    shell("mkdir moved && cp outside.json moved/in.json && mv moved inbox/moved");
    for _ in 0..3 {
        let mut file = File::options().append(true).create(true).open(inbox.join("append.json")).unwrap();
        file.write_all(GOOD).unwrap();
    }
    wait_until("all eight are done", || {
        let done: std::collections::BTreeSet<String> = site
            .history()
            .iter()
            .filter(|job| job["state"] == "done" || job["state"] == "duplicate")
            .map(|job| job["path"].as_str().unwrap().to_owned())
            .collect();
        done.len() == 8
    });
    assert!(site.path("outbox/deep/er/dir.h5").exists() && site.path("outbox/moved/in.h5").exists());
}

#[test]
fn temporary_and_foreign_names_are_left_alone() {
    let mut site = Site::new("");
    site.start();
    for name in [".hidden.json", "a.json.part", "b.tmp", "c.txt", "d.json~"] {
        site.drop_in(name, GOOD);
    }
    site.drop_in("last.json", GOOD);
    site.wait_for("done", 1);
    assert_eq!(site.history().len(), 1);
    assert_eq!(site.names("outbox"), ["last.h5"]);
}

#[test]
fn a_restart_converts_nothing_twice_and_finds_what_came_meanwhile() {
    let mut site = Site::new("");
    site.start();
    site.drop_in("a.json", GOOD);
    site.wait_for("done", 1);
    site.stop();
    // The consumer has taken the output away: that is no reason to make it again.
    fs::remove_file(site.path("outbox/a.h5")).unwrap();
    site.drop_in("b.json", b"{\"c\": 1}\n");
    site.start();
    site.wait_for("done", 2);
    site.stop();
    assert!(site.once().status.success());
    assert_eq!(site.names("outbox"), ["b.h5"]);
    assert_eq!(site.history().len(), 2);
}

#[test]
fn a_changed_file_is_a_new_version_and_a_touched_one_a_duplicate() {
    let mut site = Site::new("");
    site.start();
    site.drop_in("a.json", GOOD);
    site.wait_for("done", 1);
    site.drop_in("a.json", b"{\"a\": 2}\n{\"a\": 3}\n");
    site.wait_for("done", 2);
    assert_eq!(site.names("outbox"), ["a.h5", "a~2.h5"]);
    site.drop_in("a.json", b"{\"a\": 2}\n{\"a\": 3}\n");
    site.wait_for("duplicate", 1);
    assert_eq!(site.names("outbox"), ["a.h5", "a~2.h5"]);
}

#[test]
fn on_existing_decides_what_a_taken_name_means() {
    let mut site = Site::new("output.on_existing = \"replace\"");
    site.start();
    site.drop_in("a.json", GOOD);
    site.wait_for("done", 1);
    site.drop_in("a.json", b"{\"other\": 1}\n");
    site.wait_for("done", 2);
    assert_eq!(site.names("outbox"), ["a.h5"]);
    site.stop();
    site.configure("output.on_existing = \"refuse\"");
    site.start();
    site.drop_in("a.json", b"{\"third\": 1}\n");
    site.wait_for("quarantined", 1);
    assert_eq!(site.names("outbox"), ["a.h5"]);
    assert!(site.history()[0]["error"].as_str().unwrap().contains("exists already"));
}

#[test]
fn sources_are_archived_or_deleted_only_after_their_output() {
    for (after, left) in [("archive", vec!["a.json".to_owned()]), ("delete", vec![])] {
        let mut site = Site::new(&format!("source.after = \"{after}\""));
        site.start();
        site.drop_in("a.json", GOOD);
        wait_until("the source has left the inbox", || site.names("inbox").is_empty());
        assert_eq!(site.names("outbox"), ["a.h5"]);
        // On its way it has a name that does not show.
        wait_until("it is where it belongs", || site.names("archive") == left);
        wait_until("that is recorded", || site.history()[0]["disposition"] == "done");
    }
}

#[test]
fn a_name_of_any_bytes_is_converted() {
    let mut site = Site::new("");
    site.start();
    for name in [&b"new\nline.json"[..], b"not\xffutf8.json", b"-rf.json", b"a b'c\"d.json"] {
        let beside = site.path("beside");
        fs::write(&beside, GOOD).unwrap();
        fs::rename(beside, site.path("inbox").join(std::ffi::OsStr::from_bytes(name))).unwrap();
    }
    site.wait_for("done", 4);
    assert!(site.path("outbox").join(std::ffi::OsStr::from_bytes(b"not\xffutf8.h5")).exists());
    assert_eq!(site.states("new\\nline.json"), ["done"]);
}

#[test]
fn the_inbox_may_be_removed_and_made_again() {
    let mut site = Site::new("");
    site.start();
    fs::remove_dir_all(site.path("inbox")).unwrap();
    std::thread::sleep(Duration::from_millis(300));
    fs::create_dir(site.path("inbox")).unwrap();
    site.drop_in("a.json", GOOD);
    site.wait_for("done", 1);
}

#[test]
fn an_inbox_that_is_only_listed_is_served_too() {
    let mut site = Site::new("inbox.watch = \"poll\"\ninbox.scan_interval_secs = 1");
    site.start();
    assert_eq!(site.status()["watch"]["mode"], "poll");
    site.drop_in("a.json", GOOD);
    site.wait_for("done", 1);
}

#[test]
fn two_thousand_files_at_once_all_come_out() {
    let mut site = Site::new("source.after = \"delete\"");
    site.start();
    for number in 0..2000 {
        site.drop_in(&format!("f{number}.json"), format!("{{\"n\": {number}}}\n").as_bytes());
    }
    wait_until("the inbox is empty", || site.names("inbox").is_empty());
    site.stop();
    assert_eq!(site.names("outbox").len(), 2000);
    assert_eq!(site.history().len(), 2000);
    assert_eq!(site.unfinished(), 0);
}

#[test]
fn once_converts_what_is_there_and_tells_of_failures() {
    let site = Site::new("");
    site.drop_in("a.json", GOOD);
    assert_eq!(site.once().status.code(), Some(0));
    site.drop_in("bad.json", b"{");
    assert_eq!(site.once().status.code(), Some(1));
    assert_eq!(site.once().status.code(), Some(0));
    assert_eq!(site.names("outbox"), ["a.h5"]);
}

/// systemd's `RestrictSUIDSGID=` answers `openat2` so, and our unit has it.
#[test]
fn the_agent_works_where_openat2_does_not() {
    let mut site = Site::new("inbox.recursive = true\nsource.after = \"archive\"");
    let mut traced = Command::new("strace");
    traced.args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=openat2", "-e", "inject=openat2:error=ENOSYS"]);
    traced.arg(env!("CARGO_BIN_EXE_h5inbox"));
    site.drop_in("a.json", GOOD);
    site.drop_in("sub/folder/b.json", GOOD);
    site.spawn(traced);
    wait_until("both are archived", || {
        site.path("archive/sub/folder/b.json").exists() && site.path("archive/a.json").exists()
    });
    site.kill_if_running();
}

#[test]
fn once_says_so_when_the_inbox_cannot_be_listed() {
    let site = Site::new("");
    site.drop_in("a.json", GOOD);
    site.open_to_everybody();
    fs::set_permissions(site.path("inbox"), fs::Permissions::from_mode(0o300)).unwrap();
    let mut command = site.as_somebody_else();
    let refused = command.args(["run", "--once", "--config"]).arg(site.config()).output().unwrap();
    assert_eq!(refused.status.code(), Some(78));
    assert!(super::harness::said(&refused).contains("cannot list the inbox"), "{}", super::harness::said(&refused));
}

#[test]
fn a_second_agent_on_the_same_outbox_is_refused_and_a_conversion_into_it_is_not() {
    let (mut site, other) = (Site::new(""), Site::new(""));
    let config = fs::read_to_string(other.config()).unwrap();
    let outbox = |site: &Site| site.path("outbox").to_str().unwrap().to_owned();
    fs::write(other.config(), config.replace(&outbox(&other), &outbox(&site))).unwrap();
    site.start();
    let second = other.once();
    assert_eq!(second.status.code(), Some(78));
    assert!(super::harness::said(&second).contains("in use by another agent"));
    fs::write(other.path("b.json"), GOOD).unwrap();
    let done = super::harness::run(&["convert", other.path("b.json").to_str().unwrap(), "--outdir", &outbox(&site)]);
    assert!(done.status.success(), "{}", super::harness::said(&done));
    site.drop_in("a.json", GOOD);
    site.wait_for("done", 1);
    assert_eq!(site.names("outbox"), ["a.h5", "b.h5"]);
    site.stop();
    // What the first has not finished is known to its ledger alone.
    let third = other.once();
    assert_eq!(third.status.code(), Some(78));
    assert!(super::harness::said(&third).contains("was filled with another ledger"));
}

#[test]
fn a_second_agent_on_the_same_ledger_is_refused() {
    let mut site = Site::new("");
    site.start();
    let second = site.once();
    assert_eq!(second.status.code(), Some(69));
    assert!(super::harness::said(&second).contains(&format!("process {}", site.pid())));
}

#[test]
fn a_stop_in_order_closes_the_ledger_so_that_the_next_start_need_not_check_it() {
    let mut site = Site::new("");
    site.start();
    site.drop_in("a.json", b"{\"a\": 1}\n");
    site.wait_for("done", 1);
    assert!(site.stop().success());
    assert_eq!(site.names("state").iter().filter(|name| name.ends_with("-wal")).count(), 0);
    assert_eq!(fs::read_to_string(site.path("state/ledger.sqlite.lock")).unwrap(), "");
}
