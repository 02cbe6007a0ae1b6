//! Where in the text of a record the fault stands that was found in its values: the key or value of the column at
//! fault, or the escape sequence. The record is JSON, so that brackets and quotes are all there is to look at; nobody
//! comes here before something is wrong.

use super::super::defect::Defect;
use super::super::input::count_lines;
use super::exact;
use super::tape::{Node, Tape};

/// `defect`, found in the values of `record`, with the byte and excerpt of its place, unless it has them. The record
/// begins at byte `offset` of the source, and in the line of the defect; with `flatten`, members of objects in it are
/// columns.
pub(crate) fn point(defect: Defect, record: &[u8], offset: u64, flatten: bool) -> Defect {
    if defect.byte.is_some() {
        return defect;
    }
    let at = place(&defect, record, flatten).unwrap_or_else(|| beginning(record));
    // A record of a document may go over several lines.
    let line = defect.line.map(|line| line + count_lines(&record[..at]));
    Defect { line, ..defect.at_byte(record, at).offset_by(offset) }
}

/// The byte of `record` at which the fault stands; `None` if it is none of this record, or of the record as a whole.
pub(crate) fn place(defect: &Defect, record: &[u8], flatten: bool) -> Option<usize> {
    let column = defect.column.as_deref()?;
    let named = |label: &[u8]| String::from_utf8_lossy(label) == column;
    match defect.code {
        "lone_surrogate" => lone_surrogate(record, named, flatten),
        "label_clash" => last(record, flatten, named).map(|found| found.key),
        // What the keys differ by is not in the name of the column.
        "colliding_labels" => {
            let named = |label: &[u8]| String::from_utf8_lossy(label).trim_end_matches('\0') == column;
            last(record, flatten, named).map(|found| found.key)
        }
        _ => last(record, flatten, named).map(|found| found.value),
    }
}

/// The column with a label that is `named`. Of two equal keys the last one counts.
fn last(record: &[u8], flatten: bool, named: impl Fn(&[u8]) -> bool) -> Option<Found> {
    let (mut walk, mut last) = (Walk::new(record, flatten), None);
    while let Some(found) = walk.next_column() {
        if named(&walk.label) {
            last = Some(found);
        }
    }
    last
}

/// Half of a surrogate pair: in a key that is `named`, or else in the value of the column that is.
fn lone_surrogate(record: &[u8], named: impl Fn(&[u8]) -> bool, flatten: bool) -> Option<usize> {
    let (mut walk, mut in_value) = (Walk::new(record, flatten), None);
    while let Some(Found { key, value }) = walk.next_column() {
        let text = text_at(record, key);
        if key < value
            && let Some(at) = first_lone(text)
            && named(&unescaped(text))
        {
            return Some(key + at);
        }
        if named(&walk.label) {
            in_value = first_lone(text_at(record, value)).map(|at| value + at);
        }
    }
    in_value
}

/// A member or item that is a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Found {
    /// Where its key begins; its value, if it has none.
    key: usize,
    /// Where its value begins.
    value: usize,
}

/// A walk over a record, from column to column.
struct Walk<'r> {
    record: &'r [u8],
    flatten: bool,
    at: usize,
    /// The containers around the place at hand.
    open: Vec<Level>,
    /// The label of the column found last.
    label: Vec<u8>,
    /// Where the key begins whose value comes next.
    key: Option<usize>,
}

struct Level {
    object: bool,
    /// Whether its members or items are columns, or hold some.
    columns: bool,
    /// Members or items before the one at hand.
    passed: usize,
    key_next: bool,
    /// Length of the label that its members' labels begin with.
    prefix: usize,
}

impl<'r> Walk<'r> {
    fn new(record: &'r [u8], flatten: bool) -> Self {
        Self { record, flatten, at: 0, open: Vec::new(), label: Vec::new(), key: None }
    }

    /// The next column.
    fn next_column(&mut self) -> Option<Found> {
        loop {
            let (here, byte) = (self.at, *self.record.get(self.at)?);
            self.at += 1;
            match byte {
                b' ' | b'\t' | b'\n' | b'\r' | b':' => {}
                b',' => self.next_member(),
                b'}' | b']' => drop(self.open.pop()),
                b'"' if self.open.last().is_some_and(|level| level.key_next) => self.take_key(here),
                _ => {
                    if let Some(found) = self.value(here, byte) {
                        return Some(found);
                    }
                }
            }
        }
    }

