//! A parsed line as a tape of nodes, whichever parser made it, and its way into the columns.
//!
//! The nodes of a container follow it; of an object, keys and values in turn.

use std::collections::{HashMap, HashSet};

use super::super::defect::Defect;
use super::super::frame::LineKind;
use super::super::frame::column::{Column, Tag};
use super::super::frame::part::{MEMBER, Part};
use super::super::frame::pickled;
use super::canonical;
use crate::config::Nested;

/// One node of a tape.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Node<'a> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// An integer within `i64`.
    Int(i64),
    /// An integer above `i64`, within `u64`.
    Uint(u64),
    /// An integer beyond 64 bits, in decimal.
    BigInt(&'a [u8]),
    /// A number with a fraction or an exponent, or one of the words `NaN`, `Infinity`, `-Infinity`.
    Float(f64),
    /// A text or key, as UTF-8.
    Text(&'a [u8]),
    /// A text or key with a lone surrogate, as UTF-8 with surrogates in three bytes each.
    WildText(&'a [u8]),
    /// A list of so many items.
    List(usize),
    /// An object of so many members.
    Object(usize),
}

/// Something that has nodes.
pub(crate) trait Tape {
    /// The node at `index`.
    fn node(&self, index: usize) -> Node<'_>;
}

/// Puts the record on `tape` into `part`.
pub(crate) fn record(tape: &impl Tape, part: &mut Part, depth_limit: usize, nested: Nested) -> Result<(), Defect> {
    let mut walk = Walk { tape, at: 0, depth_limit, level: 1, nested };
    match walk.next() {
        Node::Object(members) => {
            begin(part, LineKind::Object)?;
            walk.object(members, part)?;
        }
        Node::List(items) => {
            begin(part, LineKind::List)?;
            for position in 0..items {
                let column = part.column_at(position);
                walk.value(part.ready(column)).map_err(|e| e.at_line(part.next_line()))?;
            }
        }
        _ => {
            begin(part, LineKind::Scalar)?;
            walk.at = 0;
            let column = part.column_at(0);
            walk.value(part.ready(column)).map_err(|e| e.at_line(part.next_line()))?;
        }
    }
    part.end();
    Ok(())
}

fn begin(part: &mut Part, kind: LineKind) -> Result<(), Defect> {
    part.begin(kind).map_err(|expected| Defect::mixed_lines(part.next_line(), expected, kind))
}

struct Walk<'t, T> {
    tape: &'t T,
    at: usize,
    depth_limit: usize,
    /// Levels of nesting around the value at hand; the record is the first.
    level: usize,
    nested: Nested,
}

impl<'t, T: Tape> Walk<'t, T> {
    #[inline]
    fn next(&mut self) -> Node<'t> {
        self.at += 1;
        self.tape.node(self.at - 1)
    }

    fn object(&mut self, members: usize, part: &mut Part) -> Result<(), Defect> {
        if self.nested == Nested::Flatten {
            return self.flatten(members, part);
        }
        for _ in 0..members {
            let column = part.column_of(self.key(part)?);
            self.value(part.ready(column)).map_err(|e| e.at_line(part.next_line()))?;
        }
        Ok(())
    }

    fn key(&mut self, part: &Part) -> Result<&'t [u8], Defect> {
        match self.next() {
            Node::Text(key) => Ok(key),
            Node::WildText(key) => Err(Defect::lone_surrogate_in_key(part.next_line(), &String::from_utf8_lossy(key))),
            other => unreachable!("a tape has a key here, not {other:?}"),
        }
    }

    /// The members of objects within objects become columns of their own, whose keys are the names on the way to them.
    fn flatten(&mut self, members: usize, part: &mut Part) -> Result<(), Defect> {
        let twice = Twice::among(self.tape, self.at, members);
        let mut key = Vec::new();
        let mut open = vec![Open { left: members, prefix: 0, resume: None }];
        // Objects that are open where one stands that has replaced another, until a column of it is found.
        let mut told = None;
        while let Some(object) = open.last_mut() {
            if object.left == 0 {
                self.at = object.resume.unwrap_or(self.at);
                open.pop();
                told = told.filter(|depth| *depth <= open.len());
                continue;
            }
            object.left -= 1;
            key.truncate(object.prefix);
            let member = self.at;
            key.extend_from_slice(self.key(part)?);
            if twice.again.contains(&member) {
                self.at = behind(self.tape, self.at);
                continue;
            }
            // The last value stands where the first one did.
            let last = twice.last.get(&member);
            let resume =
                last.map(|last| std::mem::replace(&mut self.at, last + 1)).map(|first| behind(self.tape, first));
            if let Node::Object(members) = self.tape.node(self.at) {
                self.at += 1;
                if open.len() + 1 > self.depth_limit {
                    return Err(Defect::too_deep(self.depth_limit).at_line(part.next_line()));
                }
                key.push(MEMBER);
                open.push(Open { left: members, prefix: key.len(), resume });
                told = told.or(resume.map(|_| open.len()));
                continue;
            }
            let column = part.column_of(&key);
            self.level = open.len();
            self.value(part.ready(column)).map_err(|e| e.at_line(part.next_line()))?;
            let replaced_around = told.take().is_some();
            if resume.is_some() || replaced_around {
                part.note_duplicate(column);
            }
            self.at = resume.unwrap_or(self.at);
        }
        Ok(())
    }

    #[inline]
    fn value(&mut self, column: &mut Column) -> Result<(), Defect> {
        match self.next() {
            Node::Float(value) if value.is_nan() => column.push_word(Tag::Missing, 0),
            Node::Float(value) => column.push_word(Tag::Float, value.to_bits()),
            Node::Text(utf8) => column.push_text(utf8, utf8.len()),
            Node::Int(value) => column.push_word(Tag::Int, value.cast_unsigned()),
            Node::Null => column.push_word(Tag::Null, 0),
            Node::Bool(value) => column.push_word(Tag::Bool, u64::from(value)),
            Node::Uint(value) => column.push_word(Tag::Uint, value),
            Node::WildText(wtf8) => column.push_heap(Tag::WildText, |heap| pickled::text(heap, wtf8)),
            Node::BigInt(decimal) => column.push_heap(Tag::BigInt, |heap| pickled::big_int(heap, decimal)),
            Node::List(_) | Node::Object(_) => return self.container(column),
        }
        Ok(())
    }

    /// The container whose node was read last.
    fn container(&mut self, column: &mut Column) -> Result<(), Defect> {
        self.at -= 1;
        if self.nested == Nested::Json {
            let (text, end) = canonical::text(self.tape, self.at, self.depth_limit)?;
            self.at = end;
            column.push_text(&text, text.len());
            return Ok(());
        }
        column.push_heap(Tag::Nested, |heap| self.nested(heap))
    }

    /// Pickles the container at hand with an explicit stack: the depth of the input never becomes depth of ours.
    fn nested(&mut self, out: &mut Vec<u8>) -> Result<(), Defect> {
        let mut open: Vec<Container> = Vec::new();
        loop {
            match self.next() {
                Node::List(items) => self.enter(&mut open, out, Container { dict: false, left: items })?,
                Node::Object(members) => self.enter(&mut open, out, Container { dict: true, left: 2 * members })?,
                leaf => pickle_leaf(out, leaf),
            }
            close_finished(&mut open, out);
            match open.last_mut() {
                Some(container) => container.left -= 1,
                None => return Ok(()),
            }
        }
    }

    fn enter(&self, open: &mut Vec<Container>, out: &mut Vec<u8>, container: Container) -> Result<(), Defect> {
        if self.level + open.len() + 1 > self.depth_limit {
            return Err(Defect::too_deep(self.depth_limit));
        }
        pickled::open(out, container.dict, container.left == 0);
        if container.left > 0 {
            open.push(container);
        }
        Ok(())
    }
}

