//! Every shape of JSON file: the same records give what pandas makes of them as JSON lines.

use std::fs;
use std::path::Path;

use super::harness::{Site, h5inbox, said};
use super::readback::{assert_equal_in, random_cases};

/// The records of a JSON-lines file.
fn records(text: &[u8]) -> Vec<&[u8]> {
    let lines = text.split(|byte| matches!(byte, b'\n' | b'\r'));
    lines.filter(|line| !line.trim_ascii().is_empty()).collect()
}

/// One more shape of each random table, list or column in `lines`, made by `shape`.
fn write_shapes(lines: &Path, to: &Path, kinds: &[&str], shape: impl Fn(&[&[u8]]) -> Vec<u8>) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(lines).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if kinds.iter().any(|kind| name.ends_with(&format!("-{kind}.json"))) {
            let content = fs::read(&path).unwrap();
            fs::write(to.join(&name), shape(&records(&content))).unwrap();
        } else {
            // The comparison is about what has another shape now.
            fs::remove_file(path).unwrap();
        }
    }
}

fn assert_shape_equals_lines(kinds: &[&str], input: &str, shape: impl Fn(&[&[u8]]) -> Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    random_cases(&path("lines"), "77", "60");
    write_shapes(&path("lines"), &path("shapes"), kinds, shape);
    let mut command = h5inbox();
    command.args(["convert", "--input", input, "--outdir"]).arg(path("out")).arg(path("shapes"));
    command.output().unwrap();
    assert_equal_in("3.1", &path("lines"), &path("out"));
}

#[test]
fn an_array_over_many_lines_is_its_items_as_lines() {
    let shape = |records: &[&[u8]]| [b"[\n", &records.join(&b",\r\n"[..])[..], b"\n]\n"].concat();
    assert_shape_equals_lines(&["table", "lists", "scalars"], "auto", shape);
}

#[test]
fn an_array_on_one_line_is_its_items_as_lines_if_a_document_is_asked_for() {
    let shape = |records: &[&[u8]]| [b" [", &records.join(&b","[..])[..], b"]"].concat();
    assert_shape_equals_lines(&["table", "lists", "scalars"], "document", shape);
}

#[test]
fn objects_one_behind_the_other_are_rows() {
    assert_shape_equals_lines(&["table"], "auto", |records| records.concat());
    assert_shape_equals_lines(&["table"], "document", |records| records.join(&b"\n\n"[..]));
}

#[test]
fn what_was_taken_is_logged_and_recorded() {
    let mut site = Site::new("");
    site.start();
    let shapes: [(&str, &[u8], u64); 4] = [
        ("lines", b"{\"a\": 1}\n{\"a\": 2}\n", 2),
        ("array", b"[\n{\"a\": 1},\n{\"a\": 2},\n{\"a\": 3}\n]\n", 3),
        ("object", b"{\n  \"a\": 1\n}\n", 1),
        ("objects", b"{\"a\": 1} {\"a\": 2}\n{\"a\": 3}\n{\n\"a\": 4}", 4),
    ];
    for (shape, content, _) in shapes {
        site.drop_in(&format!("{shape}.json"), content);
    }
    site.wait_for("done", 4);
    let (history, log) = (site.history(), site.log());
    for (shape, _, rows) in shapes {
        let job = history.iter().find(|job| job["path"] == format!("{shape}.json")).unwrap();
        assert_eq!((&job["input"], &job["compression"], &job["rows"]), (&shape.into(), &"none".into(), &rows.into()));
        let published = log.lines().find(|line| line.contains("Published") && line.contains(&format!("{shape}.json")));
        assert!(published.unwrap().contains(&format!("input={shape} compression=none")), "{published:?}");
    }
}

#[test]
fn an_array_on_one_line_is_one_row_and_told_of() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("a.json");
    fs::write(&source, "[{\"a\": 1}, {\"a\": 2}]\n").unwrap();
    let convert = |more: &[&str]| said(&h5inbox().arg("convert").arg(&source).args(more).output().unwrap());
    let told = convert(&[]);
    assert!(told.contains("one array on one line is one row") && told.contains("1 files, 1 rows"), "{told}");
    for (input, rows) in [("lines", 1), ("document", 2)] {
        let told = convert(&["--input", input]);
        assert!(!told.contains("warning") && told.contains(&format!("1 files, {rows} rows")), "{told}");
    }
}

#[test]
fn a_document_so_large_that_its_batches_are_parsed_together_is_its_items_as_lines() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let record = |row: u32| {
        let text = "t[{\\\"".repeat(80);
        format!("{{\"row\": {row},\n \"text\": \"{text}{}\",\r\n \"half\": [{}]}}", row % 1000, row / 2)
    };
    let records: Vec<String> = (0..90_000).map(record).collect();
    let large = format!("[{}]", records.join(",\n"));
    assert!(large.len() > 32 << 20);
    ["lines", "documents"].iter().for_each(|name| fs::create_dir(path(name)).unwrap());
    fs::write(path("documents/a.json"), large).unwrap();
    let lines = records.iter().map(|record| record.replace(['\r', '\n'], "") + "\n").collect::<String>();
    fs::write(path("lines/a.json"), lines).unwrap();
    let done = h5inbox().arg("convert").arg(path("documents")).arg("--outdir").arg(path("out")).output().unwrap();
    assert!(done.status.success(), "{}", said(&done));
    assert_equal_in("3.1", &path("lines"), &path("out"));
}

#[test]
fn a_defect_of_a_document_names_line_and_byte_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("a.json");
    fs::write(&source, "[\r\n  {\"a\": 1},\r\n  {\"a\": 2,\r\n   \"b\": nul}\r\n]").unwrap();
    let told = said(&h5inbox().arg("convert").arg(&source).output().unwrap());
    assert!(told.contains("line 4, byte 36: expected a JSON value, found `n`"), "{told}");
}
