//! Whether an output still holds what its source gives.
//!
//! A conversion gives the same bytes whenever it is made again by the same version: so a source that is still there is
//! converted once more, and the two outputs are compared byte by byte, which no value can escape. Where several sources share
//! an output, all of them are.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use super::gather::{Gathering, Unfit, Unwritten};
use super::options::Options;
use super::output::provenance::{Origin, Provenance};
use super::output::shares::Share;
use super::output::{self, OutputError};
use super::{ConvertError, SourceColumn, Target, to_open_file};
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
    /// The sources cannot be converted together here.
    Unfit(Unfit),
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

/// Converts the sources at `sources`, as many as [`Inspected::shares`] has, again, into the folder `scratch`, and compares the
/// output at `path`, of which is known what `inspected` says, with that. What else the options say, limits and memory, is as in
/// `options`.
#[must_use]
pub fn compare(path: &Path, inspected: &Inspected, sources: &[PathBuf], scratch: &Path, options: &Options) -> Compared {
    let told = &inspected.provenance;
    for (share, source) in inspected.shares().iter().zip(sources) {
        if let Err(not) = open_source(source, share) {
            return not;
        }
    }
    if told.h5inbox != env!("CARGO_PKG_VERSION") {
        return Compared::OtherVersion(told.h5inbox.clone());
    }
    let Some(options) = told.options.over(options) else { return Compared::OtherVersion(told.h5inbox.clone()) };
    let options = Options { hash: told.sha256.is_some(), ..options };
    again(path, inspected, sources, scratch, &options).unwrap_or_else(|not| not)
}

impl Inspected {
    /// What the output tells of each of its sources, in order: of one, or of all that share it.
    #[must_use]
    pub fn shares(&self) -> Vec<Share> {
        let Provenance { sources, .. } = &self.provenance;
        if sources.is_empty() { vec![Share::of(self.provenance.clone(), 0)] } else { sources.clone() }
    }
}

/// The file at `source`, if it is what `told` is of.
fn open_source(source: &Path, told: &Share) -> Result<(File, Identity), Compared> {
    let failed = |error| Compared::Failed(ConvertError::Read(error));
    let (file, identity) = open_named(source).map_err(|error| match error {
        OpenError::Gone => Compared::NoSource,
        OpenError::Io(error) => failed(error),
        _ => Compared::OtherSource,
    })?;
    if is_the_source(&file, identity, told).map_err(failed)? {
        Ok((file, identity))
    } else {
        Err(Compared::OtherSource)
    }
}

/// Whether the open file is the version that was converted: by its hash, or where none was computed, by size and time.
fn is_the_source(file: &File, identity: Identity, told: &Share) -> io::Result<bool> {
    if identity.size != told.size {
        return Ok(false);
    }
    match told.hash() {
        Some(hash) => Ok(sha256_of(file)? == hash),
        None => Ok(told.modified == Provenance::moment(identity.mtime_ns)),
    }
}

fn again(
    path: &Path,
    inspected: &Inspected,
    sources: &[PathBuf],
    scratch: &Path,
    options: &Options,
) -> Result<Compared, Compared> {
    let failed = |error: OutputError| Compared::Failed(error.into());
    let made = tempfile::tempdir_in(scratch).map_err(OutputError::io("create a folder in", scratch)).map_err(failed)?;
    let output = made.path().join("output");
    let shares = inspected.shares();
    let column = inspected.provenance.options.gather_source_column.as_deref().unwrap_or_default();
    match (&*shares, sources) {
        ([share], [source]) => one_again(share, source, column, &output, options)?,
        _ => all_again(&shares, sources, column, &output, options)?,
    }
    let difference = first_difference(path, &output).map_err(OutputError::io("read", path)).map_err(failed)?;
    Ok(difference.map_or(Compared::Equal, Compared::Different))
}

/// Where a source came from. Copied or moved since, it may have another time, and is still the same source.
fn origin<'p>(share: &Share, name: &'p Path, identity: Identity) -> Origin<'p> {
    Origin { source: name, job: share.job, modified_ns: share.modified_ns().unwrap_or(identity.mtime_ns) }
}

fn one_again(share: &Share, source: &Path, column: &str, output: &Path, options: &Options) -> Result<(), Compared> {
    let (file, identity) = open_source(source, share)?;
    let name = share.path();
    let target = Target { output, bad_records: None, origin: origin(share, &name, identity) };
    let text = name.to_string_lossy();
    let column = (!column.is_empty()).then_some(SourceColumn { name: column, source: &text });
    to_open_file(&file, identity, target, column, options).map(drop).map_err(Compared::Failed)
}

fn all_again(
    shares: &[Share],
    sources: &[PathBuf],
    column: &str,
    output: &Path,
    options: &Options,
) -> Result<(), Compared> {
    let mut gathering = Gathering::new(output.parent().unwrap_or(Path::new(".")), column, options);
    for (share, source) in shares.iter().zip(sources) {
        let (file, identity) = open_source(source, share)?;
        let name = share.path();
        let read = gathering.read(&file, identity, origin(share, &name, identity), None, options.skip_truncated);
        let rows = read.map_err(Compared::Failed)?.map_err(Compared::Unfit)?;
        gathering.add(rows).map_err(Compared::Failed)?.map_err(Compared::Unfit)?;
    }
    gathering.write(output).map(drop).map_err(|error| match error {
        Unwritten::Unfit(_, unfit) | Unwritten::AllUnfit(unfit) => Compared::Unfit(unfit),
        Unwritten::Failed(error) => Compared::Failed(error),
    })
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
