//! The second half of an attempt: the output gets its name, on disk, and the job is finished. Many files at a time.
//!
//! Each of these steps is taken for all files of a batch before the next begins:
//!
//! ```text
//! outputs are synced                    all at once, so that they share the flushes of the disk
//! the folders of these are synced       each once
//! the ledger notes what is published    one commit
//! temporary names become final ones
//! the folders of these are synced       each once
//! the ledger says done                  one commit
//! sources are moved or deleted
//! the folders of these are synced       each once
//! the ledger says disposed              one commit
//! ```
//!
//! So each file takes the steps of [`attempt`](super::attempt) in their order, exactly as it would alone: a batch delays a
//! step of one file until the others have taken the one before, and brings none forward. A crash finds some of the files
//! before and some behind a step, and recovery decides for each by itself.
//!
//! Once the ledger says `publishing`, the output is decided: after a failure or a crash the job goes on from here and
//! is never converted again. The temporary file is the witness: as long as it exists, the output is not published.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Instant;

use super::attempt::{Made, Outcome, Workshop};
use super::bad_records::bad_records_of;
use super::batch::{Batch, End, Going};
use super::pool::Report;
use super::retry::{Trouble, plain, unwritten};
use crate::config::OnExisting;
use crate::convert::output::OutputError;
use crate::convert::output::publish::{make_folders, rename_over, rename_to_new, sync_file, unversioned, versioned};
use crate::convert::profile::{self, Stage};
use crate::convert::{ConvertError, Summary, Warning};
use crate::ledger::{Failure, Job, LedgerError, Publication, Published};
use crate::source::Shown;
use crate::telemetry::metrics::Given;

/// Threads that sync outputs at a time: the disk flushes once for all that wait for it.
const SYNCERS: usize = 8;

/// Outputs that are worth a thread.
const SYNCED_BY_EACH: usize = 2;

/// An output that is decided.
pub(super) struct Decided {
    pub(super) temporary: PathBuf,
    /// The name that it would have if none were taken.
    pub(super) first: PathBuf,
    /// The name that it is to get, and then the one that it has got.
    pub(super) name: PathBuf,
    /// The name of its file of bad records, if that has one now.
    pub(super) bad_records: Option<PathBuf>,
    /// The number of the attempt.
    pub(super) attempt: u32,
    /// What the conversion made; after a crash the ledger alone knows.
    pub(super) made: Option<Made>,
    pub(super) since: Instant,
}

impl Workshop {
    /// Publishes what conversions made, and finishes their jobs.
    pub(super) fn publish(&self, made: Vec<Going<Made>>) -> Vec<Report> {
        let batch = Batch::new(self, made).all(Stage::Fsync, sync_outputs);
        // A temporary name that a power cut takes away would tell that the output has its final one.
        let batch = batch.sync_folders(|job, (made, _)| self.staging_folders(job, made));
        let batch = batch.each(|job, ((made, synced), named)| {
            let synced = synced.map_err(|error| Trouble::from(ConvertError::from(error)));
            let named = named.map_err(|error| match self.fault_behind(&error) {
                Some(fault) => Trouble::Ours(fault),
                None => Trouble::Transient(unwritten("output_error", &error, error.hint())),
            });
            match synced.and(named) {
                Ok(()) => Ok((self.publication(job, &made), made)),
                Err(trouble) => Err(self.conclude(job, trouble, made.attempt)),
            }
        });
        let batch = batch.record(|going| {
            let decide = |going: &Going<(Publication, Made)>| (going.job.id, going.what.0.clone());
            self.ledger.publishing_all(&going.iter().map(decide).collect::<Vec<_>>())
        });
        let batch = batch.each(|job, (Publication { temporary, output: name, .. }, made)| {
            let first = self.first_name(job, made.summary.source_hash);
            log_warnings(job, &made.summary.warnings);
            let (attempt, since) = (made.attempt, made.ended);
            // It is synced: the file is closed.
            let made = Some(Made { unsynced: None, ..made });
            Ok(Decided { temporary, first, name, bad_records: None, attempt, made, since })
        });
        self.publish_decided(batch)
    }

