//! What becomes of a source after its job is decided and durably recorded: it stays, or is moved, or is deleted.
//!
//! A producer may have put another file in its place meanwhile. So the file at the path is looked at again before it
//! is touched, and what was moved is looked at after: another version goes back to where it was.

use std::ffi::OsString;
use std::fs::{self, File, FileTimes};
use std::io::{self, Seek};
use std::path::{Path, PathBuf};

use super::attempt::Workshop;
use crate::config::After;
use crate::convert::output::OutputError;
use crate::convert::output::publish::{rename_to_new, sync_folder, versioned};
use crate::convert::profile::{self, Stage};
use crate::ledger::{Job, LedgerError};
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
}

impl Workshop {
    /// Moves or deletes the source of a job that is decided, as its state and the configuration want it. What cannot be
    /// done now is done later: the ledger remembers it as pending.
    pub(super) fn dispose(&self, job: &Job) -> Result<(), LedgerError> {
        let _dispose = profile::span(Stage::Dispose);
        let disposed = match self.after {
            After::Keep => return Ok(()),
            After::Archive => move_source(&self.inbox, &job.path, &job.identity, &self.archive),
            After::Delete => delete_source(&self.inbox, &job.path, &job.identity),
        };
        self.note_disposed(job, disposed.map(|what| format!("{what:?}")))
    }

    /// Notes in ledger and log what became of a source.
    pub(super) fn note_disposed(&self, job: &Job, disposed: Result<String, OutputError>) -> Result<(), LedgerError> {
        match disposed {
            Ok(what) => {
                log::debug!(event = "file.disposed", job = job.id.0, path:% = Shown(&job.path); "Source disposed of: {what}.");
                self.record(|ledger| ledger.disposed(job.id))
            }
            Err(error) => {
                log::error!(event = "file.disposed", job = job.id.0, path:% = Shown(&job.path), error:% = error;
                    "The source could not be moved or deleted; it will be tried again.");
                Ok(())
            }
        }
    }
}

/// Moves the source at `relative` in `inbox`, if it is still `identity`, to the same place in `folder`. If the name is
/// taken there, to `NAME~2.json`, `NAME~3.json` and so on.
pub(super) fn move_source(
    inbox: &Path,
    relative: &Path,
    identity: &Identity,
    folder: &Path,
) -> Result<Disposed, OutputError> {
    let source = inbox.join(relative);
    if !still_there(inbox, relative, identity, &source)? {
        return Ok(Disposed::NotThere);
    }
    let target = folder.join(relative);
    let parent = target.parent().unwrap_or(folder);
    fs::create_dir_all(parent).map_err(OutputError::io("create", parent))?;
    let moved = move_to_free_name(&source, &target)?;
    if !is_version(&moved, identity)? {
        rename_to_new(&moved, &source)?;
        return Ok(Disposed::NotThere);
    }
    sync_folder(parent)?;
    sync_folder(source.parent().unwrap_or(inbox))?;
    Ok(Disposed::Moved(moved))
}

/// Deletes the source at `relative` in `inbox`, if it is still `identity`.
pub(super) fn delete_source(inbox: &Path, relative: &Path, identity: &Identity) -> Result<Disposed, OutputError> {
    let source = inbox.join(relative);
    if !still_there(inbox, relative, identity, &source)? {
        return Ok(Disposed::NotThere);
    }
    fs::remove_file(&source).map_err(OutputError::io("remove", &source))?;
    sync_folder(source.parent().unwrap_or(inbox))?;
    Ok(Disposed::Deleted)
}

fn still_there(inbox: &Path, relative: &Path, identity: &Identity, shown: &Path) -> Result<bool, OutputError> {
    match open_beneath(inbox, relative) {
        Ok((_, now)) => Ok(same_version(&now, identity)),
        Err(OpenError::Gone | OpenError::Link | OpenError::NotAFile(_)) => Ok(false),
        Err(OpenError::Io(e)) => Err(OutputError::io("open", shown)(e)),
    }
}

/// The change time is left out: moving a file, or another name for it, changes that and not the content.
fn same_version(now: &Identity, then: &Identity) -> bool {
    (now.device, now.inode, now.size, now.mtime_ns) == (then.device, then.inode, then.size, then.mtime_ns)
}