/// An object whose members are being flattened.
struct Open {
    /// How many members are to come.
    left: usize,
    /// How long its own key is.
    prefix: usize,
    /// The node at which to go on behind it, if it stands in the place of another.
    resume: Option<usize>,
}

/// Keys that occur twice in an object, or in an object within it, by their nodes: as in Python the last value counts, in
/// the place of the first, and of the others nothing is left.
#[derive(Default)]
struct Twice {
    /// For the first occurrence the last one.
    last: HashMap<usize, usize>,
    /// All occurrences but the first.
    again: HashSet<usize>,
}

impl Twice {
    /// Those of the object whose first of so many `members` is at node `at`.
    fn among(tape: &impl Tape, mut at: usize, members: usize) -> Self {
        let (mut twice, mut seen) = (Self::default(), HashMap::<_, _, foldhash::fast::RandomState>::default());
        let mut open = vec![(members, 0)];
        while let Some((left, object)) = open.last_mut() {
            if *left == 0 {
                open.pop();
                continue;
            }
            *left -= 1;
            if let Node::Text(key) | Node::WildText(key) = tape.node(at) {
                let first = *seen.entry((*object, key)).or_insert(at);
                if first != at {
                    twice.last.insert(first, at);
                    twice.again.insert(at);
                }
            }
            at += 1;
            if let Node::Object(members) = tape.node(at) {
                open.push((members, at));
                at += 1;
            } else {
                at = behind(tape, at);
            }
        }
        twice
    }
}

/// The node behind the value at node `at`.
fn behind(tape: &impl Tape, mut at: usize) -> usize {
    let mut left = 1;
    while left > 0 {
        left -= 1;
        left += match tape.node(at) {
            Node::List(items) => items,
            Node::Object(members) => 2 * members,
            _ => 0,
        };
        at += 1;
    }
    at
}

/// A list or dict being pickled, and how many of its nodes are still to come.
struct Container {
    dict: bool,
    left: usize,
}

fn close_finished(open: &mut Vec<Container>, out: &mut Vec<u8>) {
    while let Some(container) = open.pop_if(|container| container.left == 0) {
        if container.dict {
            pickled::close_dict(out);
        } else {
            pickled::close_list(out);
        }
    }
}

fn pickle_leaf(out: &mut Vec<u8>, leaf: Node<'_>) {
    match leaf {
        Node::Null => pickled::none(out),
        Node::Bool(value) => pickled::bool(out, value),
        Node::Int(value) => pickled::int(out, value),
        Node::Uint(value) => pickled::uint(out, value),
        Node::BigInt(decimal) => pickled::big_int(out, decimal),
        Node::Float(value) => pickled::float(out, value),
        Node::Text(utf8) | Node::WildText(utf8) => pickled::text(out, utf8),
        Node::List(_) | Node::Object(_) => unreachable!("containers are entered, not leaves"),
    }
}
