//! Equal to the reference: what pandas reads from our files is what the replaced script would have given, in every
//! pinned pandas, on hand-written and on random inputs, through `convert` and through the agent.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::harness::{Site, h5inbox, reader, wait_until};

fn script(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python").join(name)
}

fn python(name: &str, more: &[&str]) {
    let done = Command::new(reader("3.1")).arg(script(name)).args(more).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

fn random_cases(folder: &Path, seed: &str, count: &str) {
    python("random_cases.py", &["--seed", seed, "--n", count, "--out", folder.to_str().unwrap()]);
}

fn assert_equal_in(version: &str, inputs: &Path, outputs: &Path) {
    let compared = Command::new(reader(version))
        .arg(script("reference.py"))
        .args(["--differences", "--inputs"])
        .arg(inputs)
        .arg("--outputs")
        .arg(outputs)
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&compared.stdout);
    assert!(compared.status.success(), "pandas {version}:\n{told}{}", String::from_utf8_lossy(&compared.stderr));
}

/// All hand-written cases, and random ones from a seed of its own, in one pandas.
fn convert_equals_the_reference_in(version: &str, seed: &str) {
    let folder = tempfile::tempdir().unwrap();
    let (inputs, outputs) = (folder.path().join("in"), folder.path().join("out"));
    python("cases.py", &[inputs.to_str().unwrap()]);
    random_cases(&inputs, seed, "80");
    let converted = h5inbox().arg("convert").arg(&inputs).arg("--outdir").arg(&outputs).output().unwrap();
    assert_eq!(converted.status.code(), Some(1), "some cases must be refused");
    assert_equal_in(version, &inputs, &outputs);
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
