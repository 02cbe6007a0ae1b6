//! What an output tells of where it came from: for people who find it later, and for `h5inbox ledger rebuild`.
//!
//! One JSON object, as a text attribute that no reader of the data looks at. It says nothing that differs between two
//! conversions of the same content under the same name, so that equal sources give equal outputs.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::super::input::Taken;

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
    /// BLAKE3 of the source in hexadecimal, if it was computed.
    pub blake3: Option<String>,
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
}

impl Provenance {
    /// Of a source of `size` bytes, which turned out to be `taken`. What the frame is remains to be said.
    pub(in super::super) fn of(origin: Origin<'_>, size: u64, taken: Taken, hash: Option<[u8; 32]>) -> Self {
        let name = origin.source.as_os_str();
        Self {
            h5inbox: env!("CARGO_PKG_VERSION").to_owned(),
            job: origin.job,
            source: name.to_string_lossy().into_owned(),
            source_bytes: name.to_str().is_none().then(|| name.as_bytes().to_vec()),
            size,
            blake3: hash.map(|hash| blake3::Hash::from_bytes(hash).to_hex().to_string()),
            input: taken.shape.as_str().to_owned(),
            compression: taken.compression.as_str().to_owned(),
            ..Self::default()
        }
    }

    /// The source, relative to the inbox.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        let bytes = self.source_bytes.as_deref().unwrap_or(self.source.as_bytes());
        Path::new(OsStr::from_bytes(bytes)).into()
    }

    /// BLAKE3 of the source.
    #[must_use]
    pub fn hash(&self) -> Option<[u8; 32]> {
        Some(*blake3::Hash::from_hex(self.blake3.as_ref()?).ok()?.as_bytes())
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

    #[test]
    fn whatever_the_name_is_it_is_read_back() {
        for name in [&b"sub/a.json"[..], b"caf\xc3\xa9 \"\\\n.json", b"\xff\xfe.json"] {
            let source = Path::new(OsStr::from_bytes(name));
            let told = Provenance::of(Origin { source, job: Some(7) }, 123, Taken::default(), Some([0xab; 32]));
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
