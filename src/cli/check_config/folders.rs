//! The folders of a configuration: are they there, can this user work in them, and is there room?

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, AtFlags, CWD, Mode, OFlags, accessat, openat, statvfs};
use rustix::io::Errno;

use super::findings::Findings;
use crate::cli::{human, user};
use crate::config::{After, Config};
use crate::source::Shown;

/// A folder that the agent works in.
#[derive(Debug)]
pub(super) struct Folder {
    /// The key in the configuration.
    pub(super) key: &'static str,
    pub(super) path: PathBuf,
    /// Itself, or the nearest above it that is there: the agent makes those that are missing.
    pub(super) existing: PathBuf,
    pub(super) is_written: bool,
}

/// Bytes and files below which a file system counts as almost full.
const FEW_BYTES: u64 = 256 << 20;
const FEW_FILES: u64 = 1000;

/// All of them.
pub(super) fn of(config: &Config) -> Vec<Folder> {
    let (source, inbox) = (&config.source, &config.inbox.path);
    // Sources that are kept need not be moved.
    let mut named = vec![("inbox.path", inbox.clone(), source.after != After::Keep)];
    named.push(("output.path", config.output.path.clone(), true));
    named.push(("source.quarantine", source.quarantine.clone(), true));
    if source.after == After::Archive {
        named.push(("source.archive", source.archive.clone(), true));
    }
    let ledger = config.ledger.file();
    named.extend(ledger.as_deref().and_then(Path::parent).map(|folder| ("ledger.url", folder.to_path_buf(), true)));
    named.extend(config.profile.page().and_then(Path::parent).map(|folder| ("profile.path", folder.into(), true)));
    let textfile = config.status.textfile();
    named.extend(textfile.and_then(Path::parent).map(|folder| ("status.textfile", folder.into(), true)));
    let folder = |(key, path, is_written): (_, PathBuf, _)| Folder { key, existing: nearest(&path), path, is_written };
    named.into_iter().map(folder).collect()
}

fn nearest(path: &Path) -> PathBuf {
    // What cannot be looked at is taken for there, and found to be so below.
    let there = |path: &&Path| fs::metadata(path).map_or_else(|e| !is_missing(&e), |_| true);
    path.ancestors().find(there).unwrap_or(Path::new("/")).to_owned()
}

fn is_missing(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
}

impl Folder {
    /// Tries it, as this user.
    pub(super) fn check(&self, found: &mut Findings) {
        match self.fault() {
            Some(fault) => found.error(fault),
            None => self.room(found),
        }
    }

    fn fault(&self) -> Option<String> {
        let (key, shown, me) = (self.key, Shown(&self.existing), user::me());
        let metadata = match fs::metadata(&self.existing) {
            Ok(metadata) => metadata,
            Err(error) => {
                let todo = "let the user enter the folders above it: `chmod o+x` or `setfacl -m u:USER:x` on each";
                return Some(format!("{key}: {shown} cannot be looked at by user {me} ({error}); {todo}"));
            }
        };
        if !metadata.is_dir() {
            return Some(format!("{key}: {shown} is not a folder; move it away or choose another path"));
        }
        let missing = self.existing != self.path;
        let written = if self.is_written || missing { Access::WRITE_OK } else { Access::empty() };
        let wanted = Access::READ_OK | Access::EXEC_OK | written;
        let errno = accessat(CWD, &self.existing, wanted, AtFlags::EACCESS).err()?;
        let what = match (missing, self.is_written) {
            (true, _) => "does not exist and cannot be made",
            (false, true) => "is not readable and writable",
            (false, false) => "is not readable",
        };
        let todo = self.remedy(errno, &me);
        Some(format!("{key}: {} {what} for user {me} ({}); {todo}", Shown(&self.path), io::Error::from(errno)))
    }

    fn remedy(&self, errno: Errno, me: &str) -> String {
        let path = Shown(&self.path);
        match errno {
            Errno::ROFS => {
                "mount it for writing; under systemd name the common parent of the folders in ReadWritePaths= \
                            (`systemctl edit h5inbox`)"
                    .to_owned()
            }
            _ if self.existing == self.path => format!("`chown {me} {path}`, or choose another path"),
            _ => format!("`install -d -o {me} {path}`, or choose another path"),
        }
    }

    /// A disk that is full is waited for: it makes the agent pause, and not fail.
    fn room(&self, found: &mut Findings) {
        if !self.is_written {
            return;
        }
        let (key, shown) = (self.key, Shown(&self.path));
        if let Some(errno) = self.refuses_files() {
            let error = io::Error::from(errno);
            let todo = "the agent would pause; make room, raise the quota or mount it for writing";
            found.warning(format!("{key}: no file can be made in {shown} now ({error}); {todo}"));
            return;
        }
        let Ok(system) = statvfs(&self.existing) else { return };
        let (free, all) =
            (system.f_bavail.saturating_mul(system.f_frsize), system.f_blocks.saturating_mul(system.f_frsize));
        if free < FEW_BYTES.min(all / 20) {
            let (free, all) = (human::bytes(free), human::bytes(all));
            found.warning(format!("{key}: {shown} has {free} left of {all}; make room, or the agent will pause"));
        }
        // Some file systems make them as they are needed, and say 0.
        if system.f_files > 0 && system.f_favail < FEW_FILES.min(system.f_files / 20) {
            let (left, all) = (system.f_favail, system.f_files);
            found.warning(format!(
                "{key}: {shown} has room for {left} more files of {all} (inodes, `df -i`); remove some, or the agent will pause"
            ));
        }
    }

    /// A file without a name is made, and is gone again: nobody sees it.
    fn refuses_files(&self) -> Option<Errno> {
        let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
        let made = openat(CWD, &self.existing, flags, Mode::RUSR | Mode::WUSR);
        made.err().filter(|errno| [Errno::NOSPC, Errno::DQUOT, Errno::ROFS, Errno::IO].contains(errno))
    }
}
