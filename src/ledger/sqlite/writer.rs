//! Group commit: one thread owns the connection that writes, and commits what is waiting together.
//!
//! A durable commit costs one flush of the disk, whether it carries one step or hundreds. While the thread flushes,
//! other workers queue their steps; the next transaction takes them all. A step that fails undoes only itself, a
//! commit that fails answers everybody in it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};

use crossbeam_channel::{Receiver, Sender, bounded};
use rusqlite::Connection;

use crate::ledger::{Each, LedgerError};

/// Steps in one transaction: bounds how long the first of them waits.
const BATCH: usize = 256;

/// Changed rows after which the log is written back into the database: some ten megabytes of log.
const CHECKPOINT_ROWS: u64 = 2048;

/// What must be true before a step is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Durability {
    /// It survives the process.
    Process,
    /// It survives the process, and has written much more than it has changed: the log is written back after it.
    Swollen,
    /// It survives a power cut.
    Disk,
}

/// The handle of the writing thread. Dropping it finishes what is queued, then closes the database.
#[derive(Debug)]
pub(super) struct Writer {
    queue: Option<Sender<Box<dyn Step>>>,
    thread: Option<JoinHandle<()>>,
    commits: Arc<AtomicU64>,
}

impl Writer {
    /// Starts the thread.
    pub(super) fn start(connection: Connection) -> Result<Self, LedgerError> {
        // A flush that fails inside SQLite's automatic checkpoint is not reported; in ours it is.
        connection.pragma_update(None, "wal_autocheckpoint", 0)?;
        let (queue, steps) = bounded(2 * BATCH);
        let commits = Arc::new(AtomicU64::new(0));
        let desk = Desk::new(connection, Arc::clone(&commits));
        let thread = thread::Builder::new().name("ledger".to_owned()).spawn(move || desk.serve(&steps));
        let thread = thread.map_err(|e| LedgerError::Unavailable {
            doing: "start its thread".to_owned(),
            passing: true,
            source: Arc::new(e),
        })?;
        Ok(Self { queue: Some(queue), thread: Some(thread), commits })
    }

    /// Runs `work` in a transaction and returns once that is committed as `durability` asks.
    pub(super) fn submit<T, F>(&self, durability: Durability, work: F) -> Result<T, LedgerError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, LedgerError> + Send + 'static,
    {
        let (reply, answer) = bounded(1);
        let step = Asked { durability, work: Some(work), outcome: None, reply };
        let queue = self.queue.as_ref().ok_or_else(stopped)?;
        queue.send(Box::new(step)).map_err(|_| stopped())?;
        answer.recv().unwrap_or_else(|_| Err(stopped()))
    }

    /// Transactions committed so far.
    pub(super) fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn stopped() -> LedgerError {
    LedgerError::Broken(Arc::from(Box::<dyn std::error::Error + Send + Sync>::from("its thread has ended")))
}

/// One queued step, whatever it returns.
trait Step: Send {
    fn durability(&self) -> Durability;
    /// Does it, inside the transaction; the error is what made it undo itself.
    fn run(&mut self, connection: &Connection) -> Option<LedgerError>;
    /// Tells the caller, now that the commit has succeeded or not.
    fn answer(self: Box<Self>, commit: Result<(), LedgerError>);
}

struct Asked<T, F> {
    durability: Durability,
    work: Option<F>,
    outcome: Option<Result<T, LedgerError>>,
    reply: Sender<Result<T, LedgerError>>,
}

impl<T, F> Step for Asked<T, F>
where
    T: Send,
    F: FnOnce(&Connection) -> Result<T, LedgerError> + Send,
{
    fn durability(&self) -> Durability {
        self.durability
    }

    fn run(&mut self, connection: &Connection) -> Option<LedgerError> {
        let work = self.work.take()?;
        let outcome = alone(connection, work);
        let error = outcome.as_ref().err().cloned();
        self.outcome = Some(outcome);
        error
    }

    fn answer(self: Box<Self>, commit: Result<(), LedgerError>) {
        let answer = match (self.outcome, commit) {
            (Some(Err(own)), _) => Err(own),
            (Some(Ok(value)), Ok(())) => Ok(value),
            (_, Err(shared)) => Err(shared),
            (None, Ok(())) => Err(stopped()),
        };
        // A caller that is gone needs no answer.
        let _ = self.reply.send(answer);
    }
}

/// Runs `step` for each of these; one that fails undoes itself only.
pub(super) fn each<T, U>(
    connection: &Connection,
    of: &[T],
    step: impl Fn(&Connection, &T) -> Result<U, LedgerError>,
) -> Each<U> {
    let one = |item| match alone(connection, |c| step(c, item)) {
        // SQLite has dropped the whole transaction, with the ones before this.
        Err(error) if connection.is_autocommit() => Err(error),
        outcome => Ok(outcome),
    };
    of.iter().map(one).collect()
}

/// Runs `work` so that its failure undoes its own changes only.
fn alone<T>(
    connection: &Connection,
    work: impl FnOnce(&Connection) -> Result<T, LedgerError>,
) -> Result<T, LedgerError> {
    execute(connection, "SAVEPOINT step")?;
    let outcome = work(connection);
    if outcome.is_err() && !connection.is_autocommit() {
        execute(connection, "ROLLBACK TO step")?;
    }
    if !connection.is_autocommit() {
        execute(connection, "RELEASE step")?;
    }
    outcome
}

fn execute(connection: &Connection, sql: &str) -> Result<(), LedgerError> {
    connection.prepare_cached(sql)?.execute([])?;
    Ok(())
}

/// What the thread works with.
struct Desk {
    connection: Connection,
    commits: Arc<AtomicU64>,
    flushing: Option<Durability>,
    checkpointed: u64,
    broken: Option<LedgerError>,
}

impl Desk {
    fn new(connection: Connection, commits: Arc<AtomicU64>) -> Self {
        Self { connection, commits, flushing: None, checkpointed: 0, broken: None }
    }

