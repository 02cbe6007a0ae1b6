//! Whether an output still holds what its source gives.
//!
//! A conversion gives the same bytes whenever it is made again by the same version: so a source that is still there is
//! converted once more, and the two outputs are compared byte by byte, which no value can escape.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use super::options::Options;
use super::output::provenance::{Origin, Provenance};
use super::output::{self, OutputError};
use super::{ConvertError, Target, to_file};
use crate::source::{Identity, OpenError, open_named, sha256_of};

/// Bytes that are read at a time.
const PIECE: usize = 1 << 18;

/// What an output is, by itself.
#[derive(Clone, Debug)]
pub struct Inspected {
    /// What it tells of its source.
    pub provenance: Provenance,
    /// Rows that are in it.
    pub rows: u64,
    /// Bytes of it, all of which can be read.
    pub bytes: u64,
}

/// Why an output cannot be right.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// It cannot be read, or is no file of its format.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// No version of this program has written it.
    #[error("says nothing of a source: it was not written by h5inbox, or by a version that did not say")]
    Foreign,
    /// It has other rows than it should have.
    #[error("has {found} rows, and should have {told}")]
    Rows {
        /// Rows in it.
        found: u64,
        /// Rows that it is said to have.
        told: u64,
    },
}

/// What comparing an output with its source gave.
#[derive(Debug)]
pub enum Compared {
    /// Converted again, the source gives the same output, byte by byte.
    Equal,
    /// The source is the one that was converted, and gives another output: the first byte that differs.
    Different(u64),
    /// Nobody has the source any more.
    NoSource,
    /// What has the source's name is another version of it, or another file.
    OtherSource,
    /// Outputs of that version need not be equal to ours.
    OtherVersion(String),
    /// The source cannot be converted here.
    Failed(ConvertError),
}

/// Reads all of the output at `path`, and compares what is in it with what it tells.
pub fn inspect(path: &Path) -> Result<Inspected, VerifyError> {
    let bytes = read_through(path).map_err(OutputError::io("read", path))?;
    let provenance = output::provenance_of(path)?.ok_or(VerifyError::Foreign)?;
    let rows = output::rows_of(path, &provenance)?;
    if rows != provenance.rows {
        return Err(VerifyError::Rows { found: rows, told: provenance.rows });
    }
    Ok(Inspected { provenance, rows, bytes })
}

/// Converts the source at `source` again, into the folder `scratch`, and compares the output at `path`, of which is known
/// what `inspected` says, with that. What else the options say, limits and memory, is as in `options`.
pub fn compare(path: &Path, inspected: &Inspected, source: &Path, scratch: &Path, options: &Options) -> Compared {
    let told = &inspected.provenance;
    let (file, identity) = match open_named(source) {
        Ok(opened) => opened,
        Err(OpenError::Gone) => return Compared::NoSource,
        Err(OpenError::Io(error)) => return Compared::Failed(ConvertError::Read(error)),
        Err(_) => return Compared::OtherSource,
    };
    match is_the_source(&file, identity, told) {
        Ok(true) => {}
        Ok(false) => return Compared::OtherSource,
        Err(error) => return Compared::Failed(ConvertError::Read(error)),
    }
    if told.h5inbox != env!("CARGO_PKG_VERSION") {
        return Compared::OtherVersion(told.h5inbox.clone());
    }
    let Some(options) = told.options.over(options) else { return Compared::OtherVersion(told.h5inbox.clone()) };
    again(path, told, (&file, identity), scratch, &Options { hash: told.sha256.is_some(), ..options })
}

/// Whether the open file is the version that was converted: by its hash, or where none was computed, by size and time.
fn is_the_source(file: &File, identity: Identity, told: &Provenance) -> io::Result<bool> {
    if identity.size != told.size {
        return Ok(false);
    }
    match told.hash() {
        Some(hash) => Ok(sha256_of(file)? == hash),
        None => Ok(told.modified == Provenance::moment(identity.mtime_ns)),
    }
}

fn again(path: &Path, told: &Provenance, source: (&File, Identity), scratch: &Path, options: &Options) -> Compared {
    let made = match tempfile::tempdir_in(scratch) {
        Ok(folder) => folder,
        Err(error) => return Compared::Failed(OutputError::io("create a folder in", scratch)(error).into()),
    };
    let output = made.path().join("output");
    let name = told.path();
    // Copied or moved since, it may have another time, and is still the same source.
    let modified_ns = told.modified_ns().unwrap_or(source.1.mtime_ns);
    let origin = Origin { source: &name, job: told.job, modified_ns };
    let target = Target { output: &output, bad_records: None, origin };
    if let Err(error) = to_file(source.0, source.1, target, options) {
        return Compared::Failed(error);
    }
    match first_difference(path, &output) {
        Ok(None) => Compared::Equal,
        Ok(Some(byte)) => Compared::Different(byte),
        Err(error) => Compared::Failed(OutputError::io("read", path)(error).into()),
    }
}

fn read_through(path: &Path) -> io::Result<u64> {
    let mut reader = BufReader::with_capacity(PIECE, File::open(path)?);
    let mut bytes = 0;
    loop {
        let read = reader.fill_buf()?.len();
        if read == 0 {
            return Ok(bytes);
        }
        bytes += read as u64;
        reader.consume(read);
    }
}

/// The first byte in which two files differ; that behind the shorter one, if it is the beginning of the other.
fn first_difference(one: &Path, other: &Path) -> io::Result<Option<u64>> {
    let open = |path| File::open(path).map(|file| BufReader::with_capacity(PIECE, file));
    let (mut one, mut other) = (open(one)?, open(other)?);
    let mut at = 0;
    loop {
        let (left, right) = (one.fill_buf()?, other.fill_buf()?);
        let length = left.len().min(right.len());
        if let Some(place) = left[..length].iter().zip(&right[..length]).position(|(a, b)| a != b) {
            return Ok(Some(at + place as u64));
        }
        if length == 0 {
            return Ok((left.len() != right.len()).then_some(at));
        }
        at += length as u64;
        one.consume(length);
        other.consume(length);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_byte_that_differs_is_found_wherever_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            path
        };
        let long = vec![7; 3 * PIECE + 5];
        let whole = put("whole", &long);
        for place in [0, PIECE - 1, PIECE, 3 * PIECE + 4] {
            let mut other = long.clone();
            other[place] = 8;
            assert_eq!(first_difference(&whole, &put("other", &other)).unwrap(), Some(place as u64));
        }
        assert_eq!(first_difference(&whole, &put("same", &long)).unwrap(), None);
        let shorter = put("shorter", &long[..PIECE]);
        assert_eq!(first_difference(&whole, &shorter).unwrap(), Some(PIECE as u64));
        assert_eq!(read_through(&whole).unwrap(), long.len() as u64);
    }
}
