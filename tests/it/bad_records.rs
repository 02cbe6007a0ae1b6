//! `records.on_bad_record = "skip"` through the agent and through `convert`: what is where, and what is told of it.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::harness::{Site, h5inbox, reader, said, wait_until};

const SKIP: &str = "records.on_bad_record = \"skip\"\nrecords.types = { i = \"int64\" }";
const SOURCE: &[u8] = b"{\"i\": 1}\nnonsense\n\n{\"i\": \"x\", \"gone\": 1}\n{\"i\": 2, \"t\": \"\xff\"}\r\n{\"i\": 2}";

fn convert(source: &Path, more: &[&str]) -> std::process::Output {
    h5inbox()
        .arg("convert")
        .arg(source)
        .args(["--on-bad-record", "skip", "--type", "i=int64"])
        .args(more)
        .output()
        .unwrap()
}

/// The counts that the root group of an output tells, as PyTables reads them.
fn counts_in(output: &Path) -> String {
    let script = "import sys, tables\nwith tables.open_file(sys.argv[1]) as f:\n \
                  print(f.root._v_attrs.h5inbox_rows, f.root._v_attrs.h5inbox_bad_records)";
    let read = Command::new(reader("3.1")).args(["-c", script]).arg(output).output().unwrap();
    String::from_utf8(read.stdout).unwrap()
}

/// The outputs tell different jobs; what is in them is the same.
fn assert_same_frame(one: &Path, other: &Path) {
    let script = "import sys, pandas as pd\n\
                  one, other = (pd.read_hdf(path, '/data') for path in sys.argv[1:])\n\
                  pd.testing.assert_frame_equal(one, other, check_exact=True)";
    let compared = Command::new(reader("3.1")).args(["-c", script]).args([one, other]).output().unwrap();
    assert!(compared.status.success(), "{}", said(&compared));
}

#[test]
fn the_agent_publishes_good_rows_keeps_bad_lines_and_tells_of_both() {
    let mut site = Site::new(SKIP);
    site.start();
    site.drop_in("a.json", SOURCE);
    site.drop_in("good.json", b"{\"i\": 1}\n");
    site.wait_for("done", 2);
    assert_eq!(site.names("outbox"), ["a.h5", "good.h5"]);
    assert_eq!(site.names("quarantine"), ["a.bad.ndjson"]);
    let history = site.history();
    let job = history.iter().find(|job| job["path"] == "a.json").unwrap();
    assert_eq!((&job["rows"], &job["bad_records"], &job["columns"]), (&2.into(), &3.into(), &1.into()), "{job}");
    let listed = String::from_utf8(site.verb("history", &[]).stdout).unwrap();
    assert!(listed.contains("a.json  2 rows, 1 columns, 3 bad records left out\n"), "{listed}");
    assert!(listed.contains("good.json  1 rows, 1 columns\n"), "{listed}");
    assert_eq!(site.status()["rows"], 3);
    assert_eq!(site.status()["bad_records"], 3);
    let glance = String::from_utf8(site.verb("status", &[]).stdout).unwrap();
    assert!(glance.contains("rows        3, 3 bad records left out\n"), "{glance}");
    assert!(site.log().contains("rows=2 columns=1 bad_records=3"));
    assert_eq!(counts_in(&site.path("outbox/a.h5")), "2 3\n");
    assert_eq!(counts_in(&site.path("outbox/good.h5")), "1 0\n");
    // The same engine gives the same without an agent.
    fs::write(site.path("a.json"), SOURCE).unwrap();
    let converted = convert(&site.path("a.json"), &[]);
    assert!(converted.status.success(), "{}", said(&converted));
    assert!(said(&converted).ends_with(", 0 failures, 3 bad records left out\n"), "{}", said(&converted));
    assert_same_frame(&site.path("a.h5"), &site.path("outbox/a.h5"));
    let bad = |name: &str| fs::read(site.path(name)).unwrap();
    assert!(bad("a.bad.ndjson") == bad("quarantine/a.bad.ndjson"));
}

#[test]
fn each_version_of_a_source_has_a_file_of_its_own_beside_those_of_its_namesakes() {
    let mut site = Site::new(&format!("{SKIP}\ninbox.recursive = true\nsource.after = \"archive\""));
    site.start();
    for (number, bad) in ["one", "two", "three"].into_iter().enumerate() {
        site.drop_in("sub/a.json", format!("{bad}\n{{\"i\": {number}}}\n").as_bytes());
        site.wait_for("done", number + 1);
    }
    // Of another name, but for the ending.
    site.drop_in("sub/a.jsonl", b"four\n{\"i\": 4}\n");
    site.wait_for("done", 4);
    let names = ["a.bad.ndjson", "a.bad~2.ndjson", "a.bad~3.ndjson", "a.bad~4.ndjson"];
    assert_eq!(site.names("quarantine/sub"), names);
    for (name, bad) in names.into_iter().zip(["one", "two", "three", "four"]) {
        let kept = fs::read_to_string(site.path("quarantine/sub").join(name)).unwrap();
        assert!(kept.contains(&format!("\"text\":\"{bad}\"")), "{name}: {kept}");
    }
    assert_eq!(fs::read_dir(site.path("quarantine/.h5inbox")).unwrap().count(), 0);
}

