//! The plain layout: what its readers make of it, and that nothing is lost or made up.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

use super::harness::{h5inbox, said};
use super::readback::random_cases;

/// Three records with a column of each kind.
const SAMPLE: &str = concat!(
    r#"{"zulu": 1, "count": 5, "seen": 1152921504606846977, "price": 0.5, "up": true, "late": true, "name": "é", "#,
    r#""at": "2023-11-14T22:13:20.123456789", "utc": "2020-01-01T00:00:00+01:00", "tags": [1, {"k": null}], "a/b": 1}"#,
    "\n",
    r#"{"zulu": 2, "count": null, "price": null, "up": false, "late": null, "name": null, "at": null, "utc": null, "#,
    r#""tags": {}, "a/b": 2}"#,
    "\n",
    r#"{"zulu": 3, "count": 6, "seen": 7, "price": 2, "up": true, "name": "LONG", "at": "2020-02-03", "#,
    r#""utc": "2023-11-14T22:13:20.123456789Z", "tags": ["ä"], "a/b": 3}"#,
    "\n",
);

/// Runs a Python script of ours with the reader of plain files.
fn python(script: &Path, arguments: &[&str], folder: &Path) -> Output {
    let readers = std::env::var_os("H5INBOX_READERS").expect("H5INBOX_READERS is set by `make test`");
    let python = Path::new(&readers).join("plain/bin/python");
    Command::new(python).arg(script).args(arguments).current_dir(folder).output().unwrap()
}

fn ours(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python").join(name)
}

fn assert_fine(done: &Output) {
    assert!(done.status.success(), "{}{}", String::from_utf8_lossy(&done.stdout), said(done));
}

/// `convert` into the plain layout.
fn convert(source: &Path, outputs: &Path, more: &[&str]) -> Output {
    let mut command = h5inbox();
    command.args(["convert", "--layout", "plain"]).args(more).arg(source).arg("--outdir").arg(outputs);
    command.output().unwrap()
}

/// The sample, converted.
fn sample(more: &[&str]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("sample.json");
    fs::write(&source, SAMPLE.replace("LONG", &"long ".repeat(50))).unwrap();
    let hints = ["--type", "at=datetime", "--type", "utc=datetime"];
    assert_fine(&convert(&source, folder.path(), &[&hints, more].concat()));
    let output = folder.path().join("sample.h5");
    (folder, output)
}

#[test]
fn h5py_xarray_netcdf4_and_pytables_read_every_kind_of_column() {
    for more in [&[][..], &["--compression", "zlib:4"]] {
        let (folder, output) = sample(more);
        assert_fine(&python(&ours("plain_readers.py"), &[output.to_str().unwrap()], folder.path()));
    }
}

#[test]
fn h5dump_of_another_version_shows_texts_and_what_is_missing() {
    for more in [&[][..], &["--compression", "zlib:9"]] {
        let (_folder, output) = sample(more);
        let shown = Command::new("h5dump").args(["-g", "/data"]).arg(&output).output().unwrap();
        assert_fine(&shown);
        let shown = String::from_utf8(shown.stdout).unwrap();
        let name = shown.split("DATASET \"name\"").nth(1).unwrap();
        assert!(
            name.contains("(0): \"\\37777777703\\37777777651\", \"\",") || name.contains("(0): \"é\", \"\","),
            "{name}"
        );
        let mask = shown.split("DATASET \"name__missing\"").nth(1).unwrap();
        assert!(mask.contains("(0): FALSE, TRUE, FALSE"), "{mask}");
    }
}

/// More records than a band has, of every kind of column.
fn many_records() -> String {
    let record = |n: u64| {
        let some = if n.is_multiple_of(5) { "null".to_owned() } else { (u64::MAX / 3 + n).to_string() };
        let least = if n == 69_999 { i64::MIN } else { n.cast_signed() };
        let late = if n > 66_000 {
            format!(",\"late\":{},\"text\":\"é{n}\",\"list\":[{n}]", n.is_multiple_of(2))
        } else {
            String::new()
        };
        let taken = if n.is_multiple_of(3) { String::new() } else { format!(",\"taken\":{least}") };
        format!(
            "{{\"n\":{n},\"f\":{n}.25,\"up\":{},\"some\":{some},\"t\":\"text {n}\"{taken}{late}}}\n",
            n.is_multiple_of(3)
        )
    };
    (0..70_001).map(record).collect::<Vec<_>>().concat()
}

