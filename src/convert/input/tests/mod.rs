//! The reader as its callers see it: real files in, parsed records out.

mod packed;
mod shapes;

use std::fmt::Write as _;
use std::fs::File;
use std::io::{Seek, Write};
use std::sync::LazyLock;

use sha2::{Digest, Sha256};

use super::*;
use crate::convert::deadline::Deadline;
use crate::convert::frame::Frame;
use crate::convert::frame::JoinError;
use crate::convert::frame::column::{Cell, Column};
use crate::convert::frame::hints::Hints;
use crate::convert::frame::join::Joiner;
use crate::convert::parse::{self, ParsePlan};

static OPTIONS: LazyLock<ReadOptions> = LazyLock::new(|| ReadOptions {
    input: Input::Auto,
    batch_bytes: BATCH_BYTES,
    record_bytes: 1 << 28,
    skip_long: false,
    file_bytes: 0,
    depth: 512,
    decompression_ratio: 1000,
    deadline: Deadline::in_secs(3600),
});

fn file_of(content: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(content).unwrap();
    file.rewind().unwrap();
    file
}

/// What a source gives: every label and cell, and what was taken; or its first defect.
fn read(content: &[u8], options: ReadOptions) -> Result<(String, Taken), Defect> {
    let file = file_of(content);
    let mut reader = BatchReader::new(&file, options, true);
    let mut plan = ParsePlan::plain(options.depth, 1000, options.record_bytes);
    let (mut joiner, mut pieces) = (Joiner::default(), Vec::new());
    while let Some(batch) = defect_of(reader.next_batch())? {
        let part = parse::batch(&batch, &plan)?;
        plan.kind = plan.kind.or(part.kind());
        pieces.extend(joiner.add(part, 1000)?);
    }
    assert_eq!(reader.bytes_read(), content.len() as u64);
    assert_eq!(reader.hash(), Some(Sha256::digest(content).into()));
    match Frame::join(joiner, pieces, None, &Hints::default(), false) {
        Ok(frame) => Ok((shown(&frame), reader.taken())),
        Err(JoinError::Defect(defect)) => Err(defect),
        Err(JoinError::Again(columns)) => panic!("{columns:?}"),
    }
}

fn defect_of<T>(outcome: Result<T, ConvertError>) -> Result<T, Defect> {
    outcome.map_err(|error| match error {
        ConvertError::Defect(defect) => defect,
        other => panic!("{other}"),
    })
}

/// A frame as text, the same however its rows were cut into parts.
fn shown(frame: &Frame) -> String {
    let mut out = format!("{:?}\n", frame.labels);
    let pieces: Vec<_> = (0..frame.pieces.len()).map(|piece| frame.cells_of(piece).unwrap()).collect();
    let nothing = Column::default();
    for index in 0..frame.columns.len() {
        let rows = pieces.iter().flat_map(|cells| {
            let column = cells.column(index).unwrap_or(&nothing);
            column.cells(0..cells.piece.rows(), cells.piece.absent()).collect::<Vec<Cell<'_>>>()
        });
        let rows: Vec<String> = rows.map(|cell| format!("{cell:?}")).collect();
        let _ = writeln!(out, "{:?} {}", frame.columns[index].dtype, rows.join(" "));
    }
    out + &frame.rows.to_string()
}

#[test]
fn batches_end_at_line_ends_and_together_are_the_file() {
    let line = [b"\"", "x".repeat(999).as_bytes(), b"\"\r\n"].concat();
    let content = line.repeat(3000);
    let file = file_of(&content);
    let mut reader = BatchReader::new(&file, *OPTIONS, true);
    let (mut whole, mut lines) = (Vec::new(), 0);
    while let Some(batch) = reader.next_batch().unwrap() {
        assert_eq!((batch.first_line, batch.offset), (lines + 1, whole.len() as u64));
        assert!(batch.bytes[..batch.end].ends_with(b"\r\n"));
        lines += count_lines(&batch.bytes[..batch.end]);
        whole.extend_from_slice(&batch.bytes[..batch.end]);
    }
    assert_eq!((whole == content, lines), (true, 3000));
    assert_eq!(reader.hash(), Some(Sha256::digest(&content).into()));
}

#[test]
fn a_record_longer_than_a_batch_is_read_whole_and_one_over_the_limit_is_refused() {
    let long = [b"{\"a\": \"".as_slice(), &b"x".repeat(3 << 20), b"\"}"].concat();
    let array = [b"[1,\n".as_slice(), &long, b"]"].concat();
    for (content, line) in [(&b"1".repeat(3 << 20), 1), (&long, 1), (&array, 2)] {
        let file = file_of(content);
        let batch = BatchReader::new(&file, *OPTIONS, false).next_batch();
        assert!(batch.unwrap().is_some());
        let tight = ReadOptions { record_bytes: 1 << 20, ..*OPTIONS };
        let refused = read(content, tight).unwrap_err();
        assert_eq!((refused.code, refused.line), ("limit_record_bytes", Some(line)), "{refused}");
    }
}

#[test]
fn a_batch_of_tiny_records_is_small_too() {
    let content = [b"[".as_slice(), &b"1,".repeat(500_000), b"1]"].concat();
    let file = file_of(&content);
    let mut reader = BatchReader::new(&file, ReadOptions { input: Input::Document, ..*OPTIONS }, false);
    let mut records = 0;
    while let Some(batch) = reader.next_batch().unwrap() {
        let spans = batch.records.unwrap();
        assert!(spans.len() <= 1 << 16 && spans.iter().all(|span| batch.bytes[span.start..span.end] == *b"1"));
        records += spans.len();
    }
    assert_eq!(records, 500_001);
}

#[test]
fn a_one_line_array_over_the_limit_is_told_of_the_setting_that_takes_its_items() {
    let content = [b"[".as_slice(), &b"{\"a\": 1},".repeat(300_000), b"{}]"].concat();
    let tight = ReadOptions { record_bytes: 1 << 20, ..*OPTIONS };
    let refused = read(&content, tight).unwrap_err();
    assert!(refused.hint.contains("`records.input` to \"document\""), "{}", refused.hint);
    assert!(read(&content, ReadOptions { input: Input::Document, ..tight }).is_ok());
}

#[test]
fn blank_lines_of_any_number_take_no_memory_and_count() {
    let content = [&b"\r\n \t\n".repeat(700_000)[..], b"[\n{\"a\": 1 2}]"].concat();
    let tight = ReadOptions { record_bytes: 1 << 20, ..*OPTIONS };
    let refused = read(&content, tight).unwrap_err();
    assert_eq!((refused.line, refused.byte), (Some(1_400_002), Some(5 * 700_000 + 10)), "{refused}");
    let content = [b"[1,".as_slice(), &b"\r\n \t\n".repeat(700_000)[..], b"2]"].concat();
    assert!(read(&content, tight).is_ok());
}
