//! Blocks of Python objects: one pickled NumPy object array a block.
//!
//! The pickle names only `numpy.ndarray` and `numpy.dtype`, which every NumPy since 1.21 unpickles; pandas' own files
//! name `numpy._core`, which NumPy before 1.26 does not know. It is Python's
//! `a = numpy.ndarray((0,), 'O'); a.__setstate__((1, shape, numpy.dtype('O'), False, [cells…]))`: a flat list of
//! cells, so that equal-length lists among them stay lists.
//!
//! The cells of each piece of the frame are a piece of it, too. How long that is can be told before it is made, so that
//! pieces are written where they belong, in any order and by any thread.

use std::io;

use super::super::super::frame::PieceCells;
use super::super::super::frame::column::{Cell, Column, Tag};
use super::super::super::frame::pickled;

/// Cells appended to the list at a time: one long run would keep all of them on the unpickler's stack.
const RUN: usize = 1000;

/// Opens and closes a run.
const RUN_BYTES: u64 = 2;

/// Ends the state tuple, gives it to the array, stops.
pub(super) const FOOTER: &[u8] = b"tb.";

/// The opening of the pickle of an object array of `shape`, up to its first cell.
pub(super) fn header(shape: &[usize]) -> Vec<u8> {
    let mut out = b"\x80\x04cnumpy\nndarray\nK\x00\x85X\x01\x00\x00\x00O\x86R(K\x01".to_vec();
    shape.iter().for_each(|length| pickled::uint(&mut out, *length as u64));
    out.push(if shape.len() == 1 { 0x85 } else { 0x86 });
    out.extend_from_slice(b"cnumpy\ndtype\nX\x01\x00\x00\x00O\x85R\x89]");
    out
}

/// The pickle of a one-dimensional object array without items.
pub(super) fn empty_array() -> Vec<u8> {
    [&header(&[0]), FOOTER].concat()
}

/// How many bytes [`write_piece`] gives for the same arguments.
pub(super) fn piece_length(cells: &PieceCells<'_>, columns: &[usize]) -> u64 {
    let (rows, absent) = (cells.piece.rows(), cells.piece.absent());
    let lengths = columns.iter().map(|column| match cells.column(*column) {
        Some(cells) => cells.pickled_length(rows, absent),
        None => rows as u64 * pickled::length_of(&Cell::absent(absent)),
    });
    lengths.sum::<u64>() + RUN_BYTES * rows.div_ceil(rows_a_run(columns)) as u64
}

/// Appends the cells of one piece of the frame to `out`, rows first; after each run `relief` may take what is there.
pub(super) fn write_piece(
    cells: &PieceCells<'_>,
    columns: &[usize],
    out: &mut Vec<u8>,
    mut relief: impl FnMut(&mut Vec<u8>) -> io::Result<()>,
) -> io::Result<()> {
    let (piece, nothing) = (cells.piece, Column::default());
    let columns: Vec<&Column> = columns.iter().map(|column| cells.column(*column).unwrap_or(&nothing)).collect();
    let mut rest: Vec<_> = columns.iter().map(|column| column.cells(0..piece.rows(), piece.absent())).collect();
    for from in (0..piece.rows()).step_by(rows_a_run(&columns)) {
        let rows = from..piece.rows().min(from + rows_a_run(&columns));
        out.push(b'(');
        match columns[..] {
            [column] if let Some(text) = column.uniform_text(rows.start, rows.end) => out.extend_from_slice(text),
            _ => {
                for _ in rows {
                    rest.iter_mut().filter_map(Iterator::next).for_each(|cell| pickled::cell(out, &cell));
                }
            }
        }
        out.push(b'e');
        relief(out)?;
    }
    Ok(())
}

fn rows_a_run<T>(columns: &[T]) -> usize {
    (RUN / columns.len()).max(1)
}

impl Column {
    /// Bytes of the pickles of `rows` cells, the ones not stored being `absent`.
    fn pickled_length(&self, rows: usize, absent: Tag) -> u64 {
        if self.uniform_text(0, rows).is_some() {
            return self.heap_len() as u64;
        }
        self.cells(0..rows, absent).map(|cell| pickled::length_of(&cell)).sum()
    }
}
