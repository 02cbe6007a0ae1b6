//! Blocks of Python objects: one pickled NumPy object array a block.
//!
//! The pickle names only `numpy.ndarray` and `numpy.dtype`, which every NumPy since 1.21 unpickles; pandas' own files
//! name `numpy._core`, which NumPy before 1.26 does not know. It is Python's
//! `a = numpy.ndarray((0,), 'O'); a.__setstate__((1, shape, numpy.dtype('O'), False, [cells…]))`: a flat list of
//! cells, so that equal-length lists among them stay lists.

use super::super::super::frame::Frame;
use super::super::super::frame::column::{Cell, Column, Tag};
use super::super::super::frame::part::Part;
use super::super::super::frame::pickled;

/// Cells appended to the list at a time: one long run would keep all of them on the unpickler's stack.
const RUN: usize = 1000;

/// Ends the state tuple, gives it to the array, stops.
const FOOTER: &[u8] = b"tb.";

/// The pickle of an object array of shape (rows, `columns`), rows first.
pub(super) fn object_array(frame: &Frame, columns: &[usize]) -> Vec<u8> {
    let mut out = Vec::with_capacity(capacity(frame, columns));
    header(&mut out, &[frame.rows, columns.len()]);
    match columns {
        [column] => frame.cells(*column).for_each(|(part, cells)| one_column(&mut out, part, cells)),
        _ => (0..frame.parts.len()).for_each(|part| several_columns(&mut out, frame, columns, part)),
    }
    out.extend_from_slice(FOOTER);
    out
}

/// The pickle of a one-dimensional object array without items.
pub(super) fn empty_array() -> Vec<u8> {
    let mut out = Vec::new();
    header(&mut out, &[0]);
    out.extend_from_slice(FOOTER);
    out
}

fn capacity(frame: &Frame, columns: &[usize]) -> usize {
    let heaps =
        columns.iter().flat_map(|column| frame.cells(*column)).filter_map(|(_, cells)| cells.map(Column::heap_len));
    heaps.sum::<usize>() + columns.len() * frame.rows / 64 + 256
}

fn header(out: &mut Vec<u8>, shape: &[usize]) {
    out.extend_from_slice(b"\x80\x04cnumpy\nndarray\nK\x00\x85X\x01\x00\x00\x00O\x86R(K\x01");
    shape.iter().for_each(|length| pickled::uint(out, *length as u64));
    out.push(if shape.len() == 1 { 0x85 } else { 0x86 });
    out.extend_from_slice(b"cnumpy\ndtype\nX\x01\x00\x00\x00O\x85R\x89]");
}

fn one_column(out: &mut Vec<u8>, part: &Part, cells: Option<&Column>) {
    for from in (0..part.rows()).step_by(RUN) {
        let to = part.rows().min(from + RUN);
        out.push(b'(');
        match cells.and_then(|column| column.uniform_text(from, to)) {
            Some(text) => out.extend_from_slice(text),
            None => (from..to).for_each(|row| push_cell(out, cells, row, part.absent())),
        }
        out.push(b'e');
    }
}

fn several_columns(out: &mut Vec<u8>, frame: &Frame, columns: &[usize], index: usize) {
    let part = &frame.parts[index];
    let cells: Vec<Option<&Column>> = columns.iter().map(|column| frame.cells_in(*column, index)).collect();
    let rows_a_run = (RUN / columns.len()).max(1);
    for from in (0..part.rows()).step_by(rows_a_run) {
        let to = part.rows().min(from + rows_a_run);
        out.push(b'(');
        for row in from..to {
            cells.iter().for_each(|column| push_cell(out, *column, row, part.absent()));
        }
        out.push(b'e');
    }
}

fn push_cell(out: &mut Vec<u8>, cells: Option<&Column>, row: usize, absent: Tag) {
    let cell = match cells {
        Some(column) => column.cell(row, absent),
        None if absent == Tag::Null => Cell::Null,
        None => Cell::Missing,
    };
    match cell {
        Cell::Missing => pickled::float(out, f64::NAN),
        Cell::Null => pickled::none(out),
        Cell::Bool(value) => pickled::bool(out, value),
        Cell::Int(value) => pickled::int(out, value),
        Cell::Uint(value) => pickled::uint(out, value),
        Cell::Float(value) => pickled::float(out, value),
        Cell::Pickled(bytes) => out.extend_from_slice(bytes),
    }
}
