//! What is over a limit is refused where it is, and told the key to raise, in lines and in documents.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

use super::harness::{h5inbox, said};

/// A folder with a source, and a configuration that limits it.
struct Limited {
    folder: TempDir,
    source: PathBuf,
}

impl Limited {
    fn new(limits: &str, content: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("a.json");
        fs::write(&source, content).unwrap();
        let root = folder.path().display();
        let config = format!("inbox.path = \"{root}/in\"\noutput.path = \"{root}/out\"\n{limits}\n");
        fs::write(folder.path().join("config.toml"), config).unwrap();
        Self { folder, source }
    }

    fn convert(&self, more: &[&str]) -> Output {
        h5inbox()
            .arg("convert")
            .arg(&self.source)
            .arg("--config")
            .arg(self.path("config.toml"))
            .args(more)
            .output()
            .unwrap()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// The records one a line, and as one document over lines that has them in the same lines.
fn in_both_shapes(records: &[&str]) -> [String; 2] {
    [records.join("\n") + "\n", format!("[{}\n]\n", records.join("\n,"))]
}

fn assert_refused(output: &Output, place: &str, what: &str, key: &str) {
    let said = said(output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(&format!("a.json: {place}{what} (`{key}`)")), "{said}");
    assert!(place.is_empty() || said.contains(", near `"), "{said}");
    assert!(said.contains(&format!("hint: raise `{key}` in the configuration if this is meant")), "{said}");
}

#[test]
fn a_record_that_is_too_long_or_too_deep_is_refused_in_its_line() {
    let long = format!("{{\"a\": \"{}\"}}", "x".repeat(100));
    for content in in_both_shapes(&["{\"a\": 1}", "{\"a\": 2}", &long]) {
        let limited = Limited::new("limits.record_bytes = 100", content.as_bytes());
        let what = "record of more than 100 bytes";
        let place = format!("line 3, byte {}: ", content.find(&long).unwrap());
        assert_refused(&limited.convert(&[]), &place, what, "limits.record_bytes");
        assert!(Limited::new("limits.record_bytes = 110", content.as_bytes()).convert(&[]).status.success());
    }
    for content in in_both_shapes(&["{\"a\": {\"b\": {}}}", "{\"a\": {\"b\": [[]]}}"]) {
        for nested in ["object", "json", "flatten"] {
            let limited = Limited::new("limits.depth = 3", content.as_bytes());
            let refused = limited.convert(&["--nested", nested]);
            // The byte is that of the bracket which is too many.
            let place = format!("line 2, byte {}: ", content.find("[]").unwrap());
            assert_refused(&refused, &place, "nesting deeper than 3", "limits.depth");
            let deeper = Limited::new("limits.depth = 4", content.as_bytes());
            assert!(deeper.convert(&["--nested", nested]).status.success());
        }
    }
}

#[test]
fn a_record_that_the_reader_does_not_hold_is_refused_too() {
    let long = "x".repeat(3 << 20);
    for content in in_both_shapes(&["{\"a\": 1}", &format!("{{\"a\": \"{long}\"}}"), "{\"a\": 2}"]) {
        let limited = Limited::new("limits.record_bytes = 1000", content.as_bytes());
        let what = "record of more than 1000 bytes";
        let place = format!("line 2, byte {}: ", content.find("{\"a\": \"x").unwrap());
        assert_refused(&limited.convert(&[]), &place, what, "limits.record_bytes");
    }
}

#[test]
fn the_record_with_a_column_too_many_is_named_in_whatever_batch_it_is() {
    let pad = format!("{{\"a\": 1, \"b\": \"{}\"}}", "x".repeat(1000));
    let far: Vec<&str> = vec![&pad; 2500];
    for (before, line) in [(&far[..2], 5), (&far[..], 2503)] {
        let records = [before, &["{\"c\": 1}", "{\"b\": 1}", "{\"d\": 1, \"a\": 2}", "{\"e\": 1}"]].concat();
        for content in in_both_shapes(&records) {
            let limited = Limited::new("limits.columns = 3", content.as_bytes());
            let place = format!("line {line}, byte {}: ", content.find("{\"d\"").unwrap());
            assert_refused(&limited.convert(&[]), &place, "more than 3 columns", "limits.columns");
            // That is no matter of one record.
            let skipping = limited.convert(&["--on-bad-record", "skip"]);
            assert_refused(&skipping, &place, "more than 3 columns", "limits.columns");
        }
    }
}

#[test]
fn a_file_that_is_too_long_is_refused() {
    for content in in_both_shapes(&["{\"a\": 1}", "{\"a\": 2}", "{\"a\": 3}"]) {
        let limited = Limited::new("limits.file_bytes = 20", content.as_bytes());
        let what = format!("file of {} bytes is over the limit of 20", content.len());
        assert_refused(&limited.convert(&[]), "", &what, "limits.file_bytes");
    }
}

#[test]
fn a_conversion_that_takes_too_long_is_stopped() {
    assert!(Command::new("strace").arg("-V").output().is_ok(), "strace is missing; `make test` installs it");
    let record = format!("{{\"a\": \"{}\"}}", "x".repeat(1000));
    let limited = Limited::new("limits.convert_secs = 1", in_both_shapes(&vec![record.as_str(); 4000])[0].as_bytes());
    assert!(limited.convert(&["--outdir", limited.path("fast").to_str().unwrap()]).status.success());
    // A slow disk: half a second and more for each mebibyte.
    let mut slow = Command::new("strace");
    slow.args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=read", "-e", "inject=read:delay_enter=600000", "-P"]);
    slow.arg(&limited.source).args([env!("CARGO_BIN_EXE_h5inbox"), "convert"]).arg(&limited.source);
    let stopped = slow.arg("--config").arg(limited.path("config.toml")).output().unwrap();
    assert_refused(&stopped, "", "conversion took longer than 1 s", "limits.convert_secs");
    assert!(!limited.path("a.h5").exists());
}

#[test]
fn where_bad_records_are_left_out_the_reason_names_the_key_too() {
    let long = format!("{{\"a\": \"{}\"}}", "x".repeat(100));
    for content in in_both_shapes(&["{\"a\": 1}", &long, "{\"a\": 2}"]) {
        let limited = Limited::new("limits.record_bytes = 100", content.as_bytes());
        assert!(limited.convert(&["--on-bad-record", "skip"]).status.success());
        assert_eq!(reason(&limited.path("a.bad.ndjson")), "record of more than 100 bytes (`limits.record_bytes`)");
    }
    let limited = Limited::new("limits.depth = 2", b"{\"a\": 1}\n{\"a\": [[]]}\n");
    assert!(limited.convert(&["--on-bad-record", "skip"]).status.success());
    assert_eq!(reason(&limited.path("a.bad.ndjson")), "nesting deeper than 2 (`limits.depth`)");
}

fn reason(bad_records: &Path) -> String {
    let kept = fs::read_to_string(bad_records).unwrap();
    let entry: Value = serde_json::from_str(kept.trim_end()).unwrap();
    entry["reason"].as_str().unwrap().to_owned()
}
