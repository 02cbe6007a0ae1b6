//! A source's marker goes the way of its source: archived or quarantined beside it, or deleted.
//!
//! The source goes first, and then its marker, which a producer may just be renewing for the next source of that name. So
//! it is given a name that nobody knows, and if another source is at the path by then, it goes back: it may speak of that
//! one, and is no newer for having been away (`intake::signs`). A crash in between leaves a marker without a source;
//! whoever disposes of the job once more finds no source and takes the marker along.

use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustix::fs::{AtFlags, CWD, FileType, renameat, statat, unlinkat};

use super::attempt::Workshop;
use super::disposed::Disposed;
use super::moving::{copy_verified, is, is_there_in, rename_to_free_name};
use super::naming::with_ending;
use crate::convert::output::OutputError;
use crate::convert::output::publish::{rename_in, rename_to_new};
use crate::ledger::{Job, JobId};
use crate::source::{OpenError, open_folder_of, open_in};

/// The marker of a source that has left its place in the inbox.
struct Marker<'a> {
    inbox: &'a Path,
    /// The source, relative to the inbox.
    path: &'a Path,
    ending: &'a str,
    job: JobId,
}

impl Workshop {
    /// The source of `job` has gone the way that `what` tells, and its marker follows it: to `folder`, or if there is none
    /// it is deleted. Answers `what`.
    pub(super) fn with_marker(
        &self,
        job: &Job,
        what: Disposed,
        folder: Option<&Path>,
    ) -> Result<Disposed, OutputError> {
        let to = match &what {
            Disposed::Moved(to) => Some(to.clone()),
            // Perhaps by an earlier run, which did not come to its marker.
            Disposed::NotThere => folder.map(|folder| folder.join(&job.path)),
            Disposed::Deleted => None,
            Disposed::Kept | Disposed::AsPlanned | Disposed::Busy => return Ok(what),
        };
        let marker = Marker { inbox: &self.inbox, path: &job.path, ending: &self.marker, job: job.id };
        if !marker.ending.is_empty() {
            marker.follow(to.as_deref())?;
        }
        Ok(what)
    }
}

impl Marker<'_> {
    /// Follows the source to `to`, or into nothing. All of it happens in the folder that is opened first.
    fn follow(&self, to: Option<&Path>) -> Result<(), OutputError> {
        let here = match open_folder_of(self.inbox, self.path) {
            Ok(folder) => folder,
            Err(OpenError::Gone | OpenError::Link | OpenError::NotAFile(_)) => return Ok(()),
            Err(OpenError::Io(e)) => return Err(OutputError::io("open the folder of", self.inbox.join(self.path))(e)),
        };
        let (here, source) = (here.as_fd(), Path::new(self.path.file_name().unwrap_or_default()));
        let (marker, aside) = (marker_of(source, self.ending), PathBuf::from(format!(".h5inbox-{}.marker", self.job)));
        if !is_there_in(here, source) && is_file_in(here, &marker) {
            let taken = renameat(here, &marker, here, &aside);
            unless_gone(taken.map_err(|e| OutputError::io("rename", &marker)(e.into())))?;
        }
        match to.map(|to| with_ending(to, self.ending)) {
            _ if is_there_in(here, source) => give_back(here, &aside, &marker),
            None => remove(here, &aside),
            Some(to) => match rename_to_free_name((here, &aside), &to) {
                Err(error) if is(&error, io::ErrorKind::CrossesDevices) => copy(here, &aside, &to),
                moved => unless_gone(moved.map(drop)),
            },
        }
    }
}

fn copy(here: BorrowedFd<'_>, aside: &Path, to: &Path) -> Result<(), OutputError> {
    let failed = |error: io::Error| OutputError::io("copy", aside)(error);
    let (file, _) = open_in(here, aside).map_err(|error| failed(io::Error::other(error)))?;
    let unfinished = to.with_file_name(aside);
    copy_verified(file, &unfinished).map_err(failed)?;
    rename_to_free_name((CWD, &unfinished), to)?;
    remove(here, aside)
}

/// Puts the marker of a source that was put back to `source` beside it: the one that lies beside `resting`, where it was,
/// or a new one. Somebody wants the source to be taken as it is, so the marker becomes newer than it.
pub fn put_marker(resting: Option<&Path>, source: &Path, ending: &str) -> io::Result<()> {
    let marker = marker_of(source, ending);
    if let Some(resting) = resting {
        let _ = rename_to_new(&with_ending(resting, ending), &marker);
    }
    let later = fs::symlink_metadata(source)?.modified()? + Duration::from_nanos(1);
    let mut options = File::options();
    let options = options.write(true).create(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK);
    options.open(marker)?.set_modified(later.max(SystemTime::now()))
}

