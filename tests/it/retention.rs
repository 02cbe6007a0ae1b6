//! Old jobs leave the ledger, and nothing that relied on them is done twice, lost or mixed up.

use std::fs;

use rusqlite::Connection;

use super::harness::{Site, another_file_system, h5inbox, said, wait_until};

fn content(number: usize) -> Vec<u8> {
    format!("{{\"a\": {number}}}\n").into_bytes()
}

/// All jobs of an agent that does not run were done years ago, but for those of the source `recent`.
fn age(site: &Site, recent: &str) {
    let ledger = Connection::open(site.path("state/ledger.sqlite")).unwrap();
    for time in ["changed_at", "finished_at", "seen_at", "disposed_at"] {
        let sql = format!("UPDATE job SET {time} = '2019' || substr({time}, 5) WHERE path_text <> ?1");
        ledger.execute(&sql, [recent]).unwrap();
    }
}

/// The sources that the ledger has jobs of.
fn remembered(site: &Site) -> Vec<String> {
    let mut paths: Vec<String> = site.history().iter().map(|job| job["path"].as_str().unwrap().to_owned()).collect();
    paths.sort();
    paths.dedup();
    paths
}

fn once(site: &Site) {
    let ended = site.once();
    assert!(ended.status.success(), "{}", said(&ended));
}

/// Sources that stay in the inbox are done, a long time ago; but for `new.json`.
fn kept(more: &str) -> Site {
    let site = Site::new(&format!("source.after = \"keep\"\ninbox.recursive = true\nledger.keep_days = 30\n{more}"));
    for (number, name) in ["a.json", "b.json", "c.json", "host/d.json", "new.json"].into_iter().enumerate() {
        site.drop_in(name, &content(number));
    }
    once(&site);
    age(&site, "new.json");
    site
}

#[test]
fn a_source_that_lies_in_the_inbox_is_not_converted_again_and_one_that_was_taken_away_is_forgotten() {
    let site = kept("");
    fs::remove_file(site.path("inbox/b.json")).unwrap();
    once(&site);
    assert_eq!(remembered(&site), ["a.json", "c.json", "host/d.json", "new.json"]);
    assert_eq!(site.status()["files"]["done"], 5, "how many there were, all in all");
    let outputs = ["a.h5", "b.h5", "c.h5", "host", "new.h5"];
    assert_eq!(site.names("outbox"), outputs);
    // Even if its times change, as long as its content does not.
    fs::write(site.path("inbox/a.json"), content(0)).unwrap();
    age(&site, "new.json");
    once(&site);
    once(&site);
    assert_eq!(
        (site.names("outbox"), site.states("a.json")),
        (outputs.map(str::to_owned).to_vec(), vec!["duplicate".to_owned(), "done".to_owned()])
    );
    let verified =
        h5inbox().arg("verify").arg(site.path("outbox")).arg("--config").arg(site.config()).output().unwrap();
    assert!(verified.status.success(), "{}{}", said(&verified), String::from_utf8_lossy(&verified.stdout));
    // A new version of it gets a name of its own, whether the old one is still remembered or not.
    site.drop_in("a.json", &content(50));
    site.drop_in("b.json", &content(51));
    once(&site);
    assert_eq!(site.names("outbox"), ["a.h5", "a~2.h5", "b.h5", "b~2.h5", "c.h5", "host", "new.h5"]);
}

#[test]
fn an_inbox_or_a_folder_in_it_that_is_not_mounted_for_now_makes_nothing_forgotten() {
    let site = kept("");
    once(&site);
    for folder in ["inbox", "inbox/host"] {
        let away = site.path("away");
        fs::rename(site.path(folder), &away).unwrap();
        fs::create_dir(site.path(folder)).unwrap();
        age(&site, "new.json");
        once(&site);
        assert_eq!(remembered(&site), ["a.json", "b.json", "c.json", "host/d.json", "new.json"], "{folder}");
        fs::remove_dir(site.path(folder)).unwrap();
        fs::rename(&away, site.path(folder)).unwrap();
        once(&site);
    }
    assert_eq!(site.names("outbox"), ["a.h5", "b.h5", "c.h5", "host", "new.h5"]);
    assert_eq!(site.names("outbox/host"), ["d.h5"]);
}

