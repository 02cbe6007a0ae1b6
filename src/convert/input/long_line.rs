//! A line that is longer than a record may be: its beginning is kept, the rest passed over.

use super::super::ConvertError;

/// Bytes that are kept, to be shown.
const KEPT: usize = 64 << 10;

/// Leaves of `line`, which has no end yet, its beginning, and passes over what `more` reads up to the end of the line.
/// Returns what was read behind it. `more` gives nothing at the end of the text.
pub(super) fn cut_short(
    line: &mut Vec<u8>,
    mut more: impl FnMut() -> Result<Vec<u8>, ConvertError>,
) -> Result<Vec<u8>, ConvertError> {
    // A carriage return at the end of what was read may be half of CR LF.
    let mut read = if line.ends_with(b"\r") { b"\r".to_vec() } else { Vec::new() };
    shorten(line);
    loop {
        let end = memchr::memchr2(b'\n', b'\r', &read);
        if let Some(end) = end.filter(|end| read[*end] == b'\n' || end + 1 < read.len()) {
            let behind = end + if read[end..].starts_with(b"\r\n") { 2 } else { 1 };
            return Ok(read.split_off(behind));
        }
        if end.is_none() {
            read.clear();
        }
        let next = more()?;
        if next.is_empty() {
            return Ok(next);
        }
        read.extend_from_slice(&next);
    }
}

/// Cuts `line` at the end of a character.
fn shorten(line: &mut Vec<u8>) {
    let mut end = KEPT.min(line.len().saturating_sub(1));
    while end > 0 && line[end] & 0xc0 == 0x80 {
        end -= 1;
    }
    line.truncate(end);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(line: &[u8], reads: &[&[u8]]) -> (usize, Vec<u8>) {
        let (mut line, mut reads) = (line.to_vec(), reads.iter());
        let behind = cut_short(&mut line, || Ok(reads.next().map_or_else(Vec::new, |read| read.to_vec()))).unwrap();
        (line.len(), behind)
    }

    #[test]
    fn what_is_behind_the_line_begins_at_the_next() {
        let line = "é".repeat(KEPT);
        for (reads, behind) in [
            (&[&b"x"[..], b"y\nnext"][..], &b"next"[..]),
            (&[b"\r\nnext"], b"next"),
            (&[b"x\r", b"\nnext"], b"next"),
            (&[b"x\r", b"next\n"], b"next\n"),
            (&[b"x\r", b"\r\n"], b"\r\n"),
            (&[b"x\n"], b""),
            (&[b"x\r"], b""),
            (&[b"x"], b""),
            (&[], b""),
        ] {
            assert_eq!(cut(line.as_bytes(), reads), (KEPT, behind.to_vec()), "{reads:?}");
        }
        let ended = format!("x{line}\r");
        assert_eq!(cut(ended.as_bytes(), &[b"\nnext"]), (KEPT - 1, b"next".to_vec()));
        assert_eq!(cut(ended.as_bytes(), &[b"next"]), (KEPT - 1, b"next".to_vec()));
    }
}
