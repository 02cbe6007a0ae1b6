//! One attempt: begin, convert, publish, finish, dispose. These few lines are the product.
//!
//! ```text
//! 0  the ledger counts the attempt                      survives the death of the process
//! 1  the output is written under a temporary name       OUTBOX/.h5inbox/JOB.tmp, and synced
//! 2  the ledger notes what will be published            from here the output is decided
//! 3  the temporary name becomes the final one           its absence is the witness
//! 4  the outbox is synced                               the output is durable
//! 5  the ledger says done
//! 6  the source is kept, archived or deleted            if it is still the version that was converted
//! 7  the ledger says disposed
//! ```
//!
//! A crash after any of them is finished by [`recovery`](super::recovery), from 3 on by the very same functions.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use crate::convert::output::publish::{rename_over, rename_to_new, staging, sync_folder, versioned};
use crate::convert::output::OutputError;
use crate::convert::{self, ConvertError, Options, Summary};
use crate::ledger::{Disposition, Failure, Job, Ledger, LedgerError, Publication};
use crate::source::{Identity, Shown, open_beneath};

use super::disposition::{delete_source, move_source};
use super::naming::output_of;
use super::quarantine::write_report;
use super::retry::{Backoff, Trouble, plain};

/// What becomes of a source that was converted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// It stays in the inbox.
    Keep,
    /// It is moved to the archive.
    Archive,
    /// It is deleted.
    Delete,
}

/// What an output does that finds its name taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnExisting {
    /// It takes the next free number: `NAME~2.h5`.
    Version,
    /// It replaces the other.
    Replace,
    /// It is not published; the source goes to the quarantine.
    Refuse,
}

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
    /// What an output does that finds its name taken.
    pub on_existing: OnExisting,
    /// How sources are converted.
    pub options: Options,
    /// Attempts after which a job that brings the agent down, or panics, is given up.
    pub max_attempts: u32,
    /// How long to wait between attempts.
    pub backoff: Backoff,
    /// What was done.
    pub ledger: Arc<dyn Ledger>,
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
    /// The same job is to be tried again at this time.
    Failed(jiff::Timestamp),
    /// The source changed; it has to settle again.
    Changed,
    /// The source is not there any more.
    Gone,
}

/// What a conversion left in the staging folder.
struct Made {
    temporary: PathBuf,
    summary: Summary,
    wait_s: f64,
    convert_s: f64,
}

impl Workshop {
    /// Makes one attempt on `job`. Errors are those of the ledger: without its memory no work may go on.
    pub fn attempt(&self, job: &Job) -> Result<Outcome, LedgerError> {
        let number = self.ledger.begin(job.id)?;
        match self.convert_or_duplicate(job) {
            Ok(Some(made)) => self.publish(job, made),
            Ok(None) => self.finish_duplicate(job),
            Err(trouble) => self.conclude(job, trouble, number),
        }
    }

    /// Ends an attempt that did not succeed.
    pub(super) fn conclude(&self, job: &Job, trouble: Trouble, attempt: u32) -> Result<Outcome, LedgerError> {
        let _ = fs::remove_file(self.temporary(job));
        match trouble {
            Trouble::Changed => {
                self.ledger.gone(job.id)?;
                log::debug!(event = "file.changed", job = job.id.0, path:% = Shown(&job.path); "The source changed; it settles again.");
                Ok(Outcome::Changed)
            }
            Trouble::Gone => {
                self.ledger.gone(job.id)?;
                log::info!(event = "file.gone", job = job.id.0, path:% = Shown(&job.path); "The source is gone.");
                Ok(Outcome::Gone)
            }
            Trouble::Transient(failure) => self.fail(job, &failure, attempt),
            Trouble::Permanent(failure) => self.quarantine(job, &failure),
        }
    }

