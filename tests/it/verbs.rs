//! The other verbs: what they print is a contract.

use std::fs;

use super::harness::{Site, h5inbox, run, said};

const GOOD: &[u8] = b"{\"a\": 1}\n";

#[test]
fn status_has_all_fields_whether_the_agent_runs_or_not() {
    let mut site = Site::new("");
    let fields = [
        "running",
        "version",
        "pid",
        "since",
        "inbox",
        "outbox",
        "workers",
        "busy_workers",
        "backlog",
        "oldest_waiting_s",
        "files",
        "rows",
        "bytes_in",
        "bytes_out",
        "last_success_at",
        "paused",
        "watch",
    ];
    let before = site.status();
    site.start();
    let during = site.status();
    for status in [&before, &during] {
        fields.iter().for_each(|field| assert!(status.get(field).is_some(), "{field} is missing in {status}"));
        ["settling", "ready", "running", "retrying"]
            .iter()
            .for_each(|field| assert!(status["backlog"][field].is_u64()));
        ["done", "failed", "quarantined", "duplicate"]
            .iter()
            .for_each(|field| assert!(status["files"][field].is_u64()));
    }
    assert_eq!((&before["running"], &during["running"]), (&false.into(), &true.into()));
    assert_eq!(during["pid"], site.pid());
    let glance = String::from_utf8(site.verb("status", &[]).stdout).unwrap();
    assert!(glance.contains("running, process") && glance.contains("0 quarantined"), "{glance}");
}

#[test]
fn history_is_newest_first_and_filtered() {
    let site = Site::new("");
    site.drop_in("a.json", GOOD);
    site.once();
    site.drop_in("b.json", b"oops\n");
    site.once();
    let history = site.history();
    assert_eq!((&history[0]["path"], &history[1]["path"]), (&"b.json".into(), &"a.json".into()));
    let listed = |more: &[&str]| String::from_utf8(site.verb("history", more).stdout).unwrap();
    assert_eq!(listed(&["--state", "done", "--json"]).lines().count(), 1);
    assert_eq!(listed(&["--limit", "1", "--json"]).lines().count(), 1);
    assert_eq!(listed(&["--since", "1h", "--json"]).lines().count(), 2);
    assert!(listed(&["--state", "quarantined"]).contains("line 1, byte 0: expected a JSON value, found `o`"));
    assert_eq!(listed(&["--state", "failed,quarantined,done", "--json", "--limit", "1"]).lines().count(), 1);
    assert!(listed(&["b.*"]).contains("b.json") && !listed(&["b.*"]).contains("a.json"));
    assert_eq!(listed(&["--limit", "1", "--json", "a.json"]).lines().count(), 1, "the limit is of those that match");
    assert_eq!(listed(&["--limit", "1", "--json", "[a]*"]).lines().count(), 1, "the limit is of those that match");
    let none = site.verb("history", &["none.json"]);
    assert!(none.status.success() && said(&none).contains("h5inbox explain"), "{}", said(&none));
    for wrong in [&["--state", "lost"][..], &["--since", "yesterday"], &["["]] {
        let refused = site.verb("history", wrong);
        assert_eq!(refused.status.code(), Some(2), "{wrong:?}");
        assert!(
            said(&refused).contains("states are") || said(&refused).contains("2h") || said(&refused).contains("glob")
        );
    }
}

#[test]
fn retry_brings_a_source_back_from_the_quarantine() {
    let mut site = Site::new("source.after = \"archive\"");
    site.start();
    site.drop_in("sub.json", b"oops\n");
    site.wait_for("quarantined", 1);
    super::harness::wait_until("it is set aside", || site.path("quarantine/sub.json").exists());
    fs::write(site.path("quarantine/sub.json"), GOOD).unwrap();
    let retried = site.verb("retry", &[site.path("quarantine/sub.json").to_str().unwrap()]);
    assert!(retried.status.success(), "{}", said(&retried));
    site.wait_for("done", 1);
    assert_eq!(site.names("outbox"), ["sub.h5"]);
    assert!(site.names("quarantine").is_empty());
    super::harness::wait_until("nothing is quarantined", || site.status()["files"]["quarantined"] == 0);
}

