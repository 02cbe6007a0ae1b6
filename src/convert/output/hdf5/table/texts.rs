//! The texts of a column in which every cell is text or missing, as a table has them: those of the source as they are,
//! any other value as JSON.

use std::collections::BTreeSet;

use super::super::super::super::frame::PieceCells;
use super::super::super::super::frame::column::{Cell, Column, Tag};
use super::super::super::super::frame::dictionary::Dictionary;
use super::super::super::super::frame::pickled;
use super::super::super::super::frame::value::Value;

/// The text that `cell` is in such a column, put together in `buffer` if it has to be; none for a missing value.
pub(super) fn text_of<'c>(cell: &Cell<'c>, buffer: &'c mut Vec<u8>) -> Option<&'c [u8]> {
    buffer.clear();
    match *cell {
        Cell::Missing | Cell::Null => return None,
        Cell::Pickled(pickle) if is_text(pickle) => return Some(pickled::text_in(pickle)),
        Cell::Pickled(pickle) => Value::of(pickle).unwrap_or(Value::Null).write_json(buffer),
        Cell::Bool(value) => Value::Bool(value).write_json(buffer),
        Cell::Int(value) => Value::Int(value).write_json(buffer),
        Cell::Uint(value) => Value::Uint(value).write_json(buffer),
        Cell::Float(value) => Value::Float(value).write_json(buffer),
    }
    Some(buffer)
}

fn is_text(pickle: &[u8]) -> bool {
    matches!(pickle.first(), Some(0x8c | b'X' | 0x8d))
}

/// What is to be known of the texts of a frame before any is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Measured {
    /// Bytes of the longest text of each column that was looked at.
    pub(super) longest: Vec<usize>,
    /// The texts that could be taken for a missing value: `nan` between so many underscores on each side.
    nans: BTreeSet<usize>,
    /// A text that ends in NUL, which is what texts are padded with: its place among the columns, and the row.
    pub(super) ends_in_nul: Option<(usize, usize)>,
}

impl Measured {
    /// The texts of `columns` in a piece of a frame that begins at row `first`.
    pub(super) fn of(cells: &PieceCells<'_>, columns: &[usize], first: usize) -> Self {
        let mut measured = Self { longest: vec![0; columns.len()], ..Self::default() };
        for (place, column) in columns.iter().enumerate() {
            let Some(column) = cells.column(*column) else { continue };
            let ends_in_nul = match (column.dictionary(), column.uniform()) {
                (Some(dictionary), Some(Tag::Text)) => measured.add_dictionary(place, dictionary),
                _ => measured.add_cells(place, column),
            };
            if ends_in_nul && measured.ends_in_nul.is_none() {
                measured.ends_in_nul = row_that_ends_in_nul(column).map(|row| (place, first + row));
            }
        }
        measured
    }

    /// Adds the texts of a column. Returns true if and only if one of them ends in NUL.
    fn add_cells(&mut self, place: usize, column: &Column) -> bool {
        let (mut buffer, mut ends_in_nul) = (Vec::new(), false);
        for (.., cell) in column.stored() {
            if let Some(text) = text_of(&cell, &mut buffer) {
                ends_in_nul |= self.add(place, text);
            }
        }
        ends_in_nul
    }

    /// The same for texts that repeat.
    fn add_dictionary(&mut self, place: usize, dictionary: &Dictionary) -> bool {
        dictionary.pickles().fold(false, |found, pickle| self.add(place, pickled::text_in(pickle)) | found)
    }

    fn add(&mut self, place: usize, text: &[u8]) -> bool {
        self.longest[place] = self.longest[place].max(text.len());
        self.nans.extend(underscores(text));
        text.last() == Some(&0)
    }

    /// What is known of both.
    #[must_use]
    pub(super) fn and(mut self, other: Self) -> Self {
        self.longest.resize(self.longest.len().max(other.longest.len()), 0);
        self.longest.iter_mut().zip(other.longest).for_each(|(longest, length)| *longest = length.max(*longest));
        self.nans.extend(other.nans);
        // The first column, and its first row.
        self.ends_in_nul = self.ends_in_nul.into_iter().chain(other.ends_in_nul).min();
        self
    }

    /// A text that stands for a missing value and that no value is: `nan`, or as few underscores around it as it takes.
    pub(super) fn nan_rep(&self) -> String {
        let free = (0..=self.nans.len()).find(|count| !self.nans.contains(count)).unwrap_or_default();
        let around = "_".repeat(free);
        format!("{around}nan{around}")
    }
}

/// The first row whose text ends in NUL.
fn row_that_ends_in_nul(column: &Column) -> Option<usize> {
    let mut buffer = Vec::new();
    let mut ends = |cell: &Cell<'_>| text_of(cell, &mut buffer).is_some_and(|text| text.ends_with(b"\0"));
    column.stored().find(|(.., cell)| ends(cell)).map(|(row, ..)| row)
}

/// How many underscores there are on each side of `nan`, if `text` is that.
fn underscores(text: &[u8]) -> Option<usize> {
    let (left, rest) = text.split_at(text.len().checked_sub(3)? / 2);
    let (inner, right) = rest.split_at(3);
    let around = inner == b"nan" && left.len() == right.len() && left.iter().chain(right).all(|byte| *byte == b'_');
    around.then_some(left.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_value_is_told_by_a_text_that_no_value_is() {
        let nan_rep = |texts: &[&str]| {
            let mut measured = Measured { longest: vec![0], ..Measured::default() };
            texts.iter().for_each(|text| assert!(!measured.add(0, text.as_bytes()), "none ends in NUL"));
            measured.nan_rep()
        };
        assert_eq!(nan_rep(&["", "a", "NaN", "_nan", "nan__", "xnany", "_nan_"]), "nan");
        assert_eq!(nan_rep(&["nan", "__nan__"]), "_nan_");
        assert_eq!(nan_rep(&["__nan__", "nan", "_nan_"]), "___nan___");
    }

    #[test]
    fn every_value_has_a_text_and_texts_stay_what_they_are() {
        let mut buffer = Vec::new();
        let mut told =
            |cell: Cell<'_>| text_of(&cell, &mut buffer).map(|text| String::from_utf8_lossy(text).into_owned());
        assert_eq!(told(Cell::Null), None);
        assert_eq!(told(Cell::Missing), None);
        assert_eq!(told(Cell::Pickled(b"\x8c\x02\"x")).unwrap(), "\"x");
        assert_eq!(told(Cell::Bool(true)).unwrap(), "true");
        assert_eq!(told(Cell::Float(1.0)).unwrap(), "1.0");
        assert_eq!(told(Cell::Uint(u64::MAX)).unwrap(), "18446744073709551615");
        assert_eq!(told(Cell::Pickled(b"L123456789012345678901L\n")).unwrap(), "123456789012345678901");
        assert_eq!(told(Cell::Pickled(b"](K\x01\x8c\x01ae")).unwrap(), "[1,\"a\"]");
    }

    #[test]
    fn what_is_known_of_two_pieces_is_known_of_both() {
        let one = Measured { longest: vec![3, 1], nans: BTreeSet::from([0]), ends_in_nul: Some((1, 2)) };
        let other = Measured { longest: vec![2, 7], nans: BTreeSet::from([1]), ends_in_nul: Some((0, 9)) };
        let both = Measured::default().and(one).and(other);
        assert_eq!((both.longest.as_slice(), both.nan_rep().as_str()), (&[3, 7][..], "__nan__"));
        assert_eq!(both.ends_in_nul, Some((0, 9)));
    }
}
