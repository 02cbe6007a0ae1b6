//! Equal to the reference: what pandas reads from our files is what the replaced script would have given, in every
//! pinned pandas, on hand-written and on random inputs, through `convert` and through the agent.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, Weak};

use tempfile::TempDir;

use super::harness::{Site, h5inbox, reader, wait_until};

/// All hand-written cases but the JSON ones, which are the parser's matter and not one of pandas' versions.
const KINDS: [&str; 10] =
    ["lines", "documents", "rows", "rare", "repeats", "dtypes", "values", "layouts", "batches", "shapes"];

fn python(version: &str, name: &str, arguments: &[&str]) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python").join(name);
    let done = Command::new(reader(version)).arg(script).args(arguments).output().unwrap();
    let (told, said) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{name} in pandas {version}:\n{told}{said}");
}

/// Random cases, the same for the same seed.
pub(crate) fn random_cases(folder: &Path, seed: &str, count: &str) {
    python("3.1", "random_cases.py", &["--seed", seed, "--n", count, "--out", folder.to_str().unwrap()]);
}

pub(crate) fn hand_written_cases(folder: &Path, kinds: &[&str]) {
    python("3.1", "cases.py", &[&[folder.to_str().unwrap()], kinds].concat());
}

/// Cases, and what `convert` makes of them.
struct Converted {
    inputs: PathBuf,
    outputs: PathBuf,
    _folder: TempDir,
}

impl Converted {
    fn new(write: impl FnOnce(&Path)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (inputs, outputs) = (folder.path().join("in"), folder.path().join("out"));
        write(&inputs);
        let done = h5inbox().arg("convert").arg(&inputs).arg("--outdir").arg(&outputs).output().unwrap();
        assert_eq!(done.status.code(), Some(1), "some cases must be refused");
        Self { inputs, outputs, _folder: folder }
    }

    /// The hand-written cases: one and the same for all tests that run at a time, because they are many.
    fn hand_written() -> Arc<Self> {
        static SHARED: Mutex<Weak<Converted>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap();
        shared.upgrade().unwrap_or_else(|| {
            let converted = Arc::new(Self::new(|folder| hand_written_cases(folder, &KINDS)));
            *shared = Arc::downgrade(&converted);
            converted
        })
    }
}

/// Our outputs equal the reference's frames of the inputs, in one pandas.
pub(crate) fn assert_equal_in(version: &str, inputs: &Path, outputs: &Path) {
    assert_all_equal_in(version, &[(inputs, outputs)]);
}

fn assert_all_equal_in(version: &str, folders: &[(&Path, &Path)]) {
    let mut arguments = vec!["--differences", "--inputs"];
    arguments.extend(folders.iter().map(|(inputs, _)| inputs.to_str().unwrap()));
    arguments.push("--outputs");
    arguments.extend(folders.iter().map(|(_, outputs)| outputs.to_str().unwrap()));
    python(version, "reference.py", &arguments);
}

/// The hand-written cases, and random ones from a seed of its own, in one pandas.
fn convert_equals_the_reference_in(version: &str, seed: &str) {
    let hand_written = Converted::hand_written();
    let random = Converted::new(|folder| random_cases(folder, seed, "80"));
    let folders = [&*hand_written, &random].map(|cases| (cases.inputs.as_path(), cases.outputs.as_path()));
    assert_all_equal_in(version, &folders);
}

#[test]
fn convert_equals_the_reference_in_pandas_3_1() {
    convert_equals_the_reference_in("3.1", "31");
}

#[test]
fn convert_equals_the_reference_in_pandas_3_0() {
    convert_equals_the_reference_in("3.0", "30");
}

#[test]
fn convert_equals_the_reference_in_pandas_2_3() {
    convert_equals_the_reference_in("2.3", "23");
}

#[test]
fn convert_equals_the_reference_in_pandas_2_2() {
    convert_equals_the_reference_in("2.2", "22");
}

#[test]
fn convert_equals_the_reference_in_pandas_1_5() {
    convert_equals_the_reference_in("1.5", "15");
}

#[test]
fn every_kind_of_json_and_of_what_is_none_is_taken_or_refused_as_by_the_reference() {
    let converted = Converted::new(|folder| hand_written_cases(folder, &["json"]));
    assert_equal_in("3.1", &converted.inputs, &converted.outputs);
}

#[test]
fn random_and_damaged_records_are_read_as_pythons_json_reads_them() {
    let arguments = [env!("CARGO_BIN_EXE_h5inbox"), "--seed", "1", "--n", "2000", "--length", "3"];
    python("3.1", "parser_oracle.py", &arguments);
}

#[test]
fn the_agent_equals_the_reference() {
    let mut site = Site::new("");
    let cases = site.path("cases");
    random_cases(&cases, "3", "100");
    site.start();
    let mut sources = 0;
    for entry in fs::read_dir(&cases).unwrap() {
        let entry = entry.unwrap();
        if entry.path().extension().is_some_and(|ending| ending == "json") {
            sources += 1;
            site.drop_in(entry.file_name().to_str().unwrap(), &fs::read(entry.path()).unwrap());
        }
    }
    wait_until("every case is decided", || {
        let decided = |job: &&serde_json::Value| job["state"] == "done" || job["state"] == "quarantined";
        site.history().iter().filter(decided).count() == sources
    });
    assert_equal_in("3.1", &cases, &site.path("outbox"));
}
