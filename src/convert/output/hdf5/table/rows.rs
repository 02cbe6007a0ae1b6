//! The rows of a table as bytes, chunk by chunk: no library, no lock.

use std::ops::Range;

use super::super::super::super::frame::column::{Cell, Column};
use super::super::super::super::frame::dtype::Dtype;
use super::super::super::super::frame::piece::Piece;
use super::super::super::super::frame::{Frame, PieceCells};
use super::super::fill::{tag_of, word_of};
use super::fields::{Fields, Kind, Place};
use super::texts::text_of;

/// Bytes of the smallest and of the largest chunk: pandas' own is of the first size, and one of the second still fits a
/// core's cache.
const CHUNK_BYTES: Range<usize> = 64 << 10..512 << 10;
/// A larger table has larger chunks, up to so many of them.
const CHUNKS: usize = 256;
/// Bytes of chunks that are made together.
const TOGETHER: usize = 16 << 20;

/// How the rows of a frame are cut into chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Chunks {
    pub(super) rows: usize,
    pub(super) row_bytes: usize,
    pub(super) chunk_rows: usize,
}

impl Chunks {
    /// Chunks for so many rows of so many bytes.
    pub(super) fn of(rows: usize, row_bytes: usize) -> Self {
        let share = rows.saturating_mul(row_bytes) / CHUNKS;
        let chunk_rows = (share.clamp(CHUNK_BYTES.start, CHUNK_BYTES.end) / row_bytes).max(1);
        Self { rows, row_bytes, chunk_rows }
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.rows.div_ceil(self.chunk_rows)
    }

    /// Bytes of one.
    pub(super) fn bytes(&self) -> usize {
        self.chunk_rows * self.row_bytes
    }

    /// The rows of one.
    pub(super) fn rows_of(&self, chunk: usize) -> Range<usize> {
        let start = chunk * self.chunk_rows;
        start..self.rows.min(start + self.chunk_rows)
    }

    /// Those that are made together, in order.
    pub(super) fn batches(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let (count, most) = (self.count(), (TOGETHER / self.bytes()).max(1));
        (0..count).step_by(most).map(move |first| first..count.min(first + most))
    }
}

/// What the rows are made of.
pub(super) struct Rows<'f> {
    frame: &'f Frame,
    places: Vec<Place>,
    nan_rep: &'f [u8],
    row_bytes: usize,
    /// Where each piece of the frame begins, and where the last one ends.
    starts: Vec<usize>,
}

/// The cells of some pieces of the frame that follow one another.
pub(super) struct Window<'f> {
    first: usize,
    pieces: Vec<PieceCells<'f>>,
}

impl<'f> Rows<'f> {
    pub(super) fn new(frame: &'f Frame, fields: &'f Fields) -> Self {
        Self {
            frame,
            places: fields.places(),
            nan_rep: fields.nan_rep.as_bytes(),
            row_bytes: fields.row_bytes,
            starts: starts(frame),
        }
    }

    /// The cells of all pieces that have some of `rows`.
    pub(super) fn window(&self, rows: &Range<usize>) -> std::io::Result<Window<'f>> {
        let first = self.starts.partition_point(|start| *start <= rows.start).saturating_sub(1);
        let end = self.starts.partition_point(|start| *start < rows.end).min(self.frame.pieces.len());
        let pieces = (first..end).map(|piece| self.frame.cells_of(piece)).collect::<Result<_, _>>()?;
        Ok(Window { first, pieces })
    }

    /// Writes `rows`, all of which are in `window`, into `out`, which is zero so far.
    pub(super) fn write(&self, window: &Window<'_>, rows: &Range<usize>, out: &mut [u8]) {
        let mut rest = out;
        for (number, cells) in window.pieces.iter().enumerate() {
            let from = self.starts[window.first + number];
            let piece = from..self.starts[window.first + number + 1];
            let here = rows.start.max(piece.start)..rows.end.min(piece.end);
            if here.is_empty() {
                continue;
            }
            let (mine, behind) = rest.split_at_mut(here.len() * self.row_bytes);
            self.write_piece(cells, from, here, mine);
            rest = behind;
        }
    }

    /// Writes the frame's `rows`, which are of one piece that begins at row `from`.
    fn write_piece(&self, cells: &PieceCells<'_>, from: usize, rows: Range<usize>, out: &mut [u8]) {
        for (row, place) in (rows.start as u64..).zip(out.chunks_exact_mut(self.row_bytes)) {
            place[..8].copy_from_slice(&row.to_le_bytes());
        }
        let inside = rows.start - from..rows.end - from;
        for place in &self.places {
            let column = cells.column(place.column);
            let values = Values { column, piece: cells.piece, rows: inside.clone() };
            let places = out.chunks_exact_mut(self.row_bytes).map(|row| &mut row[place.offset..][..place.kind.bytes()]);
            match place.kind {
                Kind::Word(dtype) => values.words(dtype, places),
                Kind::Flag => values.flags(places),
                Kind::Text(_) => values.texts(self.nan_rep, places),
            }
        }
    }
}

