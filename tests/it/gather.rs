//! Many small files become one output: all rows once, equal to pandas, and what is wrong with one source concerns no other.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::harness::{Site, h5inbox, reader, said, wait_until};
use super::traced::{injected, killed_at};

/// Everything is gathered, as much as there is, and each row says where it comes from.
pub(crate) const ALL: &str = "output.gather = [\"*.json\", \"*.ndjson\"]\noutput.gather_secs = 3600\n";
const COLUMN: &str = "output.gather_source_column = \"source\"\n";

/// Drops a source in, and keeps a copy to compare with.
pub(crate) fn give(site: &Site, name: &str, content: &[u8]) {
    let kept = site.path("given").join(name);
    fs::create_dir_all(kept.parent().unwrap()).unwrap();
    fs::write(kept, content).unwrap();
    site.drop_in(name, content);
}

/// Whether the outputs of these sites are what the reference makes of their sources, in this pandas: how many outputs and
/// sources there were.
pub(crate) fn assert_as_the_reference(pandas: &str, column: &str, sites: &[&Site]) -> (usize, usize) {
    let mut check = Command::new(reader(pandas));
    check.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/gathered.py")).arg(column);
    for site in sites {
        fs::write(site.path("history"), site.verb("history", &["--json"]).stdout).unwrap();
        check.arg(site.path(""));
    }
    let run = check.output().unwrap();
    let out = String::from_utf8_lossy(&run.stdout).into_owned();
    assert!(run.status.success(), "pandas {pandas}: {out}\n{}", said(&run));
    let counts: Vec<usize> = out.split_whitespace().map(|count| count.parse().unwrap()).collect();
    assert_eq!(counts[0], sites.len());
    (counts[1], counts[2])
}

/// The outputs of the jobs that are done, each once.
fn outputs(site: &Site) -> BTreeSet<String> {
    let name = |job: &Value| Path::new(job["output"].as_str()?).file_name()?.to_str().map(str::to_owned);
    site.history().iter().filter(|job| job["state"] == "done").filter_map(name).collect()
}

fn names(of: &[&str]) -> BTreeSet<String> {
    of.iter().map(ToString::to_string).collect()
}

/// Records of many kinds; the columns differ from file to file.
fn varied(number: usize) -> Vec<u8> {
    let record = |row: usize| match (number % 7, row % 3) {
        (0, _) => format!("{{\"n\": {number}, \"row\": {row}, \"t\": \"text {}\"}}\n", row % 2),
        (1, 0) => format!("{{\"row\": {row}.5, \"n\": {number}}}\n"),
        (2, 1) => format!("{{\"n\": {number}, \"late{}\": [1, {{\"x\": null}}], \"row\": null}}\n", number % 5),
        (3, _) => format!("{{\"n\": {number}, \"row\": {row}, \"b\": {}}}\n", row.is_multiple_of(2)),
        (4, 2) => format!("{{\"n\": {}, \"t\": null}}\n", u64::MAX - row as u64),
        _ => format!("{{\"n\": {number}, \"row\": {row}}}\n"),
    };
    (0..number % 9).map(record).collect::<Vec<_>>().concat().into_bytes()
}

#[test]
fn five_hundred_small_files_become_few_outputs_equal_to_pandas_with_every_row_once() {
    let config =
        "output.gather = [\"*.json\"]\noutput.gather_files = 120\noutput.gather_secs = 1\ninbox.recursive = true\n";
    let mut site = Site::new(&format!("{config}{COLUMN}source.after = \"archive\""));
    site.start();
    for number in 0..500 {
        let folder = ["", "a/", "a/b/"][number % 3];
        give(&site, &format!("{folder}f{number}.json"), &varied(number));
    }
    site.wait_for("done", 500);
    assert!(site.stop().success());
    let history = site.history();
    assert_eq!(history.len(), 500);
    for pandas in ["3.1", "2.2"] {
        let (outputs, sources) = assert_as_the_reference(pandas, "source", &[&site]);
        assert!(outputs < 60 && sources == 500, "{outputs} outputs");
    }
    let status = site.status();
    let rows: usize = (0..500).map(|number| number % 9).sum();
    assert_eq!((&status["rows"], site.unfinished()), (&rows.into(), 0));
    let bytes: u64 = history.iter().map(|job| job["output_bytes"].as_u64().unwrap()).sum();
    assert_eq!(status["bytes_out"], bytes, "each output counts once");
}

