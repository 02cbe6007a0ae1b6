//! What becomes of a source after its job is decided and durably recorded: it stays, or is moved, or is deleted.
//!
//! A producer may have put another file in its place meanwhile, or may just be opening it to write more. So the file at
//! the path is looked at before it is touched, and once more when it has a name that no producer knows: what is not the
//! version that was converted, or has a writer, goes back to where it was.

use std::fs::{self, File, FileTimes};
use std::io::{self, Seek};
use std::path::{Path, PathBuf};

use super::attempt::{Outcome, Workshop};
use super::batch::{Batch, Going};
use super::naming::numbered;
use crate::config::After;
use crate::convert::output::OutputError;
use crate::convert::output::publish::{rename_to_new, sync_folder};
use crate::convert::profile::{self, Stage};
use crate::ledger::{Disposition, Job, JobId, LedgerError};
use crate::source::{Identity, OpenError, Shown, open_beneath};

/// What happened to the source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Disposed {
    /// It is at this path now.
    Moved(PathBuf),
    /// It was deleted.
    Deleted,
    /// The path holds no such file (any more): nothing was touched.
    NotThere,
    /// It stays for good, after all.
    Kept,
    /// It stays, as the ledger knows.
    AsPlanned,
    /// Somebody has opened it to write: it stays for now, and will be another version soon.
    Busy,
}

/// A source that is to leave the inbox.
pub(super) struct Leaving<'a> {
    pub(super) inbox: &'a Path,
    /// Relative to the inbox.
    pub(super) path: &'a Path,
    /// The version that was decided.
    pub(super) identity: &'a Identity,
    pub(super) job: JobId,
    pub(super) has_writer: fn(&File) -> bool,
}

impl Workshop {
    /// Moves or deletes the source of a job that is decided, as its state and the configuration want it. What cannot be
    /// done now is done later: the ledger remembers it as pending.
    pub(super) fn dispose(&self, job: &Job) -> Result<(), LedgerError> {
        only(self.dispose_all(Batch::of_one(self, job, ())))
    }

    /// [`Workshop::note_disposed`] for one.
    pub(super) fn note_one_disposed(&self, job: &Job, what: Result<Disposed, OutputError>) -> Result<(), LedgerError> {
        only(self.note_disposed(Batch::of_one(self, job, what)))
    }

    /// [`Workshop::dispose`] for many: each folder is synced once, and the ledger commits once.
    pub(super) fn dispose_all<'w>(&'w self, batch: Batch<'w, ()>) -> Batch<'w, ()> {
        self.note_disposed(batch.each(|job, ()| {
            let _dispose = profile::span(Stage::Dispose);
            Ok(match self.after {
                After::Keep if job.disposition != Disposition::Pending => Ok(Disposed::AsPlanned),
                // The configuration has changed since it was decided.
                After::Keep => self.leaving(job).stay(),
                After::Archive => {
                    let moved = self.leaving(job).move_to(&self.archive);
                    moved.and_then(|what| self.with_marker(job, what, Some(&self.archive)))
                }
                After::Delete => self.leaving(job).delete().and_then(|what| self.with_marker(job, what, None)),
            })
        }))
    }

    /// Makes durable what became of sources, and notes it in ledger and log.
    pub(super) fn note_disposed<'w>(&'w self, batch: Batch<'w, Result<Disposed, OutputError>>) -> Batch<'w, ()> {
        // The folder where a source is now comes before the one where it was: rather two names than none.
        let now = |_: &Job, what: &Result<Disposed, _>| match what {
            Ok(Disposed::Moved(path)) => folder_of(path),
            _ => None,
        };
        let before = |job: &Job, (what, _): &(Result<Disposed, _>, _)| match what {
            Ok(Disposed::Moved(_) | Disposed::Deleted) => folder_of(&self.leaving(job).source()),
            _ => None,
        };
        let batch = batch.sync_folders(now).sync_folders(before);
        let batch = batch.each(|job, ((what, now), before)| {
            let what = what.map_err(|error| error.to_string());
            let synced = now.and(before).map_err(|failure| failure.message);
            Ok(log_disposed(job, &what.and_then(|what| synced.map(|()| what))))
        });
        let batch = batch.record(|going| {
            let ids: Vec<JobId> = going.iter().filter(|going| going.what).map(|going| going.job.id).collect();
            let mut recorded = if ids.is_empty() { Vec::new() } else { self.ledger.disposed_all(&ids)? }.into_iter();
            let one = |going: &Going<bool>| if going.what { recorded.next() } else { None }.unwrap_or(Ok(()));
            Ok(going.iter().map(one).collect())
        });
        batch.each(|_, _| Ok(()))
    }

