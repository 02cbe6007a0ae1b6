//! A look at the first bytes of the text: what is plainly not JSON in UTF-8 is refused by its name.

use super::super::defect::{Defect, found};
use super::taken::{Compression, Magic};

const BOM: &[u8] = b"\xef\xbb\xbf";
const UTF8: &str = "convert it to UTF-8, for example with `iconv -t UTF-8`, then retry it";
const UNPACK: &str = "unpack it first, then retry it";
const REMOVE: &str = "remove it from the sources";

/// Formats that are no text, by their first bytes.
const FORMATS: [(&[u8], &str, &str); 8] = [
    (b"PK\x03\x04", "the file is a ZIP archive", UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "the file is a 7z archive", UNPACK),
    (b"\x04\x22\x4d\x18", "the file is compressed with lz4", UNPACK),
    (b"\x1f\x9d", "the file is compressed with compress (.Z)", UNPACK),
    (b"\x89HDF\r\n\x1a\n", "the file is HDF5, not JSON", REMOVE),
    (b"SQLite format 3\0", "the file is an SQLite database, not JSON", REMOVE),
    (b"PAR1", "the file is Parquet, not JSON", REMOVE),
    (b"ARROW1", "the file is Feather, not JSON", REMOVE),
];

/// Bytes that are enough to tell.
pub(super) const ENOUGH: usize = 16;

/// How many bytes a byte order mark takes at the start of the text, or by what name the text is refused. `outer` is what
/// the text was unpacked from.
pub(super) fn check(text: &[u8], outer: Compression) -> Result<usize, Defect> {
    let mark = if text.starts_with(BOM) { BOM.len() } else { 0 };
    let refused = encoding(text)
        .map(|name| Defect::not_json_text(&format!("the text is {name}, not UTF-8"), UTF8))
        .or_else(|| packed(text, outer))
        .or_else(|| {
            let known = FORMATS.iter().find(|(magic, ..)| text.starts_with(magic));
            known.map(|(_, what, hint)| Defect::not_json_text(what, hint))
        })
        // Said at once: a sparse file has no end of the line to wait for.
        .or_else(|| {
            let nul = text.get(mark).filter(|byte| **byte == 0);
            nul.map(|byte| Defect::bad_json(format!("expected a JSON value, found {}", found(Some(*byte)))))
        });
    refused.map_or(Ok(mark), |defect| Err(defect.at_line(1).at_byte(&text[..text.len().min(20)], 0)))
}

/// The encoding by its mark, or by the NULs that stand beside the first character, which is ASCII in any JSON.
fn encoding(text: &[u8]) -> Option<&'static str> {
    let ascii = |byte: u8| byte.is_ascii_graphic() || byte.is_ascii_whitespace();
    Some(match *text {
        [0xff, 0xfe, 0, 0, ..] => "UTF-32 (little-endian)",
        [0, 0, 0xfe, 0xff, ..] => "UTF-32 (big-endian)",
        [0xff, 0xfe, ..] => "UTF-16 (little-endian)",
        [0xfe, 0xff, ..] => "UTF-16 (big-endian)",
        [0, 0, 0, a, ..] if ascii(a) => "UTF-32 (big-endian, without a mark)",
        [a, 0, 0, 0, ..] if ascii(a) => "UTF-32 (little-endian, without a mark)",
        [0, a, ..] if ascii(a) => "UTF-16 (big-endian, without a mark)",
        [a, 0, ..] if ascii(a) => "UTF-16 (little-endian, without a mark)",
        _ => return None,
    })
}

/// Compressed twice: every layer multiplies what a small file can grow to.
fn packed(text: &[u8], outer: Compression) -> Option<Defect> {
    let inner = Compression::of(&text[..text.len().min(Compression::MAGIC_BYTES)]);
    (inner.begins(text) == Magic::Whole).then(|| {
        let what = format!("the {} stream holds another compressed stream ({})", outer.as_str(), inner.as_str());
        Defect::not_json_text(&what, "unpack the outer one first, then retry it")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_other_encoding_is_refused_by_its_name_with_and_without_its_mark() {
        let utf16 = |text: &str| text.encode_utf16().collect::<Vec<u16>>();
        let utf32 = |text: &str| text.chars().map(u32::from).collect::<Vec<u32>>();
        for text in ["{\"a\": 1}\n", "[", "\n\n1\n", "\"é\"", "\u{feff}{}", "1 2"] {
            let (short, long) = (utf16(text), utf32(text));
            let forms: [(Vec<u8>, &str); 4] = [
                (short.iter().flat_map(|unit| unit.to_le_bytes()).collect(), "UTF-16 (little-endian"),
                (short.iter().flat_map(|unit| unit.to_be_bytes()).collect(), "UTF-16 (big-endian"),
                (long.iter().flat_map(|unit| unit.to_le_bytes()).collect(), "UTF-32 (little-endian"),
                (long.iter().flat_map(|unit| unit.to_be_bytes()).collect(), "UTF-32 (big-endian"),
            ];
            for (bytes, name) in forms {
                let defect = check(&bytes, Compression::None).unwrap_err();
                assert!(defect.what.contains(name) && defect.code == "not_json_text", "{text}: {defect}");
                assert_eq!((defect.line, defect.byte), (Some(1), Some(0)));
            }
        }
    }

    #[test]
    fn a_mark_of_utf8_is_stripped_and_plain_text_is_let_through() {
        assert_eq!(check(b"\xef\xbb\xbf{}", Compression::None), Ok(3));
        for text in ["", "{", "{}", "[1]", " \t\n", "1", "PA", "é"] {
            assert_eq!(check(text.as_bytes(), Compression::Gzip), Ok(0), "{text}");
        }
    }

    #[test]
    fn what_is_compressed_twice_and_what_is_no_text_is_named() {
        let what = |bytes: &[u8]| check(bytes, Compression::Gzip).unwrap_err().what;
        assert!(what(b"\x28\xb5\x2f\xfd\0\0\0").contains("the gzip stream holds another compressed stream (zstd)"));
        assert!(what(b"PK\x03\x04....").contains("ZIP"));
        assert!(what(b"\0\0\0\0\0\0").contains("found NUL"));
    }
}
