//! Where the ledger lies: its folder, and the lock that makes one agent its only one.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use super::fault;
use crate::ledger::LedgerError;

/// Creates the folder and an empty ledger where there is none, both closed to other users and both on disk. Refuses
/// mounts of other machines.
pub(super) fn prepare(ledger: &Path) -> Result<(), LedgerError> {
    let folder = folder_of(ledger);
    DirBuilder::new().recursive(true).mode(0o750).create(folder).map_err(|e| fault::file("create", folder, e))?;
    if let Some(kind) = remote_kind(folder).map_err(|e| fault::file("look at", folder, e))? {
        return Err(LedgerError::Remote { path: ledger.to_owned(), kind });
    }
    touch(ledger).map_err(|e| fault::file("create", ledger, e))
}

/// Device and inode of the file at the ledger's path.
pub(super) fn identity(ledger: &Path) -> Result<(u64, u64), LedgerError> {
    match fs::metadata(ledger) {
        Ok(file) => Ok((file.dev(), file.ino())),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Err(LedgerError::Missing(ledger.to_owned())),
        Err(e) => Err(fault::file("look at", ledger, e)),
    }
}

fn folder_of(ledger: &Path) -> &Path {
    ledger.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn touch(ledger: &Path) -> io::Result<()> {
    OpenOptions::new().append(true).create(true).mode(0o640).open(ledger)?;
    File::open(folder_of(ledger))?.sync_all()?;
    File::open(folder_of(folder_of(ledger)))?.sync_all()
}

/// The name of a file system that other machines write to as well, by its magic number.
pub(super) fn remote_kind(folder: &Path) -> io::Result<Option<&'static str>> {
    // The sign of the field differs between platforms; the magic numbers are 32 bits.
    let magic = rustix::fs::statfs(folder)?.f_type & 0xffff_ffff;
    Ok(match magic {
        0x6969 => Some("NFS"),
        0xff53_4d42 | 0xfe53_4d42 | 0x517b => Some("SMB"),
        0x0102_1997 => Some("9p"),
        0x0bd0_0bd0 => Some("Lustre"),
        0x00c3_6400 => Some("Ceph"),
        0x4750_4653 => Some("GPFS"),
        _ => None,
    })
}

/// The agent's exclusive hold on a ledger, for as long as it lives. The kernel releases it with the process; the pid
/// in the file is for people, and still standing there it tells that the last agent did not stop in order.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
    unclean: bool,
}

impl Lock {
    /// Takes the lock of `ledger`, or tells who holds it.
    pub(super) fn take(ledger: &Path) -> Result<Self, LedgerError> {
        let path = lock_path(ledger);
        let failed = |e| fault::file("lock", &path, e);
        let mut options = OpenOptions::new();
        let mut file = options.read(true).write(true).create(true).mode(0o640).open(&path).map_err(failed)?;
        if !patiently(|| taken(file.try_lock())).map_err(failed)? {
            return Err(LedgerError::Locked { path: ledger.to_owned(), pid: pid_in(&mut file) });
        }
        let unclean = pid_in(&mut file).is_some();
        write_pid(&mut file).map_err(failed)?;
        Ok(Self { file, unclean })
    }

    /// Whether the agent that held the ledger before was killed, or lost its power.
    pub(super) fn after_unclean_stop(&self) -> bool {
        self.unclean
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Failing only makes the next start check the ledger's content once more than needed.
        let _ = self.file.set_len(0);
    }
}

/// The process id of the agent that holds `ledger`, if one does. The kernel is asked, not the file.
#[must_use]
pub(super) fn holder(ledger: &Path) -> Option<u32> {
    let mut file = File::open(lock_path(ledger)).ok()?;
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => {}
        Ok(()) | Err(TryLockError::Error(_)) => return None,
    }
    let mut pid = None;
    // An agent that has just taken the lock writes its number next.
    let _ = patiently(|| {
        pid = pid_in(&mut file);
        Ok(pid.is_some())
    });
    pid
}

fn lock_path(ledger: &Path) -> PathBuf {
    let mut name = ledger.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
}

/// Asks for half a second: [`holder`], in another process, holds a shared lock for an instant.
fn patiently(mut attempt: impl FnMut() -> io::Result<bool>) -> io::Result<bool> {
    for _ in 0..10 {
        if attempt()? {
            return Ok(true);
        }
        thread::sleep(Duration::from_millis(50));
    }
    attempt()
}

fn taken(locked: Result<(), TryLockError>) -> io::Result<bool> {
    match locked {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(e)) => Err(e),
    }
}

fn pid_in(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.take(32).read_to_string(&mut text).ok()?;
    text.strip_suffix('\n')?.parse().ok()
}

fn write_pid(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}

/// Length of `ledger`'s write-ahead log.
pub(super) fn log_bytes(ledger: &Path) -> u64 {
    let mut name = ledger.as_os_str().to_owned();
    name.push("-wal");
    fs::metadata(name).map_or(0, |metadata| metadata.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_agent_holds_a_ledger_and_others_learn_which() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = folder.path().join("ledger");
        assert_eq!(holder(&ledger), None);
        let lock = Lock::take(&ledger).unwrap();
        assert!(!lock.after_unclean_stop());
        assert_eq!(holder(&ledger), Some(std::process::id()));
        let refused = Lock::take(&ledger).unwrap_err();
        assert!(matches!(refused, LedgerError::Locked { pid: Some(pid), .. } if pid == std::process::id()));
        drop(lock);
        assert_eq!(holder(&ledger), None);
        assert!(!Lock::take(&ledger).unwrap().after_unclean_stop());
    }

    #[test]
    fn a_pid_that_nobody_removed_tells_of_an_unclean_stop_and_locks_nobody_out() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = folder.path().join("ledger");
        fs::write(lock_path(&ledger), "1\n").unwrap();
        assert_eq!(holder(&ledger), None);
        assert!(Lock::take(&ledger).unwrap().after_unclean_stop());
    }

    #[test]
    fn a_new_ledger_is_closed_to_other_users() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let ledger = folder.path().join("a/b/ledger");
        prepare(&ledger).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o027;
        assert_eq!((mode(&ledger), mode(ledger.parent().unwrap())), (0, 0));
    }
}
