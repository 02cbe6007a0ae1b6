//! Bytes to values: the lines of a batch into the columns of a [`Part`].
//!
//! Three parsers, each for what the one before leaves to it: [`fast`] reads records of the usual kind straight into the
//! columns; simd-json reads every other JSON of the standard; [`exact`] accepts what Python's `json` accepts beyond it
//! (integers beyond 64 bits, lone surrogates), and its verdict on a bad line is the one reported.

mod canonical;
mod exact;
mod fast;
mod tape;

use std::collections::{BTreeMap, HashMap, HashSet};

use simd_json::{Buffers, INPUT_PADDING, StaticNode};

use super::bad_records::BadRecord;
use super::defect::Defect;
use super::frame::LineKind;
use super::frame::column::Tag;
use super::frame::hints::{Hints, Misfit};
use super::frame::part::Part;
use super::input::Batch;
use crate::config::Nested;
use fast::{FastParser, Text};
use tape::{Node, Tape};

/// How records are to be read, the same for all batches of a source.
#[derive(Debug)]
pub(crate) struct ParsePlan {
    /// Most levels of nesting, the record itself being the first.
    pub(crate) depth: usize,
    /// Most columns of a frame.
    pub(crate) columns: usize,
    /// Most bytes of a record.
    pub(crate) record_bytes: u64,
    /// What becomes of lists and objects inside records.
    pub(crate) nested: Nested,
    /// What columns are to be.
    pub(crate) hints: Hints,
    /// Whether a bad record is left out, and not its file.
    pub(crate) skip_bad: bool,
    /// What the records of earlier batches are.
    pub(crate) kind: Option<LineKind>,
    /// With `skip_bad`: columns of text, in which a lone surrogate makes a record bad.
    pub(crate) text_columns: HashSet<Vec<u8>>,
    /// With `skip_bad`: columns without which a record is bad, and why.
    pub(crate) needed_columns: HashMap<Vec<u8>, String>,
}

/// Parses every line of `batch`. On a defect nothing of the batch is of use.
///
/// What is wrong with a value is known only when the columns are there. A record that is left out for that must leave no
/// trace in them, so that the batch is read again without it.
pub(crate) fn batch(batch: &Batch, plan: &ParsePlan) -> Result<Part, Defect> {
    let mut known = BTreeMap::new();
    loop {
        let mut lines = LineParser::new(batch, plan, &known);
        let mut part = Part::new(batch.first_line, plan.kind);
        let mut start = 0;
        while start < batch.end {
            start = lines.next(start, &mut part)?;
        }
        if part.lines() != lines_in(&batch.bytes[..batch.end]) {
            return Err(Defect::internal("records, bad records and blank lines are not all lines"));
        }
        let starts = lines.starts;
        let found = misfits(&mut part, plan);
        match found.first() {
            None => return Ok(part),
            Some((_, defect)) if !plan.skip_bad => return Err(defect.clone()),
            Some(_) => known.extend(found.into_iter().map(|(row, defect)| (starts[row], defect))),
        }
    }
}

/// The rows that hold a value which does not fit its column, and why; the first first.
fn misfits(part: &mut Part, plan: &ParsePlan) -> Vec<(usize, Defect)> {
    let misfits = plan.hints.apply(part);
    let defect = |misfit: Misfit| (misfit.row, Defect::misfit(part.line_of(misfit.row), &misfit.column, &misfit.why));
    let mut found: Vec<_> = misfits.into_iter().map(defect).collect();
    for index in 0..part.width() {
        if plan.text_columns.is_empty() || !plan.text_columns.contains(&part.label(index)) {
            continue;
        }
        let label = String::from_utf8_lossy(&part.label(index)).into_owned();
        let column = part.column(index);
        let wild = (0..column.len()).filter(|row| column.tag(*row) == Tag::WildText);
        found.extend(wild.map(|row| (row, Defect::lone_surrogate(part.line_of(row), &label))));
    }
    for (label, why) in &plan.needed_columns {
        if !(0..part.width()).any(|index| part.label(index) == *label) {
            let label = String::from_utf8_lossy(label);
            found.extend((0..part.rows()).map(|row| (row, Defect::misfit(part.line_of(row), &label, why))));
        }
    }
    found.sort_by_key(|(row, _)| *row);
    found
}

