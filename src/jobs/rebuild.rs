//! What the folders know of jobs, for a ledger that is made anew.
//!
//! | on disk | then |
//! |---|---|
//! | an output of the agent | its job is done, or all the jobs that share it are; if the very source still stands in the inbox, it is disposed of as configured |
//! | a source in the quarantine with its report | its job is quarantined, and `retry` brings it back |
//! | a source in the inbox without either | it is new, and is converted |
//! | an unfinished output | it is removed when the agent starts: without a record it was not published |
//!
//! What nobody can know any more: a source that stays in the inbox, of which the output was taken away, is converted
//! again unless the old ledger could still be read there.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::attempt::hash_of;
use super::quarantine;
use crate::config::After;
use crate::convert::output::provenance_of;
use crate::convert::output::publish::STAGING;
use crate::convert::output::shares::Share;
use crate::ledger::{Disposition, End, JobId, Ledger, LedgerError, Output, Restored};
use crate::source::{Identity, Shown, open_beneath};

/// Jobs recorded at a time.
const BATCH: usize = 256;

/// Where to look.
#[derive(Clone, Copy, Debug)]
pub struct Folders<'p> {
    /// Where sources arrive.
    pub inbox: &'p Path,
    /// Where outputs are.
    pub outbox: &'p Path,
    /// Where sources are that need a person.
    pub quarantine: &'p Path,
    /// What becomes of converted sources.
    pub after: After,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Outputs of the agent.
    pub outputs: u64,
    /// Sources in the quarantine.
    pub quarantined: u64,
    /// Jobs that the ledger learned of by these.
    pub restored: u64,
    /// What could not be read, each with the reason.
    pub unreadable: Vec<String>,
}

impl Folders<'_> {
    /// Tells `ledger` of every job that outputs and reports know of.
    pub fn tell(&self, ledger: &dyn Ledger) -> Result<Found, LedgerError> {
        let mut found = Found::default();
        let mut jobs = Vec::new();
        let mut put = |job: Option<Restored>, found: &mut Found, all: bool| {
            jobs.extend(job);
            if jobs.len() >= BATCH || all {
                found.restored += ledger.restore(&std::mem::take(&mut jobs))?;
            }
            Ok::<(), LedgerError>(())
        };
        for path in files(self.outbox, &mut found.unreadable) {
            let of_output = self.of_output(&path, &mut found.unreadable);
            found.outputs += u64::from(!of_output.is_empty());
            of_output.into_iter().try_for_each(|job| put(Some(job), &mut found, false))?;
        }
        for path in files(self.quarantine, &mut found.unreadable) {
            let job = self.of_quarantined(&path);
            found.quarantined += u64::from(job.is_some());
            put(job, &mut found, false)?;
        }
        put(None, &mut found, true)?;
        Ok(found)
    }

    /// The jobs whose output is at `path`: one, or those that share it.
    fn of_output(&self, path: &Path, unreadable: &mut Vec<String>) -> Vec<Restored> {
        let provenance = provenance_of(path).unwrap_or_else(|error| {
            unreadable.push(format!("{}: {error}", Shown(path)));
            None
        });
        let Some(provenance) = provenance else { return Vec::new() };
        let Ok(bytes) = fs::metadata(path).map(|file| file.len()) else { return Vec::new() };
        let (columns, sources) = (provenance.columns, provenance.sources.clone());
        if sources.is_empty() {
            let share = Share::of(provenance, 0);
            return self.of_share(path, &share, None, bytes, columns).into_iter().collect();
        }
        let first = |share: &Share| if share == &sources[0] { bytes } else { 0 };
        sources
            .iter()
            .filter_map(|share| self.of_share(path, share, Some(share.first_row), first(share), columns))
            .collect()
    }

    fn of_share(
        &self,
        path: &Path,
        share: &Share,
        first_row: Option<u64>,
        bytes: u64,
        columns: u64,
    ) -> Option<Restored> {
        let (id, hash, source) = (JobId(share.job?), share.hash()?, share.path());
        let there = self.the_same(&source, share.size, hash);
        let disposition =
            if there.is_some() && self.after != After::Keep { Disposition::Pending } else { Disposition::None };
        let identity = there.unwrap_or(Identity { device: 0, inode: 0, size: share.size, mtime_ns: 0, ctime_ns: 0 });
        let Share { rows, bad_records, input, compression, .. } = share.clone();
        let path = path.to_owned();
        let output = Output { path, bytes, hash, first_row, rows, columns, bad_records, input, compression };
        Some(Restored { id, path: source, identity, end: End::Done(output), disposition })
    }

    /// The file at `source` in the inbox, if it has the content that was converted.
    fn the_same(&self, source: &Path, size: u64, hash: [u8; 32]) -> Option<Identity> {
        let (file, identity) = open_beneath(self.inbox, source).ok().filter(|(_, identity)| identity.size == size)?;
        (hash_of(&file).ok()? == hash).then_some(identity)
    }

    /// The job of a source that rests at `path` in the quarantine with its report.
    fn of_quarantined(&self, path: &Path) -> Option<Restored> {
        let report = quarantine::report(path)?;
        let within = path.strip_prefix(self.quarantine).ok()?;
        let (_, identity) = open_beneath(self.quarantine, within).ok()?;
        let source = quarantine::came_as(within, &report.source)?;
        let end = End::Quarantined(report.failure);
        Some(Restored { id: report.job, path: source, identity, end, disposition: Disposition::Done })
    }
}

/// All regular files below `folder`, unfinished outputs left out.
fn files(folder: &Path, unreadable: &mut Vec<String>) -> Vec<PathBuf> {
    let (mut files, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        if let Err(error) = list(&folder, &mut files, &mut folders) {
            unreadable.push(format!("{}: {error}", Shown(&folder)));
        }
    }
    files.sort();
    files
}

fn list(folder: &Path, files: &mut Vec<PathBuf>, folders: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() && entry.file_name() != STAGING {
            folders.push(entry.path());
        } else if kind.is_file() {
            files.push(entry.path());
        }
    }
    Ok(())
}
