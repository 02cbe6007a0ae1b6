//! The second parser: strict, exact, and the one whose verdict is reported.
//!
//! It reads what Python's `json.loads` reads (3.11, `Lib/json/decoder.py` and `scanner.py`): RFC 8259 plus the words
//! `NaN`, `Infinity` and `-Infinity`, integers of any size up to 4300 digits, and lone surrogates. Everything that
//! simd-json refuses comes here, valid or not. It uses no recursion.

use super::super::defect::{Defect, found};
use super::tape::{Node, Tape};

/// Python's limit on the digits of an integer (`sys.int_info.default_max_str_digits`).
const INTEGER_DIGITS: usize = 4300;

/// A line that has been parsed.
#[derive(Debug, Default)]
pub(crate) struct ExactTape {
    nodes: Vec<Raw>,
    /// Unescaped texts, one behind the other.
    texts: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
enum Raw {
    Leaf(Node<'static>),
    Text { from: usize, to: usize, wild: bool },
    BigInt { from: usize, to: usize },
}

#[cfg(test)]
impl ExactTape {
    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }
}

impl Tape for ExactTape {
    fn node(&self, index: usize) -> Node<'_> {
        match self.nodes[index] {
            Raw::Leaf(node) => node,
            Raw::Text { from, to, wild: false } => Node::Text(&self.texts[from..to]),
            Raw::Text { from, to, wild: true } => Node::WildText(&self.texts[from..to]),
            Raw::BigInt { from, to } => Node::BigInt(&self.texts[from..to]),
        }
    }
}

/// Parses `line`, which holds one value and perhaps white space around it.
pub(crate) fn parse(line: &[u8], depth_limit: usize) -> Result<ExactTape, Defect> {
    if let Err(e) = std::str::from_utf8(line) {
        let truncated = e.error_len().is_none();
        return Err(Defect { truncated, ..Defect::bad_utf8(line, e.valid_up_to()) });
    }
    let mut parser = Parser::new(line, depth_limit);
    match parser.document() {
        Ok(()) => Ok(parser.tape),
        Err(Stop { defect, at }) => {
            let goes_on = parser.ran_out && !parser.inside_token && !parser.open.is_empty();
            Err(Defect { truncated: parser.ran_out, goes_on, ..defect.at_byte(line, at) })
        }
    }
}

struct Stop {
    defect: Defect,
    at: usize,
}

/// A container not yet closed: its node, and how many items or members it has so far.
struct Open {
    node: usize,
    object: bool,
    count: usize,
}

struct Parser<'a> {
    line: &'a [u8],
    at: usize,
    tape: ExactTape,
    open: Vec<Open>,
    depth_limit: usize,
    /// The text ended where more was needed: up to there it may be the beginning of a record.
    ran_out: bool,
    /// It did so in the middle of a text, number or word.
    inside_token: bool,
}

impl<'a> Parser<'a> {
    fn new(line: &'a [u8], depth_limit: usize) -> Self {
        let (tape, open) = (ExactTape::default(), Vec::new());
        Self { line, at: 0, tape, open, depth_limit, ran_out: false, inside_token: false }
    }

    fn document(&mut self) -> Result<(), Stop> {
        self.skip_space();
        loop {
            if !self.value()? {
                continue;
            }
            if self.after_value()? {
                break;
            }
        }
        self.skip_space();
        if self.at < self.line.len() { self.stop("expected the end of the record") } else { Ok(()) }
    }

    /// Reads a value or opens a container; true when a value is complete.
    fn value(&mut self) -> Result<bool, Stop> {
        match self.peek() {
            Some(b'{') => self.open_container(true),
            Some(b'[') => self.open_container(false),
            Some(b'"') => self.text().map(|()| true),
            Some(b'-' | b'0'..=b'9') => self.number().map(|()| true),
            _ => self.word().map(|()| true),
        }
    }

    /// Closes what ends here and goes on behind a comma; true when nothing is open any more.
    fn after_value(&mut self) -> Result<bool, Stop> {
        loop {
            let Some(container) = self.open.last_mut() else { return Ok(true) };
            container.count += 1;
            let object = container.object;
            self.skip_space();
            match (self.peek(), object) {
                (Some(b','), _) => {
                    self.at += 1;
                    self.skip_space();
                    if object {
                        self.key()?;
                    }
                    return Ok(false);
                }
                (Some(b'}'), true) | (Some(b']'), false) => self.close_container(),
                (_, true) => return self.stop("expected `,` or `}`").map(|()| false),
                (_, false) => return self.stop("expected `,` or `]`").map(|()| false),
            }
        }
    }

