//! A nested value out of its pickle again: for formats that know no Python objects.

use super::json;
use super::pickled;

/// What a pickle of [`pickled`] holds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value<'p> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// An integer within `i64`.
    Int(i64),
    /// An integer above `i64`, within `u64`.
    Uint(u64),
    /// Any other integer, in decimal.
    BigInt(&'p [u8]),
    /// Any other number.
    Float(f64),
    /// Text as UTF-8, a lone surrogate in it as three bytes.
    Text(&'p [u8]),
    /// A list.
    List(Vec<Value<'p>>),
    /// An object, in the order of its keys; of a key that stood twice the last value, where the first one was.
    Object(Vec<(&'p [u8], Value<'p>)>),
}

impl<'p> Value<'p> {
    /// What `pickle` holds; `None` if it is none of ours.
    pub(crate) fn of(pickle: &'p [u8]) -> Option<Self> {
        let (mut tokens, mut builder) = (Tokens::of(pickle), Builder::default());
        while !tokens.rest.is_empty() {
            builder.take(tokens.next()?)?;
        }
        let value = builder.stack.pop()?;
        (builder.stack.is_empty() && builder.open.is_empty()).then_some(value)
    }

    /// Appends its pickle, in which each key of an object stands once.
    pub(crate) fn write_pickle(&self, out: &mut Vec<u8>) {
        match self {
            Self::Null => pickled::none(out),
            Self::Bool(value) => pickled::bool(out, *value),
            Self::Int(value) => pickled::int(out, *value),
            Self::Uint(value) => pickled::uint(out, *value),
            Self::BigInt(decimal) => pickled::big_int(out, decimal),
            Self::Float(value) => pickled::float(out, *value),
            Self::Text(text) => pickled::text(out, text),
            Self::List(items) => {
                pickled::open(out, false, items.is_empty());
                items.iter().for_each(|item| item.write_pickle(out));
                items.first().into_iter().for_each(|_| pickled::close_list(out));
            }
            Self::Object(members) => {
                pickled::open(out, true, members.is_empty());
                for (key, value) in members {
                    pickled::text(out, key);
                    value.write_pickle(out);
                }
                members.first().into_iter().for_each(|_| pickled::close_dict(out));
            }
        }
    }

    /// Appends its JSON: what Python's `json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)`
    /// gives, but for lone surrogates, which stay escaped.
    pub(crate) fn write_json(&self, out: &mut Vec<u8>) {
        match self {
            Self::Null => out.extend_from_slice(b"null"),
            Self::Bool(value) => out.extend_from_slice(if *value { b"true" } else { b"false" }),
            Self::Int(value) => out.extend_from_slice(value.to_string().as_bytes()),
            Self::Uint(value) => out.extend_from_slice(value.to_string().as_bytes()),
            Self::BigInt(decimal) => out.extend_from_slice(decimal),
            Self::Float(value) => out.extend_from_slice(pickled::float_text(*value).as_bytes()),
            Self::Text(text) => json::write_text(out, text),
            Self::List(items) => {
                out.push(b'[');
                for (number, item) in items.iter().enumerate() {
                    json::separate(out, number);
                    item.write_json(out);
                }
                out.push(b']');
            }
            Self::Object(members) => write_object(out, members),
        }
    }
}

fn write_object(out: &mut Vec<u8>, members: &[(&[u8], Value<'_>)]) {
    // Bytes of UTF-8 sort as their characters do.
    let mut sorted: Vec<_> = members.iter().collect();
    sorted.sort_by_key(|(key, _)| *key);
    out.push(b'{');
    for (number, (key, value)) in sorted.into_iter().enumerate() {
        json::separate(out, number);
        json::write_text(out, key);
        out.push(b':');
        value.write_json(out);
    }
    out.push(b'}');
}

/// A value in pieces, in the order in which they stand in its pickle.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Token<'p> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// An integer within `i64`.
    Int(i64),
    /// An integer above `i64`, within `u64`.
    Uint(u64),
    /// Any other integer, in decimal.
    BigInt(&'p [u8]),
    /// Any other number.
    Float(f64),
    /// Text as UTF-8, a lone surrogate in it as three bytes.
    Text(&'p [u8]),
    /// A list; its items and an [`Token::End`] follow, unless it is empty.
    List {
        /// Whether it is.
        empty: bool,
    },
    /// An object; each key as text, its value, and at last an [`Token::End`] follow, unless it is empty.
    Object {
        /// Whether it is.
        empty: bool,
    },
    /// The end of a list or object that is not empty.
    End,
}

/// Reads a pickle piece by piece.
#[derive(Clone, Debug)]
pub(crate) struct Tokens<'p> {
    rest: &'p [u8],
}

impl<'p> Tokens<'p> {
    /// Those of `pickle`.
    pub(crate) fn of(pickle: &'p [u8]) -> Self {
        Self { rest: pickle }
    }

    /// The next one; `None` at the end, and for what is none of ours.
    #[inline]
    pub(crate) fn next(&mut self) -> Option<Token<'p>> {
        Some(match self.take::<1>()?[0] {
            b'N' => Token::Null,
            0x88 => Token::Bool(true),
            0x89 => Token::Bool(false),
            b'K' => Token::Int(i64::from(self.take::<1>()?[0])),
            b'M' => Token::Int(i64::from(u16::from_le_bytes(self.take()?))),
            b'J' => Token::Int(i64::from(i32::from_le_bytes(self.take()?))),
            0x8a => self.long()?,
            b'L' => self.decimal()?,
            b'G' => Token::Float(f64::from_be_bytes(self.take()?)),
            0x8c => {
                let [length] = self.take()?;
                self.text(u64::from(length))?
            }
            b'X' => {
                let length = u32::from_le_bytes(self.take()?);
                self.text(u64::from(length))?
            }
            0x8d => {
                let length = u64::from_le_bytes(self.take()?);
                self.text(length)?
            }
            b']' => Token::List { empty: !self.opens() },
            b'}' => Token::Object { empty: !self.opens() },
            b'e' | b'u' => Token::End,
            _ => return None,
        })
    }

    /// Passes the mark before items or members, if it is there.
    fn opens(&mut self) -> bool {
        let behind = self.rest.strip_prefix(b"(");
        self.rest = behind.unwrap_or(self.rest);
        behind.is_some()
    }

    #[inline]
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(*taken)
    }

    /// An integer of 8 or 9 bytes.
    fn long(&mut self) -> Option<Token<'p>> {
        let [bytes] = self.take()?;
        if bytes == 8 {
            return Some(Token::Int(i64::from_le_bytes(self.take()?)));
        }
        let value = u64::from_le_bytes(self.take()?);
        self.take::<1>()?;
        Some(Token::Uint(value))
    }

    fn decimal(&mut self) -> Option<Token<'p>> {
        let end = memchr::memchr(b'L', self.rest)?;
        let (decimal, rest) = self.rest.split_at(end);
        self.rest = rest.strip_prefix(b"L\n")?;
        Some(Token::BigInt(decimal))
    }

    #[inline]
    fn text(&mut self, length: u64) -> Option<Token<'p>> {
        let (text, rest) = self.rest.split_at_checked(usize::try_from(length).ok()?)?;
        self.rest = rest;
        Some(Token::Text(text))
    }
}

