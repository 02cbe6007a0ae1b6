//! Numbers: digits into a word, and one exact operation for most floats.

use super::super::super::frame::column::{Column, Tag};
use super::Text;

/// A number that fits 64 bits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Number {
    /// An integer within `i64`.
    Int(i64),
    /// An integer above `i64`.
    Uint(u64),
    /// A number with a fraction or an exponent.
    Float(f64),
}

/// Powers of ten that are exact as floats.
const EXACT_POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
];

/// Digits in a word of text.
const WORD: usize = 8;

/// A word with 1 in every byte.
const EVERY: u64 = 0x0101_0101_0101_0101;

/// Powers of ten for up to a word of digits.
const POWERS: [u64; WORD + 1] = [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000];

/// Digits that always fit a `u64`.
const SAFE_DIGITS: usize = 19;

/// Puts the number at `at` into `column` and tells where it ends; `None` for what is no number or does not fit.
#[inline]
pub(super) fn push(text: &Text<'_>, at: usize, column: &mut Column) -> Option<usize> {
    let (number, end) = read(text.bytes, at)?;
    match number {
        Number::Float(value) => column.push_word(Tag::Float, value.to_bits()),
        Number::Int(value) => column.push_word(Tag::Int, value.cast_unsigned()),
        Number::Uint(value) => column.push_word(Tag::Uint, value),
    }
    Some(end)
}

/// Reads the number at `at`, which must be a digit or a minus sign.
#[expect(clippy::inline_always, reason = "as for the short ones")]
#[inline(always)]
pub(super) fn read(bytes: &[u8], start: usize) -> Option<(Number, usize)> {
    match short(bytes, start) {
        Some(found) => Some(found),
        None => any(bytes, start),
    }
}

/// Reads a number of at most seven characters: one look at one word tells where its point is and where it ends.
#[expect(clippy::inline_always, reason = "a tenth of all time is saved if what it finds stays in registers")]
#[inline(always)]
fn short(bytes: &[u8], start: usize) -> Option<(Number, usize)> {
    let negative = bytes[start] == b'-';
    let first = start + usize::from(negative);
    let word = u64::from_le_bytes(*bytes.get(first..)?.first_chunk()?);
    let (digits, others) = digits_and_others(word);
    let behind = others & others.wrapping_sub(1);
    let (whole, end) = (others.trailing_zeros() / 8, behind.trailing_zeros() / 8);
    if bytes[first] == b'0' && whole > 1 || whole == 0 || end as usize == WORD {
        return None;
    }
    let byte = |at: u32| bytes[first + at as usize];
    if byte(whole) != b'.' {
        let value = joined(digits, whole).cast_signed();
        let is_int = byte(whole) | 0x20 != b'e';
        return is_int.then(|| (Number::Int(if negative { -value } else { value }), first + whole as usize));
    }
    let fraction = end - whole - 1;
    if fraction == 0 || byte(end) | 0x20 == b'e' {
        return None;
    }
    // What is behind the point moves up to it.
    let below = (1 << (8 * whole)) - 1;
    let value = exact(joined(digits & below | digits >> 8 & !below, end - 1), fraction as usize)?;
    Some((Number::Float(if negative { -value } else { value }), first + end as usize))
}

#[inline(never)]
fn any(bytes: &[u8], start: usize) -> Option<(Number, usize)> {
    let negative = bytes[start] == b'-';
    let first = start + usize::from(negative);
    let (mut mantissa, mut at) = (0, first);
    digits(bytes, &mut at, &mut mantissa);
    let whole = at - first;
    if whole == 0 || (bytes[first] == b'0' && whole > 1) {
        return minus_infinity(bytes, start);
    }
    let fraction_digits = if bytes[at] == b'.' { fraction(bytes, &mut at, &mut mantissa)? } else { 0 };
    if bytes[at] | 0x20 == b'e' {
        return with_exponent(bytes, start, at);
    }
    if whole + fraction_digits > SAFE_DIGITS {
        return long(bytes, start, at, fraction_digits > 0);
    }
    if fraction_digits == 0 {
        return Some((integer(mantissa, negative)?, at));
    }
    match exact(mantissa, fraction_digits) {
        Some(value) => Some((Number::Float(if negative { -value } else { value }), at)),
        None => rounded(bytes, start, at),
    }
}