    /// The attempt panicked: after as many attempts as allowed the source is set aside.
    pub(super) fn panicked(&self, job: &Job, message: &str) -> Result<Outcome, LedgerError> {
        let failure = plain("internal", &format!("internal error: {message}; please report it with the source"));
        if job.attempts + 1 >= self.max_attempts {
            return self.conclude(job, Trouble::Permanent(failure), job.attempts + 1);
        }
        self.conclude(job, Trouble::Transient(failure), job.attempts + 1)
    }

    /// The temporary name of a job's output: made of its number, never of the source's name.
    pub(super) fn temporary(&self, job: &Job) -> PathBuf {
        self.outbox.join(convert::output::publish::STAGING).join(format!("{}.tmp", job.id))
    }

    /// `None` if the source has the bytes of the version converted before.
    fn convert_or_duplicate(&self, job: &Job) -> Result<Option<Made>, Trouble> {
        let begun = Instant::now();
        let (file, identity) = open_beneath(&self.inbox, &job.path)?;
        if identity != job.identity {
            return Err(Trouble::Changed);
        }
        if self.is_duplicate(job, &file)? {
            return Ok(None);
        }
        staging(&self.outbox).map_err(ConvertError::from)?;
        let temporary = self.temporary(job);
        remove_stale(&temporary).map_err(ConvertError::from)?;
        let summary = convert::to_file(&file, identity, &temporary, &self.options)?;
        self.still_the_same(job)?;
        let waited = jiff::Timestamp::now().duration_since(job.run_at).as_secs_f64();
        let convert_s = begun.elapsed().as_secs_f64();
        Ok(Some(Made { temporary, summary, wait_s: (waited - convert_s).max(0.0), convert_s }))
    }

    /// Reading has ended: the *path* must still hold the version that was read.
    fn still_the_same(&self, job: &Job) -> Result<(), Trouble> {
        match open_beneath(&self.inbox, &job.path) {
            Ok((_, now)) if now == job.identity => Ok(()),
            _ => Err(Trouble::Changed),
        }
    }

    fn is_duplicate(&self, job: &Job, file: &File) -> Result<bool, Trouble> {
        let Some(previous) = job.previous.as_ref().filter(|previous| previous.size == job.identity.size) else {
            return Ok(false);
        };
        let hash = hash_of(file).map_err(ConvertError::Read)?;
        if hash != previous.hash {
            return Ok(false);
        }
        self.still_the_same(job).map(|()| true)
    }

    fn finish_duplicate(&self, job: &Job) -> Result<Outcome, LedgerError> {
        let previous = job.previous.as_ref();
        let hash = previous.map_or([0; 32], |previous| previous.hash);
        self.ledger.duplicate(job.id, hash, previous.map(|previous| previous.id), self.planned())?;
        log::info!(event = "file.duplicate", job = job.id.0, path:% = Shown(&job.path); "The same content was converted before.");
        self.dispose(job)?;
        Ok(Outcome::Duplicate)
    }

    fn planned(&self) -> Disposition {
        if self.after == After::Keep { Disposition::None } else { Disposition::Pending }
    }

    fn publish(&self, job: &Job, made: Made) -> Result<Outcome, LedgerError> {
        let output = self.first_name(&job.path);
        let publication = Publication {
            hash: made.summary.source_hash.unwrap_or_default(),
            temporary: made.temporary,
            output: output.clone(),
            output_bytes: made.summary.output_bytes,
            rows: made.summary.rows,
            columns: made.summary.columns,
            bad_records: 0,
            wait_s: made.wait_s,
            convert_s: made.convert_s,
        };
        self.ledger.publishing(job.id, &publication)?;
        for warning in &made.summary.warnings {
            log::warn!(event = "file.warning", job = job.id.0, path:% = Shown(&job.path); "{warning}");
        }
        self.publish_decided(job, &publication.temporary, output, &made.summary)
    }

