//! One attempt: begin, convert, publish, finish, dispose. These few lines are the product.
//!
//! ```text
//! 0  the ledger counts the attempt                      survives the death of the process
//! 1  the output is written under a temporary name       OUTBOX/.h5inbox/JOB.tmp
//!    and synced, and that name, too
//! 2  the ledger notes what will be published            from here the output is decided
//! 3  the temporary name becomes the final one           its absence is the witness
//! 4  the outbox is synced                               the output is durable
//! 5  the ledger says done
//! 6  the source is kept, archived or deleted            if it is still the version that was converted
//! 7  the ledger says disposed
//! ```
//!
//! A worker takes a file up to its temporary name. From the sync on, many take each step [together](super::publishing): the
//! order of a file's steps is the same.
//!
//! A crash after any of them is finished by [`recovery`](super::recovery), from 3 on by the very same functions.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

use super::fault::{Fault, Undisposed};
use super::gathering::GatherRules;
use super::manifest::SumsOf;
use super::naming::Naming;
use super::retry::{Backoff, Trouble, plain};
use super::unfinished::Unfinished;
use crate::config::{After, OnExisting};
use crate::convert::output::OutputError;
use crate::convert::output::provenance::Origin;
use crate::convert::output::publish::{STAGING, lasting_staging};
use crate::convert::profile::{self, Left, Stage};
use crate::convert::{self, ConvertError, Options, SourceColumn, Summary, Target};
use crate::ledger::{Disposition, Failure, Job, JobId, Ledger, LedgerError, Shared, State};
use crate::source::{OpenError, Shown, open_beneath, sha256_of};
use crate::telemetry::metrics::{Ended, Metrics};

/// Everything an attempt needs, shared by all workers.
pub struct Workshop {
    /// Where sources arrive.
    pub inbox: PathBuf,
    /// Where outputs go.
    pub outbox: PathBuf,
    /// Where converted sources go, if they are archived.
    pub archive: PathBuf,
    /// Where reports go, and sources that cannot be converted unless sources are kept.
    pub quarantine: PathBuf,
    /// What becomes of converted sources.
    pub after: After,
    /// What outputs are called.
    pub naming: Naming,
    /// What an output does that finds its name taken.
    pub on_existing: OnExisting,
    /// How sources are converted.
    pub options: Options,
    /// Attempts after which a job that brings the agent down, or panics, is given up.
    pub max_attempts: u32,
    /// How long to wait between attempts.
    pub backoff: Backoff,
    /// Which sources end too early, and since when.
    pub unfinished: Unfinished,
    /// Why sources that are decided cannot leave the inbox.
    pub undisposed: Undisposed,
    /// What was done.
    pub ledger: Arc<dyn Ledger>,
    /// What is counted of it.
    pub metrics: Arc<Metrics>,
    /// What stands behind a source's name in that of its marker; empty: there are none.
    pub marker: String,
    /// What manifests say of a source, if they are to be compared with it.
    pub sums_of: Option<SumsOf>,
    /// Which sources become one output together.
    pub gather: GatherRules,
    /// Whether some process is known to have the file open for writing.
    pub has_writer: fn(&File) -> bool,
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The output is published and recorded.
    Done,
    /// The same bytes were converted before.
    Duplicate,
    /// The source went to the quarantine.
    Quarantined,
    /// The job is to be tried again at its `run_at`; if its output is decided, it only goes on with publishing.
    Failed(Box<Job>),
    /// The source ends too early; it is to be tried again at its `run_at`, unless it has changed by then.
    Deferred(Box<Job>),
    /// Our own side is at fault: the job is where it was before the attempt, and goes on when that is over.
    Blocked(Box<Job>, Fault),
    /// The source does not go with others, and is to be tried again alone.
    Apart(Box<Job>),
    /// The source changed, or somebody has opened it to write; it has to settle again.
    Changed,
    /// The source is not there any more.
    Gone,
}

/// How far an attempt has come.
#[derive(Debug)]
pub(super) enum Attempted {
    /// To its end.
    Ended(Outcome),
    /// An output is made and has to be published.
    Made(Box<Made>, Left),
}

/// What a conversion left in the staging folder.
#[derive(Debug)]
pub(super) struct Made {
    /// The number of the attempt.
    pub(super) attempt: u32,
    pub(super) temporary: PathBuf,
    /// The output, if it has to be synced.
    pub(super) unsynced: Option<File>,
    pub(super) summary: Summary,
    pub(super) wait_s: f64,
    pub(super) convert_s: f64,
    /// When the conversion ended.
    pub(super) ended: Instant,
}

/// How long the end of a conversion may be waited for in vain, beside twice its time: it is looked for between batches.
const LATE: Duration = Duration::from_secs(5);

impl Workshop {
    /// After so long an attempt will never end.
    #[must_use]
    pub fn overdue(&self) -> Duration {
        Duration::from_secs(self.options.convert_secs).saturating_mul(2).saturating_add(LATE)
    }

