//! Lists and objects inside records, pickled as they are read.

use super::super::super::frame::pickled;
use super::number::Number;
use super::{Text, number, text as texts};

/// Appends the pickle of the list or object at `at` to `out` and tells where it ends. What was appended is of no use if
/// it is none, or deeper than `depth` with the record as the first level.
pub(super) fn pickle(
    text: &Text<'_>,
    at: usize,
    out: &mut Vec<u8>,
    scratch: &mut Vec<u8>,
    depth: usize,
) -> Option<usize> {
    let mut reader = Reader { text, at, out, scratch, open: Vec::new(), depth };
    reader.open()?;
    while let Some(dict) = reader.open.last().copied() {
        reader.item(dict)?;
    }
    Some(reader.at)
}

/// Appends the pickle of a word.
type Write = fn(&mut Vec<u8>);

struct Reader<'a> {
    text: &'a Text<'a>,
    at: usize,
    out: &'a mut Vec<u8>,
    scratch: &'a mut Vec<u8>,
    /// What is open: a dict (true) or a list. Each has at least one item still to come.
    open: Vec<bool>,
    depth: usize,
}

impl Reader<'_> {
    /// Reads the bracket of a container; one without items is closed at once.
    fn open(&mut self) -> Option<()> {
        let dict = self.peek() == b'{';
        if self.open.len() + 2 > self.depth {
            return None;
        }
        self.step();
        let empty = self.peek() == if dict { b'}' } else { b']' };
        pickled::open(self.out, dict, empty);
        if empty {
            self.step();
            self.close()
        } else {
            self.open.push(dict);
            Some(())
        }
    }

    /// Reads one item or member, and what closes behind it.
    fn item(&mut self, dict: bool) -> Option<()> {
        if dict {
            self.string()?;
            if self.peek() != b':' {
                return None;
            }
            self.step();
        }
        match self.peek() {
            b'{' | b'[' => self.open(),
            b'"' => self.string().and_then(|()| self.close()),
            b'-' | b'0'..=b'9' => self.number().and_then(|()| self.close()),
            _ => self.word().and_then(|()| self.close()),
        }
    }

    /// Behind a value: a comma goes on, a bracket closes, and what it closes is a value too.
    fn close(&mut self) -> Option<()> {
        while let Some(dict) = self.open.last().copied() {
            match (self.peek(), dict) {
                (b',', _) => {
                    self.step();
                    return Some(());
                }
                (b'}', true) => pickled::close_dict(self.out),
                (b']', false) => pickled::close_list(self.out),
                _ => return None,
            }
            self.open.pop();
            self.at += 1;
            if !self.open.is_empty() {
                self.at = self.text.skip_space(self.at);
            }
        }
        Some(())
    }

    fn string(&mut self) -> Option<()> {
        if self.peek() != b'"' {
            return None;
        }
        let from = self.at + 1;
        let length = texts::plain_length(self.text, from);
        if self.text.at(from + length) == b'"' {
            pickled::text(self.out, &self.text.bytes[from..from + length]);
            self.at = from + length + 1;
        } else {
            self.at = texts::unescape(self.text, from, self.scratch)?;
            pickled::text(self.out, self.scratch);
        }
        self.at = self.text.skip_space(self.at);
        Some(())
    }

    fn number(&mut self) -> Option<()> {
        let (number, end) = number::read(self.text.bytes, self.at)?;
        match number {
            Number::Int(value) => pickled::int(self.out, value),
            Number::Uint(value) => pickled::uint(self.out, value),
            Number::Float(value) => pickled::float(self.out, value),
        }
        self.at = self.text.skip_space(end);
        Some(())
    }

    fn word(&mut self) -> Option<()> {
        let rest = &self.text.bytes[self.at..];
        let words: [(&[u8], Write); 5] = [
            (b"null", pickled::none),
            (b"true", |out| pickled::bool(out, true)),
            (b"false", |out| pickled::bool(out, false)),
            (b"NaN", |out| pickled::float(out, f64::NAN)),
            (b"Infinity", |out| pickled::float(out, f64::INFINITY)),
        ];
        let (word, write) = words.into_iter().find(|(word, _)| rest.starts_with(word))?;
        write(self.out);
        self.at = self.text.skip_space(self.at + word.len());
        Some(())
    }

    fn peek(&self) -> u8 {
        self.text.at(self.at)
    }

    /// Over one byte and the space behind it.
    fn step(&mut self) {
        self.at = self.text.skip_space(self.at + 1);
    }
}
