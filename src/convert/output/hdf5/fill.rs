//! The bytes of the blocks, written straight into the file where HDF5 set their space aside: no library, no lock. Each
//! piece of the frame knows where its cells belong, so that pieces are written in any order and by any thread.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use rayon::iter::{IntoParallelIterator, ParallelIterator};

use super::super::super::deadline::Deadline;
use super::super::super::frame::column::{Cell, Column, Tag};
use super::super::super::frame::dtype::Dtype;
use super::super::super::frame::memo::Memo;
use super::super::super::frame::piece::Piece;
use super::super::super::frame::{Frame, PieceCells};
use super::super::super::profile::{self, Stage};
use super::super::super::{ConvertError, PARALLEL_BYTES};
use super::super::OutputError;
use super::blocks::{Block, PickleSize};
use super::layout::Addresses;
use super::{heap, pickle};

/// Rows made ready at a time: a tile of a few columns stays in the cache.
const TILE_ROWS: usize = 8192;
/// Cells made ready at a time: a tile of very many columns has few rows.
const TILE_CELLS: usize = 1 << 20;
/// Bytes of a pickle that are collected before they are written.
const PICKLE_BYTES: usize = 256 << 10;

/// What is written.
pub(super) struct Content<'f> {
    pub(super) frame: &'f Frame,
    pub(super) blocks: &'f [Block],
    /// For each block its whole pickle, if that is small.
    pub(super) small: &'f [Option<Vec<u8>>],
    /// What the output tells of its source.
    pub(super) told: &'f str,
}

/// Where it is written.
pub(super) trait Sink: Sync {
    /// Writes `bytes` from `address` on.
    fn put(&self, bytes: &[u8], address: u64) -> io::Result<()>;
}

impl Sink for File {
    fn put(&self, bytes: &[u8], address: u64) -> io::Result<()> {
        self.write_all_at(bytes, address)
    }
}

/// A file in memory, of which every byte is there.
impl Sink for Mutex<Vec<u8>> {
    fn put(&self, bytes: &[u8], address: u64) -> io::Result<()> {
        let mut file = self.lock().unwrap_or_else(PoisonError::into_inner);
        let place = usize::try_from(address).ok().and_then(|start| file.get_mut(start..)?.get_mut(..bytes.len()));
        let outside = || io::Error::other("internal error: content has no place in the file");
        place.ok_or_else(outside)?.copy_from_slice(bytes);
        Ok(())
    }
}

/// Writes everything that has a place in `addresses` into `file`, which is or will be at `path`.
pub(super) fn write(
    file: &impl Sink,
    path: &Path,
    content: &Content<'_>,
    addresses: &Addresses,
    deadline: Deadline,
) -> Result<(), ConvertError> {
    let Content { frame, blocks, told, .. } = *content;
    let told = addresses.told.map_or(Ok(()), |address| file.put(told.as_bytes(), address));
    told.and_then(|()| write_small_pickles(file, content, addresses)).map_err(OutputError::io("write", path))?;
    let mut first_row = 0;
    let mut starts = Vec::with_capacity(frame.pieces.len());
    for piece in &frame.pieces {
        starts.push(first_row);
        first_row += piece.rows();
    }
    let mut pickles: Vec<PickleWriter<'_>> = Vec::new();
    for (block, place) in blocks.iter().zip(&addresses.blocks) {
        if let (Some(size), Some(heap), Some(row)) = (&block.pickle, place.content, place.row) {
            let writer = PickleWriter::new(size, &block.columns, block.memo(frame), heap);
            writer.frame_of_pieces(file, row).map_err(OutputError::io("write", path))?;
            pickles.push(writer);
        }
    }
    let write_cells = |piece: usize, cells: &PieceCells<'_>| {
        if let Some(address) = addresses.rows {
            write_row_numbers(file, address, starts[piece]..starts[piece] + frame.pieces[piece].rows())?;
        }
        for (block, place) in blocks.iter().zip(&addresses.blocks) {
            if let (None, Some(address)) = (&block.pickle, place.content) {
                write_numbers(file, address, cells, block, starts[piece])?;
            }
        }
        pickles.iter().try_for_each(|pickle| pickle.write_piece(file, cells, piece))
    };
    let write_piece = |piece: usize| -> Result<(), ConvertError> {
        let _write = profile::span(Stage::Write);
        deadline.check()?;
        let cells = frame.cells_of(piece).map_err(ConvertError::Spill)?;
        Ok(write_cells(piece, &cells).map_err(OutputError::io("write", path))?)
    };
    if first_row as u64 * frame.columns.len() as u64 * 8 < PARALLEL_BYTES {
        (0..frame.pieces.len()).try_for_each(write_piece)
    } else {
        let (here, _waits) = (profile::here(), profile::span(Stage::Helpers));
        (0..frame.pieces.len()).into_par_iter().try_for_each(|piece| here.during(|| write_piece(piece)))
    }
}

