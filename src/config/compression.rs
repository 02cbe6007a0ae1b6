//! How the data inside an output is compressed: a word, and perhaps a level behind a colon.

use std::fmt;
use std::ops::RangeInclusive;

use serde::{Serialize, Serializer};

use super::choices::Format;

/// How the data inside an output is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Compression {
    /// Not at all.
    None,
    /// Shuffle and deflate, level 1 (fast) to 9 (small); HDF5 only.
    Zlib(u8),
    /// LZ4: fast; Feather and Parquet.
    Lz4,
    /// Zstandard, level 1 (fast) to 22 (small); Feather and Parquet.
    Zstd(u8),
}

const ZLIB_LEVELS: RangeInclusive<u8> = 1..=9;
const ZSTD_LEVELS: RangeInclusive<u8> = 1..=22;
/// Levels for those who name none: beyond these, time grows faster than files shrink.
const ZLIB_LEVEL: u8 = 4;
const ZSTD_LEVEL: u8 = 1;

impl Compression {
    /// What may be written, for people.
    pub const WRITTEN: &'static str = "\"none\", \"zlib:1\" to \"zlib:9\", \"lz4\" or \"zstd:1\" to \"zstd:22\"";

    /// What `text` names: a word, with or without a level.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (word, level) = text.split_once(':').map_or((text, None), |(word, level)| (word, Some(level)));
        let level = |levels: RangeInclusive<u8>, usual| {
            let level = level.map_or(Some(usual), |level| level.parse().ok());
            level.filter(|level| levels.contains(level))
        };
        match word {
            "none" if text == word => Some(Self::None),
            "zlib" => level(ZLIB_LEVELS, ZLIB_LEVEL).map(Self::Zlib),
            "lz4" if text == word => Some(Self::Lz4),
            "zstd" => level(ZSTD_LEVELS, ZSTD_LEVEL).map(Self::Zstd),
            _ => None,
        }
    }

    /// The same, or what may be written instead.
    pub fn choose(text: &str) -> Result<Self, String> {
        Self::parse(text).ok_or_else(|| format!("write {}", Self::WRITTEN.replace('"', "")))
    }

    /// Whether outputs of `format` may be compressed so: every stock reader of them can undo it.
    #[must_use]
    pub fn is_in(self, format: Format) -> bool {
        match self {
            Self::None => true,
            Self::Zlib(_) => format == Format::Hdf5,
            Self::Lz4 | Self::Zstd(_) => format != Format::Hdf5,
        }
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Zlib(level) => write!(f, "zlib:{level}"),
            Self::Lz4 => f.write_str("lz4"),
            Self::Zstd(level) => write!(f, "zstd:{level}"),
        }
    }
}

impl Serialize for Compression {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again_and_levels_have_bounds() {
        for text in ["none", "zlib:1", "zlib:9", "lz4", "zstd:1", "zstd:22"] {
            assert_eq!(Compression::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Compression::parse("zlib"), Some(Compression::Zlib(4)));
        for text in ["", "zlib:0", "zlib:10", "zlib:", "zlib:x", "none:1", "lz4:3", "zstd:23", "blosc", "gzip"] {
            assert_eq!(Compression::parse(text), None, "{text}");
        }
    }

    #[test]
    fn nothing_is_offered_that_stock_readers_of_a_format_cannot_undo() {
        let all = [Compression::None, Compression::Zlib(1), Compression::Lz4, Compression::Zstd(1)];
        let fitting = |format| all.map(|compression| compression.is_in(format));
        assert_eq!(fitting(Format::Hdf5), [true, true, false, false]);
        assert_eq!(fitting(Format::Feather), [true, false, true, true]);
        assert_eq!(fitting(Format::Parquet), [true, false, true, true]);
    }
}
