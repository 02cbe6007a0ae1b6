//! Making an output visible under its final name: whole, in one step, and never over another file unless asked.
//!
//! Unfinished outputs live in the folder `.h5inbox` inside the outbox (mode 0700, ours alone), so that a rename stays
//! within one mount and nobody can swap a file under the HDF5 library, which opens by path.

use std::ffi::{OsStr, OsString};
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, RenameFlags, linkat, renameat_with, statat, unlinkat};
use rustix::io::{Errno, retry_on_intr};

use super::super::profile::{self, Stage};
use super::OutputError;

/// Name of the folder for unfinished outputs.
pub const STAGING: &str = ".h5inbox";

/// The folder for unfinished outputs inside `outbox`, made if it is missing (with the outbox itself).
pub fn staging(outbox: &Path) -> Result<PathBuf, OutputError> {
    let folder = outbox.join(STAGING);
    let made = DirBuilder::new().mode(0o700).create(&folder);
    match made {
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(folder),
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            make_folders(outbox)?;
            DirBuilder::new()
                .mode(0o700)
                .recursive(true)
                .create(&folder)
                .map_err(OutputError::io("create", &folder))?;
            Ok(folder)
        }
        Err(e) => Err(OutputError::io("create", &folder)(e)),
        Ok(()) => Ok(folder),
    }
}

/// A name, and the open folder in which it is looked up.
pub type Name<'a> = (BorrowedFd<'a>, &'a Path);

/// As [`staging`]; a folder that is made here is there for good.
pub fn lasting_staging(outbox: &Path) -> Result<PathBuf, OutputError> {
    let folder = outbox.join(STAGING);
    if !folder.is_dir() {
        staging(outbox)?;
        sync_folder(outbox)?;
    }
    Ok(folder)
}

/// Makes the folder at `path`, and those on the way to it, where they are missing, and makes the names of these durable:
/// what is put into a folder is gone with it.
pub fn make_folders(path: &Path) -> Result<(), OutputError> {
    let mut made = fs::create_dir(path);
    if made.as_ref().is_err_and(|e| e.kind() == io::ErrorKind::NotFound) && !parent_of(path).is_dir() {
        make_folders(parent_of(path))?;
        made = fs::create_dir(path);
    }
    match made {
        Ok(()) => sync_folder(parent_of(path)),
        Err(_) if path.is_dir() => Ok(()),
        Err(e) => Err(OutputError::io("create", path)(e)),
    }
}

fn parent_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Renames `from` to `to`, which must be free: [`OutputError::Exists`] if it is not.
pub fn rename_to_new(from: &Path, to: &Path) -> Result<(), OutputError> {
    rename_in((CWD, from), (CWD, to))
}

/// As [`rename_to_new`], for names that are looked up in open folders.
pub fn rename_in(from: Name<'_>, to: Name<'_>) -> Result<(), OutputError> {
    match retry_on_intr(|| renameat_with(from.0, from.1, to.0, to.1, RenameFlags::NOREPLACE)) {
        Ok(()) => Ok(()),
        Err(Errno::EXIST) => Err(OutputError::Exists(to.1.into())),
        // Some network file systems know no such rename: a second name cannot replace anything either.
        Err(Errno::INVAL | Errno::NOSYS) => link_and_unlink(from, to),
        Err(e) => Err(OutputError::io("rename", from.1)(e.into())),
    }
}

fn link_and_unlink(from: Name<'_>, to: Name<'_>) -> Result<(), OutputError> {
    let remove = || unlinkat(from.0, from.1, AtFlags::empty()).map_err(|e| OutputError::io("remove", from.1)(e.into()));
    match linkat(from.0, from.1, to.0, to.1, AtFlags::empty()) {
        Ok(()) => remove(),
        // An earlier run was killed between the two.
        Err(Errno::EXIST) if are_one(from, to) => remove(),
        Err(Errno::EXIST) => Err(OutputError::Exists(to.1.into())),
        Err(e) => Err(OutputError::io("link", from.1)(e.into())),
    }
}

/// Whether these are two names of one file.
fn are_one(one: Name<'_>, other: Name<'_>) -> bool {
    let identity = |name: Name<'_>| {
        let found = statat(name.0, name.1, AtFlags::SYMLINK_NOFOLLOW);
        found.map(|found| (found.st_dev, found.st_ino))
    };
    matches!((identity(one), identity(other)), (Ok(one), Ok(other)) if one == other)
}

