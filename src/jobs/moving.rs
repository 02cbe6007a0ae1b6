//! Files on their way from one folder to another: what is there, and to give it a name that is free.

use std::fs::{self, File, FileTimes};
use std::io::{self, Seek};
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, statat};

use super::naming::numbered;
use crate::convert::output::OutputError;
use crate::convert::output::publish::{Name, make_folders, rename_in};

pub(super) fn is_there(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

pub(super) fn is_there_in(folder: BorrowedFd<'_>, name: &Path) -> bool {
    statat(folder, name, AtFlags::SYMLINK_NOFOLLOW).is_ok()
}

pub(super) fn is(error: &OutputError, kind: io::ErrorKind) -> bool {
    matches!(error, OutputError::Io { source, .. } if source.kind() == kind)
}

/// Renames a source to a name whose folder is made first. While that is empty somebody who tidies up may remove it again,
/// the housekeeper for one: that is no reason to take the source for gone.
pub(super) fn rename_into_folder(source: Name<'_>, held: &Path) -> Result<(), OutputError> {
    let mut tries = 10;
    loop {
        let made = make_folders(held.parent().unwrap_or(Path::new("/")));
        let hindered = |error: &_| is(error, io::ErrorKind::NotFound) || is(error, io::ErrorKind::AlreadyExists);
        match made.and_then(|()| rename_in(source, (CWD, held))) {
            Err(error) if tries > 0 && hindered(&error) && is_there_in(source.0, source.1) => tries -= 1,
            renamed => return renamed,
        }
    }
}

pub(super) fn rename_to_free_name(source: Name<'_>, target: &Path) -> Result<PathBuf, OutputError> {
    let mut number = 1;
    loop {
        let name = numbered(target, number);
        match rename_in(source, (CWD, &name)) {
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
