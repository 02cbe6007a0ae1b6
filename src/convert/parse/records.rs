//! The records of one batch, one after the other, each to the parser that it is for.

use std::collections::BTreeMap;

use super::super::bad_records::BadRecord;
use super::super::defect::Defect;
use super::super::frame::part::Part;
use super::super::input::{Batch, Ending, Place, Survey, break_length, first_line_end};
use super::ParsePlan;
use super::fast::{FastParser, Text};
use super::fault;
use super::slow::SlowParser;
use crate::config::Nested;

/// Parses the records of one batch.
pub(super) struct RecordParser<'b> {
    batch: &'b Batch,
    text: Text<'b>,
    /// Whether the batch is UTF-8; if not, the exact parser finds the place.
    unicode: bool,
    /// How many records there are, bad ones and blank lines counted.
    records: usize,
    fast: FastParser,
    slow: SlowParser,
    plan: &'b ParsePlan,
    /// Records that are known to be bad, by where they begin.
    known: &'b BTreeMap<usize, Defect>,
    part: Part,
    /// Where each record begins, if that is to be known.
    starts: Vec<usize>,
}

impl<'b> RecordParser<'b> {
    /// A parser of the records of `batch`; those of `known` are bad, by where they begin.
    pub(super) fn new(batch: &'b Batch, plan: &'b ParsePlan, known: &'b BTreeMap<usize, Defect>) -> Self {
        let text = &batch.bytes[..batch.end];
        let Survey { clean, breaks } = batch.survey;
        let part = match &batch.records {
            None => Part::new(batch.first_line, plan.kind),
            Some(spans) => Part::of_records(spans.iter().map(|span| span.line).collect(), plan.kind),
        };
        let part = part.with_plain_keys(&plan.plain);
        Self {
            batch,
            text: Text { bytes: &batch.bytes, end: batch.end, clean, breaks: batch.records.is_some() },
            unicode: simdutf8::basic::from_utf8(text).is_ok(),
            records: batch.records.as_ref().map_or_else(|| lines_in(text, breaks), Vec::len),
            fast: FastParser::new(plan.depth, plan.nested == Nested::Object),
            slow: SlowParser::default(),
            plan,
            known,
            part,
            starts: Vec::new(),
        }
    }

    /// Leaves every record to the other parsers, so that they can be compared.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(super) fn without_fast_path(mut self) -> Self {
        self.unicode = false;
        self
    }

    /// Parses all records, and tells where each of those begins that are in the part, if that is to be known.
    pub(super) fn all(mut self) -> Result<(Part, Vec<usize>), Defect> {
        if let Some(spans) = &self.batch.records {
            for span in spans {
                self.text.end = span.end;
                let place = Place { start: span.start, end: span.end, ended_by: Ending::Structure };
                self.record(span.start, |_| place)?;
            }
        } else {
            let mut start = 0;
            while start < self.batch.end {
                let end = self.record(start, |text| line_at(text, start))?;
                start = end + break_length(&self.batch.bytes[end..self.batch.end]);
            }
        }
        if self.part.lines() == self.records {
            Ok((self.part, self.starts))
        } else {
            Err(Defect::internal("records taken, records left out and blank lines are not all there are"))
        }
    }

    /// Parses the record that begins at `start`, or leaves it out, and tells where it ends; `place` finds that where the
    /// fast path did not.
    #[inline]
    fn record(&mut self, start: usize, place: impl FnOnce(&Text<'_>) -> Place) -> Result<usize, Defect> {
        let may_be_long = self.batch.cut_short || (self.text.end - start) as u64 > self.plan.record_bytes;
        let at_once = self.unicode && !may_be_long && self.known.is_empty();
        let fast = if at_once { self.fast.record(&self.text, start, &mut self.part) } else { None };
        let end = match fast {
            Some(end) => {
                if self.plan.keep_starts {
                    self.starts.push(start);
                }
                end
            }
            None => self.other_record(place(&self.text), at_once)?,
        };
        if self.part.width() > self.plan.columns {
            let defect = Defect::too_many_columns(self.part.line_of(self.part.rows() - 1), self.plan.columns);
            return Err(self.point_out(defect, start, end));
        }
        Ok(end)
    }

    /// The same for a record whose place is known; `tried` tells that the fast path has left it already.
    fn other_record(&mut self, place: Place, tried: bool) -> Result<usize, Defect> {
        let (rows, record) = (self.part.rows(), &self.batch.bytes[place.start..place.end]);
        let done = self.slowly(record, place, tried);
        match done.map_err(|defect| self.point_out(defect, place.start, place.end)) {
            Ok(()) if self.plan.keep_starts && self.part.rows() > rows => self.starts.push(place.start),
            Ok(()) => {}
            Err(defect) if self.plan.skip_bad && (self.plan.skip_truncated || !defect.truncated) => {
                let start = self.batch.offset + place.start as u64;
                let defect = defect.at_line(self.part.next_line());
                self.part.leave_out(BadRecord { defect, start, text: record.to_vec(), cut: self.batch.cut_short });
            }
            Err(defect) => return Err(defect),
        }
        Ok(place.end)
    }

    /// `defect` with its place in the record from `start` to `end`.
    fn point_out(&self, defect: Defect, start: usize, end: usize) -> Defect {
        let (record, offset) = (&self.batch.bytes[start..end], self.batch.offset + start as u64);
        fault::point(defect, record, offset, self.plan.nested == Nested::Flatten)
    }

    fn slowly(&mut self, record: &[u8], place: Place, tried: bool) -> Result<(), Defect> {
        if let Some(defect) = self.known.get(&place.start) {
            return Err(defect.clone());
        }
        if self.batch.cut_short || record.len() as u64 > self.plan.record_bytes {
            return Err(Defect::record_too_long(self.part.next_line(), self.plan.record_bytes));
        }
        if record.iter().all(|b| matches!(b, b' ' | b'\t')) {
            self.part.skip_line();
            return Ok(());
        }
        if self.unicode && !tried && self.fast.record(&self.text, place.start, &mut self.part).is_some() {
            return Ok(());
        }
        let parsed = self.slow.record(record, self.plan, &mut self.part);
        parsed.map_err(|defect| explain(defect, place).offset_by(self.batch.offset + place.start as u64))
    }
}

/// The line that begins at `start`.
fn line_at(text: &Text<'_>, start: usize) -> Place {
    let end = first_line_end(&text.bytes[start..text.end]).map_or(text.end, |length| start + length);
    Place { start, end, ended_by: if end == text.end { Ending::EndOfText } else { Ending::LineBreak } }
}

/// Lines in whole lines with so many line breaks, of which the last may lack its own.
fn lines_in(lines: &[u8], breaks: u64) -> usize {
    usize::try_from(breaks).unwrap_or(usize::MAX) + usize::from(!matches!(lines.last(), None | Some(b'\n' | b'\r')))
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
