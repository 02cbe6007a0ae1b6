//! Bytes of a source, hashed, unpacked and cut into batches at record ends.
//!
//! The way of the bytes: `source` reads and hashes what lies on disk; `unpack` undoes gzip, zstd, xz and bzip2, known by
//! their first bytes (`taken`, `codec`); `text` is what comes out. `sniff` refuses what is no JSON in UTF-8. `first_line`
//! decides whether each line is a record or all of it is one document, whose records `document` finds by their
//! `structure`. A [`Batch`] is about a mebibyte of whole records; where a record is longer, the batch grows until it
//! holds it, up to the limit for a record. Memory is one batch, whatever the size of the file.

mod batch;
mod codec;
mod document;
mod first_line;
mod lines;
mod long_line;
mod sniff;
mod source;
mod structure;
mod taken;
mod text;
mod unpack;

#[cfg(test)]
mod tests;

use std::fs::File;

pub(crate) use batch::{Batch, Ending, Place, RecordSpan};
pub(crate) use lines::{Survey, break_length, count_lines, first_line_end};
pub use taken::{Compression, Shape, Taken};

use super::ConvertError;
use super::deadline::Deadline;
use super::defect::Defect;
use super::profile::{self, Stage};
use crate::config::Input;
use document::Document;
use first_line::Kind;
use lines::last_line_end;
use text::Text;

/// Bytes that a batch aims at.
pub(crate) const BATCH_BYTES: usize = 1 << 20;

/// How a source is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReadOptions {
    /// What the text is said to be.
    pub(crate) input: Input,
    /// Bytes that a batch aims at.
    pub(crate) batch_bytes: usize,
    /// Limit: bytes of a record.
    pub(crate) record_bytes: u64,
    /// Whether a longer line is passed over, and not refused.
    pub(crate) skip_long: bool,
    /// Limit: bytes of the file, as it lies on disk; 0 for none.
    pub(crate) file_bytes: u64,
    /// Limit: levels of nesting in a record.
    pub(crate) depth: usize,
    /// Limit: bytes of text for each byte of a compressed file.
    pub(crate) decompression_ratio: u64,
    /// Limit: time of the conversion.
    pub(crate) deadline: Deadline,
}

/// How many bytes the text of `file` has, all of it read (with `hash`, hashed) and unpacked, but not cut: for the benchmark
/// of the stages.
#[cfg(any(test, feature = "bench"))]
pub(crate) fn text_length(file: &File, options: ReadOptions, hash: bool) -> Result<u64, ConvertError> {
    let mut text = Text::new(file, options.file_bytes, options.decompression_ratio, hash);
    let (mut length, mut batch) = (0, Vec::new());
    loop {
        batch.clear();
        let ended = text.read_into(&mut batch, options.batch_bytes)?;
        length += batch.len() as u64;
        if ended {
            return Ok(length);
        }
    }
}

/// Reads a source batch by batch.
pub(crate) struct BatchReader<'a> {
    text: Text<'a>,
    options: ReadOptions,
    state: State,
    /// Text read that belongs to the next batch.
    carry: Vec<u8>,
    /// The byte of the text, and the line of the source, at which `carry` begins.
    offset: u64,
    line: u64,
    /// Whether all of the text has been read.
    ended: bool,
    /// Whether it began with a byte order mark.
    bom: bool,
}

enum State {
    /// Nothing has been read.
    Fresh,
    /// The first line that is not blank has not been seen.
    Undecided,
    Lines,
    Document(Document),
    /// The document has a defect behind the records that were handed out.
    Defect(Defect),
}

impl<'a> BatchReader<'a> {
    /// A reader of `file` from where it stands; with `hash`, the hash of its bytes is computed on the way.
    pub(crate) fn new(file: &'a File, options: ReadOptions, hash: bool) -> Self {
        Self {
            text: Text::new(file, options.file_bytes, options.decompression_ratio, hash),
            options,
            state: State::Fresh,
            carry: Vec::new(),
            offset: 0,
            line: 1,
            ended: false,
            bom: false,
        }
    }

    /// The next batch, or `None` at the end of the file.
    pub(crate) fn next_batch(&mut self) -> Result<Option<Batch>, ConvertError> {
        let _split = profile::span(Stage::Split);
        loop {
            match std::mem::replace(&mut self.state, State::Lines) {
                State::Fresh => self.state = self.begin()?,
                State::Undecided => self.state = self.decide()?,
                State::Lines => return self.next_lines(),
                State::Document(document) => return self.next_records(document),
                State::Defect(defect) => return Err(defect.into()),
            }
        }
    }

    /// Number of bytes of the file read so far, as they lie on disk.
    pub(crate) fn bytes_read(&self) -> u64 {
        self.text.source().bytes_read()
    }

    /// Bytes of text in the batches so far.
    pub(crate) fn text_bytes(&self) -> u64 {
        self.offset
    }

    /// Hash of these bytes, if it was asked for.
    pub(crate) fn hash(&self) -> Option<[u8; 32]> {
        self.text.source().hash()
    }

    /// What the source turned out to be.
    pub(crate) fn taken(&self) -> Taken {
        let shape = match &self.state {
            State::Document(document) => document.shape(),
            _ => Shape::Lines,
        };
        Taken { shape, compression: self.text.compression(), bom: self.bom }
    }

    /// Reads the first piece and sees to it that it is JSON text.
    fn begin(&mut self) -> Result<State, ConvertError> {
        self.fill(self.options.batch_bytes.max(sniff::ENOUGH))?;
        let mark = sniff::check(&self.carry, self.text.compression())?;
        self.bom = mark > 0;
        self.drop_front(mark);
        Ok(match self.options.input {
            Input::Auto => State::Undecided,
            Input::Lines => State::Lines,
            Input::Document => self.document(),
        })
    }

