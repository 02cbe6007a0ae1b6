//! Does any process have the file open for writing? The kernel knows: it grants a read lease only if none has.

#![expect(unsafe_code, reason = "no safe library wraps F_SETLEASE")]

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::network::{Sight, sight};

/// What is known of processes that may still write to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writer {
    /// Nobody has the file open for writing.
    None,
    /// Somebody has.
    Present,
    /// The system does not say: neither owner nor `CAP_LEASE`, or a file system without leases. All writers are
    /// processes of this machine.
    Unknown,
    /// Other machines may write, and nobody here knows: a network file system.
    Elsewhere,
}

/// Keeps `SIGIO` from ending the process; call it once before the first [`writer_present`]. The kernel sends it when a
/// writer opens the file in the microseconds in which we hold a lease, and its default action is to kill.
pub fn ignore_lease_signal() -> io::Result<()> {
    signal_hook::flag::register(signal_hook::consts::SIGIO, Arc::new(AtomicBool::new(false))).map(drop)
}

/// Whether a writer has `file` open, which must be a descriptor of its own, opened for reading only: a lease belongs to
/// the open file description. A writer that opens meanwhile waits for the microseconds until the lease is given back.
#[must_use]
pub fn writer_present(file: &File) -> Writer {
    let sight = sight(file);
    if sight == Sight::None {
        return Writer::Elsewhere;
    }
    let answer = set_lease(file, libc::F_RDLCK);
    if answer.is_ok() {
        // Should this fail, the lease ends when the caller closes the file.
        let _ = set_lease(file, libc::F_UNLCK);
    }
    meaning(answer, sight)
}

fn meaning(answer: io::Result<()>, sight: Sight) -> Writer {
    match answer {
        Ok(()) if sight == Sight::All => Writer::None,
        Err(refused) if refused.raw_os_error() == Some(libc::EAGAIN) => Writer::Present,
        _ if sight == Sight::OwnOnly => Writer::Elsewhere,
        // EACCES, EPERM: not ours to lease. EINVAL, ENOLCK, ENOSYS: no leases here.
        _ => Writer::Unknown,
    }
}

fn set_lease(file: &File, kind: libc::c_int) -> io::Result<()> {
    // SAFETY: the descriptor is open for as long as `file` is borrowed, and F_SETLEASE takes an integer, no pointer.
    match unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETLEASE, kind) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::print_stderr, reason = "a test that cannot run says so")]
    fn a_writer_is_seen_while_it_has_the_file_open_and_not_after() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        let writer = File::create(&path).unwrap();
        let reader = File::open(&path).unwrap();
        if writer_present(&reader) == Writer::Unknown {
            eprintln!("skipped: no leases on {}", folder.path().display());
            return;
        }
        assert_eq!(writer_present(&reader), Writer::Present);
        drop(writer);
        assert_eq!(writer_present(&reader), Writer::None);
        // The lease was given back: a writer that will not wait gets in.
        let mut options = std::fs::OpenOptions::new();
        std::os::unix::fs::OpenOptionsExt::custom_flags(options.write(true), libc::O_NONBLOCK);
        assert!(options.open(&path).is_ok());
    }

    #[test]
    fn writers_opening_at_the_same_moment_neither_kill_us_nor_fail() {
        ignore_lease_signal().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        std::fs::write(&path, b"{}").unwrap();
        std::thread::scope(|scope| {
            let opening =
                scope.spawn(|| (0..2000).for_each(|_| drop(File::options().append(true).open(&path).unwrap())));
            while !opening.is_finished() {
                let _ = writer_present(&File::open(&path).unwrap());
            }
        });
    }

    #[test]
    fn only_a_refusal_that_can_be_trusted_means_a_writer() {
        let refused = |code| Err(io::Error::from_raw_os_error(code));
        for code in [libc::EACCES, libc::EPERM, libc::EINVAL, libc::ENOLCK, libc::ENOSYS] {
            assert_eq!(meaning(refused(code), Sight::All), Writer::Unknown);
        }
        assert_eq!(meaning(refused(libc::EAGAIN), Sight::OwnOnly), Writer::Present);
        assert_eq!(meaning(Ok(()), Sight::OwnOnly), Writer::Elsewhere);
        assert_eq!(meaning(refused(libc::EACCES), Sight::OwnOnly), Writer::Elsewhere);
        assert_eq!(meaning(Ok(()), Sight::All), Writer::None);
    }
}