/// Writes the heaps of small pickles, and the rows that refer to them.
pub(super) fn write_small_pickles(file: &impl Sink, content: &Content<'_>, addresses: &Addresses) -> io::Result<()> {
    let small = content.small.iter().zip(&addresses.blocks);
    let small = small.filter_map(|(pickle, place)| Some((pickle.as_deref()?, place.row?)));
    let (pickles, rows): (Vec<&[u8]>, Vec<u64>) = small.unzip();
    for (number, (pickle, row)) in pickles.iter().zip(rows).enumerate() {
        let (heap, object) = heap::place(number);
        file.put(&heap::reference(pickle.len() as u64, addresses.heaps[heap].0, object), row)?;
    }
    for (pickles, (address, bytes)) in heap::groups(&pickles).zip(&addresses.heaps) {
        file.put(&heap::collection(*bytes, pickles), *address)?;
    }
    Ok(())
}

/// Writes the row numbers `rows` where those of the frame begin at `address`.
fn write_row_numbers(file: &impl Sink, address: u64, rows: std::ops::Range<usize>) -> io::Result<()> {
    let mut tile = Vec::with_capacity(TILE_ROWS.min(rows.len()));
    for from in rows.clone().step_by(TILE_ROWS) {
        tile.clear();
        tile.extend((from..rows.end.min(from + TILE_ROWS)).map(|row| (row as u64).to_le()));
        file.put(bytemuck::cast_slice(&tile), address + 8 * from as u64)?;
    }
    Ok(())
}

fn width(dtype: Dtype) -> usize {
    if dtype == Dtype::Bool { 1 } else { 8 }
}

/// Writes one piece of a numeric block: row by row, as pandas has them.
fn write_numbers(
    file: &impl Sink,
    address: u64,
    cells: &PieceCells<'_>,
    block: &Block,
    first_row: usize,
) -> io::Result<()> {
    let Block { dtype, columns, .. } = block;
    let (piece, dtype) = (cells.piece, *dtype);
    let cells: Vec<Option<&Column>> = columns.iter().map(|column| cells.column(*column)).collect();
    let start = address + (first_row * columns.len() * width(dtype)) as u64;
    if dtype != Dtype::Bool
        && cfg!(target_endian = "little")
        && let [Some(column)] = cells[..]
        && let Some(words) = column.uniform_words(tag_of(dtype), piece.rows())
    {
        return file.put(bytemuck::cast_slice(words), start);
    }
    let tile_rows = (TILE_CELLS / cells.len()).clamp(1, TILE_ROWS.min(piece.rows()));
    let mut words = vec![0u64; tile_rows * cells.len()];
    let mut flags = Vec::new();
    for from in (0..piece.rows()).step_by(tile_rows) {
        let rows = from..piece.rows().min(from + tile_rows);
        let tile = &mut words[..rows.len() * cells.len()];
        let encode = profile::span(Stage::Encode);
        for (index, column) in cells.iter().enumerate() {
            fill(tile, index, cells.len(), *column, piece, rows.clone(), dtype);
        }
        drop(encode);
        let at = start + (from * cells.len() * width(dtype)) as u64;
        if dtype == Dtype::Bool {
            flags.clear();
            flags.extend(tile.iter().map(|word| u8::from(*word != 0)));
            file.put(&flags, at)?;
        } else {
            file.put(bytemuck::cast_slice(tile), at)?;
        }
    }
    Ok(())
}

/// Puts one column's `rows` into its place in the tile.
pub(super) fn fill(
    tile: &mut [u64],
    index: usize,
    stride: usize,
    column: Option<&Column>,
    piece: &Piece,
    rows: std::ops::Range<usize>,
    dtype: Dtype,
) {
    let places = tile[index..].iter_mut().step_by(stride);
    match column.map(|column| (column, column.uniform_words(tag_of(dtype), piece.rows()))) {
        Some((_, Some(words))) => places.zip(&words[rows]).for_each(|(place, word)| *place = word.to_le()),
        Some((column, None)) => {
            let cells = column.cells(rows, piece.absent());
            places.zip(cells).for_each(|(place, cell)| *place = word_of(cell, dtype).to_le());
        }
        None => places.for_each(|place| *place = word_of(Cell::Missing, dtype).to_le()),
    }
}