    fn next_member(&mut self) {
        if let Some(level) = self.open.last_mut() {
            (level.passed, level.key_next) = (level.passed + 1, level.object);
        }
    }

    fn take_key(&mut self, here: usize) {
        let text = text_at(self.record, here);
        self.at = here + text.len();
        let Some(level) = self.open.last_mut() else { return };
        level.key_next = false;
        if level.columns {
            self.key = Some(here);
            self.label.truncate(level.prefix);
            self.label.extend(unescaped(text));
        }
    }

    /// Goes past a text, number or word, or into a container.
    fn value(&mut self, here: usize, byte: u8) -> Option<Found> {
        let container = matches!(byte, b'{' | b'[');
        let is_column = self.open.last().map_or(!container, |level| level.columns);
        if let Some(Level { object: false, columns: true, passed, .. }) = self.open.last() {
            self.label = passed.to_string().into_bytes();
        } else if self.open.is_empty() {
            self.label = b"0".to_vec();
        }
        let found = Found { key: self.key.take().unwrap_or(here), value: here };
        if !container {
            self.at = here + scalar_at(self.record, here).len();
            return is_column.then_some(found);
        }
        let flat = self.flatten && byte == b'{' && self.open.last().is_some_and(|level| level.object && level.columns);
        self.enter(byte == b'{', flat);
        (is_column && !flat).then_some(found)
    }

    fn enter(&mut self, object: bool, flat: bool) {
        let outermost = self.open.is_empty();
        if outermost {
            self.label.clear();
        }
        if flat {
            self.label.push(b'.');
        }
        let prefix = self.label.len();
        self.open.push(Level { object, columns: outermost || flat, passed: 0, key_next: object, prefix });
    }
}

