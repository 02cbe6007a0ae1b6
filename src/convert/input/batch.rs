//! A piece of the text that holds whole records, and where each of them stands in it.

use super::lines::Survey;

/// Whole records of the source. `bytes[..end]` holds them; behind them is room that the parser needs as padding.
#[derive(Debug)]
pub(crate) struct Batch {
    /// The records and the padding.
    pub(crate) bytes: Vec<u8>,
    /// Where the records end.
    pub(crate) end: usize,
    /// The line of the source in which the first record begins, counted from 1.
    pub(crate) first_line: u64,
    /// The byte of the text at which the batch begins, counted from 0.
    pub(crate) offset: u64,
    /// Where the records are; `None`: each line is one.
    pub(crate) records: Option<Vec<RecordSpan>>,
    /// What is known of its text.
    pub(crate) survey: Survey,
    /// Whether it is the beginning of one line that is longer than a record may be, and no more.
    pub(crate) cut_short: bool,
}

/// Where a record of a document stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RecordSpan {
    /// Its first byte in the batch.
    pub(crate) start: usize,
    /// The byte behind it.
    pub(crate) end: usize,
    /// The line of the source in which it begins, counted from 1.
    pub(crate) line: u64,
}

/// The next record of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Its first byte in the batch.
    pub(crate) start: usize,
    /// The byte behind it, line break not included.
    pub(crate) end: usize,
    /// What says that it ends there.
    pub(crate) ended_by: Ending,
}

/// What ends a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// It is an item of a document, or an object of one.
    Structure,
    /// It is a line.
    LineBreak,
    /// It is the last line and has no line break: it may be cut off.
    EndOfText,
}
