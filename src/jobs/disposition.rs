//! What becomes of a source after its job is decided and durably recorded: it stays, or is moved, or is deleted.
//!
//! A producer may have put another file in its place meanwhile, or may just be opening it to write more. So the file at
//! the path is looked at before it is touched, and once more when it has a name that no producer knows: what is not the
//! version that was converted, or has a writer, goes back to where it was.

use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{AtFlags, CWD, unlinkat};

use super::attempt::{Outcome, Workshop};
use super::batch::{Batch, Going};
use super::disposed::{Disposed, log_disposed};
use super::moving::{copy_verified, is, is_there, is_there_in, rename_into_folder, rename_to_free_name};
use crate::config::After;
use crate::convert::output::OutputError;
use crate::convert::output::publish::{rename_in, rename_to_new, sync_folder};
use crate::convert::profile::{self, Stage};
use crate::ledger::{Disposal, Disposition, Job, JobId, LedgerError};
use crate::source::{Identity, OpenError, open_beneath, open_folder_of, open_in};

/// A source that is to leave the inbox.
pub(super) struct Leaving<'a> {
    pub(super) inbox: &'a Path,
    /// Relative to the inbox.
    pub(super) path: &'a Path,
    /// The version that was decided.
    pub(super) identity: &'a Identity,
    pub(super) job: JobId,
    /// The claim on it, where agents share the ledger.
    pub(super) epoch: u64,
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
                After::Keep if !self.leaving(job).is_on_its_way(&self.archive) => self.leaving(job).stay(),
                After::Delete if !self.leaving(job).is_on_its_way(&self.archive) => {
                    self.leaving(job).delete().and_then(|what| self.with_marker(job, what, None))
                }
                _ => {
                    let moved = self.leaving(job).move_to(&self.archive);
                    moved.and_then(|what| self.with_marker(job, what, Some(&self.archive)))
                }
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
            let what = what.map_err(Arc::new).and_then(|what| now.and(before).map(|()| what));
            let fault = what.as_ref().err().and_then(|error| self.fault_behind(error));
            Ok(if let Some(fault) = fault {
                // Told once for all of them, when the agent pauses.
                self.undisposed.note(fault);
                None
            } else {
                log_disposed(job, &what).then(|| Disposal { id: job.id, archived: self.archived(&what) })
            })
        });
        let batch = batch.record(|going| {
            let left: Vec<Disposal> = going.iter().filter_map(|going| going.what.clone()).collect();
            let mut recorded = if left.is_empty() { Vec::new() } else { self.ledger.disposed_all(&left)? }.into_iter();
            let one = |going: &Going<Option<_>>| going.what.as_ref().and_then(|_| recorded.next()).unwrap_or(Ok(()));
            Ok(going.iter().map(one).collect())
        });
        batch.each(|_, _| Ok(()))
    }

    /// Where in the archive a source is now, and its inode there: the proof, years later, that it is this one.
    fn archived(&self, what: &Result<Disposed, Arc<OutputError>>) -> Option<(PathBuf, u64)> {
        let Ok(Disposed::Moved(path)) = what else { return None };
        let place = path.strip_prefix(&self.archive).ok()?;
        Some((place.to_owned(), fs::symlink_metadata(path).ok()?.ino()))
    }

    /// The source of `job`, on its way out.
    pub(super) fn leaving<'a>(&'a self, job: &'a Job) -> Leaving<'a> {
        let (inbox, has_writer) = (self.inbox.as_path(), self.has_writer);
        Leaving { inbox, path: &job.path, identity: &job.identity, job: job.id, epoch: job.epoch, has_writer }
    }
}

fn only(batch: Batch<'_, ()>) -> Result<(), LedgerError> {
    batch.reports(|()| Outcome::Done).into_iter().try_for_each(|report| report.outcome.map(drop))
}

fn folder_of(path: &Path) -> Option<PathBuf> {
    path.parent().map(Path::to_path_buf)
}

