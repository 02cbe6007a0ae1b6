//! Bytes to values: the records of a batch into the columns of a [`Part`].
//!
//! simd-json does the work. Lines that it refuses go to the [`exact`] parser, which accepts what Python's `json`
//! accepts beyond it (`NaN`, the infinities, integers beyond 64 bits, lone surrogates), and whose verdict on a bad
//! line is the one reported.

mod exact;
mod tape;

use simd_json::{Buffers, INPUT_PADDING, StaticNode};

use super::defect::Defect;
use super::frame::LineKind;
use super::frame::part::Part;
use super::input::{Batch, Ending, Place, Records, count_lines};
use tape::{Node, Tape};

/// Limits that the parser holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ParseLimits {
    /// Levels of nesting, the record itself being the first.
    pub(crate) depth: usize,
    /// Columns of a frame.
    pub(crate) columns: usize,
    /// Bytes of a record.
    pub(crate) record_bytes: u64,
}

/// Parses every record of `batch`, which must be of `kind` if earlier ones have decided that. On a defect nothing of the
/// batch is of use.
pub(crate) fn batch(mut batch: Batch, kind: Option<LineKind>, limits: ParseLimits) -> Result<Part, Defect> {
    let part = match &batch.records {
        None => Part::new(batch.first_line),
        Some(records) => Part::of_records(records.iter().map(|record| record.line).collect()),
    };
    let mut part = part.expecting(kind);
    let mut parser =
        LineParser { buffers: Buffers::default(), tape: simd_json::Tape(Vec::new()), saved: Vec::new(), limits };
    let mut records = Records::default();
    while let Some(place) = records.next(&batch) {
        let (start, length) = (place.start, place.end - place.start);
        let done = parser.line(&mut batch.bytes[start..place.end + INPUT_PADDING], length, &mut part);
        done.map_err(|defect| explain(defect, place).offset_by(batch.offset + start as u64))?;
    }
    Ok(part)
}

/// What the exact parser says against a record; `None` if nothing.
pub(crate) fn defect_in(record: &[u8], depth_limit: usize) -> Option<Defect> {
    exact::parse(record, depth_limit).err()
}

struct LineParser {
    buffers: Buffers,
    tape: simd_json::Tape<'static>,
    /// The line as it was, kept when simd-json may unescape in place.
    saved: Vec<u8>,
    limits: ParseLimits,
}

impl LineParser {
    /// Parses the line `padded[..length]`; what follows it in `padded` is not touched.
    fn line(&mut self, padded: &mut [u8], length: usize, part: &mut Part) -> Result<(), Defect> {
        if length as u64 > self.limits.record_bytes {
            return Err(Defect::record_too_long(part.next_line(), self.limits.record_bytes));
        }
        if padded[..length].iter().all(|b| matches!(b, b' ' | b'\t')) {
            part.skip_line();
            return Ok(());
        }
        let escapes = memchr::memchr(b'\\', &padded[..length]).is_some();
        if escapes {
            self.saved.clear();
            self.saved.extend_from_slice(&padded[..length]);
        }
        if let Some(done) = self.fast(padded, length, part) {
            return done;
        }
        let line = if escapes { &self.saved[..] } else { &padded[..length] };
        exactly(line, self.limits, part)
    }

    /// The line by simd-json; `None` if it is one for the exact parser.
    fn fast(&mut self, padded: &mut [u8], length: usize, part: &mut Part) -> Option<Result<(), Defect>> {
        let mut tape = std::mem::replace(&mut self.tape, simd_json::Tape(Vec::new())).reset();
        let parsed = simd_json::fill_tape_padded(padded, length, &mut self.buffers, &mut tape).is_ok();
        let done = parsed.then(|| tape::record(&tape, part, self.limits.depth));
        let too_wide = part.width() > self.limits.columns;
        self.tape = tape.reset();
        match done? {
            Ok(()) if too_wide => {
                Some(Err(Defect::too_many_columns(part.line_of(part.rows() - 1), self.limits.columns)))
            }
            // The exact parser tells at which byte.
            Err(defect) if defect.code == "limit_depth" => None,
            done => Some(done),
        }
    }
}

/// The line by the exact parser.
fn exactly(line: &[u8], limits: ParseLimits, part: &mut Part) -> Result<(), Defect> {
    let tape = exact::parse(line, limits.depth).map_err(|defect| {
        // A record of a document may go over several lines.
        let breaks = defect.byte.map_or(0, |byte| count_lines(&line[..usize::try_from(byte).unwrap_or(0)]));
        defect.at_line(part.next_line() + breaks)
    })?;
    tape::record(&tape, part, limits.depth)
}

/// What a defect means where it is: the end of the file is perhaps not its last word, and a first line that other lines
/// could complete is the beginning of a document.
fn explain(defect: Defect, place: Place) -> Defect {
    match place.ended_by {
        Ending::EndOfText if defect.truncated => defect.ended_too_early(),
        Ending::LineBreak if defect.goes_on && defect.line == Some(1) => {
            Defect { line: defect.line, byte: defect.byte, excerpt: defect.excerpt, ..Defect::one_document() }
        }
        _ => Defect { truncated: false, goes_on: false, ..defect },
    }
}

impl Tape for simd_json::Tape<'_> {
    #[inline]
    fn node(&self, index: usize) -> Node<'_> {
        match self.0[index] {
            simd_json::Node::String(text) => Node::Text(text.as_bytes()),
            simd_json::Node::Static(StaticNode::F64(value)) => Node::Float(value),
            simd_json::Node::Static(StaticNode::I64(value)) => Node::Int(value),
            simd_json::Node::Static(StaticNode::U64(value)) => unsigned(value),
            simd_json::Node::Static(StaticNode::Bool(value)) => Node::Bool(value),
            simd_json::Node::Static(StaticNode::Null) => Node::Null,
            simd_json::Node::Object { len, .. } => Node::Object(len),
            simd_json::Node::Array { len, .. } => Node::List(len),
        }
    }
}

#[inline]
fn unsigned(value: u64) -> Node<'static> {
    i64::try_from(value).map_or(Node::Uint(value), Node::Int)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

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
        #![proptest_config(ProptestConfig::with_cases(2000))]

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
}
