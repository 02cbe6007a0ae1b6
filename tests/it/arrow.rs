//! Feather and Parquet: what four readers make of them is what Python's json reads, or the source is refused with line and
//! column; and the same source gives the same bytes whatever memory and threads there are.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

use super::harness::{Site, h5inbox, said};

const FORMATS: [&str; 2] = ["feather", "parquet"];

/// The Python that has the readers, installed by `make test`.
fn python(script: &str, arguments: &[&str]) -> String {
    let folder =
        std::env::var_os("H5INBOX_READERS").expect("H5INBOX_READERS is set by `make test`; see CONTRIBUTING.md");
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python");
    let mut command = Command::new(Path::new(&folder).join("arrow/bin/python"));
    let done = command.arg(scripts.join(script)).args(arguments).output().unwrap();
    let told = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(done.status.success(), "{script} {arguments:?}:\n{told}{}", said(&done));
    told
}

/// A folder with a source, and its outputs.
struct Case {
    folder: TempDir,
}

impl Case {
    fn new(content: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.json"), content).unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn convert(&self, format: &str, more: &[&str]) -> Output {
        h5inbox().arg("convert").arg(self.path("a.json")).args(["--format", format]).args(more).output().unwrap()
    }

    /// Converts to both formats.
    fn converted(self) -> Self {
        for format in FORMATS {
            let done = self.convert(format, &[]);
            assert!(done.status.success(), "{}", said(&done));
        }
        self
    }
}

#[test]
fn feather_and_parquet_hold_what_pythons_json_reads_or_are_refused_with_line_and_column() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().to_str().unwrap();
    python("arrow_check.py", &["--program", env!("CARGO_BIN_EXE_h5inbox"), "--folder", folder, "--n", "60"]);
}

#[test]
fn labels_hints_and_compression_are_what_pandas_and_polars_know_them_as() {
    let folder = tempfile::tempdir().unwrap();
    python(
        "arrow_options.py",
        &["--program", env!("CARGO_BIN_EXE_h5inbox"), "--folder", folder.path().to_str().unwrap()],
    );
}

/// Lines of some 140 bytes with texts that repeat and others, optional keys, lists and objects.
fn many_lines(rows: usize) -> String {
    let mut lines = String::new();
    for row in 0..rows {
        write!(lines, "{{\"id\": {row}, \"name\": \"n{}\", \"text\": \"some text of row {row}\"", row % 7).unwrap();
        write!(lines, ", \"x\": {}.25, \"l\": [{row}, null], \"o\": {{\"a\": \"{}\"", row % 1000, "y".repeat(row % 50))
            .unwrap();
        lines.push_str(if row % 3 == 0 { ", \"b\": [true]}" } else { "}" });
        lines.push_str(if row % 5 == 0 {
            ", \"n\": null}\n"
        } else if row % 11 == 0 {
            ", \"n\": 5}\n"
        } else {
            "}\n"
        });
    }
    lines
}

#[test]
fn a_large_source_gives_the_same_bytes_whatever_memory_and_threads_there_are() {
    let lines = many_lines(260_000);
    assert!(lines.len() > 33 << 20, "large enough for several threads: {}", lines.len());
    let case = Case::new(&lines).converted();
    let root = case.folder.path().display();
    let config = format!("inbox.path = \"{root}/i\"\noutput.path = \"{root}/o\"\nlimits.memory_bytes = 16_777_216\n");
    fs::write(case.path("config.toml"), config).unwrap();
    fs::create_dir(case.path("small")).unwrap();
    for format in FORMATS {
        let (config, outdir) = (case.path("config.toml"), case.path("small"));
        let mut command = h5inbox();
        command.env("RAYON_NUM_THREADS", "3").args(["convert", "--workers", "1", "--format", format, "--config"]);
        let done = command.arg(config).arg(case.path("a.json")).arg("--outdir").arg(outdir).output().unwrap();
        assert!(done.status.success(), "{}", said(&done));
        let name = format!("a.{format}");
        assert!(fs::read(case.path(&name)).unwrap() == fs::read(case.path("small").join(&name)).unwrap(), "{name}");
    }
    python("arrow_large.py", &[case.folder.path().to_str().unwrap()]);
}