    fn open_container(&mut self, object: bool) -> Result<bool, Stop> {
        if self.open.len() >= self.depth_limit {
            return Err(Stop { defect: Defect::too_deep(self.depth_limit), at: self.at });
        }
        self.at += 1;
        self.open.push(Open { node: self.tape.nodes.len(), object, count: 0 });
        self.leaf(if object { Node::Object(0) } else { Node::List(0) });
        self.skip_space();
        match (self.peek(), object) {
            (Some(b'}'), true) | (Some(b']'), false) => {
                self.close_container();
                Ok(true)
            }
            (_, true) => self.key().map(|()| false),
            (_, false) => Ok(false),
        }
    }

    fn close_container(&mut self) {
        self.at += 1;
        if let Some(Open { node, object, count }) = self.open.pop() {
            self.tape.nodes[node] = Raw::Leaf(if object { Node::Object(count) } else { Node::List(count) });
        }
    }

    fn key(&mut self) -> Result<(), Stop> {
        if self.peek() != Some(b'"') {
            return self.stop("expected a key in double quotes");
        }
        self.text()?;
        self.skip_space();
        if self.peek() != Some(b':') {
            return self.stop("expected `:` after the key");
        }
        self.at += 1;
        self.skip_space();
        Ok(())
    }

    fn word(&mut self) -> Result<(), Stop> {
        let words: [(&[u8], Node<'static>); 5] = [
            (b"null", Node::Null),
            (b"true", Node::Bool(true)),
            (b"false", Node::Bool(false)),
            (b"NaN", Node::Float(f64::NAN)),
            (b"Infinity", Node::Float(f64::INFINITY)),
        ];
        for (word, node) in words {
            if self.line[self.at..].starts_with(word) {
                self.at += word.len();
                self.leaf(node);
                return Ok(());
            }
        }
        let rest = &self.line[self.at..];
        if !rest.is_empty() && words.iter().any(|(word, _)| word.starts_with(rest)) {
            self.ran_out_inside();
        }
        let found = found(self.peek());
        self.stop(&format!("expected a JSON value, found {found}"))
    }

    fn number(&mut self) -> Result<(), Stop> {
        let start = self.at;
        if self.line[start..].starts_with(b"-Infinity") {
            self.at += 9;
            self.leaf(Node::Float(f64::NEG_INFINITY));
            return Ok(());
        }
        self.at += usize::from(self.peek() == Some(b'-'));
        match self.peek() {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.skip_digits(),
            _ => {
                if b"-Infinity".starts_with(&self.line[start..]) {
                    self.ran_out_inside();
                }
                return self.stop("expected a digit after `-`");
            }
        }
        let whole_end = self.at;
        self.fraction_and_exponent();
        let text = &self.line[start..self.at];
        if self.at == whole_end { self.integer(start, text.len()) } else { self.float(start) }
    }

    /// As in Python, a `.` or `e` that no digit follows ends the number before it.
    fn fraction_and_exponent(&mut self) {
        if self.peek() == Some(b'.') {
            self.digits_behind(1);
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(self.line.get(self.at + 1), Some(b'+' | b'-')));
            self.digits_behind(1 + sign);
        }
    }

    /// Goes past the digits that stand `behind` bytes from here, if there are any.
    fn digits_behind(&mut self, behind: usize) {
        if self.digit_at(self.at + behind) {
            self.at += behind;
            self.skip_digits();
        } else if self.at + behind == self.line.len() {
            self.ran_out_inside();
        }
    }

    fn integer(&mut self, start: usize, length: usize) -> Result<(), Stop> {
        let text = self.ascii(start);
        let node = if let Ok(small) = text.parse::<i64>() {
            Node::Int(small)
        } else if let Ok(large) = text.parse::<u64>() {
            Node::Uint(large)
        } else {
            if length - usize::from(text.starts_with('-')) > INTEGER_DIGITS {
                let what = format!("integer of more than {INTEGER_DIGITS} digits");
                return Err(Stop { defect: Defect::bad_json(what), at: start });
            }
            let from = self.tape.texts.len();
            self.tape.texts.extend_from_slice(&self.line[start..self.at]);
            self.tape.nodes.push(Raw::BigInt { from, to: self.tape.texts.len() });
            return Ok(());
        };
        self.leaf(node);
        Ok(())
    }

