//! What a source turned out to be: the shape of its text, and how it was compressed.

/// How the records stand in the text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shape {
    /// One record a line.
    #[default]
    Lines,
    /// One array whose items are the records.
    Array,
    /// One object, which is the only record.
    Object,
    /// Objects one behind the other, over any number of lines.
    Objects,
}

impl Shape {
    /// The word in log and ledger.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Lines => "lines",
            Self::Array => "array",
            Self::Object => "object",
            Self::Objects => "objects",
        }
    }
}

/// How a source is compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// RFC 1952; any number of members.
    Gzip,
    /// RFC 8878; any number of frames, skippable ones included.
    Zstd,
    /// The `.xz` format; any number of streams.
    Xz,
    /// bzip2; any number of streams.
    Bzip2,
}

/// How far some bytes agree with a magic number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Magic {
    /// They begin with it.
    Whole,
    /// They end in the middle of it.
    Part,
    /// They are something else.
    No,
}

impl Compression {
    const PACKED: [Self; 4] = [Self::Gzip, Self::Zstd, Self::Xz, Self::Bzip2];
    /// Bytes from which every kind is known.
    pub(super) const MAGIC_BYTES: usize = 6;

    /// The word in log, ledger and messages.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Xz => "xz",
            Self::Bzip2 => "bzip2",
        }
    }

    /// What begins with `head` is compressed like this. `head` is shorter than [`Self::MAGIC_BYTES`] only if the source
    /// is, too.
    pub(super) fn of(head: &[u8]) -> Self {
        let whole = Self::PACKED.into_iter().find(|kind| kind.begins(head) == Magic::Whole);
        // A source that ends within a magic number is cut off. Only `[` may also be the beginning of JSON.
        let cut = || Self::PACKED.into_iter().find(|kind| kind.begins(head) == Magic::Part);
        let json = head.is_empty() || head.starts_with(b"[");
        whole.or_else(|| cut().filter(|_| !json)).unwrap_or_default()
    }

    /// Whether a stream of this kind begins with `head`.
    pub(super) fn begins(self, head: &[u8]) -> Magic {
        let compare = |magic: &[&[u8]]| {
            let agree = magic.iter().zip(head).all(|(allowed, byte)| allowed.contains(byte));
            match (agree, head.len() < magic.len()) {
                (false, _) => Magic::No,
                (true, true) => Magic::Part,
                (true, false) => Magic::Whole,
            }
        };
        match self {
            Self::None => Magic::No,
            Self::Gzip => compare(&[b"\x1f", b"\x8b"]),
            Self::Zstd => match compare(&[b"\x28", b"\xb5", b"\x2f", b"\xfd"]) {
                Magic::No => compare(&[b"PQRSTUVWXYZ[\\]^_", b"\x2a", b"\x4d", b"\x18"]),
                frame => frame,
            },
            Self::Xz => compare(&[b"\xfd", b"7", b"z", b"X", b"Z", b"\0"]),
            Self::Bzip2 => compare(&[b"B", b"Z", b"h", b"123456789"]),
        }
    }
}

/// What was taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// How the records stand in the text.
    pub shape: Shape,
    /// How the source is compressed.
    pub compression: Compression,
    /// Whether a byte order mark stood at the start of the text, and was stripped.
    pub bom: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compression_is_known_by_its_first_bytes_and_json_is_never_taken_for_it() {
        for (head, kind) in [
            (&b"\x1f\x8b\x08\0\0\0"[..], Compression::Gzip),
            (b"\x1f", Compression::Gzip),
            (b"\x28\xb5\x2f\xfd\x04\0", Compression::Zstd),
            (b"\x28\xb5", Compression::Zstd),
            (b"\x5b\x2a\x4d\x18\x04\0", Compression::Zstd),
            (b"\xfd7zXZ\0", Compression::Xz),
            (b"\xfd7z", Compression::Xz),
            (b"BZh91A", Compression::Bzip2),
            (b"BZ", Compression::Bzip2),
            (b"BZh0\0\0", Compression::None),
            (b"[", Compression::None),
            (b"(", Compression::Zstd),
            (b"[*", Compression::None),
            (b"", Compression::None),
            (b"{\"a\":1", Compression::None),
            (b"\xfd7zip!", Compression::None),
        ] {
            assert_eq!(Compression::of(head), kind, "{head:?}");
        }
    }
}
