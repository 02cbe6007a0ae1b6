//! Markers and manifests against a running agent: with them a source is taken when its producer says so, and not before.

use std::fs::{self, File};
use std::io::Write;
use std::time::Duration;

use super::harness::{Site, said, sha256, wait_until};

const GOOD: &[u8] = b"{\"row\": 1}\n{\"row\": 2}\n";
const MARKED: &str = "inbox.done_marker = '.done'\ninbox.recursive = true\ninbox.scan_interval_secs = 86400";
const LISTED: &str = "inbox.manifest = ['*.sha256', 'SUMS']\ninbox.recursive = true\ninbox.scan_interval_secs = 86400";
/// Much longer than the settle time of these tests.
const LONG: Duration = Duration::from_millis(1500);

fn rows(site: &Site, source: &str) -> Vec<u64> {
    let jobs = site.history().into_iter().filter(|job| job["path"] == source && job["state"] == "done");
    jobs.map(|job| job["rows"].as_u64().unwrap()).collect()
}

fn withheld(site: &Site) -> u64 {
    site.status()["backlog"]["withheld"].as_u64().unwrap_or_default()
}

fn mark(site: &Site, name: &str) {
    fs::write(site.path("inbox").join(name), b"").unwrap();
}

/// A line of a manifest for a file of this content.
fn line(content: &[u8], name: &str) -> String {
    format!("{}  {name}\n", sha256(content))
}

#[test]
fn a_source_is_taken_once_its_marker_is_there_and_not_before() {
    let mut site = Site::new(&format!("{MARKED}\ninbox.truncated_grace_secs = 1"));
    fs::write(site.path("written before"), GOOD).unwrap();
    site.start();
    for name in ["sub/late.json", "never.json", "copied.json"] {
        site.drop_in(name, GOOD);
    }
    // A marker that comes before its source says nothing of what is written after it, but of what is only moved.
    site.drop_in("early.json.done", b"");
    site.drop_in("moved.json.done", b"");
    std::thread::sleep(Duration::from_millis(50));
    site.drop_in("early.json", GOOD);
    fs::rename(site.path("written before"), site.path("inbox/moved.json")).unwrap();
    site.wait_for("done", 1);
    std::thread::sleep(LONG);
    assert_eq!((site.history().len(), rows(&site, "moved.json").len()), (1, 1), "{:?}", site.history());
    // A new folder is listed twice, two seconds apart: its file may have come between a listing and the watch.
    wait_until("all that wait are counted", || {
        (site.status()["backlog"]["settling"].as_u64(), withheld(&site)) == (Some(4), 4)
    });
    site.drop_in("sub/late.json.done", b"");
    mark(&site, "copied.json.done");
    mark(&site, "early.json.done");
    site.wait_for("done", 4);
    wait_until("it is told", || site.log().contains("file.no_marker"));
    std::thread::sleep(LONG);
    let told = |name: &str| site.log().lines().filter(|l| l.contains("file.no_marker") && l.contains(name)).count();
    assert_eq!((told("never.json"), rows(&site, "never.json").len(), withheld(&site)), (1, 0, 1));
}

#[test]
fn an_older_marker_makes_no_newer_version_ready() {
    let mut site = Site::new(MARKED);
    site.start();
    site.drop_in("a.json", GOOD);
    mark(&site, "a.json.done");
    site.wait_for("done", 1);
    std::thread::sleep(Duration::from_millis(50));
    let path = site.path("inbox/a.json");
    fs::write(&path, b"{\"row\": 1}\n").unwrap();
    std::thread::sleep(LONG);
    assert_eq!(rows(&site, "a.json"), [2], "taken half-written");
    let mut open = File::options().append(true).open(&path).unwrap();
    open.write_all(&GOOD.repeat(2)).unwrap();
    mark(&site, "a.json.done");
    std::thread::sleep(LONG);
    assert_eq!(rows(&site, "a.json"), [2], "taken while it was open");
    drop(open);
    site.wait_for("done", 2);
    assert_eq!(rows(&site, "a.json"), [5, 2]);
    assert!(site.path("inbox/a.json.done").exists(), "kept as its source is");
}

