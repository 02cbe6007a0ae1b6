//! Small files of very many different keys, which as a table are almost nothing but missing values: they take little
//! memory, and one that would fill the disk is refused.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use super::harness::{reader, said};

/// Records with a key of their own each; every key again after all of them, `times` times.
fn distinct_keys(keys: usize, times: usize) -> String {
    let mut text = String::new();
    for number in (0..keys).cycle().take(keys * times) {
        let _ = writeln!(text, "{{\"k{number:06}\": {number}}}");
    }
    text
}

/// `convert` in an address space of half a gigabyte.
fn convert_in_little_memory(source: &Path, more: &[&str]) -> Output {
    Command::new("prlimit")
        .arg(format!("--as={}", 512 << 20))
        .arg(env!("CARGO_BIN_EXE_h5inbox"))
        .args(["convert", "--workers", "1"])
        .arg(source)
        .args(more)
        .env_remove("H5INBOX_CONFIG")
        .env("MALLOC_ARENA_MAX", "2")
        .output()
        .unwrap()
}

#[test]
fn thousands_of_keys_that_few_records_have_take_little_memory_and_come_out_right() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("a.json");
    fs::write(&source, distinct_keys(4000, 2)).unwrap();
    let done = convert_in_little_memory(&source, &[]);
    assert!(done.status.success(), "{}", said(&done));
    let check = "import pandas as pd, sys; frame = pd.read_hdf(sys.argv[1])
assert frame.shape == (8000, 4000), frame.shape
assert list(frame.columns) == [f'k{n:06}' for n in range(4000)]
assert (frame.count() == 2).all() and (frame.max() == range(4000)).all()
assert (frame.iloc[4000:].reset_index(drop=True).to_numpy().diagonal() == range(4000)).all()";
    let output = folder.path().join("a.h5");
    let read = Command::new(reader("3.1")).args(["-c", check]).arg(&output).output().unwrap();
    assert!(read.status.success(), "{}", said(&read));
}

#[test]
fn a_small_file_that_would_fill_the_disk_is_refused_in_little_memory_with_the_key_to_raise() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("a.json");
    for (keys, times) in [(15_000, 1), (90_000, 1), (20_000, 30)] {
        fs::write(&source, distinct_keys(keys, times)).unwrap();
        let refused = convert_in_little_memory(&source, &[]);
        assert_eq!(refused.status.code(), Some(1), "{}", said(&refused));
        let what = format!("{} records of {keys} different keys make", keys * times);
        assert!(said(&refused).contains(&what), "{}", said(&refused));
        assert!(said(&refused).contains("raise `limits.decompression_ratio`"), "{}", said(&refused));
        assert!(!folder.path().join("a.h5").exists());
    }
    fs::write(&source, distinct_keys(101_000, 1)).unwrap();
    let refused = convert_in_little_memory(&source, &[]);
    assert!(
        said(&refused).contains("line 100001, byte 1888890: more than 100000 columns (`limits.columns`)"),
        "{}",
        said(&refused)
    );
}
