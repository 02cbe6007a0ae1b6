//! Columns to a file: the writers, one a format, and publishing.

pub(crate) mod hdf5;
pub mod publish;

use std::io;
use std::path::PathBuf;

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
}
