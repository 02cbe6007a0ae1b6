//! Faults of our own side: a full disk, a file system that is read-only or gone, too few descriptors. No source is to blame,
//! and with the next one it would go no better: the agent waits until it is over, and no attempt counts.
//!
//! What one file alone may meet, such as a limit of a file's size or a folder in the outbox where something else stands, is no
//! such fault.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use rustix::fs::{Access, AtFlags, CWD, accessat};
use rustix::io::Errno;

use super::attempt::{Outcome, Workshop};
use crate::convert::output::publish::STAGING;
use crate::convert::output::{OutputError, hint};
use crate::ledger::{Job, LedgerError, State};
use crate::source::Shown;

/// What keeps the agent from its work: where, what the system said, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault(String);

impl Fault {
    /// A fault in these words.
    #[must_use]
    pub fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }

    /// The fault behind `error`, met in one of `folders`; `None` if other files may fare better.
    pub(super) fn behind(error: &OutputError, folders: &[&Path]) -> Option<Self> {
        let OutputError::Io { source, .. } = error else { return None };
        let is_fault = is_ours(source) || (is_denial(source) && folders.iter().any(|folder| !is_writable(folder)));
        is_fault.then(|| Self(format!("{error}; {}", error.hint())))
    }

    /// As [`Fault::behind`], for what was written in a staging folder.
    pub(super) fn in_staging(error: &OutputError) -> Option<Self> {
        let OutputError::Io { path, .. } = error else { return None };
        Self::behind(error, &[path.parent().unwrap_or(path)])
    }

    /// The fault behind `error`, met when a source was opened or read; `None` if it may be that source's own.
    pub(super) fn at_source(error: &io::Error) -> Option<Self> {
        let ours = [Errno::MFILE, Errno::NFILE, Errno::NOMEM, Errno::NOTCONN];
        let is_fault = Errno::from_io_error(error).is_some_and(|errno| ours.contains(&errno));
        is_fault.then(|| Self(format!("sources cannot be opened or read: {error}; {}", hint(error))))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Returns true if and only if what the system said is about a disk, a mount or the machine, and not about one file.
#[must_use]
pub fn is_ours(error: &io::Error) -> bool {
    matches!(
        Errno::from_io_error(error),
        Some(
            Errno::NOSPC
                | Errno::DQUOT
                | Errno::ROFS
                | Errno::IO
                | Errno::NOTCONN
                | Errno::STALE
                | Errno::TIMEDOUT
                | Errno::MFILE
                | Errno::NFILE
                | Errno::NOMEM
        )
    )
}

fn is_denial(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::ACCESS | Errno::PERM))
}

fn is_writable(folder: &Path) -> bool {
    accessat(CWD, folder, Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS).is_ok()
}

/// Why sources that are decided cannot leave the inbox, if so; the last time that this was tried.
#[derive(Debug, Default)]
pub struct Undisposed(Mutex<Option<Fault>>);

impl Undisposed {
    /// What has been noted since this was asked last.
    #[must_use]
    pub fn take(&self) -> Option<Fault> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    pub(super) fn note(&self, fault: Fault) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(fault);
    }

    pub(super) fn is_noted(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }
}

impl Workshop {
    /// The fault of ours behind `error`, met when an output, a source or a report was to get its name.
    pub(super) fn fault_behind(&self, error: &OutputError) -> Option<Fault> {
        let staging = [self.outbox.join(STAGING), self.quarantine.join(STAGING)];
        let staging = staging.iter().map(std::path::PathBuf::as_path).filter(|folder| folder.exists());
        let ours = [&self.outbox, &self.archive, &self.quarantine];
        let ours = ours.into_iter().map(std::path::PathBuf::as_path).filter(|folder| folder.exists());
        Fault::behind(error, &ours.chain(staging).collect::<Vec<_>>())
    }

    /// Ends an attempt as if it had not begun; an output that is decided stays so.
    pub(super) fn blocked(&self, job: &Job, fault: Fault) -> Result<Outcome, LedgerError> {
        let decided = job.state == State::Publishing;
        if !decided {
            self.record(|ledger| ledger.postponed(job.id))?;
        }
        log::debug!(event = "file.waits", job = job.id.0, path:% = Shown(&job.path), error:% = fault; "It has to wait.");
        let state = if decided { State::Publishing } else { State::Ready };
        Ok(Outcome::Blocked(Box::new(Job { state, ..job.clone() }), fault))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn met(errno: Errno, path: &Path) -> OutputError {
        OutputError::io("write", path)(errno.into())
    }

    #[test]
    fn a_fault_of_ours_names_path_cause_and_remedy_and_that_of_one_file_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("1.tmp");
        for errno in [Errno::NOSPC, Errno::DQUOT, Errno::ROFS, Errno::IO, Errno::MFILE, Errno::STALE, Errno::NOTCONN] {
            let fault = Fault::in_staging(&met(errno, &path)).unwrap().to_string();
            assert!(fault.contains(&io::Error::from(errno).to_string()), "{fault}");
            assert!(fault.contains(&path.display().to_string()) && fault.ends_with(hint(&errno.into())), "{fault}");
        }
        for errno in [Errno::FBIG, Errno::NAMETOOLONG, Errno::NOTDIR, Errno::ACCESS, Errno::PERM] {
            assert_eq!(Fault::in_staging(&met(errno, &path)), None, "{errno}");
        }
        assert_eq!(Fault::in_staging(&OutputError::Exists(path)), None);
    }

    #[test]
    fn what_is_denied_is_our_fault_where_nothing_can_be_written() {
        let gone = Path::new("/nowhere/at/all");
        assert!(Fault::behind(&met(Errno::ACCESS, gone), &[gone]).is_some());
        assert!(Fault::behind(&met(Errno::ACCESS, gone), &[&std::env::temp_dir()]).is_none());
    }

    #[test]
    fn a_source_that_cannot_be_read_is_its_own_trouble() {
        for errno in [Errno::IO, Errno::ACCESS, Errno::STALE] {
            assert_eq!(Fault::at_source(&errno.into()), None);
        }
        assert!(Fault::at_source(&Errno::MFILE.into()).unwrap().to_string().contains("LimitNOFILE"));
    }
}