fn marker_of(source: &Path, ending: &str) -> PathBuf {
    let mut name = source.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

fn is_file_in(folder: BorrowedFd<'_>, name: &Path) -> bool {
    let found = statat(folder, name, AtFlags::SYMLINK_NOFOLLOW);
    found.is_ok_and(|found| FileType::from_raw_mode(found.st_mode) == FileType::RegularFile)
}

fn give_back(here: BorrowedFd<'_>, aside: &Path, marker: &Path) -> Result<(), OutputError> {
    match rename_in((here, aside), (here, marker)) {
        // The other source has one of its own.
        Err(OutputError::Exists(_)) => remove(here, aside),
        back => unless_gone(back),
    }
}

fn remove(here: BorrowedFd<'_>, name: &Path) -> Result<(), OutputError> {
    unless_gone(unlinkat(here, name, AtFlags::empty()).map_err(|e| OutputError::io("remove", name)(e.into())))
}

fn unless_gone(done: Result<(), OutputError>) -> Result<(), OutputError> {
    done.or_else(|error| if is(&error, io::ErrorKind::NotFound) { Ok(()) } else { Err(error) })
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Folders {
        root: tempfile::TempDir,
    }

    fn folders(names: &[&str]) -> Folders {
        let root = tempfile::tempdir().unwrap();
        for folder in ["in", "archive"] {
            fs::create_dir(root.path().join(folder)).unwrap();
        }
        names.iter().for_each(|name| fs::write(root.path().join(name), name).unwrap());
        Folders { root }
    }

    impl Folders {
        fn follow(&self, to: Option<&str>) {
            let inbox = self.root.path().join("in");
            let marker = Marker { inbox: &inbox, path: Path::new("a.json"), ending: ".done", job: JobId(7) };
            marker.follow(to.map(|to| self.root.path().join(to)).as_deref()).unwrap();
        }

        fn names(&self) -> Vec<String> {
            let list = |folder: &str| {
                let entries = fs::read_dir(self.root.path().join(folder)).unwrap();
                let name = |entry: io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
                entries.map(name).map(|name| format!("{folder}/{name}")).collect::<Vec<_>>()
            };
            let mut names = [list("in"), list("archive")].concat();
            names.sort();
            names
        }
    }

    #[test]
    fn a_marker_follows_its_source_from_wherever_a_crash_left_it() {
        for left in ["in/a.json.done", "in/.h5inbox-7.marker"] {
            for (to, names) in [(Some("archive/a~2.json"), &["archive/a~2.json.done"][..]), (None, &[])] {
                let folders = folders(&[left]);
                folders.follow(to);
                assert_eq!(folders.names(), names, "{left}");
                folders.follow(to);
                assert_eq!(folders.names(), names, "{left}: once more");
            }
        }
    }

    #[test]
    fn a_marker_that_may_be_another_sources_stays_or_comes_back() {
        for left in ["in/a.json.done", "in/.h5inbox-7.marker"] {
            let folders = folders(&[left, "in/a.json"]);
            folders.follow(Some("archive/a.json"));
            folders.follow(None);
            assert_eq!(folders.names(), ["in/a.json", "in/a.json.done"], "{left}");
        }
        let folders = folders(&["in/.h5inbox-7.marker", "in/a.json", "in/a.json.done"]);
        folders.follow(None);
        let kept = fs::read_to_string(folders.root.path().join("in/a.json.done")).unwrap();
        assert_eq!((folders.names().len(), kept.as_str()), (2, "in/a.json.done"), "the newer one is not replaced");
    }

    #[test]
    fn what_is_no_marker_stays_and_a_taken_name_is_not_replaced() {
        let folders = folders(&["archive/a.json.done"]);
        fs::create_dir(folders.root.path().join("in/a.json.done")).unwrap();
        folders.follow(None);
        assert_eq!(folders.names().len(), 2);
        fs::remove_dir(folders.root.path().join("in/a.json.done")).unwrap();
        fs::write(folders.root.path().join("in/a.json.done"), "").unwrap();
        folders.follow(Some("archive/a.json"));
        assert_eq!(folders.names(), ["archive/a.json.done", "archive/a.json~2.done"]);
    }

    #[test]
    fn a_source_put_back_has_a_marker_that_is_newer_than_it() {
        let folders = folders(&["in/a.json", "archive/a.json.done"]);
        let at = |name: &str| folders.root.path().join(name);
        let future = SystemTime::now() + Duration::from_secs(3600);
        File::options().write(true).open(at("in/a.json")).unwrap().set_modified(future).unwrap();
        for resting in [Some(at("archive/a.json")), None] {
            put_marker(resting.as_deref(), &at("in/a.json"), ".done").unwrap();
            assert!(fs::metadata(at("in/a.json.done")).unwrap().modified().unwrap() > future);
            fs::remove_file(at("in/a.json.done")).unwrap();
        }
        assert_eq!(folders.names(), ["in/a.json"]);
    }
}