/// Values that are not whole yet.
#[derive(Default)]
struct Builder<'p> {
    stack: Vec<Value<'p>>,
    /// How high the stack was where each open list or object began.
    open: Vec<usize>,
}

impl<'p> Builder<'p> {
    fn take(&mut self, token: Token<'p>) -> Option<()> {
        let value = match token {
            Token::Null => Value::Null,
            Token::Bool(value) => Value::Bool(value),
            Token::Int(value) => Value::Int(value),
            Token::Uint(value) => Value::Uint(value),
            Token::BigInt(decimal) => Value::BigInt(decimal),
            Token::Float(value) => Value::Float(value),
            Token::Text(text) => Value::Text(text),
            Token::List { .. } => Value::List(Vec::new()),
            Token::Object { .. } => Value::Object(Vec::new()),
            Token::End => return self.close(),
        };
        self.stack.push(value);
        if let Token::List { empty: false } | Token::Object { empty: false } = token {
            self.open.push(self.stack.len());
        }
        Some(())
    }

    /// Moves what is above the last mark into the list or object below it.
    fn close(&mut self) -> Option<()> {
        let items = self.stack.split_off(self.open.pop()?);
        match self.stack.last_mut()? {
            Value::List(list) => *list = items,
            Value::Object(members) => *members = paired(items)?,
            _ => return None,
        }
        Some(())
    }
}

