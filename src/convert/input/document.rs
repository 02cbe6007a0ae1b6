//! The grammar around the records of a document: an array whose items they are, or objects one behind the other.
//!
//! Only this is judged here, and only where a record ends is looked for; records are parsed like lines, and the
//! parser's verdict on them is reported. The text comes in pieces, so that memory is that of a batch.

use super::super::defect::{Defect, found};
use super::super::parse;
use super::batch::RecordSpan;
use super::lines::count_lines;
use super::structure::{Scan, Structure};
use super::taken::Shape;

/// Most records in a batch: a place for each takes more room than a digit and its comma do.
const MOST_RECORDS: usize = 1 << 16;

/// What may come next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    /// `[` or `{`, the first character of all.
    Beginning,
    /// An item or `]`: the array has just begun.
    FirstItem,
    /// An item: a comma went before.
    Item,
    /// `,` or `]`.
    Comma,
    /// Another object, or the end of the text.
    Object,
    /// The end of the text.
    Nothing,
}

/// A record that is being read.
#[derive(Clone, Copy, Debug)]
struct Open {
    start: usize,
    line: u64,
    /// Whether it is an array or object.
    nested: bool,
}

/// The state between two pieces of a document. Positions count from the beginning of the piece at hand.
#[derive(Debug)]
pub(super) struct Document {
    next: Next,
    open: Option<Open>,
    /// The scan of the record that is open, if it is nested.
    structure: Structure,
    at: usize,
    line: u64,
    after_cr: bool,
    count: u64,
    depth_limit: usize,
}

impl Document {
    /// A document that begins in `line` of the source.
    pub(super) fn new(line: u64, depth_limit: usize) -> Self {
        let (next, structure) = (Next::Beginning, Structure::new(depth_limit));
        Self { next, open: None, structure, at: 0, line, after_cr: false, count: 0, depth_limit }
    }

    /// What the document is, as far as it was read.
    pub(super) fn shape(&self) -> Shape {
        match (self.next, self.count) {
            (Next::Beginning | Next::Object, count) if count != 1 => Shape::Objects,
            (Next::Beginning | Next::Object, _) => Shape::Object,
            _ => Shape::Array,
        }
    }

    /// The record that is being read: where it begins in the piece, and in which line.
    pub(super) fn unfinished(&self) -> Option<(usize, u64)> {
        self.open.as_ref().map(|open| (open.start, open.line))
    }

    /// Where the part of the piece ends that will not be needed again, if the records found so far are not.
    pub(super) fn passed(&self) -> usize {
        self.open.as_ref().map_or(self.at, |open| open.start)
    }

    /// The first `bytes` of the piece are gone.
    pub(super) fn forget(&mut self, bytes: usize) {
        self.at -= bytes;
        if let Some(open) = &mut self.open {
            open.start -= bytes;
        }
    }

    /// Reads on in `piece`, of which the part before was read already, and appends the records that end in it, but no more
    /// than a batch of them. With `all` the text ends with the piece. A defect's byte counts from the beginning of the
    /// piece.
    pub(super) fn read(&mut self, piece: &[u8], all: bool, records: &mut Vec<RecordSpan>) -> Result<(), Defect> {
        loop {
            if self.open.is_none() {
                self.skip_space(piece);
                let Some(&byte) = piece.get(self.at) else {
                    return if all { self.end_of_text(piece) } else { Ok(()) };
                };
                self.token(piece, byte)?;
            }
            match self.record(piece, all)? {
                Some(span) => {
                    records.push(span);
                    if records.len() == MOST_RECORDS {
                        return Ok(());
                    }
                }
                None if self.open.is_some() => return Ok(()),
                None => {}
            }
        }
    }

    /// Takes the character that stands between two records, or begins a record.
    fn token(&mut self, piece: &[u8], byte: u8) -> Result<(), Defect> {
        let (next, record) = match (self.next, byte) {
            (Next::Beginning, b'[') => (Next::FirstItem, false),
            (Next::Comma, b',') => (Next::Item, false),
            (Next::FirstItem | Next::Comma, b']') => (Next::Nothing, false),
            (Next::Beginning | Next::Object, b'{') => (Next::Object, true),
            (Next::FirstItem | Next::Item, b) if !matches!(b, b',' | b':' | b']' | b'}') => (Next::Comma, true),
            _ => return Err(self.unexpected(piece, byte)),
        };
        (self.next, self.after_cr) = (next, false);
        if record {
            self.structure.restart();
            self.open = Some(Open { start: self.at, line: self.line, nested: matches!(byte, b'{' | b'[') });
        } else {
            self.at += 1;
        }
        Ok(())
    }