    /// The folders of the temporary names, where these are to last.
    pub(super) fn staging_folders(&self, job: &Job, made: &Made) -> impl Iterator<Item = PathBuf> + use<> {
        let bad_records = (made.summary.bad_records > 0).then(|| self.temporary_bad_records(job));
        let durable = self.options.durable;
        let names = [Some(made.temporary.clone()), bad_records].map(|name| name.filter(|_| durable));
        names.into_iter().flatten().filter_map(|name| Some(name.parent()?.to_path_buf()))
    }

    /// What the ledger notes of an output before it gets its name.
    fn publication(&self, job: &Job, made: &Made) -> Publication {
        publication_as(self.likely_name(self.first_name(job, made.summary.source_hash)), None, made)
    }

    /// The name that an output will get if the one that it is to have is `first`. Only a guess, which spares a second note in
    /// most cases: the rename decides.
    pub(super) fn likely_name(&self, first: PathBuf) -> PathBuf {
        let taken = self.on_existing == OnExisting::Version && fs::symlink_metadata(&first).is_ok();
        if taken { next_free(&first) } else { first }
    }

    /// From here on the outputs are decided: they are only given their names, also after a crash.
    fn publish_decided(&self, batch: Batch<'_, Decided>) -> Vec<Report> {
        self.finish(batch.each(|job, decided| self.give_names(job, decided)))
    }

    /// Goes on with a job whose output is decided: it gets its name if it has none yet, and the job is finished.
    pub(super) fn resume_publishing(&self, job: &Job) -> Result<Outcome, LedgerError> {
        // The ledger knows which others share it, and what it is called by now.
        if job.first_row.is_some() || job.output.is_none() {
            return self.resume_shared(job);
        }
        let decided = self.decided_before(job);
        let exists = decided.temporary.try_exists();
        let batch = Batch::of_one(self, job, decided);
        let reports = match exists {
            Ok(true) => self.publish_decided(batch),
            // The temporary file is gone: it was renamed, even if somebody has taken the output away since.
            Ok(false) => self.finish(batch.each(|job, decided| self.find_named(job, decided))),
            // What cannot be looked at is no witness.
            Err(error) => return self.hindered(job, &OutputError::io("look at", self.temporary(job))(error)),
        };
        reports.into_iter().next().map_or(Ok(Outcome::Gone), |report| report.outcome)
    }

    /// What the ledger knows of an output that is decided.
    pub(super) fn decided_before(&self, job: &Job) -> Decided {
        let name = job.output.clone().unwrap_or_else(|| self.first_name(job, job.hash));
        let first = unversioned(&name);
        let temporary = job.temporary.clone().unwrap_or_else(|| self.temporary(job));
        let (attempt, since) = (job.attempts, Instant::now());
        Decided { temporary, first, name, bad_records: None, attempt, made: None, since }
    }

    /// An output, and its file of bad records, get their names.
    fn give_names(&self, job: &Job, decided: Decided) -> Result<Decided, End> {
        let _publish = profile::span(Stage::Publish);
        let named = self.give_name(job, &decided).map_err(Err)?;
        match named.and_then(|name| Ok((name, self.publish_bad_records(job)?))) {
            Ok((name, bad_records)) => Ok(Decided { name, bad_records, ..decided }),
            Err(error) => Err(self.unpublished(job, &decided, &error)),
        }
    }

    /// The output has got its name, by an attempt that did not come to make it durable, perhaps.
    pub(super) fn find_named(&self, job: &Job, decided: Decided) -> Result<Decided, End> {
        let published = self.publish_bad_records(job).map_err(|error| self.hindered(job, &error))?;
        let first =
            || Some(bad_records_of(&self.quarantine, &job.path)).filter(|name| name.parent().is_some_and(Path::is_dir));
        Ok(Decided { bad_records: published.or_else(first), ..decided })
    }

    fn unpublished(&self, job: &Job, decided: &Decided, error: &OutputError) -> End {
        match refusal(decided, error) {
            Some(failure) => self.give_up(job, &decided.temporary, &failure, decided.attempt),
            None => self.hindered(job, error),
        }
    }

    /// A decided output cannot be published now: it will be later.
    pub(super) fn hindered(&self, job: &Job, error: &OutputError) -> End {
        let job = &self.decided(job);
        match self.fault_behind(error) {
            Some(fault) => self.blocked(job, fault),
            None => self.fail(job, &unwritten("publish_error", error, error.hint()), job.attempts + 1),
        }
    }

