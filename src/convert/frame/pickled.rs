//! Values as pickle opcodes (protocol 4): the form in which pandas stores Python objects, and in which a [`Column`]
//! keeps text and nested values, so that a writer copies bytes and interprets nothing.
//!
//! Opcodes: Python's `pickletools`. A set of duplicate keys in a dict needs no care: as in `json.loads`, the unpickler
//! keeps the first position and the last value.
//!
//! [`Column`]: super::column::Column

use super::column::Cell;

/// Appends `None`.
pub(crate) fn none(out: &mut Vec<u8>) {
    out.push(b'N');
}

/// Appends `True` or `False`.
pub(crate) fn bool(out: &mut Vec<u8>, value: bool) {
    out.push(if value { 0x88 } else { 0x89 });
}

/// Appends an `int` that fits 64 bits.
pub(crate) fn int(out: &mut Vec<u8>, value: i64) {
    if let Ok(small) = u8::try_from(value) {
        out.extend_from_slice(&[b'K', small]);
    } else if let Ok(short) = u16::try_from(value) {
        out.push(b'M');
        out.extend_from_slice(&short.to_le_bytes());
    } else if let Ok(word) = i32::try_from(value) {
        out.push(b'J');
        out.extend_from_slice(&word.to_le_bytes());
    } else {
        out.extend_from_slice(&[0x8a, 8]);
        out.extend_from_slice(&value.to_le_bytes());
    }
}

/// Appends an `int` above the signed 64 bits.
pub(crate) fn uint(out: &mut Vec<u8>, value: u64) {
    if let Ok(small) = i64::try_from(value) {
        return int(out, small);
    }
    out.extend_from_slice(&[0x8a, 9]);
    out.extend_from_slice(&value.to_le_bytes());
    out.push(0);
}

/// Appends an `int` of any size, given in decimal.
pub(crate) fn big_int(out: &mut Vec<u8>, decimal: &[u8]) {
    out.push(b'L');
    out.extend_from_slice(decimal);
    out.extend_from_slice(b"L\n");
}

/// Appends a `float`.
pub(crate) fn float(out: &mut Vec<u8>, value: f64) {
    out.push(b'G');
    out.extend_from_slice(&value.to_bits().to_be_bytes());
}

/// Appends a `str` from its UTF-8 bytes (a lone surrogate as the three bytes of its code point, as Python's
/// `surrogatepass` has it).
#[inline]
pub(crate) fn text(out: &mut Vec<u8>, utf8: &[u8]) {
    if let Ok(short) = u8::try_from(utf8.len()) {
        out.extend_from_slice(&[0x8c, short]);
    } else if let Ok(length) = u32::try_from(utf8.len()) {
        out.push(b'X');
        out.extend_from_slice(&length.to_le_bytes());
    } else {
        out.push(0x8d);
        out.extend_from_slice(&(utf8.len() as u64).to_le_bytes());
    }
    out.extend_from_slice(utf8);
}

/// Appends the `str` of the first `length` of `bytes`, which are UTF-8; faster than [`text`] for short ones with more
/// bytes behind them.
#[inline]
pub(crate) fn text_from(out: &mut Vec<u8>, bytes: &[u8], length: usize) {
    const SHORT: usize = 32;
    match (bytes.first_chunk::<SHORT>(), u8::try_from(length)) {
        (Some(window), Ok(short)) if length <= SHORT => {
            // A copy of fixed length is two instructions; what is too much goes again.
            out.extend_from_slice(&[0x8c, short]);
            out.extend_from_slice(window);
            out.truncate(out.len() - (SHORT - length));
        }
        _ => text(out, &bytes[..length]),
    }
}

/// The bytes of a text that [`text`] has pickled.
pub(crate) fn text_in(pickle: &[u8]) -> &[u8] {
    let header = match pickle.first() {
        Some(0x8c) => 2,
        Some(b'X') => 5,
        _ => 9,
    };
    pickle.get(header..).unwrap_or_default()
}

/// Appends the bytes of the text that `pickles` begins with, and returns what is behind it; `None` if it begins with
/// none. Faster than [`text_in`] where more is behind a short text.
#[inline]
pub(crate) fn move_text<'p>(out: &mut Vec<u8>, pickles: &'p [u8]) -> Option<&'p [u8]> {
    const SHORT: usize = 32;
    if let [0x8c, length, rest @ ..] = pickles
        && let (Some(window), length) = (rest.first_chunk::<SHORT>(), usize::from(*length))
        && length <= SHORT
    {
        out.extend_from_slice(window);
        out.truncate(out.len() - (SHORT - length));
        return rest.get(length..);
    }
    let (header, length) = match pickles {
        [0x8c, length, ..] => (2, usize::from(*length)),
        [b'X', length @ ..] => (5, u32::from_le_bytes(*length.first_chunk()?) as usize),
        [0x8d, length @ ..] => (9, usize::try_from(u64::from_le_bytes(*length.first_chunk()?)).ok()?),
        _ => return None,
    };
    let (text, rest) = pickles.get(header..)?.split_at_checked(length)?;
    out.extend_from_slice(text);
    Some(rest)
}

/// A float as Python's `repr` writes it, which is also how its `json` does.
pub(crate) fn float_text(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    let magnitude = value.abs();
    if magnitude != 0.0 && !(1e-4..1e16).contains(&magnitude) {
        let scientific = format!("{value:e}");
        let digits = scientific.bytes().take_while(|byte| *byte != b'e').filter(u8::is_ascii_digit).count();
        let scientific = nearest_even(value, scientific, |value| format!("{value:.*e}", digits.saturating_sub(1)));
        let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
        let (sign, exponent) = exponent.strip_prefix('-').map_or(("+", exponent), |exponent| ("-", exponent));
        return format!("{digits}e{sign}{exponent:0>2}");
    }
    let plain = format!("{value:?}");
    let places = plain.split_once('.').map_or(0, |(_, places)| places.len());
    nearest_even(value, plain, |value| format!("{value:.places$}"))
}

