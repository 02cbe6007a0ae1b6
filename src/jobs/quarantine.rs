//! The report beside a source that cannot be converted: what, where, and what to do next.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::ledger::{Failure, Job};
use crate::source::Shown;

/// Ending of a report's name, behind the whole name of the source.
const ENDING: &str = ".reason.txt";

/// The report of `source` (relative to the inbox) in `quarantine`.
pub(super) fn report_of(quarantine: &Path, source: &Path) -> PathBuf {
    let mut name = OsString::from(source.file_name().unwrap_or_default());
    name.push(ENDING);
    quarantine.join(source.with_file_name(name))
}

/// Writes the report of `job`, replacing an older one in one step. `resting` is where the source is or will be.
pub(super) fn write_report(quarantine: &Path, job: &Job, failure: &Failure, resting: &Path) -> io::Result<()> {
    let report = report_of(quarantine, &job.path);
    if let Some(folder) = report.parent() {
        fs::create_dir_all(folder)?;
    }
    let unfinished = quarantine.join(format!(".{}.reason.tmp", job.id));
    let mut file = File::create(&unfinished)?;
    file.write_all(text(job, failure, resting).as_bytes())?;
    file.sync_all()?;
    fs::rename(&unfinished, &report)
}

/// Removes the report of `source`, if there is one.
pub(super) fn remove_report(quarantine: &Path, source: &Path) -> io::Result<()> {
    match fs::remove_file(report_of(quarantine, source)) {
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
