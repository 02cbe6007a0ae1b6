//! Columns to a file: the writers, one a format, and publishing.

pub(crate) mod arrow;
pub(crate) mod hdf5;
pub mod provenance;
pub mod publish;
pub mod shares;
pub mod told;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use super::ConvertError;
use super::deadline::Deadline;
use super::frame::Frame;
use super::options::Encoding;
use crate::config::{Format, Layout};
use arrow::{Feather, Parquet};
use hdf5::fixed::Fixed;
use hdf5::plain::Plain;
use hdf5::table::Table;
use provenance::Provenance;

/// One way of writing a frame.
pub(crate) trait Writer {
    /// Writes `frame` into the new file `path`, with what it tells of its source, and returns the file, which nobody has
    /// synced yet, and its size in bytes. Refuses the source if the format cannot hold it, or when its time is over.
    fn write(
        &self,
        frame: &Frame,
        provenance: &Provenance,
        path: &Path,
        deadline: Deadline,
    ) -> Result<(File, u64), ConvertError>;

    /// What each column of `frame` is in the file, in the format's own words; none where that is what its dtype says. Refuses
    /// what [`Writer::write`] would refuse for what the columns are.
    fn types(&self, frame: &Frame, deadline: Deadline) -> Result<Option<Vec<String>>, ConvertError>;
}

/// The writer for outputs that look so.
pub(crate) fn writer(encoding: &Encoding) -> Box<dyn Writer + '_> {
    match (encoding.format, encoding.layout) {
        (Format::Hdf5, Layout::Fixed) => Box::new(Fixed(encoding)),
        (Format::Hdf5, Layout::Table) => Box::new(Table(encoding)),
        (Format::Hdf5, Layout::Plain) => Box::new(Plain(encoding)),
        (Format::Feather, _) => Box::new(Feather(encoding)),
        (Format::Parquet, _) => Box::new(Parquet(encoding)),
    }
}

/// What the file `path`, whose name tells its format, says of its source; none if it says nothing, as files of other
/// programs do.
pub(crate) fn provenance_of(path: &Path) -> Result<Option<Provenance>, OutputError> {
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    match Format::ALL.into_iter().find(|format| format.extension() == ending) {
        Some(Format::Hdf5) => hdf5::origin::read(path),
        Some(Format::Feather) => arrow::origin::of_feather(path),
        Some(Format::Parquet) => arrow::origin::of_parquet(path),
        None => Ok(None),
    }
}

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

/// Rows that are in the output `path`, which tells `told`.
pub(crate) fn rows_of(path: &Path, told: &Provenance) -> Result<u64, OutputError> {
    match Format::parse(&told.options.format) {
        Some(Format::Hdf5) => Ok(hdf5::origin::rows(path, told)?.unwrap_or(told.rows)),
        Some(Format::Feather) => arrow::origin::rows_of_feather(path),
        Some(Format::Parquet) => arrow::origin::rows_of_parquet(path),
        None => Ok(told.rows),
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