impl Leaving<'_> {
    /// Moves the source to the same place in `folder`, that folder yet to be synced; if the name is taken there, to
    /// `NAME~2.json`, `NAME~3.json` and so on.
    ///
    /// In between it has a name there that no producer knows, hidden, and the last look is at that: after a crash this
    /// name tells that the source is on its way, and whether it is the right one.
    pub(super) fn move_to(&self, folder: &Path) -> Result<Disposed, OutputError> {
        let (here, target, held) = (self.enter()?, folder.join(self.path), self.held(folder));
        let here = here.as_ref().map(AsFd::as_fd);
        if is_there(&self.copied(folder)) {
            return self.finish_copy(here, folder, &target);
        }
        if !is_there(&held) {
            let Some(here) = here else { return Ok(Disposed::NotThere) };
            if let Some(end) = self.move_away(here, folder, &target, &held)? {
                return Ok(end);
            }
        }
        let opened = open_beneath(held.parent().unwrap_or(folder), Path::new(held.file_name().unwrap_or_default()));
        if let Some(not) = self.hindrance(opened, &held, OURS)? {
            match here.map(|here| rename_in((CWD, &held), (here, self.name()))) {
                // The producer has put a newer one there, which would have replaced this one, or removed the folder.
                None | Some(Err(OutputError::Exists(_))) => {}
                Some(back) => return back.map(|()| not),
            }
        }
        rename_to_free_name((CWD, &held), &target).map(Disposed::Moved)
    }

    /// Moves the source to its hidden name; how its way ends if that is not the way.
    fn move_away(
        &self,
        here: BorrowedFd<'_>,
        folder: &Path,
        target: &Path,
        held: &Path,
    ) -> Result<Option<Disposed>, OutputError> {
        let name = self.name_now(here);
        if name == self.name()
            && let Some(not) = self.hindrance(open_in(here, &name), &self.source(), THEIRS)?
        {
            // What a crash left of a copy.
            let _ = fs::remove_file(self.copying(folder));
            return Ok(Some(not));
        }
        match rename_into_folder((here, &name), held) {
            Err(error) if is(&error, io::ErrorKind::CrossesDevices) => self.copy_to(here, folder, target).map(Some),
            Err(error) if is(&error, io::ErrorKind::NotFound) && !is_there_in(here, &name) => {
                Ok(Some(Disposed::NotThere))
            }
            Err(OutputError::Io { source, .. }) => Err(OutputError::io("move a source to", target)(source)),
            moved => moved.map(|()| None),
        }
    }

    /// Whether a move to `folder` has begun and a crash cut it short.
    pub(super) fn is_on_its_way(&self, folder: &Path) -> bool {
        is_there(&self.held(folder)) || is_there(&self.copied(folder))
    }

    /// Deletes the source, its folder yet to be synced.
    pub(super) fn delete(&self) -> Result<Disposed, OutputError> {
        let Some(here) = self.enter()? else { return Ok(Disposed::NotThere) };
        self.delete_in(here.as_fd())
    }

    fn delete_in(&self, here: BorrowedFd<'_>) -> Result<Disposed, OutputError> {
        if let Some(not) = self.take_aside(here)? {
            return Ok(not);
        }
        let removed = unlinkat(here, self.aside(), AtFlags::empty());
        removed.map_err(|e| OutputError::io("remove", self.source())(e.into()))?;
        Ok(Disposed::Deleted)
    }

    /// Gives the source a name that no producer knows, hidden and in the same folder, so that nothing can take its
    /// place between a last look and its end. After a crash it may have that name already. Answers why not, if so.
    fn take_aside(&self, here: BorrowedFd<'_>) -> Result<Option<Disposed>, OutputError> {
        let (source, name, aside) = (self.source(), self.name(), self.aside());
        if !is_there_in(here, &aside) {
            if let Some(not) = self.hindrance(open_in(here, name), &source, THEIRS)? {
                return Ok(Some(not));
            }
            match rename_in((here, name), (here, &aside)) {
                Err(error) if is(&error, io::ErrorKind::NotFound) => return Ok(Some(Disposed::NotThere)),
                Err(OutputError::Io { source: e, .. }) => return Err(OutputError::io("rename", source)(e)),
                taken => taken?,
            }
        }
        match self.hindrance(open_in(here, &aside), &source, OURS)? {
            None => Ok(None),
            Some(not) => match rename_in((here, &aside), (here, name)) {
                // The producer has put a newer one there, which would have replaced this one.
                Err(OutputError::Exists(_)) => Ok(None),
                back => back.map(|()| Some(not)),
            },
        }
    }

    /// Between mounts a source is copied, synced and compared, and the copy is there for good under a hidden name of its
    /// own, before the original goes.
    fn copy_to(&self, here: BorrowedFd<'_>, folder: &Path, target: &Path) -> Result<Disposed, OutputError> {
        let Ok((original, identity)) = open_in(here, &self.name_now(here)) else { return Ok(Disposed::NotThere) };
        if !same_version(&identity, self.identity) {
            return Ok(Disposed::NotThere);
        }
        let (copying, copied) = (self.copying(folder), self.copied(folder));
        self.remove_older_copies(folder);
        let made = copy_verified(original, &copying).map_err(OutputError::io("copy a source to", &copying));
        if let Err(error) = made.and_then(|()| rename_to_new(&copying, &copied)) {
            // A part of it would only fill a disk that may be full already.
            let _ = fs::remove_file(&copying);
            return Err(error);
        }
        sync_folder(copied.parent().unwrap_or(folder))?;
        self.finish_copy(Some(here), folder, target)
    }

    /// The copy is there: the original goes, and the copy gets its name. If the original cannot go now, the copy waits.
    fn finish_copy(&self, here: Option<BorrowedFd<'_>>, folder: &Path, target: &Path) -> Result<Disposed, OutputError> {
        let copied = self.copied(folder);
        let deleted = here.map_or(Ok(Disposed::NotThere), |here| self.delete_in(here))?;
        if deleted == Disposed::Busy {
            // It will be another version, which is converted and copied then.
            fs::remove_file(&copied).map_err(OutputError::io("remove", &copied))?;
            return Ok(Disposed::Busy);
        }
        rename_to_free_name((CWD, &copied), target).map(Disposed::Moved)
    }

    /// Keeps the source after all: a deletion that a crash cut short gives it back.
    fn stay(&self) -> Result<Disposed, OutputError> {
        let Some(here) = self.enter()? else { return Ok(Disposed::Kept) };
        match rename_in((here.as_fd(), &self.aside()), (here.as_fd(), self.name())) {
            Err(OutputError::Io { source, .. }) if source.kind() != io::ErrorKind::NotFound => {
                Err(OutputError::io("rename", self.source())(source))
            }
            _ => Ok(Disposed::Kept),
        }
    }

    /// The folder where the source is. All that follows happens in it, even if somebody exchanges it for a link meanwhile.
    /// `None`: there is no such folder.
    fn enter(&self) -> Result<Option<OwnedFd>, OutputError> {
        match open_folder_of(self.inbox, self.path) {
            Ok(folder) => Ok(Some(folder)),
            Err(OpenError::Gone | OpenError::Link | OpenError::NotAFile(_)) => Ok(None),
            Err(OpenError::Io(e)) => Err(OutputError::io("open the folder of", self.source())(e)),
        }
    }

    fn source(&self) -> PathBuf {
        self.inbox.join(self.path)
    }

    /// The source's name in its folder.
    fn name(&self) -> &Path {
        Path::new(self.path.file_name().unwrap_or_default())
    }

    /// The name in the same folder that no producer knows.
    fn aside(&self) -> PathBuf {
        format!(".h5inbox-{}", self.job).into()
    }

    /// The one of these two that it has: a deletion that a crash cut short has hidden it already.
    fn name_now(&self, here: BorrowedFd<'_>) -> PathBuf {
        let aside = self.aside();
        if is_there_in(here, &aside) { aside } else { self.name().into() }
    }

    /// The hidden name in `folder` of a source that was renamed.
    fn held(&self, folder: &Path) -> PathBuf {
        folder.join(self.path).with_file_name(self.aside())
    }

    /// The hidden name in `folder` of a copy that is whole.
    fn copied(&self, folder: &Path) -> PathBuf {
        folder.join(self.path).with_file_name(format!(".h5inbox-{}.copy", self.job))
    }

    /// The hidden name in `folder` of a copy that is being made: no two claims make the same.
    fn copying(&self, folder: &Path) -> PathBuf {
        self.copying_by(folder, self.epoch)
    }

    fn copying_by(&self, folder: &Path, epoch: u64) -> PathBuf {
        let claim = if epoch == 0 { self.job.to_string() } else { format!("{}.{epoch}", self.job) };
        folder.join(self.path).with_file_name(format!(".h5inbox-{claim}.tmp"))
    }

    /// What agents that had this before have left unfinished.
    fn remove_older_copies(&self, folder: &Path) {
        for epoch in self.epoch.saturating_sub(OLDER_COPIES)..self.epoch {
            let _ = fs::remove_file(self.copying_by(folder, epoch));
        }
    }

    /// Why what was `opened` must not be touched, if so.
    fn hindrance(
        &self,
        opened: Result<(File, Identity), OpenError>,
        shown: &Path,
        is_same: fn(&Identity, &Identity) -> bool,
    ) -> Result<Option<Disposed>, OutputError> {
        match opened {
            Ok((_, now)) if !is_same(&now, self.identity) => Ok(Some(Disposed::NotThere)),
            Ok((file, _)) => Ok((self.has_writer)(&file).then_some(Disposed::Busy)),
            Err(OpenError::Gone | OpenError::Link | OpenError::NotAFile(_)) => Ok(Some(Disposed::NotThere)),
            Err(OpenError::Io(e)) => Err(OutputError::io("open", shown)(e)),
        }
    }
}

