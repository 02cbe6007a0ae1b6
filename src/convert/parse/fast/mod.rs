//! The fast path: one strict pass from the bytes of a record to the cells of its columns, without a tape.
//!
//! Records tend to repeat the layout of the ones before. So what stood between two values (`, "open": `) is remembered
//! as a [`Link`](links::Link) from the one column to the other, and compared as a few words; only where no known link
//! fits is a key read and looked up. A record that is out of the ordinary (a number beyond 64 bits, a lone surrogate, a
//! key with an escape, anything that is no JSON) is not read here at all: the record is taken back and left to the slow
//! parsers, whose verdict counts. So nothing here needs to explain, and everything here must be as strict as they are.

#[cfg(any(test, feature = "bench"))]
pub(crate) mod alone;
mod links;
mod nested;
mod number;
mod text;

use super::super::frame::LineKind;
use super::super::frame::column::{Column, Tag};
use super::super::frame::part::Part;
use links::{Links, Next};

/// Bytes that must be readable behind the end of a batch.
pub(super) const PADDING: usize = 32;

/// Room for a batch of text in which a record may stand, and where it ends.
#[derive(Clone, Copy)]
pub(super) struct Text<'b> {
    /// The batch, with [`PADDING`] bytes behind `end`.
    pub(super) bytes: &'b [u8],
    /// Where the text ends.
    pub(super) end: usize,
    /// Whether no control character is in it but line feeds.
    pub(super) clean: bool,
    /// Whether line breaks are space, and do not end the record.
    pub(super) breaks: bool,
}

impl Text<'_> {
    #[inline]
    fn at(&self, at: usize) -> u8 {
        self.bytes[at]
    }

    /// The next [`PADDING`] bytes.
    #[inline]
    fn window(&self, at: usize) -> Option<&[u8; PADDING]> {
        self.bytes.get(at..)?.first_chunk()
    }

    /// Behind the white space at `at`.
    #[inline]
    fn skip_space(&self, mut at: usize) -> usize {
        while matches!(self.at(at), b' ' | b'\t') || (self.breaks && matches!(self.at(at), b'\n' | b'\r')) {
            at += 1;
        }
        at
    }

    /// Returns true if and only if the line, or the text, ends at `at`.
    #[inline]
    fn ends(&self, at: usize) -> bool {
        at == self.end || (at < self.end && !self.breaks && matches!(self.at(at), b'\n' | b'\r'))
    }
}

/// What the fast path remembers from record to record of one batch.
pub(super) struct FastParser {
    links: Links,
    scratch: Vec<u8>,
    depth: usize,
    /// Whether lists and objects inside records become pickles as they stand.
    nested: bool,
}

impl FastParser {
    /// A parser that has seen nothing yet; `depth` is the limit of nesting, the record being the first level.
    pub(super) fn new(depth: usize, nested: bool) -> Self {
        Self { links: Links::default(), scratch: Vec::new(), depth, nested }
    }

    /// Puts the record that begins at `start` into `part` and tells where its line (or the text) ends; or takes it back:
    /// `None`.
    #[inline]
    pub(super) fn record(&mut self, text: &Text<'_>, start: usize, part: &mut Part) -> Option<usize> {
        let kind = match text.at(start) {
            b'{' => LineKind::Object,
            b'[' => LineKind::List,
            _ => return None,
        };
        part.begin(kind).ok()?;
        let end = match kind {
            LineKind::Object => self.object(text, start, part),
            _ => self.list(text, start, part),
        };
        let end = end.map(|end| text.skip_space(end)).filter(|end| text.ends(*end));
        if end.is_some() {
            part.end();
        } else if part.abandon() {
            self.links.forget_columns_from(part.width());
        }
        self.links.end_record();
        end
    }

    #[inline]
    fn object(&mut self, text: &Text<'_>, start: usize, part: &mut Part) -> Option<usize> {
        let (mut at, mut node) = (start, links::START);
        loop {
            let (next, behind) = match self.links.follow(node, text.window(at)?) {
                Some(found) => found,
                None => self.read_key(text, at, node, part)?,
            };
            at += behind;
            let Next::Column(column) = next else { return Some(at) };
            at = self.value(text, at, part.ready(column as usize))?;
            node = links::node_of(column);
        }
    }

