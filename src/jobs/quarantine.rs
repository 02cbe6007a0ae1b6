//! Sources that cannot be converted: set aside, each with a report of what, where, and what to do next.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::CWD;

use super::attempt::{Outcome, Workshop};
use super::batch::End;
use super::disposed::Disposed;
use super::naming::{numbered, with_ending};
use crate::config::After;
use crate::convert::output::OutputError;
use crate::convert::output::publish::{make_folders, rename_in, sync_folder};
use crate::ledger::{Failure, Job, JobId, LedgerError};
use crate::source::{Identity, OpenError, Quoted, Shown, make_folder_of};
use crate::telemetry::metrics::Ended;

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
            match self.report_kept(job, failure).map_err(|error| (self.fault_behind(&error), error)) {
                Err((Some(fault), _)) => return self.blocked(job, fault),
                Err((None, error)) => log_unwritten(job, &error),
                Ok(()) => {}
            }
        }
        self.quarantine_reported(job, failure, attempt)
    }

    /// As [`Workshop::quarantine`], whatever keeps the report from being written: a source that has brought the agent down
    /// must not be taken again.
    pub(super) fn quarantine_now(&self, job: &Job, failure: &Failure, attempt: u32) -> Result<Outcome, LedgerError> {
        if self.after == After::Keep
            && let Err(error) = self.report_kept(job, failure)
        {
            log_unwritten(job, &error);
        }
        self.quarantine_reported(job, failure, attempt)
    }

    fn quarantine_reported(&self, job: &Job, failure: &Failure, attempt: u32) -> Result<Outcome, LedgerError> {
        self.record(|ledger| ledger.quarantined(job.id, failure, self.planned()))?;
        self.after_quarantined(job, failure, attempt)
    }

    /// As [`Workshop::quarantine`] for jobs that share an output, all of them or none: how it ends for each.
    pub(super) fn quarantine_together(&self, jobs: &[(Job, u32)], failure: &Failure) -> Vec<End> {
        if self.after == After::Keep {
            for (job, _) in jobs {
                match self.report_kept(job, failure).map_err(|error| (self.fault_behind(&error), error)) {
                    Err((Some(fault), _)) => {
                        return jobs.iter().map(|(job, _)| self.blocked(job, fault.clone())).collect();
                    }
                    Err((None, error)) => log_unwritten(job, &error),
                    Ok(()) => {}
                }
            }
        }
        let ids: Vec<JobId> = jobs.iter().map(|(job, _)| job.id).collect();
        match self.record(|ledger| ledger.quarantined_together(&ids, failure, self.planned())) {
            Ok(()) => jobs.iter().map(|(job, attempt)| self.after_quarantined(job, failure, *attempt)).collect(),
            Err(error) => jobs.iter().map(|_| Err(error.clone())).collect(),
        }
    }

    fn after_quarantined(&self, job: &Job, failure: &Failure, attempt: u32) -> Result<Outcome, LedgerError> {
        self.metrics.ended(Ended::Quarantined);
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
        if self.after == After::Keep && !self.leaving(job).is_on_its_way(&self.quarantine) {
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

    fn report_kept(&self, job: &Job, failure: &Failure) -> Result<(), OutputError> {
        let report = report_of(&self.quarantine.join(&job.path));
        write_report(&report, job, failure, &self.inbox.join(&job.path))
    }

    fn move_aside(&self, job: &Job, failure: &Failure) -> Result<Disposed, OutputError> {
        let moved = self.leaving(job).move_to(&self.quarantine)?;
        let what = self.with_marker(job, moved, Some(&self.quarantine))?;
        let resting = match &what {
            Disposed::Moved(path) => Some(path.clone()),
            // Perhaps moved by an earlier run that did not come to write the report.
            Disposed::NotThere => self.unreported(job),
            _ => None,
        };
        if let Some(resting) = resting {
            write_report(&report_of(&resting), job, failure, &resting)?;
        }
        Ok(what)
    }

    /// The source of `job` in the quarantine, if it has no report. A copy has another inode, and the same time.
    fn unreported(&self, job: &Job) -> Option<PathBuf> {
        let first = self.quarantine.join(&job.path);
        let is_it = |path: &PathBuf| {
            let now = fs::symlink_metadata(path).map(|metadata| Identity::of(&metadata));
            now.is_ok_and(|now| (now.size, now.mtime_ns) == (job.identity.size, job.identity.mtime_ns))
        };
        let mut names = (1..NAMES).map(|number| numbered(&first, number));
        names.find(|name| is_it(name) && fs::symlink_metadata(report_of(name)).is_err())
    }
}

fn log_unwritten(job: &Job, error: &OutputError) {
    log::error!(event = "file.report", job = job.id.0, path:% = Shown(&job.path), error:% = error;
        "The report could not be written; `h5inbox history` has it.");
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

/// What a report says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Report {
    /// The job.
    pub(super) job: JobId,
    /// The source as people see it, relative to the inbox.
    pub(super) source: String,
    /// Why it cannot be converted.
    pub(super) failure: Failure,
}

/// The report beside `resting`, if there is one.
pub(super) fn report(resting: &Path) -> Option<Report> {
    let job = reported_job(resting)?;
    let text = fs::read(report_of(resting)).ok()?;
    let text = String::from_utf8_lossy(&text);
    let said = |label: &str| text.lines().find_map(|line| line.strip_prefix(label)).map(|said| said.trim().to_owned());
    let number = |label: &str| said(label)?.parse().ok();
    let failure =
        Failure { code: said("code:")?, message: said("error:")?, line: number("line:"), byte: number("byte:") };
    Some(Report { job, source: said("source:")?, failure })
}

/// Where in the inbox a source came in that rests at `within` the quarantine and is `shown` to people like that.
pub(super) fn came_as(within: &Path, shown: &str) -> Option<PathBuf> {
    let is = |path: &Path| Shown(path).to_string() == shown;
    // Another one had rested there already under its name.
    let unnumbered = || {
        let (stem, ending) = (within.file_stem()?.as_encoded_bytes(), within.extension());
        let stem = &stem[..stem.iter().rposition(|byte| *byte == b'~')?];
        let mut name = OsStr::from_bytes(stem).to_owned();
        ending.into_iter().for_each(|ending| {
            name.push(".");
            name.push(ending);
        });
        Some(within.with_file_name(name))
    };
    if is(within) { Some(within.into()) } else { unnumbered().filter(|path| is(path)) }
}

/// Moves the file at `resting` in the quarantine to its place in `inbox`, following no link there, and removes its report.
pub fn put_back(resting: &Path, inbox: &Path, source: &Path) -> io::Result<()> {
    let to = inbox.join(source);
    let folder = make_folder_of(inbox, source).map_err(|error| match error {
        OpenError::Io(error) => error,
        // A link is opened as what it is, and that is no folder.
        _ => io::Error::other(format!("on the way to {} is something that is not a folder; move it away", Shown(&to))),
    })?;
    let name = Path::new(source.file_name().unwrap_or_default());
    match rename_in((CWD, resting), (folder.as_fd(), name)) {
        Ok(()) => remove_report(&report_of(resting)),
        Err(OutputError::Io { source, .. }) => Err(source),
        Err(_) => {
            let what = format!("{} is there already; the one in the quarantine stays", Shown(&to));
            Err(io::Error::new(io::ErrorKind::AlreadyExists, what))
        }
    }
}

/// The report that belongs to a source in the quarantine.
fn report_of(resting: &Path) -> PathBuf {
    with_ending(resting, ENDING)
}

/// Writes the report of `job`, replacing an older one in one step. `resting` is where the source is.
fn write_report(report: &Path, job: &Job, failure: &Failure, resting: &Path) -> Result<(), OutputError> {
    let folder = report.parent().unwrap_or(Path::new("/"));
    make_folders(folder)?;
    let unfinished = folder.join(format!(".{}.reason.tmp", job.id));
    let text = text(job, failure, resting);
    let written = write_synced(&unfinished, text.as_bytes()).and_then(|()| fs::rename(&unfinished, report));
    if written.is_err() {
        // A part of it would only fill a disk that may be full already.
        let _ = fs::remove_file(&unfinished);
    }
    written.map_err(OutputError::io("write the report", report))?;
    sync_folder(folder)
}

fn write_synced(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(content)?;
    file.sync_all()
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
