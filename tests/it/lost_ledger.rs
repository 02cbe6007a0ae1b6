//! A ledger that is damaged, lost or exchanged is noticed before anything is converted again, and made anew.

use std::fs;
use std::os::unix::fs::FileExt;
use std::process::{Command, Output};

use serde_json::Value;

use super::harness::{Site, h5inbox, reader, said};

const BAD: &[u8] = b"{\"a\": 1}\nnot json\n";

fn records(number: usize) -> Vec<u8> {
    format!("{{\"a\": {number}, \"b\": \"x\"}}\n").repeat(3).into_bytes()
}

fn rebuild(site: &Site) -> Output {
    h5inbox().args(["ledger", "rebuild", "--config"]).arg(site.config()).output().unwrap()
}

/// A site with `files` good sources and a bad one, all done.
fn worked(after: &str, files: usize) -> Site {
    let site = Site::new(&format!("source.after = \"{after}\"\nretry.max_attempts = 9\ninbox.recursive = true"));
    (0..files).for_each(|number| site.drop_in(&format!("f{number}.json"), &records(number)));
    site.drop_in("sub/bad.json", BAD);
    assert_eq!(site.once().status.code(), Some(1));
    site
}

fn remove_ledger(site: &Site) {
    for ending in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(site.path(&format!("state/ledger.sqlite{ending}")));
    }
}

/// What a job is known by.
fn known(job: &Value) -> (i64, String, String) {
    let text = |name: &str| job[name].as_str().unwrap_or_default().to_owned();
    (job["id"].as_i64().unwrap(), text("path"), text("state"))
}

/// What is known of jobs, in the order of their numbers.
fn jobs(site: &Site) -> Vec<(i64, String, String)> {
    let mut jobs: Vec<_> = site.history().iter().map(known).collect();
    jobs.sort();
    jobs
}

fn assert_refused_with_the_way_out(site: &Site) {
    let refused = site.once();
    assert_eq!(refused.status.code(), Some(78), "{}", said(&refused));
    assert!(said(&refused).contains("h5inbox ledger rebuild"), "{}", said(&refused));
}

#[test]
fn a_ledger_that_was_removed_is_not_taken_for_an_empty_one_and_is_made_anew() {
    for after in ["keep", "archive", "delete"] {
        let site = worked(after, 5);
        let (before, outputs) = (jobs(&site), site.names("outbox"));
        remove_ledger(&site);
        assert_refused_with_the_way_out(&site);
        assert_refused_with_the_way_out(&site);
        assert_eq!(site.names("outbox"), outputs);
        let rebuilt = rebuild(&site);
        assert!(rebuilt.status.success(), "{}", said(&rebuilt));
        let mut expected = before.clone();
        // A kept source that is bad stays in the inbox and is found to be bad again.
        expected.retain(|(_, path, _)| after != "keep" || path != "sub/bad.json");
        assert_eq!(jobs(&site), expected, "{after}");
        let again = site.once();
        assert_eq!(again.status.code(), Some(i32::from(after == "keep")), "{}", said(&again));
        assert_eq!(site.names("outbox"), outputs, "{after}");
        if after != "keep" {
            assert_eq!(jobs(&site), before, "{after}");
            assert!(site.verb("retry", &["--failed"]).status.success());
            assert!(site.path("inbox/sub/bad.json").exists(), "retry knows where it rests");
        }
    }
}

#[test]
fn what_is_left_of_a_damaged_ledger_is_kept_also_of_outputs_that_were_taken_away() {
    let site = worked("keep", 300);
    let before = jobs(&site);
    site.names("outbox").iter().for_each(|name| fs::remove_file(site.path("outbox").join(name)).unwrap());
    let ledger = fs::File::options().read(true).write(true).open(site.path("state/ledger.sqlite")).unwrap();
    let pages = ledger.metadata().unwrap().len() / 4096;
    // Somewhere in the middle, where jobs are.
    ledger.write_all_at(&[0x55; 4096], pages / 2 * 4096).unwrap();
    assert_refused_with_the_way_out(&site);
    let rebuilt = rebuild(&site);
    assert!(rebuilt.status.success(), "{}", said(&rebuilt));
    let left = jobs(&site);
    assert!(left.iter().all(|job| before.contains(job)), "nothing is made up");
    assert!(left.len() > before.len() / 2, "{} of {}", left.len(), before.len());
    assert!(site.path("state/ledger.sqlite.set-aside-1").exists(), "{}", said(&rebuilt));
    site.once();
    assert!(site.names("outbox").len() <= before.len() - left.len(), "only what was lost is converted again");
}

