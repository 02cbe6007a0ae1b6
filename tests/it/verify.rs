//! `h5inbox verify`: an output that is not what its source gives is found, whatever is wrong with it.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use super::harness::{Site, reader, run, said, sha256};

const GOOD: &str = "{\"a\": 1, \"b\": \"some text\"}\n{\"a\": 2, \"b\": null}\n";

/// A folder with a converted source.
fn converted(more: &[&str]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("f.json");
    fs::write(&source, GOOD.repeat(1000)).unwrap();
    let done = run(&[&["convert", source.to_str().unwrap()], more].concat());
    assert_eq!(done.status.code(), Some(0), "{}", said(&done));
    folder
}

/// What is said of `output`, and the exit code.
fn verified(output: &Path, more: &[&str]) -> (Value, i32) {
    let done = run(&[&["verify", "--json", output.to_str().unwrap()], more].concat());
    let line = serde_json::from_slice(&done.stdout).unwrap_or_else(|_| panic!("{}", said(&done)));
    (line, done.status.code().unwrap())
}

fn verdict((line, code): &(Value, i32)) -> (&str, &str, i32) {
    (line["verdict"].as_str().unwrap(), line["compared"].as_str().unwrap_or("null"), *code)
}

#[test]
fn an_output_is_compared_with_what_its_source_gives_and_a_single_byte_that_differs_is_found() {
    for more in [&["--sha256"][..], &[]] {
        let folder = converted(more);
        let output = folder.path().join("f.h5");
        let found = verified(&output, &[]);
        assert_eq!(verdict(&found), ("verified", "equal", 0), "{found:?}");
        assert_eq!((&found.0["rows"], found.0["error"].is_null()), (&2000.into(), true));
        let hash = (!more.is_empty()).then(|| sha256(&fs::read(folder.path().join("f.json")).unwrap()));
        assert_eq!(found.0["sha256"].as_str(), hash.as_deref());
        let bytes = fs::read(&output).unwrap();
        let text = bytes.windows(9).rposition(|bytes| bytes == b"some text").unwrap() as u64;
        fs::File::options().write(true).open(&output).unwrap().write_all_at(b"S", text).unwrap();
        let found = verified(&output, &[]);
        assert_eq!(verdict(&found), ("failed", "different", 1), "{found:?}");
        assert_eq!(found.0["byte"], text);
    }
}

#[test]
fn without_the_very_source_rows_are_counted_and_values_not_compared() {
    let folder = converted(&["--sha256"]);
    let (source, output) = (folder.path().join("f.json"), folder.path().join("f.h5"));
    let elsewhere = tempfile::tempdir().unwrap();
    fs::copy(&source, elsewhere.path().join("f.json")).unwrap();
    fs::write(&source, "{\"a\": 3}\n").unwrap();
    assert_eq!(verdict(&verified(&output, &[])), ("consistent", "other_source", 0));
    fs::remove_file(&source).unwrap();
    assert_eq!(verdict(&verified(&output, &[])), ("consistent", "no_source", 0));
    // Copied, it has another time, and is the same source.
    let there = elsewhere.path().to_str().unwrap();
    assert_eq!(verdict(&verified(&output, &["--sources", there])), ("verified", "equal", 0));
}

#[test]
fn what_is_cut_off_foreign_or_lacks_rows_fails_and_says_why() {
    let folder = converted(&[]);
    let output = folder.path().join("f.h5");
    let script = "import sys, tables\nf = tables.open_file(sys.argv[1], 'a')\nrows = f.get_node('/data/axis1').read()[:-1]\n\
                  f.remove_node('/data/axis1')\nf.create_array('/data', 'axis1', rows)\nf.close()\n";
    let shorter = folder.path().join("shorter.h5");
    fs::copy(&output, &shorter).unwrap();
    let done = Command::new(reader("3.1")).args(["-c", script]).arg(&shorter).output().unwrap();
    assert!(done.status.success(), "{}", said(&done));
    let cut = folder.path().join("cut.h5");
    let bytes = fs::read(&output).unwrap();
    fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
    let foreign = folder.path().join("foreign.h5");
    let pandas = "import sys, pandas\npandas.DataFrame({'a': [1]}).to_hdf(sys.argv[1], key='/data')\n";
    let done = Command::new(reader("3.1")).args(["-c", pandas]).arg(&foreign).output().unwrap();
    assert!(done.status.success(), "{}", said(&done));
    fs::write(folder.path().join("text.h5"), "no such format").unwrap();
    for (name, reason) in [
        ("shorter.h5", "has 1999 rows, and should have 2000"),
        ("cut.h5", "HDF5 could not open the file"),
        ("foreign.h5", "was not written by h5inbox"),
        ("text.h5", "HDF5 could not open the file"),
        ("absent.h5", "No such file"),
    ] {
        let found = verified(&folder.path().join(name), &[]);
        assert_eq!(verdict(&found), ("failed", "null", 1), "{found:?}");
        assert!(found.0["error"].as_str().unwrap().contains(reason), "{found:?}");
    }
    // Of a folder all are looked at, for people too.
    let all = run(&["verify", folder.path().to_str().unwrap()]);
    assert_eq!(all.status.code(), Some(1));
    let text = String::from_utf8(all.stdout).unwrap();
    assert_eq!(text.lines().count(), 5, "{text}");
    assert!(text.contains("f.h5: verified; 2000 rows; equal to what its source gives"), "{text}");
}

#[test]
fn what_the_agent_made_is_verified_against_inbox_and_archive_with_the_options_that_it_used() {
    let site = Site::new(
        "source.after = \"archive\"\ninbox.recursive = true\nrecords.nested = \"flatten\"\noutput.key = \"/other/key\"\n\
         records.on_bad_record = \"skip\"\nrecords.types = { \"*_at\" = \"datetime:%d.%m.%Y\" }\n\
         output.name = \"{date:%Y}/{name}-{hash:8}\"",
    );
    let text = "{\"o\": {\"p\": 1}, \"seen_at\": \"24.11.2026\"}\nbad\n{\"o\": {\"p\": 2}}\n";
    site.drop_in("sub/f.json", text.as_bytes());
    site.drop_in("g.json", b"{\"a\": 1}\n");
    assert_eq!(site.once().status.code(), Some(0));
    let config = site.config();
    let done = run(&["verify", "--json", "--config", config.to_str().unwrap(), site.path("outbox").to_str().unwrap()]);
    let lines: Vec<Value> = String::from_utf8(done.stdout.clone())
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!((done.status.code(), lines.len()), (Some(0), 2), "{lines:?}{}", said(&done));
    assert!(lines.iter().all(|line| line["compared"] == "equal"), "{lines:?}");
    let hash = sha256(text.as_bytes());
    let named = lines.iter().any(|line| line["path"].as_str().unwrap().ends_with(&format!("/f-{}.h5", &hash[..8])));
    assert!(named && lines.iter().any(|line| line["sha256"] == hash.as_str()), "{lines:?}");
}
