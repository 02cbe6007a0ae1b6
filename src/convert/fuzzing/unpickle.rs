//! An interpreter of the opcodes that `frame::pickled` writes, as strict as can be: any other opcode, a value in a longer
//! form than needed, something left over or missing is an error of the writer.

/// A Python object.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    /// `None`
    None,
    /// `True` or `False`
    Bool(bool),
    /// An `int`, in decimal.
    Int(String),
    /// A `float`
    Float(f64),
    /// A `str`, as UTF-8 with surrogates in three bytes each.
    Text(Vec<u8>),
    /// A `list`
    List(Vec<Value>),
    /// A `dict`: as Python has it, a key keeps its first position and gets its last value.
    Dict(Vec<(Vec<u8>, Value)>),
}

/// The one value that `pickle` makes.
///
/// # Panics
///
/// If it is not well-formed.
pub(super) fn value(pickle: &[u8]) -> Value {
    let mut machine = Machine { rest: pickle, stack: Vec::new(), marks: Vec::new() };
    while !machine.rest.is_empty() {
        machine.step();
    }
    assert!(machine.marks.is_empty() && machine.stack.len() == 1, "{:?} is not one value", machine.stack);
    machine.pop()
}

struct Machine<'p> {
    rest: &'p [u8],
    stack: Vec<Value>,
    /// How high the stack was at each mark.
    marks: Vec<usize>,
}

impl Machine<'_> {
    fn step(&mut self) {
        let value = match self.take::<1>()[0] {
            b'N' => Value::None,
            0x88 => Value::Bool(true),
            0x89 => Value::Bool(false),
            b'K' => Value::Int(self.take::<1>()[0].to_string()),
            b'M' => short(i64::from(u16::from_le_bytes(self.take())), 0x100..=0xffff),
            b'J' => word(i32::from_le_bytes(self.take())),
            0x8a => self.long(),
            b'L' => self.decimal(),
            b'G' => Value::Float(f64::from_be_bytes(self.take())),
            op @ (0x8c | b'X' | 0x8d) => self.text(op),
            b']' => Value::List(Vec::new()),
            b'}' => Value::Dict(Vec::new()),
            b'(' => return self.marks.push(self.stack.len()),
            op @ (b'e' | b'u') => return self.close(op == b'u'),
            other => panic!("unknown opcode {other:#04x}"),
        };
        self.stack.push(value);
    }

    fn take<const N: usize>(&mut self) -> [u8; N] {
        let (taken, rest) = self.rest.split_first_chunk().expect("the pickle ends within an opcode");
        self.rest = rest;
        *taken
    }

    fn pop(&mut self) -> Value {
        self.stack.pop().expect("the stack is empty")
    }

    /// An integer of 8 or 9 bytes.
    fn long(&mut self) -> Value {
        if self.take::<1>() == [8] {
            let value = i64::from_le_bytes(self.take());
            assert!(i32::try_from(value).is_err(), "{value} in eight bytes");
            return Value::Int(value.to_string());
        }
        let value = u64::from_le_bytes(self.take());
        assert!(i64::try_from(value).is_err() && self.take() == [0], "{value} in nine bytes");
        Value::Int(value.to_string())
    }

    fn decimal(&mut self) -> Value {
        let end = self.rest.iter().position(|byte| *byte == b'\n').expect("an integer in decimal has no end");
        let text = std::str::from_utf8(&self.rest[..end]).expect("decimal digits").strip_suffix('L').expect("an L");
        self.rest = &self.rest[end + 1..];
        let digits = text.strip_prefix('-').unwrap_or(text);
        assert!(!digits.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_digit()), "{text}");
        assert!(text.parse::<u64>().is_err() && text.parse::<i64>().is_err(), "{text} fits 64 bits");
        Value::Int(text.to_owned())
    }

    fn text(&mut self, op: u8) -> Value {
        let (length, shorter) = match op {
            0x8c => (u64::from(self.take::<1>()[0]), None),
            b'X' => (u64::from(u32::from_le_bytes(self.take())), Some(u64::from(u8::MAX))),
            _ => (u64::from_le_bytes(self.take()), Some(u64::from(u32::MAX))),
        };
        assert!(shorter.is_none_or(|most| length > most), "{length} bytes of text in a longer form than needed");
        let (text, rest) = self.rest.split_at(usize::try_from(length).expect("a text in memory"));
        self.rest = rest;
        assert!(is_text(text), "{} is no text", text.escape_ascii());
        Value::Text(text.to_vec())
    }

    /// Moves what is above the last mark into the list or dict below it.
    fn close(&mut self, dict: bool) {
        let items = self.stack.split_off(self.marks.pop().expect("no mark"));
        assert!(!items.is_empty(), "nothing between mark and end");
        match (self.stack.last_mut(), dict) {
            (Some(Value::List(list)), false) if list.is_empty() => *list = items,
            (Some(Value::Dict(members)), true) if members.is_empty() => *members = paired(items),
            (other, _) => panic!("{other:?} below the mark"),
        }
    }
}

fn short(value: i64, range: std::ops::RangeInclusive<i64>) -> Value {
    assert!(range.contains(&value), "{value} in a longer form than needed");
    Value::Int(value.to_string())
}

fn word(value: i32) -> Value {
    assert!(!(0..=0xffff).contains(&value), "{value} in a longer form than needed");
    Value::Int(value.to_string())
}

fn paired(items: Vec<Value>) -> Vec<(Vec<u8>, Value)> {
    let (mut members, mut items) = (Vec::<(Vec<u8>, Value)>::new(), items.into_iter());
    while let Some(key) = items.next() {
        let Value::Text(key) = key else { panic!("{key:?} as a key") };
        let value = items.next().expect("a key without a value");
        match members.iter_mut().find(|(known, _)| *known == key) {
            Some(member) => member.1 = value,
            None => members.push((key, value)),
        }
    }
    members
}

/// UTF-8, in which a surrogate may stand alone, but no pair of them.
fn is_text(text: &[u8]) -> bool {
    let Err(error) = std::str::from_utf8(text) else { return true };
    let rest = &text[error.valid_up_to()..];
    match rest {
        [0xed, 0xa0..=0xaf, 0x80..=0xbf, 0xed, 0xb0..=0xbf, ..] => false,
        [0xed, 0xa0..=0xbf, 0x80..=0xbf, rest @ ..] => is_text(rest),
        _ => false,
    }
}
