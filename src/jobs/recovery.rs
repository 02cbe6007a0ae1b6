//! What an earlier run left half done, finished before anything new begins.
//!
//! Decided by the ledger and by one fact on disk, whether the temporary file of a job still exists:
//!
//! | the ledger says | on disk | then |
//! |---|---|---|
//! | running | whatever | the temporary file is removed; the source is tried again, or set aside after too many attempts |
//! | publishing | temporary file | it gets its name, as if nothing had happened |
//! | publishing | no temporary file | it has its name: the job is done, even if the output was taken away since |
//! | decided, disposition pending | | the source is disposed of |

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs;
use std::path::Path;

use super::attempt::Workshop;
use super::retry::plain;
use crate::convert::output::publish::STAGING;
use crate::ledger::{Disposition, Failure, Job, LedgerError, State};
use crate::source::Shown;

/// What recovery found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Attempts that had been cut off.
    pub cut_off: usize,
    /// Outputs that were decided and not finished.
    pub published: usize,
    /// Sources that had still to be disposed of.
    pub disposed: usize,
    /// Temporary files that belonged to nothing.
    pub removed: usize,
}

impl Workshop {
    /// Finishes what an earlier run left. Does nothing the second time.
    pub fn recover(&self) -> Result<Recovered, LedgerError> {
        let mut found = Recovered::default();
        let unfinished = self.ledger.unfinished()?;
        let kept: HashSet<OsString> = unfinished.iter().filter_map(publishing_name).collect();
        let publishing = unfinished.iter().filter(|job| job.state == State::Publishing);
        let kept_bad =
            publishing.filter_map(|job| Some(self.temporary_bad_records(job).file_name()?.to_owned())).collect();
        for job in &unfinished {
            match job.state {
                State::Running => {
                    found.cut_off += 1;
                    self.recover_cut_off(job)?;
                }
                State::Publishing => {
                    found.published += 1;
                    self.resume_publishing(job)?;
                }
                _ => {
                    found.disposed += 1;
                    self.dispose_pending(job)?;
                }
            }
        }
        found.removed = remove_strays(&self.outbox, &kept) + remove_strays(&self.quarantine, &kept_bad);
        Ok(found)
    }

    /// Tries once more to dispose of the sources for which that failed.
    pub fn dispose_all_pending(&self) -> Result<(), LedgerError> {
        let unfinished = self.ledger.unfinished()?;
        let pending = unfinished.iter().filter(|job| !matches!(job.state, State::Running | State::Publishing));
        pending.filter(|job| job.disposition == Disposition::Pending).try_for_each(|job| self.dispose_pending(job))
    }

    fn recover_cut_off(&self, job: &Job) -> Result<(), LedgerError> {
        let _ = fs::remove_file(self.temporary(job));
        if job.attempts < self.max_attempts {
            log::warn!(event = "file.cut_off", job = job.id.0, attempt = job.attempts, path:% = Shown(&job.path);
                "An earlier run stopped while it had this source in hand; it is tried again.");
            return self.ledger.release(job.id);
        }
        let message = format!(
            "the agent stopped {} times while it had this source in hand; look at the source and the log, then retry it",
            job.attempts
        );
        self.quarantine(job, &plain("crash_loop", &message)).map(drop)
    }

    fn dispose_pending(&self, job: &Job) -> Result<(), LedgerError> {
        if job.state == State::Quarantined {
            let record = self.ledger.find(&job.path)?;
            let failure = record.filter(|record| record.id == job.id).map(|record| Failure {
                code: record.error_code.unwrap_or_default(),
                message: record.error.unwrap_or_default(),
                line: record.line,
                byte: record.byte,
            });
            return self.set_aside(job, &failure.unwrap_or_else(|| plain("unknown", &"see `h5inbox history`")));
        }
        self.dispose(job)
    }
}

/// Removes from the staging folder inside `folder` all but the files in `kept`.
fn remove_strays(folder: &Path, kept: &HashSet<OsString>) -> usize {
    let Ok(entries) = fs::read_dir(folder.join(STAGING)) else { return 0 };
    let strays = entries.flatten().filter(|entry| !kept.contains(&entry.file_name()));
    strays.filter(|entry| fs::remove_file(entry.path()).is_ok()).count()
}

fn publishing_name(job: &Job) -> Option<OsString> {
    let publishing = job.state == State::Publishing;
    job.temporary.as_ref().filter(|_| publishing)?.file_name().map(OsString::from)
}
