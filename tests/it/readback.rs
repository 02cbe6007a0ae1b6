//! Equal to the reference: what pandas reads from our files is what the replaced script would have given, in every
//! pinned pandas, on hand-written and on random inputs, through `convert` and through the agent.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::harness::{Site, h5inbox, reader, wait_until};

const READERS: [&str; 4] = ["3.1", "2.3", "2.2", "1.5"];

fn script(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python").join(name)
}

fn make_cases(folder: &Path, seed: &str, count: &str) {
    let python = |name: &str, more: &[&str]| {
        let done = Command::new(reader("3.1")).arg(script(name)).args(more).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    };
    let folder = folder.to_str().unwrap();
    python("cases.py", &[folder]);
    python("random_cases.py", &["--seed", seed, "--n", count, "--out", folder]);
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

#[test]
fn convert_equals_the_reference_in_every_pandas() {
    let folder = tempfile::tempdir().unwrap();
    let (inputs, outputs) = (folder.path().join("in"), folder.path().join("out"));
    make_cases(&inputs, "2", "400");
    let converted = h5inbox().arg("convert").arg(&inputs).arg("--outdir").arg(&outputs).output().unwrap();
    assert_eq!(converted.status.code(), Some(1), "some cases must be refused");
    for version in READERS {
        assert_equal_in(version, &inputs, &outputs);
    }
}

#[test]
fn the_agent_equals_the_reference() {
    let mut site = Site::new("");
    let cases = site.path("cases");
    make_cases(&cases, "3", "150");
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
