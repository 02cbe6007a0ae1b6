//! Sources that cannot be converted: set aside, each with a report of what, where, and what to do next.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::attempt::{Outcome, Workshop};
use super::disposition::{Disposed, move_source};
use crate::config::After;
use crate::convert::output::OutputError;
use crate::convert::output::publish::rename_to_new;
use crate::ledger::{Failure, Job, LedgerError};
use crate::source::Shown;

/// Ending of a report's name, behind the whole name of the source.
const ENDING: &str = ".reason.txt";

impl Workshop {
    /// Records that the source needs a person, writes the report, and moves the source unless sources are kept.
    pub(super) fn quarantine(&self, job: &Job, failure: &Failure) -> Result<Outcome, LedgerError> {
        self.record(|ledger| ledger.quarantined(job.id, failure, self.planned()))?;
        log::warn!(
            event = "file.quarantined", job = job.id.0, path:% = Shown(&job.path), error_code:% = failure.code,
            error:% = failure.message, line = failure.line, byte = failure.byte; "Cannot be converted."
        );
        self.set_aside(job, failure)?;
        Ok(Outcome::Quarantined)
    }

    /// Puts a quarantined source aside, unless sources are kept, and writes its report.
    pub(super) fn set_aside(&self, job: &Job, failure: &Failure) -> Result<(), LedgerError> {
        if self.after != After::Keep {
            return self.note_disposed(job, self.move_aside(job, failure));
        }
        let report = report_of(&self.quarantine.join(&job.path));
        if let Err(error) = write_report(&report, job, failure, &self.inbox.join(&job.path)) {
            log::error!(event = "file.report", job = job.id.0, path:% = Shown(&job.path), error:% = error;
                "The report could not be written; `h5inbox history` has it.");
        }
        Ok(())
    }

    fn move_aside(&self, job: &Job, failure: &Failure) -> Result<String, OutputError> {
        let what = move_source(&self.inbox, &job.path, &job.identity, &self.quarantine)?;
        let resting = match &what {
            Disposed::Moved(path) => path.clone(),
            // Moved by an earlier run that did not come to write the report.
            _ => self.quarantine.join(&job.path),
        };
        let report = report_of(&resting);
        write_report(&report, job, failure, &resting).map_err(OutputError::io("write the report", report))?;
        Ok(format!("{what:?}"))
    }
}

/// Moves `source` (relative to the inbox) from `quarantine` back to `inbox` and removes its report. A source that was
/// kept in the inbox stays there.
pub fn put_back(inbox: &Path, quarantine: &Path, source: &Path) -> io::Result<()> {
    let (from, to) = (quarantine.join(source), inbox.join(source));
    if fs::symlink_metadata(&from).is_ok() {
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder)?;
        }
        move_back(&from, &to)?;
    } else if fs::symlink_metadata(&to).is_err() {
        let what = format!("is neither in {} nor in {}", Shown(quarantine), Shown(inbox));
        return Err(io::Error::new(io::ErrorKind::NotFound, what));
    }
    remove_report(&report_of(&from))
}

fn move_back(from: &Path, to: &Path) -> io::Result<()> {
    match rename_to_new(from, to) {
        Ok(()) => Ok(()),
        Err(OutputError::Io { source, .. }) => Err(source),
        Err(_) => {
            let what = format!("{} is there already; the one in the quarantine stays", Shown(to));
            Err(io::Error::new(io::ErrorKind::AlreadyExists, what))
        }
    }
}

/// The report that belongs to a source in the quarantine.
fn report_of(resting: &Path) -> PathBuf {
    let mut name = resting.as_os_str().to_owned();
    name.push(ENDING);
    name.into()
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
    say("job:", &job.id);
    say("then:", &format!("h5inbox retry '{}'", Shown(&job.path)));
    out
}
