//! The content of a band of rows: numbers and texts, written around the library where their space is set aside, or given
//! to it as chunks that are ready.

use std::io;
use std::ops::Range;
use std::path::Path;

use super::super::super::super::ConvertError;
use super::super::super::super::deadline::Deadline;
use super::super::super::super::frame::column::Cell;
use super::super::super::super::frame::{Frame, PieceCells};
use super::super::super::super::profile::{self, Stage};
use super::super::super::OutputError;
use super::super::bands::{Bands, Slice};
use super::super::capi::{self, Element, Parked};
use super::super::fill::Sink;
use super::super::filter::Filter;
use super::super::fixed::refused;
use super::columns::{Kind, PlainColumn};
use super::measure::HeapPlaces;
use super::nodes::{Open, Place, Plan};
use super::texts::{Heaps, each_cell, each_text};

/// What is written, and where.
pub(super) struct Content<'c> {
    pub(super) frame: &'c Frame,
    pub(super) plan: &'c Plan<'c>,
    pub(super) heaps: &'c HeapPlaces,
    pub(super) open: &'c Open,
    pub(super) path: &'c Path,
}

/// The bytes of a column in one band.
struct Bytes {
    values: Vec<u8>,
    mask: Vec<u8>,
    heaps: Option<Heaps>,
}

/// A chunk that is ready.
type Ready<'c> = (&'c Parked, Vec<u8>);

impl Content<'_> {
    /// Writes all bands: into `file` what has an address, the rest by the library.
    pub(super) fn write(&self, file: &impl Sink, bands: &Bands, deadline: Deadline) -> Result<(), ConvertError> {
        let make = |band| {
            deadline.check()?;
            self.band(file, bands, band)
        };
        bands.in_order(make, |band, chunks| {
            let at = [bands.rows(band).start as u64];
            let write = |library: &capi::Library| {
                chunks.iter().try_for_each(|(dataset, bytes)| {
                    dataset.with(library, |dataset| dataset.write_chunk(library, &at, bytes))
                })
            };
            if chunks.is_empty() { Ok(()) } else { Ok(capi::locked(write).map_err(refused(self.path))?) }
        })
    }

    /// Writes what of a band has an address, and gives the chunks.
    fn band(&self, file: &impl Sink, bands: &Bands, band: usize) -> Result<Vec<Ready<'_>>, ConvertError> {
        let mut texts = 0;
        let height = bands.height();
        let bytes = self.plan.columns.iter().map(|column| {
            let heaps = column.kind.is_text().then(|| {
                texts += 1;
                Heaps::from(self.open.heap.unwrap_or_default() + self.heaps.of(band, texts - 1))
            });
            let mask = vec![0; if column.has_mask() { height } else { 0 }];
            Bytes { values: vec![0; height * column.kind.element().bytes()], mask, heaps }
        });
        let mut bytes: Vec<Bytes> = bytes.collect();
        let encode = profile::span(Stage::Encode);
        for slice in bands.slices(band) {
            let cells = self.frame.cells_of(slice.piece).map_err(ConvertError::Spill)?;
            for (column, bytes) in self.plan.columns.iter().zip(&mut bytes) {
                fill(file, &cells, column, bytes, &slice).map_err(OutputError::io("write", self.path))?;
            }
        }
        drop(encode);
        let rows = bands.rows(band);
        let done = self.give(file, bytes, rows.start, rows.len());
        Ok(done.map_err(OutputError::io("write", self.path))?)
    }

    /// Writes the bytes of a band that have an address, and makes chunks of the others.
    fn give(&self, file: &impl Sink, bytes: Vec<Bytes>, first: usize, rows: usize) -> io::Result<Vec<Ready<'_>>> {
        let mut chunks = Vec::new();
        for ((column, (values, mask)), mut bytes) in self.plan.columns.iter().zip(&self.open.places).zip(bytes) {
            if let Some(heaps) = &mut bytes.heaps {
                heaps.close(&mut |heap, at| file.put(heap, at))?;
            }
            let of_mask = mask.as_ref().map(|mask| (mask, Element::Truth, bytes.mask));
            for (place, element, bytes) in [(values, column.kind.element(), bytes.values)].into_iter().chain(of_mask) {
                let width = element.bytes();
                match place {
                    Place::Flat(address) => {
                        let _write = profile::span(Stage::Write);
                        file.put(&bytes[..rows * width], address + (first * width) as u64)?;
                    }
                    Place::Nowhere => {}
                    Place::Chunks(dataset) => chunks.push((dataset, self.chunk(bytes, width)?)),
                }
            }
        }
        Ok(chunks)
    }

    /// What the library keeps of a chunk.
    fn chunk(&self, raw: Vec<u8>, element: usize) -> io::Result<Vec<u8>> {
        let Some(level) = self.plan.level else { return Ok(raw) };
        let _encode = profile::span(Stage::Encode);
        Filter { element, level }.apply(&raw)
    }
}