/// The kind of cell whose word is the value on disk.
pub(super) fn tag_of(dtype: Dtype) -> Tag {
    match dtype {
        Dtype::Bool => Tag::Bool,
        Dtype::Int64 => Tag::Int,
        Dtype::Uint64 => Tag::Uint,
        Dtype::Datetime => Tag::Time,
        Dtype::DatetimeUtc => Tag::TimeUtc,
        Dtype::Float64 | Dtype::Str | Dtype::Object | Dtype::NullableInt => Tag::Float,
    }
}

/// An integer in a float column is rounded half to even, as Python does it: above 2^53 digits are lost, and the user
/// is told.
#[expect(clippy::cast_precision_loss, reason = "the reference's own conversion")]
pub(super) fn word_of(cell: Cell<'_>, dtype: Dtype) -> u64 {
    match (cell, dtype) {
        (Cell::Int(value), Dtype::Float64) => (value as f64).to_bits(),
        (Cell::Uint(value), Dtype::Float64) => (value as f64).to_bits(),
        (Cell::Float(value), _) => value.to_bits(),
        // No point in time: pandas' NaT.
        (Cell::Missing | Cell::Null, Dtype::Datetime | Dtype::DatetimeUtc) => i64::MIN.cast_unsigned(),
        (Cell::Int(value), _) => value.cast_unsigned(),
        (Cell::Uint(value), _) => value,
        (Cell::Bool(value), _) => u64::from(value),
        (Cell::Missing | Cell::Null | Cell::Pickled(_), _) => f64::NAN.to_bits(),
    }
}

/// A pickle in a heap of its own.
struct PickleWriter<'b> {
    size: &'b PickleSize,
    columns: &'b [usize],
    memo: &'b Memo,
    collection: u64,
    /// Where each piece begins, and where the last one ends.
    pieces: Vec<u64>,
}

impl<'b> PickleWriter<'b> {
    fn new(size: &'b PickleSize, columns: &'b [usize], memo: &'b Memo, collection: u64) -> Self {
        let mut at = collection + heap::HEADERS + size.header.len() as u64;
        let mut pieces = vec![at];
        for piece in &size.pieces {
            at += piece;
            pieces.push(at);
        }
        Self { size, columns, memo, collection, pieces }
    }

    /// Writes everything but the pieces, and at `row` where it all is.
    fn frame_of_pieces(&self, file: &impl Sink, row: u64) -> io::Result<()> {
        file.put(&heap::reference(self.size.row_length(), self.collection, 1), row)?;
        let (mut opening, total) = (Vec::new(), heap::bytes_for(self.size.length));
        heap::open(&mut opening, total);
        heap::open_object(&mut opening, 1, self.size.length);
        opening.extend_from_slice(&self.size.header);
        file.put(&opening, self.collection)?;
        let last = self.pieces.last().copied().unwrap_or(self.collection);
        let mut ending = pickle::FOOTER.to_vec();
        ending.resize(usize::try_from(self.collection + total - last).unwrap_or(ending.len()), 0);
        file.put(&ending, last)
    }

    /// Writes the cells of one piece of the frame.
    fn write_piece(&self, file: &impl Sink, cells: &PieceCells<'_>, piece: usize) -> io::Result<()> {
        let _encode = profile::span(Stage::Encode);
        let mut at = self.pieces[piece];
        let mut out = Vec::with_capacity(PICKLE_BYTES);
        let mut flush = |out: &mut Vec<u8>| {
            let _write = profile::span(Stage::Write);
            file.put(out, at)?;
            at += out.len() as u64;
            out.clear();
            Ok::<(), io::Error>(())
        };
        let relief = |out: &mut Vec<u8>| if out.len() >= PICKLE_BYTES { flush(out) } else { Ok(()) };
        pickle::write_piece(cells, self.columns, self.memo, &mut out, relief)?;
        flush(&mut out)?;
        if at == self.pieces[piece + 1] {
            Ok(())
        } else {
            Err(io::Error::other("internal error: a pickle has not the length that was computed for it"))
        }
    }
}
