//! What the lists and objects of a column hold: all of it has to be seen before the first value can be written.

use std::collections::HashMap;

use super::super::super::frame::value::{Token, Tokens};
use super::super::super::frame::warnings::is_exact;
use super::kind::Kind;

/// Deepest lists and objects: readers allow 64 levels, and for some each one more takes twice the time.
pub(super) const MOST_LEVELS: usize = 16;
/// Most different keys of the objects in a column: more are data and no names.
pub(super) const MOST_KEYS: usize = 10_000;

/// What a value may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    Bool,
    /// An integer from 0 on, within `i64`.
    Int,
    /// A negative one.
    Negative,
    /// One above `i64`, within `u64`.
    Uint,
    /// Any integer that is no float exactly.
    Inexact,
    Float,
    Text,
    List,
    Object,
    /// An integer beyond 64 bits.
    BigInt,
    /// A text or a key with half of a surrogate pair.
    Wild,
    /// A list or object that is too deep in others.
    Deep,
}

const SEEN: usize = 12;
const NEVER: usize = usize::MAX;

/// What the values at one place are: in a column, among the items of a list, behind a key.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    /// The first row in which each kind of value was seen.
    firsts: [usize; SEEN],
    items: Option<Box<Shape>>,
    members: Members,
}

/// The keys of objects, in order of first appearance.
#[derive(Clone, Debug, Default)]
struct Members {
    names: Vec<Box<[u8]>>,
    shapes: Vec<Shape>,
    index: HashMap<Box<[u8]>, usize, foldhash::fast::RandomState>,
    /// How many objects were looked at, and for each key in which of them it was seen last.
    objects: usize,
    last: Vec<usize>,
}

/// A value that is looked at.
struct Visit<'p> {
    tokens: Tokens<'p>,
    row: usize,
    /// Whether some object has a key twice.
    repeats: bool,
}

/// Why values have no type together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Misfit {
    /// The row that does not go with those before it.
    pub(super) row: usize,
    /// Where in its value that is, and what is wrong.
    pub(super) why: String,
}

impl Default for Shape {
    fn default() -> Self {
        Self { firsts: [NEVER; SEEN], items: None, members: Members::default() }
    }
}

impl Shape {
    /// Adds the value of row `row`, as a pickle. Tells whether some object in it has a key twice, of which only the last value
    /// counts: this one has looked at both. `None` if it is no pickle of ours.
    pub(super) fn add(&mut self, pickle: &[u8], row: usize) -> Option<bool> {
        let mut visit = Visit { tokens: Tokens::of(pickle), row, repeats: false };
        let token = visit.tokens.next()?;
        self.value(token, &mut visit, 0)?;
        Some(visit.repeats)
    }

    fn value(&mut self, token: Token<'_>, visit: &mut Visit<'_>, level: usize) -> Option<()> {
        let row = visit.row;
        match token {
            Token::Null => {}
            Token::Float(value) if value.is_nan() => {}
            Token::Bool(_) => self.note(Seen::Bool, row),
            Token::Int(value) => {
                self.note(if value < 0 { Seen::Negative } else { Seen::Int }, row);
                self.note_inexact(value.unsigned_abs(), row);
            }
            Token::Uint(value) => {
                self.note(Seen::Uint, row);
                self.note_inexact(value, row);
            }
            Token::Float(_) => self.note(Seen::Float, row),
            Token::BigInt(_) => self.note(Seen::BigInt, row),
            Token::Text(text) => self.note(if is_wild(text) { Seen::Wild } else { Seen::Text }, row),
            Token::List { empty } => {
                self.note(Seen::List, row);
                return self.inside(empty, visit, level, Self::items);
            }
            Token::Object { empty } => {
                self.note(Seen::Object, row);
                return self.inside(empty, visit, level, Self::members);
            }
            Token::End => return None,
        }
        Some(())
    }

