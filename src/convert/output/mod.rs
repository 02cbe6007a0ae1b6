//! Columns to a file: the writers, one a format, and publishing.

pub(crate) mod hdf5;
pub mod provenance;
pub mod publish;

use std::io;
use std::path::PathBuf;

use rustix::io::Errno;

/// Why an output could not be written or published. All of these may pass; what a format cannot hold at all is a
/// [`Defect`](super::Defect) of the source.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// The system refused an operation on a file or folder of ours.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried: `create`, `write`, `sync`, `rename` …
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The HDF5 library refused a call.
    #[error("cannot write {}: HDF5 could not {action}: {detail}", path.display())]
    Hdf5 {
        /// The call, in words.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the library said.
        detail: String,
    },
    /// The name is taken and may not be replaced.
    #[error("the output {} exists already", .0.display())]
    Exists(PathBuf),
}

impl OutputError {
    /// An error of `action` on `path`, made from what the system said.
    pub(crate) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Io { source, .. } => hint(source),
            Self::Hdf5 { .. } => ANYTHING,
            Self::Exists(_) => "move it away",
        }
    }
}

/// What to do where the system did not say what is wrong in so many words.
const ANYTHING: &str = "check free space and permissions of that folder";

/// What to do about what the system said when a file of ours was to be written.
#[must_use]
pub fn hint(error: &io::Error) -> &'static str {
    match Errno::from_io_error(error) {
        Some(Errno::NOSPC) => "free space (and inodes) on that disk, or write to another one",
        Some(Errno::DQUOT) => "free space, or have this user's quota raised",
        Some(Errno::ROFS) => "mount that file system for writing",
        Some(Errno::IO) => "the disk may be failing: see the kernel's log",
        Some(Errno::MFILE | Errno::NFILE) => {
            "raise the limit of open files (`LimitNOFILE=` in the unit, or `ulimit -n`)"
        }
        Some(Errno::FBIG) => "raise the limit of a file's size (`LimitFSIZE=` in the unit, or `ulimit -f`)",
        Some(Errno::NOMEM) => "lower `workers` or `limits.memory_bytes`, or free memory",
        Some(Errno::ACCESS | Errno::PERM) => "let this user write there",
        _ => ANYTHING,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_says_is_named_with_the_path_and_what_to_do() {
        for (errno, said, todo) in [
            (Errno::NOSPC, "No space left on device", "free space"),
            (Errno::DQUOT, "quota", "quota"),
            (Errno::ROFS, "Read-only file system", "mount"),
            (Errno::IO, "nput/output error", "disk"),
            (Errno::MFILE, "Too many open files", "LimitNOFILE"),
            (Errno::ACCESS, "Permission denied", "let this user"),
            (Errno::NOTDIR, "Not a directory", "check"),
        ] {
            let error = OutputError::io("write", "/out/a.h5")(errno.into());
            assert!(
                error.to_string().starts_with("cannot write /out/a.h5: ") && error.to_string().contains(said),
                "{error}"
            );
            assert!(error.hint().contains(todo), "{}", error.hint());
        }
    }
}