#[test]
fn a_marker_goes_the_way_of_its_source() {
    for (after, archived) in [("archive", &["a.json", "a.json.done", "a~2.json", "a~2.json.done"][..]), ("delete", &[])]
    {
        let mut site = Site::new(&format!("{MARKED}\nsource.after = '{after}'"));
        site.start();
        for (done, content) in [(1, GOOD), (2, &GOOD.repeat(2))] {
            site.drop_in("a.json", content);
            mark(&site, "a.json.done");
            site.wait_for("done", done);
            wait_until("both are gone", || site.names("inbox").is_empty());
        }
        wait_until("they are where they belong", || site.names("archive") == archived);
        site.drop_in("bad.json", b"{\"row\": 1,}\n");
        mark(&site, "bad.json.done");
        site.wait_for("quarantined", 1);
        wait_until("both are set aside", || site.names("quarantine").len() == 3);
        assert_eq!(site.names("quarantine"), ["bad.json", "bad.json.done", "bad.json.reason.txt"]);
        fs::write(site.path("quarantine/bad.json"), GOOD).unwrap();
        let retried = site.verb("retry", &["bad.json"]);
        assert!(retried.status.success(), "{}", said(&retried));
        site.wait_for("done", 3);
        wait_until("both are gone", || site.names("inbox").is_empty() && site.names("quarantine").is_empty());
    }
}

/// Also while it has a name that only the agent knows.
#[test]
fn killed_at_each_step_a_marker_still_goes_the_way_of_its_source() {
    for (after, archived) in [("archive", &["a.json", "a.json.done"][..]), ("delete", &[])] {
        for (call, times) in [("rename", 1), ("renameat2", 4), ("unlink", 3), ("fsync", 3)] {
            for when in 1..=times {
                let mut site = Site::new(&format!("{MARKED}\nsource.after = '{after}'\nretry.max_attempts = 9"));
                site.drop_in("a.json", GOOD);
                mark(&site, "a.json.done");
                site.spawn(super::traced::killed_at(call, when, &[]));
                let count = |site: &Site| fs::read_dir(site.path("inbox")).unwrap().count();
                wait_until("it was killed, or was never going to be", || site.has_ended() || count(&site) == 0);
                site.kill_if_running();
                wait_until("it is gone", || site.status()["running"] != true);
                let again = site.once();
                let what = format!("{after} {call} {when}: {}", said(&again));
                assert!(again.status.success(), "{what}");
                assert_eq!(
                    (count(&site), site.names("archive"), rows(&site, "a.json")),
                    (0, archived.iter().map(ToString::to_string).collect(), vec![2]),
                    "{what}"
                );
            }
        }
    }
}

#[test]
fn a_kept_source_that_was_mended_gets_a_new_marker_from_retry() {
    let mut site = Site::new(MARKED);
    site.start();
    site.drop_in("bad.json", b"{\"row\": 1,}\n");
    mark(&site, "bad.json.done");
    site.wait_for("quarantined", 1);
    std::thread::sleep(Duration::from_millis(50));
    fs::write(site.path("inbox/bad.json"), GOOD).unwrap();
    std::thread::sleep(LONG);
    assert!(rows(&site, "bad.json").is_empty());
    assert!(site.verb("retry", &["bad.json"]).status.success());
    site.wait_for("done", 1);
}

#[test]
fn markers_are_found_by_listings_and_after_a_restart() {
    let listed = MARKED.replace("86400", "1");
    let mut site = Site::new(&format!("{listed}\ninbox.watch = 'poll'"));
    site.start();
    site.drop_in("a.json", GOOD);
    site.drop_in("b.json", GOOD);
    wait_until("both wait", || withheld(&site) == 2);
    mark(&site, "a.json.done");
    site.wait_for("done", 1);
    site.kill();
    mark(&site, "b.json.done");
    site.start();
    site.wait_for("done", 2);
}

#[test]
fn a_run_that_ends_by_itself_leaves_what_has_no_sign() {
    let site = Site::new(&format!("{MARKED}\ninbox.manifest = ['SUMS']\ninbox.truncated_grace_secs = 86400"));
    for name in ["unmarked.json", "unlisted.json", "good.json", "wrong.json"] {
        site.drop_in(name, GOOD);
    }
    let sums = [line(GOOD, "unmarked.json"), line(GOOD, "good.json"), line(b"other", "wrong.json")].concat();
    fs::write(site.path("inbox/SUMS"), sums).unwrap();
    ["unlisted.json.done", "good.json.done", "wrong.json.done"].iter().for_each(|name| mark(&site, name));
    let once = site.once();
    assert_eq!(once.status.code(), Some(1), "{}", said(&once));
    for told in ["no_marker: Not taken yet. path=unmarked.json", "no_manifest: Not taken yet. path=unlisted.json"] {
        assert!(said(&once).contains(told), "{}", said(&once));
    }
    assert_eq!(
        (site.states("good.json"), site.states("wrong.json")),
        (vec!["done".into()], vec!["quarantined".into()])
    );
    assert_eq!(site.history().len(), 2);
    mark(&site, "unmarked.json.done");
    site.once();
    assert_eq!(site.states("unmarked.json"), ["done"]);
}