    fn serve(mut self, steps: &Receiver<Box<dyn Step>>) {
        while let Ok(first) = steps.recv() {
            let mut batch = vec![first];
            batch.extend(steps.try_iter().take(BATCH - 1));
            let commit = self.commit(&mut batch);
            let swollen = batch.iter().any(|step| step.durability() == Durability::Swollen);
            for step in batch {
                step.answer(commit.clone());
            }
            self.checkpoint_when_due(swollen);
        }
        self.checkpoint();
    }

    /// All of the batch in one transaction, flushed if one of it asks for that.
    fn commit(&mut self, batch: &mut [Box<dyn Step>]) -> Result<(), LedgerError> {
        if let Some(broken) = &self.broken {
            return Err(broken.clone());
        }
        let outcome = self.transact(batch);
        if !self.connection.is_autocommit() {
            // Fails only if SQLite has rolled back by itself.
            let _ = execute(&self.connection, "ROLLBACK");
        }
        self.note(&outcome);
        outcome
    }

    fn transact(&mut self, batch: &mut [Box<dyn Step>]) -> Result<(), LedgerError> {
        let on_disk = batch.iter().any(|step| step.durability() == Durability::Disk);
        self.flush_on_commit(if on_disk { Durability::Disk } else { Durability::Process })?;
        execute(&self.connection, "BEGIN IMMEDIATE")?;
        for step in batch {
            let error = step.run(&self.connection);
            // A full disk, for one, makes SQLite drop the whole transaction, with the steps before this one.
            if self.connection.is_autocommit() {
                return Err(error.unwrap_or_else(stopped));
            }
        }
        execute(&self.connection, "COMMIT")?;
        self.commits.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// In WAL mode NORMAL writes to the log without a flush, and FULL flushes it, earlier commits included.
    fn flush_on_commit(&mut self, durability: Durability) -> Result<(), LedgerError> {
        if self.flushing != Some(durability) {
            let mode = if durability == Durability::Disk { "FULL" } else { "NORMAL" };
            self.connection.pragma_update(None, "synchronous", mode)?;
            self.flushing = Some(durability);
        }
        Ok(())
    }

    fn checkpoint_when_due(&mut self, swollen: bool) {
        let changed = self.connection.total_changes();
        if swollen || changed.wrapping_sub(self.checkpointed) >= CHECKPOINT_ROWS {
            self.checkpointed = changed;
            self.checkpoint();
        }
    }

    /// Anything but a failed flush is not worth an error here: the log stays valid, and the next time comes.
    fn checkpoint(&mut self) {
        if self.broken.is_none() {
            let outcome = self.connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
            self.note(&outcome.map_err(LedgerError::from));
        }
    }

    fn note(&mut self, outcome: &Result<(), LedgerError>) {
        if let Err(broken @ LedgerError::Broken(_)) = outcome {
            self.broken = Some(broken.clone());
        }
    }
}
