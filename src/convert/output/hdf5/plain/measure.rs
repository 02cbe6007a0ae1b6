//! What has to be known of the content before the file is there: how long the texts get, which words are taken, and
//! whether a text holds what HDF5 ends it at.

use std::io;

use super::super::super::super::ConvertError;
use super::super::super::super::deadline::Deadline;
use super::super::super::super::defect::Defect;
use super::super::super::super::frame::Frame;
use super::super::super::super::frame::column::Cell;
use super::super::super::super::profile::{self, Stage};
use super::super::bands::Bands;
use super::columns::{Kind, Missing, PlainColumn};
use super::texts::{self, Measure};

/// Where the heaps of each column of text are in each band, counted from where the first one is.
pub(super) struct HeapPlaces {
    /// For each band a place for each column, and at last where all end.
    bands: Vec<Vec<u64>>,
    bytes: u64,
}

impl HeapPlaces {
    /// Bytes of all heaps.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Where those of the column that is text number `text` are in `band`.
    pub(super) fn of(&self, band: usize, text: usize) -> u64 {
        self.bands[band][text]
    }
}

/// What is found in a band, a column each.
#[derive(Clone, Debug, Default)]
struct Found {
    heap: Measure,
    /// A value is the word that would stand for a missing one.
    taken: bool,
    /// The first row of the frame whose text holds a NUL.
    nul: Option<usize>,
}

/// Measures the heaps of all columns of text, and gives integers a mask that have no word left for missing values.
pub(super) fn heaps(
    frame: &Frame,
    columns: &mut [PlainColumn],
    bands: &Bands,
    deadline: Deadline,
) -> Result<HeapPlaces, ConvertError> {
    let mut places = HeapPlaces { bands: Vec::new(), bytes: 0 };
    let (mut nuls, mut taken) = (vec![None; columns.len()], vec![false; columns.len()]);
    if columns.iter().any(is_looked_at) {
        let make = |band| {
            deadline.check()?;
            band_of(frame, columns, bands, band).map_err(ConvertError::Spill)
        };
        bands.in_order(make, |_, found: Vec<Found>| {
            let mut band = Vec::new();
            for (number, found) in found.into_iter().enumerate() {
                nuls[number] = nuls[number].or(found.nul);
                taken[number] |= found.taken;
                if columns[number].kind.is_text() {
                    band.push(places.bytes);
                    places.bytes += found.heap.bytes();
                }
            }
            places.bands.push(band);
            Ok(())
        })?;
    }
    for (column, row) in columns.iter().zip(nuls) {
        row.map_or(Ok(()), |row| Err(nul(frame, column, row)))?;
    }
    for (column, _) in columns.iter_mut().zip(taken).filter(|(_, taken)| *taken) {
        column.missing = Missing::Mask;
    }
    Ok(places)
}

fn is_looked_at(column: &PlainColumn) -> bool {
    column.kind.is_text() || may_be_taken(column)
}

/// Whether a value could be the word for missing ones. No point in time is.
fn may_be_taken(column: &PlainColumn) -> bool {
    column.missing == Missing::Fill && matches!(column.kind, Kind::Int | Kind::Uint)
}

fn band_of(frame: &Frame, columns: &[PlainColumn], bands: &Bands, band: usize) -> io::Result<Vec<Found>> {
    let _encode = profile::span(Stage::Encode);
    let mut found = vec![Found::default(); columns.len()];
    let first = bands.rows(band).start;
    for slice in bands.slices(band) {
        let cells = frame.cells_of(slice.piece)?;
        for (column, found) in columns.iter().zip(&mut found).filter(|(column, _)| is_looked_at(column)) {
            if column.kind.is_text() {
                texts::each_text(&cells, column, slice.rows.clone(), |number, text| {
                    found.heap.add(text.len());
                    if found.nul.is_none() && memchr::memchr(0, text).is_some() {
                        found.nul = Some(first + slice.offset + number);
                    }
                    Ok(())
                })?;
            } else {
                let fill = column.kind.fill();
                texts::each_cell(&cells, column.index, slice.rows.clone(), |_, cell| {
                    found.taken |= match cell {
                        Cell::Int(value) => value.cast_unsigned() == fill && column.kind == Kind::Int,
                        Cell::Uint(value) => value == fill,
                        _ => false,
                    };
                    Ok(())
                })?;
            }
        }
    }
    Ok(found)
}

fn nul(frame: &Frame, column: &PlainColumn, row: usize) -> ConvertError {
    let (record, line) = frame.spot_of_row(row);
    let why = "a text holds a NUL, at which readers of HDF5 end it";
    let defect = Defect::lossy_text(line.unwrap_or_default(), &column.label, why);
    let defect = Defect { line, ..defect };
    defect.in_record(record).into()
}