#[test]
fn run_once_gathers_all_that_is_there_and_waits_for_nobody() {
    let site = Site::new(&format!("{ALL}inbox.recursive = true"));
    for number in 0..30 {
        give(&site, &format!("f{number:02}.json"), &varied(number + 7));
    }
    give(&site, "sub/x.ndjson", b"{\"x\": 1}\n");
    give(&site, "sub/y.json", b"{\"x\": 1}\n");
    assert!(site.once().status.success());
    assert_eq!(outputs(&site), names(&["f00+29.h5", "x.h5", "y.h5"]), "by folder and pattern");
    assert_eq!(assert_as_the_reference("3.1", "", &[&site]), (3, 32));
    let x = site.history().into_iter().find(|job| job["path"] == "sub/x.ndjson").unwrap();
    assert_eq!(x["first_row"], Value::Null, "it is alone");
    let again = site.once();
    assert!(again.status.success() && site.history().len() == 32, "{}", said(&again));
}

#[test]
fn outputs_of_several_sources_are_verified_against_all_of_them() {
    let site = Site::new(&format!("{ALL}{COLUMN}source.after = \"archive\"\ninbox.recursive = true"));
    (0..9).for_each(|number| give(&site, &format!("f{number}.json"), &varied(number + 1)));
    give(&site, "sub/alone.json", b"{\"x\": 1}\n");
    assert!(site.once().status.success());
    let (config, outbox) = (site.config(), site.path("outbox"));
    let verify = || {
        let done = h5inbox().args(["verify", "--json", "--config"]).args([&config, &outbox]).output().unwrap();
        let lines = String::from_utf8(done.stdout).unwrap();
        lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["compared"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(verify(), ["equal", "equal"]);
    fs::write(site.path("archive/f5.json"), "{\"n\": 7}\n").unwrap();
    assert_eq!(verify(), ["other_source", "equal"]);
    fs::remove_file(site.path("archive/f5.json")).unwrap();
    assert_eq!(verify(), ["no_source", "equal"]);
}

#[test]
fn a_window_closes_by_count_by_bytes_and_by_time() {
    let record = b"{\"a\": 1}\n";
    let mut site = Site::new(&format!("{ALL}output.gather_files = 3\noutput.gather_bytes = 40"));
    site.start();
    (0..3).for_each(|number| give(&site, &format!("a{number}.json"), record));
    site.wait_for("done", 3);
    give(&site, "b0.json", &record.repeat(3));
    give(&site, "b1.json", &record.repeat(3));
    site.wait_for("done", 4);
    give(&site, "large.json", &record.repeat(9));
    site.wait_for("done", 5);
    assert_eq!(outputs(&site), names(&["a0+2.h5", "b0.h5", "large.h5"]));
    assert_eq!(site.states("b1.json"), ["ready"], "it waits for others");
    assert!(site.stop().success(), "a stop waits for nobody");
    site.configure("output.gather = [\"*.json\"]\noutput.gather_secs = 1");
    give(&site, "b2.json", record);
    site.start();
    site.wait_for("done", 7);
    site.stop();
    assert_eq!(outputs(&site), names(&["a0+2.h5", "b0.h5", "large.h5", "b1+1.h5"]));
    assert_as_the_reference("3.1", "", &[&site]);
}

/// One source is bad, one ends too early, one is a duplicate, one goes away, one has the column that is
/// to tell where rows come from: the rest becomes one output.
#[test]
fn what_is_wrong_with_a_source_concerns_no_other() {
    let mut site = Site::new(&format!("{ALL}{COLUMN}inbox.truncated_grace_secs = 3600\nsource.after = \"archive\""));
    give(&site, "f4.json", b"{\"a\": 4}\n");
    assert!(site.once().status.success());
    site.start();
    give(&site, "f0.json", b"{\"a\": 0}\n");
    give(&site, "f1.json", b"{\"a\": 1}\n{\"a\": }\n");
    site.drop_in("f2.json", b"{\"a\": 2}\n{\"a\": 2, \"b");
    give(&site, "f3.json", b"{\"a\": 3}\n");
    site.drop_in("f4.json", b"{\"a\": 4}\n");
    give(&site, "f5.json", b"{\"a\": 5}\n");
    give(&site, "f6.json", b"{\"a\": 6, \"source\": 7}\n");
    give(&site, "f7.json", b"");
    give(&site, "f8.json", b"{\"a\": 8, \"b\": \"x\"}\n");
    wait_until("all wait for others", || site.history().iter().filter(|job| job["state"] == "ready").count() == 9);
    fs::remove_file(site.path("inbox/f5.json")).unwrap();
    assert!(site.stop().success());
    let soon = "output.gather = [\"*\"]\noutput.gather_files = 9\noutput.gather_secs = 1\n";
    site.configure(&format!("{soon}{COLUMN}inbox.truncated_grace_secs = 3600\nsource.after = \"archive\""));
    site.start();
    site.wait_for("done", 5);
    site.wait_for("failed", 1);
    let state = |name: &str| site.states(name)[0].clone();
    let states = ["f0", "f1", "f2", "f3", "f4", "f5", "f6", "f7", "f8"].map(|name| state(&format!("{name}.json")));
    let expected = ["done", "quarantined", "failed", "done", "duplicate", "gone", "quarantined", "done", "done"];
    assert_eq!(states, expected);
    assert_eq!(outputs(&site), names(&["f4.h5", "f0+3.h5"]));
    assert_as_the_reference("3.1", "source", &[&site]);
    let job = |name: &str| site.history().into_iter().find(|job| job["path"] == name).unwrap();
    assert_eq!((&job("f1.json")["line"], &job("f1.json")["error_code"]), (&2.into(), &"bad_json".into()));
    assert_eq!((&job("f6.json")["line"], &job("f6.json")["error_code"]), (&1.into(), &"source_column".into()));
    site.stop();
}

#[test]
fn sources_that_do_not_go_with_others_make_outputs_of_their_own() {
    let config = "output.gather = [\"*\"]\nrecords.nested = \"flatten\"\nlimits.columns = 20\nrecords.types = { k = \"int64\" }\n";
    let site = Site::new(config);
    give(&site, "a0.json", b"{\"a\": 1}\n");
    give(&site, "a1.json", b"[1, 2]\n[3]\n");
    give(&site, "a2.json", b"{\"a\": 2}\n");
    let wide: Vec<_> = (0..20).map(|column| format!("\"c{column}\": 1")).collect();
    give(&site, "a3.json", format!("{{{}}}\n", wide.join(", ")).as_bytes());
    give(&site, "a4.json", b"{\"a\": 4}\n");
    // Those without a `k` cannot stand beside it, for it takes no missing value.
    give(&site, "a5.json", b"{\"k\": 4, \"a\": 1}\n");
    assert!(site.once().status.success());
    assert!(site.history().iter().all(|job| job["state"] == "done"), "{:?}", site.history());
    assert_eq!(outputs(&site), names(&["a0+2.h5", "a1.h5", "a3.h5", "a5.h5"]));
    assert_as_the_reference("3.1", "", &[&site]);
}

#[test]
fn bad_records_that_are_left_out_are_kept_for_each_source() {
    let site = Site::new(&format!("{ALL}records.on_bad_record = \"skip\"\nsource.after = \"delete\""));
    for number in 0..4 {
        let bad = if number % 2 == 0 { "bad\n" } else { "" };
        site.drop_in(&format!("f{number}.json"), format!("{{\"a\": {number}}}\n{bad}{{\"a\": 9}}\n").as_bytes());
    }
    site.drop_in("f9.json", b"worse\n");
    assert_eq!(site.once().status.code(), Some(1));
    assert_eq!((outputs(&site), site.names("inbox").len()), (names(&["f0+3.h5"]), 0));
    let kept = ["f0.bad.ndjson", "f2.bad.ndjson", "f9.json", "f9.json.reason.txt"];
    assert_eq!(site.names("quarantine"), kept);
    let mut jobs = site.history();
    jobs.sort_by_key(|job| job["path"].to_string());
    let told: Vec<_> =
        jobs.iter().map(|job| [&job["first_row"], &job["rows"], &job["bad_records"]].map(Value::as_u64)).collect();
    let [zero, one, two] = [Some(0), Some(1), Some(2)];
    assert_eq!(told, [[zero, two, one], [two, two, zero], [Some(4), two, one], [Some(6), two, zero], [None; 3]]);
    assert_eq!(site.unfinished_in("quarantine"), 0);
}

#[test]
fn a_name_that_is_taken_is_versioned_for_all_or_refused_for_all() {
    for (on_existing, expected) in [("version", "f0+2~2.h5"), ("replace", "f0+2.h5"), ("refuse", "")] {
        let site = Site::new(&format!("{ALL}output.on_existing = \"{on_existing}\"\nsource.after = \"archive\""));
        fs::write(site.path("outbox/f0+2.h5"), "of somebody else").unwrap();
        (0..3).for_each(|number| give(&site, &format!("f{number}.json"), b"{\"a\": 1}\n"));
        let refused = expected.is_empty();
        assert_eq!(site.once().status.code(), Some(i32::from(refused)));
        let all = if refused { BTreeSet::new() } else { names(&[expected]) };
        assert_eq!((outputs(&site), site.unfinished()), (all, 0));
        assert_eq!(site.names("archive").len(), if refused { 0 } else { 3 });
        assert_eq!(site.names("quarantine").len(), if refused { 6 } else { 0 }, "each with its report");
        let kept = fs::read(site.path("outbox/f0+2.h5")).unwrap() == b"of somebody else";
        assert_eq!(kept, on_existing != "replace");
        assert_as_the_reference("3.1", "", &[&site]);
        if refused {
            fs::remove_file(site.path("outbox/f0+2.h5")).unwrap();
            assert!(site.verb("retry", &["--failed"]).status.success());
            assert!(site.once().status.success());
            assert_eq!(assert_as_the_reference("3.1", "", &[&site]).1, 3, "each once, after all");
        }
    }
}

/// The disk is full when the output is synced, or fails when it gets its name: all wait until that is over.
#[test]
fn a_passing_fault_costs_no_source_and_no_attempt() {
    for (call, error) in [("fsync", "ENOSPC"), ("renameat2", "EIO")] {
        let site = Site::new(&format!("{ALL}source.after = \"archive\""));
        (0..4).for_each(|number| give(&site, &format!("f{number}.json"), b"{\"a\": 1}\n"));
        let mut traced = injected(&[call], &[format!("{call}:error={error}:when=1")]);
        traced.arg("-P").arg(site.path("outbox/.h5inbox/1.tmp")).arg(env!("CARGO_BIN_EXE_h5inbox"));
        let run = site.once_by(traced);
        assert!(run.status.success(), "{}", said(&run));
        assert!(said(&run).contains("file.waits"), "it was met: {}", said(&run));
        assert_eq!((outputs(&site), site.unfinished()), (names(&["f0+3.h5"]), 0));
        assert!(site.history().iter().all(|job| job["state"] == "done" && job["attempts"] == 1));
        assert_eq!(site.names("archive").len(), 4);
        assert_as_the_reference("3.1", "", &[&site]);
    }
}

#[test]
fn a_source_that_brings_the_agent_down_takes_no_other_to_the_quarantine() {
    let site = Site::new(&format!("{ALL}retry.max_attempts = 1\nsource.after = \"archive\""));
    (0..6).for_each(|number| give(&site, &format!("f{number}.json"), b"{\"a\": 1}\n"));
    let poison = [site.path("inbox/f3.json")];
    for _ in 0..2 {
        assert_eq!(site.once_by(killed_at("read", 1, &poison)).status.code(), None, "it was killed");
    }
    assert!(site.once().status.success());
    let state = |number: usize| site.states(&format!("f{number}.json"))[0].clone();
    assert_eq!(state(3), "quarantined");
    assert!([0, 1, 2, 4, 5].into_iter().all(|number| state(number) == "done"));
    assert_as_the_reference("3.1", "", &[&site]);
}

#[test]
fn a_lost_ledger_is_made_anew_with_every_source_of_every_output() {
    for after in ["keep", "archive"] {
        let site = Site::new(&format!("{ALL}{COLUMN}source.after = \"{after}\"\nretry.max_attempts = 9"));
        (0..20).for_each(|number| give(&site, &format!("f{number}.json"), &varied(number)));
        assert!(site.once().status.success());
        let known = || {
            let keys =
                ["id", "path", "state", "first_row", "rows", "bad_records", "source_hash", "output", "output_bytes"];
            let mut jobs: Vec<_> = site.history().iter().map(|job| keys.map(|key| job[key].to_string())).collect();
            jobs.sort();
            jobs
        };
        let before = known();
        ["", "-wal", "-shm"]
            .iter()
            .for_each(|ending| drop(fs::remove_file(site.path(&format!("state/ledger.sqlite{ending}")))));
        let rebuilt = h5inbox().args(["ledger", "rebuild", "--config"]).arg(site.config()).output().unwrap();
        assert!(rebuilt.status.success(), "{}", said(&rebuilt));
        assert_eq!(known(), before, "{after}");
        assert!(site.once().status.success());
        assert_eq!((known(), site.names("outbox").len()), (before, 1), "{after}: nothing is converted again");
        assert_as_the_reference("3.1", "source", &[&site]);
    }
}

/// A format that does not hold every value is told so by one source, and the others go on without it.
#[test]
fn what_a_format_cannot_hold_concerns_only_the_source_that_has_it() {
    for (format, ending) in [("format = \"parquet\"", "parquet"), ("layout = \"table\"", "h5")] {
        let site = Site::new(&format!("{ALL}output.{format}\n"));
        site.drop_in("a.json", b"{\"v\": 1}\n");
        // By itself it is fine.
        site.drop_in("b.json", b"{\"v\": \"text\"}\n");
        site.drop_in("c.json", b"{\"v\": 2}\n");
        // Whatever it goes with, it is not.
        site.drop_in("d.json", b"{\"v\": 3}\n{\"v\": [1, \"x\", {}]}\n");
        site.drop_in("e.json", b"{\"v\": 4}\n");
        assert_eq!(site.once().status.code(), Some(1), "{format}");
        assert_eq!(outputs(&site), names(&[&format!("a+2.{ending}"), &format!("b.{ending}")]), "{format}");
        let bad = site.history().into_iter().find(|job| job["state"] == "quarantined").unwrap();
        assert_eq!((&bad["path"], &bad["line"]), (&"d.json".into(), &2.into()), "{format}: {bad}");
        let rows: Vec<_> = ["a.json", "c.json", "e.json"]
            .map(|name| site.history().into_iter().find(|job| job["path"] == name).unwrap()["first_row"].clone())
            .into();
        assert_eq!(rows, [Value::from(0), 1.into(), 2.into()], "{format}");
        assert_eq!(site.unfinished(), 0);
    }
}