#[test]
fn a_source_is_taken_once_a_manifest_names_it_with_its_hash() {
    let mut site = Site::new(LISTED);
    site.start();
    fs::create_dir(site.path("inbox/sub")).unwrap();
    site.drop_in("sub/last.json", GOOD);
    site.drop_in("unnamed.json", GOOD);
    fs::write(site.path("inbox/first.json.sha256"), line(GOOD, "first.json")).unwrap();
    std::thread::sleep(LONG);
    assert!(site.history().is_empty(), "{:?}", site.history());
    // One whose manifest is there already may be written in steps: no step is published.
    site.drop_in("first.json", GOOD);
    fs::write(site.path("inbox/sub/SUMS"), line(b"x", "a.json") + &line(GOOD, "last.json")).unwrap();
    site.wait_for("done", 2);
    assert_eq!((rows(&site, "first.json"), rows(&site, "sub/last.json")), (vec![2], vec![2]));
    assert_eq!(withheld(&site), 1);
    site.kill();
    fs::write(site.path("inbox/SUMS"), line(GOOD, "unnamed.json")).unwrap();
    site.start();
    site.wait_for("done", 3);
    assert!(site.path("inbox/sub/SUMS").exists());
}

#[test]
fn a_source_that_differs_from_its_manifest_waits_and_nothing_of_it_is_published() {
    let mut site = Site::new(&format!("{LISTED}\ninbox.truncated_grace_secs = 3600"));
    site.start();
    let whole = GOOD.repeat(5);
    fs::write(site.path("inbox/SUMS"), line(&whole, "a.json")).unwrap();
    for part in whole.chunks(GOOD.len()) {
        let path = site.path("inbox/a.json");
        File::options().append(true).create(true).open(path).unwrap().write_all(part).unwrap();
        std::thread::sleep(Duration::from_millis(400));
    }
    site.wait_for("done", 1);
    assert_eq!((rows(&site, "a.json"), site.names("outbox")), (vec![10], vec!["a.h5".to_owned()]));
    assert!(site.log().contains("manifest_mismatch"), "too quick to have seen a part");
}

#[test]
fn a_source_that_goes_on_to_differ_is_quarantined_with_both_hashes() {
    let mut site = Site::new(&format!("{LISTED}\nsource.after = 'archive'\ninbox.truncated_grace_secs = 1"));
    site.start();
    let wrong = line(b"other", "a.json");
    fs::write(site.path("inbox/SUMS"), &wrong).unwrap();
    site.drop_in("a.json", GOOD);
    site.wait_for("quarantined", 1);
    wait_until("it is set aside", || site.names("quarantine") == ["a.json", "a.json.reason.txt"]);
    let report = fs::read_to_string(site.path("quarantine/a.json.reason.txt")).unwrap();
    let right = line(GOOD, "a.json");
    assert!(report.contains("manifest_mismatch") && report.contains(&wrong[..64]) && report.contains(&right[..64]));
    assert!(site.names("outbox").is_empty());
    fs::write(site.path("inbox/SUMS"), right).unwrap();
    assert!(site.verb("retry", &["a.json"]).status.success());
    site.wait_for("done", 1);
    // The right manifest may also come while the source waits.
    fs::write(site.path("inbox/SUMS"), line(b"other", "b.json")).unwrap();
    site.drop_in("b.json", GOOD);
    wait_until("it was compared", || site.log().matches("file.unfinished").count() == 2);
    fs::write(site.path("inbox/SUMS"), line(GOOD, "b.json")).unwrap();
    site.wait_for("done", 2);
}

#[test]
fn check_config_says_what_sources_wait_for() {
    let site = Site::new("inbox.done_marker = '.ok'\ninbox.manifest = ['*.sha256']");
    let checked = super::harness::run(&["check-config", site.config().to_str().unwrap()]);
    assert!(checked.status.success(), "{}", said(&checked));
    assert!(said(&checked).contains("NAME.ok") && said(&checked).contains("*.sha256"), "{}", said(&checked));
}
