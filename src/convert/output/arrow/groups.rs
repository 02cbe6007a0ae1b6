//! Which rows are made ready together, and by which thread. What a group is hangs on the source alone, never on the number
//! of threads or the memory there is, so that equal sources give equal outputs.

use std::ops::Range;

use rayon::iter::{IntoParallelIterator, ParallelIterator};

use super::super::super::frame::{Frame, PieceCells};
use super::super::super::profile::{self, Stage};
use super::super::super::{ConvertError, PARALLEL_BYTES};

/// Most rows of a group.
const GROUP_ROWS: usize = 1 << 20;
/// Most groups that are made ready at a time.
const MOST_AT_ONCE: usize = 8;
/// Values that an array, or those of a batch together, may have: absent ones, which take no memory before, count.
const MOST_VALUES: usize = 4 << 20;

/// Pieces one behind the other.
pub(super) struct Group {
    pub(super) pieces: Range<usize>,
    pub(super) rows: usize,
}

/// All pieces of `frame`, in groups of so many bytes of cells; one has more only where a piece has.
pub(super) fn of(frame: &Frame, most_bytes: usize) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut bytes = 0;
    for (number, piece) in frame.pieces.iter().enumerate() {
        bytes += piece.bytes();
        match groups.last_mut() {
            Some(group) if bytes <= most_bytes && group.rows + piece.rows() <= GROUP_ROWS => {
                group.pieces.end = number + 1;
                group.rows += piece.rows();
            }
            _ => {
                bytes = piece.bytes();
                groups.push(Group { pieces: number..number + 1, rows: piece.rows() });
            }
        }
    }
    groups
}

impl Group {
    /// The cells of its pieces, read back if they were written away.
    pub(super) fn cells<'f>(&self, frame: &'f Frame) -> Result<Vec<PieceCells<'f>>, ConvertError> {
        self.pieces.clone().map(|piece| frame.cells_of(piece).map_err(ConvertError::Spill)).collect()
    }
}

/// The rows of `cells` in parts of few enough values in `leaves` columns of plain ones.
pub(super) fn parts(rows: usize, leaves: usize) -> impl Iterator<Item = Range<usize>> {
    let step = (MOST_VALUES / leaves.max(1)).max(1);
    (0..rows).step_by(step).map(move |from| from..rows.min(from + step))
}

/// Where `rows` of pieces one behind the other are: the piece, and its rows.
pub(super) fn spans<'c, 'f>(
    cells: &'c [PieceCells<'f>],
    rows: Range<usize>,
) -> impl Iterator<Item = (&'c PieceCells<'f>, Range<usize>)> {
    let mut start = 0;
    cells.iter().filter_map(move |cells| {
        let first = start;
        start += cells.piece.rows();
        let (from, to) = (rows.start.max(first), rows.end.min(start));
        (from < to).then(|| (cells, from - first..to - first))
    })
}

/// Whether a frame is large enough for several threads.
pub(super) fn is_large(frame: &Frame) -> bool {
    frame.pieces.iter().map(|piece| piece.bytes() as u64).sum::<u64>() >= PARALLEL_BYTES
}

/// Does `make` for each number below `count` and gives what comes out to `take`, in order. With `together` several are
/// made at a time, while those before them are taken.
pub(super) fn in_order<T: Send>(
    count: usize,
    together: bool,
    make: impl Fn(usize) -> Result<T, ConvertError> + Sync,
    mut take: impl FnMut(T) -> Result<(), ConvertError> + Send,
) -> Result<(), ConvertError> {
    if !together {
        return (0..count).try_for_each(|number| take(make(number)?));
    }
    let (here, _waits) = (profile::here(), profile::span(Stage::Helpers));
    let most = rayon::current_num_threads().clamp(1, MOST_AT_ONCE);
    let mut ready: Vec<T> = Vec::new();
    for from in (0..count).step_by(most) {
        let next = from..count.min(from + most);
        let make = |number| here.during(|| make(number));
        let (behind, taken) = rayon::join(
            || next.into_par_iter().map(make).collect::<Result<Vec<T>, ConvertError>>(),
            || here.during(|| ready.drain(..).try_for_each(&mut take)),
        );
        taken?;
        ready = behind?;
    }
    here.during(|| ready.into_iter().try_for_each(take))
}

#[cfg(test)]
mod tests {
    use super::super::super::super::defect::Defect;
    use super::*;

    #[test]
    fn whatever_the_number_of_threads_everything_is_taken_in_order_up_to_a_failure() {
        for together in [false, true] {
            let mut taken = Vec::new();
            let make = |number| if number == 90 { Err(Defect::internal("enough").into()) } else { Ok(number) };
            let done = in_order(100, together, make, |number| {
                taken.push(number);
                Ok(())
            });
            assert!(done.is_err() && taken.len() <= 90 && taken == (0..taken.len()).collect::<Vec<_>>());
            let mut all = 0;
            in_order(100, together, Ok, |number| {
                assert_eq!(number, all);
                all += 1;
                Ok(())
            })
            .unwrap();
            assert_eq!(all, 100);
        }
    }

    #[test]
    fn rows_of_very_many_columns_are_cut_into_parts_and_none_is_left_out() {
        for (rows, leaves, count) in
            [(0, 5, 0), (1000, 5, 1), (100, MOST_VALUES, 100), (10, 2 * MOST_VALUES, 10), (7, 0, 1)]
        {
            let parts: Vec<_> = parts(rows, leaves).collect();
            assert_eq!(parts.len(), count);
            assert!(parts.iter().flat_map(Clone::clone).eq(0..rows));
        }
    }
}
