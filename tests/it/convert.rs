//! `h5inbox convert`: the parallel map over files.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use super::harness::{h5inbox, run, said};

fn convert(folder: &Path, more: &[&str]) -> std::process::Output {
    h5inbox().arg("convert").arg(folder).args(more).output().unwrap()
}

#[test]
fn outputs_stand_beside_their_sources_and_one_bad_file_stops_nothing() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("good.json"), "{\"a\": 1}\n").unwrap();
    fs::write(folder.path().join("bad.json"), "{\"a\": 1}\n{\"a\": }\n").unwrap();
    fs::write(folder.path().join("also.jsonl"), "{\"a\": 2}\n").unwrap();
    let done = convert(folder.path(), &[]);
    assert_eq!(done.status.code(), Some(1));
    assert!(folder.path().join("good.h5").exists() && folder.path().join("also.h5").exists());
    assert!(!folder.path().join("bad.h5").exists() && !folder.path().join(".h5inbox").exists());
    let said = said(&done);
    assert!(said.contains("line 2, byte 15: expected a JSON value, found `}`, near `{\"a\": }`"), "{said}");
    assert!(said.contains("hint: "), "{said}");
    let summary = said.lines().last().unwrap();
    assert!(summary.starts_with("2 files, 2 rows, 18 bytes, ") && summary.ends_with(", 1 failures"), "{summary}");
}

#[test]
fn outputs_are_the_same_bytes_whatever_the_number_of_workers() {
    let folder = tempfile::tempdir().unwrap();
    let inputs = folder.path().join("in");
    assert!(run(&["sample-data", inputs.to_str().unwrap(), "--files", "3", "--days", "5"]).status.success());
    // Over the size from which all cores parse one file together.
    let record =
        |row: u32| format!("{{\"row\": {row}, \"text\": \"t{}\", \"half\": {}}}\n", row % 1000, f64::from(row) / 2.0);
    let mut large: String = (0..700_000).map(record).collect::<Vec<_>>().concat();
    large.push_str("{\"row\": null, \"late\": [1, {\"x\": null}]}\n");
    assert!(large.len() > 32 << 20);
    fs::write(inputs.join("large.json"), &large).unwrap();
    for workers in ["1", "2"] {
        let out = folder.path().join(workers);
        let done = convert(&inputs, &["--workers", workers, "--outdir", out.to_str().unwrap()]);
        assert!(done.status.success(), "{}", said(&done));
    }
    for name in ["AAPL.h5", "large.h5"] {
        let read = |workers: &str| fs::read(folder.path().join(workers).join(name)).unwrap();
        assert!(read("1") == read("2"), "{name} differs");
    }
}

#[test]
fn two_sources_never_share_an_output() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.json"), "{\"a\": 1}\n").unwrap();
    fs::write(folder.path().join("a.jsonl"), "{\"a\": 2}\n").unwrap();
    let done = convert(folder.path(), &[]);
    assert_eq!(done.status.code(), Some(1));
    assert!(said(&done).contains("its output would be that of"), "{}", said(&done));
    // Nor when one of them is written in another way.
    let (one, other) =
        (folder.path().join("a.json"), folder.path().join("../").join(folder.path().file_name().unwrap()));
    let done = h5inbox().arg("convert").arg(one).arg(other.join("a.jsonl")).output().unwrap();
    assert!(said(&done).contains("its output would be that of"), "{}", said(&done));
}

#[test]
fn a_source_named_twice_is_converted_once() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.json"), "{\"a\": 1}\n").unwrap();
    let mut command = h5inbox();
    command.current_dir(folder.path()).args(["convert", ".", "a.json", "./a.json"]).arg(folder.path().join("a.json"));
    let done = command.output().unwrap();
    assert!(done.status.success() && said(&done).starts_with("1 files, 1 rows"), "{}", said(&done));
}

#[test]
fn of_a_folder_hidden_and_foreign_files_are_left_out() {
    let folder = tempfile::tempdir().unwrap();
    for name in [".a.json", "b.json", "c.txt", "d.ndjson"] {
        fs::write(folder.path().join(name), "{\"a\": 1}\n").unwrap();
    }
    assert!(convert(folder.path(), &[]).status.success());
    assert!(folder.path().join("b.h5").exists() && folder.path().join("d.h5").exists());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 6);
}

