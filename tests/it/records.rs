//! The options of `[records]`, compared with what pandas and Python make of the same records at the time of the test.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use super::harness::{h5inbox, reader, said};

/// Runs a program of `tests/python` in the pandas `version`, told where ours is and which folder it may fill.
fn python(version: &str, program: &str, folder: &Path, more: &[&str]) -> Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python").join(program);
    let mut command = Command::new(reader(version));
    command.arg(script).args(["--program", env!("CARGO_BIN_EXE_h5inbox"), "--folder"]).arg(folder).args(more);
    command.output().unwrap()
}

fn assert_finds_no_difference(compared: &Output) {
    let told = String::from_utf8_lossy(&compared.stdout);
    assert!(compared.status.success(), "{told}{}", String::from_utf8_lossy(&compared.stderr));
}

/// The pinned readers that are installed.
fn readers() -> Vec<&'static str> {
    let installed = |version: &&str| reader(version).exists();
    let all: Vec<&str> = ["3.1", "3.0", "2.3", "2.2", "1.5"].into_iter().filter(installed).collect();
    assert!(all.len() >= 4, "{all:?}");
    all
}

#[test]
fn without_its_bad_lines_a_source_is_what_the_good_ones_are_alone() {
    let folder = tempfile::tempdir().unwrap();
    assert_finds_no_difference(&python("3.1", "bad_records.py", folder.path(), &[]));
    // Parsed by one thread, a large source gives the same bytes.
    let alone = folder.path().join("alone");
    let mut convert = h5inbox();
    convert.arg("convert").arg(folder.path().join("parallel.json")).args(["--workers", "1", "--on-bad-record", "skip"]);
    convert.args(["--type", "i=int64", "--type", "d=datetime", "--type", "f=float64", "--outdir"]).arg(&alone);
    convert.args(["--input", "lines", "--config"]).arg(folder.path().join("config.toml"));
    let converted = convert.output().unwrap();
    assert!(converted.status.success(), "{}", said(&converted));
    for name in ["parallel.h5", "parallel.bad.ndjson"] {
        assert!(fs::read(alone.join(name)).unwrap() == fs::read(folder.path().join(name)).unwrap(), "{name} differs");
    }
}

#[test]
fn schema_and_convert_tell_of_columns_what_python_counts_and_finds() {
    let folder = tempfile::tempdir().unwrap();
    assert_finds_no_difference(&python("3.1", "schema.py", folder.path(), &[]));
}

#[test]
fn hints_and_nested_values_are_what_each_pandas_makes_of_them() {
    let folder = tempfile::tempdir().unwrap();
    for version in readers() {
        assert_finds_no_difference(&python(version, "options.py", folder.path(), &[]));
    }
}

#[test]
fn hints_and_nested_values_are_the_same_in_compressed_outputs() {
    let folder = tempfile::tempdir().unwrap();
    let compressed = ["--compression", "zlib:2"];
    assert_finds_no_difference(&python("2.3", "options.py", folder.path(), &compressed));
}
