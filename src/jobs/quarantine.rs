//! Sources that cannot be converted: set aside, each with a report of what, where, and what to do next.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::attempt::{Outcome, Workshop};
use super::disposition::Disposed;
use super::naming::{numbered, with_ending};
use crate::config::After;
use crate::convert::output::OutputError;
use crate::convert::output::publish::rename_to_new;
use crate::ledger::{Failure, Job, JobId, LedgerError};
use crate::source::{Quoted, Shown};

/// Ending of a report's name, behind the whole name of the source.
const ENDING: &str = ".reason.txt";

/// What stands in a report before the number of the job.
const JOB: &str = "job:";

/// Names that one source may have had in the quarantine at a time.
const NAMES: u32 = 1000;

impl Workshop {
    /// Records that the source needs a person after so many attempts, writes the report, and moves the source unless sources are kept.
    pub(super) fn quarantine(&self, job: &Job, failure: &Failure, attempt: u32) -> Result<Outcome, LedgerError> {
        if self.after == After::Keep {
            // Before the record: after it, nobody would come back to write the report.
            self.report_kept(job, failure);
        }
        self.record(|ledger| ledger.quarantined(job.id, failure, self.planned()))?;
        log::warn!(
            event = "file.quarantined", job = job.id.0, attempt = attempt, path:% = Shown(&job.path),
            size_bytes = job.identity.size, error_code:% = failure.code, error:% = failure.message, line = failure.line,
            byte = failure.byte; "Cannot be converted."
        );
        if self.after != After::Keep {
            self.set_aside(job, failure)?;
        }
        Ok(Outcome::Quarantined)
    }

    /// Moves a quarantined source out of the inbox, and writes its report.
    pub(super) fn set_aside(&self, job: &Job, failure: &Failure) -> Result<(), LedgerError> {
        if self.after == After::Keep {
            return self.dispose(job);
        }
        self.note_one_disposed(job, self.move_aside(job, failure))
    }

    /// A source that stayed in the inbox is converted now: what a report said of an earlier version is past.
    pub(super) fn withdraw_report(&self, job: &Job) {
        let resting = self.quarantine.join(&job.path);
        if self.after == After::Keep && fs::symlink_metadata(&resting).is_err() {
            let _ = fs::remove_file(report_of(&resting));
        }
    }

    fn report_kept(&self, job: &Job, failure: &Failure) {
        let report = report_of(&self.quarantine.join(&job.path));
        if let Err(error) = write_report(&report, job, failure, &self.inbox.join(&job.path)) {
            log::error!(event = "file.report", job = job.id.0, path:% = Shown(&job.path), error:% = error;
                "The report could not be written; `h5inbox history` has it.");
        }
    }

    fn move_aside(&self, job: &Job, failure: &Failure) -> Result<Disposed, OutputError> {
        let moved = self.leaving(job).move_to(&self.quarantine)?;
        let what = self.with_marker(job, moved, Some(&self.quarantine))?;
        let resting = match &what {
            Disposed::Moved(path) => path.clone(),
            // Perhaps moved by an earlier run that did not come to write the report.
            _ => self.quarantine.join(&job.path),
        };
        let report = report_of(&resting);
        if fs::symlink_metadata(&resting).is_ok() && (what != Disposed::NotThere || !report.exists()) {
            write_report(&report, job, failure, &resting).map_err(OutputError::io("write the report", report))?;
        }
        Ok(what)
    }
}

/// Where the source of job `id`, which came in as `source`, rests in the quarantine; none if no report there is of it.
#[must_use]
pub fn resting_place(quarantine: &Path, source: &Path, id: JobId) -> Option<PathBuf> {
    let names = (1..NAMES).map(|number| numbered(&quarantine.join(source), number));
    names.into_iter().find(|name| reported_job(name) == Some(id))
}

/// The job that the report beside `resting` is of.
#[must_use]
pub fn reported_job(resting: &Path) -> Option<JobId> {
    let report = fs::read(report_of(resting)).ok()?;
    let mut lines = report.split(|byte| *byte == b'\n').rev().filter_map(|line| std::str::from_utf8(line).ok());
    lines.find_map(|line| line.strip_prefix(JOB))?.trim().parse().ok().map(JobId)
}

/// Moves the file at `resting` in the quarantine to `to` in the inbox, and removes its report.
pub fn put_back(resting: &Path, to: &Path) -> io::Result<()> {
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder)?;
    }
    match rename_to_new(resting, to) {
        Ok(()) => remove_report(&report_of(resting)),
        Err(OutputError::Io { source, .. }) => Err(source),
        Err(_) => {
            let what = format!("{} is there already; the one in the quarantine stays", Shown(to));
            Err(io::Error::new(io::ErrorKind::AlreadyExists, what))
        }
    }
}

/// The report that belongs to a source in the quarantine.
fn report_of(resting: &Path) -> PathBuf {
    with_ending(resting, ENDING)
}

/// Writes the report of `job`, replacing an older one in one step. `resting` is where the source is.
fn write_report(report: &Path, job: &Job, failure: &Failure, resting: &Path) -> io::Result<()> {
    let folder = report.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(folder)?;
    let unfinished = folder.join(format!(".{}.reason.tmp", job.id));
    let mut file = File::create(&unfinished)?;
    file.write_all(text(job, failure, resting).as_bytes())?;
    file.sync_all()?;
    fs::rename(&unfinished, report)
}

fn remove_report(report: &Path) -> io::Result<()> {
    match fs::remove_file(report) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}

fn text(job: &Job, failure: &Failure, resting: &Path) -> String {
    let mut out = String::new();
    let mut say = |label: &str, value: &dyn std::fmt::Display| {
        let _ = writeln!(out, "{label:<10}{value}");
    };
    say("source:", &Shown(&job.path));
    say("now at:", &Shown(resting));
    say("error:", &failure.message);
    say("code:", &failure.code);
    if let Some(line) = failure.line {
        say("line:", &line);
    }
    if let Some(byte) = failure.byte {
        say("byte:", &byte);
    }
    say(JOB, &job.id);
    say("then:", &format!("h5inbox retry {}", Quoted(resting)));
    out
}