    /// Counts an attempt on each of these jobs, and answers its number; where the output is decided, no new one begins.
    pub(super) fn begin(&self, jobs: &[Job]) -> Vec<Result<u32, LedgerError>> {
        let decided = |job: &Job| job.state == State::Publishing;
        let ids: Vec<JobId> = jobs.iter().filter(|job| !decided(job)).map(|job| job.id).collect();
        let mut begun = match if ids.is_empty() { Ok(Vec::new()) } else { self.ledger.begin_all(&ids) } {
            Ok(begun) => begun.into_iter(),
            Err(error) => return jobs.iter().map(|_| Err(error.clone())).collect(),
        };
        let one = |job: &Job| if decided(job) { None } else { begun.next() }.unwrap_or(Ok(job.attempts));
        jobs.iter().map(one).collect()
    }

    /// Makes attempt `number` on `job`, which has begun, up to an output that has to be published. Errors are those of the
    /// ledger: without its memory no work may go on.
    pub(super) fn attempt(&self, job: &Job, number: u32) -> Result<Attempted, LedgerError> {
        if job.state == State::Publishing {
            return self.resume_publishing(job).map(Attempted::Ended);
        }
        let file = profile::file(&job.path, job.identity.size);
        let outcome = match self.convert_or_duplicate(job, number) {
            Ok(Some(made)) => {
                self.unfinished.forget(job.id);
                file.converted(made.summary.rows);
                return Ok(Attempted::Made(Box::new(made), file.leave()));
            }
            Ok(None) => self.finish_duplicate(job, number),
            Err(trouble) => self.conclude(job, trouble, number),
        };
        if !matches!(outcome, Ok(Outcome::Deferred(_))) {
            self.unfinished.forget(job.id);
        }
        outcome.map(Attempted::Ended)
    }

    /// What this agent is called among those that share the ledger; empty where one has it for itself.
    pub(super) fn agent(&self) -> &str {
        self.ledger.shared().map_or("", Shared::name)
    }

    /// Has the ledger take a step.
    pub(super) fn record<T>(&self, step: impl FnOnce(&dyn Ledger) -> Result<T, LedgerError>) -> Result<T, LedgerError> {
        let _span = profile::span(Stage::Ledger);
        step(self.ledger.as_ref())
    }

    /// Ends an attempt that did not succeed.
    pub(super) fn conclude(&self, job: &Job, trouble: Trouble, attempt: u32) -> Result<Outcome, LedgerError> {
        self.remove_made(job);
        match trouble {
            Trouble::Changed => {
                self.record(|ledger| ledger.gone(job.id))?;
                log::debug!(event = "file.changed", job = job.id.0, path:% = Shown(&job.path); "The source changed; it settles again.");
                Ok(Outcome::Changed)
            }
            Trouble::Gone => {
                self.record(|ledger| ledger.gone(job.id))?;
                log::info!(event = "file.gone", job = job.id.0, path:% = Shown(&job.path); "The source is gone.");
                Ok(Outcome::Gone)
            }
            Trouble::Unfinished(failure) => self.defer(job, &failure, attempt),
            Trouble::Transient(failure) => self.fail(job, &failure, attempt),
            Trouble::Ours(fault) => self.blocked(job, fault),
            Trouble::Permanent(failure) => self.quarantine(job, &failure, attempt),
        }
    }

    /// The attempt panicked: after as many attempts as allowed the source is set aside.
    pub(super) fn panicked(&self, job: &Job, message: &str) -> Result<Outcome, LedgerError> {
        let failure = plain("internal", &format!("internal error: {message}; please report it with the source"));
        let job = &Job { alone: true, ..job.clone() };
        match self.ledger.crashed(job.id)? {
            // The output is decided: it stays where it is, and gets its name later.
            (crashes, State::Publishing) => self.fail(&self.decided(job), &failure, crashes),
            (crashes, _) if crashes >= self.max_attempts => self.conclude(job, Trouble::Permanent(failure), crashes),
            (crashes, _) => self.conclude(job, Trouble::Transient(failure), crashes),
        }
    }

    /// The same job, once its output is decided.
    pub(super) fn decided(&self, job: &Job) -> Job {
        let temporary = job.temporary.clone().unwrap_or_else(|| self.temporary(job));
        Job { state: State::Publishing, temporary: Some(temporary), ..job.clone() }
    }

    /// The temporary name of a job's output: made of its number, never of the source's name.
    pub(super) fn temporary(&self, job: &Job) -> PathBuf {
        self.outbox.join(STAGING).join(format!("{}.tmp", job.claim_name()))
    }

    /// Removes what an attempt has made that is not decided.
    pub(super) fn remove_made(&self, job: &Job) {
        for made in [self.temporary(job), self.temporary_bad_records(job)] {
            let _ = fs::remove_file(made);
        }
    }

