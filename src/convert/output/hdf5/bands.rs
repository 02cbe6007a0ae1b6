//! A frame cut into bands of rows, each of which is made ready by itself and becomes a row of chunks.
//!
//! The batches of the source have any number of rows; bands do not follow them, because all chunks of a dataset have one
//! shape. What is ready is written in the order of the bands, so that a file does not depend on who was faster.

use std::ops::Range;

use rayon::iter::{IntoParallelIterator, ParallelIterator};

use super::super::super::frame::Frame;
use super::super::super::frame::piece::Piece;
use super::super::super::profile::{self, Stage};
use super::super::super::{ConvertError, PARALLEL_BYTES};

/// Most rows of a band: numbers of eight bytes make chunks of 512 KiB.
const MOST_ROWS: usize = 64 << 10;
/// Cells of a band of many columns, and the fewest rows of it: all of its cells are in memory at a time.
const MOST_CELLS: usize = 2 << 20;
const FEWEST_ROWS: usize = 64;

/// The bands of a frame.
pub(super) struct Bands {
    height: usize,
    rows: usize,
    /// Where each piece begins, and where the last one ends.
    starts: Vec<usize>,
    parallel: bool,
}

/// Rows of a band that are in one piece of the frame.
pub(super) struct Slice {
    pub(super) piece: usize,
    /// Rows of the piece.
    pub(super) rows: Range<usize>,
    /// How many rows of the band come before them.
    pub(super) offset: usize,
}

impl Bands {
    pub(super) fn of(frame: &Frame) -> Self {
        let fitting = (MOST_CELLS / frame.columns.len().max(1)).clamp(FEWEST_ROWS, MOST_ROWS);
        let parallel = frame.rows as u64 * frame.columns.len() as u64 * 8 >= PARALLEL_BYTES;
        Self::cut(frame.pieces.iter().map(Piece::rows), fitting, parallel)
    }

    fn cut(pieces: impl Iterator<Item = usize>, height: usize, parallel: bool) -> Self {
        let mut starts = vec![0];
        for rows in pieces {
            starts.push(starts[starts.len() - 1] + rows);
        }
        let rows = starts[starts.len() - 1];
        Self { height: height.min(rows).max(1), rows, starts, parallel }
    }

    /// Rows of each band; the last one may have fewer.
    pub(super) fn height(&self) -> usize {
        self.height
    }

    pub(super) fn count(&self) -> usize {
        self.rows.div_ceil(self.height)
    }

    /// The rows of the frame that are in `band`.
    pub(super) fn rows(&self, band: usize) -> Range<usize> {
        let start = band * self.height;
        start..self.rows.min(start + self.height)
    }

    /// The pieces of the frame in which the rows of `band` are, in order.
    pub(super) fn slices(&self, band: usize) -> impl Iterator<Item = Slice> {
        let rows = self.rows(band);
        let first = self.starts.partition_point(|start| *start <= rows.start).saturating_sub(1);
        let pieces = self.starts[first..].windows(2).zip(first..);
        let overlapping = pieces.take_while({
            let end = rows.end;
            move |(piece, _)| piece[0] < end
        });
        overlapping.map(move |(ends, piece)| {
            let (from, to) = (rows.start.max(ends[0]), rows.end.min(ends[1]));
            Slice { piece, rows: from - ends[0]..to - ends[0], offset: from - rows.start }
        })
    }

    /// Does `make` for each band, for many at a time where that pays, and gives what it made to `take`, in order.
    pub(super) fn in_order<T: Send>(
        &self,
        make: impl Fn(usize) -> Result<T, ConvertError> + Sync,
        take: impl FnMut(usize, T) -> Result<(), ConvertError>,
    ) -> Result<(), ConvertError> {
        in_order(self.count(), self.parallel, make, take)
    }

    /// The same for each piece of the frame.
    pub(super) fn pieces_in_order<T: Send>(
        &self,
        make: impl Fn(usize) -> Result<T, ConvertError> + Sync,
        take: impl FnMut(usize, T) -> Result<(), ConvertError>,
    ) -> Result<(), ConvertError> {
        in_order(self.starts.len() - 1, self.parallel, make, take)
    }
}

fn in_order<T: Send>(
    count: usize,
    parallel: bool,
    make: impl Fn(usize) -> Result<T, ConvertError> + Sync,
    mut take: impl FnMut(usize, T) -> Result<(), ConvertError>,
) -> Result<(), ConvertError> {
    if !parallel {
        return (0..count).try_for_each(|number| take(number, make(number)?));
    }
    // No more than so many wait to be written.
    let window = 2 * rayon::current_num_threads();
    for first in (0..count).step_by(window) {
        let ready: Vec<T> = {
            let (here, _waits) = (profile::here(), profile::span(Stage::Helpers));
            let numbers = (first..count.min(first + window)).into_par_iter();
            numbers.map(|number| here.during(|| make(number))).collect::<Result<_, _>>()?
        };
        (first..).zip(ready).try_for_each(|(number, ready)| take(number, ready))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_row_of_every_piece_is_in_one_band_and_in_order(
            pieces in proptest::collection::vec(0..30_usize, 0..12),
            height in 1..40_usize,
        ) {
            let bands = Bands::cut(pieces.iter().copied(), height, false);
            let mut found = Vec::new();
            for band in 0..bands.count() {
                let mut offset = 0;
                for slice in bands.slices(band) {
                    prop_assert_eq!(slice.offset, offset);
                    offset += slice.rows.len();
                    found.extend(slice.rows.map(|row| (slice.piece, row)));
                }
                prop_assert_eq!(offset, bands.rows(band).len());
            }
            let all = pieces.iter().enumerate().flat_map(|(piece, rows)| (0..*rows).map(move |row| (piece, row)));
            prop_assert_eq!(found, all.collect::<Vec<_>>());
        }
    }

    #[test]
    fn what_many_make_is_taken_in_order() {
        for parallel in [false, true] {
            let mut taken = Vec::new();
            let take = |number, made| {
                taken.push((number, made));
                Ok(())
            };
            in_order(100, parallel, |number| Ok(number * number), take).unwrap();
            assert_eq!(taken, (0..100).map(|number| (number, number * number)).collect::<Vec<_>>());
        }
    }
}