    /// The output is given up, because it can never have its name.
    fn give_up(&self, job: &Job, temporary: &Path, failure: &Failure, attempt: u32) -> Result<Outcome, LedgerError> {
        // The ledger first: a job that says publishing without its temporary file would count as done.
        let outcome = self.quarantine(&self.decided(job), failure, attempt)?;
        if outcome == Outcome::Quarantined {
            let _ = fs::remove_file(temporary);
            let _ = fs::remove_file(self.temporary_bad_records(job));
        }
        Ok(outcome)
    }

    /// Renames the temporary file to the name of the output, or to the next free one if names are numbered.
    pub(super) fn give_name(&self, job: &Job, decided: &Decided) -> Result<Result<PathBuf, OutputError>, LedgerError> {
        let (temporary, first) = (&decided.temporary, &decided.first);
        let mut name = decided.name.clone();
        loop {
            let folder = name.parent().unwrap_or(&self.outbox);
            if let Err(error) = make_folders(folder) {
                return Ok(Err(error));
            }
            let renamed = match self.on_existing {
                OnExisting::Replace => rename_over(temporary, &name),
                OnExisting::Version | OnExisting::Refuse => rename_to_new(temporary, &name),
            };
            match renamed {
                Ok(()) => return Ok(Ok(name)),
                Err(OutputError::Exists(_)) if self.on_existing == OnExisting::Version => {
                    name = next_free(first);
                    self.record(|ledger| ledger.rename_publication(job.id, &name))?;
                }
                Err(error) => return Ok(Err(error)),
            }
        }
    }

    /// Outputs have their names: these are made durable, the ledger learns of it, and the sources go their way.
    pub(super) fn finish(&self, batch: Batch<'_, Decided>) -> Vec<Report> {
        let durable = self.options.durable;
        let folders = |_: &Job, decided: &Decided| {
            let names = [Some(&decided.name), decided.bad_records.as_ref()];
            let folders = names.map(|name| name?.parent().filter(|_| durable).map(Path::to_path_buf));
            folders.into_iter().flatten()
        };
        let batch = batch.sync_folders(folders).each(|job, (decided, synced)| match synced {
            Ok(()) => Ok((decided.since.elapsed().as_secs_f64(), decided)),
            Err(error) => Err(self.hindered(job, &error)),
        });
        let disposition = self.planned();
        let batch = batch.record(|going| {
            let published =
                |going: &Going<(f64, Decided)>| Published { id: going.job.id, publish_s: going.what.0, disposition };
            self.ledger.done_all(&going.iter().map(published).collect::<Vec<_>>())
        });
        let batch = batch.each(|job, (publish_s, decided)| {
            self.withdraw_report(job);
            log_published(job, &decided, publish_s);
            self.metrics.done(decided.made.as_ref().map(|made| given(job, made, publish_s)));
            Ok(())
        });
        self.dispose_all(batch).reports(|()| Outcome::Done)
    }

    fn first_name(&self, job: &Job, hash: Option<[u8; 32]>) -> PathBuf {
        self.naming.output_of(&self.outbox, &job.path, job.identity.mtime_ns, hash.unwrap_or_default())
    }
}

/// What the ledger notes of an output before it gets its name.
pub(super) fn publication_as(output: PathBuf, first_row: Option<u64>, made: &Made) -> Publication {
    let summary = &made.summary;
    Publication {
        hash: summary.source_hash.unwrap_or_default(),
        temporary: made.temporary.clone(),
        output,
        output_bytes: summary.output_bytes,
        first_row,
        rows: summary.rows,
        columns: summary.columns,
        bad_records: summary.bad_records,
        warnings: warnings_json(&summary.warnings),
        input: summary.input.shape.as_str().to_owned(),
        compression: summary.input.compression.as_str().to_owned(),
        bom: summary.input.bom,
        wait_s: made.wait_s,
        convert_s: made.convert_s,
    }
}