#[test]
fn a_source_without_a_good_record_is_refused_and_leaves_no_file_of_bad_ones() {
    let mut site = Site::new(&format!("{SKIP}\nsource.after = \"archive\""));
    site.start();
    site.drop_in("bad.json", b"nonsense\n{\"i\": null}\n");
    site.wait_for("quarantined", 1);
    wait_until("it is set aside", || site.path("quarantine/bad.json.reason.txt").exists());
    assert_eq!(site.names("quarantine"), ["bad.json", "bad.json.reason.txt"]);
    let job = &site.history()[0];
    assert_eq!((&job["error_code"], &job["line"]), (&"bad_json".into(), &1.into()));
    assert!(
        job["error"].as_str().unwrap().starts_with("no record can be read; the first: expected a JSON value"),
        "{job}"
    );
    assert_eq!((site.unfinished(), fs::read_dir(site.path("quarantine/.h5inbox")).unwrap().count()), (0, 0));
    site.drop_in("blank.json", b"\n");
    site.wait_for("done", 1);
}

#[test]
fn an_output_that_may_not_replace_another_leaves_no_file_of_bad_records() {
    let mut site = Site::new(&format!("{SKIP}\noutput.on_existing = \"refuse\""));
    fs::write(site.path("outbox/a.h5"), "taken").unwrap();
    site.start();
    site.drop_in("a.json", SOURCE);
    site.wait_for("quarantined", 1);
    assert_eq!(site.names("quarantine"), ["a.json.reason.txt"]);
    assert_eq!((site.unfinished(), fs::read_dir(site.path("quarantine/.h5inbox")).unwrap().count()), (0, 0));
}

#[test]
fn a_folder_is_converted_without_the_bad_records_of_the_time_before() {
    let folder = tempfile::tempdir().unwrap();
    let names = || {
        let mut names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    fs::write(folder.path().join("a.json"), SOURCE).unwrap();
    for _ in 0..2 {
        assert!(convert(folder.path(), &[]).status.success());
        assert_eq!(names(), ["a.bad.ndjson", "a.h5", "a.json"]);
    }
    // All bad: what was there before stays as it was, and nothing is added.
    let before = fs::read(folder.path().join("a.bad.ndjson")).unwrap();
    fs::write(folder.path().join("a.json"), "nonsense\n").unwrap();
    let refused = convert(folder.path(), &[]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(said(&refused).contains("line 1, byte 0: no record can be read; the first: "), "{}", said(&refused));
    assert_eq!(names(), ["a.bad.ndjson", "a.h5", "a.json"]);
    assert_eq!(fs::read(folder.path().join("a.bad.ndjson")).unwrap(), before);
}

#[test]
fn an_output_without_bad_records_has_no_file_of_those_that_the_one_before_it_lacked() {
    let folder = tempfile::tempdir().unwrap();
    let (source, bad) = (folder.path().join("a.json"), folder.path().join("a.bad.ndjson"));
    let succeeds = |content: &[u8], skipping: bool| {
        fs::write(&source, content).unwrap();
        let refusing = || h5inbox().arg("convert").arg(&source).output().unwrap();
        let done = if skipping { convert(&source, &[]) } else { refusing() };
        done.status.success()
    };
    for skipping in [true, false] {
        assert!(succeeds(SOURCE, true) && bad.exists());
        assert!(!succeeds(b"nothing but this\n", skipping));
        assert!(bad.exists(), "the output is still the one before");
        assert!(succeeds(b"{\"i\": 1}\n", skipping) && !bad.exists());
    }
    fs::write(&bad, "{\"line\":1,\"of\":\"somebody else\"}\n").unwrap();
    assert!(succeeds(b"{\"i\": 1}\n", true) && bad.exists(), "not ours");
}

#[test]
fn one_bad_record_refuses_its_file_unless_skipping_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("a.json");
    fs::write(&source, SOURCE).unwrap();
    let refused = h5inbox().arg("convert").arg(&source).output().unwrap();
    assert_eq!(refused.status.code(), Some(1));
    assert!(said(&refused).contains("line 2, byte 9: "), "{}", said(&refused));
    assert!(!folder.path().join("a.bad.ndjson").exists() && !folder.path().join("a.h5").exists());
}