    /// From here on the output is decided: it is only given its name, also after a crash.
    fn publish_decided(&self, job: &Job, temporary: &Path, output: PathBuf, made: &Summary) -> Result<Outcome, LedgerError> {
        let begun = Instant::now();
        match self.give_name(job, temporary, output)? {
            Ok(output) => {
                let publish_s = begun.elapsed().as_secs_f64();
                self.finish_published(job, publish_s)?;
                log::info!(
                    event = "file.published", job = job.id.0, path:% = Shown(&job.path), output:% = Shown(&output),
                    rows = made.rows, columns = made.columns, size_bytes = job.identity.size, publish_s = publish_s;
                    "Published."
                );
                Ok(Outcome::Done)
            }
            Err(OutputError::Exists(taken)) => {
                let message = format!("the output {} exists already; move it away, or set `output.on_existing`", Shown(&taken));
                let _ = fs::remove_file(temporary);
                self.quarantine(job, &plain("output_exists", &message))
            }
            Err(error) => self.fail(job, &plain("publish_error", &error), job.attempts + 1),
        }
    }

    /// Goes on with a job whose output is decided: it gets its name if it has none yet, and the job is finished.
    pub(super) fn resume_publishing(&self, job: &Job) -> Result<Outcome, LedgerError> {
        let output = job.output.clone().unwrap_or_else(|| output_of(&self.outbox, &job.path));
        let temporary = job.temporary.clone().unwrap_or_else(|| self.temporary(job));
        if temporary.exists() {
            let made = Summary { source_hash: job.hash, ..Summary::default() };
            return self.publish_decided(job, &temporary, output, &made);
        }
        // The temporary file is gone: it was renamed, even if somebody has taken the output away since.
        if let Err(error) = self.sync_names(&output) {
            return self.fail(job, &plain("publish_error", &error), job.attempts);
        }
        self.finish_published(job, 0.0)?;
        log::info!(event = "file.published", job = job.id.0, path:% = Shown(&job.path), output:% = Shown(&output); "Found published by an earlier run.");
        Ok(Outcome::Done)
    }

    fn finish_published(&self, job: &Job, publish_s: f64) -> Result<(), LedgerError> {
        self.ledger.done(job.id, publish_s, self.planned())?;
        self.dispose(job)
    }

    fn first_name(&self, source: &Path) -> PathBuf {
        output_of(&self.outbox, source)
    }

    /// Renames the temporary file to `output`, or to the next free name if names are numbered; makes it durable.
    fn give_name(
        &self,
        job: &Job,
        temporary: &Path,
        output: PathBuf,
    ) -> Result<Result<PathBuf, OutputError>, LedgerError> {
        let mut name = output;
        loop {
            let folder = name.parent().unwrap_or(&self.outbox);
            if let Err(e) = fs::create_dir_all(folder) {
                return Ok(Err(OutputError::io("create", folder)(e)));
            }
            let renamed = match self.on_existing {
                OnExisting::Replace => rename_over(temporary, &name),
                OnExisting::Version | OnExisting::Refuse => rename_to_new(temporary, &name),
            };
            match renamed {
                Ok(()) => return Ok(self.sync_names(&name).map(|()| name)),
                Err(OutputError::Exists(_)) if self.on_existing == OnExisting::Version => {
                    name = next_free(&self.first_name(&job.path));
                    self.ledger.rename_publication(job.id, &name)?;
                }
                Err(error) => return Ok(Err(error)),
            }
        }
    }

    fn sync_names(&self, output: &Path) -> Result<(), OutputError> {
        if !self.options.durable {
            return Ok(());
        }
        sync_folder(output.parent().unwrap_or(&self.outbox))
    }

    /// Moves or deletes the source of a job that is decided, as its state and the configuration want it. What cannot be
    /// done now is done later: the ledger remembers it as pending.
    pub(super) fn dispose(&self, job: &Job) -> Result<(), LedgerError> {
        let disposed = match self.after {
            After::Keep => return Ok(()),
            After::Archive => move_source(&self.inbox, &job.path, &job.identity, &self.archive),
            After::Delete => delete_source(&self.inbox, &job.path, &job.identity),
        };
        self.note_disposed(job, disposed.map(|what| format!("{what:?}")))
    }