    fn decide(&mut self) -> Result<State, ConvertError> {
        loop {
            match first_line::kind(&self.carry, self.ended, self.options.depth) {
                Some(Kind::Lines) => return Ok(State::Lines),
                Some(Kind::Document) => return Ok(self.document()),
                None => {}
            }
            self.drop_blank_lines();
            if self.options.skip_long && self.carry.len() as u64 > self.options.record_bytes {
                return Ok(State::Lines);
            }
            self.check_record(0, self.line).map_err(|defect| defect.or_one_array(&self.carry))?;
            self.fill(self.carry.len())?;
        }
    }

    fn document(&self) -> State {
        State::Document(Document::new(self.line, self.options.depth))
    }

    /// The next whole lines.
    fn next_lines(&mut self) -> Result<Option<Batch>, ConvertError> {
        let mut cut = last_line_end(&self.carry);
        while cut == 0 && !self.ended {
            if self.options.skip_long && self.carry.len() as u64 > self.options.record_bytes {
                return self.long_line().map(Some);
            }
            self.check_record(0, self.line)?;
            self.fill(self.carry.len())?;
            cut = last_line_end(&self.carry);
        }
        if self.ended {
            cut = self.carry.len();
        }
        if cut == 0 {
            return Ok(None);
        }
        let batch = self.batch(cut, None);
        self.line += batch.survey.breaks;
        Ok(Some(batch))
    }

    /// The beginning of a line that is longer than a record may be; the rest is passed over.
    fn long_line(&mut self) -> Result<Batch, ConvertError> {
        let mut bytes = std::mem::take(&mut self.carry);
        let mut passed = bytes.len() as u64;
        let behind = long_line::cut_short(&mut bytes, || {
            if !self.ended {
                self.fill(0)?;
            }
            let more = std::mem::take(&mut self.carry);
            passed += more.len() as u64;
            Ok(more)
        })?;
        let (first_line, offset, end) = (self.line, self.offset, bytes.len());
        self.line += 1;
        self.offset += passed - behind.len() as u64;
        self.carry = behind;
        let survey = Survey::of(&bytes);
        bytes.resize(end + simd_json::INPUT_PADDING, 0);
        Ok(Batch { bytes, end, first_line, offset, records: None, survey, cut_short: true })
    }

    /// The next whole records of a document.
    fn next_records(&mut self, mut document: Document) -> Result<Option<Batch>, ConvertError> {
        let mut records = Vec::new();
        loop {
            let read = document.read(&self.carry, self.ended, &mut records);
            let defect = read.err().map(|defect| defect.offset_by(self.offset));
            if let Some(last) = records.last() {
                let batch = self.batch(last.end, Some(records));
                document.forget(batch.end);
                self.state = defect.map_or(State::Document(document), State::Defect);
                return Ok(Some(batch));
            }
            if let Some(defect) = defect {
                return Err(defect.into());
            }
            if let Some((start, line)) = document.unfinished() {
                self.check_record(start, line)?;
            }
            let passed = document.passed();
            self.drop_front(passed);
            document.forget(passed);
            if self.ended {
                self.state = State::Document(document);
                return Ok(None);
            }
            self.fill(self.carry.len())?;
        }
    }

    /// A batch of the first `end` bytes read; the others wait for the next.
    fn batch(&mut self, end: usize, records: Option<Vec<RecordSpan>>) -> Batch {
        let rest = self.carry[end..].to_vec();
        let mut bytes = std::mem::replace(&mut self.carry, rest);
        bytes.truncate(end);
        let survey = Survey::of(&bytes);
        bytes.resize(end + simd_json::INPUT_PADDING, 0);
        let first = records.as_ref().and_then(|records| records.first());
        let (first_line, offset) = (first.map_or(self.line, |record| record.line), self.offset);
        self.offset += end as u64;
        Batch { bytes, end, first_line, offset, records, survey, cut_short: false }
    }

    /// Reads at least `wanted` bytes and a batch more; fewer only at the end of the text.
    fn fill(&mut self, wanted: usize) -> Result<(), ConvertError> {
        let wanted = wanted.max(self.options.batch_bytes);
        // Room for the padding too, so that the batch is not moved for it.
        self.carry.reserve(wanted + simd_json::INPUT_PADDING);
        self.ended = self.text.read_into(&mut self.carry, wanted)?;
        Ok(self.options.deadline.check()?)
    }

    /// Blank lines before the first record say nothing; their number counts.
    fn drop_blank_lines(&mut self) {
        let record = self.carry.iter().position(|byte| !matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
        let blank = record.map_or(self.carry.len(), |first| first + 1);
        let end = last_line_end(&self.carry[..blank]);
        self.line += count_lines(&self.carry[..end]);
        self.drop_front(end);
    }

    fn drop_front(&mut self, bytes: usize) {
        self.carry.drain(..bytes);
        self.offset += bytes as u64;
    }

    /// Refuses the unfinished record that begins at `start` of what was read, and in `line`, if it is too long already.
    fn check_record(&self, start: usize, line: u64) -> Result<(), Defect> {
        let (record, limit) = (&self.carry[start..], self.options.record_bytes);
        if record.len() as u64 <= limit {
            return Ok(());
        }
        Err(Defect::record_too_long(line, limit).at_byte(record, 0).offset_by(self.offset + start as u64))
    }
}