/// The row at which each piece of `frame` begins, and at which the last one ends.
pub(super) fn starts(frame: &Frame) -> Vec<usize> {
    let mut starts = vec![0];
    for piece in &frame.pieces {
        starts.push(starts[starts.len() - 1] + piece.rows());
    }
    starts
}

/// Some values of a column in one piece.
struct Values<'c> {
    /// `None` if all are absent.
    column: Option<&'c Column>,
    piece: &'c Piece,
    rows: Range<usize>,
}

impl Values<'_> {
    fn words<'o>(self, dtype: Dtype, places: impl Iterator<Item = &'o mut [u8]>) {
        let Self { column, piece, rows } = self;
        match column.map(|column| (column, column.uniform_words(tag_of(dtype), piece.rows()))) {
            Some((_, Some(words))) => {
                places.zip(&words[rows]).for_each(|(place, word)| place.copy_from_slice(&word.to_le_bytes()));
            }
            Some((column, None)) => {
                let words = column.cells(rows, piece.absent()).map(|cell| word_of(cell, dtype));
                places.zip(words).for_each(|(place, word)| place.copy_from_slice(&word.to_le_bytes()));
            }
            None => places.for_each(|place| place.copy_from_slice(&word_of(Cell::Missing, dtype).to_le_bytes())),
        }
    }

    fn flags<'o>(self, places: impl Iterator<Item = &'o mut [u8]>) {
        let Self { column, piece, rows } = self;
        // A column of booleans has one in every row.
        let Some(column) = column else { return };
        let words = column.cells(rows, piece.absent()).map(|cell| word_of(cell, Dtype::Bool));
        places.zip(words).for_each(|(place, word)| place[0] = u8::from(word != 0));
    }

    fn texts<'o>(self, nan_rep: &[u8], places: impl Iterator<Item = &'o mut [u8]>) {
        let Self { column, piece, rows } = self;
        let Some(column) = column else {
            return places.for_each(|place| place[..nan_rep.len()].copy_from_slice(nan_rep));
        };
        let mut buffer = Vec::new();
        for (place, cell) in places.zip(column.cells(rows, piece.absent())) {
            let text = text_of(&cell, &mut buffer).unwrap_or(nan_rep);
            place[..text.len()].copy_from_slice(text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_cover_all_rows_once_whatever_their_size() {
        for (rows, row_bytes) in [(0, 9), (1, 9), (7281, 9), (7282, 9), (100, 70_000), (3, 1 << 30), (10_000_000, 100)]
        {
            let chunks = Chunks::of(rows, row_bytes);
            let mut next = 0;
            for batch in chunks.batches() {
                for chunk in batch {
                    let rows = chunks.rows_of(chunk);
                    assert!(rows.start == next && !rows.is_empty() && rows.len() <= chunks.chunk_rows);
                    next = rows.end;
                }
            }
            assert_eq!(next, rows);
            assert!(chunks.bytes() <= CHUNK_BYTES.end.max(row_bytes), "{chunks:?}");
        }
        assert_eq!(Chunks::of(10, 100).bytes(), 65_500);
    }
}