    /// What stands between the last value and the next one, where no known link fits; the link is known from now on.
    #[cold]
    fn read_key(&mut self, text: &Text<'_>, from: usize, node: usize, part: &mut Part) -> Option<(Next, usize)> {
        let mut at = text.skip_space(from);
        match (text.at(at), node == links::START) {
            (b'{', true) => {
                at = text.skip_space(at + 1);
                if text.at(at) == b'}' {
                    return Some((self.links.learn(node, &text.bytes[from..=at], Next::End), at + 1 - from));
                }
            }
            (b',', false) => at = text.skip_space(at + 1),
            (b'}', false) => return Some((self.links.learn(node, &text.bytes[from..=at], Next::End), at + 1 - from)),
            _ => return None,
        }
        let key = plain_text(text, at)?;
        at = text.skip_space(at + key.len() + 2);
        if text.at(at) != b':' {
            return None;
        }
        at = text.skip_space(at + 1);
        let column = u32::try_from(part.column_of(key)).ok()?;
        Some((self.links.learn(node, &text.bytes[from..at], Next::Column(column)), at - from))
    }

    fn list(&mut self, text: &Text<'_>, start: usize, part: &mut Part) -> Option<usize> {
        let mut at = text.skip_space(start + 1);
        if text.at(at) == b']' {
            return Some(at + 1);
        }
        for position in 0.. {
            let column = part.column_at(position);
            at = text.skip_space(self.value(text, at, part.ready(column))?);
            match text.at(at) {
                b',' => at = text.skip_space(at + 1),
                b']' => return Some(at + 1),
                _ => break,
            }
        }
        None
    }

    /// Puts the value at `at` into `column` and tells where it ends.
    #[inline]
    fn value(&mut self, text: &Text<'_>, at: usize, column: &mut Column) -> Option<usize> {
        match text.at(at) {
            b'"' => self.text(text, at + 1, column),
            b'-' | b'0'..=b'9' => number::push(text, at, column),
            b'{' | b'[' if self.nested => {
                let (depth, scratch) = (self.depth, &mut self.scratch);
                column.push_heap(Tag::Nested, |heap| nested::pickle(text, at, heap, scratch, depth))
            }
            _ => word(text, at, column),
        }
    }

    #[inline]
    fn text(&mut self, text: &Text<'_>, at: usize, column: &mut Column) -> Option<usize> {
        let length = text::plain_length(text, at);
        if text.at(at + length) == b'"' {
            column.push_text(&text.bytes[at..], length);
            return Some(at + length + 1);
        }
        let end = text::unescape(text, at, &mut self.scratch)?;
        column.push_text(&self.scratch, self.scratch.len());
        Some(end)
    }
}

/// The text in quotes at `at`, if it has no escapes.
fn plain_text<'b>(text: &Text<'b>, at: usize) -> Option<&'b [u8]> {
    if text.at(at) != b'"' {
        return None;
    }
    let length = text::plain_length(text, at + 1);
    let end = at + 1 + length;
    (text.at(end) == b'"' && end < text.end).then(|| &text.bytes[at + 1..end])
}

/// `true`, `false`, `null`, and the three words that Python knows besides.
fn word(text: &Text<'_>, at: usize, column: &mut Column) -> Option<usize> {
    let rest = &text.bytes[at..];
    let words: [(&[u8], Tag, u64); 5] = [
        (b"null", Tag::Null, 0),
        (b"true", Tag::Bool, 1),
        (b"false", Tag::Bool, 0),
        (b"NaN", Tag::Missing, 0),
        (b"Infinity", Tag::Float, f64::INFINITY.to_bits()),
    ];
    let (word, tag, bits) = words.into_iter().find(|(word, ..)| rest.starts_with(word))?;
    column.push_word(tag, bits);
    Some(at + word.len())
}
