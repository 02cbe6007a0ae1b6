//! What an output tells of where it came from: for people who find it later, and for `h5inbox ledger rebuild`.
//!
//! One JSON object, as a text attribute that no reader of the data looks at. It says nothing that differs between two
//! conversions of the same content under the same name, so that equal sources give equal outputs.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::super::input::Taken;
use super::super::options::Options;
use super::shares::Share;
use super::told::Told;
use crate::source::{hex, unhex};

/// The attribute of the root group that holds it.
pub(super) const ATTRIBUTE: &str = "h5inbox_source";

/// The text is filled up with spaces to a multiple of so many bytes: outputs of sources with names of about one length
/// then have one layout.
const STEP: usize = 128;

/// Where a source stood, and for which job it is converted.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'p> {
    /// The source: relative to the inbox, or the name of a file that somebody named.
    pub source: &'p Path,
    /// The number of the agent's job; none for `h5inbox convert`.
    pub job: Option<i64>,
    /// When the source was last modified, nanoseconds since 1970.
    pub modified_ns: i64,
}

/// What an output tells.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// The version that wrote the output.
    pub h5inbox: String,
    /// The number of the agent's job; none for `h5inbox convert`.
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
    /// Records in the output.
    pub rows: u64,
    /// Columns of the output.
    pub columns: u64,
    /// Records left out, because they are bad.
    pub bad_records: u64,
    /// How the records stood in the source: lines, array, object or objects.
    pub input: String,
    /// How the source was compressed, or `none`.
    pub compression: String,
    /// How it was converted.
    #[serde(default)]
    pub options: Told,
    /// Where several sources share the output: each of them. What stands above is then of the first where it is of one, and
    /// else of the whole; the SHA-256 is that over those of the sources, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<Share>,
}

impl Provenance {
    /// Of a source of that size, which turned out to be `taken`, and is converted with `options`. What the frame
    /// is remains to be said.
    pub(in super::super) fn of(
        origin: Origin<'_>,
        size: u64,
        taken: Taken,
        hash: Option<[u8; 32]>,
        options: &Options,
    ) -> Self {
        let name = origin.source.as_os_str();
        Self {
            h5inbox: env!("CARGO_PKG_VERSION").to_owned(),
            job: origin.job,
            source: name.to_string_lossy().into_owned(),
            source_bytes: name.to_str().is_none().then(|| name.as_bytes().to_vec()),
            size,
            modified: Self::moment(origin.modified_ns),
            sha256: hash.as_ref().map(hex),
            input: taken.shape.as_str().to_owned(),
            compression: taken.compression.as_str().to_owned(),
            options: Told::of(options),
            ..Self::default()
        }
    }

    /// A moment as it stands in an output.
    pub(in super::super) fn moment(mtime_ns: i64) -> String {
        format!("{:.9}", Timestamp::from_nanosecond(mtime_ns.into()).unwrap_or_default())
    }

    /// The source, relative to the inbox.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        let bytes = self.source_bytes.as_deref().unwrap_or(self.source.as_bytes());
        Path::new(OsStr::from_bytes(bytes)).into()
    }

    /// SHA-256 of the source.
    #[must_use]
    pub fn hash(&self) -> Option<[u8; 32]> {
        unhex(self.sha256.as_ref()?)
    }

    /// Whether an output that tells this was made with `options`, of one source alone, of `size` bytes.
    #[must_use]
    pub fn is_of(&self, size: u64, options: &Options) -> bool {
        self.sources.is_empty() && self.size == size && self.options == Told::of(options)
    }

    /// Whether its source had the name and the time of `origin`.
    #[must_use]
    pub fn is_called(&self, origin: Origin<'_>) -> bool {
        self.path() == origin.source && self.modified == Self::moment(origin.modified_ns)
    }

    /// As it stands in an output.
    pub(super) fn text(&self) -> String {
        let mut text = serde_json::to_string(self).unwrap_or_default();
        let filled = text.len().next_multiple_of(STEP);
        text.extend(std::iter::repeat_n(' ', filled - text.len()));
        text
    }

    /// What such a text says, if it is one.
    pub(super) fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn whatever_the_name_is_it_is_read_back() {
        for name in [&b"sub/a.json"[..], b"caf\xc3\xa9 \"\\\n.json", b"\xff\xfe.json"] {
            let source = Path::new(OsStr::from_bytes(name));
            let options = Options::from_config(&Config::new("/i".into(), "/o".into()), 1);
            let origin = Origin { source, job: Some(7), modified_ns: 1_700_000_000_000_000_001 };
            let told = Provenance::of(origin, 123, Taken::default(), Some([0xab; 32]), &options);
            assert_eq!((told.modified.as_str(), told.size), ("2023-11-14T22:13:20.000000001Z", 123));
            assert_eq!(Share::of(told.clone(), 0).modified_ns(), Some(1_700_000_000_000_000_001));
            assert_eq!((told.options.format.as_str(), told.options.key.as_deref()), ("hdf5", Some("/data")));
            let read = Provenance::parse(&told.text()).unwrap();
            assert_eq!((&read, read.path().as_path(), read.hash()), (&told, source, Some([0xab; 32])));
        }
    }

    #[test]
    fn texts_are_of_few_lengths() {
        let length = |name: &str| Provenance { source: name.to_owned(), ..Provenance::default() }.text().len();
        assert!((10..40).map(|n| length(&"x".repeat(n))).collect::<std::collections::BTreeSet<_>>().len() <= 2);
        assert_eq!(length("x") % STEP, 0);
    }
}
