//! Where records begin and end: the same for every size of a batch, and together they are the text.

use std::fs::File;
use std::io::Seek;

use super::super::ConvertError;
use super::super::defect::Defect;
use super::super::input::{Batch, BatchReader, Compression, ReadOptions, Shape, Taken};
use super::super::input::{break_length, first_line_end};
use super::{chosen, file_of, first, read_options};
use crate::config::Input;

/// Batch sizes that cut everywhere.
const SIZES: [usize; 8] = [1, 2, 3, 7, 16, 61, 300, 4096];

/// Bytes of the smallest batch of an unpacked text: a few bytes become megabytes, which byte by byte take seconds.
const SMALLEST_UNPACKED: usize = 16;

/// A record where it was found.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// The line of the source.
    line: u64,
    /// The byte of the text.
    start: usize,
    pub(super) text: Vec<u8>,
}

/// What a source was cut into.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Split {
    /// Its records; no blank lines.
    pub(super) records: Vec<Found>,
    /// Whether they stand in a document.
    document: bool,
    /// What was taken, or the defect behind the records.
    pub(super) end: Result<Taken, Defect>,
}

/// Reads `data`, of which the first byte says as what, in batches of many sizes.
///
/// # Panics
///
/// If the records found depend on the size of the batches, or are not what the text is made of.
pub fn splitter(data: &[u8]) {
    let (choice, text) = first(data);
    let input = chosen(choice, &[Input::Auto, Input::Lines, Input::Document]);
    let (options, source) = (read_options(input, if choice & 0x10 == 0 { 512 } else { 4 }), file_of(text));
    let (expected, compression) = split(&source, options);
    let is_small = |size: &usize| compression != Compression::None && *size < SMALLEST_UNPACKED;
    for batch_bytes in SIZES.into_iter().filter(|size| !is_small(size)) {
        let (found, _) = split(&source, ReadOptions { batch_bytes, ..options });
        if compression == Compression::None || expected.end.is_ok() {
            assert_eq!(found, expected, "batches of {batch_bytes} bytes");
        } else {
            // Small batches come out of a damaged stream before the damage is met.
            assert!(found.end.is_err(), "batches of {batch_bytes} bytes: {found:?}, not {expected:?}");
        }
    }
    match compression {
        Compression::None if expected.document => check_document(text, &expected),
        Compression::None => check_lines(text, &expected),
        _ => {}
    }
}

/// Cuts `source` into records.
pub(super) fn split(mut source: &File, options: ReadOptions) -> (Split, Compression) {
    source.rewind().expect("memory can be read again");
    let mut reader = BatchReader::new(source, options, false);
    let (mut records, mut document) = (Vec::new(), false);
    let end = loop {
        match reader.next_batch() {
            Ok(Some(batch)) => {
                document |= batch.records.is_some();
                records.extend(found_in(&batch).filter(|found| !is_blank(&found.text)));
            }
            Ok(None) => break Ok(reader.taken()),
            // What an excerpt shows around a place depends on what is in memory there.
            Err(ConvertError::Defect(defect)) => break Err(Defect { excerpt: None, ..defect }),
            Err(other) => panic!("{other}"),
        }
    };
    document |= end.as_ref().is_ok_and(|taken: &Taken| taken.shape != Shape::Lines);
    (Split { records, document, end }, reader.taken().compression)
}

fn found_in(batch: &Batch) -> impl Iterator<Item = Found> {
    let offset = usize::try_from(batch.offset).expect("a text in memory");
    let found =
        |start: usize, end: usize, line| Found { line, start: offset + start, text: batch.bytes[start..end].to_vec() };
    let records: Vec<Found> = if let Some(spans) = &batch.records {
        spans.iter().map(|span| found(span.start, span.end, span.line)).collect()
    } else {
        let places = line_places(&batch.bytes[..batch.end]).zip(batch.first_line..);
        places.map(|((start, end), line)| found(start, end, line)).collect()
    };
    records.into_iter()
}

/// Where each line of `text` begins and ends, by the parser's own means.
fn line_places(text: &[u8]) -> impl Iterator<Item = (usize, usize)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at;
        let end = first_line_end(text.get(start..)?).map_or(text.len(), |length| start + length);
        at = end + break_length(&text[end..]);
        (start < text.len()).then_some((start, end))
    })
}

fn is_blank(text: &[u8]) -> bool {
    text.iter().all(|byte| matches!(byte, b' ' | b'\t'))
}

/// The records of lines are the lines, found here by looking at one byte after the other.
fn check_lines(text: &[u8], split: &Split) {
    let mut expected = vec![Found { line: 1, start: 0, text: Vec::new() }];
    for (at, byte) in text.iter().enumerate() {
        let crlf = *byte == b'\r' && text.get(at + 1) == Some(&b'\n');
        let line = expected.len() as u64;
        match (byte, expected.last_mut()) {
            (b'\n' | b'\r', _) if !crlf => expected.push(Found { line: line + 1, start: at + 1, text: Vec::new() }),
            (_, Some(last)) if !crlf => last.text.push(*byte),
            _ => {}
        }
    }
    if expected[0].text.starts_with(b"\xef\xbb\xbf") {
        expected[0].text.drain(..3);
        expected[0].start = 3;
    }
    expected.retain(|found| !is_blank(&found.text));
    match split.end {
        Ok(_) => assert_eq!(split.records, expected),
        Err(_) => assert!(expected.starts_with(&split.records), "{split:?}, not the beginning of {expected:?}"),
    }
}

/// Between the records of a document is nothing but space, the brackets of the array and one comma each.
fn check_document(text: &[u8], split: &Split) {
    let mut at = if text.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    let array = text[at..].iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[');
    for (number, found) in split.records.iter().enumerate() {
        let between: &[u8] = if !array {
            b""
        } else if number == 0 {
            b"["
        } else {
            b","
        };
        assert_eq!(without_space(&text[at..found.start]), between, "before record {number}");
        assert_eq!(&text[found.start..found.start + found.text.len()], found.text, "record {number}");
        assert_eq!(found.line, 1 + line_breaks(&text[..found.start]), "line of record {number}");
        at = found.start + found.text.len();
    }
    if split.end.is_ok() {
        let behind: &[u8] = if !array {
            b""
        } else if split.records.is_empty() {
            b"[]"
        } else {
            b"]"
        };
        assert_eq!(without_space(&text[at..]), behind, "behind the last record");
    }
}

fn without_space(text: &[u8]) -> Vec<u8> {
    text.iter().copied().filter(|byte| !matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).collect()
}

/// Line feeds, and carriage returns before something else.
fn line_breaks(text: &[u8]) -> u64 {
    let lone = text.iter().enumerate().filter(|(at, byte)| match byte {
        b'\n' => true,
        b'\r' => text.get(at + 1) != Some(&b'\n'),
        _ => false,
    });
    lone.count() as u64
}
