//! Compressed outputs of the fixed layout: the frame that pandas reads is the same, bit for bit.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::harness::{h5inbox, said};
use super::readback::{assert_equal_in, hand_written_cases, random_cases};

/// Random cases and those of a few kinds, converted with compression, equal the reference in one pandas.
fn compressed_equals_the_reference_in(version: &str, seed: &str) {
    let folder = tempfile::tempdir().unwrap();
    let (inputs, outputs) = (folder.path().join("in"), folder.path().join("out"));
    hand_written_cases(&inputs, &["rare", "layouts", "repeats"]);
    random_cases(&inputs, seed, "60");
    let mut command = h5inbox();
    command.args(["convert", "--compression", "zlib:3"]).arg(&inputs).arg("--outdir").arg(&outputs);
    let done = command.output().unwrap();
    assert_eq!(done.status.code(), Some(1), "some cases must be refused");
    eprintln!("{}", said(&done)); // shown when the test fails: why a case has no output
    assert_equal_in(version, &inputs, &outputs);
}

#[test]
fn compressed_outputs_equal_the_reference_in_pandas_3_1() {
    compressed_equals_the_reference_in("3.1", "131");
}

#[test]
fn compressed_outputs_equal_the_reference_in_pandas_3_0() {
    compressed_equals_the_reference_in("3.0", "130");
}

#[test]
fn compressed_outputs_equal_the_reference_in_pandas_2_3() {
    compressed_equals_the_reference_in("2.3", "123");
}

#[test]
fn compressed_outputs_equal_the_reference_in_pandas_2_2() {
    compressed_equals_the_reference_in("2.2", "122");
}

#[test]
fn compressed_outputs_equal_the_reference_in_pandas_1_5() {
    compressed_equals_the_reference_in("1.5", "115");
}

fn convert(source: &Path, outputs: &Path, compression: &str) -> u64 {
    let mut command = h5inbox();
    command.args(["convert", "--compression", compression]).arg(source).arg("--outdir").arg(outputs);
    let done = command.output().unwrap();
    assert!(done.status.success(), "{}", said(&done));
    fs::metadata(outputs.join("source.h5")).unwrap().len()
}

#[test]
fn numbers_texts_and_objects_of_many_bands_come_back_equal_and_take_less() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("source.json");
    let line = |n: u64| {
        format!(
            "{{\"id\":{n},\"open\":{}.{:03},\"up\":{},\"text\":\"number {}\",\"list\":[{},null],\"big\":{},\"gone\":{}}}\n",
            n / 7 % 100,
            n % 1000,
            n.is_multiple_of(2),
            n % 5000,
            n % 3,
            u64::MAX - n,
            if n.is_multiple_of(11) { "null".to_owned() } else { n.to_string() },
        )
    };
    fs::write(&source, (0..150_000).map(line).collect::<String>()).unwrap();
    let outputs = ["none", "zlib:1", "zlib:9"].map(|compression| {
        let outputs = folder.path().join(compression);
        let bytes = convert(&source, &outputs, compression);
        (outputs.join("source.h5"), bytes)
    });
    assert!(3 * outputs[1].1 < outputs[0].1 && outputs[2].1 < outputs[1].1, "{outputs:?}");
    let script = "import sys, pandas as pd; from compare import column_difference as d\n\
                  first, *others = [pd.read_hdf(path, '/data') for path in sys.argv[1:]]\n\
                  assert all(list(first.columns) == list(o.columns) and list(first.index) == list(o.index) for o in others)\n\
                  assert not [c for c in first for o in others if d(first[c], o[c])]";
    for version in ["3.1", "2.2"] {
        let mut python = Command::new(super::harness::reader(version));
        python.args(["-c", script]).args(outputs.iter().map(|(path, _)| path));
        let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python");
        let done = python.env("PYTHONPATH", scripts).output().unwrap();
        assert!(done.status.success(), "{}", said(&done));
    }
}

#[test]
fn stock_h5dump_undoes_the_filters_of_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("source.json");
    fs::write(&source, (0..2000).map(|n| format!("{{\"a\":{n}}}\n")).collect::<Vec<_>>().concat()).unwrap();
    convert(&source, folder.path(), "zlib:6");
    let output = folder.path().join("source.h5");
    let shown = Command::new("h5dump").args(["-p", "-d", "/data/block0_values"]).arg(&output).output().unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.contains("COMPRESSION DEFLATE { LEVEL 6 }") && shown.contains("PREPROCESSING SHUFFLE"), "{shown}");
    assert!(shown.contains("(1998,0): 1998"), "{shown}");
}
