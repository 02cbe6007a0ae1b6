//! Bytes to values: the lines of a batch into the columns of a [`Part`].
//!
//! simd-json does the work. Lines that it refuses go to the [`exact`] parser, which accepts what Python's `json`
//! accepts beyond it (`NaN`, the infinities, integers beyond 64 bits, lone surrogates), and whose verdict on a bad
//! line is the one reported.

mod exact;
mod tape;

use simd_json::{Buffers, INPUT_PADDING, StaticNode};

use super::defect::Defect;
use super::frame::part::Part;
use super::input::Batch;
use tape::{Node, Tape};

/// Limits that the parser holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ParseLimits {
    /// Levels of nesting, the record itself being the first.
    pub(crate) depth: usize,
    /// Columns of a frame.
    pub(crate) columns: usize,
}

/// Parses every line of `batch`. On a defect nothing of the batch is of use.
pub(crate) fn batch(mut batch: Batch, limits: ParseLimits) -> Result<Part, Defect> {
    let mut part = Part::new(batch.first_line);
    let mut parser =
        LineParser { buffers: Buffers::default(), tape: simd_json::Tape(Vec::new()), saved: Vec::new(), limits };
    let mut start = 0;
    while start < batch.end {
        let end = line_end(&batch.bytes[start..batch.end]).map_or(batch.end, |length| start + length);
        let next = end + break_length(&batch.bytes[end..batch.end]);
        let done = parser.line(&mut batch.bytes[start..end + INPUT_PADDING], end - start, &mut part);
        done.map_err(|defect| explain(defect, end - start, next < batch.end).offset_by(batch.offset + start as u64))?;
        start = next;
    }
    Ok(part)
}

/// Where the line ends: at a line feed or a carriage return, as in Python's universal newlines.
fn line_end(rest: &[u8]) -> Option<usize> {
    memchr::memchr2(b'\n', b'\r', rest)
}

fn break_length(rest: &[u8]) -> usize {
    if rest.starts_with(b"\r\n") { 2 } else { 1 }
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
            Ok(()) if too_wide => Some(Err(Defect::too_many_columns(part.next_line() - 1, self.limits.columns))),
            // The exact parser tells at which byte.
            Err(defect) if defect.code == "limit_depth" => None,
            done => Some(done),
        }
    }
}

/// The line by the exact parser.
fn exactly(line: &[u8], limits: ParseLimits, part: &mut Part) -> Result<(), Defect> {
    let tape = exact::parse(line, limits.depth).map_err(|defect| defect.at_line(part.next_line()))?;
    tape::record(&tape, part, limits.depth)
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