fn paired<'p>(items: Vec<Value<'p>>) -> Option<Vec<(&'p [u8], Value<'p>)>> {
    // More keys than this are looked for in a map.
    const FEW: usize = 16;
    let mut members: Vec<(&[u8], Value<'p>)> = Vec::with_capacity(items.len() / 2);
    let mut places = foldhash::HashMap::<&[u8], usize>::default();
    let mut items = items.into_iter();
    while let Some(key) = items.next() {
        let (Value::Text(key), Some(value)) = (key, items.next()) else { return None };
        let known = if members.len() <= FEW {
            members.iter().position(|(known, _)| *known == key)
        } else {
            if places.is_empty() {
                places.extend(members.iter().enumerate().map(|(place, (key, _))| (*key, place)));
            }
            places.get(key).copied()
        };
        if let Some(place) = known {
            members[place].1 = value;
        } else {
            if !places.is_empty() {
                places.insert(key, members.len());
            }
            members.push((key, value));
        }
    }
    Some(members)
}

#[cfg(test)]
mod tests {
    use super::super::super::parse::{ParsePlan, batch};
    use super::super::column::Cell;
    use super::*;
    use crate::convert::fuzzing::lines;

    /// The JSON of what is in the one cell of `text`, parsed, pickled and read again.
    fn through(text: &str) -> String {
        let part =
            batch(&lines(format!("{{\"a\": {text}}}\n").as_bytes()), &ParsePlan::plain(512, 10, 1 << 20)).unwrap();
        let mut joiner = super::super::join::Joiner::default();
        let piece = joiner.add(part, 10).unwrap().unwrap();
        let columns = piece.columns(None).unwrap();
        let cell = columns[0].cells(0..1, piece.absent()).next().unwrap();
        let Cell::Pickled(pickle) = cell else { panic!("{cell:?}") };
        let (mut again, mut out) = (Vec::new(), Vec::new());
        Value::of(pickle).unwrap().write_pickle(&mut again);
        Value::of(&again).unwrap().write_json(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn nested_values_come_out_of_their_pickles_as_they_went_in() {
        let numbers = "[0,255,256,65535,65536,-1,-2147483648,2147483648,9223372036854775807,9223372036854775808,\
                       18446744073709551615,18446744073709551616,-9223372036854775809,0.5,1e+16,NaN]";
        let long = format!("[\"{}\"]", "x".repeat(70_000));
        for text in [numbers, &long, "[]", "{}", "[[],[{}],[[[]]]]", "{\"a\":[null,true,false,\"é\"],\"b\":{\"c\":1}}"]
        {
            assert_eq!(through(text), text);
        }
        assert_eq!(through("{\"b\": 1, \"a\": 2, \"b\": 3}"), "{\"a\":2,\"b\":3}");
        assert_eq!(through("[\"\\ud800\"]"), "[\"\\ud800\"]");
        let many: Vec<_> = (100..200).map(|key| format!("\"{key}\":{key}")).collect();
        assert_eq!(through(&format!("{{{},\"150\":150}}", many.join(","))), format!("{{{}}}", many.join(",")));
    }

    #[test]
    fn what_is_no_pickle_of_ours_is_refused() {
        for bytes in [&b""[..], b"NN", b"(", b"]e", b"}(Nu", b"\x8c\x05ab", b"L12", b"Q", b"\x8a"] {
            assert_eq!(Value::of(bytes), None, "{bytes:?}");
        }
    }
}
