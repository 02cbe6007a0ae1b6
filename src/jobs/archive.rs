//! Sources that have been in the archive for long enough are removed, if the operator asks for it.
//!
//! What is removed is what the ledger knows to have been put there, by its name and its inode, and only as long as it has
//! the length and the time that it had. What was touched, replaced or restored since is left alone, and so is everything else.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use jiff::Timestamp;
use rustix::fs::{AtFlags, FileType, statat, unlinkat};
use rustix::io::Errno;

use super::naming::with_ending;
use crate::ledger::Archived;
use crate::source::{Identity, OpenError, open_folder_of, open_in};

/// How far the times of a file system may be from those of the ledger.
const TICK_NS: i128 = 1_000_000_000;

/// The archive.
#[derive(Clone, Copy, Debug)]
pub struct Archive<'a> {
    /// The folder.
    pub path: &'a Path,
    /// What stands behind a source's name in that of its marker; empty: there are none.
    pub marker: &'a str,
}

/// What became of a source in the archive.
#[derive(Debug)]
pub enum Expired {
    /// It was removed.
    Removed,
    /// Nothing has its name.
    Absent,
    /// Something else has its name, or it has changed: it was left alone.
    Changed,
    /// It could not be looked at or removed.
    Failed(io::Error),
}

impl Archive<'_> {
    /// Removes `old`, its marker, and the folders that are empty without it.
    #[must_use]
    pub fn remove(&self, old: &Archived) -> Expired {
        let folder = match open_folder_of(self.path, &old.place) {
            Ok(folder) => folder,
            Err(error) => return not_opened(error),
        };
        let (folder, name) = (folder.as_fd(), Path::new(old.place.file_name().unwrap_or_default()));
        match open_in(folder, name) {
            Ok((_, now)) if !is_as_archived(&now, old) => Expired::Changed,
            // It is open, so that its inode is not given to another file meanwhile.
            Ok((_open, now)) => self.remove_in(folder, name, old, &now),
            Err(error) => not_opened(error),
        }
    }

    fn remove_in(&self, folder: BorrowedFd<'_>, name: &Path, old: &Archived, now: &Identity) -> Expired {
        // Once more, by its name: what has the name is what was opened.
        let still = statat(folder, name, AtFlags::SYMLINK_NOFOLLOW);
        if !still.is_ok_and(|still| (still.st_dev, still.st_ino) == (now.device, now.inode)) {
            return Expired::Changed;
        }
        if let Err(errno) = unlinkat(folder, name, AtFlags::empty()) {
            return Expired::Failed(errno.into());
        }
        if !self.marker.is_empty() {
            remove_marker(folder, &with_ending(name, self.marker), old.disposed_at);
        }
        self.remove_empty(&old.place);
        Expired::Removed
    }

    /// Those folders above `place`, up to the archive itself, that hold nothing.
    fn remove_empty(&self, place: &Path) {
        for folder in place.ancestors().skip(1).filter(|folder| !folder.as_os_str().is_empty()) {
            let name = Path::new(folder.file_name().unwrap_or_default());
            let removed = open_folder_of(self.path, folder).ok().map(|above| unlinkat(above, name, AtFlags::REMOVEDIR));
            if !matches!(removed, Some(Ok(()))) {
                return;
            }
        }
    }
}

fn not_opened(error: OpenError) -> Expired {
    match error {
        OpenError::Gone => Expired::Absent,
        OpenError::Link | OpenError::NotAFile(_) => Expired::Changed,
        OpenError::Io(error) if Errno::from_io_error(&error) == Some(Errno::NOTDIR) => Expired::Changed,
        OpenError::Io(error) => Expired::Failed(error),
    }
}

fn is_as_archived(now: &Identity, old: &Archived) -> bool {
    (now.inode, now.size, now.mtime_ns) == (old.inode, old.identity.size, old.identity.mtime_ns)
}