    /// `None` if the source has the bytes of the version converted before.
    fn convert_or_duplicate(&self, job: &Job, attempt: u32) -> Result<Option<Made>, Trouble> {
        let begun = Instant::now();
        let (file, identity) = open_beneath(&self.inbox, &job.path)?;
        // It may have waited long since it settled, or since an earlier run.
        if identity != job.identity || (self.has_writer)(&file) {
            return Err(Trouble::Changed);
        }
        self.compare_with_manifests(job, &file)?;
        if self.is_duplicate(job, &file)? {
            return Ok(None);
        }
        let (summary, unsynced) = self.convert(job, &file)?;
        self.still_the_same(job)?;
        let temporary = self.temporary(job);
        let waited = Timestamp::now().duration_since(job.run_at).as_secs_f64();
        let convert_s = begun.elapsed().as_secs_f64();
        let wait_s = (waited - convert_s).max(0.0);
        Ok(Some(Made { attempt, temporary, unsynced, summary, wait_s, convert_s, ended: Instant::now() }))
    }

    /// Writes the output of `job`, and returns it if it has to be synced.
    fn convert(&self, job: &Job, source: &File) -> Result<(Summary, Option<File>), ConvertError> {
        lasting_staging(&self.outbox)?;
        let output = self.temporary(job);
        remove_stale(&output)?;
        let bad_records = self.collect_bad_records(job)?;
        // A last record that is cut off may still be on its way; only when its time is over it is a bad one.
        let options = Options { skip_truncated: self.unfinished.is_over(job.id), ..self.options.clone() };
        let origin = Origin { source: &job.path, job: Some(job.id.0), modified_ns: job.identity.mtime_ns };
        let target = Target { output: &output, bad_records: bad_records.as_deref(), origin };
        let name = job.path.to_string_lossy();
        let column = self.gather.column_for(&job.path).map(|column| SourceColumn { name: column, source: &name });
        let (summary, file) = convert::to_open_file(source, job.identity, target, column, &options)?;
        Ok((summary, options.durable.then_some(file)))
    }

    /// Reading has ended: the *path* must still hold the version that was read, and nobody be about to change it.
    pub(super) fn still_the_same(&self, job: &Job) -> Result<(), Trouble> {
        match open_beneath(&self.inbox, &job.path) {
            Ok((file, now)) if now == job.identity && !(self.has_writer)(&file) => Ok(()),
            Err(error @ OpenError::Io(_)) => Err(error.into()),
            _ => Err(Trouble::Changed),
        }
    }

    pub(super) fn is_duplicate(&self, job: &Job, file: &File) -> Result<bool, Trouble> {
        let Some(previous) = job.previous.as_ref().filter(|previous| previous.size == job.identity.size) else {
            return Ok(false);
        };
        let hash = hash_of(file).map_err(ConvertError::Read)?;
        if hash != previous.hash {
            return Ok(false);
        }
        self.still_the_same(job).map(|()| true)
    }

    pub(super) fn finish_duplicate(&self, job: &Job, attempt: u32) -> Result<Outcome, LedgerError> {
        let previous = job.previous.as_ref();
        let hash = previous.map_or([0; 32], |previous| previous.hash);
        let of = previous.map(|previous| previous.id);
        let output = previous.map(|previous| Shown(&previous.output).to_string());
        self.record(|ledger| ledger.duplicate(job.id, hash, of, self.planned()))?;
        self.metrics.ended(Ended::Duplicate);
        log::info!(
            event = "file.duplicate", job = job.id.0, attempt = attempt, path:% = Shown(&job.path),
            size_bytes = job.identity.size, output = output.as_deref();
            "The same content was converted before."
        );
        self.dispose(job)?;
        Ok(Outcome::Duplicate)
    }

    /// What is still to be done with a source once its job is decided.
    pub(super) fn planned(&self) -> Disposition {
        if self.after == After::Keep { Disposition::None } else { Disposition::Pending }
    }

    /// Records that the same job is to be tried again, and when.
    pub(super) fn fail(&self, job: &Job, failure: &Failure, attempt: u32) -> Result<Outcome, LedgerError> {
        let wait = self.backoff.after(attempt, job.id.0.cast_unsigned());
        let run_at = Timestamp::now().saturating_add(SignedDuration::try_from(wait).unwrap_or(SignedDuration::MAX));
        let run_at = run_at.unwrap_or(Timestamp::MAX);
        self.record(|ledger| ledger.failed(job.id, failure, run_at))?;
        self.metrics.failed(&failure.code);
        log::warn!(
            event = "file.failed", job = job.id.0, attempt = attempt, path:% = Shown(&job.path),
            size_bytes = job.identity.size, error_code:% = failure.code, error:% = failure.message, line = failure.line,
            byte = failure.byte, retry_s = wait.as_secs_f64(); "Failed; it will be tried again."
        );
        let state = if job.state == State::Publishing { job.state } else { State::Failed };
        Ok(Outcome::Failed(Box::new(Job { run_at, attempts: attempt, state, ..job.clone() })))
    }
}

pub(super) fn remove_stale(temporary: &Path) -> Result<(), OutputError> {
    match fs::remove_file(temporary) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(OutputError::io("remove", temporary)(e)),
        _ => Ok(()),
    }
}

/// SHA-256 of a source that was not read yet.
pub(super) fn hash_of(file: &File) -> io::Result<[u8; 32]> {
    let _hash = profile::span(Stage::Hash);
    sha256_of(file)
}
