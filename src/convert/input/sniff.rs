//! A look at the first bytes: what is plainly not JSON text is refused by its name.

use super::super::ConvertError;
use super::super::defect::Defect;

const BOM: &[u8] = b"\xef\xbb\xbf";

/// Strips a byte order mark from the start of the source and refuses other encodings and compressed data by name.
/// `read` is how many bytes have been read in all: a mark counts only at the very start.
pub(super) fn check(bytes: &mut Vec<u8>, read: u64) -> Result<(), ConvertError> {
    if read == bytes.len() as u64 && bytes.starts_with(BOM) {
        bytes.drain(..BOM.len());
    }
    if bytes.first() == Some(&0) {
        // Said at once: a sparse file has no end of the line to wait for.
        let defect = Defect::bad_json("expected a JSON value, found NUL").at_line(1);
        return Err(defect.at_byte(&bytes[..bytes.len().min(20)], 0).into());
    }
    match foreign(bytes) {
        Some((what, hint)) => {
            let defect = Defect::not_json_text(what, hint).at_line(1).at_byte(&bytes[..bytes.len().min(20)], 0);
            Err(defect.into())
        }
        None => Ok(()),
    }
}

fn foreign(bytes: &[u8]) -> Option<(&'static str, &'static str)> {
    const UTF8: &str = "convert it to UTF-8, for example with `iconv -t UTF-8`, then retry it";
    const UNPACK: &str = "unpack it first, then retry it";
    let known: [(&[u8], &str, &str); 8] = [
        (b"\xff\xfe\0\0", "the file is UTF-32, not UTF-8", UTF8),
        (b"\xff\xfe", "the file is UTF-16, not UTF-8", UTF8),
        (b"\xfe\xff", "the file is UTF-16, not UTF-8", UTF8),
        (b"\x1f\x8b", "the file is compressed with gzip", UNPACK),
        (b"\x28\xb5\x2f\xfd", "the file is compressed with zstd", UNPACK),
        (b"\xfd7zXZ\0", "the file is compressed with xz", UNPACK),
        (b"BZh", "the file is compressed with bzip2", UNPACK),
        (b"\x89HDF\r\n\x1a\n", "the file is HDF5, not JSON", "remove it from the sources"),
    ];
    if let Some((_, what, hint)) = known.into_iter().find(|(magic, ..)| bytes.starts_with(magic)) {
        return Some((what, hint));
    }
    // A bracket or quote with a NUL on one side of it is UTF-16 without its mark.
    matches!(bytes, [b'{' | b'[' | b'"', 0, ..] | [0, b'{' | b'[' | b'"', ..])
        .then_some(("the file looks like UTF-16, not UTF-8", UTF8))
}