#[test]
fn many_conversions_at_once_in_one_folder_do_not_disturb_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let number = 40;
    let begin = |n: usize| {
        let source = folder.path().join(format!("{n}.json"));
        fs::write(&source, format!("{{\"n\": {n}}}\n")).unwrap();
        h5inbox().arg("convert").arg(source).stderr(std::process::Stdio::piped()).spawn().unwrap()
    };
    let running: Vec<_> = (0..number).map(begin).collect();
    for child in running {
        let done = child.wait_with_output().unwrap();
        assert!(done.status.success(), "{}", said(&done));
    }
    // The sources, the outputs, and nothing else: the folder for unfinished outputs went with the last.
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2 * number);
}

#[test]
fn told_to_stop_it_leaves_nothing_unfinished() {
    // A file of this size may be done before the signal comes; then a larger one is tried.
    let stopped = [1_000_000, 4_000_000, 16_000_000].into_iter().any(stopped_in_the_middle_of);
    assert!(stopped, "it was never slow enough");
}

/// Whether the signal came before the file was done.
fn stopped_in_the_middle_of(rows: usize) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let large = "{\"a\": 1, \"b\": [\"not\", \"fast\"]}\n".repeat(rows);
    fs::write(folder.path().join("large.json"), large).unwrap();
    let child = h5inbox().arg("convert").arg(folder.path()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    let staging = folder.path().join(".h5inbox");
    let output = folder.path().join("large.h5");
    super::harness::wait_until("it has begun", || staging.exists() || output.exists());
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let stopped = child.wait_with_output().unwrap();
    if stopped.status.success() || output.exists() {
        return false;
    }
    assert_eq!(stopped.status.code(), Some(130), "{}", said(&stopped));
    assert_eq!(fs::read_dir(staging).unwrap().count(), 0);
    true
}

#[test]
fn an_output_that_cannot_be_written_leaves_nothing_under_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("a.json");
    fs::write(&source, "{\"a\": 1}\n").unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    let out = folder.path().join("file/out");
    let done = h5inbox().arg("convert").arg(&source).arg("--outdir").arg(&out).output().unwrap();
    assert_eq!(done.status.code(), Some(1));
    assert!(said(&done).contains("Not a directory"), "{}", said(&done));
}

#[test]
fn a_wrong_call_is_code_2_and_a_missing_file_code_1() {
    assert_eq!(run(&["convert"]).status.code(), Some(2));
    for wrong in [&["--format", "avro"][..], &["--format", "feather", "--layout", "table"], &["--compression", "lz4"]] {
        assert_eq!(run(&[&["convert", "x.json"], wrong].concat()).status.code(), Some(2), "{wrong:?}");
    }
    assert_eq!(run(&["convert", "x.json", "--key", "/a/.."]).status.code(), Some(2));
    let missing = run(&["convert", "/nowhere/x.json"]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(said(&missing).contains("failed to convert /nowhere/x.json: does not exist"), "{}", said(&missing));
}

#[test]
fn columns_put_aside_for_want_of_memory_give_the_same_output() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let (mut source, config) = (String::new(), at("config.toml"));
    for row in 0..120_000_u64 {
        // Numbers, text, lists, keys that come and go, and a column that is no number only at its end.
        let odd = if row == 119_999 { "\"x\"".to_owned() } else { row.to_string() };
        let _ = write!(
            source,
            "{{\"n\": {row}, \"f\": {row}.5, \"t\": \"text {row}\", \"l\": [{row}, null], \"odd\": {odd}"
        );
        if row % 1000 == 7 {
            source += ", \"rare\": true";
        }
        source += "}\n";
    }
    fs::write(at("big.json"), source).unwrap();
    let folders = format!("inbox.path = \"{0}/i\"\noutput.path = \"{0}/o\"\n", folder.path().display());
    fs::write(&config, folders + "limits.memory_bytes = 1\n").unwrap();
    let convert = |to: &str, more: &[&str]| {
        let done =
            h5inbox().arg("convert").arg(at("big.json")).arg("--outdir").arg(at(to)).args(more).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        fs::read(at(to).join("big.h5")).unwrap()
    };
    let (all, little) = (convert("all", &[]), convert("little", &["--config", config.to_str().unwrap()]));
    assert!(all == little, "{} and {} bytes", all.len(), little.len());
    assert_eq!(fs::read_dir(at("little")).unwrap().count(), 1);
}