/// Why an output can never have its name, if so.
pub(super) fn refusal(decided: &Decided, error: &OutputError) -> Option<Failure> {
    match error {
        OutputError::Exists(taken) => {
            let message =
                format!("the output {} exists already; move it away, or set `output.on_existing`", Shown(taken));
            Some(plain("output_exists", &message))
        }
        OutputError::Io { source: e, .. } if e.kind() == io::ErrorKind::InvalidFilename => {
            let length = decided.first.file_name().map_or(0, OsStr::len);
            let message = format!("output name would have {length} bytes or more (limit 255); rename the source");
            Some(plain("name_too_long", &message))
        }
        _ => None,
    }
}

/// Syncs outputs, where that is wanted: several at a time, because they wait for the same flushes of the disk.
fn sync_outputs(going: &[Going<Made>]) -> Vec<Result<(), OutputError>> {
    let sync = |going: &Going<Made>| {
        going.what.unsynced.as_ref().map_or(Ok(()), |file: &File| sync_file(file, &going.what.temporary))
    };
    let share = going.len().div_ceil(SYNCERS).max(SYNCED_BY_EACH);
    if going.len() == 1 {
        return going.iter().map(sync).collect();
    }
    thread::scope(|scope| {
        let sync_all = |going: &[Going<Made>]| going.iter().map(sync).collect::<Vec<_>>();
        let spawn = |going| thread::Builder::new().spawn_scoped(scope, move || sync_all(going)).map_err(|_| going);
        let threads: Vec<_> = going.chunks(share).map(spawn).collect();
        let results = threads.into_iter().map(|thread| match thread {
            Ok(thread) => thread.join().unwrap_or_else(|e| std::panic::resume_unwind(e)),
            // The system has no thread for it: one after the other, then.
            Err(going) => sync_all(going),
        });
        results.flatten().collect()
    })
}

/// What is counted of an output.
fn given(job: &Job, made: &Made, publish_s: f64) -> Given {
    let Summary { rows, bad_records, output_bytes: bytes_out, .. } = made.summary;
    Given {
        rows,
        bad_records,
        bytes_in: job.identity.size,
        bytes_out,
        took_s: made.wait_s + made.convert_s + publish_s,
    }
}

/// The file's line in the log; what an earlier attempt made is in the ledger alone.
fn log_published(job: &Job, decided: &Decided, publish_s: f64) {
    let made = decided.made.as_ref();
    let summary = made.map(|made| &made.summary);
    let message = if made.is_some() { "Published." } else { "Published what an earlier attempt had made." };
    log::info!(
        event = "file.published", job = job.id.0, attempt = decided.attempt, path:% = Shown(&job.path),
        size_bytes = job.identity.size, input = summary.map(|summary| summary.input.shape.as_str()),
        compression = summary.map(|summary| summary.input.compression.as_str()),
        bom = summary.map(|summary| summary.input.bom), rows = summary.map(|summary| summary.rows),
        columns = summary.map(|summary| summary.columns), bad_records = summary.map(|summary| summary.bad_records),
        first_row = job.first_row, output:% = Shown(&decided.name), output_bytes = summary.map(|summary| summary.output_bytes),
        wait_s = made.map(|made| made.wait_s), convert_s = made.map(|made| made.convert_s), publish_s = publish_s;
        "{message}"
    );
}

pub(super) fn log_warnings(job: &Job, warnings: &[Warning]) {
    for Warning { code, column, line, message } in warnings.iter().take(Warning::TOLD) {
        log::warn!(
            event = "file.warning", job = job.id.0, path:% = Shown(&job.path), code = *code, column:% = column.escape_debug(),
            line = line; "{message}"
        );
    }
    if let Some(more @ 1..) = warnings.len().checked_sub(Warning::TOLD) {
        log::warn!(event = "file.warning", job = job.id.0, path:% = Shown(&job.path); "And {more} more; see `h5inbox schema`.");
    }
}

fn warnings_json(warnings: &[Warning]) -> Option<String> {
    let told = &warnings[..warnings.len().min(Warning::TOLD)];
    if told.is_empty() { None } else { serde_json::to_string(told).ok() }
}

fn next_free(first: &Path) -> PathBuf {
    let mut number = 2;
    while fs::symlink_metadata(versioned(first, number)).is_ok() {
        number += 1;
    }
    versioned(first, number)
}
