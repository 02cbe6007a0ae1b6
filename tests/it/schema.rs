//! `h5inbox schema`, and the warnings that it shares with `convert`, the log and the ledger.

use std::fs;
use std::path::Path;
use std::process::Output;

use serde_json::{Value, json};

use super::harness::{Site, h5inbox, run, said};

fn schema(paths: &[&Path], more: &[&str]) -> Output {
    h5inbox().arg("schema").args(paths).args(more).output().unwrap()
}

fn printed(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn columns_and_warnings_are_printed_for_people() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("a.json");
    fs::write(&source, "{\"id\": 9007199254740993, \"t\\n\": \"x\"}\n\nbad\n{\"id\": null, \"n\": null}\n").unwrap();
    let shown = schema(&[&source], &["--on-bad-record", "skip"]);
    assert!(shown.status.success(), "{}", said(&shown));
    let path = source.display();
    let expected = format!(
        "{path}: 2 rows, 3 columns, 1 bad records left out\n  \
           column  dtype                      values          null       missing\n  \
           id      float64                         1             1             0\n  \
           t\\n     str                             1             0             1\n  \
           n       float64                         0             1             1\n  \
           warning: column `id` is float64 because it has a null, a missing value or a fraction; from line 1 on it holds \
           integers beyond 2^53, whose last digits are lost (as in pandas)\n  \
           warning: column `n` has no value in any record; the first record with it is in line 4\n"
    );
    assert_eq!(printed(&shown), expected);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "schema writes nothing beside its source");
}

#[test]
fn several_files_are_told_one_by_one_and_an_error_is_code_1() {
    let folder = tempfile::tempdir().unwrap();
    let [good, bad, gone, last] =
        ["good.json", "bad.json", "gone.json", "last.json"].map(|name| folder.path().join(name));
    fs::write(&good, "{\"a\": 1}\n").unwrap();
    fs::write(&bad, "{\"a\": 1}\n{\"a\": }\n").unwrap();
    fs::write(&last, "[1.5]\n[null]\n").unwrap();
    let shown = schema(&[&good, &bad, &gone, &last], &["--json"]);
    assert_eq!(shown.status.code(), Some(1));
    let lines: Vec<Value> = printed(&shown).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let line = |path: &Path, rows: u64, column: Value| {
        json!({"path": path, "input": "lines", "compression": "none", "rows": rows, "bad_records": 0, "columns": [column],
            "warnings": []})
    };
    let first =
        line(&good, 1, json!({"name": "a", "dtype": "int64", "stored": null, "values": 1, "null": 0, "missing": 0}));
    let second =
        line(&last, 2, json!({"name": "0", "dtype": "float64", "stored": null, "values": 1, "null": 1, "missing": 0}));
    assert_eq!(lines, [first, second]);
    let said = said(&shown);
    assert!(said.contains("bad.json: line 2, byte 15: expected a JSON value, found `}`, near "), "{said}");
    assert!(said.contains("hint: correct the line") && said.contains("gone.json: "), "{said}");
    assert!(schema(&[&good], &[]).status.success());
    assert_eq!(schema(&[&bad], &[]).status.code(), Some(1));
    assert_eq!(run(&["schema"]).status.code(), Some(2));
}

#[test]
fn an_option_that_is_none_is_a_wrong_call_that_says_what_may_be_written() {
    for (arguments, what) in [
        (["--type", "a=integer"], "\"integer\" is no dtype"),
        (["--type", "a"], "write COLUMN=DTYPE"),
        (["--type", "a[=int64"], "is not a glob"),
        (["--type", "a=datetime:%Y"], "\"datetime:%Y\" is no dtype"),
        (["--nested", "list"], "write object, json or flatten"),
        (["--on-bad-record", "stop"], "write reject-file or skip"),
    ] {
        for verb in ["schema", "convert"] {
            let wrong = run(&[verb, "a.json", arguments[0], arguments[1]]);
            assert_eq!(wrong.status.code(), Some(2), "{verb} {arguments:?}");
            assert!(said(&wrong).contains(what), "{verb} {arguments:?}: {}", said(&wrong));
        }
    }
}

#[test]
fn help_and_manual_tell_of_the_record_options() {
    let man = String::from_utf8(run(&["man"]).stdout).unwrap().replace('\\', "");
    for verb in ["schema", "convert"] {
        let help = String::from_utf8(run(&[verb, "--help"]).stdout).unwrap();
        for option in ["--config", "--input", "--on-bad-record", "--nested", "--type"] {
            assert!(help.contains(option), "{verb} {option}: {help}");
            assert!(man.contains(option), "{option} is not in the manual");
        }
        for word in ["reject-file", "skip", "NAME.bad.ndjson", "flatten", "nullable-int", "datetime:FORMAT"] {
            assert!(help.contains(word), "{verb} {word}: {help}");
        }
    }
    assert!(man.contains("h5inbox schema"));
}