/// Where two texts of the same length are as near to `value`, Python takes the even one, and Rust's shortest, which is
/// `text`, need not be that; `rounded` gives it.
fn nearest_even(value: f64, text: String, rounded: impl Fn(f64) -> String) -> String {
    // Fewer digits are never halfway between two floats' texts.
    const FEWEST: usize = 15;
    if text.len() < FEWEST {
        return text;
    }
    let even = rounded(value);
    if even.parse() == Ok(value) { even } else { text }
}

/// Appends the beginning of a list or dict; [`close_list`] or [`close_dict`] ends it, unless it is `empty`.
pub(crate) fn open(out: &mut Vec<u8>, dict: bool, empty: bool) {
    out.push(if dict { b'}' } else { b']' });
    if !empty {
        out.push(b'(');
    }
}

/// Ends a list that has items.
pub(crate) fn close_list(out: &mut Vec<u8>) {
    out.push(b'e');
}

/// Ends a dict that has items.
pub(crate) fn close_dict(out: &mut Vec<u8>) {
    out.push(b'u');
}

/// Appends a cell.
pub(crate) fn cell(out: &mut Vec<u8>, cell: &Cell<'_>) {
    match *cell {
        Cell::Missing => float(out, f64::NAN),
        Cell::Null => none(out),
        Cell::Bool(value) => bool(out, value),
        Cell::Int(value) => int(out, value),
        Cell::Uint(value) => uint(out, value),
        Cell::Float(value) => float(out, value),
        Cell::Pickled(bytes) => out.extend_from_slice(bytes),
    }
}

/// How many bytes [`cell`] appends.
pub(crate) fn length_of(cell: &Cell<'_>) -> u64 {
    match *cell {
        Cell::Null | Cell::Bool(_) => 1,
        Cell::Missing | Cell::Float(_) => 9,
        Cell::Int(value) => int_length(value),
        Cell::Uint(value) => i64::try_from(value).map_or(11, int_length),
        Cell::Pickled(bytes) => bytes.len() as u64,
    }
}

fn int_length(value: i64) -> u64 {
    match value {
        0..=0xff => 2,
        0x100..=0xffff => 3,
        -0x8000_0000..=0x7fff_ffff => 5,
        _ => 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_of_a_cell_is_told_before_it_is_written() {
        let ints = [0, 255, 256, 65_535, 65_536, -1, -2_147_483_648, 2_147_483_647, 2_147_483_648, i64::MIN, i64::MAX];
        let cells = ints.map(Cell::Int).into_iter().chain([5, u64::MAX].map(Cell::Uint));
        let others = [Cell::Missing, Cell::Null, Cell::Bool(true), Cell::Float(0.5), Cell::Pickled(b"N")];
        for one in cells.chain(others) {
            let mut out = Vec::new();
            cell(&mut out, &one);
            assert_eq!(out.len() as u64, length_of(&one), "{one:?}");
        }
    }

    #[test]
    fn a_pickled_text_is_found_again() {
        for length in [0, 1, 255, 256, 70_000] {
            let (bytes, mut pickle) = (vec![b'y'; length], Vec::new());
            text(&mut pickle, &bytes);
            assert_eq!(text_in(&pickle), bytes);
        }
    }

    #[test]
    fn texts_are_moved_out_of_pickles_one_behind_the_other() {
        let lengths = [0, 1, 31, 32, 33, 255, 256, 70_000, 5, 0, 40];
        let (mut pickles, mut expected, mut moved) = (Vec::new(), Vec::new(), Vec::new());
        for length in lengths {
            text(&mut pickles, &vec![b'y'; length]);
            expected.extend(vec![b'y'; length]);
        }
        let mut rest = &pickles[..];
        for _ in lengths {
            rest = move_text(&mut moved, rest).unwrap();
        }
        assert_eq!((moved, rest), (expected, &[][..]));
        for bytes in [&b"N"[..], b"", b"\x8c", b"\x8c\x02a", b"X\x01"] {
            assert_eq!(move_text(&mut Vec::new(), bytes), None, "{bytes:?}");
        }
    }

    #[test]
    fn floats_are_written_as_python_does() {
        for (value, expected) in [
            (1.0, "1.0"),
            (-0.0, "-0.0"),
            (0.1, "0.1"),
            (1e16, "1e+16"),
            (123_456_789_012_345_680.0, "1.2345678901234568e+17"),
            (9_999_999_999_999_998.0, "9999999999999998.0"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (5e-324, "5e-324"),
            (1.5e300, "1.5e+300"),
            (-1_836_876_704_434_061.0 / 8.0, "-229609588054257.62"),
            (1_836_876_704_434_063.0 / 8.0, "229609588054257.88"),
            (1.797_693_134_862_315_7e308, "1.7976931348623157e+308"),
            (2.225_073_858_507_201_4e-308, "2.2250738585072014e-308"),
            (f64::INFINITY, "Infinity"),
        ] {
            assert_eq!(float_text(value), expected);
        }
    }

    #[test]
    fn a_short_text_with_more_behind_it_is_the_same_as_by_itself() {
        for length in 0..70 {
            let bytes = vec![b'x'; length + 32];
            let (mut one, mut other) = (vec![1], vec![1]);
            text_from(&mut one, &bytes, length);
            text(&mut other, &bytes[..length]);
            assert_eq!(one, other);
        }
    }
}