/// Parses the lines of one batch.
struct LineParser<'b> {
    batch: &'b Batch,
    text: Text<'b>,
    /// Whether the batch is UTF-8; if not, the exact parser finds the place.
    unicode: bool,
    fast: FastParser,
    slow: SlowParser,
    plan: &'b ParsePlan,
    /// Records that are known to be bad, by where they begin.
    known: &'b BTreeMap<usize, Defect>,
    /// Where each record begins, if bad ones are left out.
    starts: Vec<usize>,
}

impl<'b> LineParser<'b> {
    fn new(batch: &'b Batch, plan: &'b ParsePlan, known: &'b BTreeMap<usize, Defect>) -> Self {
        let lines = &batch.bytes[..batch.end];
        Self {
            batch,
            text: Text { bytes: &batch.bytes, end: batch.end, clean: is_clean(lines), breaks: false },
            unicode: simdutf8::basic::from_utf8(lines).is_ok(),
            fast: FastParser::new(plan.depth, plan.nested == Nested::Object),
            slow: SlowParser::default(),
            plan,
            known,
            starts: Vec::new(),
        }
    }

    /// Parses the line that begins at `start` into `part` and tells where the next one begins.
    fn next(&mut self, start: usize, part: &mut Part) -> Result<usize, Defect> {
        let (rows, end) = (part.rows(), self.line(start, part)?);
        if part.width() > self.plan.columns {
            return Err(Defect::too_many_columns(part.next_line() - 1, self.plan.columns));
        }
        if self.plan.skip_bad && part.rows() > rows {
            self.starts.push(start);
        }
        Ok(end + break_length(&self.text.bytes[end..self.text.end]))
    }

    /// Parses the line, or leaves its record out, and tells where it ends.
    #[inline]
    fn line(&mut self, start: usize, part: &mut Part) -> Result<usize, Defect> {
        let may_be_long = (self.text.end - start) as u64 > self.plan.record_bytes;
        let at_once = self.unicode && !may_be_long && self.known.is_empty();
        if at_once && let Some(end) = self.fast.record(&self.text, start, part) {
            return Ok(end);
        }
        let rest = &self.text.bytes[start..self.text.end];
        let line = &rest[..line_end(rest).unwrap_or(rest.len())];
        let end = start + line.len();
        match self.slowly(start, line, part, at_once) {
            Err(defect) if self.plan.skip_bad => {
                let start = self.batch.offset + start as u64;
                part.leave_out(BadRecord { defect: defect.at_line(part.next_line()), start, text: line.to_vec() });
                Ok(end)
            }
            done => done.map(|()| end),
        }
    }

    /// `tried` tells that the fast path has left this line already.
    fn slowly(&mut self, start: usize, line: &[u8], part: &mut Part, tried: bool) -> Result<(), Defect> {
        if let Some(defect) = self.known.get(&start) {
            return Err(defect.clone());
        }
        if line.len() as u64 > self.plan.record_bytes {
            return Err(Defect::record_too_long(part.next_line(), self.plan.record_bytes));
        }
        if line.iter().all(|b| matches!(b, b' ' | b'\t')) {
            part.skip_line();
            return Ok(());
        }
        if self.unicode && !tried && self.fast.record(&self.text, start, part).is_some() {
            return Ok(());
        }
        let behind = start + line.len();
        let more = behind + break_length(&self.text.bytes[behind..self.text.end]) < self.text.end;
        let parsed = self.slow.line(line, self.plan, part);
        parsed.map_err(|defect| explain(defect, line.len(), more).offset_by(self.batch.offset + start as u64))
    }
}