#[test]
fn random_columns_are_what_pythons_json_gives_or_refused_with_column_and_line() {
    let folder = tempfile::tempdir().unwrap();
    let inputs = folder.path().join("in");
    random_cases(&inputs, "44", "150");
    fs::write(inputs.join("bands.json"), many_records()).unwrap();
    for (name, text, compression) in [("a", false, "none"), ("b", true, "zlib:1"), ("c", false, "zlib:5")] {
        let outputs = folder.path().join(name);
        let more = ["--compression", compression, "--on-unfit", if text { "text" } else { "refuse" }];
        let done = convert(&inputs, &outputs, &more);
        let told = folder.path().join("said");
        fs::write(&told, &done.stderr).unwrap();
        let places = [&inputs, &outputs, &told].map(|path| path.to_str().unwrap());
        let mut arguments = vec!["--inputs", places[0], "--outputs", places[1], "--said", places[2]];
        arguments.extend(text.then_some("--text"));
        assert_fine(&python(&ours("plain.py"), &arguments, folder.path()));
    }
}

/// Converts `text`, and gives what was said; no output may be there.
fn refused(text: &str, more: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("source.json");
    fs::write(&source, text).unwrap();
    let done = convert(&source, folder.path(), more);
    assert_eq!(done.status.code(), Some(1));
    assert!(!folder.path().join("source.h5").exists());
    said(&done)
}

#[test]
fn what_has_no_type_is_refused_with_column_and_line_and_with_what_to_do() {
    for (second, why) in [
        ("\"x\"", "values of different kinds"),
        ("[1]", "values of different kinds"),
        ("18446744073709551616", "an integer beyond 64 bits"),
    ] {
        let said = refused(&format!("{{\"b\": 0, \"a\": 1}}\n\n{{\"a\": {second}}}\n"), &[]);
        assert!(said.contains(&format!("line 3, byte 24: column `a`: {why}")), "{said}");
        assert!(said.contains("--on-unfit text"), "{said}");
    }
    let said = refused("{\"a\": -1}\n{\"a\": 18446744073709551615}\n", &[]);
    assert!(said.contains("line 2") && said.contains("an integer above int64 beside a negative one"), "{said}");
}

#[test]
fn a_text_that_readers_would_cut_at_a_nul_is_refused_whatever_is_wanted() {
    let text = "{\"a\": \"fine\"}\n\n{\"a\": \"cut\\u0000off\"}\n";
    for more in [&["--on-unfit", "refuse"], &["--on-unfit", "text"]] {
        let said = refused(text, more);
        assert!(said.contains("line 3") && said.contains("column `a`: a text holds a NUL"), "{said}");
    }
    assert!(refused("{\"a\\u0000\": 1}\n", &[]).contains("its name holds a NUL"));
}

#[test]
fn an_output_is_the_same_for_any_number_of_threads() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("large.json");
    // Enough cells for all cores to write, in more than one band.
    let line = |n: usize| {
        let missing = if n.is_multiple_of(7) { String::new() } else { format!(",\"b\":{n},\"t\":\"text {}\"", n * n) };
        let more = (0..12).map(|column| format!(",\"{column}\":{}", n % 9)).collect::<Vec<_>>().concat();
        format!("{{\"a\":{n},\"n\":[{n}],\"f\":{}.5{more}{missing}}}\n", n % 1000)
    };
    fs::write(&source, (0..260_000_usize).map(line).collect::<String>()).unwrap();
    for (layout, compression) in [("plain", "none"), ("plain", "zlib:1"), ("fixed", "zlib:1")] {
        let made: Vec<Vec<u8>> = ["1", "5"]
            .into_iter()
            .map(|threads| {
                let outputs = folder.path().join(threads);
                let mut command = h5inbox();
                command.args(["convert", "--layout", layout, "--compression", compression]).arg(&source);
                let done = command.arg("--outdir").arg(&outputs).env("RAYON_NUM_THREADS", threads).output().unwrap();
                assert_fine(&done);
                let made = fs::read(outputs.join("large.h5")).unwrap();
                fs::remove_file(outputs.join("large.h5")).unwrap();
                made
            })
            .collect();
        assert!(made[0] == made[1], "{layout} {compression}");
    }
}

#[test]
fn an_output_says_where_it_came_from_and_is_verified() {
    let (folder, output) = sample(&["--compression", "zlib:1"]);
    let done = h5inbox().arg("verify").arg(&output).output().unwrap();
    assert_fine(&done);
    let empty = folder.path().join("empty.json");
    fs::write(&empty, "{}\n{}\n").unwrap();
    assert_fine(&convert(&empty, folder.path(), &[]));
    assert_fine(&h5inbox().arg("verify").arg(folder.path().join("empty.h5")).output().unwrap());
}