#[test]
fn what_columns_are_in_another_format_is_told_and_what_has_no_type_there_is_refused_as_convert_would() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("a.json");
    let record = |n: &str, m: &str| format!("{{\"n\": {n}, \"t\": \"x\", \"l\": [1, null], \"m\": {m}}}\n");
    fs::write(&source, record("1", "1") + &record("null", "\"one\"")).unwrap();
    let stored = |options: &[&str]| {
        let shown = schema(&[&source], &[&["--json"], options].concat());
        let line: Value = serde_json::from_str(&printed(&shown)).unwrap_or_else(|_| panic!("{}", said(&shown)));
        line["columns"].as_array().unwrap().iter().map(|column| column["stored"].clone()).collect::<Vec<_>>()
    };
    let text = ["--on-unfit", "text"];
    assert_eq!(stored(&[]), [Value::Null, Value::Null, Value::Null, Value::Null]);
    assert_eq!(stored(&[&["--format", "parquet"], &text[..]].concat()), ["Int64", "Utf8", "List(Int64)", "Utf8"]);
    let plain = stored(&[&["--layout", "plain"], &text[..]].concat());
    assert_eq!(plain, ["int64; -9223372036854775808 is missing", "text", "text, JSON", "text, JSON where it is none"]);
    for options in [["--format", "parquet"], ["--format", "feather"], ["--layout", "plain"], ["--layout", "table"]] {
        let (shown, output) = (schema(&[&source], &options), folder.path().join("out"));
        let converted =
            h5inbox().arg("convert").arg(&source).arg("--outdir").arg(&output).args(options).output().unwrap();
        let what = |output: &Output| said(output).lines().next().unwrap().replace("failed to convert ", "");
        assert_eq!((shown.status.code(), what(&shown)), (Some(1), what(&converted)), "{options:?}");
        assert!(
            what(&shown).contains("a.json: line ") && what(&shown).contains("no type"),
            "{options:?}: {}",
            what(&shown)
        );
    }
}

/// A source with so many columns without a value, and one that has lost digits.
fn odd_columns(count: usize) -> String {
    let columns: Vec<String> = (0..count).map(|number| format!("\"c{number}\": null")).collect();
    format!("{{{}, \"id\": 9007199254740993}}\n{{\"id\": null}}\n", columns.join(", "))
}

#[test]
fn warnings_are_in_log_and_ledger_and_thousands_do_not_flood_them() {
    let mut site = Site::new("");
    site.start();
    site.drop_in("odd.json", odd_columns(1000).as_bytes());
    site.drop_in("good.json", b"{\"a\": 1}\n");
    site.wait_for("done", 2);
    let history = site.history();
    let of = |name: &str| history.iter().find(|job| job["path"] == name).unwrap()["warnings"].clone();
    assert_eq!(of("good.json"), json!([]));
    let warnings = of("odd.json");
    let warnings = warnings.as_array().unwrap();
    assert_eq!(warnings.len(), 20);
    // What costs most comes first.
    let told = |index: usize, field: &str| warnings[index][field].clone();
    assert_eq!([told(0, "code"), told(0, "column"), told(0, "line")], [json!("lost_digits"), json!("id"), json!(1)]);
    assert_eq!([told(1, "code"), told(1, "column"), told(1, "line")], [json!("all_null"), json!("c0"), json!(1)]);
    let log = site.log();
    assert_eq!(log.matches("file.warning").count(), 21, "{log}");
    assert!(log.contains("And 981 more; see `h5inbox schema`."), "{log}");
    assert!(log.contains("code=lost_digits column=id line=1"), "{log}");
    let source = site.path("odd.json");
    fs::write(&source, odd_columns(1000)).unwrap();
    let converted = said(&h5inbox().arg("convert").arg(&source).output().unwrap());
    assert_eq!(converted.matches("warning: ").count(), 21, "{converted}");
    assert!(converted.contains("odd.json: and 981 more; see `h5inbox schema`\n"), "{converted}");
    let all: Value = serde_json::from_str(&printed(&schema(&[&source], &["--json"]))).unwrap();
    assert_eq!(all["warnings"].as_array().unwrap().len(), 1001);
}
