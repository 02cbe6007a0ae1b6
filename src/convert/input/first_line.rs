//! What the first line that is not blank says of the whole text, and nothing else does: JSON lines, or one document.
//!
//! A line that is a whole value is a record, as in the reference, and so are then all other lines. One that ends inside
//! an array or object, between two tokens, is no record but the beginning of a document; so is an object that another
//! one follows on the same line. Any other line is wrong whatever comes behind it, and is told of as a line.

use super::super::parse;
use super::lines::first_line_end;
use super::structure::{Scan, Structure};

/// Longer lines are judged by their brackets and quotes alone; an open one with another fault is then told of as a
/// document that has this fault.
const PARSED: usize = 1 << 20;

/// What a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// One record a line.
    Lines,
    /// An array, an object, or objects one behind the other.
    Document,
}

/// What the text that begins with `text` is; `None` if that cannot be said before more of it is there. With `all`
/// there is no more.
pub(super) fn kind(text: &[u8], all: bool, depth_limit: usize) -> Option<Kind> {
    let Some(start) = text.iter().position(|byte| !matches!(byte, b' ' | b'\t' | b'\n' | b'\r')) else {
        return all.then_some(Kind::Lines);
    };
    let rest = &text[start..];
    let end = first_line_end(rest);
    let line = &rest[..end.unwrap_or(rest.len())];
    let whole = all || end.is_some();
    if !matches!(line.first(), Some(b'{' | b'[')) {
        return Some(Kind::Lines);
    }
    // The array of a document is no level of its records.
    let depth_limit = depth_limit + usize::from(line.starts_with(b"["));
    match Structure::new(depth_limit).scan(line, whole) {
        Scan::More => whole.then(|| open(line, depth_limit)),
        Scan::Broken(_) => Some(Kind::Lines),
        Scan::End(end) => followed(&line[..end], &line[end..], whole, depth_limit),
    }
}

/// A line that ends inside an array or object.
fn open(line: &[u8], depth_limit: usize) -> Kind {
    let document = line.len() > PARSED || parse::defect_in(line, depth_limit).is_some_and(|defect| defect.goes_on);
    if document { Kind::Document } else { Kind::Lines }
}

/// A line that begins with a value, and goes on with `rest`.
fn followed(value: &[u8], rest: &[u8], whole: bool, depth_limit: usize) -> Option<Kind> {
    let next = rest.iter().find(|byte| !matches!(byte, b' ' | b'\t'));
    let objects = value.starts_with(b"{") && next == Some(&b'{');
    let undecided = value.starts_with(b"{") && next.is_none() && !whole;
    let document = || objects && parse::defect_in(value, depth_limit).is_none();
    (!undecided).then(|| if document() { Kind::Document } else { Kind::Lines })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_array_around_records_is_no_level_of_them() {
        for (text, expected) in [
            ("[{\"a\": {}}\n]", Kind::Document),
            ("[{\"a\": [{}]}\n]", Kind::Lines),
            ("{\"a\": {}\n}", Kind::Document),
            ("{\"a\": [{}]\n}", Kind::Lines),
        ] {
            assert_eq!(kind(text.as_bytes(), true, 2), Some(expected), "{text:?}");
        }
    }

    #[test]
    fn the_first_line_decides() {
        for (text, expected) in [
            ("{\"a\": 1}\n", Kind::Lines),
            ("{\"a\": 1}\n{\n", Kind::Lines),
            ("[1, 2]\n[\n", Kind::Lines),
            ("[{\"a\": 1}, {\"a\": 2}]", Kind::Lines),
            ("1\n[", Kind::Lines),
            ("\n\n\"a\n", Kind::Lines),
            ("", Kind::Lines),
            (" \r\n\t", Kind::Lines),
            // What no further line mends.
            ("{\"a\": [1, }\n", Kind::Lines),
            ("{\"a\": \"x\n\"}\n", Kind::Lines),
            ("{\"a\": tru\n", Kind::Lines),
            ("[-\n1]", Kind::Lines),
            ("[1.\n5]", Kind::Lines),
            ("[1,,\n2]", Kind::Lines),
            ("{\"a\" 1,\n", Kind::Lines),
            ("{\"a\": 1}]\n", Kind::Lines),
            ("[1][2]\n", Kind::Lines),
            ("{\"a\": 1},{\"a\": 2}\n", Kind::Lines),
            ("{\"a\" 1}{\"a\": 2}\n", Kind::Lines),
            ("[\"\\u12\n34\"]", Kind::Lines),
            // What further lines complete.
            ("[\n", Kind::Document),
            ("{\n", Kind::Document),
            ("\r\n  [{\"a\": 1},\n{\"a\": 2}]", Kind::Document),
            ("{\"a\":\n1}", Kind::Document),
            ("{\"a\"\n:1}", Kind::Document),
            ("{\"a\": 1,\r\n", Kind::Document),
            ("[1, 2\r,3]", Kind::Document),
            ("[\"a\"\n]", Kind::Document),
            ("{\"a\": 1}{\"a\": 2}\n", Kind::Document),
            ("{\"a\": 1} \t{\n", Kind::Document),
        ] {
            assert_eq!(kind(text.as_bytes(), true, 512), Some(expected), "{text:?}");
            // Said as soon as it can be, and never otherwise than with all of the text.
            for end in 0..text.len() {
                let early = kind(&text.as_bytes()[..end], false, 512);
                assert!(early.is_none() || early == Some(expected), "{text:?} {end}");
            }
        }
    }
}