#[test]
fn an_output_tells_its_source_and_can_be_verified() {
    let case = Case::new("{\"a\": 1}\n{\"a\": null, \"b\": [\"x\"]}\n").converted();
    for format in FORMATS {
        let output = case.path(&format!("a.{format}"));
        let verified = h5inbox().arg("verify").arg(&output).output().unwrap();
        assert!(verified.status.success(), "{}{}", String::from_utf8_lossy(&verified.stdout), said(&verified));
    }
    let told = python(
        "arrow_large.py",
        &["--told", case.path("a.feather").to_str().unwrap(), case.path("a.parquet").to_str().unwrap()],
    );
    for line in told.lines() {
        let told: Value = serde_json::from_str(line).unwrap();
        assert_eq!((told["source"].as_str(), told["rows"].as_u64()), (Some("a.json"), Some(2)), "{told}");
    }
    assert_eq!(told.lines().count(), 2);
}

#[test]
fn a_ledger_is_made_anew_from_feather_and_parquet() {
    for format in FORMATS {
        let mut site = Site::new(&format!("output.format = \"{format}\""));
        site.drop_in("a.json", b"{\"a\": 1}\n");
        site.start();
        site.wait_for("done", 1);
        assert!(site.stop().success());
        assert_eq!(site.names("outbox"), [format!("a.{format}")]);
        let before = site.history();
        fs::remove_dir_all(site.path("state")).unwrap();
        let rebuilt = h5inbox().args(["ledger", "rebuild", "--config"]).arg(site.config()).output().unwrap();
        assert!(rebuilt.status.success(), "{}", said(&rebuilt));
        let after = site.history();
        assert_eq!((after.len(), &after[0]["source_hash"]), (1, &before[0]["source_hash"]));
    }
}

#[test]
fn records_without_keys_are_rows_of_feather_and_refused_for_parquet() {
    let case = Case::new("{}\n{}\n");
    assert!(case.convert("feather", &[]).status.success());
    let refused = case.convert("parquet", &[]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        said(&refused).contains("no record has a key, and Parquet has no rows without columns"),
        "{}",
        said(&refused)
    );
    assert!(!case.path("a.parquet").exists());
}

#[test]
fn objects_with_keys_that_are_data_are_refused_or_text() {
    let lines: Vec<String> = (0..10_001).map(|row| format!("{{\"a\": {{\"key {row}\": 1}}}}\n")).collect();
    let lines = lines.concat();
    let case = Case::new(&lines);
    for format in FORMATS {
        let refused = case.convert(format, &[]);
        assert!(said(&refused).contains("more than 10000 different keys"), "{}", said(&refused));
        assert!(case.convert(format, &["--on-unfit", "text"]).status.success());
    }
}

#[test]
fn an_output_that_is_damaged_is_not_taken_for_one() {
    let case = Case::new("{\"a\": 1}\n").converted();
    for format in FORMATS {
        let output = case.path(&format!("a.{format}"));
        let whole = fs::read(&output).unwrap();
        fs::write(&output, &whole[..whole.len() - 20]).unwrap();
        let verified = h5inbox().arg("verify").arg(&output).output().unwrap();
        assert_eq!(verified.status.code(), Some(1), "{}", said(&verified));
    }
}

#[test]
fn what_the_pages_on_formats_tell_to_type_works() {
    for format in FORMATS {
        let case = Case::new("{\"a\": 1, \"b\": \"x\"}\n{\"a\": null, \"b\": \"y\"}\n").converted();
        fs::rename(case.path(&format!("a.{format}")), case.path(&format!("data.{format}"))).unwrap();
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("docs/format-{format}.md"));
        python("snippets.py", &[page.to_str().unwrap(), case.folder.path().to_str().unwrap()]);
    }
}
