//! One version of one source on its way to an output: plain data.

use std::fmt;
use std::path::PathBuf;

use jiff::Timestamp;

use crate::source::Identity;

/// A job's number, never given twice. Not a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(transparent)]
pub struct JobId(pub i64);

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Waits for a worker.
    Ready,
    /// A worker reads it.
    Running,
    /// The output is complete and gets its name.
    Publishing,
    /// The output is there, on disk.
    Done,
    /// Will be tried again at `run_at`.
    Failed,
    /// Needs a person.
    Quarantined,
    /// The same bytes at the same path were converted before.
    Duplicate,
    /// The source vanished before it was read.
    Gone,
}

impl State {
    /// Every state, in the order of a job's life.
    pub const ALL: [Self; 8] = [
        Self::Ready,
        Self::Running,
        Self::Publishing,
        Self::Done,
        Self::Failed,
        Self::Quarantined,
        Self::Duplicate,
        Self::Gone,
    ];

    /// The word in the ledger, in `history --json` and on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Running => "running",
            Self::Publishing => "publishing",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Quarantined => "quarantined",
            Self::Duplicate => "duplicate",
            Self::Gone => "gone",
        }
    }

    /// The state that `word` names.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

/// What becomes of the source once its job is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Disposition {
    /// It stays where it is.
    None,
    /// It has still to leave the inbox.
    Pending,
    /// It has left the inbox.
    Done,
}

impl Disposition {
    /// The word in the ledger and in `history --json`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Pending => "pending",
            Self::Done => "done",
        }
    }

    /// The disposition that `word` names.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [Self::None, Self::Pending, Self::Done].into_iter().find(|disposition| disposition.as_str() == word)
    }
}

/// A source that the intake found ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// Relative to the inbox.
    pub path: PathBuf,
    /// The version that was found.
    pub identity: Identity,
}

/// What the ledger made of an arrival.
#[derive(Clone, Debug, PartialEq)]
pub enum Admission {
    /// A version that was not known, or had gone: work to do.
    New(Job),
    /// This version was recorded before; its state says what became of it.
    Known(Job),
}

/// One version of one source, and how far it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// Its number.
    pub id: JobId,
    /// The source, relative to the inbox.
    pub path: PathBuf,
    /// The version of the source.
    pub identity: Identity,
    /// Where it stands.
    pub state: State,
    /// Attempts begun.
    pub attempts: u32,
    /// When the next attempt may start.
    pub run_at: Timestamp,
    /// SHA-256 of the source's bytes, once they were read.
    pub hash: Option<[u8; 32]>,
    /// The output's final name, from `publishing` on.
    pub output: Option<PathBuf>,
    /// The output's temporary name, while `publishing`: as long as this file exists, the output is not published.
    pub temporary: Option<PathBuf>,
    /// What becomes of the source.
    pub disposition: Disposition,
    /// The latest version of the same path that is done.
    pub previous: Option<Previous>,
    /// Where its rows begin in an output that it shares with others, from `publishing` on; none where it has its own.
    pub first_row: Option<u64>,
    /// Whether it is to have an output of its own: something went wrong when it was read with others, or it may have brought the
    /// agent down.
    pub alone: bool,
    /// Which claim on the job makes its files, or has made them if its output is decided, where agents
    /// [share](super::Shared) the ledger: it grows with each claim and each adoption. 0 where one agent has the ledger for
    /// itself.
    pub epoch: u64,
}

impl Job {
    /// What its temporary files are called, apart from their endings: never two claims the same.
    #[must_use]
    pub fn claim_name(&self) -> String {
        if self.epoch == 0 { self.id.to_string() } else { format!("{}.{}", self.id, self.epoch) }
    }
}

/// The version of a path that was converted before: an attempt on the same bytes can stop after hashing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Previous {
    /// Its job.
    pub id: JobId,
    /// Length of its source.
    pub size: u64,
    /// SHA-256 of its source.
    pub hash: [u8; 32],
    /// Its output.
    pub output: PathBuf,
}

/// A complete output that is about to get its name.
#[derive(Clone, Debug, PartialEq)]
pub struct Publication {
    /// SHA-256 of the source's bytes.
    pub hash: [u8; 32],
    /// Where the output is now.
    pub temporary: PathBuf,
    /// Where it will be.
    pub output: PathBuf,
    /// Its length; of an output that several share, the first says it, and the others say 0.
    pub output_bytes: u64,
    /// Where the rows of the source begin in an output that it shares with others.
    pub first_row: Option<u64>,
    /// Rows in it that are of the source.
    pub rows: u64,
    /// Columns in it.
    pub columns: u64,
    /// Records that were left out.
    pub bad_records: u64,
    /// What the conversion warned of: a JSON list of objects with `code`, `column`, `line` and `message`; `None` for
    /// nothing.
    pub warnings: Option<String>,
    /// How the records stood in the source: lines, array, object or objects.
    pub input: String,
    /// How the source was compressed, or `none`.
    pub compression: String,
    /// Whether a byte order mark was stripped from its text.
    pub bom: bool,
    /// Seconds from ready to the start of the attempt.
    pub wait_s: f64,
    /// Seconds of reading and converting.
    pub convert_s: f64,
}

/// An output that has its name, on disk.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Published {
    /// Its job.
    pub id: JobId,
    /// Seconds from the end of the conversion.
    pub publish_s: f64,
    /// `Pending` when the source has still to leave the inbox.
    pub disposition: Disposition,
}

/// A source that has left the inbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disposal {
    /// Its job.
    pub id: JobId,
    /// Where it is in the archive, relative to that, and its inode there; none if it is not there.
    pub archived: Option<(PathBuf, u64)>,
}

/// A source in the archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Archived {
    /// Its job.
    pub id: JobId,
    /// Where it was put, relative to the archive.
    pub place: PathBuf,
    /// Its inode there.
    pub inode: u64,
    /// The version of the source, as it was in the inbox.
    pub identity: Identity,
    /// When it was put there.
    pub disposed_at: Timestamp,
}

/// Why an attempt did not succeed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// A stable word for programs.
    pub code: String,
    /// A sentence for people.
    pub message: String,
    /// Line of the source, from 1.
    pub line: Option<u64>,
    /// Byte of the source, from 0.
    pub byte: Option<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_names_its_state_again() {
        assert!(State::ALL.into_iter().all(|state| State::parse(state.as_str()) == Some(state)));
        assert_eq!(State::parse("skipped"), None);
        assert_eq!(Disposition::parse("pending"), Some(Disposition::Pending));
    }
}