#[test]
fn a_source_that_was_faster_back_than_retry_is_quarantined_no_more() {
    let mut site = Site::new("source.after = \"archive\"");
    site.start();
    site.drop_in("sub.json", b"oops\n");
    super::harness::wait_until("it is set aside", || site.path("quarantine/sub.json.reason.txt").exists());
    site.drop_in("sub.json", GOOD);
    site.wait_for("done", 1);
    super::harness::wait_until("it is archived", || site.path("archive/sub.json").exists());
    let retried = site.verb("retry", &["--failed"]);
    assert!(retried.status.success(), "{}", said(&retried));
    super::harness::wait_until("both versions are settled", || {
        let mut states = site.states("sub.json");
        states.sort();
        states == ["done", "gone", "quarantined"] && site.status()["files"]["quarantined"] == 1
    });
}

#[test]
fn retry_tries_a_kept_source_again_at_once() {
    let mut site = Site::new("");
    site.start();
    site.drop_in("a.json", b"oops\n");
    site.wait_for("quarantined", 1);
    let attempts = || site.log().matches("file.quarantined").count();
    // The ledger knows before the log does.
    super::harness::wait_until("it is told", || attempts() == 1);
    assert!(site.verb("retry", &["--failed"]).status.success());
    super::harness::wait_until("it was tried again", || attempts() == 2);
    assert_eq!(site.verb("retry", &["nothing.json"]).status.code(), Some(1));
}

#[test]
fn of_sources_that_came_under_one_name_the_latest_is_retried_and_any_by_its_path() {
    let mut site = Site::new("source.after = \"archive\"");
    site.start();
    for (content, number) in [(&b"first\n"[..], 1), (b"second\n", 2)] {
        site.drop_in("a.json", content);
        site.wait_for("quarantined", number);
        super::harness::wait_until("it is reported", || site.names("quarantine").len() == 2 * number);
    }
    let report = fs::read_to_string(site.path("quarantine/a~2.json.reason.txt")).unwrap();
    let second = site.path("quarantine/a~2.json");
    assert!(report.contains(&format!("h5inbox retry {}\n", second.display())), "{report}");
    fs::write(&second, GOOD).unwrap();
    assert!(site.verb("retry", &["a.json"]).status.success());
    site.wait_for("done", 1);
    super::harness::wait_until("it has left the inbox", || site.names("inbox").is_empty());
    assert_eq!(site.names("quarantine"), ["a.json", "a.json.reason.txt"]);
    fs::write(site.path("quarantine/a.json"), b"{\"b\": 1}\n").unwrap();
    assert!(site.verb("retry", &["--failed"]).status.success());
    site.wait_for("done", 2);
    assert_eq!(site.names("outbox"), ["a.h5", "a~2.h5"]);
    super::harness::wait_until("nothing is quarantined", || site.status()["files"]["quarantined"] == 0);
    assert!(site.names("quarantine").is_empty());
}

#[test]
fn retry_touches_nothing_outside_inbox_and_quarantine() {
    let site = Site::new("");
    site.once();
    for path in ["../config.toml", "/etc/passwd", site.config().to_str().unwrap()] {
        let refused = site.verb("retry", &[path]);
        assert_eq!(refused.status.code(), Some(1), "{path}");
        assert!(said(&refused).contains("is neither in"), "{}", said(&refused));
    }
    assert!(site.config().exists());
}

#[test]
fn retry_does_not_wait_for_the_time_of_the_next_attempt() {
    let mut site = Site::new("");
    let text = fs::read_to_string(site.config()).unwrap();
    fs::write(site.config(), text.replace("backoff_secs = 1", "backoff_secs = 600")).unwrap();
    site.start();
    // Where unfinished outputs should go, nothing can be written.
    fs::remove_dir_all(site.path("outbox/.h5inbox")).unwrap();
    fs::write(site.path("outbox/.h5inbox"), "").unwrap();
    site.drop_in("a.json", GOOD);
    site.wait_for("failed", 1);
    assert_eq!(site.status()["backlog"]["retrying"], 1);
    fs::remove_file(site.path("outbox/.h5inbox")).unwrap();
    assert!(site.verb("retry", &["--failed"]).status.success());
    site.wait_for("done", 1);
}

#[test]
fn an_agent_that_cannot_be_asked_is_running_all_the_same() {
    let mut site = Site::new("");
    site.start();
    let socket = site.path("state/ledger.sqlite.sock");
    super::harness::wait_until("it can be asked", || socket.exists());
    fs::remove_file(socket).unwrap();
    let status = site.status();
    assert_eq!((&status["running"], &status["pid"]), (&true.into(), &site.pid().into()));
}

