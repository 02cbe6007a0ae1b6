//! Texts in global heaps, made by hand as those of pickles are: HDF5 would make them under its lock, text by text.
//!
//! Each band of rows has heaps of its own, so that bands are made in any order. Each text is an object by itself, equal
//! ones too: whoever changes one of them with HDF5 must not change the others.

use std::io;
use std::ops::Range;

use super::super::super::super::frame::PieceCells;
use super::super::super::super::frame::column::Cell;
use super::super::super::super::frame::pickled::text_in;
use super::super::super::super::frame::value::Value;
use super::super::heap;
use super::columns::{Kind, PlainColumn};

/// Bytes of a heap, unless a single text needs more. HDF5 reads a whole heap to get at a text.
const HEAP: u64 = 64 << 10;
/// The least that HDF5 takes.
const LEAST: u64 = 4096;
const HEADER: u64 = 16;
/// Objects of a heap, which HDF5 counts with 16 bits.
const MOST: usize = 60_000;

/// Gives the cells of `rows` of column `index` to `take`, in order, each with its number among them.
pub(super) fn each_cell(
    cells: &PieceCells<'_>,
    index: usize,
    rows: Range<usize>,
    mut take: impl FnMut(usize, Cell<'_>) -> io::Result<()>,
) -> io::Result<()> {
    let absent = cells.piece.absent();
    match cells.column(index) {
        Some(column) => column.cells(rows, absent).enumerate().try_for_each(|(number, cell)| take(number, cell)),
        None => (0..rows.len()).try_for_each(|number| take(number, Cell::absent(absent))),
    }
}

/// Gives the texts of `rows` of `column` to `take`, in order; an empty one for a missing value.
pub(super) fn each_text(
    cells: &PieceCells<'_>,
    column: &PlainColumn,
    rows: Range<usize>,
    mut take: impl FnMut(usize, &[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let mut json = Vec::new();
    each_cell(cells, column.index, rows, |number, cell| match cell {
        Cell::Missing | Cell::Null => take(number, b""),
        Cell::Pickled(pickle) if column.kind == Kind::Text => take(number, text_in(pickle)),
        cell => {
            json.clear();
            write(&cell, &mut json)?;
            take(number, &json)
        }
    })
}

/// Appends a value as text: a text as it is, everything else as JSON.
fn write(cell: &Cell<'_>, out: &mut Vec<u8>) -> io::Result<()> {
    let value = match *cell {
        Cell::Missing | Cell::Null => Value::Null,
        Cell::Bool(value) => Value::Bool(value),
        Cell::Int(value) => Value::Int(value),
        Cell::Uint(value) => Value::Uint(value),
        Cell::Float(value) => Value::Float(value),
        Cell::Pickled(pickle) => {
            Value::of(pickle).ok_or_else(|| io::Error::other("internal error: a value is no pickle of ours"))?
        }
    };
    match value {
        Value::Text(text) => out.extend_from_slice(text),
        value => value.write_json(out),
    }
    Ok(())
}

/// The bytes that the heaps of a column take in one band, found before they are made.
#[derive(Clone, Debug, Default)]
pub(super) struct Measure {
    closed: u64,
    open: u64,
    objects: usize,
}

impl Measure {
    /// Adds a text of so many bytes.
    pub(super) fn add(&mut self, length: usize) {
        if closes(self.open, self.objects, length) {
            self.closed += size(self.open);
            (self.open, self.objects) = (0, 0);
        }
        self.open += needed(length);
        self.objects += 1;
    }

    /// The bytes of all heaps so far.
    pub(super) fn bytes(&self) -> u64 {
        self.closed + if self.objects > 0 { size(self.open) } else { 0 }
    }
}

/// Whether a heap with `objects` in `open` bytes is closed before a text of `length` bytes.
fn closes(open: u64, objects: usize, length: usize) -> bool {
    objects > 0 && (objects == MOST || HEADER + open + needed(length) > HEAP)
}

/// Bytes that a text takes in a heap.
fn needed(length: usize) -> u64 {
    HEADER + (length as u64).next_multiple_of(8)
}

/// Bytes of a heap whose objects take so many.
fn size(objects: u64) -> u64 {
    (HEADER + objects).max(LEAST)
}

/// Makes the heaps of a column in one band.
pub(super) struct Heaps {
    /// Where the open heap will be.
    at: u64,
    objects: Vec<u8>,
    count: u16,
}

impl Heaps {
    /// Heaps from the address `at` on.
    pub(super) fn from(at: u64) -> Self {
        Self { at, objects: Vec::new(), count: 0 }
    }

    /// Adds a text and gives the reference to it; a heap that is full is given to `put`.
    pub(super) fn add(
        &mut self,
        text: &[u8],
        put: &mut dyn FnMut(&[u8], u64) -> io::Result<()>,
    ) -> io::Result<[u8; 16]> {
        if closes(self.objects.len() as u64, self.count.into(), text.len()) {
            self.close(put)?;
        }
        self.count += 1;
        heap::open_object(&mut self.objects, self.count, text.len() as u64);
        self.objects.extend_from_slice(text);
        self.objects.resize(self.objects.len().next_multiple_of(8), 0);
        Ok(heap::reference(text.len() as u64, self.at, self.count))
    }

    /// Gives the open heap to `put`, and the address at which it ends.
    pub(super) fn close(&mut self, put: &mut dyn FnMut(&[u8], u64) -> io::Result<()>) -> io::Result<u64> {
        if self.count > 0 {
            let bytes = size(self.objects.len() as u64);
            put(&heap::closed(bytes, &self.objects), self.at)?;
            self.at += bytes;
            self.objects.clear();
            self.count = 0;
        }
        Ok(self.at)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn heaps_are_as_long_as_was_measured_and_every_text_is_where_its_reference_says(
            lengths in proptest::collection::vec(prop_oneof![0..40_usize, 0..9000_usize, 60_000..70_000_usize], 0..60),
        ) {
            let (mut measure, mut heaps, mut file) = (Measure::default(), Heaps::from(8), vec![0; 8]);
            let mut put = |bytes: &[u8], at: u64| {
                assert_eq!((at, bytes.len() % 8), (file.len() as u64, 0));
                file.extend_from_slice(bytes);
                Ok(())
            };
            let mut references = Vec::new();
            for (number, length) in lengths.iter().enumerate() {
                measure.add(*length);
                let text = vec![u8::try_from(number).unwrap(); *length];
                references.push((heaps.add(&text, &mut put).unwrap(), text));
            }
            prop_assert_eq!(heaps.close(&mut put).unwrap(), 8 + measure.bytes());
            for (reference, text) in references {
                let number = |range: Range<usize>| {
                    let mut bytes = [0; 8];
                    bytes[..range.len()].copy_from_slice(&reference[range]);
                    usize::try_from(u64::from_le_bytes(bytes)).unwrap()
                };
                let (length, mut at, object) = (number(0..4), number(4..12) + 16, number(12..16));
                for _ in 1..object {
                    at += 16 + usize::try_from(u64::from_le_bytes(file[at + 8..at + 16].try_into().unwrap())).unwrap().next_multiple_of(8);
                }
                prop_assert_eq!(usize::from(file[at]) + 256 * usize::from(file[at + 1]), object);
                prop_assert_eq!(&file[at + 16..at + 16 + length], &text[..]);
            }
        }
    }
}
