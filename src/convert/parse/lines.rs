//! The lines of one batch, one after the other, each to the parser that it is for.

use std::collections::BTreeMap;

use super::super::bad_records::BadRecord;
use super::super::defect::Defect;
use super::super::frame::part::Part;
use super::super::input::Batch;
use super::ParsePlan;
use super::fast::{FastParser, Text};
use super::slow::SlowParser;
use crate::config::Nested;

/// Parses the lines of one batch.
pub(super) struct LineParser<'b> {
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
    pub(super) starts: Vec<usize>,
}

impl<'b> LineParser<'b> {
    /// A parser of the lines of `batch`; the records of `known` are bad, by where they begin.
    pub(super) fn new(batch: &'b Batch, plan: &'b ParsePlan, known: &'b BTreeMap<usize, Defect>) -> Self {
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

    /// Leaves every line to the other parsers, so that they can be compared.
    #[cfg(test)]
    pub(super) fn leave_fast_path_out(&mut self) {
        self.unicode = false;
    }

    /// Parses the line that begins at `start` into `part` and tells where the next one begins.
    pub(super) fn next(&mut self, start: usize, part: &mut Part) -> Result<usize, Defect> {
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
        let may_be_long = self.batch.cut_short || (self.text.end - start) as u64 > self.plan.record_bytes;
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
                let (defect, cut) = (defect.at_line(part.next_line()), self.batch.cut_short);
                part.leave_out(BadRecord { defect, start, text: line.to_vec(), cut });
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
        if self.batch.cut_short || line.len() as u64 > self.plan.record_bytes {
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
pub(super) fn lines_in(lines: &[u8]) -> usize {
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

/// A first line that ends before its record does, with more lines behind it, is a document spread over lines.
fn explain(defect: Defect, length: usize, more: bool) -> Defect {
    let cut_short = defect.code == "bad_json" && defect.byte == Some(length as u64);
    if defect.line == Some(1) && cut_short && more {
        return Defect { line: defect.line, byte: defect.byte, excerpt: defect.excerpt, ..Defect::one_document() };
    }
    defect
}