/// Claims that may have begun to copy a source before this one.
const OLDER_COPIES: u64 = 8;

/// Under its producer's name a source is the version that was converted if nothing at all has changed since, the change
/// time included: a file can be written to again and be given its old length and time. The device is left out, because
/// it may have another number since the machine has started again.
const THEIRS: fn(&Identity, &Identity) -> bool = |now, then| same_version(now, then) && now.ctime_ns == then.ctime_ns;

/// Under our own name: giving it that has changed the change time.
const OURS: fn(&Identity, &Identity) -> bool = same_version;

fn same_version(now: &Identity, then: &Identity) -> bool {
    (now.inode, now.size, now.mtime_ns) == (then.inode, then.size, then.mtime_ns)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::sync::atomic::Ordering::Relaxed;

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
        Leaving { inbox, path: Path::new("a.json"), identity, job: JobId(7), epoch: 0, has_writer: |_| false }
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
    fn a_source_gets_into_its_folder_though_somebody_removes_the_empty_ones_there() {
        let Folders { inbox, archive, .. } = &folders();
        let (deep, turn) = (archive.join("sub/deep"), AtomicUsize::new(0));
        fs::create_dir_all(inbox.join("sub/deep")).unwrap();
        let moved: Vec<_> = std::thread::scope(|scope| {
            // Once for each source, whenever that may be.
            scope.spawn(|| {
                for number in 0..100 {
                    let is_on = || turn.load(Relaxed) <= number;
                    while is_on() && fs::remove_dir(&deep).is_err() {}
                    while is_on() {
                        std::thread::yield_now();
                    }
                }
            });
            let move_one = |number: usize| {
                let path = PathBuf::from(format!("sub/deep/{number}.json"));
                fs::write(inbox.join(&path), "content").ok()?;
                let identity = open_beneath(inbox, &path).ok()?.1;
                let moved = Leaving { path: &path, ..leaving(inbox, &identity) }.move_to(archive);
                let _ = fs::remove_file(archive.join(&path));
                turn.store(number + 1, Relaxed);
                moved.ok()
            };
            (0..100).map(move_one).collect()
        });
        for (number, moved) in moved.into_iter().enumerate() {
            assert_eq!(moved, Some(Disposed::Moved(deep.join(format!("{number}.json")))));
        }
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
        let here = open_folder_of(inbox, Path::new("a.json")).unwrap();
        let (here, target) = (here.as_fd(), archive.join("a.json"));
        let copied = leaving(inbox, &identity).copy_to(here, archive, &target).unwrap();
        assert_eq!(copied, Disposed::Moved(archive.join("a.json")));
        let metadata = fs::metadata(archive.join("a.json")).unwrap();
        assert_eq!(fs::read_to_string(archive.join("a.json")).unwrap(), "content");
        assert_eq!(Identity::of(&metadata).mtime_ns, identity.mtime_ns);
        assert_eq!((names(inbox).len(), names(archive).len()), (0, 1));
        let other = Identity { size: 99, ..source(inbox, "newer") };
        assert_eq!(leaving(inbox, &other).copy_to(here, archive, &target).unwrap(), Disposed::NotThere);
        assert_eq!((names(inbox).len(), names(archive).len()), (1, 1));
    }

    #[test]
    fn a_copy_that_was_whole_before_a_kill_is_not_made_again_and_a_part_of_one_is_removed() {
        let Folders { inbox, archive, .. } = &folders();
        fs::create_dir(archive).unwrap();
        let identity = source(inbox, "content");
        fs::write(archive.join(".h5inbox-7.copy"), "content").unwrap();
        assert_eq!(leaving(inbox, &identity).move_to(archive).unwrap(), Disposed::Moved(archive.join("a.json")));
        assert_eq!((names(inbox), names(archive)), (vec![], vec!["a.json".to_owned()]));
        fs::write(archive.join(".h5inbox-7.tmp"), "cont").unwrap();
        assert_eq!(leaving(inbox, &identity).move_to(archive).unwrap(), Disposed::NotThere);
        assert_eq!(names(archive), ["a.json"]);
    }

    #[test]
    fn a_wrong_version_that_was_moved_before_a_kill_comes_back() {
        let Folders { inbox, archive, .. } = &folders();
        fs::create_dir(archive).unwrap();
        let identity = source(inbox, "done");
        fs::remove_file(inbox.join("a.json")).unwrap();
        source(inbox, "came at the last moment");
        fs::rename(inbox.join("a.json"), archive.join(".h5inbox-7")).unwrap();
        assert!(leaving(inbox, &identity).is_on_its_way(archive));
        assert_eq!(leaving(inbox, &identity).move_to(archive).unwrap(), Disposed::NotThere);
        assert_eq!((names(inbox), names(archive)), (vec!["a.json".to_owned()], vec![]));
    }

    #[test]
    fn a_source_that_was_written_over_and_has_its_old_length_and_time_again_is_another_version() {
        let Folders { inbox, archive, .. } = &folders();
        let path = inbox.join("a.json");
        let identity = source(inbox, "old");
        let then = fs::metadata(&path).unwrap().modified().unwrap();
        // The clock of the file system ticks every few milliseconds.
        while open_beneath(inbox, Path::new("a.json")).unwrap().1.ctime_ns == identity.ctime_ns {
            fs::write(&path, "new").unwrap();
            File::options().append(true).open(&path).unwrap().set_modified(then).unwrap();
        }
        assert_eq!(leaving(inbox, &identity).move_to(archive).unwrap(), Disposed::NotThere);
        assert_eq!(leaving(inbox, &identity).delete().unwrap(), Disposed::NotThere);
        assert_eq!(names(inbox), ["a.json"]);
    }

    #[test]
    fn a_deletion_cut_short_is_a_move_if_the_configuration_is_another_now() {
        let Folders { inbox, archive, .. } = &folders();
        let identity = source(inbox, "done");
        fs::rename(inbox.join("a.json"), inbox.join(".h5inbox-7")).unwrap();
        assert_eq!(leaving(inbox, &identity).move_to(archive).unwrap(), Disposed::Moved(archive.join("a.json")));
        assert_eq!((names(inbox), names(archive)), (vec![], vec!["a.json".to_owned()]));
    }
}
