//! A source as parts: batches are read and parsed, those of a large source by all cores at once.

use std::fs::File;
use std::path::Path;

use rayon::iter::{IntoParallelIterator, ParallelIterator};

use super::bad_records::BadRecords;
use super::deadline::Deadline;
use super::defect::Defect;
use super::frame::LineKind;
use super::frame::part::Part;
use super::input::{BATCH_BYTES, Batch, BatchReader, Compression, ReadOptions, Taken};
use super::locate::locate;
use super::parse::{self, ParsePlan};
use super::profile::{self, Stage};
use super::{ConvertError, Options, PARALLEL_BYTES};
use crate::config::{Nested, OnBadRecord};
use crate::source::Identity;

/// As [`PARALLEL_BYTES`], for compressed sources, of which more comes out than lies on disk.
const PARALLEL_PACKED_BYTES: u64 = PARALLEL_BYTES / 8;

/// Batches of a large source that each core may have at hand.
const BATCHES_A_CORE: usize = 4;
/// Bytes of memory that a batch of a mebibyte takes for a while: its text, its cells, and what finds them.
const BATCH_MEMORY: u64 = 8 << 20;

/// The column that tells for each row which source it came from.
#[derive(Clone, Copy, Debug)]
pub struct SourceColumn<'a> {
    /// What it is called.
    pub name: &'a str,
    /// What it says of the source.
    pub source: &'a str,
}

/// One reading of a source, which is open at its start, from there to its end.
#[derive(Clone, Copy)]
pub(super) struct Reading<'a> {
    pub(super) source: &'a File,
    /// What it was when it was opened.
    pub(super) identity: Identity,
    pub(super) deadline: Deadline,
    /// The new file for bad records.
    pub(super) bad_path: Option<&'a Path>,
    pub(super) column: Option<SourceColumn<'a>>,
    pub(super) options: &'a Options,
}

/// What is known of a source, beside its parts, once it was read.
pub(super) struct Passed<'a> {
    /// What it turned out to be.
    pub(super) taken: Taken,
    /// Records that were left out.
    pub(super) bad: BadRecords<'a>,
    /// SHA-256 of the source, if it was asked for.
    pub(super) hash: Option<[u8; 32]>,
    /// Bytes of its text, unpacked.
    pub(super) text_bytes: u64,
}

