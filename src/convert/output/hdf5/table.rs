//! pandas' `table` format, to which rows can be appended, and of which rows can be selected by value.
//!
//! ```text
//! texts    how long the texts are, and which one stands for a missing value
//! fields   where each column is in a row
//! nodes    the file but for its rows                by capi, under the lock
//! rows     the rows as bytes, chunk by chunk        around the library
//! ```

mod fields;
mod nodes;
mod pickles;
mod rows;
mod texts;

use std::ffi::{CStr, CString};
use std::fs::File;
use std::io::Write;
use std::ops::Range;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use rayon::iter::{IntoParallelIterator, ParallelIterator};

use super::super::super::deadline::Deadline;
use super::super::super::frame::Frame;
use super::super::super::options::Encoding;
use super::super::super::profile::{self, Stage};
use super::super::super::{ConvertError, PARALLEL_BYTES};
use super::super::provenance::Provenance;
use super::super::{OutputError, Writer};
use super::capi::{self, Medium};
use super::fill::Sink;
use super::filter::Filter;
use super::fixed::refused;
use crate::config::{Compression, OnUnfit};
use fields::Fields;
use nodes::Plan;
use rows::{Chunks, Rows};
use texts::Measured;

/// A table of fewer bytes is laid out in memory and written in one go.
const IN_MEMORY: usize = 1 << 20;

/// Writes outputs that look so.
pub(crate) struct Table<'e>(pub(crate) &'e Encoding);

impl Writer for Table<'_> {
    fn write(
        &self,
        frame: &Frame,
        provenance: &Provenance,
        path: &Path,
        deadline: Deadline,
    ) -> Result<(File, u64), ConvertError> {
        let fields = fields_of(frame, self.0.on_unfit, deadline)?;
        let plan = Plan {
            key: &self.0.key,
            labels: &frame.labels,
            fields: &fields,
            chunks: Chunks::of(frame.rows, fields.row_bytes),
            deflate: if let Compression::Zlib(level) = self.0.compression { Some(level) } else { None },
            bad_records: provenance.bad_records,
            told: &provenance.text(),
        };
        let job = Job { rows: Rows::new(frame, &fields), chunks: plan.chunks, path, deadline };
        let name = CString::new(path.as_os_str().as_bytes()).unwrap_or_default();
        let file = match plan.deflate {
            Some(level) => job.deflated(&plan, &name, level)?,
            None => job.plain(&plan, &name)?,
        };
        let bytes = file.metadata().map_err(OutputError::io("look at", path))?.len();
        Ok((file, bytes))
    }

    fn types(&self, frame: &Frame, deadline: Deadline) -> Result<Option<Vec<String>>, ConvertError> {
        fields_of(frame, self.0.on_unfit, deadline).map(|_| None)
    }
}

/// The fields for `frame`, all of whose texts are looked at.
fn fields_of(frame: &Frame, on_unfit: OnUnfit, deadline: Deadline) -> Result<Fields, ConvertError> {
    let texts = fields::text_columns(frame, on_unfit)?;
    let starts = rows::starts(frame);
    let measure = |piece: usize| -> Result<Measured, ConvertError> {
        deadline.check()?;
        let cells = frame.cells_of(piece).map_err(ConvertError::Spill)?;
        let _encode = profile::span(Stage::Encode);
        Ok(Measured::of(&cells, &texts, starts[piece]))
    };
    let pieces = if texts.is_empty() { 0 } else { frame.pieces.len() };
    let both = |one: Measured, other| Ok(one.and(other));
    let large = (frame.rows * texts.len()) as u64 * 8 >= PARALLEL_BYTES;
    let measured = if large {
        let (here, _waits) = (profile::here(), profile::span(Stage::Helpers));
        let measured = (0..pieces).into_par_iter().map(|piece| here.during(|| measure(piece)));
        measured.try_reduce(Measured::default, both)
    } else {
        (0..pieces).try_fold(Measured::default(), |all, piece| Ok(all.and(measure(piece)?)))
    };
    Fields::of(frame, &texts, &measured?)
}

/// One table to be written.
struct Job<'f> {
    rows: Rows<'f>,
    chunks: Chunks,
    path: &'f Path,
    deadline: Deadline,
}

