//! Any lines under any record options: no record is lost or made up, and the outcome is always the same.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use h5inbox::config::{Compression, Config, Input, Layout, Nested, OnBadRecord, OnUnfit, TypeHint};
use h5inbox::convert::output::provenance::Origin;
use h5inbox::convert::{self, ConvertError, Options, Summary, Target};
use h5inbox::source::open_named;
use proptest::prelude::*;
use serde_json::Value;

const HINTS: [&str; 11] = [
    "int64",
    "uint64",
    "float64",
    "bool",
    "string",
    "nullable-int",
    "datetime",
    "datetime:s",
    "datetime:ms",
    "datetime:%Y-%m-%d",
    "datetime:%d.%m.%Y %H:%M",
];

/// Bytes that mean something to a parser.
const LIKELY: &[u8] = b"{}[]\":,\\0123456789.-+eEtfnNI\xc3\xa9\xff \t\n\r";

fn value() -> impl Strategy<Value = String> {
    let others = ["null", "true", "false", "NaN", "\"\\ud800\"", "1e400", "\"1\"", "\"01.02.2020 03:04\""];
    let leaf = prop_oneof![
        "-?(0|[1-9][0-9]{0,21})",
        "-?[1-9][0-9]{0,3}\\.[0-9]{1,4}",
        "\"[a-zé]{0,3}\"",
        "\"20[0-9]{2}-[01][0-9]-[0-3][0-9]([T ][0-2][0-9]:[0-5][0-9](Z|\\+01:00)?)?\"",
        prop::sample::select(others.to_vec()).prop_map(str::to_owned),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        let members = proptest::collection::vec(("[a-c]|a\\.b|\\\\udfff", inner.clone()), 0..4);
        prop_oneof![
            proptest::collection::vec(inner, 0..4).prop_map(|items| format!("[{}]", items.join(","))),
            members.prop_map(|members| object(&members)),
        ]
    })
}

fn object(members: &[(String, String)]) -> String {
    let members: Vec<String> = members.iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
    format!("{{{}}}", members.join(","))
}

/// Lines of mostly one kind, some of them damaged.
fn lines() -> impl Strategy<Value = Vec<u8>> {
    let record = proptest::collection::vec(("[a-e]", value()), 0..5).prop_map(|members| object(&members));
    let line = prop_oneof![12 => record, 1 => value(), 1 => Just(String::new())];
    let end = prop::sample::select(vec!["\n", "\n", "\n", "\r\n", "\r"]);
    let damage = proptest::option::weighted(0.2, (any::<prop::sample::Index>(), 0..LIKELY.len(), any::<bool>()));
    let damaged = (line, end, damage).prop_map(|(line, end, damage)| {
        let mut line = line.into_bytes();
        if let Some((at, byte, insert)) = damage {
            let at = at.index(line.len() + 1);
            if insert || at == line.len() {
                line.insert(at, LIKELY[byte]);
            } else {
                line[at] = LIKELY[byte];
            }
        }
        [&line[..], end.as_bytes()].concat()
    });
    proptest::collection::vec(damaged, 0..30).prop_map(|lines| lines.concat())
}

fn options() -> impl Strategy<Value = Options> {
    let hint = prop::sample::select(HINTS.to_vec()).prop_map(|word| TypeHint::parse(word).unwrap());
    let types = proptest::collection::vec(("[a-e]|a\\.b|\\*|[0-1]", hint), 0..4);
    let nested = prop::sample::select(vec![Nested::Object, Nested::Json, Nested::Flatten]);
    let limits = (prop::sample::select(vec![4_usize, 512]), prop::sample::select(vec![60_u64, 1 << 28]));
    (types, nested, any::<bool>(), limits, looks()).prop_map(|(types, nested, skip, (depth, record_bytes), looks)| {
        let mut options = Options::from_config(&Config::new("/in".into(), "/out".into()), 1);
        options.records.input = Input::Lines;
        options.records.on_bad_record = if skip { OnBadRecord::Skip } else { OnBadRecord::RejectFile };
        options.records.nested = nested;
        options.records.types = types;
        (options.encoding.layout, options.encoding.compression, options.encoding.on_unfit) = looks;
        Options { depth, record_bytes, durable: false, ..options }
    })
}