impl<'a> Reading<'a> {
    /// Hands all parts to `keep`, in order.
    pub(super) fn parts(
        &self,
        plan: &mut ParsePlan,
        mut keep: impl FnMut(Part) -> Result<(), ConvertError> + Send,
    ) -> Result<Passed<'a>, ConvertError> {
        let mut reader = BatchReader::new(self.source, read_options(self.options, self.deadline), self.options.hash);
        let mut bad = BadRecords::to(self.bad_path);
        let parsed = self.parse_all(&mut reader, plan, |part| keep(self.told(bad.take_from(part)?)?));
        self.unchanged()?;
        let taken = reader.taken();
        parsed.map_err(|error| error.map_defect(|defect| self.placed(defect, taken.compression)))?;
        if reader.bytes_read() != self.identity.size {
            return Err(ConvertError::Changed);
        }
        Ok(Passed { taken, bad, hash: reader.hash(), text_bytes: reader.text_bytes() })
    }

    /// `defect` with its place in the text of the source.
    pub(super) fn placed(&self, defect: Defect, compression: Compression) -> Defect {
        let flatten = self.options.records.nested == Nested::Flatten;
        let options = read_options(self.options, self.deadline);
        let defect = locate(self.source, self.identity, options, flatten, defect);
        if compression == Compression::None { defect } else { defect.in_unpacked_text() }
    }

    /// The same part; if that is wanted, its rows tell where they come from.
    fn told(&self, mut part: Part) -> Result<Part, Defect> {
        match (self.column, part.kind()) {
            (None, _) | (_, None) => {}
            (Some(column), Some(LineKind::Object)) => part.tell_source(column.source.as_bytes()),
            (Some(column), Some(kind)) => {
                return Err(Defect::no_source_column(part.line_of(0), column.name, kind));
            }
        }
        Ok(part)
    }

    fn parse_all(
        &self,
        reader: &mut BatchReader<'_>,
        plan: &mut ParsePlan,
        mut add_one: impl FnMut(Part) -> Result<(), ConvertError> + Send,
    ) -> Result<(), ConvertError> {
        let mut add = |parts: Vec<Result<Part, ConvertError>>| parts.into_iter().try_for_each(|part| add_one(part?));
        // The first batch tells whether the source is compressed, and its first record what all must be.
        let mut batches = some_batches(reader, 1);
        let packed = reader.taken().compression != Compression::None;
        while plan.kind.is_none() && !batches.is_empty() {
            let parts: Vec<_> = batches.into_iter().map(|batch| parsed(batch, plan)).collect();
            if let Some(Ok(part)) = parts.first() {
                (plan.kind, plan.plain) = (part.kind(), part.plain_keys());
            }
            add(parts)?;
            batches = some_batches(reader, 1);
        }
        let large = self.identity.size >= if packed { PARALLEL_PACKED_BYTES } else { PARALLEL_BYTES };
        if large {
            return self.parse_together(batches, reader, plan, add);
        }
        while !batches.is_empty() {
            add(batches.into_iter().map(|batch| parsed(batch, plan)).collect())?;
            batches = some_batches(reader, 1);
        }
        Ok(())
    }

    /// Parses `batches` and all that come behind them, many at a time. While some are parsed, those before them are added,
    /// which may mean to put them aside, and those behind them are read, and unpacked.
    fn parse_together(
        &self,
        mut batches: Vec<Result<Batch, ConvertError>>,
        reader: &mut BatchReader<'_>,
        plan: &ParsePlan,
        mut add: impl FnMut(Vec<Result<Part, ConvertError>>) -> Result<(), ConvertError> + Send,
    ) -> Result<(), ConvertError> {
        let most = batches_at_once(self.options.memory_bytes);
        let mut before = Vec::new();
        while !batches.is_empty() {
            let failed = batches.last().is_some_and(Result::is_err);
            let (here, _waits) = (profile::here(), profile::span(Stage::Helpers));
            let parse = |batch| here.during(|| parsed(batch, plan));
            let around = || {
                add(std::mem::take(&mut before))?;
                Ok::<_, ConvertError>(if failed { Vec::new() } else { some_batches(reader, most) })
            };
            let (parts, behind) = rayon::join(|| batches.into_par_iter().map(parse).collect(), || here.during(around));
            (before, batches) = (parts, behind?);
        }
        add(before)
    }

    /// A source that grew, shrank or was written to while it was read would give a mixture of two versions, or a defect
    /// that is none.
    fn unchanged(&self) -> Result<(), ConvertError> {
        let now = Identity::of(&self.source.metadata().map_err(ConvertError::Read)?);
        let same = now.size == self.identity.size && now.mtime_ns == self.identity.mtime_ns;
        if same { Ok(()) } else { Err(ConvertError::Changed) }
    }
}

fn parsed(batch: Result<Batch, ConvertError>, plan: &ParsePlan) -> Result<Part, ConvertError> {
    Ok(parse::batch(&batch?, plan)?)
}

/// How many batches are read and parsed together, if half of `memory` is for them.
fn batches_at_once(memory: u64) -> usize {
    let fit = usize::try_from(memory / BATCH_MEMORY).unwrap_or(usize::MAX);
    (BATCHES_A_CORE * rayon::current_num_threads()).min(fit).max(1)
}

/// So many batches; fewer at the end of the source, and up to an error, which is the last then: a defect in a batch
/// before it comes first.
fn some_batches(reader: &mut BatchReader<'_>, most: usize) -> Vec<Result<Batch, ConvertError>> {
    let mut batches = Vec::new();
    while batches.len() < most {
        match reader.next_batch() {
            Ok(Some(batch)) => batches.push(Ok(batch)),
            Ok(None) => break,
            Err(error) => {
                batches.push(Err(error));
                break;
            }
        }
    }
    batches
}

fn read_options(options: &Options, deadline: Deadline) -> ReadOptions {
    let Options { record_bytes, file_bytes, depth, decompression_ratio, .. } = *options;
    let (input, batch_bytes) = (options.records.input, BATCH_BYTES);
    let skip_long = options.records.on_bad_record == OnBadRecord::Skip;
    ReadOptions { input, batch_bytes, record_bytes, skip_long, file_bytes, depth, decompression_ratio, deadline }
}