/// The text, number or word that begins at `at`.
fn scalar_at(record: &[u8], at: usize) -> &[u8] {
    if record[at] == b'"' {
        return text_at(record, at);
    }
    let rest = &record[at..];
    let ends = |b: &u8| matches!(b, b',' | b':' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r');
    // At least a byte, so that the walk gets on whatever stands here.
    &rest[..rest.iter().position(ends).unwrap_or(rest.len()).max(1)]
}

/// The text that begins at `at`, its quotes included; nothing if none does.
fn text_at(record: &[u8], at: usize) -> &[u8] {
    let rest = &record[at..];
    if rest.first() != Some(&b'"') {
        return &[];
    }
    let mut end = 1;
    while let Some(step) = rest.get(end..).and_then(|rest| memchr::memchr2(b'"', b'\\', rest)) {
        end += step;
        if rest[end] == b'"' {
            return &rest[..=end];
        }
        end += 2;
    }
    rest
}

/// What a text stands for; a lone surrogate as three bytes.
fn unescaped(text: &[u8]) -> Vec<u8> {
    let tape = exact::parse(text, 1);
    match tape.as_ref().map(|tape| tape.node(0)) {
        Ok(Node::Text(name) | Node::WildText(name)) => name.to_vec(),
        _ => Vec::new(),
    }
}

/// Where in `text` the first escape sequence stands that is half of a surrogate pair.
fn first_lone(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    while let Some(step) = text.get(at..).and_then(|rest| memchr::memchr(b'\\', rest)) {
        at += step;
        let pair = matches!(surrogate(text, at), Some(0xd800..=0xdbff))
            && matches!(surrogate(text, at + 6), Some(0xdc00..=0xdfff));
        match surrogate(text, at) {
            Some(_) if pair => at += 12,
            Some(_) => return Some(at),
            None => at += 2,
        }
    }
    None
}

/// The surrogate whose escape sequence begins at `at`, if one does.
fn surrogate(text: &[u8], at: usize) -> Option<u16> {
    let digits = text.get(at..at + 6)?.strip_prefix(b"\\u")?;
    let code = u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    (0xd800..0xe000).contains(&code).then_some(code)
}

/// Where the value of a record begins.
fn beginning(record: &[u8]) -> usize {
    record.iter().position(|byte| !matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn misfit(column: &str) -> Defect {
        Defect::misfit(7, column, "no")
    }

    /// What stands at the place of `defect`, cut off behind a few characters.
    fn at(defect: &Defect, record: &str, flatten: bool) -> Option<String> {
        place(defect, record.as_bytes(), flatten).map(|at| record[at..].chars().take(6).collect())
    }

    #[test]
    fn a_fault_is_at_the_value_of_its_column_whatever_stands_before_it() {
        let record =
            r#" {"b": {"a": 1, "c": [{"a": 2}]}, "x\"a": "\"a\":3", "\u0061" : 4, "l": [5], "e": {}, "z": "end"}"#;
        for (column, text) in
            [("a", "4, \"l\""), ("b", "{\"a\": "), ("l", "[5], "), ("e", "{}, \"z"), ("x\"a", "\"\\\"a\\\"")]
        {
            assert!(at(&misfit(column), record, false).is_some_and(|found| found.starts_with(text)), "{column}");
        }
        assert_eq!(at(&misfit("c"), record, false), None);
        assert_eq!(at(&misfit("b.a"), record, false), None);
        assert_eq!(at(&misfit("b.a"), record, true).as_deref(), Some("1, \"c\""));
        assert_eq!(at(&misfit("b.c"), record, true).as_deref(), Some("[{\"a\":"));
        assert_eq!(at(&misfit("z"), record, true).as_deref(), Some("\"end\"}"));
        assert_eq!(at(&misfit("a"), r#"{"a": 1, "a": 2}"#, false).as_deref(), Some("2}"), "the last one counts");
    }

    #[test]
    fn items_and_single_values_are_columns_too() {
        assert_eq!(at(&misfit("2"), r#"[{"2": 0}, [1, 2, 3], "x", 4]"#, true).as_deref(), Some("\"x\", 4"));
        assert_eq!(at(&misfit("0"), " \"x\" ", false).as_deref(), Some("\"x\" "));
        assert_eq!(at(&misfit("1"), "[7]", false), None);
    }

    #[test]
    fn half_of_a_pair_is_found_in_its_column_and_not_in_another_that_may_hold_it() {
        let record = r#"{"m": ["\ud800"], "t": "\\ud800\ud83d\ude00é\uDc00", "u": "\ud800"}"#;
        assert_eq!(at(&Defect::lone_surrogate(1, "t"), record, false).as_deref(), Some("\\uDc00"));
        let record = r#"{"m": {"\ud800": 1}, "a": "\ud801", "\ud800": 1}"#;
        let key = Defect::lone_surrogate_in_key(1, &String::from_utf8_lossy(b"\xed\xa0\x80"));
        let found = place(&key, record.as_bytes(), false).unwrap();
        assert_eq!(&record[found..found + 9], "\\ud800\": ", "{found}");
        assert!(found > 20);
        assert!(place(&key, record.as_bytes(), true).unwrap() < 10);
    }

    #[test]
    fn keys_that_clash_are_told_by_the_later_one() {
        let record = r#"{"a.b": 1, "a": {"b": 2}, "k": 1, "k\u0000": 2}"#;
        assert_eq!(at(&Defect::label_clash(1, "a.b"), record, true).as_deref(), Some("\"b\": 2"));
        assert_eq!(at(&Defect::colliding_labels(1, "k"), record, false).as_deref(), Some("\"k\\u00"));
    }

    #[test]
    fn line_byte_and_excerpt_are_those_of_the_place() {
        let found = point(misfit("b"), b"\n{\"a\": 1,\n \"b\": 2}", 100, false);
        assert_eq!((found.line, found.byte), (Some(9), Some(116)));
        assert!(found.to_string().ends_with("near `\\n{\"a\": 1,\\n \"b\": 2}`"), "{found}");
        let whole = point(misfit("c"), b" {\"a\": 1}", 100, false);
        assert_eq!((whole.line, whole.byte), (Some(7), Some(101)));
        let known = Defect { byte: Some(5), ..misfit("b") };
        assert_eq!(point(known.clone(), b"{\"b\": 1}", 100, false), known);
    }

    #[test]
    fn whatever_the_bytes_are_the_walk_ends() {
        for text in [
            "",
            "{",
            "\"",
            "{\"a",
            "{\"a\\",
            "[[[[",
            "]]]]",
            "}{",
            ",,,",
            "\\u",
            "{\"a\":\"\\ud8",
            "{\"a\"\"b\"",
            "\u{1}",
        ] {
            let _ = (at(&misfit("a"), text, true), at(&Defect::lone_surrogate(1, "a"), text, false));
        }
    }
}