#[test]
fn sources_that_share_an_output_are_remembered_each_by_itself() {
    let site = kept("output.gather = [\"[a-c].json\"]");
    fs::remove_file(site.path("inbox/a.json")).unwrap();
    once(&site);
    assert_eq!(remembered(&site), ["b.json", "c.json", "host/d.json", "new.json"]);
    let first_rows = |site: &Site| -> Vec<_> {
        let jobs = site.history().into_iter().filter(|job| job["path"] == "b.json" || job["path"] == "c.json");
        jobs.map(|job| (job["first_row"].clone(), job["output"].clone())).collect()
    };
    let before = first_rows(&site);
    assert!(before.iter().all(|(row, _)| row.is_u64()), "{before:?}");
    once(&site);
    assert_eq!(
        (first_rows(&site), site.names("outbox")),
        (before, vec!["a+2.h5".into(), "host".into(), "new.h5".into()])
    );
}

#[test]
fn a_ledger_is_made_anew_with_what_it_had_forgotten() {
    let site = kept("");
    fs::remove_file(site.path("inbox/b.json")).unwrap();
    once(&site);
    ["", "-wal", "-shm"].iter().for_each(|end| drop(fs::remove_file(site.path(&format!("state/ledger.sqlite{end}")))));
    let rebuilt = h5inbox().args(["ledger", "rebuild", "--config"]).arg(site.config()).output().unwrap();
    assert!(rebuilt.status.success(), "{}", said(&rebuilt));
    assert_eq!(remembered(&site), ["a.json", "b.json", "c.json", "host/d.json", "new.json"]);
    let outputs = site.names("outbox");
    once(&site);
    assert_eq!(site.names("outbox"), outputs);
}

#[test]
fn an_agent_that_works_forgets_meanwhile_what_is_old_and_needs_nobody() {
    let mut site = Site::new("source.after = \"archive\"\nledger.keep_days = 30");
    (0..600).for_each(|number| site.drop_in(&format!("{number}.json"), &content(number)));
    site.drop_in("bad.json", b"oops\n");
    assert_eq!(site.once().status.code(), Some(1));
    age(&site, "");
    site.drop_in("new.json", &content(1));
    once(&site);
    assert_eq!(remembered(&site).len(), 602, "a clock that seems to have jumped years ahead makes nothing old");
    site.start();
    wait_until("the old jobs are forgotten", || site.log().contains("ledger.forgotten"));
    site.drop_in("0.json", &content(0));
    wait_until("it is converted anew", || site.states("0.json") == ["done"]);
    assert_eq!(remembered(&site), ["0.json", "bad.json", "new.json"]);
    assert!(site.stop().success());
    assert_eq!(site.names("archive").len(), 602, "nothing was removed but jobs");
    assert!(site.log().contains("jobs=600"), "{}", site.log());
}

#[test]
fn a_new_number_of_days_is_taken_over_by_a_reload() {
    let mut site = kept("");
    let days = |number: u32| format!("source.after = \"keep\"\ninbox.recursive = true\nledger.keep_days = {number}");
    site.configure(&days(0));
    fs::remove_file(site.path("inbox/b.json")).unwrap();
    site.start();
    site.configure(&days(30));
    site.signal(rustix::process::Signal::HUP);
    wait_until("it is forgotten", || !remembered(&site).contains(&"b.json".to_owned()));
    assert!(site.stop().success());
    assert_eq!(remembered(&site), ["a.json", "c.json", "host/d.json", "new.json"]);
}

