//! Lines, an array, objects: one frame, whatever the shape, the spaces and the size of a batch.

use proptest::prelude::*;

use super::*;
use crate::convert::parse::defect_in;

/// Batch sizes that cut everywhere.
const SIZES: [usize; 7] = [1, 2, 3, 16, 61, 300, BATCH_BYTES];

/// Reads with every batch size; all must agree.
fn read_all(content: &[u8], input: Input) -> Result<(String, Taken), Defect> {
    let options = |batch_bytes| ReadOptions { input, batch_bytes, depth: 8, ..*OPTIONS };
    // What an excerpt shows of the bytes around a place depends on what is in memory there.
    let read = |size| read(content, options(size)).map_err(|defect| Defect { excerpt: None, ..defect });
    let expected = read(BATCH_BYTES);
    for size in SIZES {
        assert_eq!(read(size), expected, "batches of {size} bytes");
    }
    expected
}

fn value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        "-?(0|[1-9][0-9]{0,24})(\\.[0-9]{1,9})?([eE][+-]?[0-9]{1,2})?",
        "\"(\\\\(n|\\\\|\"|/|u00e9|ud83d\\\\ude00)|[\\[\\]{},: a-cé😀]){0,12}\"",
        prop::sample::select(vec!["true", "false", "null", "NaN", "-Infinity", "[]", "{}"]).prop_map(str::to_owned),
    ];
    leaf.prop_recursive(3, 20, 4, |inner| {
        let members = proptest::collection::vec(("\"[a-c]{0,2}\"", inner.clone()), 0..4);
        prop_oneof![
            proptest::collection::vec(inner, 0..4).prop_map(|items| format!("[{}]", items.join(" ,"))),
            members.prop_map(|members| {
                let members: Vec<_> = members.iter().map(|(key, value)| format!("{key}: {value}")).collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

fn object() -> impl Strategy<Value = String> {
    proptest::collection::vec(("\"[a-e]{0,2}\"", value()), 0..5).prop_map(|members| {
        let members: Vec<_> = members.iter().map(|(key, value)| format!("{key} :{value}")).collect();
        format!("{{{}}}", members.join(", "))
    })
}

/// Records of one kind.
fn records() -> impl Strategy<Value = Vec<String>> {
    let list = proptest::collection::vec(value(), 0..4).prop_map(|items| format!("[{}]", items.join(",")));
    let scalar = value().prop_filter("a scalar", |value| !value.starts_with(['[', '{']));
    prop_oneof![
        6 => proptest::collection::vec(object(), 1..12),
        1 => proptest::collection::vec(list, 1..8),
        1 => proptest::collection::vec(scalar, 1..8),
    ]
}

fn space() -> impl Strategy<Value = String> {
    "[ \t\n\r]{0,3}"
}

/// `text` with the given spaces wherever JSON allows them.
fn spaced(text: &str, spaces: &[String]) -> String {
    let (mut out, mut in_text, mut escaped) = (String::new(), false, false);
    let mut spaces = spaces.iter().cycle();
    for c in text.chars() {
        let quote = c == '"' && !std::mem::take(&mut escaped);
        escaped = in_text && c == '\\' && !escaped;
        let token = !in_text && matches!(c, '{' | '}' | '[' | ']' | ',' | ':');
        if token && !out.is_empty() {
            out += spaces.next().unwrap();
        }
        out.push(c);
        in_text ^= quote;
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn the_same_records_give_the_same_frame_in_every_shape(
        records in records(),
        spaces in proptest::collection::vec(space(), 1..30),
        ends in proptest::collection::vec(prop::sample::select(vec!["\n", "\r\n", "\r", "\n\n"]), 1..9),
    ) {
        let lines: String = records.iter().zip(ends.iter().cycle()).flat_map(|(line, end)| [line, *end]).collect();
        let (frame, taken) = read_all(lines.as_bytes(), Input::Lines).unwrap();
        prop_assert_eq!(taken.shape, Shape::Lines);
        prop_assert_eq!(read_all(lines.as_bytes(), Input::Auto).unwrap(), (frame.clone(), taken));
        let array = spaced(&format!("[{}]", records.join(",")), &spaces);
        let (read, taken) = read_all(array.as_bytes(), Input::Document).unwrap();
        prop_assert_eq!((&read, taken.shape), (&frame, Shape::Array));
        // From `[` alone on its line on, it is a document by itself.
        let (read, taken) = read_all(format!("[\n{}", &array[1..]).as_bytes(), Input::Auto).unwrap();
        prop_assert_eq!((&read, taken.shape), (&frame, Shape::Array));
        if records[0].starts_with('{') {
            let shape = if records.len() == 1 { Shape::Object } else { Shape::Objects };
            let objects = spaced(&records.join(" "), &spaces);
            let (read, taken) = read_all(objects.as_bytes(), Input::Document).unwrap();
            prop_assert_eq!((&read, taken.shape), (&frame, shape));
            let (read, taken) = read_all(format!("{{\r{}", &objects[1..]).as_bytes(), Input::Auto).unwrap();
            prop_assert_eq!((&read, taken.shape), (&frame, shape));
        }
    }

    /// The whole text of an array is JSON, so that one parser can judge all of it.
    #[test]
    fn a_damaged_array_is_refused_where_a_parser_of_the_whole_text_refuses_it(
        records in records(),
        spaces in proptest::collection::vec(space(), 1..30),
        damage in proptest::collection::vec(
            (any::<prop::sample::Index>(), "[\\[\\]{},:\"\\\\ \n1ea]", 0..3_usize), 1..3
        ),
        cut in prop::option::weighted(0.3, any::<prop::sample::Index>()),
    ) {
        let mut text = spaced(&format!("[{}]", records.join(",")), &spaces);
        text.retain(|c| c.is_ascii());
        for (at, inserted, removed) in damage {
            let at = 1 + at.index(text.len());
            let end = text.len().min(at + removed);
            text.replace_range(at.min(end)..end, &inserted);
        }
        text.truncate(cut.map_or(text.len(), |cut| 1 + cut.index(text.len())));
        let verdict = defect_in(text.as_bytes(), 9);
        match (read_all(text.as_bytes(), Input::Document), verdict) {
            (Ok(_), verdict) => prop_assert!(verdict.is_none(), "{text:?} is taken: {}", verdict.unwrap()),
            // JSON all the same; an escape may have lost its other half.
            (Err(found), _) if matches!(found.code, "mixed_lines" | "lone_surrogate") => {}
            (Err(found), None) => prop_assert!(false, "{text:?} is refused: {found}"),
            (Err(found), Some(verdict)) => {
                prop_assert_eq!((found.byte, found.truncated), (verdict.byte, verdict.truncated), "{:?}: {}", text, found);
                let before = &text.as_bytes()[..usize::try_from(found.byte.unwrap()).unwrap()];
                prop_assert_eq!(found.line, Some(1 + count_lines(before)), "{:?}: {}", text, found);
            }
        }
    }

    /// `auto` never takes what neither of the other two takes, and takes what one of them takes.
    #[test]
    fn auto_is_lines_or_document_by_the_first_line(
        records in records(),
        spaces in proptest::collection::vec(space(), 1..20),
        joint in prop::sample::select(vec![",", "\n", " ", "", "\r\n,"]),
        around in any::<bool>(),
        damage in prop::option::weighted(0.3, (any::<prop::sample::Index>(), "[\\[\\]{},:\" \n1]")),
    ) {
        let mut text = spaced(&records.join(joint), &spaces);
        text = if around { format!("[{text}]") } else { text };
        if let Some((at, inserted)) = damage {
            let at = (0..=at.index(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap();
            text.insert_str(at, &inserted);
        }
        let [auto, lines, document] = [Input::Auto, Input::Lines, Input::Document].map(|input| read_all(text.as_bytes(), input));
        match auto {
            Ok(taken) if taken.1.shape == Shape::Lines => prop_assert_eq!(Ok(taken), lines),
            Ok(taken) => {
                prop_assert_eq!(Ok(taken), document);
                prop_assert!(lines.is_err(), "{:?}", text);
            }
            Err(_) => prop_assert!(lines.is_err(), "{:?}", text),
        }
    }
}

#[test]
fn a_document_is_exactly_an_array_or_objects() {
    for (text, frame, shape) in [
        ("[]", "None\n0", Shape::Array),
        (" [\n] \r\n", "None\n0", Shape::Array),
        ("", "None\n0", Shape::Objects),
        (" \n\t", "None\n0", Shape::Objects),
        ("\u{feff}[1,\r2]", "Positions(1)\nInt64 Int(1) Int(2)\n2", Shape::Array),
        ("{}", "Keys([])\n1", Shape::Object),
        ("{}{}", "Keys([])\n2", Shape::Objects),
        ("[[1], [2]]", "Positions(1)\nInt64 Int(1) Int(2)\n2", Shape::Array),
    ] {
        let (read, taken) = read_all(text.as_bytes(), Input::Document).unwrap();
        assert_eq!((read.as_str(), taken.shape), (frame, shape), "{text:?}");
    }
    for (text, line, byte, what) in [
        ("[1,]", 1, 3, "expected a JSON value, found `]`"),
        ("[,1]", 1, 1, "expected a JSON value, found `,`"),
        ("[1 2]", 1, 3, "expected `,` or `]` after an item"),
        ("[{\"a\": 1}\n{\"a\": 2}]", 2, 10, "expected `,` or `]` after an item"),
        ("[1]\n\n x", 3, 6, "expected the end of the file after the array, found `x`"),
        ("[1]]", 1, 3, "expected the end of the file after the array"),
        ("{\"a\": 1},{}", 1, 8, "expected `{` or the end of the file after an object, found `,`"),
        ("{}\n[]", 2, 3, "expected `{` or the end of the file"),
        ("1", 1, 0, "expected an array or an object, found `1`"),
        ("[1\u{c}]", 1, 2, "expected the end of the record"),
        ("\u{feff}\r\n[tru]", 2, 6, "expected a JSON value, found `t`"),
        ("[{\"a\":\n1.}]", 2, 8, "expected `,` or `}`"),
        ("[{\"a\":\r\n\"x\ny\"}]", 2, 10, "control character"),
        ("[[[[[[[[[[1]]]]]]]]]]", 1, 9, "nesting deeper than 8"),
        ("[{\"a\": 1}, {\"b\": [2}]", 1, 19, "expected `,` or `]`"),
    ] {
        let defect = read_all(text.as_bytes(), Input::Document).unwrap_err();
        assert!(defect.what.contains(what) && !defect.truncated, "{text:?}: {defect}");
        assert_eq!((defect.line, defect.byte), (Some(line), Some(byte)), "{text:?}: {defect}");
    }
}

#[test]
fn all_records_of_a_document_are_of_one_kind() {
    for (text, line) in [("[{},\n{},\n\n1]", 4), ("[1,\r[2]]", 2), ("[[1],{}]", 1)] {
        let defect = read_all(text.as_bytes(), Input::Document).unwrap_err();
        assert_eq!((defect.code, defect.line), ("mixed_lines", Some(line)), "{defect}");
    }
}

#[test]
fn text_that_ends_inside_a_record_is_truncated_and_text_that_was_wrong_before_is_not() {
    let whole = "{\"a\": [tru, -1.5e+3, \"x\\u00e9\\n\", nul]}";
    let whole = whole.replace("tru", "true").replace("nul", "null");
    for input in [Input::Auto, Input::Lines, Input::Document] {
        for end in 1..whole.len() {
            let defect = read_all(&whole.as_bytes()[..end], input).unwrap_err();
            assert!(defect.truncated && defect.code == "truncated", "{input:?} {end}: {defect}");
        }
    }
    let array = format!(" [\n{whole} ,\r\n{whole}\n] ");
    for end in 2..array.len() - 2 {
        let defect = read_all(&array.as_bytes()[..end], Input::Auto).unwrap_err();
        assert!(defect.truncated, "{end}: {defect}");
    }
    for text in ["{\"a\": 1}\n{\"a\": 2", "{}\n\"x", "1\ntru", "{}\n\"\u{e9}"] {
        let cut = if text.ends_with('\u{e9}') { text.len() - 1 } else { text.len() };
        assert!(read_all(&text.as_bytes()[..cut], Input::Auto).unwrap_err().truncated, "{text:?}");
    }
    for text in [
        "{\"a\": 1,, ",
        "{\"a\": 1\n{}",
        "{} x",
        "[1 t",
        "{\"a\" 1",
        "nil",
        "1.5.",
        "[tru\n",
        "{\"a\": \"x\n",
        "{}\n\n{\"a\"\n",
    ] {
        for input in [Input::Auto, Input::Lines] {
            assert!(!read_all(text.as_bytes(), input).unwrap_err().truncated, "{text:?}");
        }
    }
}

#[test]
fn a_first_line_that_is_no_record_is_told_to_be_a_document_when_lines_are_asked_for() {
    let defect = read_all(b"[\n{}\n]\n", Input::Lines).unwrap_err();
    assert!(defect.code == "not_json_lines" && defect.hint.contains("records.input"), "{defect}");
}

#[test]
fn a_letter_of_an_eight_bit_encoding_is_named_where_it_stands() {
    let latin = b"[\n{\"a\": \"caf\xe9\"},\n{\"a\": 1}]";
    let defect = read_all(latin, Input::Auto).unwrap_err();
    assert_eq!((defect.code, defect.line, defect.byte), ("bad_utf8", Some(2), Some(12)));
    assert!(defect.what.contains("0xe9 alone may be Windows-1252 or Latin-1"), "{defect}");
    let broken = read_all(b"{\"a\": \"\xe4\xb8\"}\n", Input::Auto).unwrap_err();
    assert!(!broken.what.contains("Latin-1"), "{broken}");
}