/// Adds the cells of one piece of the frame.
fn fill(
    file: &impl Sink,
    cells: &PieceCells<'_>,
    column: &PlainColumn,
    bytes: &mut Bytes,
    slice: &Slice,
) -> io::Result<()> {
    let (rows, places) = (slice.rows.clone(), slice.offset..slice.offset + slice.rows.len());
    if let Some(mask) = bytes.mask.get_mut(places) {
        each_cell(cells, column.index, rows.clone(), |number, cell| {
            mask[number] = u8::from(matches!(cell, Cell::Missing | Cell::Null));
            Ok(())
        })?;
    }
    let width = column.kind.element().bytes();
    let values = &mut bytes.values[slice.offset * width..][..slice.rows.len() * width];
    match &mut bytes.heaps {
        Some(heaps) => each_text(cells, column, rows, |number, text| {
            let reference = heaps.add(text, &mut |heap, at| file.put(heap, at))?;
            values[number * width..][..width].copy_from_slice(&reference);
            Ok(())
        }),
        None if column.kind == Kind::Bool => each_cell(cells, column.index, rows, |number, cell| {
            values[number] = u8::from(matches!(cell, Cell::Bool(true)));
            Ok(())
        }),
        None => numbers(cells, column, values, rows),
    }
}

fn numbers(cells: &PieceCells<'_>, column: &PlainColumn, values: &mut [u8], rows: Range<usize>) -> io::Result<()> {
    let stored = cells.column(column.index);
    let words = stored.and_then(|stored| stored.uniform_words(column.kind.tag(), cells.piece.rows()));
    if let Some(words) = words {
        values
            .chunks_exact_mut(size_of::<u64>())
            .zip(&words[rows])
            .for_each(|(place, word)| place.copy_from_slice(&word.to_le_bytes()));
        return Ok(());
    }
    let missing = missing(column);
    each_cell(cells, column.index, rows, |number, cell| {
        let word = word(&cell, column.kind, missing).to_le_bytes();
        values[number * word.len()..][..word.len()].copy_from_slice(&word);
        Ok(())
    })
}

/// The word of a missing value.
fn missing(column: &PlainColumn) -> u64 {
    if column.kind == Kind::Float { f64::NAN.to_bits() } else { column.fill().unwrap_or_default() }
}

/// The word of a cell. Integers among floats are rounded half to even, as in pandas, and the user is told.
#[expect(clippy::cast_precision_loss, reason = "the reference's own conversion")]
fn word(cell: &Cell<'_>, kind: Kind, missing: u64) -> u64 {
    match (*cell, kind) {
        (Cell::Int(value), Kind::Float) => (value as f64).to_bits(),
        (Cell::Uint(value), Kind::Float) => (value as f64).to_bits(),
        (Cell::Int(value), _) => value.cast_unsigned(),
        (Cell::Uint(value), _) => value,
        (Cell::Float(value), _) => value.to_bits(),
        (Cell::Bool(value), _) => u64::from(value),
        (Cell::Missing | Cell::Null | Cell::Pickled(_), _) => missing,
    }
}
