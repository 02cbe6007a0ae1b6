//! What became of a source that is decided, in a word and in the log.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::convert::output::OutputError;
use crate::ledger::Job;
use crate::source::Shown;

/// What happened to the source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Disposed {
    /// It is at this path now.
    Moved(PathBuf),
    /// It was deleted.
    Deleted,
    /// The path holds no such file (any more): nothing was touched.
    NotThere,
    /// It stays for good, after all.
    Kept,
    /// It stays, as the ledger knows.
    AsPlanned,
    /// Somebody has opened it to write: it stays for now, and will be another version soon.
    Busy,
}

impl Disposed {
    /// For the log.
    fn word(&self) -> &'static str {
        match self {
            Self::Moved(_) => "moved",
            Self::Deleted => "deleted",
            Self::NotThere => "not there",
            Self::Kept | Self::AsPlanned | Self::Busy => "kept",
        }
    }

    /// Where it is now, if it was moved.
    fn place(&self) -> Option<&Path> {
        if let Self::Moved(to) = self { Some(to) } else { None }
    }
}

/// Says what became of a source, and whether the ledger is to know.
pub(super) fn log_disposed(job: &Job, what: &Result<Disposed, Arc<OutputError>>) -> bool {
    let path = Shown(&job.path);
    match what {
        Ok(Disposed::AsPlanned) => {}
        Ok(Disposed::Busy) => {
            log::debug!(event = "file.busy", job = job.id.0, path:% = path; "Somebody writes to the source again; it stays.");
        }
        Ok(what) => {
            log::debug!(event = "file.disposed", job = job.id.0, path:% = path, what = what.word(),
                moved_to = what.place().map(|to| Shown(to).to_string()); "The source has been dealt with.");
            return true;
        }
        Err(error) => {
            log::error!(event = "file.disposed", job = job.id.0, path:% = path, error:% = error;
                "The source could not be moved or deleted; it will be tried again.");
        }
    }
    false
}