    fn note_disposed(&self, job: &Job, disposed: Result<String, OutputError>) -> Result<(), LedgerError> {
        match disposed {
            Ok(what) => {
                log::debug!(event = "file.disposed", job = job.id.0, path:% = Shown(&job.path); "Source disposed of: {what}.");
                self.ledger.disposed(job.id)
            }
            Err(error) => {
                log::error!(event = "file.disposed", job = job.id.0, path:% = Shown(&job.path), error:% = error;
                    "The source could not be moved or deleted; it will be tried again.");
                Ok(())
            }
        }
    }

    fn fail(&self, job: &Job, failure: &Failure, attempt: u32) -> Result<Outcome, LedgerError> {
        let wait = self.backoff.after(attempt, job.id.0.cast_unsigned());
        let run_at = jiff::Timestamp::now().saturating_add(jiff::SignedDuration::try_from(wait).unwrap_or_default());
        let run_at = run_at.unwrap_or(jiff::Timestamp::MAX);
        self.ledger.failed(job.id, failure, run_at)?;
        log::warn!(
            event = "file.failed", job = job.id.0, attempt = attempt, path:% = Shown(&job.path),
            error_code = failure.code, error = failure.message; "Failed; will be tried again in {:.1} s.", wait.as_secs_f64()
        );
        Ok(Outcome::Failed(run_at))
    }

    /// Records that the source needs a person, writes the report, and moves the source unless sources are kept.
    pub(super) fn quarantine(&self, job: &Job, failure: &Failure) -> Result<Outcome, LedgerError> {
        self.ledger.quarantined(job.id, failure, Disposition::Pending)?;
        log::warn!(
            event = "file.quarantined", job = job.id.0, path:% = Shown(&job.path), error_code = failure.code,
            error = failure.message, line = failure.line, byte = failure.byte; "Cannot be converted."
        );
        self.set_aside(job, failure)?;
        Ok(Outcome::Quarantined)
    }

    /// Puts a quarantined source aside, with its report.
    pub(super) fn set_aside(&self, job: &Job, failure: &Failure) -> Result<(), LedgerError> {
        let done = if self.after == After::Keep {
            self.report(job, failure, &self.inbox.join(&job.path)).map(|()| "kept in the inbox".to_owned())
        } else {
            self.move_aside(job, failure)
        };
        self.note_disposed(job, done)
    }

    fn move_aside(&self, job: &Job, failure: &Failure) -> Result<String, OutputError> {
        let what = move_source(&self.inbox, &job.path, &job.identity, &self.quarantine)?;
        let resting = match &what {
            super::disposition::Disposed::Moved(path) => path.clone(),
            _ => self.inbox.join(&job.path),
        };
        self.report(job, failure, &resting).map(|()| format!("{what:?}"))
    }

    fn report(&self, job: &Job, failure: &Failure, resting: &Path) -> Result<(), OutputError> {
        write_report(&self.quarantine, job, failure, resting).map_err(OutputError::io("write the report in", &self.quarantine))
    }
}

fn remove_stale(temporary: &Path) -> Result<(), OutputError> {
    match fs::remove_file(temporary) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(OutputError::io("remove", temporary)(e)),
        _ => Ok(()),
    }
}

fn hash_of(mut file: &File) -> io::Result<[u8; 32]> {
    use std::io::Seek;
    let hash = blake3::Hasher::new().update_reader(file)?.finalize();
    file.rewind()?;
    Ok(*hash.as_bytes())
}

fn next_free(first: &Path) -> PathBuf {
    let mut number = 2;
    while fs::symlink_metadata(versioned(first, number)).is_ok() {
        number += 1;
    }
    versioned(first, number)
}