    /// The source of `job`, on its way out.
    pub(super) fn leaving<'a>(&'a self, job: &'a Job) -> Leaving<'a> {
        let (inbox, has_writer) = (self.inbox.as_path(), self.has_writer);
        Leaving { inbox, path: &job.path, identity: &job.identity, job: job.id, has_writer }
    }
}

fn only(batch: Batch<'_, ()>) -> Result<(), LedgerError> {
    batch.reports(|()| Outcome::Done).into_iter().try_for_each(|report| report.outcome.map(drop))
}

/// Says what became of a source, and whether the ledger is to know.
fn log_disposed(job: &Job, what: &Result<Disposed, String>) -> bool {
    let path = Shown(&job.path);
    match what {
        Ok(Disposed::AsPlanned) => {}
        Ok(Disposed::Busy) => {
            log::debug!(event = "file.busy", job = job.id.0, path:% = path; "Somebody writes to the source again; it stays.");
        }
        Ok(what) => {
            log::debug!(event = "file.disposed", job = job.id.0, path:% = path; "Source disposed of: {what:?}.");
            return true;
        }
        Err(error) => log::error!(event = "file.disposed", job = job.id.0, path:% = path, error:% = error;
            "The source could not be moved or deleted; it will be tried again."),
    }
    false
}

fn folder_of(path: &Path) -> Option<PathBuf> {
    path.parent().map(Path::to_path_buf)
}

