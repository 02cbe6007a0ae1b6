//! A cell, as whoever reads a column sees it.

use super::kind::Tag;

/// A cell as a writer sees it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Cell<'a> {
    /// Absent: NaN.
    Missing,
    /// Null: None.
    Null,
    /// A boolean.
    Bool(bool),
    /// An integer within `i64`.
    Int(i64),
    /// An integer above `i64`.
    Uint(u64),
    /// A float.
    Float(f64),
    /// Anything else, pickled.
    Pickled(&'a [u8]),
}

/// A cell of a column that has a dictionary.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Numbered<'a> {
    /// The text of this number.
    Text(usize),
    /// Anything else.
    Other(Cell<'a>),
}

impl Cell<'_> {
    /// What an absent cell is.
    pub(crate) fn absent(tag: Tag) -> Self {
        if tag == Tag::Null { Self::Null } else { Self::Missing }
    }

    /// The cell of a kind that has no bytes.
    pub(super) fn of_word(tag: Tag, word: u64) -> Self {
        match tag {
            Tag::Null => Self::Null,
            Tag::Bool => Self::Bool(word != 0),
            Tag::Int | Tag::Time | Tag::TimeUtc => Self::Int(word.cast_signed()),
            Tag::Uint => Self::Uint(word),
            Tag::Float => Self::Float(f64::from_bits(word)),
            Tag::Missing | Tag::Text | Tag::WildText | Tag::BigInt | Tag::Nested => Self::Missing,
        }
    }
}
