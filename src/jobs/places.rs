//! What is at the paths of old sources, for [`Finished::may_go`](crate::ledger::Finished::may_go).
//!
//! A path with nothing there proves little: the file system that the source is on may not be mounted, and an empty mount
//! point looks like a folder from which everything was taken. So the folder needs a witness: another source, in it or below
//! it and on the same device, that the ledger knows and that has not changed. It has to be on the device of the missing one,
//! or to have been there before it: a producer may go on writing to a mount point that is bare. Without one, nothing is
//! concluded.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::{File, Metadata};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rustix::fs::{Dir, FileType, Mode, OFlags, openat};
use rustix::io::Errno;

use crate::ledger::{Finished, Place};
use crate::source::{Identity, OpenError, open_at, stat_beneath};

/// Names that are looked at in search of a witness.
const MOST_NAMES: usize = 5000;

/// Looks into one inbox. What it has learned of a folder holds for as long as it lives: for one sweep.
#[derive(Debug)]
pub struct Places<'a> {
    inbox: &'a Path,
    /// The witness of each folder, relative to the inbox.
    witnessed: HashMap<PathBuf, Option<Witness>>,
}

/// What speaks for a folder.
#[derive(Clone, Copy, Debug)]
struct Witness {
    device: u64,
    /// When the oldest of the sources that are there was found.
    seen_at: Timestamp,
}

/// When this version of a source was found ready, if the ledger knows it.
pub type Seen<'k> = dyn Fn(&Path, &Identity) -> Option<Timestamp> + 'k;

impl<'a> Places<'a> {
    /// Nothing is known of `inbox` yet.
    #[must_use]
    pub fn new(inbox: &'a Path) -> Self {
        Self { inbox, witnessed: HashMap::new() }
    }

    /// What is at the path of `job`.
    pub fn look(&mut self, job: &Finished, seen: &Seen<'_>) -> Place {
        match stat_beneath(self.inbox, &job.path) {
            Ok(identity) => Place::Taken(identity),
            Err(OpenError::Gone) => self.missing(job, seen),
            Err(OpenError::Link | OpenError::NotAFile(_) | OpenError::Io(_)) => Place::Hidden,
        }
    }

    fn missing(&mut self, job: &Finished, seen: &Seen<'_>) -> Place {
        let Some((folder, opened)) = deepest_folder(self.inbox, &job.path) else { return Place::Hidden };
        let learned = self.witnessed.get(folder).copied();
        let witness = learned.unwrap_or_else(|| {
            let found = Search { seen, names: MOST_NAMES }.witness(folder, opened);
            self.witnessed.insert(folder.into(), found);
            found
        });
        let speaks = |witness: Witness| witness.device == job.identity.device || witness.seen_at <= job.changed_at;
        if witness.is_some_and(speaks) { Place::Empty } else { Place::Bare }
    }
}

/// The folder nearest to `path` that is there; `None` if something else than a folder is in its place.
fn deepest_folder<'p>(inbox: &Path, path: &'p Path) -> Option<(&'p Path, OwnedFd)> {
    let root: OwnedFd = File::open(inbox).ok()?.into();
    for folder in path.ancestors().skip(1) {
        if folder.as_os_str().is_empty() {
            return Some((folder, root));
        }
        match open_at(root.as_fd(), folder, OFlags::RDONLY | OFlags::DIRECTORY) {
            Ok(opened) => return Some((folder, opened)),
            Err(Errno::NOENT) => {}
            Err(_) => return None,
        }
    }
    None
}

struct Search<'k> {
    seen: &'k Seen<'k>,
    /// How many may still be looked at.
    names: usize,
}

impl Search<'_> {
    /// The oldest source that is known and stands in `folder` or below it, on the same device.
    fn witness(mut self, folder: &Path, opened: OwnedFd) -> Option<Witness> {
        let (device, mut oldest) = (device_of(&opened)?, None::<Timestamp>);
        let mut folders = vec![(folder.to_path_buf(), opened)];
        while let Some((folder, opened)) = folders.pop() {
            let Ok(names) = Dir::read_from(&opened) else { continue };
            for entry in names.flatten().filter(|entry| ![&b"."[..], b".."].contains(&entry.file_name().to_bytes())) {
                if self.names == 0 {
                    return oldest.map(|seen_at| Witness { device, seen_at });
                }
                self.names -= 1;
                let name = Path::new(OsStr::from_bytes(entry.file_name().to_bytes()));
                let path = folder.join(name);
                if entry.file_type() == FileType::Directory {
                    folders.extend(enter(&opened, name, device).map(|inner| (path, inner)));
                } else {
                    oldest = oldest.into_iter().chain(self.seen_at(&opened, name, &path, device)).min();
                }
            }
        }
        oldest.map(|seen_at| Witness { device, seen_at })
    }

    fn seen_at(&self, folder: &OwnedFd, name: &Path, path: &Path, device: u64) -> Option<Timestamp> {
        let found = openat(folder, name, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty());
        let found = found.ok().and_then(|file| File::from(file).metadata().ok()).filter(Metadata::is_file);
        let identity = found.map(|found| Identity::of(&found)).filter(|identity| identity.device == device);
        (self.seen)(path, &identity?)
    }
}