/// The marker came with its source, unless it was put there, or changed, later.
fn remove_marker(folder: BorrowedFd<'_>, name: &Path, disposed_at: Timestamp) {
    let Ok(found) = statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) else { return };
    let changed_ns = i128::from(found.st_ctime) * 1_000_000_000 + i128::from(found.st_ctime_nsec);
    let is_file = FileType::from_raw_mode(found.st_mode) == FileType::RegularFile;
    if is_file && changed_ns <= disposed_at.as_nanosecond() + TICK_NS {
        // A marker without its source means nothing; the next of that name replaces it.
        let _ = unlinkat(folder, name, AtFlags::empty());
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::path::PathBuf;

    use super::*;
    use crate::ledger::JobId;
    use crate::source::stat_beneath;

    struct Bench {
        root: tempfile::TempDir,
    }

    impl Bench {
        fn new() -> Self {
            let root = tempfile::tempdir().unwrap();
            fs::create_dir_all(root.path().join("archive/sub/deep")).unwrap();
            fs::write(root.path().join("archive/sub/deep/a.json"), "{}").unwrap();
            fs::write(root.path().join("archive/sub/deep/a.json.done"), "").unwrap();
            Self { root }
        }

        fn path(&self, relative: &str) -> PathBuf {
            self.root.path().join(relative)
        }

        /// What the ledger would say of the file as it is now.
        fn old(&self, place: &str) -> Archived {
            let identity = stat_beneath(&self.path("archive"), Path::new(place)).unwrap();
            let place = PathBuf::from(place);
            Archived { id: JobId(1), place, inode: identity.inode, identity, disposed_at: Timestamp::now() }
        }

        fn remove(&self, old: &Archived) -> Expired {
            Archive { path: &self.path("archive"), marker: ".done" }.remove(old)
        }
    }

    const PLACE: &str = "sub/deep/a.json";

    #[test]
    fn an_old_source_goes_with_its_marker_and_the_folders_that_it_leaves_empty() {
        let bench = Bench::new();
        let old = bench.old(PLACE);
        fs::write(bench.path("archive/sub/other.json"), "").unwrap();
        assert!(matches!(bench.remove(&old), Expired::Removed));
        assert!(!bench.path("archive/sub/deep").exists() && bench.path("archive/sub/other.json").exists());
        assert!(matches!(bench.remove(&old), Expired::Absent));
        let other = bench.old("sub/other.json");
        assert!(matches!(bench.remove(&other), Expired::Removed));
        assert!(!bench.path("archive/sub").exists() && bench.path("archive").exists());
    }

    #[test]
    fn what_is_not_the_file_that_was_archived_stays() {
        type Change = fn(&Bench);
        let changes: [(&str, Change); 5] = [
            ("written over in place", |bench| fs::write(bench.path("archive").join(PLACE), "[]").unwrap()),
            ("longer", |bench| fs::write(bench.path("archive").join(PLACE), "{ }").unwrap()),
            ("another file of that length and time", |bench| {
                let path = bench.path("archive").join(PLACE);
                let time = fs::metadata(&path).unwrap().modified().unwrap();
                fs::rename(&path, bench.path("moved")).unwrap();
                fs::write(&path, "{}").unwrap();
                File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
            }),
            ("a link to it", |bench| {
                let path = bench.path("archive").join(PLACE);
                fs::rename(&path, bench.path("moved")).unwrap();
                std::os::unix::fs::symlink(bench.path("moved"), path).unwrap();
            }),
            ("in a folder behind a link", |bench| {
                fs::rename(bench.path("archive/sub"), bench.path("sub")).unwrap();
                std::os::unix::fs::symlink(bench.path("sub"), bench.path("archive/sub")).unwrap();
            }),
        ];
        for (what, change) in changes {
            let bench = Bench::new();
            let old = bench.old(PLACE);
            change(&bench);
            let outcome = bench.remove(&old);
            assert!(matches!(outcome, Expired::Changed | Expired::Absent), "{what}: {outcome:?}");
            let path = bench.path("archive").join(PLACE);
            assert!(path.symlink_metadata().is_ok() && path.with_extension("json.done").exists(), "{what}");
        }
    }

    #[test]
    fn a_marker_that_came_later_stays() {
        let bench = Bench::new();
        let disposed_at = Timestamp::now() - jiff::SignedDuration::from_secs(60);
        let old = Archived { disposed_at, ..bench.old(PLACE) };
        assert!(matches!(bench.remove(&old), Expired::Removed));
        assert!(bench.path("archive/sub/deep/a.json.done").exists());
    }
}
