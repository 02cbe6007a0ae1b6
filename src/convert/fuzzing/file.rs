//! A whole source into a whole output: no panic, no contradiction of the program with itself, and no record lost.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::super::input::count_lines;
use super::super::output::arrow::origin::{rows_of_feather, rows_of_parquet};
use super::super::output::provenance::Origin;
use super::super::{ConvertError, Encoding, Options, Summary, Target, to_file};
use super::splitter::split;
use super::{chosen, first, read_options};
use crate::config::{
    Compression, Format, Input, Layout, Nested, OnBadRecord, OnUnfit, Output, Records, TypeHint, TypeHints,
};
use crate::source::Identity;

/// What columns may be said to be; the first and the last few stand for nothing.
const HINTS: [&str; 16] = [
    "",
    "int64",
    "uint64",
    "float64",
    "bool",
    "string",
    "datetime",
    "datetime:s",
    "datetime:ms",
    "datetime:us",
    "datetime:ns",
    "datetime:%Y-%m-%d",
    "nullable-int",
    "",
    "",
    "",
];

/// Converts `data`, of which the first three bytes say how.
///
/// # Panics
///
/// If the conversion fails by any fault but the source's, or records in are not rows out and bad records.
pub fn file(data: &[u8]) {
    let (choice, rest) = first(data);
    let (hints, rest) = first(rest);
    let (limits, content) = first(rest);
    let options = options(choice, hints, limits);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (source, output, bad) =
        (folder.path().join("source"), folder.path().join("output.h5"), folder.path().join("bad.ndjson"));
    fs::write(&source, content).expect("room for the source");
    let source = File::open(source).expect("the source");
    let identity = Identity::of(&source.metadata().expect("the source"));
    let origin = Origin { source: "source".as_ref(), job: None, modified_ns: 0 };
    let target = Target { output: &output, bad_records: Some(&bad), origin };
    match to_file(&source, identity, target, &options) {
        Ok(summary) => check(&summary, &source, &output, &options),
        Err(ConvertError::Defect(defect)) => assert_ne!(defect.code, "internal", "{defect}"),
        Err(other) => panic!("{other}"),
    }
}

fn options(choice: u8, hints: u8, limits: u8) -> Options {
    let limited = |bit: u8, small: u64, large: u64| if limits & bit == 0 { large } else { small };
    let places = |bit, small, large| usize::try_from(limited(bit, small, large)).expect("a small number");
    Options {
        encoding: encoding(choice, limits),
        records: Records {
            input: chosen(choice & 3, &[Input::Auto, Input::Lines, Input::Document, Input::Auto]),
            on_bad_record: if choice & 4 == 0 { OnBadRecord::RejectFile } else { OnBadRecord::Skip },
            nested: chosen(choice >> 3 & 3, &[Nested::Object, Nested::Json, Nested::Flatten, Nested::Object]),
            types: types(hints),
        },
        skip_truncated: choice & 0x20 != 0,
        record_bytes: limited(1, 40, 1 << 28),
        file_bytes: limited(2, 200, 0),
        depth: places(4, 3, 512),
        columns: places(8, 3, 100_000),
        memory_bytes: limited(0x10, 1, 1 << 28),
        decompression_ratio: limited(0x20, 2, 1000),
        convert_secs: 3600,
        hash: choice & 0x40 != 0,
        durable: false,
        interrupted: None,
    }
}

/// One of the layouts that pandas knows, Feather or Parquet.
fn encoding(choice: u8, limits: u8) -> Encoding {
    let on_unfit = if limits & 0x80 == 0 { OnUnfit::Refuse } else { OnUnfit::Text };
    let usual = Encoding { on_unfit, ..Encoding::from_config(&Output::to(PathBuf::new())) };
    if choice & 0x80 != 0 {
        let format = if limits & 0x40 == 0 { Format::Feather } else { Format::Parquet };
        return Encoding { format, ..usual };
    }
    let layout = if limits & 0x40 == 0 { Layout::Fixed } else { Layout::Table };
    let compression = if limits & 0xc0 == 0xc0 { Compression::Zlib(1) } else { Compression::None };
    Encoding { layout, compression, ..usual }
}

fn types(hints: u8) -> TypeHints {
    let of = |name: &str, number: u8| TypeHint::parse(chosen(number, &HINTS)).map(|hint| (name.to_owned(), hint));
    of("a", hints & 15).into_iter().chain(of("*", hints >> 4)).collect()
}

fn check(summary: &Summary, source: &File, output: &Path, options: &Options) {
    let (split, _) = split(source, read_options(options.records.input, options.depth));
    assert!(split.end.is_ok(), "{:?} in what was taken", split.end);
    assert_eq!(summary.rows + summary.bad_records, split.records.len() as u64, "rows and bad records");
    let listed = summary.bad_file.as_ref().map_or(0, |path| line_count(path));
    assert_eq!(listed, summary.bad_records, "lines in the file of bad records");
    assert_eq!(rows_in(output, &options.encoding), summary.rows, "rows in the output");
}

fn rows_in(output: &Path, encoding: &Encoding) -> u64 {
    match encoding.format {
        Format::Hdf5 => {
            let rows = if encoding.layout == Layout::Table { "data/table" } else { "data/axis1" };
            let written = hdf5::File::open(output).and_then(|file| file.dataset(rows));
            written.expect("an output that HDF5 opens").size() as u64
        }
        Format::Feather => rows_of_feather(output).expect("an output that Arrow reads"),
        Format::Parquet => rows_of_parquet(output).expect("an output that Parquet reads"),
    }
}

fn line_count(path: &Path) -> u64 {
    count_lines(&fs::read(path).expect("the file of bad records"))
}