/// The folder `name` in `folder`, if nothing else is mounted there.
fn enter(folder: &OwnedFd, name: &Path, device: u64) -> Option<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let opened = openat(folder, name, flags, Mode::empty()).ok()?;
    (device_of(&opened) == Some(device)).then_some(opened)
}

fn device_of(folder: &OwnedFd) -> Option<u64> {
    rustix::fs::fstat(folder).ok().map(|found| found.st_dev)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::ledger::{Disposition, JobId, State};

    const THEN: Timestamp = Timestamp::UNIX_EPOCH;

    /// A job of `path` that was done then, on `device`.
    fn job(path: &str, device: u64) -> Finished {
        let identity = Identity { device, inode: 2, size: 3, mtime_ns: 4, ctime_ns: 5 };
        let (state, disposition) = (State::Done, Disposition::None);
        let (needed, archived) = (true, false);
        Finished { id: JobId(1), path: path.into(), identity, state, disposition, changed_at: THEN, needed, archived }
    }

    /// What is at `path` in an inbox with these files: those with `known` in their name are known since `seen_at`. The job is
    /// of this device, or of `another`.
    fn look_at(files: &[&str], path: &str, seen_at: Timestamp, another: bool) -> Place {
        let inbox = tempfile::tempdir().unwrap();
        for file in files {
            let file = inbox.path().join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, "{}").unwrap();
        }
        symlink("/", inbox.path().join("link")).unwrap();
        let seen = |path: &Path, identity: &Identity| {
            (identity.size == 2 && path.to_str().unwrap().contains("known")).then_some(seen_at)
        };
        let device = device_of(&File::open(inbox.path()).unwrap().into()).unwrap() + u64::from(another);
        Places::new(inbox.path()).look(&job(path, device), &seen)
    }

    fn look(files: &[&str], path: &str) -> Place {
        look_at(files, path, Timestamp::now(), false)
    }

    #[test]
    fn a_witness_is_of_the_same_device_or_was_there_before() {
        let later = THEN + jiff::SignedDuration::from_secs(1);
        assert_eq!(look_at(&["known.json"], "a.json", later, false), Place::Empty);
        assert_eq!(
            look_at(&["known.json"], "a.json", later, true),
            Place::Bare,
            "written to a bare mount point, perhaps"
        );
        assert_eq!(look_at(&["known.json"], "a.json", THEN, true), Place::Empty);
    }

    #[test]
    fn only_beside_or_above_a_source_that_is_known_a_missing_one_was_taken_away() {
        assert_eq!(look(&[], "a.json"), Place::Bare);
        assert_eq!(look(&["new.json"], "a.json"), Place::Bare);
        assert_eq!(look(&["known.json"], "a.json"), Place::Empty);
        assert_eq!(look(&["2026/11/known.json"], "a.json"), Place::Empty);
        assert_eq!(look(&["2026/11/known.json"], "2026/10/24/a.json"), Place::Empty);
        assert_eq!(look(&["known.json", "host/new.json"], "host/a.json"), Place::Bare, "a mount point, perhaps");
        assert!(matches!(look(&["host/a.json"], "host/a.json"), Place::Taken(_)));
    }

    #[test]
    fn what_cannot_be_looked_at_proves_nothing() {
        assert_eq!(look(&["known.json"], "link/a.json"), Place::Hidden);
        assert_eq!(look(&["known.json"], "known.json/a.json"), Place::Hidden);
        assert_eq!(look(&["known.json"], "link"), Place::Hidden);
        let nowhere = Path::new("/no/such/inbox");
        assert_eq!(Places::new(nowhere).look(&job("a.json", 1), &|_, _| Some(THEN)), Place::Hidden);
    }
}
