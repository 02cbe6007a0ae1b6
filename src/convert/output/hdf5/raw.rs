//! Bytes of numeric blocks, written straight into the file where HDF5 set their space aside: no library, no lock.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::super::super::frame::Frame;
use super::super::super::frame::column::{Cell, Column, Tag};
use super::super::super::frame::dtype::Dtype;
use super::super::super::frame::part::Part;
use super::super::super::profile::{self, Stage};

/// Rows made ready at a time: a tile of a few columns stays in the cache.
const TILE_ROWS: usize = 8192;

/// Writes the row numbers 0, 1, 2 … at `address`.
pub(super) fn write_row_numbers(file: &File, address: u64, rows: usize) -> io::Result<()> {
    let mut tile = Vec::with_capacity(TILE_ROWS);
    for from in (0..rows).step_by(TILE_ROWS) {
        tile.clear();
        tile.extend((from..rows.min(from + TILE_ROWS)).map(|row| (row as u64).to_le()));
        file.write_all_at(bytemuck::cast_slice(&tile), address + 8 * from as u64)?;
    }
    Ok(())
}

/// Writes `columns`, all of one `dtype`, at `address`: row by row, as pandas has them.
pub(super) fn write_block(file: &File, address: u64, frame: &Frame, columns: &[usize], dtype: Dtype) -> io::Result<()> {
    let mut first_row = 0;
    for index in 0..frame.parts.len() {
        let part = &frame.parts[index];
        let cells: Vec<Option<&Column>> = columns.iter().map(|column| frame.cells_in(*column, index)).collect();
        let start = address + (first_row * columns.len() * width(dtype)) as u64;
        write_part(file, start, part, &cells, dtype)?;
        first_row += part.rows();
    }
    Ok(())
}

fn width(dtype: Dtype) -> usize {
    if dtype == Dtype::Bool { 1 } else { 8 }
}

fn write_part(file: &File, start: u64, part: &Part, cells: &[Option<&Column>], dtype: Dtype) -> io::Result<()> {
    if dtype != Dtype::Bool
        && cfg!(target_endian = "little")
        && let [Some(column)] = cells
        && let Some(words) = column.uniform_words(tag_of(dtype), part.rows())
    {
        return file.write_all_at(bytemuck::cast_slice(words), start);
    }
    let mut words = vec![0u64; TILE_ROWS.min(part.rows()) * cells.len()];
    let mut flags = Vec::new();
    for from in (0..part.rows()).step_by(TILE_ROWS) {
        let rows = from..part.rows().min(from + TILE_ROWS);
        let tile = &mut words[..rows.len() * cells.len()];
        let encode = profile::span(Stage::Encode);
        for (index, column) in cells.iter().enumerate() {
            fill(tile, index, cells.len(), *column, part, rows.clone(), dtype);
        }
        drop(encode);
        let at = start + (from * cells.len() * width(dtype)) as u64;
        if dtype == Dtype::Bool {
            flags.clear();
            flags.extend(tile.iter().map(|word| u8::from(*word != 0)));
            file.write_all_at(&flags, at)?;
        } else {
            file.write_all_at(bytemuck::cast_slice(tile), at)?;
        }
    }
    Ok(())
}

/// Puts one column's `rows` into its place in the tile.
fn fill(
    tile: &mut [u64],
    index: usize,
    stride: usize,
    column: Option<&Column>,
    part: &Part,
    rows: std::ops::Range<usize>,
    dtype: Dtype,
) {
    let places = tile[index..].iter_mut().step_by(stride);
    match column.and_then(|column| column.uniform_words(tag_of(dtype), part.rows())) {
        Some(words) => places.zip(&words[rows]).for_each(|(place, word)| *place = word.to_le()),
        None => places.zip(rows).for_each(|(place, row)| {
            let cell = column.map_or(Cell::Missing, |column| column.cell(row, part.absent()));
            *place = word_of(cell, dtype).to_le();
        }),
    }
}

/// The kind of cell whose word is the value on disk.
fn tag_of(dtype: Dtype) -> Tag {
    match dtype {
        Dtype::Bool => Tag::Bool,
        Dtype::Int64 => Tag::Int,
        Dtype::Uint64 => Tag::Uint,
        Dtype::Float64 | Dtype::Str | Dtype::Object => Tag::Float,
    }
}

/// An integer in a float column is rounded half to even, as Python does it: above 2^53 digits are lost, and the user
/// is told.
#[expect(clippy::cast_precision_loss, reason = "the reference's own conversion")]
fn word_of(cell: Cell<'_>, dtype: Dtype) -> u64 {
    match (cell, dtype) {
        (Cell::Int(value), Dtype::Float64) => (value as f64).to_bits(),
        (Cell::Uint(value), Dtype::Float64) => (value as f64).to_bits(),
        (Cell::Float(value), _) => value.to_bits(),
        (Cell::Int(value), _) => value.cast_unsigned(),
        (Cell::Uint(value), _) => value,
        (Cell::Bool(value), _) => u64::from(value),
        (Cell::Missing | Cell::Null | Cell::Pickled(_), _) => f64::NAN.to_bits(),
    }
}