/// What an output looks like.
fn looks() -> impl Strategy<Value = (Layout, Compression, OnUnfit)> {
    let looks = [
        (Layout::Fixed, Compression::None, OnUnfit::Refuse),
        (Layout::Fixed, Compression::Zlib(1), OnUnfit::Refuse),
        (Layout::Table, Compression::None, OnUnfit::Refuse),
        (Layout::Table, Compression::Zlib(1), OnUnfit::Text),
        (Layout::Plain, Compression::None, OnUnfit::Refuse),
        (Layout::Plain, Compression::Zlib(9), OnUnfit::Text),
    ];
    prop::sample::select(looks.to_vec())
}

/// What a conversion gave: its summary, output and file of bad records, or its error.
type Outcome = Result<(Summary, Vec<u8>, Vec<u8>), String>;

fn outcome(source: &Path, options: &Options) -> Outcome {
    let (output, bad) = (source.with_extension("h5"), source.with_extension("bad"));
    let (file, identity) = open_named(source).unwrap();
    let origin = Origin { source: source.file_name().unwrap().as_ref(), job: None, modified_ns: 0 };
    let target = Target { output: &output, bad_records: Some(&bad), origin };
    let done = convert::to_file(&file, identity, target, options);
    let read = |path| fs::read(path).unwrap_or_default();
    let outcome = match done {
        Ok(summary) => Ok((summary, read(&output), read(&bad))),
        Err(ConvertError::Defect(defect)) => {
            assert_ne!(defect.code, "internal", "{defect}");
            Err(format!("{} {defect}", defect.code))
        }
        Err(error) => panic!("{error}"),
    };
    let _ = (fs::remove_file(output), fs::remove_file(bad));
    outcome
}

/// Lines that are not blank: their numbers, where they begin, and what they hold.
fn records_in(text: &[u8]) -> Vec<(u64, usize, &[u8])> {
    let (mut found, mut at, mut number) = (Vec::new(), 0, 0);
    while at < text.len() {
        let length = text[at..].iter().position(|byte| matches!(byte, b'\n' | b'\r')).unwrap_or(text.len() - at);
        let line = &text[at..at + length];
        number += 1;
        if line.iter().any(|byte| !matches!(byte, b' ' | b'\t')) {
            found.push((number, at, line));
        }
        at += length + if text[at + length..].starts_with(b"\r\n") { 2 } else { 1 };
    }
    found
}

/// Each entry of a file of bad records is a line of the source, told once, at its place.
fn assert_tells_of_lines(bad: &[u8], records: &[(u64, usize, &[u8])]) {
    let mut told = HashSet::new();
    for entry in bad.split(|byte| *byte == b'\n').filter(|entry| !entry.is_empty()) {
        let entry: Value = serde_json::from_slice(entry).unwrap();
        let line = entry["line"].as_u64().unwrap();
        let (_, start, record) = records.iter().find(|(number, ..)| *number == line).unwrap();
        let byte = usize::try_from(entry["byte"].as_u64().unwrap()).unwrap();
        assert!((*start..=start + record.len()).contains(&byte), "{entry}");
        assert!(entry["text"].is_null() || entry["text"].as_str().unwrap().as_bytes() == *record, "{entry}");
        assert!(told.insert(line), "{entry} is told twice");
    }
}

/// Where bad records are left out, only what is wrong with the file as a whole refuses it, or with a column for a layout.
fn is_about_the_whole_file(error: &str) -> bool {
    let codes =
        ["label_clash ", "colliding_labels ", "not_json_text ", "unfit_column ", "unfit_text ", "lone_surrogate "];
    error.contains("no record can be read; the first: ") || codes.iter().any(|code| error.starts_with(code))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_record_is_lost_and_the_outcome_is_the_same_with_one_thread_and_two(text in lines(), options in options()) {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("a.json");
        fs::write(&source, &text).unwrap();
        let with = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| outcome(&source, &options))
        };
        let first = with(1);
        prop_assert!(first == with(2), "two outcomes");
        let skip = options.records.on_bad_record == OnBadRecord::Skip;
        match first {
            Ok((summary, output, bad)) => {
                let records = records_in(&text);
                prop_assert!(!output.is_empty());
                prop_assert_eq!(summary.rows + summary.bad_records, records.len() as u64);
                prop_assert!(skip || summary.bad_records == 0);
                let entries = std::str::from_utf8(&bad).unwrap().lines().count();
                prop_assert_eq!(entries as u64, summary.bad_records);
                assert_tells_of_lines(&bad, &records);
            }
            Err(error) => prop_assert!(!skip || is_about_the_whole_file(&error), "{error}"),
        }
    }
}