impl Job<'_> {
    fn medium(&self) -> Medium {
        let bytes = self.chunks.count().saturating_mul(self.chunks.bytes());
        if bytes < IN_MEMORY { Medium::Memory } else { Medium::Disk }
    }

    /// The library makes the file, and space for all chunks; they are written into it.
    fn plain(&self, plan: &Plan<'_>, name: &CStr) -> Result<File, ConvertError> {
        let medium = self.medium();
        let made = capi::locked(|library| {
            let (file, table) = nodes::lay_out(library, name, medium, plan)?;
            let addresses = table.chunk_addresses(plan.chunks.chunk_rows as u64, plan.chunks.count())?;
            drop(table);
            Ok((addresses, file.close()?))
        });
        let (addresses, image) = made.map_err(refused(self.path))?;
        if medium == Medium::Memory {
            let image = Mutex::new(image);
            self.put_all(&image, &addresses)?;
            return self.save(&image.into_inner().unwrap_or_else(PoisonError::into_inner));
        }
        let file = self.open()?;
        self.put_all(&file, &addresses)?;
        Ok(file)
    }

    /// Writes every chunk to its address.
    fn put_all(&self, file: &impl Sink, addresses: &[u64]) -> Result<(), ConvertError> {
        self.each_batch(
            |chunk, bytes| {
                let _write = profile::span(Stage::Write);
                Ok(file.put(&bytes, addresses[chunk]).map_err(OutputError::io("write", self.path))?)
            },
            |_, _| Ok(()),
        )
    }

    /// The library is given the chunks, deflated, in their order.
    fn deflated(&self, plan: &Plan<'_>, name: &CStr, level: u8) -> Result<File, ConvertError> {
        let medium = self.medium();
        let open = capi::locked(|library| {
            let (file, table) = nodes::lay_out(library, name, medium, plan)?;
            Ok((file.park(), table.park()))
        });
        let (file, table) = open.map_err(refused(self.path))?;
        let filter = Filter { element: self.chunks.row_bytes, level };
        self.each_batch(
            |_, bytes| {
                let _encode = profile::span(Stage::Encode);
                Ok(filter.apply(&bytes).map_err(OutputError::io("compress", self.path))?)
            },
            |first, ready: Vec<Vec<u8>>| {
                let row = |chunk: usize| (chunk * self.chunks.chunk_rows) as u64;
                let mut chunks = (first..).zip(&ready);
                let written = capi::locked(|library| {
                    table.with(library, |table| {
                        chunks.try_for_each(|(chunk, bytes)| table.write_chunk(library, &[row(chunk)], bytes))
                    })
                });
                Ok(written.map_err(refused(self.path))?)
            },
        )?;
        drop(table);
        let image = capi::locked(|library| file.resume(library).close()).map_err(refused(self.path))?;
        match medium {
            Medium::Memory => self.save(&image),
            Medium::Disk => self.open(),
        }
    }

    fn open(&self) -> Result<File, ConvertError> {
        Ok(File::options().write(true).open(self.path).map_err(OutputError::io("open", self.path))?)
    }

    /// Writes the whole file.
    fn save(&self, image: &[u8]) -> Result<File, ConvertError> {
        let _write = profile::span(Stage::Write);
        let mut file = File::create_new(self.path).map_err(OutputError::io("create", self.path))?;
        file.write_all(image).map_err(OutputError::io("write", self.path))?;
        Ok(file)
    }

    /// Makes all chunks, some at a time and by all cores if there are many: `work` has each of them, in any order, and
    /// `collect` what became of those made together, with the number of the first.
    fn each_batch<T: Send>(
        &self,
        work: impl Fn(usize, Vec<u8>) -> Result<T, ConvertError> + Sync,
        collect: impl Fn(usize, Vec<T>) -> Result<(), ConvertError>,
    ) -> Result<(), ConvertError> {
        let large = (self.chunks.rows as u64).saturating_mul(self.chunks.row_bytes as u64) >= PARALLEL_BYTES;
        for batch in self.chunks.batches() {
            let rows = self.chunks.rows_of(batch.start).start..self.chunks.rows_of(batch.end - 1).end;
            let window = self.rows.window(&rows).map_err(ConvertError::Spill)?;
            let one = |chunk: usize| {
                self.deadline.check()?;
                let bytes = self.chunk(&window, &self.chunks.rows_of(chunk));
                work(chunk, bytes)
            };
            let first = batch.start;
            let made: Vec<T> = if large {
                let (here, _waits) = (profile::here(), profile::span(Stage::Helpers));
                batch.into_par_iter().map(|chunk| here.during(|| one(chunk))).collect::<Result<_, _>>()?
            } else {
                batch.map(one).collect::<Result<_, _>>()?
            };
            collect(first, made)?;
        }
        Ok(())
    }

    /// A whole chunk; behind the last row are zeros.
    fn chunk(&self, window: &rows::Window<'_>, rows: &Range<usize>) -> Vec<u8> {
        let _encode = profile::span(Stage::Encode);
        let mut bytes = vec![0; self.chunks.bytes()];
        self.rows.write(window, rows, &mut bytes);
        bytes
    }
}
