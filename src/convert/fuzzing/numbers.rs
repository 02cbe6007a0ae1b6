//! Numbers: the standard library's bits for every float, every digit of an integer, and nothing that is none.

use super::super::frame::column::{Cell, Tag};
use super::super::parse::{ParsePlan, compared};
use super::lines;
use super::unpickle::{Value, value};

/// What tokens are made of.
const ALPHABET: &[u8] = b"0123456789.-+eE";
/// Python reads no integer of more digits.
const MOST_DIGITS: usize = 4300;
/// Where a token stands: what comes before and behind it. Whether an integer, a float or a NaN stands beside it changes
/// nothing.
const PLACES: [(&str, &str); 6] = [
    ("{\"v\":", "}"),
    ("[", "]"),
    ("{\"v\": ", " ,\"w\":1}\n"),
    ("{\"v\":[", ",1]}"),
    ("", ""),
    ("[[{\"k\":", "}]]\r\n"),
];

/// Reads `data` as the token of a number, each byte that cannot be in one standing for one that can.
///
/// # Panics
///
/// If the value is another than that of the standard library, or what is taken is no number.
pub fn numbers(data: &[u8]) {
    let in_token = |byte: &u8| if ALPHABET.contains(byte) { *byte } else { super::chosen(*byte, ALPHABET) };
    let token: String = data.iter().map(|byte| char::from(in_token(byte))).collect();
    if token.is_empty() {
        return;
    }
    let expected = expected(&token);
    for (before, behind) in PLACES {
        let text = format!("{before}{token}{behind}");
        for fast in [true, false] {
            let found = read(&text, fast);
            assert!(same(found.as_ref(), expected.as_ref()), "{text}: {found:?}, not {expected:?}; fast: {fast}");
        }
    }
}

/// The value of `token`; `None` if it is no number of JSON.
fn expected(token: &str) -> Option<Value> {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let plain = token.strip_prefix('-').unwrap_or(token);
    let (number, exponent) = plain.split_once(['e', 'E']).map_or((plain, None), |(n, e)| (n, Some(e)));
    let (whole, fraction) = number.split_once('.').map_or((number, None), |(w, f)| (w, Some(f)));
    let exponent_digits = exponent.map(|text| text.strip_prefix(['+', '-']).unwrap_or(text));
    let valid = digits(whole) && (whole == "0" || !whole.starts_with('0')) && fraction.is_none_or(digits);
    if !valid || !exponent_digits.is_none_or(digits) {
        return None;
    }
    if fraction.is_none() && exponent.is_none() {
        let integer = if token == "-0" { "0" } else { token };
        return (whole.len() <= MOST_DIGITS).then(|| Value::Int(integer.to_owned()));
    }
    token.parse().ok().map(Value::Float)
}

/// The first value of the first column of `text`, the innermost if it is a list or dict; `None` if it is refused.
fn read(text: &str, fast: bool) -> Option<Value> {
    let (part, _) = compared::records(&lines(text.as_bytes()), &ParsePlan::plain(512, 10, 1 << 28), fast).ok()?;
    if part.rows() == 0 {
        return None;
    }
    Some(match part.column(0).cells(0..1, Tag::Missing).next()? {
        Cell::Int(value) => Value::Int(value.to_string()),
        Cell::Uint(value) => Value::Int(value.to_string()),
        Cell::Float(value) => Value::Float(value),
        Cell::Pickled(pickle) => innermost(value(pickle)),
        other => panic!("{text}: no number, but {other:?}"),
    })
}

fn innermost(value: Value) -> Value {
    match value {
        Value::List(mut items) => innermost(items.swap_remove(0)),
        Value::Dict(mut members) => innermost(members.swap_remove(0).1),
        other => other,
    }
}

/// Whether two values are the same, floats bit by bit.
fn same(one: Option<&Value>, other: Option<&Value>) -> bool {
    match (one, other) {
        (Some(Value::Float(one)), Some(Value::Float(other))) => one.to_bits() == other.to_bits(),
        (one, other) => one == other,
    }
}