    /// Goes on with the record at hand, if there is one, and returns it if it ends in `piece`.
    fn record(&mut self, piece: &[u8], all: bool) -> Result<Option<RecordSpan>, Defect> {
        let Some(Open { start, line, nested }) = self.open else { return Ok(None) };
        let value = &piece[start..];
        let scan = if nested { self.structure.scan(value, all) } else { scalar(value) };
        let length = match scan {
            Scan::End(length) => length,
            Scan::Broken(length) => return Err(self.broken(&piece[start..start + length], start, line)),
            Scan::More if all => return Err(self.cut(value, start, line)),
            Scan::More => return Ok(None),
        };
        // A text, number or word holds no line break.
        self.line += self.structure.lines();
        (self.open, self.at) = (None, start + length);
        self.count += 1;
        Ok(Some(RecordSpan { start, end: start + length, line }))
    }

    fn skip_space(&mut self, piece: &[u8]) {
        while let Some(byte @ (b' ' | b'\t' | b'\n' | b'\r')) = piece.get(self.at) {
            self.line += u64::from(*byte == b'\r' || (*byte == b'\n' && !self.after_cr));
            self.after_cr = *byte == b'\r';
            self.at += 1;
        }
    }

    fn end_of_text(&self, piece: &[u8]) -> Result<(), Defect> {
        let expected = match self.next {
            Next::Beginning | Next::Object | Next::Nothing => return Ok(()),
            Next::FirstItem => "expected an item or the `]` of the array",
            Next::Item => "expected another item of the array",
            Next::Comma => "expected `,` or the `]` of the array",
        };
        Err(Defect::ends_too_early(expected).at_byte(piece, piece.len()).at_line(self.line))
    }

    fn unexpected(&self, piece: &[u8], byte: u8) -> Defect {
        let found = found(Some(byte));
        let defect = match self.next {
            Next::Beginning => Defect::not_a_document(&found),
            Next::FirstItem | Next::Item => Defect::bad_json(format!("expected a JSON value, found {found}")),
            Next::Comma => Defect::bad_json(format!("expected `,` or `]` after an item of the array, found {found}")),
            Next::Object => {
                Defect::bad_json(format!("expected `{{` or the end of the file after an object, found {found}"))
            }
            Next::Nothing => Defect::bad_json(format!("expected the end of the file after the array, found {found}")),
        };
        defect.at_byte(piece, self.at).at_line(self.line)
    }

    /// The parser's verdict on the beginning of a record that cannot be completed.
    fn broken(&self, beginning: &[u8], start: usize, line: u64) -> Defect {
        let verdict = parse::defect_in(beginning, self.depth_limit);
        // It stops no later than the scanner; were it otherwise, the record would still be wrong here.
        let verdict = verdict.unwrap_or_else(|| {
            Defect::bad_json("brackets or quotes that do not match")
                .at_byte(beginning, beginning.len().saturating_sub(1))
        });
        placed(Defect { truncated: false, goes_on: false, ..verdict }, beginning, start, line)
    }

    /// The parser's verdict on a record that the end of the text cuts off: perhaps only that.
    fn cut(&self, beginning: &[u8], start: usize, line: u64) -> Defect {
        match parse::defect_in(beginning, self.depth_limit) {
            Some(defect) if !defect.truncated => placed(defect, beginning, start, line),
            Some(defect) => placed(defect.ended_too_early(), beginning, start, line),
            None => {
                let whole = Defect::ends_too_early("expected `,` or the `]` of the array");
                placed(whole.at_byte(beginning, beginning.len()), beginning, start, line)
            }
        }
    }
}

/// `defect`, whose byte counts from the beginning of a record, where it is in piece and source.
fn placed(defect: Defect, record: &[u8], start: usize, line: u64) -> Defect {
    let breaks = defect.byte.map_or(0, |byte| count_lines(&record[..usize::try_from(byte).unwrap_or(0)]));
    defect.offset_by(start as u64).at_line(line + breaks)
}

/// The end of a text, number or word; it must be in sight, or more of it may come.
fn scalar(value: &[u8]) -> Scan {
    let end = if value.first() == Some(&b'"') {
        return text(value);
    } else {
        value
            .iter()
            .position(|b| matches!(b, b' ' | b'\t' | b'\n' | b'\r' | b',' | b':' | b'"' | b'[' | b']' | b'{' | b'}'))
    };
    end.map_or(Scan::More, Scan::End)
}

/// The end of a text: its closing quote, or a line break, which it cannot hold.
fn text(value: &[u8]) -> Scan {
    let mut from = 1;
    while let Some(at) =
        value.get(from..).and_then(|rest| rest.iter().position(|b| matches!(b, b'"' | b'\\' | b'\n' | b'\r')))
    {
        match value[from + at] {
            b'"' => return Scan::End(from + at + 1),
            b'\\' => from += at + 2,
            _ => return Scan::Broken(from + at + 1),
        }
    }
    Scan::More
}