/// Copies have another inode and device.
fn is_version(moved: &Path, identity: &Identity) -> Result<bool, OutputError> {
    let metadata = fs::symlink_metadata(moved).map_err(OutputError::io("look at", moved))?;
    let now = Identity::of(&metadata);
    Ok((now.size, now.mtime_ns) == (identity.size, identity.mtime_ns)
        && (now.device != identity.device || now.inode == identity.inode))
}

fn move_to_free_name(source: &Path, target: &Path) -> Result<PathBuf, OutputError> {
    match rename_to_free_name(source, target) {
        Err(OutputError::Io { source: e, .. }) if e.kind() == io::ErrorKind::CrossesDevices => {
            copy_across(source, target)
        }
        done => done,
    }
}

fn rename_to_free_name(source: &Path, target: &Path) -> Result<PathBuf, OutputError> {
    let mut number = 1;
    loop {
        let name = versioned(target, number);
        match rename_to_new(source, &name) {
            Ok(()) => return Ok(name),
            Err(OutputError::Exists(_)) => number += 1,
            Err(e) => return Err(e),
        }
    }
}

/// Between mounts a source is copied, synced and compared before the original goes.
fn copy_across(source: &Path, target: &Path) -> Result<PathBuf, OutputError> {
    let mut name = OsString::from(".");
    name.push(target.file_name().unwrap_or_default());
    name.push(".tmp");
    let unfinished = target.with_file_name(name);
    copy_verified(source, &unfinished).map_err(OutputError::io("copy", source))?;
    let moved = rename_to_free_name(&unfinished, target)?;
    sync_folder(target.parent().unwrap_or(target))?;
    fs::remove_file(source).map_err(OutputError::io("remove", source))?;
    Ok(moved)
}

fn copy_verified(source: &Path, copy: &Path) -> io::Result<()> {
    let mut from = File::open(source)?;
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

    fn source(inbox: &Path, name: &str, content: &str) -> Identity {
        fs::write(inbox.join(name), content).unwrap();
        open_beneath(inbox, Path::new(name)).unwrap().1
    }

    #[test]
    fn a_source_is_moved_to_a_free_name_and_never_over_another() {
        let Folders { inbox, archive, .. } = &folders();
        let name = Path::new("a.json");
        for content in ["1", "2"] {
            let identity = source(inbox, "a.json", content);
            move_source(inbox, name, &identity, archive).unwrap();
        }
        assert_eq!(fs::read_to_string(archive.join("a.json")).unwrap(), "1");
        assert_eq!(fs::read_to_string(archive.join("a~2.json")).unwrap(), "2");
        assert!(!inbox.join(name).exists());
    }

    #[test]
    fn a_newer_version_at_the_path_is_left_alone() {
        let Folders { inbox, archive, .. } = &folders();
        let old = source(inbox, "a.json", "old");
        fs::remove_file(inbox.join("a.json")).unwrap();
        source(inbox, "a.json", "newer");
        let name = Path::new("a.json");
        assert_eq!(move_source(inbox, name, &old, archive).unwrap(), Disposed::NotThere);
        assert_eq!(delete_source(inbox, name, &old).unwrap(), Disposed::NotThere);
        assert_eq!(fs::read_to_string(inbox.join(name)).unwrap(), "newer");
    }

    #[test]
    fn a_copy_to_another_mount_is_whole_and_keeps_its_time() {
        let Folders { inbox, archive, .. } = &folders();
        fs::create_dir(archive).unwrap();
        let identity = source(inbox, "a.json", "content");
        let moved = copy_across(&inbox.join("a.json"), &archive.join("a.json")).unwrap();
        let metadata = fs::metadata(&moved).unwrap();
        assert_eq!(fs::read_to_string(&moved).unwrap(), "content");
        assert_eq!(Identity::of(&metadata).mtime_ns, identity.mtime_ns);
        assert!(!inbox.join("a.json").exists());
        assert_eq!(fs::read_dir(archive).unwrap().count(), 1);
    }
}
