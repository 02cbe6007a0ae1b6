//! Every defect of a record is told with line, byte and a short excerpt, in whatever shape the source is and whether it is
//! found while a record is parsed or when all of them are joined.

use std::fs;
use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::harness::{h5inbox, said};

/// What is wrong with the last of some records, and the text at its place.
struct Case {
    code: &'static str,
    options: &'static [&'static str],
    good: &'static str,
    bad: String,
    place: &'static str,
    /// Whether it is known only once all records are there.
    late: bool,
}

fn case(
    code: &'static str,
    options: &'static [&'static str],
    good: &'static str,
    bad: &str,
    place: &'static str,
) -> Case {
    Case { code, options, good, bad: bad.to_owned(), place, late: false }
}

fn late(
    code: &'static str,
    options: &'static [&'static str],
    good: &'static str,
    bad: &str,
    place: &'static str,
) -> Case {
    Case { late: true, ..case(code, options, good, bad, place) }
}

fn cases() -> Vec<Case> {
    let long = format!("{{\"long\": \"{}\"}}", "x".repeat(3000));
    let large = format!("{{\"large\": \"{}\"}}", "x".repeat(6 << 20));
    let flat = &["--nested", "flatten"];
    vec![
        case("`{\"a\" 1}`", &[], "{\"a\": 1}", "{\"a\" 1}", "1}"),
        case("expected an object", &[], "{\"a\": 1}", "[1]", "[1]"),
        case("the key", &[], "{\"t\": 1}", "{\"a\": \"\", \"\\ud800k\": 1}", "\\ud800k"),
        case("more than 2 columns", &[], "{\"a\": 1, \"b\": 2}", "{\"c\": 3}", "{\"c\""),
        case("column `n`", &["--type", "n=int64"], "{\"n\": 1}", "{\"t\": \"é\", \"n\": \"x\"}", "\"x\""),
        case("record of more", &[], "{\"long\": 1}", &long, "{\"long\": \"x"),
        case("nesting deeper", flat, "{\"a\": 1}", "{\"a\": {\"b\": {\"c\": {\"d\": {}}}}}", "{}"),
        case("of memory at once", &[], "{\"large\": \"\"}", &large, "{\"large\": \"x"),
        late("column `t`", &[], "{\"t\": \"x\"}", "{\"a\": \"\", \"t\": \"y\\udc00\"}", "\\udc00"),
        late(
            "column `n`",
            &["--type", "n=datetime"],
            "{\"n\": \"2020-01-01\"}",
            "{\"n\": \"2020-01-01T00:00Z\"}",
            "\"2020-01-01T",
        ),
        late("flattened to the column", flat, "{\"a.b\": 1}", "{\"a\": {\"b\": 2}}", "\"b\""),
        late("differ only by NUL", &[], "{\"k\": 1}", "{\"k\\u0000\": 2}", "\"k\\u0000"),
    ]
}

/// The records one a line behind a mark and a blank line; as an array over many lines; and as one on a line.
fn shapes(records: &[&str]) -> [(&'static str, String); 3] {
    [
        ("lines", format!("\u{feff}\n{}\r\n", records.join("\r\n"))),
        ("document", format!("[\n{}\n]\n", records.join(",\n").replace(", \"", ",\n \""))),
        ("document", format!("[{}]", records.join(", "))),
    ]
}

fn packed(text: &str) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    packer.write_all(text.as_bytes()).unwrap();
    packer.finish().unwrap()
}

/// What `convert` says of `content`.
fn verdict(folder: &Path, content: &[u8], input: &str, case: &Case) -> String {
    let (source, config) = (folder.join("a.json"), folder.join("config.toml"));
    fs::write(&source, content).unwrap();
    let record_bytes = if case.bad.len() > 1 << 20 { 8 << 20 } else { 2000 };
    let limits = format!("columns = 2\nrecord_bytes = {record_bytes}\ndepth = 4\nmemory_bytes = 1");
    fs::write(&config, format!("inbox.path = \"/i\"\noutput.path = \"/o\"\n[limits]\n{limits}\n")).unwrap();
    let mut convert = h5inbox();
    convert.arg("convert").arg(&source).arg("--config").arg(config).args(["--input", input]).args(case.options);
    said(&convert.output().unwrap())
}

/// Line and byte that were told.
fn told(said: &str) -> Option<(usize, usize)> {
    let (_, behind) = said.split_once(": line ")?;
    let (line, behind) = behind.split_once(", byte ")?;
    Some((line.parse().ok()?, behind.split(':').next()?.parse().ok()?))
}

fn check(case: &Case, records: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    for (number, (input, text)) in shapes(records).into_iter().enumerate() {
        let place = text.rfind(case.place).unwrap();
        let line = text[..place].matches('\n').count() + 1;
        for content in [text.clone().into_bytes(), packed(&text)] {
            let said = verdict(folder.path(), &content, input, case);
            let what = format!("{} {number}: {}", case.code, said.chars().take(500).collect::<String>());
            assert!(said.contains(case.code), "{what}");
            assert_eq!(told(&said), Some((line, place)), "{what}");
            assert!(said.contains(", near `") && said.len() < 1000, "{what}");
        }
    }
}

#[test]
fn each_defect_of_a_record_has_line_byte_and_excerpt() {
    for case in cases() {
        check(&case, &[case.good, case.good, &case.bad]);
    }
}

#[test]
fn a_defect_far_behind_in_a_source_has_its_place_too() {
    let many = 60_000;
    let columns = late("more than 2 columns", &[], "{\"a\": 1, \"b\": 2}", "{\"c\": 3}", "{\"c\"");
    for case in cases().into_iter().filter(|case| case.late).chain([columns]) {
        let mut records = vec![case.good; many];
        records.push(&case.bad);
        check(&case, &records);
    }
}
