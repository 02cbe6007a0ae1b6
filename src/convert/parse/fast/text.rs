//! Texts in quotes: how far they are plain, and what their escapes stand for.

use super::Text;

const EVERY: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// Bytes read in words before the search is left to a routine that first looks what the processor can do.
const SHORT: usize = 64;

/// How many bytes from `at` on are neither a quote, nor a backslash, nor a control character.
#[inline]
pub(super) fn plain_length(text: &Text<'_>, at: usize) -> usize {
    let mut length = 0;
    while length < SHORT {
        let Some(word) = text.bytes.get(at + length..).and_then(<[u8]>::first_chunk) else { return length };
        let stops = stops(u64::from_le_bytes(*word));
        if stops != 0 {
            return length + stops.trailing_zeros() as usize / 8;
        }
        length += 8;
    }
    length + long_length(text, at + length)
}

/// The highest bit of each byte that is a quote, a backslash or a control character. Bytes above the lowest that stops
/// may be marked wrongly; the lowest is right.
#[inline]
fn stops(word: u64) -> u64 {
    let zero_in = |x: u64| x.wrapping_sub(EVERY) & !x;
    let quote = zero_in(word ^ (EVERY * u64::from(b'"')));
    let backslash = zero_in(word ^ (EVERY * u64::from(b'\\')));
    let control = word.wrapping_sub(EVERY * 0x20) & !word;
    (quote | backslash | control) & HIGH
}

fn long_length(text: &Text<'_>, at: usize) -> usize {
    let rest = &text.bytes[at..text.end.max(at)];
    if text.clean {
        return memchr::memchr3(b'"', b'\\', b'\n', rest).unwrap_or(rest.len());
    }
    let length = memchr::memchr2(b'"', b'\\', rest).unwrap_or(rest.len());
    rest[..length].iter().position(|b| *b < 0x20).unwrap_or(length)
}

/// Puts what the text whose first byte is at `at` stands for into `out`, and tells where it ends, its closing quote
/// included. `None` for a lone surrogate and for what is no text.
pub(super) fn unescape(text: &Text<'_>, mut at: usize, out: &mut Vec<u8>) -> Option<usize> {
    out.clear();
    loop {
        let length = plain_length(text, at);
        out.extend_from_slice(&text.bytes[at..at + length]);
        at += length;
        match text.at(at) {
            b'"' => return Some(at + 1),
            b'\\' => at = escape(text.bytes, at + 1, out)?,
            _ => return None,
        }
    }
}

/// Reads what follows a backslash.
fn escape(bytes: &[u8], at: usize, out: &mut Vec<u8>) -> Option<usize> {
    let byte = match bytes[at] {
        b'u' => return unicode(bytes, at + 1, out),
        b'n' => b'\n',
        b't' => b'\t',
        b'r' => b'\r',
        b'b' => 0x08,
        b'f' => 0x0c,
        same @ (b'"' | b'\\' | b'/') => same,
        _ => return None,
    };
    out.push(byte);
    Some(at + 1)
}

/// Reads the four digits of a code unit, and those of the second half of a pair.
fn unicode(bytes: &[u8], at: usize, out: &mut Vec<u8>) -> Option<usize> {
    let first = hex(bytes, at)?;
    let (code, end) = match first {
        0xd800..0xdc00 if bytes[at + 4..].starts_with(b"\\u") => {
            let second = hex(bytes, at + 6).filter(|second| (0xdc00..0xe000).contains(second))?;
            (0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00), at + 10)
        }
        _ => (first, at + 4),
    };
    // A surrogate by itself is no character.
    let character = char::from_u32(code)?;
    out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    Some(end)
}

fn hex(bytes: &[u8], at: usize) -> Option<u32> {
    let digits: &[u8; 4] = bytes.get(at..)?.first_chunk()?;
    digits.iter().try_fold(0, |code, digit| Some(code << 4 | char::from(*digit).to_digit(16)?))
}
