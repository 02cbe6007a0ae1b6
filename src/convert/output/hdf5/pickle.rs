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
use std::ops::Range;

use super::super::super::frame::PieceCells;
use super::super::super::frame::column::{Cell, Column, Numbered, Tag};
use super::super::super::frame::dictionary::Dictionary;
use super::super::super::frame::memo::Memo;
use super::super::super::frame::pickled;
use super::super::super::frame::piece::Piece;

/// Cells appended to the list at a time: one long run would keep all of them on the unpickler's stack.
const RUN: usize = 1000;

/// Opens and closes a run.
const RUN_BYTES: u64 = 2;

/// Ends the state tuple, gives it to the array, stops.
pub(super) const FOOTER: &[u8] = b"tb.";

/// The opening of the pickle of an object array of `shape`, up to its first cell. The texts of `memo` are said first, and
/// taken from the stack again.
pub(super) fn header(shape: &[usize], memo: &Memo) -> Vec<u8> {
    let mut out = b"\x80\x04".to_vec();
    for text in memo.pickles() {
        out.extend_from_slice(text);
        out.extend_from_slice(b"\x940");
    }
    out.extend_from_slice(b"cnumpy\nndarray\nK\x00\x85X\x01\x00\x00\x00O\x86R(K\x01");
    shape.iter().for_each(|length| pickled::uint(&mut out, *length as u64));
    out.push(if shape.len() == 1 { 0x85 } else { 0x86 });
    out.extend_from_slice(b"cnumpy\ndtype\nX\x01\x00\x00\x00O\x85R\x89]");
    out
}

/// The pickle of a one-dimensional object array without items.
pub(super) fn empty_array() -> Vec<u8> {
    [&header(&[0], &Memo::default()), FOOTER].concat()
}

/// How many bytes [`write_piece`] gives for the same arguments.
pub(super) fn piece_length(cells: &PieceCells<'_>, columns: &[usize], memo: &Memo) -> u64 {
    let (rows, absent) = (cells.piece.rows(), cells.piece.absent());
    let lengths = columns.iter().map(|column| match cells.column(*column) {
        Some(cells) => cells.pickled_length(rows, absent, memo),
        None => rows as u64 * pickled::length_of(&Cell::absent(absent)),
    });
    lengths.sum::<u64>() + RUN_BYTES * rows.div_ceil(rows_a_run(columns.len())) as u64
}

/// Appends the cells of one piece of the frame to `out`, rows first; a single column refers to the texts of `memo`. After each run `relief` may take what is there.
pub(super) fn write_piece(
    cells: &PieceCells<'_>,
    columns: &[usize],
    memo: &Memo,
    out: &mut Vec<u8>,
    mut relief: impl FnMut(&mut Vec<u8>) -> io::Result<()>,
) -> io::Result<()> {
    let (piece, nothing) = (cells.piece, Column::default());
    let columns: Vec<&Column> = columns.iter().map(|column| cells.column(*column).unwrap_or(&nothing)).collect();
    let mut run = |rows: Range<usize>, write: &mut dyn FnMut(&mut Vec<u8>, Range<usize>)| {
        out.push(b'(');
        write(out, rows);
        out.push(b'e');
        relief(out)
    };
    let mut runs = runs(piece.rows(), columns.len());
    if let [column] = columns[..] {
        let recalled = Recalled::of(column, memo);
        return runs
            .try_for_each(|rows| run(rows, &mut |out, rows| one_column(out, piece, column, recalled.as_ref(), rows)));
    }
    // Where each column has come to.
    let mut rest: Vec<_> = columns.iter().map(|column| column.cells(0..piece.rows(), piece.absent())).collect();
    runs.try_for_each(|rows| {
        run(rows, &mut |out, rows| {
            for _ in rows {
                rest.iter_mut().filter_map(Iterator::next).for_each(|cell| pickled::cell(out, &cell));
            }
        })
    })
}

/// Appends the cells in `rows` of the only column of a block.
fn one_column(out: &mut Vec<u8>, piece: &Piece, column: &Column, recalled: Option<&Recalled<'_>>, rows: Range<usize>) {
    if let Some(recalled) = recalled {
        match column.uniform_numbers(rows.clone(), piece.rows()) {
            Some(numbers) => numbers.for_each(|number| recalled.text(out, number)),
            None => column.numbered(rows, piece.absent()).for_each(|cell| recalled.write(out, &cell)),
        }
    } else if let Some(text) = column.uniform_text(rows.start, rows.end) {
        out.extend_from_slice(text);
    } else {
        column.cells(rows, piece.absent()).for_each(|cell| pickled::cell(out, &cell));
    }
}

/// The rows of each run.
fn runs(rows: usize, columns: usize) -> impl Iterator<Item = Range<usize>> {
    let a_run = rows_a_run(columns);
    (0..rows).step_by(a_run).map(move |from| from..rows.min(from + a_run))
}

fn rows_a_run(columns: usize) -> usize {
    (RUN / columns).max(1)
}

/// Opcode and operand of a text that was said before.
#[derive(Clone, Copy)]
struct Recall {
    bytes: [u8; 5],
    length: usize,
}

impl Recall {
    fn of(number: u32) -> Self {
        let [low, a, b, c] = number.to_le_bytes();
        match u8::try_from(number) {
            Ok(_) => Self { bytes: [b'h', low, 0, 0, 0], length: 2 },
            Err(_) => Self { bytes: [b'j', low, a, b, c], length: 5 },
        }
    }
}

/// How the cells of a column with a dictionary are said: by number of its texts, where they are in the memo.
struct Recalled<'c> {
    dictionary: &'c Dictionary,
    recalls: Vec<Option<Recall>>,
}

impl<'c> Recalled<'c> {
    fn of(column: &'c Column, memo: &Memo) -> Option<Self> {
        let dictionary = column.dictionary()?;
        let recalls = dictionary.pickles().map(|pickle| memo.number(pickle).map(Recall::of)).collect();
        Some(Self { dictionary, recalls })
    }

    #[inline]
    fn write(&self, out: &mut Vec<u8>, cell: &Numbered<'_>) {
        match *cell {
            Numbered::Other(cell) => pickled::cell(out, &cell),
            Numbered::Text(number) => self.text(out, number),
        }
    }

    #[inline]
    fn text(&self, out: &mut Vec<u8>, number: usize) {
        match &self.recalls[number] {
            Some(recall) => {
                // A copy of fixed length is quick; what is too much goes again.
                out.extend_from_slice(&recall.bytes);
                out.truncate(out.len() - (recall.bytes.len() - recall.length));
            }
            None => out.extend_from_slice(self.dictionary.pickle(number)),
        }
    }

    fn length(&self, cell: &Numbered<'_>) -> u64 {
        match *cell {
            Numbered::Other(cell) => pickled::length_of(&cell),
            Numbered::Text(number) => match &self.recalls[number] {
                Some(recall) => recall.length as u64,
                None => self.dictionary.pickle(number).len() as u64,
            },
        }
    }
}

impl Column {
    /// Bytes of the pickles of `rows` cells, the ones not stored being `absent`.
    fn pickled_length(&self, rows: usize, absent: Tag, memo: &Memo) -> u64 {
        if let Some(recalled) = Recalled::of(self, memo) {
            return self.numbered(0..rows, absent).map(|cell| recalled.length(&cell)).sum();
        }
        if self.uniform_text(0, rows).is_some() {
            return self.heap_len() as u64;
        }
        self.cells(0..rows, absent).map(|cell| pickled::length_of(&cell)).sum()
    }
}