    /// Looks at what is in a list or object, if that is not too deep, by `look`.
    fn inside(
        &mut self,
        empty: bool,
        visit: &mut Visit<'_>,
        level: usize,
        look: fn(&mut Self, &mut Visit<'_>, usize) -> Option<()>,
    ) -> Option<()> {
        if empty {
            Some(())
        } else if level == MOST_LEVELS {
            self.note(Seen::Deep, visit.row);
            skip(&mut visit.tokens)
        } else {
            look(self, visit, level + 1)
        }
    }

    fn items(&mut self, visit: &mut Visit<'_>, level: usize) -> Option<()> {
        let items = self.items.get_or_insert_default();
        loop {
            match visit.tokens.next()? {
                Token::End => return Some(()),
                token => items.value(token, visit, level)?,
            }
        }
    }

    fn members(&mut self, visit: &mut Visit<'_>, level: usize) -> Option<()> {
        let mut next = 0;
        self.members.objects += 1;
        loop {
            let name = match visit.tokens.next()? {
                Token::End => return Some(()),
                Token::Text(name) => name,
                _ => return None,
            };
            let member = self.members.find(name, next);
            next = member + 1;
            if self.members.is_new(member) && is_wild(name) {
                self.note(Seen::Wild, visit.row);
            }
            visit.repeats |= self.members.see(member);
            let value = visit.tokens.next()?;
            self.members.shapes[member].value(value, visit, level)?;
        }
    }

    fn note(&mut self, seen: Seen, row: usize) {
        let first = &mut self.firsts[seen as usize];
        *first = row.min(*first);
    }

    fn note_inexact(&mut self, magnitude: u64, row: usize) {
        if !is_exact(magnitude) {
            self.note(Seen::Inexact, row);
        }
    }

    /// Adds what was seen in rows behind those so far; there, the first of all was number 0.
    pub(super) fn merge(&mut self, other: &Self, rows_before: usize) {
        for (first, theirs) in self.firsts.iter_mut().zip(other.firsts) {
            if theirs != NEVER {
                *first = (*first).min(theirs + rows_before);
            }
        }
        if let Some(theirs) = &other.items {
            self.items.get_or_insert_default().merge(theirs, rows_before);
        }
        for (number, (name, theirs)) in other.members.names.iter().zip(&other.members.shapes).enumerate() {
            let member = self.members.find(name, number);
            self.members.shapes[member].merge(theirs, rows_before);
        }
    }

    /// How many keys there are at all depths.
    pub(super) fn keys(&self) -> usize {
        let below = self.members.shapes.iter().map(Self::keys).sum::<usize>();
        self.members.names.len() + below + self.items.as_ref().map_or(0, |items| items.keys())
    }

    /// What all values together are, or the first that does not go with the others.
    pub(super) fn kind(&self) -> Result<Kind, Misfit> {
        let mut misfits = Vec::new();
        let kind = self.kind_at("", &mut misfits);
        let first = misfits.into_iter().min_by_key(|misfit| misfit.row);
        first.map_or(Ok(kind), Err)
    }

    fn first(&self, seen: Seen) -> usize {
        self.firsts[seen as usize]
    }

    fn has(&self, seen: Seen) -> bool {
        self.first(seen) != NEVER
    }

    /// The first row by which all of `these` were seen.
    fn all_seen(&self, these: &[Seen]) -> usize {
        these.iter().map(|seen| self.first(*seen)).max().unwrap_or(NEVER)
    }

    fn kind_at(&self, path: &str, misfits: &mut Vec<Misfit>) -> Kind {
        let place = if path.is_empty() { String::new() } else { format!(" at `{path}`") };
        for (row, what) in self.troubles() {
            if row != NEVER {
                misfits.push(Misfit { row, why: format!("{what}{place}") });
            }
        }
        if self.has(Seen::List) {
            let items = self.items.as_deref().map_or(Kind::Text, |items| items.kind_at(&format!("{path}[]"), misfits));
            return Kind::List(Box::new(items));
        }
        if self.has(Seen::Object) {
            return self.members.kind_at(path, misfits);
        }
        self.plain_kind()
    }

    /// What keeps the values from being of one type, and from which row on.
    fn troubles(&self) -> [(usize, &'static str); 6] {
        let number = [Seen::Int, Seen::Negative, Seen::Uint, Seen::Float, Seen::BigInt].map(|seen| self.first(seen));
        let number = number.into_iter().min().unwrap_or(NEVER);
        let text = self.first(Seen::Text).min(self.first(Seen::Wild));
        let mut groups = [self.first(Seen::Bool), number, text, self.first(Seen::List), self.first(Seen::Object)];
        groups.sort_unstable();
        [
            (groups[1], "values of different kinds"),
            (self.first(Seen::BigInt), "an integer beyond 64 bits"),
            (self.all_seen(&[Seen::Negative, Seen::Uint]), "integers below zero and above int64"),
            (self.all_seen(&[Seen::Float, Seen::Inexact]), "an integer beyond 2^53 beside fractions"),
            (self.first(Seen::Wild), "half of a surrogate pair (\\ud800 to \\udfff), no Unicode"),
            (self.first(Seen::Deep), "lists and objects more than 16 levels deep"),
        ]
    }

    fn plain_kind(&self) -> Kind {
        if self.has(Seen::Bool) {
            Kind::Bool
        } else if self.has(Seen::Float) {
            Kind::Float64
        } else if self.has(Seen::Uint) {
            Kind::Uint64
        } else if self.has(Seen::Int) || self.has(Seen::Negative) {
            Kind::Int64
        } else {
            Kind::Text
        }
    }
}

impl Members {
    /// The number of the member `name`, new if there is none yet; likely to be number `likely`.
    fn find(&mut self, name: &[u8], likely: usize) -> usize {
        if self.names.get(likely).is_some_and(|known| **known == *name) {
            return likely;
        }
        if let Some(number) = self.index.get(name) {
            return *number;
        }
        self.index.insert(name.into(), self.names.len());
        self.names.push(name.into());
        self.shapes.push(Shape::default());
        self.last.push(0);
        self.names.len() - 1
    }

    /// The member is in the object at hand. Tells whether it was before.
    fn see(&mut self, member: usize) -> bool {
        std::mem::replace(&mut self.last[member], self.objects) == self.objects
    }

    /// Whether nothing was seen of a member yet.
    fn is_new(&self, member: usize) -> bool {
        self.shapes[member].firsts == [NEVER; SEEN]
    }

    fn kind_at(&self, path: &str, misfits: &mut Vec<Misfit>) -> Kind {
        if self.names.is_empty() {
            return Kind::Empty;
        }
        let member = |(name, shape): (&[u8], &Shape)| {
            let name = String::from_utf8_lossy(name).into_owned();
            let kind = shape.kind_at(&format!("{path}.{name}"), misfits);
            (name, kind)
        };
        Kind::Struct(self.names.iter().map(AsRef::as_ref).zip(&self.shapes).map(member).collect())
    }
}

/// Passes the rest of a list or object.
fn skip(tokens: &mut Tokens<'_>) -> Option<()> {
    let mut open = 1_usize;
    while open > 0 {
        match tokens.next()? {
            Token::List { empty: false } | Token::Object { empty: false } => open += 1,
            Token::End => open -= 1,
            _ => {}
        }
    }
    Some(())
}

/// Whether a text has half of a surrogate pair.
fn is_wild(text: &[u8]) -> bool {
    simdutf8::basic::from_utf8(text).is_err()
}
