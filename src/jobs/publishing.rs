//! The second half of an attempt: the output gets its name, on disk, and the job is finished.
//!
//! Once the ledger says `publishing`, the output is decided: after a failure or a crash the job goes on from here and
//! is never converted again. The temporary file is the witness: as long as it exists, the output is not published.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::attempt::{Made, Outcome, Workshop};
use super::naming::output_of;
use super::retry::{plain, unwritten};
use crate::config::OnExisting;
use crate::convert::Warning;
use crate::convert::output::OutputError;
use crate::convert::output::publish::{rename_over, rename_to_new, sync_folder, versioned};
use crate::convert::profile::{self, Stage};
use crate::ledger::{Failure, Job, LedgerError, Publication};
use crate::source::Shown;

impl Workshop {
    /// Publishes what a conversion made, and finishes the job.
    pub(super) fn publish(&self, job: &Job, made: &Made, attempt: u32) -> Result<Outcome, LedgerError> {
        let output = self.first_name(&job.path);
        let publication = Publication {
            hash: made.summary.source_hash.unwrap_or_default(),
            temporary: made.temporary.clone(),
            output: output.clone(),
            output_bytes: made.summary.output_bytes,
            rows: made.summary.rows,
            columns: made.summary.columns,
            bad_records: made.summary.bad_records,
            warnings: warnings_json(&made.summary.warnings),
            input: made.summary.input.shape.as_str().to_owned(),
            compression: made.summary.input.compression.as_str().to_owned(),
            bom: made.summary.input.bom,
            wait_s: made.wait_s,
            convert_s: made.convert_s,
        };
        self.record(|ledger| ledger.publishing(job.id, &publication))?;
        log_warnings(job, &made.summary.warnings);
        self.publish_decided(job, &publication.temporary, output, Some((made, attempt)))
    }

    /// From here on the output is decided: it is only given its name, also after a crash, when the ledger alone knows
    /// what is in it.
    fn publish_decided(
        &self,
        job: &Job,
        temporary: &Path,
        output: PathBuf,
        made: Option<(&Made, u32)>,
    ) -> Result<Outcome, LedgerError> {
        let (begun, attempt) = (Instant::now(), made.map_or(job.attempts, |(_, attempt)| attempt));
        let named = self.give_name(job, temporary, output)?;
        match named.and_then(|output| self.publish_bad_records(job).map(|()| output)) {
            Ok(output) => {
                let publish_s = begun.elapsed().as_secs_f64();
                self.finish_published(job, publish_s)?;
                log_published(job, made.map(|(made, _)| made), attempt, &output, publish_s);
                Ok(Outcome::Done)
            }
            Err(OutputError::Exists(taken)) => {
                let message =
                    format!("the output {} exists already; move it away, or set `output.on_existing`", Shown(&taken));
                self.give_up(job, temporary, &plain("output_exists", &message), attempt)
            }
            Err(OutputError::Io { source: e, .. }) if e.kind() == io::ErrorKind::InvalidFilename => {
                let length = self.first_name(&job.path).file_name().map_or(0, OsStr::len);
                let message = format!("output name would have {length} bytes or more (limit 255); rename the source");
                self.give_up(job, temporary, &plain("name_too_long", &message), attempt)
            }
            Err(error) => {
                let failure = unwritten("publish_error", &error, error.hint());
                self.fail(&self.decided(job), &failure, job.attempts + 1)
            }
        }
    }

    /// The output is given up, because it can never have its name.
    fn give_up(&self, job: &Job, temporary: &Path, failure: &Failure, attempt: u32) -> Result<Outcome, LedgerError> {
        // The ledger first: a job that says publishing without its temporary file would count as done.
        let outcome = self.quarantine(job, failure, attempt)?;
        let _ = fs::remove_file(temporary);
        let _ = fs::remove_file(self.temporary_bad_records(job));
        Ok(outcome)
    }

    /// Goes on with a job whose output is decided: it gets its name if it has none yet, and the job is finished.
    pub(super) fn resume_publishing(&self, job: &Job) -> Result<Outcome, LedgerError> {
        let output = job.output.clone().unwrap_or_else(|| output_of(&self.outbox, &job.path));
        let temporary = job.temporary.clone().unwrap_or_else(|| self.temporary(job));
        match temporary.try_exists() {
            Ok(true) => return self.publish_decided(job, &temporary, output, None),
            Ok(false) => {}
            // What cannot be looked at is no witness.
            Err(error) => return self.fail(&self.decided(job), &plain("publish_error", &error), job.attempts + 1),
        }
        // The temporary file is gone: it was renamed, even if somebody has taken the output away since.
        if let Err(error) = self.sync_names(&output).and_then(|()| self.publish_bad_records(job)) {
            return self.fail(job, &unwritten("publish_error", &error, error.hint()), job.attempts + 1);
        }
        self.finish_published(job, 0.0)?;
        log::info!(
            event = "file.published", job = job.id.0, attempt = job.attempts, path:% = Shown(&job.path),
            size_bytes = job.identity.size, output:% = Shown(&output); "Found published by an earlier run."
        );
        Ok(Outcome::Done)
    }

    fn finish_published(&self, job: &Job, publish_s: f64) -> Result<(), LedgerError> {
        self.record(|ledger| ledger.done(job.id, publish_s, self.planned()))?;
        self.withdraw_report(job);
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
        let _publish = profile::span(Stage::Publish);
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
                    self.record(|ledger| ledger.rename_publication(job.id, &name))?;
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
}

/// The file's line in the log; what an earlier run made is in the ledger alone.
fn log_published(job: &Job, made: Option<&Made>, attempt: u32, output: &Path, publish_s: f64) {
    let summary = made.map(|made| &made.summary);
    log::info!(
        event = "file.published", job = job.id.0, attempt = attempt, path:% = Shown(&job.path),
        size_bytes = job.identity.size, input = summary.map(|summary| summary.input.shape.as_str()),
        compression = summary.map(|summary| summary.input.compression.as_str()),
        bom = summary.map(|summary| summary.input.bom), rows = summary.map(|summary| summary.rows),
        columns = summary.map(|summary| summary.columns), bad_records = summary.map(|summary| summary.bad_records),
        output:% = Shown(output), output_bytes = summary.map(|summary| summary.output_bytes),
        wait_s = made.map(|made| made.wait_s), convert_s = made.map(|made| made.convert_s), publish_s = publish_s;
        "Published."
    );
}

fn log_warnings(job: &Job, warnings: &[Warning]) {
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
