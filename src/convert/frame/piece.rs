//! The rows of one part within a frame: their cells, and which column of the frame each belongs to.

use std::borrow::Cow;
use std::io;
use std::sync::Arc;

use super::column::{Column, Tag};
use super::spill::{SpillFile, Spilled};

/// For each column of a frame the column of a part that it is; beyond its end, and where it says [`NOWHERE`], the part has
/// none. Parts with the same keys share one.
pub(super) type Places = Arc<[u32]>;

/// No column.
pub(super) const NOWHERE: u32 = u32::MAX;

/// The rows of one part.
#[derive(Debug)]
pub(crate) struct Piece {
    rows: usize,
    absent: Tag,
    pub(super) places: Places,
    source: Place,
    /// Bytes of the cells, about; the same however much memory there is.
    bytes: usize,
    cells: Cells,
}

/// Where rows come from in the source.
#[derive(Debug)]
pub(super) struct Place {
    /// Records, blank lines and records left out before the part.
    pub(super) records: u64,
    /// The line of the first record, if each line is one.
    pub(super) first_line: Option<u64>,
    /// Lines without a record, each as the number of records before it.
    pub(super) blanks: Vec<usize>,
}

#[derive(Debug)]
enum Cells {
    Here(Vec<Column>),
    Away(Spilled),
}

impl Piece {
    /// So many rows, which stand in `source`, and whose cells are in `columns`; a cell that is not there is `absent`.
    pub(super) fn new(rows: usize, absent: Tag, places: Places, source: Place, columns: Vec<Column>) -> Self {
        let bytes = columns.iter().map(|column| 8 * column.stored_count() + column.heap_len()).sum();
        Self { rows, absent, places, source, bytes, cells: Cells::Here(columns) }
    }

    /// Bytes of the cells, about.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Where row `row` is in the source: how many records come before it, and its line where each line is a record.
    pub(super) fn spot(&self, row: usize) -> (u64, Option<u64>) {
        let number = (row + self.source.blanks.partition_point(|before| *before <= row)) as u64;
        (self.source.records + number, self.source.first_line.map(|first| first + number))
    }

    /// Number of rows.
    #[inline]
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// What a cell without a value holds: NaN where a key is absent, None where a list is short.
    #[inline]
    pub(crate) fn absent(&self) -> Tag {
        self.absent
    }

    /// Which of its columns is column `index` of the frame.
    pub(super) fn place(&self, index: usize) -> Option<usize> {
        self.places.get(index).filter(|place| **place != NOWHERE).map(|place| *place as usize)
    }

    /// Column `index` of `columns` becomes the last one. `before` is what this did to another piece, which may have the same
    /// places.
    pub(super) fn move_to_end(&mut self, index: usize, columns: usize, before: &mut Option<(Places, Places)>) {
        let moved = match before {
            Some((from, to)) if Arc::ptr_eq(from, &self.places) => Arc::clone(to),
            _ => {
                let mut places: Vec<u32> = self.places.iter().copied().collect();
                places.resize(columns, NOWHERE);
                let last = places.remove(index);
                places.push(last);
                let places = Places::from(places);
                *before = Some((Arc::clone(&self.places), Arc::clone(&places)));
                places
            }
        };
        self.places = moved;
    }

    /// Writes the cells away to `file`.
    pub(crate) fn spill(&mut self, file: &SpillFile) -> io::Result<()> {
        if let Cells::Here(columns) = &self.cells {
            self.cells = Cells::Away(file.write(columns)?);
        }
        Ok(())
    }

    /// The cells, read back from `file` if they were written away to it.
    pub(super) fn columns(&self, file: Option<&SpillFile>) -> io::Result<Cow<'_, [Column]>> {
        match (&self.cells, file) {
            (Cells::Here(columns), _) => Ok(Cow::Borrowed(columns)),
            (Cells::Away(spilled), Some(file)) => file.read(spilled).map(Cow::Owned),
            (Cells::Away(_), None) => Err(io::Error::other("internal error: cells were put aside nowhere")),
        }
    }
}