/// Returns true if and only if there is no control character in `lines` but line breaks.
fn is_clean(lines: &[u8]) -> bool {
    let clean = |b: &u8| (*b >= 0x20) | (*b == b'\n') | (*b == b'\r');
    // Without a branch in the inner loop, many bytes are looked at in one step.
    lines.chunks(1024).all(|chunk| chunk.iter().fold(true, |all, b| all & clean(b)))
}

/// Lines in whole lines, of which the last may lack its line break.
fn lines_in(lines: &[u8]) -> usize {
    let feeds = memchr::memchr_iter(b'\n', lines).count();
    let lone = memchr::memchr_iter(b'\r', lines).filter(|at| lines.get(at + 1) != Some(&b'\n')).count();
    feeds + lone + usize::from(!matches!(lines.last(), None | Some(b'\n' | b'\r')))
}

/// Where the line ends: at a line feed or a carriage return, as in Python's universal newlines.
fn line_end(rest: &[u8]) -> Option<usize> {
    memchr::memchr2(b'\n', b'\r', rest)
}

#[inline]
fn break_length(rest: &[u8]) -> usize {
    match rest {
        [b'\r', b'\n', ..] => 2,
        [] => 0,
        _ => 1,
    }
}

/// Parses lines that the fast path leaves.
#[derive(Default)]
struct SlowParser {
    buffers: Buffers,
    tape: Option<simd_json::Tape<'static>>,
    /// A copy of the line, because simd-json unescapes in place.
    copy: Vec<u8>,
}

impl SlowParser {
    fn line(&mut self, line: &[u8], plan: &ParsePlan, part: &mut Part) -> Result<(), Defect> {
        self.standard(line, plan, part).unwrap_or_else(|| exactly(line, plan, part))
    }

    /// The line by simd-json; `None` if it is one for the exact parser.
    fn standard(&mut self, line: &[u8], plan: &ParsePlan, part: &mut Part) -> Option<Result<(), Defect>> {
        self.copy.clear();
        self.copy.extend_from_slice(line);
        self.copy.resize(line.len() + INPUT_PADDING, 0);
        let mut tape = self.tape.take().unwrap_or(simd_json::Tape(Vec::new())).reset();
        let parsed = simd_json::fill_tape_padded(&mut self.copy, line.len(), &mut self.buffers, &mut tape).is_ok();
        let done = parsed.then(|| tape::record(&tape, part, plan.depth, plan.nested));
        self.tape = Some(tape.reset());
        match done? {
            // The exact parser tells at which byte.
            Err(defect) if defect.code == "limit_depth" => {
                part.abandon();
                None
            }
            done => Some(done),
        }
    }
}

/// The line by the exact parser.
fn exactly(line: &[u8], plan: &ParsePlan, part: &mut Part) -> Result<(), Defect> {
    let tape = exact::parse(line, plan.depth).map_err(|defect| defect.at_line(part.next_line()))?;
    tape::record(&tape, part, plan.depth, plan.nested)
}

/// A first line that ends before its record does, with more lines behind it, is a document spread over lines.
fn explain(defect: Defect, length: usize, more: bool) -> Defect {
    let cut_short = defect.code == "bad_json" && defect.byte == Some(length as u64);
    if defect.line == Some(1) && cut_short && more {
        return Defect { line: defect.line, byte: defect.byte, excerpt: defect.excerpt, ..Defect::one_document() };
    }
    defect
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
            ("{} {}", 3, "expected the end of the line"),
            ("nan", 0, "expected a JSON value, found `n`"),
            ("+1", 0, "expected a JSON value"),
        ] {
            assert!(by_simd(text.as_bytes()).is_none(), "{text}");
            let defect = exactly_so(text.as_bytes()).unwrap_err();
            assert_eq!((defect.byte, defect.what.contains(what)), (Some(byte), true), "{text}: {defect}");
        }
    }
}