/// Reads the digits at `at` into `mantissa`, which wraps when there are too many.
#[inline]
fn digits(bytes: &[u8], at: &mut usize, mantissa: &mut u64) {
    while let Some(word) = bytes.get(*at..).and_then(<[u8]>::first_chunk) {
        let (count, value) = leading_digits(u64::from_le_bytes(*word));
        *mantissa = mantissa.wrapping_mul(POWERS[count]).wrapping_add(value);
        *at += count;
        if count < WORD {
            return;
        }
    }
    while let Some(digit) = bytes.get(*at).map(|byte| byte.wrapping_sub(b'0')).filter(|digit| *digit <= 9) {
        *mantissa = mantissa.wrapping_mul(10).wrapping_add(u64::from(digit));
        *at += 1;
    }
}

/// How many of the eight bytes of `word`, from the lowest on, are digits before the first that is none, and the number that
/// they are. Without a branch: how many digits there are is what nobody can foretell.
#[inline]
fn leading_digits(word: u64) -> (usize, u64) {
    let (digits, others) = digits_and_others(word);
    let count = others.trailing_zeros() / 8;
    (count as usize, joined(digits, count))
}

/// What each byte of `word` is as a digit, and the highest bit of those that are none, right up to the first that is not of
/// ASCII.
#[inline]
fn digits_and_others(word: u64) -> (u64, u64) {
    let digits = word ^ (EVERY * 0x30);
    // A byte above 9 gets its highest bit, or has it. Only one that is not of ASCII carries into the next.
    (digits, (digits.wrapping_add(EVERY * (0x7f - 9)) | digits) & (EVERY * 0x80))
}

/// The number that the lowest `count` bytes of `digits` are, the first of them the highest digit.
#[inline]
fn joined(digits: u64, count: u32) -> u64 {
    // To the upper end, zeros before it; then neighbours are joined: to numbers of two digits, of four, and of eight.
    let digits = digits.checked_shl(64 - 8 * count).unwrap_or(0);
    let twos = (digits.wrapping_mul(10 << 8 | 1) >> 8) & 0x00ff_00ff_00ff_00ff;
    let fours = (twos.wrapping_mul(100 << 16 | 1) >> 16) & 0x0000_ffff_0000_ffff;
    fours.wrapping_mul(10_000 << 32 | 1) >> 32
}

/// Reads the fraction whose point is at `at` and tells how many digits it has; there must be one.
#[inline]
fn fraction(bytes: &[u8], at: &mut usize, mantissa: &mut u64) -> Option<usize> {
    *at += 1;
    let from = *at;
    digits(bytes, at, mantissa);
    (*at > from).then(|| *at - from)
}

#[inline]
fn integer(magnitude: u64, negative: bool) -> Option<Number> {
    match (i64::try_from(magnitude), negative) {
        (Ok(value), false) => Some(Number::Int(value)),
        (Ok(value), true) => Some(Number::Int(-value)),
        (Err(_), false) => Some(Number::Uint(magnitude)),
        (Err(_), true) if magnitude == 1 << 63 => Some(Number::Int(i64::MIN)),
        (Err(_), true) => None,
    }
}

/// `mantissa` / 10^`fraction_digits` if one division of two exact floats gives it, correctly rounded.
#[inline]
#[expect(clippy::cast_precision_loss, reason = "exact up to 2^53, which is checked")]
fn exact(mantissa: u64, fraction_digits: usize) -> Option<f64> {
    let power = EXACT_POWERS.get(fraction_digits)?;
    (mantissa <= 1 << 53).then(|| mantissa as f64 / power)
}

/// The exponent's `e` is at `at`; it must have digits.
fn with_exponent(bytes: &[u8], start: usize, at: usize) -> Option<(Number, usize)> {
    let mut end = at + 1 + usize::from(matches!(bytes[at + 1], b'+' | b'-'));
    let from = end;
    digits(bytes, &mut end, &mut 0);
    if end > from { rounded(bytes, start, end) } else { None }
}

/// More digits than a word holds for sure.
fn long(bytes: &[u8], start: usize, end: usize, float: bool) -> Option<(Number, usize)> {
    if float {
        return rounded(bytes, start, end);
    }
    let text = std::str::from_utf8(&bytes[start..end]).ok()?;
    let number = text.parse().map(Number::Int).or_else(|_| text.parse().map(Number::Uint));
    number.ok().map(|number| (number, end))
}

/// The standard library rounds correctly; beyond the range it gives an infinity or zero, as Python does.
fn rounded(bytes: &[u8], start: usize, end: usize) -> Option<(Number, usize)> {
    let text = std::str::from_utf8(&bytes[start..end]).ok()?;
    text.parse().ok().map(|value| (Number::Float(value), end))
}

fn minus_infinity(bytes: &[u8], start: usize) -> Option<(Number, usize)> {
    const WORD: &[u8] = b"-Infinity";
    bytes[start..].starts_with(WORD).then_some((Number::Float(f64::NEG_INFINITY), start + WORD.len()))
}
