//! What was done, durably: the agent's memory. Other systems call it a checkpoint, a sincedb or a tracker.
//!
//! A [`Job`] is one version of one source: a path and what `stat` said of it. It moves
//!
//! ```text
//! arrive -> ready -> running -> publishing -> done         (then its source is disposed of)
//!             ^         |            `-> quarantined       the output's name is refused
//!             |         |-> duplicate                      the same bytes were converted before
//!             |         |-> quarantined                    needs a person; `retry` brings it back
//!             |         |-> gone                           the source vanished before it was read
//!             `- failed <-'                                again at `run_at`
//! ```
//!
//! Two rules carry every promise of the agent. `publishing` is on disk before an output gets its name, so that after
//! a crash the absence of the temporary file proves the publication; `done` is written after the output is durable,
//! so that the ledger can lag behind the folders but never lead. Each step checks the state it starts from: a step
//! out of order changes nothing and is a [`LedgerError::Conflict`].

mod error;
mod finished;
mod job;
mod postgres;
mod record;
mod restored;
mod shared;
mod sqlite;
#[cfg(test)]
mod tests;

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;

use crate::config::{self, LedgerKind};
use crate::source::Identity;

pub use error::LedgerError;
pub use finished::{Finished, Place};
pub use job::{
    Admission, Archived, Arrival, Disposal, Disposition, Failure, Job, JobId, Previous, Publication, Published, State,
};
pub use postgres::{Copied, PostgresLedger, copy};
pub use record::{HistoryFilter, Record, Totals};
pub use restored::{End, Output, Restored};
pub use shared::{Adopted, Agent, Shared};
pub use sqlite::{Rebuild, SqliteLedger};

/// How one step went for each of several jobs, in their order. It is committed once for all of them; a job that it does
/// not suit is left out by itself. An error means that nothing was changed.
pub type Each<T = ()> = Result<Vec<Result<T, LedgerError>>, LedgerError>;

/// Opens the ledger that `config` names, for an agent.
pub fn open_for_agent(config: &config::Ledger) -> Result<Arc<dyn Ledger>, LedgerError> {
    Ok(match config.kind() {
        LedgerKind::Sqlite(path) => Arc::new(SqliteLedger::open(&path)?),
        LedgerKind::Postgres => Arc::new(PostgresLedger::open(config)?),
    })
}

/// Opens the ledger that `config` names, beside agents that may be at work with it.
pub fn open_beside(config: &config::Ledger) -> Result<Box<dyn Ledger>, LedgerError> {
    Ok(match config.kind() {
        LedgerKind::Sqlite(path) => Box::new(SqliteLedger::open_shared(&path)?),
        LedgerKind::Postgres => Box::new(PostgresLedger::open_shared(config)?),
    })
}

fn the_one(each: Each) -> Result<(), LedgerError> {
    each?.into_iter().collect()
}

/// The memory of one inbox. *Durable* steps have survived a power cut once they return; the others survive the death
/// of the process, and a later durable step carries them along.
pub trait Ledger: Send + Sync {
    /// Which ledger this is: no two have the same.
    fn id(&self) -> Result<String, LedgerError>;

    /// What there is besides where agents on several hosts share the ledger; none if it is one agent's own.
    fn shared(&self) -> Option<&dyn Shared> {
        None
    }

    /// Durable: jobs that were decided and that this ledger, which is made anew, does not know, or not as decided. Answers
    /// how many there were.
    fn restore(&self, jobs: &[Restored]) -> Result<u64, LedgerError>;

    /// Records sources that were found ready, all or none of them; any number of times for the same version. The
    /// answers are in the order of the arrivals. A version that had gone and is back is new.
    fn arrive(&self, arrivals: &[Arrival]) -> Result<Vec<Admission>, LedgerError>;

    /// An attempt on each of these jobs starts: ready or failed becomes running. Answers the numbers of these attempts, the
    /// first is 1.
    fn begin_all(&self, ids: &[JobId]) -> Each<u32>;

    /// [`Ledger::begin_all`] for one job.
    fn begin(&self, id: JobId) -> Result<u32, LedgerError> {
        let begun = self.begin_all(&[id])?.pop();
        begun.unwrap_or(Err(LedgerError::Conflict { id, step: "begin", found: None }))
    }

    /// Durable: the outputs of these jobs are complete under their temporary names and about to get their final ones.
    fn publishing_all(&self, outputs: &[(JobId, Publication)]) -> Each;

    /// [`Ledger::publishing_all`] for one job.
    fn publishing(&self, id: JobId, publication: &Publication) -> Result<(), LedgerError> {
        the_one(self.publishing_all(&[(id, publication.clone())]))
    }

    /// [`Ledger::publishing_all`] for jobs that share one output: for all of them, or for none.
    fn publishing_together(&self, outputs: &[(JobId, Publication)]) -> Result<(), LedgerError>;

    /// The jobs that are publishing and whose outputs have the temporary name `temporary`, by where their rows begin.
    fn sharing(&self, temporary: &Path) -> Result<Vec<Job>, LedgerError>;

    /// Durable: the final name was taken, this one is tried next; also for those with which the job shares its output.
    fn rename_publication(&self, id: JobId, output: &Path) -> Result<(), LedgerError>;

    /// Durable: the outputs of these jobs have their names, on disk.
    fn done_all(&self, outputs: &[Published]) -> Each;

    /// [`Ledger::done_all`] for one job.
    fn done(&self, id: JobId, publish_s: f64, disposition: Disposition) -> Result<(), LedgerError> {
        the_one(self.done_all(&[Published { id, publish_s, disposition }]))
    }

