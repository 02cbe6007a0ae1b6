//! The fuzzing corpus read back by Python: what the records of target `pickles` become is what Python's `json` reads.

use std::fs;
use std::path::Path;

use super::harness::h5inbox;
use super::readback::assert_equal_in;

#[test]
fn the_pickles_of_the_corpus_are_read_back_as_pythons_json_reads_their_records() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/pickles");
    let folder = tempfile::tempdir().unwrap();
    let (inputs, outputs) = (folder.path().join("in"), folder.path().join("out"));
    fs::create_dir(&inputs).unwrap();
    for entry in fs::read_dir(corpus).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{}.json", entry.file_name().to_str().unwrap());
        fs::copy(entry.path(), inputs.join(name)).unwrap();
    }
    let done = h5inbox().arg("convert").arg(&inputs).arg("--outdir").arg(&outputs).output().unwrap();
    assert_eq!(done.status.code(), Some(1), "some must be refused");
    assert!(fs::read_dir(&outputs).unwrap().count() > 30, "most are taken");
    assert_equal_in("3.1", &inputs, &outputs);
}
