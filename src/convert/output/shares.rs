//! What an output that several sources share tells of each of them.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::super::parts::SourceColumn;
use super::provenance::Provenance;
use crate::source::{hex, unhex};

/// What is said of `input` or `compression` where the sources differ.
const SEVERAL: &str = "several";

/// One of the sources, and which rows are its.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// The number of its job.
    pub job: Option<i64>,
    /// The source, relative to the inbox; what is not UTF-8 in it is replaced.
    pub source: String,
    /// The bytes of that path where it is not UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_bytes: Option<Vec<u8>>,
    /// Bytes of the source.
    pub size: u64,
    /// When the source was last modified, RFC 3339 in UTC, to the nanosecond.
    pub modified: String,
    /// SHA-256 of the source in hexadecimal, if it was computed.
    pub sha256: Option<String>,
    /// Its first row, counted from 0.
    pub first_row: u64,
    /// How many rows are its.
    pub rows: u64,
    /// Records left out, because they are bad.
    pub bad_records: u64,
    /// How the records stood in it: lines, array, object or objects.
    pub input: String,
    /// How it was compressed, or `none`.
    pub compression: String,
}

impl Share {
    /// Of the source that `told` is of, whose rows begin at `first_row`.
    #[must_use]
    pub fn of(told: Provenance, first_row: u64) -> Self {
        let Provenance {
            job, source, source_bytes, size, modified, sha256, rows, bad_records, input, compression, ..
        } = told;
        Self { job, source, source_bytes, size, modified, sha256, first_row, rows, bad_records, input, compression }
    }

    /// The source, relative to the inbox.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        let bytes = self.source_bytes.as_deref().unwrap_or(self.source.as_bytes());
        Path::new(OsStr::from_bytes(bytes)).into()
    }

    /// When the source was last modified, in nanoseconds since 1970.
    #[must_use]
    pub fn modified_ns(&self) -> Option<i64> {
        let moment: Timestamp = self.modified.parse().ok()?;
        i64::try_from(moment.as_nanosecond()).ok()
    }

    /// SHA-256 of the source.
    #[must_use]
    pub fn hash(&self) -> Option<[u8; 32]> {
        unhex(self.sha256.as_ref()?)
    }
}

impl Provenance {
    /// The same, of an output with that column, if it has one.
    pub(in super::super) fn with_source_column(mut self, column: Option<SourceColumn<'_>>) -> Self {
        self.options.gather_source_column = column.map(|column| column.name.to_owned());
        self
    }

    /// Of all these sources together: what is said of one is that of the first, and everything else is of the whole.
    pub(in super::super) fn of_all(first: Self, shares: Vec<Share>, hash: Option<[u8; 32]>) -> Self {
        let sum = |of: fn(&Share) -> u64| shares.iter().map(of).sum();
        let common = |of: fn(&Share) -> &str| {
            let one = shares.first().map_or("", of);
            if shares.iter().all(|share| of(share) == one) { one } else { SEVERAL }.to_owned()
        };
        Self {
            size: sum(|share| share.size),
            sha256: hash.as_ref().map(hex),
            rows: sum(|share| share.rows),
            bad_records: sum(|share| share.bad_records),
            input: common(|share| &share.input),
            compression: common(|share| &share.compression),
            sources: shares,
            ..first
        }
    }
}

/// SHA-256 over the SHA-256 of several sources, in order; that of one is its own. None if one was not computed.
#[must_use]
pub fn hash_of_all(mut hashes: impl ExactSizeIterator<Item = Option<[u8; 32]>>) -> Option<[u8; 32]> {
    if hashes.len() == 1 {
        return hashes.next()?;
    }
    let all = hashes.try_fold(Sha256::new(), |sum, hash| Some(sum.chain_update(hash?)))?;
    Some(all.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(source: &str, rows: u64, input: &str) -> Provenance {
        let (source, input) = (source.to_owned(), input.to_owned());
        Provenance { job: Some(1), source, size: 10, rows, columns: 3, input, ..Provenance::default() }
    }

    #[test]
    fn the_whole_is_told_beside_each_source() {
        let shares = vec![
            Share::of(told("a", 2, "lines"), 0),
            Share::of(told("b", 0, "lines"), 2),
            Share::of(told("c", 5, "array"), 2),
        ];
        let whole = Provenance::of_all(told("a", 2, "lines"), shares, Some([1; 32]));
        assert_eq!((whole.source.as_str(), whole.size, whole.rows, whole.columns), ("a", 30, 7, 3));
        assert_eq!((whole.input.as_str(), whole.compression.as_str()), ("several", ""));
        assert_eq!(whole.hash(), Some([1; 32]));
        let rows: Vec<_> = whole.sources.iter().map(|share| (share.path(), share.first_row, share.rows)).collect();
        assert_eq!(rows, [("a".into(), 0, 2), ("b".into(), 2, 0), ("c".into(), 2, 5)]);
    }

    #[test]
    fn the_hash_of_all_is_that_of_their_hashes_in_order() {
        let of = |hashes: &[[u8; 32]]| hash_of_all(hashes.iter().map(|hash| Some(*hash)));
        assert_eq!(of(&[[7; 32]]), Some([7; 32]));
        assert_eq!(of(&[[1; 32], [2; 32]]), Some(Sha256::digest([[1; 32], [2; 32]].concat()).into()));
        assert!(of(&[[2; 32], [1; 32]]) != of(&[[1; 32], [2; 32]]));
        assert_eq!(hash_of_all([Some([1; 32]), None].into_iter()), None);
    }
}