/// Sources that were archived years ago, some of which have changed since; but for `new.json`.
fn archived(more: &str) -> Site {
    let site = Site::new(&format!("source.after = \"archive\"\ninbox.recursive = true\nledger.keep_days = 30\n{more}"));
    for (number, name) in ["a.json", "sub/deep/b.json", "sub/c.json", "new.json"].into_iter().enumerate() {
        site.drop_in(name, &content(number));
    }
    site.drop_in("bad.json", b"oops\n");
    assert_eq!(site.once().status.code(), Some(1));
    age(&site, "new.json");
    site
}

#[test]
fn old_sources_leave_the_archive_and_nothing_else_does() {
    let site = archived("source.archive_keep_days = 30");
    fs::write(site.path("archive/foreign.json"), "{}").unwrap();
    fs::write(site.path("archive/sub/c.json"), "changed").unwrap();
    once(&site);
    assert_eq!(site.names("archive"), ["foreign.json", "new.json", "sub"]);
    assert_eq!(site.names("archive/sub"), ["c.json"]);
    assert_eq!(site.names("quarantine"), ["bad.json", "bad.json.reason.txt"]);
    // What left the archive may leave the ledger, and so may what it has no say in any more.
    assert_eq!(remembered(&site), ["bad.json", "new.json"]);
    let new = site.history().into_iter().find(|job| job["path"] == "new.json").unwrap();
    assert!(new["archived"] == "new.json" && new["disposed_at"].is_string(), "{new}");
    assert!(site.verb("retry", &["--failed"]).status.success() && site.path("inbox/bad.json").exists());
}

#[test]
fn sources_stay_in_the_archive_for_ever_unless_somebody_asks_for_the_contrary() {
    let site = archived("");
    once(&site);
    assert_eq!(site.names("archive"), ["a.json", "new.json", "sub"]);
    assert_eq!(remembered(&site), ["bad.json", "new.json"]);
}

#[test]
fn an_archive_on_another_file_system_that_is_away_for_now_is_emptied_when_it_is_back() {
    let apart = another_file_system();
    let archive = apart.path().join("archive");
    let site = archived(&format!("source.archive = \"{}\"\nsource.archive_keep_days = 30", archive.display()));
    let away = apart.path().join("away");
    fs::rename(&archive, &away).unwrap();
    fs::create_dir(&archive).unwrap();
    once(&site);
    assert_eq!(remembered(&site).len(), 5, "without the ledger they would stay for ever");
    fs::remove_dir(&archive).unwrap();
    fs::rename(&away, &archive).unwrap();
    age(&site, "new.json");
    once(&site);
    let left: Vec<_> = fs::read_dir(&archive).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!((left, remembered(&site).len()), (vec!["new.json".into()], 2));
}

#[test]
fn a_marker_leaves_the_archive_with_its_source() {
    let mut site =
        Site::new("source.after = \"archive\"\nsource.archive_keep_days = 30\ninbox.done_marker = \".done\"");
    for name in ["a.json", "new.json"] {
        site.drop_in(name, &content(1));
        site.drop_in(&format!("{name}.done"), b"");
    }
    once(&site);
    assert_eq!(site.names("archive"), ["a.json", "a.json.done", "new.json", "new.json.done"]);
    let ledger = Connection::open(site.path("state/ledger.sqlite")).unwrap();
    let sql = "UPDATE job SET disposed_at = ?1 WHERE path_text = 'a.json'";
    // Sixty days ago: times of files cannot be set back behind the clock.
    let then = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(24 * 60);
    ledger.execute(sql, [format!("{then:.3}")]).unwrap();
    drop(ledger);
    site.start();
    wait_until("it is removed", || !site.path("archive/a.json").exists());
    wait_until("it is told", || site.log().contains("archive.removed"));
    assert!(site.stop().success());
    // A marker that is newer than its source's way there is somebody else's.
    assert_eq!(site.names("archive"), ["a.json.done", "new.json", "new.json.done"]);
}

#[test]
fn zero_days_keep_everything() {
    let site = kept("");
    site.configure("source.after = \"keep\"\ninbox.recursive = true\nledger.keep_days = 0");
    fs::remove_dir_all(site.path("inbox/host")).unwrap();
    once(&site);
    assert_eq!(remembered(&site).len(), 5);
}
