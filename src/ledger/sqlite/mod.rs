//! The ledger of one host: an embedded SQLite database, one file that other tools may read while the agent runs.

mod arrival;
mod fault;
mod leaving;
mod place;
mod queries;
mod rebuild;
mod restore;
mod retention;
mod rows;
mod schema;
mod steps;
#[cfg(test)]
mod tests;
mod writer;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use rusqlite::Connection;

use super::{
    Admission, Archived, Arrival, Disposal, Disposition, Each, Failure, Finished, HistoryFilter, Job, JobId, Ledger,
    LedgerError, Publication, Published, Record, Restored, State, Totals,
};
use crate::source::Identity;
pub(super) use leaving::Leaving;
use place::Lock;
pub use rebuild::Rebuild;
use writer::{Durability, Writer};

/// A ledger in an SQLite file: WAL, one writing thread with group commit, readers beside it.
///
/// The fields are dropped in this order: the writer is the last to close the file, which folds the log into it, and
/// the lock falls after that.
#[derive(Debug)]
pub struct SqliteLedger {
    path: PathBuf,
    /// Device and inode of the file that was opened.
    opened: (u64, u64),
    host: Arc<str>,
    readers: Mutex<Vec<Connection>>,
    writer: Writer,
    _lock: Option<Lock>,
}

impl SqliteLedger {
    /// Opens the agent's ledger, alone: creates it, upgrades its schema, checks it after an unclean stop.
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        place::prepare(path)?;
        let lock = Lock::take(path)?;
        let connection = schema::open_for_agent(path, lock.after_unclean_stop())?;
        Self::start(path, connection, Some(lock))
    }

    /// Opens an existing ledger beside the agent that may be running.
    pub fn open_shared(path: &Path) -> Result<Self, LedgerError> {
        Self::start(path, schema::open_beside_agent(path)?, None)
    }

    /// The process id of the agent that works with the ledger at `path`, if one does.
    #[must_use]
    pub fn holder(path: &Path) -> Option<u32> {
        place::holder(path)
    }

    /// The name of the file system that `folder` is on, if no ledger can be there.
    #[must_use]
    pub fn refuses(folder: &Path) -> Option<&'static str> {
        place::remote_kind(folder).ok().flatten()
    }

    /// Transactions committed since the ledger was opened: fewer than steps, under load.
    #[must_use]
    pub fn commits(&self) -> u64 {
        self.writer.commits()
    }

    fn start(path: &Path, connection: Connection, lock: Option<Lock>) -> Result<Self, LedgerError> {
        let host = rustix::system::uname().nodename().to_string_lossy().into();
        let opened = place::identity(path)?;
        let writer = Writer::start(connection)?;
        Ok(Self { path: path.to_owned(), opened, host, readers: Mutex::default(), writer, _lock: lock })
    }

    fn durably<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, LedgerError> + Send + 'static,
    ) -> Result<T, LedgerError> {
        self.still_there()?;
        self.writer.submit(Durability::Disk, work)
    }

    /// What is recorded in a file that has no name any more is lost with the process, and what relied on it is done twice.
    fn still_there(&self) -> Result<(), LedgerError> {
        match place::identity(&self.path) {
            Ok(now) if now == self.opened => Ok(()),
            Ok(_) | Err(LedgerError::Missing(_)) => Err(LedgerError::Replaced(self.path.clone())),
            Err(error) => Err(error),
        }
    }

    fn lazily<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, LedgerError> + Send + 'static,
    ) -> Result<T, LedgerError> {
        self.writer.submit(Durability::Process, work)
    }

    /// Reads on an idle connection, or on a new one: no reader waits for another, and `work` may itself use the
    /// ledger.
    fn read<T>(&self, work: impl FnOnce(&Connection) -> Result<T, LedgerError>) -> Result<T, LedgerError> {
        let idle = self.readers.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = idle.map_or_else(|| schema::open_reader(&self.path), Ok)?;
        let outcome = work(&connection);
        self.readers.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        outcome
    }
}

impl Ledger for SqliteLedger {
    fn id(&self) -> Result<String, LedgerError> {
        self.read(queries::id)
    }

    fn restore(&self, jobs: &[Restored]) -> Result<u64, LedgerError> {
        let (jobs, host) = (jobs.to_vec(), Arc::clone(&self.host));
        self.durably(move |c| jobs.iter().try_fold(0, |sum, job| Ok(sum + u64::from(restore::restore(c, job, &host)?))))
    }

    fn arrive(&self, arrivals: &[Arrival]) -> Result<Vec<Admission>, LedgerError> {
        let (arrivals, host) = (arrivals.to_vec(), Arc::clone(&self.host));
        self.lazily(move |c| arrival::arrive(c, &arrivals, &host))
    }

    fn begin_all(&self, ids: &[JobId]) -> Each<u32> {
        let (ids, host) = (ids.to_vec(), Arc::clone(&self.host));
        self.lazily(move |c| writer::each(c, &ids, |c, id| steps::begin(c, *id, &host)))
    }

    fn publishing_all(&self, outputs: &[(JobId, Publication)]) -> Each {
        let outputs = outputs.to_vec();
        self.durably(move |c| writer::each(c, &outputs, |c, (id, publication)| steps::publishing(c, *id, publication)))
    }

    fn publishing_together(&self, outputs: &[(JobId, Publication)]) -> Result<(), LedgerError> {
        let outputs = outputs.to_vec();
        self.durably(move |c| outputs.iter().try_for_each(|(id, publication)| steps::publishing(c, *id, publication)))
    }