impl Leaving<'_> {
    /// Moves the source to the same place in `folder`, the folders yet to be synced; if the name is taken there, to
    /// `NAME~2.json`, `NAME~3.json` and so on.
    pub(super) fn move_to(&self, folder: &Path) -> Result<Disposed, OutputError> {
        let source = self.source();
        if let Some(not) = self.hindrance(open_beneath(self.inbox, self.path), &source)? {
            return Ok(not);
        }
        let target = folder.join(self.path);
        let parent = target.parent().unwrap_or(folder);
        fs::create_dir_all(parent).map_err(OutputError::io("create", parent))?;
        let moved = match rename_to_free_name(&source, &target) {
            Err(error) if is(&error, io::ErrorKind::CrossesDevices) => return self.copy_to(&target),
            Err(error) if is(&error, io::ErrorKind::NotFound) => return Ok(Disposed::NotThere),
            moved => moved?,
        };
        if let Some(not) =
            self.hindrance(open_beneath(parent, Path::new(moved.file_name().unwrap_or_default())), &moved)?
        {
            rename_to_new(&moved, &source)?;
            return Ok(not);
        }
        Ok(Disposed::Moved(moved))
    }

    /// Deletes the source, its folder yet to be synced.
    pub(super) fn delete(&self) -> Result<Disposed, OutputError> {
        let aside = match self.take_aside()? {
            Ok(aside) => aside,
            Err(not) => return Ok(not),
        };
        fs::remove_file(&aside).map_err(OutputError::io("remove", &aside))?;
        Ok(Disposed::Deleted)
    }

    /// Gives the source a name that no producer knows, hidden and in the same folder, so that nothing can take its
    /// place between a last look and its end. After a crash it may have that name already.
    fn take_aside(&self) -> Result<Result<PathBuf, Disposed>, OutputError> {
        let (source, name) = (self.source(), self.aside());
        let aside = self.inbox.join(&name);
        if fs::symlink_metadata(&aside).is_err() {
            if let Some(not) = self.hindrance(open_beneath(self.inbox, self.path), &source)? {
                return Ok(Err(not));
            }
            match rename_to_new(&source, &aside) {
                Err(error) if is(&error, io::ErrorKind::NotFound) => return Ok(Err(Disposed::NotThere)),
                taken => taken?,
            }
        }
        match self.hindrance(open_beneath(self.inbox, &name), &aside)? {
            None => Ok(Ok(aside)),
            Some(not) => match rename_to_new(&aside, &source) {
                // The producer has put a newer one there, which would have replaced this one.
                Err(OutputError::Exists(_)) => Ok(Ok(aside)),
                back => back.map(|()| Err(not)),
            },
        }
    }

    /// Between mounts a source is copied, synced and compared before the original goes.
    fn copy_to(&self, target: &Path) -> Result<Disposed, OutputError> {
        let source = self.source();
        let Ok((original, identity)) = open_beneath(self.inbox, self.path) else { return Ok(Disposed::NotThere) };
        if !same_version(&identity, self.identity) {
            return Ok(Disposed::NotThere);
        }
        let unfinished = target.with_file_name(format!(".h5inbox-{}.tmp", self.job));
        let copied = copy_verified(original, &unfinished).map_err(OutputError::io("copy", &source));
        let moved = match copied.and_then(|()| rename_to_free_name(&unfinished, target)) {
            Ok(moved) => moved,
            Err(error) => {
                // A part of it would only fill a disk that may be full already.
                let _ = fs::remove_file(&unfinished);
                return Err(error);
            }
        };
        sync_folder(moved.parent().unwrap_or(target))?;
        match self.delete()? {
            Disposed::Deleted => Ok(Disposed::Moved(moved)),
            not => {
                fs::remove_file(&moved).map_err(OutputError::io("remove", &moved))?;
                Ok(not)
            }
        }
    }

    /// Keeps the source after all: a deletion that a crash cut short gives it back.
    fn stay(&self) -> Result<Disposed, OutputError> {
        match rename_to_new(&self.inbox.join(self.aside()), &self.source()) {
            Err(OutputError::Io { source, .. }) if source.kind() != io::ErrorKind::NotFound => {
                Err(OutputError::io("rename", self.source())(source))
            }
            _ => Ok(Disposed::Kept),
        }
    }

    fn source(&self) -> PathBuf {
        self.inbox.join(self.path)
    }

    /// Relative to the inbox.
    fn aside(&self) -> PathBuf {
        self.path.with_file_name(format!(".h5inbox-{}", self.job))
    }

    /// Why what was `opened` must not be touched, if so.
    fn hindrance(
        &self,
        opened: Result<(File, Identity), OpenError>,
        shown: &Path,
    ) -> Result<Option<Disposed>, OutputError> {
        match opened {
            Ok((_, now)) if !same_version(&now, self.identity) => Ok(Some(Disposed::NotThere)),
            Ok((file, _)) => Ok((self.has_writer)(&file).then_some(Disposed::Busy)),
            Err(OpenError::Gone | OpenError::Link | OpenError::NotAFile(_)) => Ok(Some(Disposed::NotThere)),
            Err(OpenError::Io(e)) => Err(OutputError::io("open", shown)(e)),
        }
    }
}

/// The change time is left out, because moving a file, or another name for it, changes that and not the content; the
/// device too, because it may have another number since the machine has started again.
fn same_version(now: &Identity, then: &Identity) -> bool {
    (now.inode, now.size, now.mtime_ns) == (then.inode, then.size, then.mtime_ns)
}

pub(super) fn is(error: &OutputError, kind: io::ErrorKind) -> bool {
    matches!(error, OutputError::Io { source, .. } if source.kind() == kind)
}

pub(super) fn rename_to_free_name(source: &Path, target: &Path) -> Result<PathBuf, OutputError> {
    let mut number = 1;
    loop {
        let name = numbered(target, number);
        match rename_to_new(source, &name) {
            Ok(()) => return Ok(name),
            Err(OutputError::Exists(_)) => number += 1,
            Err(e) => return Err(e),
        }
    }
}

