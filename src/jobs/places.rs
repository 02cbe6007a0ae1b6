//! What is at the paths of old sources, for [`Finished::may_go`](crate::ledger::Finished::may_go).
//!
//! A path with nothing there proves little: the file system that the source is on may not be mounted, and an empty mount
//! point looks like a folder from which everything was taken. So the folder needs a witness: another source, in it or below
//! it and on the same device, that the ledger knows and that has not changed. Without one, nothing is concluded.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::{File, Metadata};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Dir, FileType, Mode, OFlags, openat};
use rustix::io::Errno;

use crate::ledger::Place;
use crate::source::{Identity, OpenError, open_at, stat_beneath};

/// Names that are looked at in search of a witness.
const MOST_NAMES: usize = 5000;

/// Looks into one inbox. What it has learned of a folder holds for as long as it lives: for one sweep.
#[derive(Debug)]
pub struct Places<'a> {
    inbox: &'a Path,
    /// Whether a folder, relative to the inbox, has a witness.
    witnessed: HashMap<PathBuf, bool>,
}

/// Whether the ledger knows this version of a source.
pub type Knows<'k> = dyn Fn(&Path, &Identity) -> bool + 'k;

impl<'a> Places<'a> {
    /// Nothing is known of `inbox` yet.
    #[must_use]
    pub fn new(inbox: &'a Path) -> Self {
        Self { inbox, witnessed: HashMap::new() }
    }

    /// What is at `path`, relative to the inbox.
    pub fn look(&mut self, path: &Path, knows: &Knows<'_>) -> Place {
        match stat_beneath(self.inbox, path) {
            Ok(identity) => Place::Taken(identity),
            Err(OpenError::Gone) => self.missing(path, knows),
            Err(OpenError::Link | OpenError::NotAFile(_) | OpenError::Io(_)) => Place::Hidden,
        }
    }

    fn missing(&mut self, path: &Path, knows: &Knows<'_>) -> Place {
        let Some((folder, opened)) = deepest_folder(self.inbox, path) else { return Place::Hidden };
        let learned = self.witnessed.get(folder).copied();
        let witnessed = learned.unwrap_or_else(|| {
            let found = Search { knows, names: MOST_NAMES }.witness(folder, opened);
            self.witnessed.insert(folder.into(), found);
            found
        });
        if witnessed { Place::Empty } else { Place::Bare }
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
    knows: &'k Knows<'k>,
    /// How many may still be looked at.
    names: usize,
}

impl Search<'_> {
    /// Whether a source that is known stands in `folder` or below it, on the same device.
    fn witness(mut self, folder: &Path, opened: OwnedFd) -> bool {
        let Some(device) = device_of(&opened) else { return false };
        let mut folders = vec![(folder.to_path_buf(), opened)];
        while let Some((folder, opened)) = folders.pop() {
            let Ok(names) = Dir::read_from(&opened) else { continue };
            for entry in names.flatten().filter(|entry| ![&b"."[..], b".."].contains(&entry.file_name().to_bytes())) {
                if self.names == 0 {
                    return false;
                }
                self.names -= 1;
                let name = Path::new(OsStr::from_bytes(entry.file_name().to_bytes()));
                let path = folder.join(name);
                match entry.file_type() {
                    FileType::Directory => folders.extend(enter(&opened, name, device).map(|inner| (path, inner))),
                    _ if self.is_known(&opened, name, &path, device) => return true,
                    _ => {}
                }
            }
        }
        false
    }

    fn is_known(&self, folder: &OwnedFd, name: &Path, path: &Path, device: u64) -> bool {
        let found = openat(folder, name, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty());
        let found = found.ok().and_then(|file| File::from(file).metadata().ok()).filter(Metadata::is_file);
        let identity = found.map(|found| Identity::of(&found)).filter(|identity| identity.device == device);
        identity.is_some_and(|identity| (self.knows)(path, &identity))
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

    /// An inbox with these files, of which those are known that have `known` in their name.
    fn look(files: &[&str], path: &str) -> Place {
        let inbox = tempfile::tempdir().unwrap();
        for file in files {
            let file = inbox.path().join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, "{}").unwrap();
        }
        symlink("/", inbox.path().join("link")).unwrap();
        let knows = |path: &Path, identity: &Identity| identity.size == 2 && path.to_str().unwrap().contains("known");
        Places::new(inbox.path()).look(Path::new(path), &knows)
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
        assert_eq!(Places::new(nowhere).look(Path::new("a.json"), &|_, _| true), Place::Hidden);
    }
}
