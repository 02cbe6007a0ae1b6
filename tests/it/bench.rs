//! The benchmark does not rot: its scripts run here on next to no data, with what the tests have installed. What it
//! measures is of no interest here.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::harness::{reader, said};

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn bench(script: &str, arguments: &[&str]) {
    let script = repository().join("benches").join(script);
    let done = Command::new(reader("3.1")).arg(script).args(arguments).output().unwrap();
    assert!(done.status.success(), "{}", said(&done));
}

/// Every file under `folder` and what it holds.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for shape in fs::read_dir(folder).unwrap() {
        for file in fs::read_dir(shape.unwrap().path()).unwrap() {
            let path = file.unwrap().path();
            found.insert(path.strip_prefix(folder).unwrap().to_owned(), fs::read(&path).unwrap());
        }
    }
    found
}

#[test]
fn the_benchmarks_data_are_the_same_each_time() {
    let folder = tempfile::tempdir().unwrap();
    // `stock` needs a package that only the benchmark installs.
    let shapes = ["wide", "tweets", "nested", "sparse", "categories", "reordered", "integers", "flags", "small"];
    let made = ["once", "again"].map(|name| {
        let target = folder.path().join(name);
        bench("shapes.py", &[&[target.to_str().unwrap(), "0.0001"], &shapes[..]].concat());
        files(&target)
    });
    assert_eq!(made[0].len(), 8 * 12 + 20);
    assert!(made[0].values().all(|text| text.ends_with(b"}\n")));
    assert!(made[0] == made[1]);
}

#[test]
fn the_benchmark_runs_all_its_parts_finds_h5inbox_right_and_notes_it_in_the_readme() {
    let folder = tempfile::tempdir().unwrap();
    let [data, readme] = ["data", "README.md"].map(|name| folder.path().join(name));
    fs::copy(repository().join("README.md"), &readme).unwrap();
    let asked = ["--scale", "0.0001", "--rounds", "1", "--shapes", "integers", "--peers", "reference", "--h5inbox"];
    let places =
        [env!("CARGO_BIN_EXE_h5inbox"), "--folder", data.to_str().unwrap(), "--readme", readme.to_str().unwrap()];
    bench("run.py", &[&asked[..], &places[..]].concat());

    let results: Value = serde_json::from_slice(&fs::read(data.join("results.json")).unwrap()).unwrap();
    for part in ["shapes", "small", "latency", "idle", "memory", "scaling"] {
        assert!(results[part].is_object(), "{part}");
    }
    let contestants = results["shapes"]["integers"]["results"].as_array().unwrap();
    assert!(contestants.len() >= 4);
    for contestant in contestants {
        assert!(contestant["seconds"].is_f64() && contestant["wrong"].is_null(), "{contestant}");
    }
    let noted = fs::read_to_string(&readme).unwrap();
    assert!(noted.contains("| integers") && noted.contains("## Known problems"), "{noted}");
    assert!(folder.path().join("docs/bench.md").exists() && folder.path().join("docs/bench.svg").exists());
}