pub(super) fn copy_verified(mut from: File, copy: &Path) -> io::Result<()> {
    let metadata = from.metadata()?;
    let mut to = File::options().read(true).write(true).create(true).truncate(true).open(copy)?;
    io::copy(&mut from, &mut to)?;
    to.set_permissions(metadata.permissions())?;
    to.set_times(FileTimes::new().set_modified(metadata.modified()?))?;
    to.sync_all()?;
    from.rewind()?;
    to.rewind()?;
    if blake3::Hasher::new().update_reader(from)?.finalize() == blake3::Hasher::new().update_reader(to)?.finalize() {
        return Ok(());
    }
    Err(io::Error::other("the copy differs from its source, which may just be changing"))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Folders {
        _root: tempfile::TempDir,
        inbox: PathBuf,
        archive: PathBuf,
    }

    fn folders() -> Folders {
        let root = tempfile::tempdir().unwrap();
        let (inbox, archive) = (root.path().join("in"), root.path().join("archive"));
        fs::create_dir(&inbox).unwrap();
        Folders { _root: root, inbox, archive }
    }

    fn source(inbox: &Path, content: &str) -> Identity {
        fs::write(inbox.join("a.json"), content).unwrap();
        open_beneath(inbox, Path::new("a.json")).unwrap().1
    }

    fn leaving<'a>(inbox: &'a Path, identity: &'a Identity) -> Leaving<'a> {
        Leaving { inbox, path: Path::new("a.json"), identity, job: JobId(7), has_writer: |_| false }
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
        entries.map(|name| name.into_string().unwrap()).collect()
    }

    #[test]
    fn a_source_is_moved_to_a_free_name_and_never_over_another() {
        let Folders { inbox, archive, .. } = &folders();
        for content in ["1", "2"] {
            let identity = source(inbox, content);
            leaving(inbox, &identity).move_to(archive).unwrap();
        }
        assert_eq!(fs::read_to_string(archive.join("a.json")).unwrap(), "1");
        assert_eq!(fs::read_to_string(archive.join("a~2.json")).unwrap(), "2");
        assert!(names(inbox).is_empty());
    }

    #[test]
    fn a_newer_version_at_the_path_is_left_alone() {
        let Folders { inbox, archive, .. } = &folders();
        let old = source(inbox, "old");
        fs::remove_file(inbox.join("a.json")).unwrap();
        source(inbox, "newer");
        assert_eq!(leaving(inbox, &old).move_to(archive).unwrap(), Disposed::NotThere);
        assert_eq!(leaving(inbox, &old).delete().unwrap(), Disposed::NotThere);
        assert_eq!(fs::read_to_string(inbox.join("a.json")).unwrap(), "newer");
    }

    #[test]
    fn a_source_that_somebody_writes_to_again_stays() {
        let Folders { inbox, archive, .. } = &folders();
        let identity = source(inbox, "more to come");
        let written = Leaving { has_writer: |_| true, ..leaving(inbox, &identity) };
        assert_eq!(written.move_to(archive).unwrap(), Disposed::Busy);
        assert_eq!(written.delete().unwrap(), Disposed::Busy);
        assert_eq!(names(inbox), ["a.json"]);
    }

    #[test]
    fn a_deletion_cut_short_is_finished_and_a_wrong_version_taken_aside_comes_back() {
        let Folders { inbox, .. } = &folders();
        let aside = inbox.join(".h5inbox-7");
        let identity = source(inbox, "done");
        fs::rename(inbox.join("a.json"), &aside).unwrap();
        assert_eq!(leaving(inbox, &identity).delete().unwrap(), Disposed::Deleted);
        assert!(names(inbox).is_empty());
        source(inbox, "came at the last moment");
        fs::rename(inbox.join("a.json"), &aside).unwrap();
        assert_eq!(leaving(inbox, &identity).delete().unwrap(), Disposed::NotThere);
        assert_eq!(names(inbox), ["a.json"]);
    }

    #[test]
    fn a_copy_to_another_mount_is_whole_and_keeps_its_time() {
        let Folders { inbox, archive, .. } = &folders();
        fs::create_dir(archive).unwrap();
        let identity = source(inbox, "content");
        let copied = leaving(inbox, &identity).copy_to(&archive.join("a.json")).unwrap();
        assert_eq!(copied, Disposed::Moved(archive.join("a.json")));
        let metadata = fs::metadata(archive.join("a.json")).unwrap();
        assert_eq!(fs::read_to_string(archive.join("a.json")).unwrap(), "content");
        assert_eq!(Identity::of(&metadata).mtime_ns, identity.mtime_ns);
        assert_eq!((names(inbox).len(), names(archive).len()), (0, 1));
        let other = Identity { size: 99, ..source(inbox, "newer") };
        assert_eq!(leaving(inbox, &other).copy_to(&archive.join("a.json")).unwrap(), Disposed::NotThere);
        assert_eq!((names(inbox).len(), names(archive).len()), (1, 1));
    }
}
