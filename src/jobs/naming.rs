//! What files are called that the agent makes or moves, so that every name fits into a folder.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;

use crate::config::{Format, NameTemplate, Piece};
use crate::convert::output::publish::versioned;
use crate::source::{hex, output_stem};

/// Bytes of the longest name in a folder.
const LONGEST: usize = 255;

/// What outputs are called.
#[derive(Clone, Debug)]
pub struct Naming {
    /// Apart from ending and mirrored folder.
    pub template: NameTemplate,
    /// Whose ending they have.
    pub format: Format,
}

impl Naming {
    /// Outputs in `format` that are called as their sources.
    #[must_use]
    pub fn as_sources(format: Format) -> Self {
        Self { template: NameTemplate::default(), format }
    }

    /// The output of `source` (relative to the inbox), last modified at `mtime_ns` and of this SHA-256, in `outbox`:
    /// sub-folders are mirrored, `.json` and the like become the ending of the format.
    #[must_use]
    pub fn output_of(&self, outbox: &Path, source: &Path, mtime_ns: i64, hash: [u8; 32]) -> PathBuf {
        self.shared_output_of(outbox, source, mtime_ns, hash, 0)
    }

    /// The same for an output that `source` shares with so many `others`, `NAME+OTHERS.h5`; the hash is that of all.
    #[must_use]
    pub fn shared_output_of(
        &self,
        outbox: &Path,
        source: &Path,
        mtime_ns: i64,
        hash: [u8; 32],
        others: usize,
    ) -> PathBuf {
        let mut name = OsString::new();
        for piece in self.template.pieces() {
            match piece {
                Piece::Text(text) => name.push(text),
                Piece::Name => name.push(output_stem(source.file_name().unwrap_or_default())),
                Piece::Date(format) => name.push(date(format, mtime_ns)),
                Piece::Hash(digits) => name.push(&hex(&hash)[..*digits]),
            }
        }
        if others > 0 {
            name.push(format!("+{others}"));
        }
        name.push(".");
        name.push(self.format.extension());
        outbox.join(source.with_file_name("")).join(name)
    }
}

/// A moment in UTC; the format was tried when the configuration was read.
fn date(format: &str, mtime_ns: i64) -> String {
    let moment = Timestamp::from_nanosecond(mtime_ns.into()).unwrap_or(Timestamp::UNIX_EPOCH);
    strtime::format(format, &moment.to_zoned(TimeZone::UTC)).unwrap_or_default()
}

/// The name number `number` for `path`: `NAME~2.json` for `NAME.json`, shortened where it would be too long for a name.
pub(super) fn numbered(path: &Path, number: u32) -> PathBuf {
    let name = versioned(path, number);
    let excess = name.file_name().map_or(0, OsStr::len).saturating_sub(LONGEST);
    if excess == 0 {
        return name;
    }
    let stem = path.file_stem().unwrap_or_default().as_bytes();
    let mut shorter = OsStr::from_bytes(&stem[..stem.len().saturating_sub(excess)]).to_owned();
    if let Some(extension) = path.extension() {
        shorter.push(".");
        shorter.push(extension);
    }
    versioned(&path.with_file_name(shorter), number)
}

/// `path` with `ending` behind its whole name. Where that is too long for a name, a hash stands for the rest.
pub(super) fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let name = path.file_name().unwrap_or_default().as_bytes();
    let mut made = if name.len() + ending.len() <= LONGEST {
        OsStr::from_bytes(name).to_owned()
    } else {
        let hash = blake3::hash(name).to_hex();
        let mut short = OsStr::from_bytes(&name[..LONGEST - ending.len() - 17]).to_owned();
        short.push("~");
        short.push(&hash[..16]);
        short
    };
    made.push(ending);
    path.with_file_name(made)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn length(path: &Path) -> usize {
        path.file_name().unwrap().len()
    }

    #[test]
    fn folders_are_mirrored_and_the_ending_is_replaced() {
        let source = Path::new("a/b.c.json.gz");
        let called =
            |naming: Naming| naming.output_of(Path::new("/out"), source, 1_700_000_000_000_000_000, [0xab; 32]);
        let names = ["/out/a/b.c.h5", "/out/a/b.c.feather", "/out/a/b.c.parquet"].map(PathBuf::from);
        assert_eq!(Format::ALL.map(|format| called(Naming::as_sources(format))), names);
        let template = NameTemplate::parse("{date:%Y/%m}/{hash:6}-{name}").unwrap();
        let naming = Naming { template, format: Format::Hdf5 };
        let shared = naming.shared_output_of(Path::new("/out"), source, 1_700_000_000_000_000_000, [0xab; 32], 41);
        assert_eq!(shared, Path::new("/out/a/2023/11/ababab-b.c+41.h5"));
        assert_eq!(called(naming), Path::new("/out/a/2023/11/ababab-b.c.h5"));
    }

    #[test]
    fn every_name_fits_into_a_folder_and_stays_its_own() {
        assert_eq!(numbered(Path::new("/q/a.json"), 2), Path::new("/q/a~2.json"));
        assert_eq!(with_ending(Path::new("/q/a.json"), ".reason.txt"), Path::new("/q/a.json.reason.txt"));
        let long = |end: &str| PathBuf::from(format!("/q/{}{end}.json", "x".repeat(249)));
        for number in [1, 2, 10, 1000] {
            assert_eq!(length(&numbered(&long("a"), number)), 255);
        }
        assert!(numbered(&long("a"), 12).to_str().unwrap().ends_with("x~12.json"));
        let (a, b) = (with_ending(&long("a"), ".reason.txt"), with_ending(&long("b"), ".reason.txt"));
        assert!(a != b && length(&a) == 255 && a.to_str().unwrap().ends_with(".reason.txt"));
    }
}
