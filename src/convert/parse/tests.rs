//! The parsers against each other.

use proptest::prelude::*;
use simd_json::{Buffers, INPUT_PADDING};

use super::super::defect::Defect;
use super::super::frame::column::{Cell, Tag};
use super::super::fuzzing::lines;
use super::tape::Tape;
use super::{ParsePlan, compared, exact};
use crate::config::Nested;

fn nodes(tape: &impl Tape, count: usize) -> Vec<String> {
    (0..count).map(|index| format!("{:?}", tape.node(index))).collect()
}

fn by_simd(line: &[u8]) -> Option<Vec<String>> {
    let mut padded = line.to_vec();
    padded.resize(line.len() + INPUT_PADDING, b'x');
    let mut tape = simd_json::Tape(Vec::new());
    simd_json::fill_tape_padded(&mut padded, line.len(), &mut Buffers::default(), &mut tape).ok()?;
    Some(nodes(&tape, tape.0.len()))
}

fn exactly_so(line: &[u8]) -> Result<Vec<String>, Defect> {
    exact::parse(line, 512).map(|tape| nodes(&tape, tape.len()))
}

/// JSON text with numbers, escapes and spaces of every form.
fn document() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        "-?(0|[1-9][0-9]{0,24})",
        "-?(0|[1-9][0-9]{0,20})\\.[0-9]{1,25}",
        "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,20})?[eE][+-]?[0-9]{1,3}",
        "\"[a-zé😀 /]{0,20}\"",
        "\"[a-zé ]{60,140}\"",
        "\"(\\\\(n|t|r|b|f|/|\\\\|\"|u00e9|uD83D\\\\uDE00)|[a-z]){0,12}\"",
        Just("true".to_owned()),
        Just("false".to_owned()),
        Just("null".to_owned()),
    ];
    leaf.prop_recursive(4, 40, 6, |inner| {
        let members = proptest::collection::vec(("\"[a-c]{0,2}\"", inner.clone()), 0..6);
        prop_oneof![
            proptest::collection::vec(inner, 0..6).prop_map(|items| format!("[{}]", items.join(" ,\t"))),
            members.prop_map(|members| {
                let members: Vec<_> = members.iter().map(|(key, value)| format!("{key} : {value}")).collect();
                format!("{{{}}}", members.join(", "))
            }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn both_parsers_read_the_same_values(text in document()) {
        let line = text.as_bytes();
        let exact = exactly_so(line).unwrap();
        if let Some(fast) = by_simd(line) {
            prop_assert_eq!(fast, exact);
        }
    }

    #[test]
    fn what_simd_json_accepts_the_exact_parser_accepts(
        text in document(), at in any::<prop::sample::Index>(), byte in any::<u8>(), insert in any::<bool>()
    ) {
        let mut line = text.into_bytes();
        let at = at.index(line.len());
        if insert { line.insert(at, byte) } else { line[at] = byte }
        // Line breaks never reach a parser.
        prop_assume!(!line.contains(&b'\n') && !line.contains(&b'\r'));
        if let Some(fast) = by_simd(&line) {
            prop_assert_eq!(exactly_so(&line).map_err(|e| e.to_string()), Ok(fast));
        }
    }
}

#[test]
fn numbers_that_are_hard_to_round_are_rounded_alike() {
    for text in [
        "9007199254740993.0",
        "1e23",
        "8.5e-324",
        "2.2250738585072011e-308",
        "0.1e-6",
        "123456789012345678901.5",
        "-0.0",
        "5e-324",
    ] {
        if let Some(fast) = by_simd(text.as_bytes()) {
            assert_eq!(fast, exactly_so(text.as_bytes()).unwrap(), "{text}");
        }
    }
}

#[test]
fn what_is_not_json_is_refused_where_it_goes_wrong() {
    for (text, byte, what) in [
        ("{\"a\": 01}", 7, "expected `,` or `}`"),
        ("{\"a\": 1.}", 7, "expected `,` or `}`"),
        ("{\"a\": -}", 7, "expected a digit"),
        ("{\"a\": 'x'}", 6, "expected a JSON value, found `'`"),
        ("{\"a\": 1,}", 8, "expected a key"),
        ("[1,]", 3, "expected a JSON value"),
        ("{\"a\": \"\t\"}", 7, "control character"),
        ("{\"a\": \"\\x\"}", 7, "unknown escape"),
        ("{\"a\": \"\\u12g4\"}", 7, "four hexadecimal digits"),
        ("{} {}", 3, "expected the end of the record"),
        ("nan", 0, "expected a JSON value, found `n`"),
        ("+1", 0, "expected a JSON value"),
    ] {
        assert!(by_simd(text.as_bytes()).is_none(), "{text}");
        let defect = exactly_so(text.as_bytes()).unwrap_err();
        assert_eq!((defect.byte, defect.what.contains(what)), (Some(byte), true), "{text}: {defect}");
    }
}

/// Bytes that mean something to a parser.
const LIKELY: &[u8] = b"{}[]\":,\\0123456789.-+eEntfNI \t\n\r";

/// What a text of lines gives, in full, with or without the fast path.
fn read(text: &[u8], fast: bool, depth: usize) -> Result<String, String> {
    let plan = ParsePlan::plain(depth, 1000, 1 << 28);
    let read = compared::records(&lines(text), &plan, fast);
    read.map(|(part, _)| compared::dump(&part)).map_err(|defect| defect.to_string())
}

/// Records that repeat and vary a layout, as they do in files, with white space of every kind.
fn records() -> impl Strategy<Value = String> {
    let space = || prop::sample::select(vec!["", "", "", " ", "  ", "\t"]);
    let key =
        prop::sample::select(vec!["a", "b", "price", "a rather long key that fits no link, surely", "é", "\\u0061"]);
    let member = (key, space(), space(), document()).prop_map(|(key, a, b, value)| format!("\"{key}\"{a}:{b}{value}"));
    let object = (proptest::collection::vec(member, 0..6), space(), space())
        .prop_map(|(members, a, b)| format!("{{{a}{}{b}}}{a}", members.join(&format!("{b},{a}"))));
    let list = proptest::collection::vec(document(), 0..5).prop_map(|items| format!("[{}]", items.join(", ")));
    let ends = prop::sample::select(vec!["\n", "\r\n", "\r", "\n\n"]);
    let objects = proptest::collection::vec((object, ends.clone()), 1..12);
    let lists = proptest::collection::vec((list, ends), 1..8);
    let text = |lines: Vec<(String, &str)>| lines.into_iter().map(|(line, end)| line + end).collect::<String>();
    prop_oneof![3 => objects.prop_map(text), 1 => lists.prop_map(text)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn the_fast_path_reads_what_the_slow_ones_read(text in records(), depth in 1..6_usize) {
        prop_assert_eq!(read(text.as_bytes(), true, depth), read(text.as_bytes(), false, depth));
        prop_assert_eq!(read(text.as_bytes(), true, 512), read(text.as_bytes(), false, 512));
    }

    #[test]
    fn the_fast_path_is_as_strict_as_the_slow_ones(
        text in records(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..4_u8), 1..4),
    ) {
        let mut text = text.into_bytes();
        for (at, byte, kind) in changes {
            let at = at.index(text.len());
            match kind {
                0 => text[at] = byte,
                1 => text.insert(at, byte),
                2 => text.truncate(at.max(1)),
                _ => text.insert(at, LIKELY[usize::from(byte) % LIKELY.len()]),
            }
        }
        prop_assert_eq!(read(&text, true, 512), read(&text, false, 512));
    }
}

#[test]
fn a_flattened_key_that_occurs_twice_has_the_last_value_in_the_place_of_the_first() {
    let text = b"{\"b\":1,\"a\":2,\"b\":3,\"c\":{\"x\":1},\"d\":4,\"c\":{\"z\":0,\"y\":2,\"z\":3,\"w\":{}},\"a\":{\"z\":1},\"e\":5}\n";
    let plan = ParsePlan { nested: Nested::Flatten, ..ParsePlan::plain(512, 1000, 1 << 28) };
    let (part, _) = compared::records(&lines(text), &plan, true).unwrap();
    let cells = (0..part.width()).map(|index| {
        let label = String::from_utf8(part.label(index)).unwrap();
        let cell = part.column(index).cells(0..1, Tag::Missing).next();
        (label, cell, part.duplicate(index).is_some())
    });
    let expected =
        [("b", 3, true), ("a.z", 1, true), ("c.z", 3, true), ("c.y", 2, false), ("d", 4, false), ("e", 5, false)];
    let expected = expected.map(|(label, value, twice)| (label.to_owned(), Some(Cell::Int(value)), twice));
    assert_eq!(cells.collect::<Vec<_>>(), expected);
}