    fn sharing(&self, temporary: &Path) -> Result<Vec<Job>, LedgerError> {
        self.read(|c| queries::sharing(c, temporary))
    }

    fn rename_publication(&self, id: JobId, output: &Path) -> Result<(), LedgerError> {
        let output = output.to_owned();
        self.durably(move |c| steps::rename_publication(c, id, &output))
    }

    fn done_all(&self, outputs: &[Published]) -> Each {
        let outputs = outputs.to_vec();
        self.durably(move |c| writer::each(c, &outputs, steps::done))
    }

    fn disposed_all(&self, disposals: &[Disposal]) -> Each {
        let disposals = disposals.to_vec();
        self.lazily(move |c| writer::each(c, &disposals, steps::disposed))
    }

    fn duplicate(
        &self,
        id: JobId,
        hash: [u8; 32],
        of: Option<JobId>,
        disposition: Disposition,
    ) -> Result<(), LedgerError> {
        self.durably(move |c| steps::duplicate(c, id, hash, of, disposition))
    }

    fn failed(&self, id: JobId, failure: &Failure, run_at: Timestamp) -> Result<(), LedgerError> {
        let failure = failure.clone();
        self.lazily(move |c| steps::failed(c, id, &failure, run_at))
    }

    fn deferred(&self, id: JobId, failure: &Failure, run_at: Timestamp) -> Result<(), LedgerError> {
        let failure = failure.clone();
        self.lazily(move |c| steps::deferred(c, id, &failure, run_at))
    }

    fn quarantined(&self, id: JobId, failure: &Failure, disposition: Disposition) -> Result<(), LedgerError> {
        let failure = failure.clone();
        self.durably(move |c| steps::quarantined(c, id, &failure, disposition))
    }

    fn quarantined_together(
        &self,
        ids: &[JobId],
        failure: &Failure,
        disposition: Disposition,
    ) -> Result<(), LedgerError> {
        let (ids, failure) = (ids.to_vec(), failure.clone());
        self.durably(move |c| ids.iter().try_for_each(|id| steps::quarantined(c, *id, &failure, disposition)))
    }

    fn crashed(&self, id: JobId) -> Result<(u32, State), LedgerError> {
        self.lazily(move |c| steps::crashed(c, id))
    }

    fn release(&self, id: JobId) -> Result<(), LedgerError> {
        self.lazily(move |c| steps::release(c, id))
    }

    fn apart(&self, ids: &[JobId]) -> Each {
        let ids = ids.to_vec();
        self.lazily(move |c| writer::each(c, &ids, |c, id| steps::apart(c, *id)))
    }

    fn postponed(&self, id: JobId) -> Result<(), LedgerError> {
        self.lazily(move |c| steps::postponed(c, id))
    }

    fn gone(&self, id: JobId) -> Result<(), LedgerError> {
        self.lazily(move |c| steps::gone(c, id))
    }

    fn requeue(&self, ids: &[JobId]) -> Result<Vec<Job>, LedgerError> {
        let ids = ids.to_vec();
        self.durably(move |c| arrival::requeue(c, &ids))
    }

    fn requeued(&self) -> Result<Vec<Job>, LedgerError> {
        // Asked every few seconds, and nearly always in vain: a read costs no transaction.
        if self.read(queries::any_requeued)? { self.lazily(arrival::take_requeued) } else { Ok(Vec::new()) }
    }

    fn try_out(&self) -> Result<(), LedgerError> {
        self.durably(steps::try_out)
    }

    fn unfinished(&self) -> Result<Vec<Job>, LedgerError> {
        self.read(queries::unfinished)
    }

    fn waiting(&self) -> Result<Vec<Job>, LedgerError> {
        self.read(queries::waiting)
    }

    fn handled(&self, each: &mut dyn FnMut(&Path, Identity)) -> Result<(), LedgerError> {
        self.read(|c| queries::handled(c, each))
    }

    fn totals(&self) -> Result<Totals, LedgerError> {
        self.read(queries::totals)
    }

    fn history(
        &self,
        filter: &HistoryFilter,
        each: &mut dyn FnMut(Record) -> ControlFlow<()>,
    ) -> Result<(), LedgerError> {
        self.read(|c| queries::history(c, filter, each))
    }

    fn find(&self, path: &Path) -> Result<Option<Record>, LedgerError> {
        self.read(|c| queries::find(c, path))
    }

    fn finished_before(
        &self,
        before: Timestamp,
        behind: Option<&Finished>,
        most: usize,
    ) -> Result<Vec<Finished>, LedgerError> {
        self.read(|c| retention::finished_before(c, before, behind, most))
    }

    fn forget(&self, ids: &[JobId], before: Timestamp) -> Result<u64, LedgerError> {
        let ids = ids.to_vec();
        self.lazily(move |c| retention::forget(c, &ids, before))
    }

    fn archived_before(
        &self,
        before: Timestamp,
        behind: Option<&Archived>,
        most: usize,
    ) -> Result<Vec<Archived>, LedgerError> {
        self.read(|c| retention::archived_before(c, before, behind, most))
    }

    fn unarchived(&self, ids: &[JobId]) -> Result<(), LedgerError> {
        let ids = ids.to_vec();
        self.lazily(move |c| retention::unarchived(c, &ids))
    }

    fn seen_at(&self, path: &Path, identity: &Identity) -> Result<Option<Timestamp>, LedgerError> {
        self.read(|c| retention::seen_at(c, path, identity))
    }

    fn shrink(&self, pages: u32) -> Result<u64, LedgerError> {
        self.writer.submit(Durability::Swollen, move |c| retention::shrink(c, pages))
    }
}