/// Renames `from` to `to`, replacing what is there.
pub fn rename_over(from: &Path, to: &Path) -> Result<(), OutputError> {
    fs::rename(from, to).map_err(OutputError::io("rename", from))
}

/// Makes the content of `file`, whose name is `path`, durable.
pub fn sync_file(file: &File, path: &Path) -> Result<(), OutputError> {
    let _sync = profile::span(Stage::Fsync);
    file.sync_all().map_err(OutputError::io("sync", path))
}

/// Makes the names in `folder` durable.
pub fn sync_folder(folder: &Path) -> Result<(), OutputError> {
    let _sync = profile::span(Stage::Fsync);
    File::open(folder).and_then(|open| open.sync_all()).map_err(OutputError::io("sync", folder))
}

/// The name for version `number` of an output: `NAME~2.h5` for `NAME.h5`; the name itself for version 1.
#[must_use]
pub fn versioned(path: &Path, number: u32) -> PathBuf {
    if number < 2 {
        return path.into();
    }
    let mut name = OsString::from(path.file_stem().unwrap_or_default());
    name.push(format!("~{number}"));
    if let Some(extension) = path.extension() {
        name.push(".");
        name.push(extension);
    }
    path.with_file_name(name)
}

/// The name of which `path` may be a version: without `~2` and the like behind its stem.
#[must_use]
pub fn unversioned(path: &Path) -> PathBuf {
    let stem = path.file_stem().unwrap_or_default().as_bytes();
    let digits = stem.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let before = stem.len() - digits;
    if digits == 0 || before < 2 || stem[before - 1] != b'~' {
        return path.into();
    }
    let mut name = OsStr::from_bytes(&stem[..before - 1]).to_owned();
    if let Some(extension) = path.extension() {
        name.push(".");
        name.push(extension);
    }
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rename_never_takes_a_name_that_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("a"), folder.path().join("b"));
        fs::write(&from, "new").unwrap();
        fs::write(&to, "old").unwrap();
        assert!(matches!(rename_to_new(&from, &to), Err(OutputError::Exists(path)) if path == to));
        assert!(matches!(link_and_unlink((CWD, &from), (CWD, &to)), Err(OutputError::Exists(_))));
        assert_eq!(fs::read_to_string(&to).unwrap(), "old");
        rename_over(&from, &to).unwrap();
        assert_eq!(fs::read_to_string(&to).unwrap(), "new");
    }

    #[test]
    fn a_link_that_was_made_before_a_kill_is_no_other_file() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("a"), folder.path().join("b"));
        fs::write(&from, "new").unwrap();
        fs::hard_link(&from, &to).unwrap();
        link_and_unlink((CWD, &from), (CWD, &to)).unwrap();
        assert!(!from.exists() && fs::read_to_string(&to).unwrap() == "new");
    }

    #[test]
    fn folders_are_made_where_they_are_missing_and_a_file_in_the_way_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("a/b/c");
        make_folders(&deep).unwrap();
        make_folders(&deep).unwrap();
        assert!(deep.is_dir());
        fs::write(deep.join("file"), "").unwrap();
        // Where nobody may make a folder, the system says that it is not there.
        assert!(make_folders(Path::new("/proc/h5inbox/outbox")).is_err());
        assert!(make_folders(&deep.join("file")).is_err() && make_folders(&deep.join("file/below")).is_err());
    }

    #[test]
    fn versions_are_numbered_before_the_ending() {
        assert_eq!(versioned(Path::new("/o/a.b.h5"), 1), Path::new("/o/a.b.h5"));
        assert_eq!(versioned(Path::new("/o/a.b.h5"), 2), Path::new("/o/a.b~2.h5"));
        for (name, first) in
            [("/o/a.b~12.h5", "/o/a.b.h5"), ("/o/a~.h5", "/o/a~.h5"), ("/o/~2.h5", "/o/~2.h5"), ("a2", "a2")]
        {
            assert_eq!(unversioned(Path::new(name)), Path::new(first));
        }
    }

    #[test]
    fn the_staging_folder_is_made_with_the_outbox_and_is_ours_alone() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let outbox = folder.path().join("x/outbox");
        let made = staging(&outbox).unwrap();
        assert_eq!(staging(&outbox).unwrap(), made);
        assert_eq!(fs::metadata(made).unwrap().permissions().mode() & 0o777, 0o700);
    }
}
