//! `layout = "table"`: what pandas reads of it, how it is queried and appended to, and what is refused.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::harness::{Site, h5inbox, reader, run, said};

/// Cases, hand-written and random, queries and appending, in one pandas.
fn tables_are_right_in(version: &str, seed: &str) {
    let folder = tempfile::tempdir().unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/table.py");
    let mut python = Command::new(reader(version));
    python
        .arg(script)
        .args(["--program", env!("CARGO_BIN_EXE_h5inbox"), "--seed", seed, "--folder"])
        .arg(folder.path());
    let done = python.output().unwrap();
    let told = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success(), "{told}{}", said(&done));
}

#[test]
fn tables_are_read_queried_and_appended_to_by_pandas_3_1() {
    tables_are_right_in("3.1", "31");
}

#[test]
fn tables_are_read_queried_and_appended_to_by_pandas_3_0() {
    tables_are_right_in("3.0", "30");
}

#[test]
fn tables_are_read_queried_and_appended_to_by_pandas_2_3() {
    tables_are_right_in("2.3", "23");
}

#[test]
fn tables_are_read_queried_and_appended_to_by_pandas_2_2() {
    tables_are_right_in("2.2", "22");
}

#[test]
fn tables_are_read_queried_and_appended_to_by_pandas_1_5() {
    tables_are_right_in("1.5", "15");
}

/// A source of over 32 MiB, and a table of over 32 MiB of it: all cores convert it together.
fn large_source(path: &Path) {
    let record = |row: u32| {
        format!(
            "{{\"row\": {row}, \"text\": \"t{}\", \"half\": {}, \"more\": null}}\n",
            row % 1000,
            f64::from(row) / 2.0
        )
    };
    let mut text: String = (0..600_000).map(record).collect::<Vec<_>>().concat();
    text.push_str("{\"row\": null, \"text\": null, \"late\": true, \"more\": \"");
    text.push_str("a text that makes each row longer by so many bytes\"}\n");
    assert!(text.len() > 32 << 20);
    fs::write(path, text).unwrap();
}

#[test]
fn tables_are_the_same_bytes_whatever_the_number_of_workers_and_the_memory() {
    let folder = tempfile::tempdir().unwrap();
    let (source, config) = (folder.path().join("large.json"), folder.path().join("config.toml"));
    large_source(&source);
    let folders = format!("inbox.path = \"{0}/in\"\noutput.path = \"{0}/out\"\n", folder.path().display());
    fs::write(&config, folders + "limits.memory_bytes = 1\n").unwrap();
    let config = config.to_str().unwrap();
    for compression in ["none", "zlib:1"] {
        let convert = |name: &str, more: &[&str]| {
            let out = folder.path().join(name);
            let mut command = h5inbox();
            command.arg("convert").arg(&source).args([
                "--layout",
                "table",
                "--on-unfit",
                "text",
                "--compression",
                compression,
            ]);
            let done = command.args(more).arg("--outdir").arg(&out).output().unwrap();
            assert!(done.status.success(), "{}", said(&done));
            fs::read(out.join("large.h5")).unwrap()
        };
        let one = convert("one", &["--workers", "1"]);
        assert!(one == convert("two", &["--workers", "2"]), "{compression}: two workers");
        assert!(one == convert("aside", &["--workers", "1", "--config", config]), "{compression}: little memory");
        fs::remove_dir_all(folder.path().join("one")).unwrap();
        fs::remove_dir_all(folder.path().join("two")).unwrap();
        fs::remove_dir_all(folder.path().join("aside")).unwrap();
    }
}

#[test]
fn what_a_table_cannot_hold_quarantines_its_source_with_column_line_and_what_to_do() {
    let site = Site::new("output.layout = \"table\"");
    site.drop_in("bad.json", b"{\"a\": 1}\n\n{\"a\": [1]}\n");
    site.drop_in("good.json", b"{\"a\": 1}\n");
    site.once();
    let history = site.history();
    let job = |path: &str| history.iter().find(|job| job["path"] == path).unwrap();
    assert_eq!(job("good.json")["state"], "done");
    let bad = job("bad.json");
    assert_eq!((&bad["state"], &bad["error_code"]), (&"quarantined".into(), &"unfit_column".into()));
    assert_eq!((&bad["line"], &bad["byte"]), (&3.into(), &16.into()), "{bad}");
    // Told what to do, it does it.
    site.configure("output.layout = \"table\"\noutput.on_unfit = \"text\"");
    assert!(site.verb("retry", &["--failed"]).status.success());
    assert!(site.once().status.success());
    let mut verify = h5inbox();
    verify.arg("verify").args([site.path("outbox/bad.h5"), site.path("outbox/good.h5")]).arg("--sources");
    let verified = verify.arg(site.path("inbox")).output().unwrap();
    assert!(verified.status.success() && said(&verified).is_empty(), "{}", said(&verified));
}

#[test]
fn a_table_that_one_long_text_makes_very_large_is_refused_and_says_which_column() {
    let folder = tempfile::tempdir().unwrap();
    let (source, config) = (folder.path().join("a.json"), folder.path().join("config.toml"));
    let long = format!("{{\"n\": 1, \"long one\": \"{}\"}}\n", "x".repeat(1 << 20));
    fs::write(&source, long + &"{\"n\": 1, \"long one\": \"\"}\n".repeat(1100)).unwrap();
    let folders = format!("inbox.path = \"{0}/in\"\noutput.path = \"{0}/out\"\n", folder.path().display());
    fs::write(&config, folders + "limits.decompression_ratio = 100\n").unwrap();
    let arguments = ["convert", source.to_str().unwrap(), "--config", config.to_str().unwrap()];
    let done = run(&[&arguments[..], &["--layout", "table"]].concat());
    assert_eq!(done.status.code(), Some(1));
    for part in ["1101 rows of 1048592 bytes", "`long one`", "text of 1048576 bytes", "`limits.decompression_ratio`"] {
        assert!(said(&done).contains(part), "{part}: {}", said(&done));
    }
    assert!(run(&arguments).status.success(), "the fixed layout has no padding");
}

#[test]
fn what_the_page_on_the_table_format_shows_works() {
    let folder = tempfile::tempdir().unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let records = |row: u32| {
        format!(
            "{{\"symbol\": \"{}\", \"close\": {}.5, \"volume\": {row}, \"at\": \"2024-03-01T09:{:02}:00\"}}\n",
            ["AAPL", "MSFT"][row as usize % 2],
            row,
            row % 60
        )
    };
    fs::write(folder.path().join("day.json"), (0..200).map(records).collect::<String>()).unwrap();
    let mut convert = h5inbox();
    convert.current_dir(&folder).args(["convert", "day.json", "--layout", "table", "--type", "at=datetime"]);
    assert!(convert.output().unwrap().status.success());
    let page = fs::read_to_string(root.join("docs/format-table.md")).unwrap();
    let snippets: Vec<&str> = page.split("```python\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(snippets.len() >= 3);
    let done = Command::new(reader("3.1"))
        .current_dir(&folder)
        .args(["-W", "error", "-c"])
        .arg(snippets.concat())
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", said(&done));
}