#[test]
fn an_output_that_the_ledger_does_not_know_as_done_is_not_made_twice() {
    let site = Site::new("");
    site.drop_in("early.json", &records(0));
    assert!(site.once().status.success());
    let (ledger, backup) = (site.path("state/ledger.sqlite"), site.path("backup"));
    fs::copy(&ledger, &backup).unwrap();
    site.drop_in("late.json", &records(1));
    assert!(site.once().status.success());
    let before = jobs(&site);
    remove_ledger(&site);
    fs::copy(&backup, &ledger).unwrap();
    let rebuilt = rebuild(&site);
    assert!(rebuilt.status.success(), "{}", said(&rebuilt));
    assert_eq!(jobs(&site), before);
    assert!(site.once().status.success());
    assert_eq!(site.names("outbox"), ["early.h5", "late.h5"]);
}

/// The number of the next job decides how far is looked for jobs; it may be the damage.
#[test]
fn a_ledger_that_says_it_has_any_number_of_jobs_is_made_anew_with_those_that_it_has() {
    let site = worked("keep", 5);
    let before = jobs(&site);
    let script = "import sqlite3, sys\nc = sqlite3.connect(sys.argv[1])\n\
        c.execute('UPDATE sqlite_sequence SET seq = 9223372036854775806'); c.commit(); c.close()";
    let damaged =
        Command::new(reader("3.1")).args(["-c", script]).arg(site.path("state/ledger.sqlite")).output().unwrap();
    assert!(damaged.status.success(), "{}", said(&damaged));
    let rebuilt = rebuild(&site);
    assert!(rebuilt.status.success(), "{}", said(&rebuilt));
    assert_eq!(jobs(&site), before);
    site.drop_in("next.json", &records(9));
    site.once();
    assert!(site.names("outbox").contains(&"next.h5".to_owned()));
}

#[test]
fn a_ledger_that_is_removed_or_exchanged_under_the_agent_stops_it_before_anything_is_published() {
    for exchanged in [false, true] {
        let mut site = Site::new("inbox.recursive = true");
        site.drop_in("before.json", &records(1));
        site.start();
        site.wait_for("done", 1);
        fs::rename(site.path("state/ledger.sqlite"), site.path("state/aside.sqlite")).unwrap();
        if exchanged {
            fs::copy(site.path("state/aside.sqlite"), site.path("state/ledger.sqlite")).unwrap();
        }
        site.drop_in("after.json", &records(2));
        assert_eq!(site.end(), Some(78), "{}", site.log());
        assert_eq!(site.names("outbox"), ["before.h5"]);
        assert!(site.log().contains("was removed, or replaced by another file"), "{}", site.log());
        // Put back, nothing is lost.
        fs::rename(site.path("state/aside.sqlite"), site.path("state/ledger.sqlite")).unwrap();
        assert_eq!(site.once().status.code(), Some(0));
        assert_eq!(site.names("outbox"), ["after.h5", "before.h5"]);
    }
}

#[test]
fn an_outbox_that_another_ledger_knows_is_refused() {
    let (site, other) = (worked("keep", 1), worked("keep", 1));
    remove_ledger(&site);
    fs::copy(other.path("state/ledger.sqlite"), site.path("state/ledger.sqlite")).unwrap();
    assert_refused_with_the_way_out(&site);
}

#[test]
fn a_ledger_is_not_made_anew_under_a_running_agent() {
    let mut site = worked("keep", 1);
    site.start();
    let refused = rebuild(&site);
    assert_eq!(refused.status.code(), Some(69), "{}", said(&refused));
    assert!(said(&refused).contains("in use by another agent"), "{}", said(&refused));
    site.drop_in("next.json", &records(7));
    site.wait_for("done", 2);
}

#[test]
fn an_output_tells_where_it_came_from_in_every_pandas() {
    let site = Site::new("");
    let name = "n\u{f6}rdlich \"1\".json";
    site.drop_in(name, &records(3));
    assert!(site.once().status.success());
    let job = &site.history()[0];
    let script = "import json, sys, tables, pandas as pd\n\
        with tables.open_file(sys.argv[1]) as f: told = f.root._v_attrs.h5inbox_source\n\
        assert len(pd.read_hdf(sys.argv[1])) == 3\n\
        print(json.dumps(json.loads(told)))";
    for version in ["3.1", "3.0", "2.3", "2.2", "1.5"] {
        let mut python = Command::new(reader(version));
        let run = python.args(["-c", script]).arg(site.path("outbox/n\u{f6}rdlich \"1\".h5")).output().unwrap();
        let told: Value = serde_json::from_slice(&run.stdout).unwrap_or_else(|_| panic!("{version}: {}", said(&run)));
        assert_eq!((&told["source"], &told["job"]), (&name.into(), &job["id"]), "{version}");
        assert_eq!((&told["sha256"], &told["size"]), (&job["source_hash"], &job["source_bytes"]), "{version}");
        assert_eq!((&told["rows"], &told["columns"], &told["bad_records"]), (&3.into(), &2.into(), &0.into()));
        assert_eq!((&told["input"], &told["compression"]), (&"lines".into(), &"none".into()));
        assert_eq!(told["h5inbox"], env!("CARGO_PKG_VERSION"));
    }
}