#[test]
fn check_config_prints_what_is_in_effect_and_names_every_problem() {
    let site = Site::new("");
    let file = site.config();
    let checked = h5inbox().arg("check-config").arg(&file).output().unwrap();
    assert!(checked.status.success(), "{}", said(&checked));
    assert!(String::from_utf8_lossy(&checked.stdout).contains("scan_interval_secs = 60"));
    fs::write(&file, "workers = -1\n[inbox]\npth = \"/x\"\n[output]\npath = \"relative\"\n").unwrap();
    let checked = h5inbox().arg("validate").arg(&file).output().unwrap();
    assert_eq!(checked.status.code(), Some(78));
    let said = said(&checked);
    for problem in ["workers", "did you mean `path`", "inbox.path", "output.path"] {
        assert!(said.contains(problem), "{problem} is missing: {said}");
    }
    assert_eq!(site.once().status.code(), Some(78));
}

#[test]
fn a_flag_goes_before_the_variable_and_an_empty_variable_says_nothing() {
    let site = Site::new("");
    let status = |variable: &std::path::Path, more: &[&str]| {
        let mut command = h5inbox();
        command.env("H5INBOX_CONFIG", variable).arg("status").args(more).output().unwrap()
    };
    let file = site.config();
    assert!(status(&file, &[]).status.success());
    assert!(status("/nowhere".as_ref(), &["--config", file.to_str().unwrap()]).status.success());
    let missing = status(&file, &["--config", "/nowhere"]);
    assert_eq!(missing.status.code(), Some(78));
    assert!(said(&missing).contains("cannot read the configuration /nowhere"), "{}", said(&missing));
    assert_ne!(status("".as_ref(), &[]).status.code(), Some(2));
}

#[test]
fn sample_data_is_the_same_for_the_same_seed() {
    let folder = tempfile::tempdir().unwrap();
    let make = |name: &str, seed: &str| {
        let dir = folder.path().join(name);
        let arguments = ["sample-data", dir.to_str().unwrap(), "--files", "2", "--days", "2", "--seed", seed];
        assert!(run(&arguments).status.success());
        fs::read_to_string(dir.join("AAPL.json")).unwrap()
    };
    let (one, same, other) = (make("1", "5"), make("2", "5"), make("3", "6"));
    assert!(one == same && one != other);
    assert!(one.starts_with("{\"timestamp\": \"2012-02-28 09:00:00\", \"open\": "), "{}", &one[..80]);
    assert_eq!(one.lines().count(), 2 * 241);
}

#[test]
fn who_may_not_read_or_write_is_told_whose_it_is() {
    let site = Site::new("");
    site.open_to_everybody();
    site.drop_in("a.json", GOOD);
    site.once();
    let as_somebody = |arguments: &[&str]| {
        let mut command = site.as_somebody_else();
        command.args(arguments).arg("--config").arg(site.config()).output().unwrap()
    };
    if !site.as_somebody_else().arg("--version").output().unwrap().status.success() {
        eprintln!("not to be had here: to become another user takes root");
        return;
    }
    for verb in [&["status"][..], &["history"], &["explain", "a.json"], &["retry", "--failed"], &["ledger", "rebuild"]]
    {
        let refused = as_somebody(verb);
        assert_eq!(refused.status.code(), Some(69), "{verb:?}: {}", said(&refused));
        assert!(said(&refused).contains("`sudo -u root h5inbox "), "{verb:?}: {}", said(&refused));
    }
    // And root is kept from making what the agent could not write to.
    let chown = std::process::Command::new("chown").arg("65534").arg(site.path("state/ledger.sqlite")).status();
    assert!(chown.unwrap().success());
    let refused = h5inbox().args(["ledger", "rebuild", "--config"]).arg(site.config()).output().unwrap();
    assert!(refused.status.code() == Some(69) && said(&refused).contains("sudo -u nobody"), "{}", said(&refused));
    fs::set_permissions(site.config(), std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let refused = as_somebody(&["status"]);
    assert_eq!(refused.status.code(), Some(78));
    assert!(said(&refused).contains("sudo -u h5inbox"), "{}", said(&refused));
}
