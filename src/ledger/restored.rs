//! Jobs as outputs and reports tell of them, for a ledger that is made anew.

use std::path::PathBuf;

use super::{Disposition, Failure, JobId};
use crate::source::Identity;

/// A job that was decided, found on disk.
#[derive(Clone, Debug, PartialEq)]
pub struct Restored {
    /// Its number, as far as it is not taken.
    pub id: JobId,
    /// The source, relative to the inbox.
    pub path: PathBuf,
    /// The version of the source: the file that stands there and is the same, or as much of it as is known.
    pub identity: Identity,
    /// What became of it.
    pub end: End,
    /// What is still to be done with the source.
    pub disposition: Disposition,
}

/// What became of a job.
#[derive(Clone, Debug, PartialEq)]
pub enum End {
    /// Its output is there.
    Done(Output),
    /// It needs a person.
    Quarantined(Failure),
}

/// An output that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// Where it is.
    pub path: PathBuf,
    /// Its length.
    pub bytes: u64,
    /// SHA-256 of the source's bytes.
    pub hash: [u8; 32],
    /// Where the rows of the source begin in an output that it shares with others.
    pub first_row: Option<u64>,
    /// Rows in it that are of the source.
    pub rows: u64,
    /// Columns in it.
    pub columns: u64,
    /// Records that were left out.
    pub bad_records: u64,
    /// How the records stood in the source: lines, array, object or objects.
    pub input: String,
    /// How the source was compressed, or `none`.
    pub compression: String,
}