    fn float(&mut self, start: usize) -> Result<(), Stop> {
        // The standard library rounds correctly; beyond the range it gives an infinity or zero, as Python does.
        match self.ascii(start).parse::<f64>() {
            Ok(value) => {
                self.leaf(Node::Float(value));
                Ok(())
            }
            Err(_) => self.stop("expected a number"),
        }
    }

    fn text(&mut self) -> Result<(), Stop> {
        let from = self.tape.texts.len();
        let mut wild = false;
        self.at += 1;
        loop {
            let plain = self.line[self.at..].iter().take_while(|b| !matches!(b, b'"' | b'\\' | 0..=0x1f)).count();
            self.tape.texts.extend_from_slice(&self.line[self.at..self.at + plain]);
            self.at += plain;
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => wild |= self.escape()?,
                Some(_) => return self.stop("control character in text; it must be escaped"),
                None => {
                    self.ran_out_inside();
                    return self.stop("text without its closing quote");
                }
            }
        }
        self.at += 1;
        self.tape.nodes.push(Raw::Text { from, to: self.tape.texts.len(), wild });
        Ok(())
    }

    /// Reads one escape sequence; true if it is a lone surrogate.
    fn escape(&mut self) -> Result<bool, Stop> {
        let byte = match self.line.get(self.at + 1) {
            Some(b'u') => return self.unicode_escape(),
            Some(b'n') => b'\n',
            Some(b't') => b'\t',
            Some(b'r') => b'\r',
            Some(b'b') => 0x08,
            Some(b'f') => 0x0c,
            Some(same @ (b'"' | b'\\' | b'/')) => *same,
            Some(_) => return self.stop("unknown escape sequence").map(|()| false),
            None => {
                self.ran_out_inside();
                return self.stop("text without its closing quote").map(|()| false);
            }
        };
        self.tape.texts.push(byte);
        self.at += 2;
        Ok(false)
    }

    fn unicode_escape(&mut self) -> Result<bool, Stop> {
        let Some(first) = self.hex_at(self.at + 2) else {
            let digits = &self.line[self.at + 2..];
            if digits.len() < 4 && digits.iter().all(u8::is_ascii_hexdigit) {
                self.ran_out_inside();
            }
            return self.stop("expected four hexadecimal digits after `\\u`").map(|()| false);
        };
        self.at += 6;
        let mut code = u32::from(first);
        if (0xd800..0xdc00).contains(&code)
            && self.line[self.at..].starts_with(b"\\u")
            && let Some(second @ 0xdc00..=0xdfff) = self.hex_at(self.at + 2)
        {
            code = 0x1_0000 + ((code - 0xd800) << 10) + (u32::from(second) - 0xdc00);
            self.at += 6;
        }
        let character = char::from_u32(code);
        match character {
            Some(c) => self.tape.texts.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            None => self.tape.texts.extend_from_slice(&surrogate_bytes(first)),
        }
        Ok(character.is_none())
    }

    fn hex_at(&self, at: usize) -> Option<u16> {
        let digits = self.line.get(at..at + 4)?;
        digits.iter().try_fold(0, |code, digit| Some(code << 4 | u16::try_from((*digit as char).to_digit(16)?).ok()?))
    }

    fn leaf(&mut self, node: Node<'static>) {
        self.tape.nodes.push(Raw::Leaf(node));
    }

    fn ascii(&self, start: usize) -> &str {
        std::str::from_utf8(&self.line[start..self.at]).unwrap_or_default()
    }

    fn peek(&self) -> Option<u8> {
        self.line.get(self.at).copied()
    }

    fn digit_at(&self, at: usize) -> bool {
        self.line.get(at).is_some_and(u8::is_ascii_digit)
    }

    fn skip_digits(&mut self) {
        while self.digit_at(self.at) {
            self.at += 1;
        }
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn ran_out_inside(&mut self) {
        (self.ran_out, self.inside_token) = (true, true);
    }

    fn stop(&mut self, what: &str) -> Result<(), Stop> {
        self.ran_out |= self.at == self.line.len();
        Err(Stop { defect: Defect::bad_json(what), at: self.at })
    }
}

/// A surrogate in three bytes, as Python's `surrogatepass` writes it.
fn surrogate_bytes(surrogate: u16) -> [u8; 3] {
    let [high, low] = surrogate.to_be_bytes();
    [0xe0 | high >> 4, 0x80 | (high & 0xf) << 2 | low >> 6, 0x80 | low & 0x3f]
}