    /// The pending sources of these jobs have left the inbox. Losing this step only repeats the disposition.
    fn disposed_all(&self, disposals: &[Disposal]) -> Each;

    /// [`Ledger::disposed_all`] for one job.
    fn disposed(&self, id: JobId) -> Result<(), LedgerError> {
        the_one(self.disposed_all(&[Disposal { id, archived: None }]))
    }

    /// Durable: the running attempt found the same bytes as a job that is done.
    fn duplicate(
        &self,
        id: JobId,
        hash: [u8; 32],
        of: Option<JobId>,
        disposition: Disposition,
    ) -> Result<(), LedgerError>;

    /// The attempt did not succeed; the next may start at `run_at`. A job whose output is decided stays `publishing`
    /// (it goes on with the rename, it never starts again) and only notes the error and the time.
    fn failed(&self, id: JobId, failure: &Failure, run_at: Timestamp) -> Result<(), LedgerError>;

    /// The running attempt found that the source is not finished: failed until `run_at`, the attempt not counted.
    fn deferred(&self, id: JobId, failure: &Failure, run_at: Timestamp) -> Result<(), LedgerError>;

    /// Durable: no further attempt until a person says so. An output that was being published is given up.
    fn quarantined(&self, id: JobId, failure: &Failure, disposition: Disposition) -> Result<(), LedgerError>;

    /// [`Ledger::quarantined`] for jobs that share one output: for all of them, or for none.
    fn quarantined_together(
        &self,
        ids: &[JobId],
        failure: &Failure,
        disposition: Disposition,
    ) -> Result<(), LedgerError>;

    /// The attempt ended without a decision: the process died, or the worker panicked. Answers how often that has
    /// happened to this version (failures that were decided do not count) and the state it left, which stays.
    fn crashed(&self, id: JobId) -> Result<(u32, State), LedgerError>;

    /// The running attempt was given up for no fault of the source: ready again, its attempts stay counted.
    fn release(&self, id: JobId) -> Result<(), LedgerError>;

    /// Something went wrong when the sources of these running jobs were read together: ready again, each to have an output
    /// of its own.
    fn apart(&self, ids: &[JobId]) -> Each;

    /// The running attempt met a fault that is none of the source: ready, as if the attempt had not begun.
    fn postponed(&self, id: JobId) -> Result<(), LedgerError>;

    /// The source vanished, or was replaced, before it was read: nothing is left to do.
    fn gone(&self, id: JobId) -> Result<(), LedgerError>;

    /// Durable: those of these jobs that failed or are quarantined are ready again, with no attempt counted; where a
    /// newer version of the source is known already, the old job is gone instead. Answers all of them. They keep their
    /// identity: a source that has to be moved back first arrives as a new version, perhaps before this is called.
    fn requeue(&self, ids: &[JobId]) -> Result<Vec<Job>, LedgerError>;

    /// What [`Ledger::requeue`] put back, in any process, since this was asked last. A job may be in hand already.
    fn requeued(&self) -> Result<Vec<Job>, LedgerError>;

    /// Durable, and changes nothing: an error tells that nothing can be recorded now.
    fn try_out(&self) -> Result<(), LedgerError>;

    /// What recovery looks at when the agent starts: running, publishing, or a disposition pending. Oldest first.
    fn unfinished(&self) -> Result<Vec<Job>, LedgerError>;

    /// Ready and failed jobs, oldest first; `run_at` says when each may start.
    fn waiting(&self) -> Result<Vec<Job>, LedgerError>;

    /// Every path's latest version, unless it is gone: what a scan need not bring again.
    fn handled(&self, each: &mut dyn FnMut(&Path, Identity)) -> Result<(), LedgerError>;

    /// The numbers of `status`, jobs that were forgotten included; costs the same for ten jobs and for a million.
    fn totals(&self) -> Result<Totals, LedgerError>;

    /// Jobs whose state changed last come first, until `each` breaks.
    fn history(
        &self,
        filter: &HistoryFilter,
        each: &mut dyn FnMut(Record) -> ControlFlow<()>,
    ) -> Result<(), LedgerError>;

    /// The latest job of a path.
    fn find(&self, path: &Path) -> Result<Option<Record>, LedgerError>;

    /// Finished jobs that last changed before `before`, the one that changed first first, from behind `behind` on: so many at
    /// `most`. Which of them may be forgotten, [`Finished::may_go`] says.
    fn finished_before(
        &self,
        before: Timestamp,
        behind: Option<&Finished>,
        most: usize,
    ) -> Result<Vec<Finished>, LedgerError>;

    /// Forgets these jobs, but for those that are not finished any more or have changed since `before`; answers how many.
    /// They stay in the [totals](Ledger::totals).
    fn forget(&self, ids: &[JobId], before: Timestamp) -> Result<u64, LedgerError>;

    /// Sources that were archived before `before` and are in the archive as far as is known, those that came first first, from
    /// behind `behind` on: so many at `most`.
    fn archived_before(
        &self,
        before: Timestamp,
        behind: Option<&Archived>,
        most: usize,
    ) -> Result<Vec<Archived>, LedgerError>;

    /// The sources of these jobs are in the archive no more, or are no more what was put there.
    fn unarchived(&self, ids: &[JobId]) -> Result<(), LedgerError>;

    /// When this version of `path` was found ready, if it was recorded.
    fn seen_at(&self, path: &Path, identity: &Identity) -> Result<Option<Timestamp>, LedgerError>;

    /// Gives some of the room back that nothing uses any more, so many pages at most; answers how many. 0: there is no more.
    fn shrink(&self, pages: u32) -> Result<u64, LedgerError>;
}
