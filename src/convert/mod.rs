//! One source in, one output file out. Knows no agent and no ledger.
//!
//! The way of the bytes: [`input`] reads, hashes and cuts into batches at record ends; [`parse`] turns a batch into
//! typed columns; [`frame`] joins the batches and decides the dtypes; [`output`] writes columns to a file and
//! publishes it. Nothing is parsed or copied twice.

mod bad_records;
mod defect;
mod frame;
mod input;
pub mod output;
mod parse;

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, Seek};
use std::path::{Path, PathBuf};
use std::time::Instant;

use rayon::iter::{IntoParallelIterator, ParallelIterator};

use bad_records::BadRecords;
pub use defect::Defect;
use frame::hints::Hints;
use frame::part::Part;
pub use frame::{ColumnSchema, Warning};
use frame::{Frame, JoinError};
use input::{Batch, BatchReader, ReadLimits};
use output::OutputError;
use output::hdf5::fixed::Provenance;
use parse::ParsePlan;

use crate::config::{Config, Limits, OnBadRecord, Records};
use crate::source::Identity;

/// Sources of this size and more are parsed by all cores at once; smaller ones keep a worker busy each.
const PARALLEL_BYTES: u64 = 32 << 20;

/// How a source is converted.
#[derive(Clone, Debug)]
pub struct Options {
    /// Key of the frame in the HDF5 file, for example `/data`.
    pub key: String,
    /// How the text of a source becomes records.
    pub records: Records,
    /// Bytes of the longest record.
    pub record_bytes: u64,
    /// Bytes of the largest source; 0 for no limit.
    pub file_bytes: u64,
    /// Deepest nesting, the record itself being the first level.
    pub depth: usize,
    /// Most columns of a frame.
    pub columns: usize,
    /// Seconds that one conversion may take.
    pub convert_secs: u64,
    /// Whether to compute the content's hash.
    pub hash: bool,
    /// Whether the output is on disk (`fsync`) before [`to_file`] returns.
    pub durable: bool,
}

impl Options {
    /// As `config` says; without a hash.
    #[must_use]
    pub fn from_config(config: &Config) -> Self {
        let Limits { record_bytes, file_bytes, depth, columns, convert_secs, .. } = config.limits;
        let (key, durable) = (config.output.key.clone(), config.output.durable);
        let records = config.records.clone();
        Self { key, records, record_bytes, file_bytes, depth, columns, convert_secs, hash: false, durable }
    }
}

/// What a conversion gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Records converted.
    pub rows: u64,
    /// Columns of the frame.
    pub columns: u64,
    /// Records left out, because they are bad and `records.on_bad_record` is `skip`.
    pub bad_records: u64,
    /// The file of the bad records, if there are any and a place was named for them.
    pub bad_file: Option<PathBuf>,
    /// Bytes of the source.
    pub source_bytes: u64,
    /// BLAKE3 of the source, if it was asked for.
    pub source_hash: Option<[u8; 32]>,
    /// Bytes of the output.
    pub output_bytes: u64,
    /// What the user should know although the conversion went well.
    pub warnings: Vec<Warning>,
}

/// What a source would give.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Schema {
    /// Records.
    pub rows: u64,
    /// Records that would be left out.
    pub bad_records: u64,
    /// The columns, in order.
    pub columns: Vec<ColumnSchema>,
    /// What the user should know.
    pub warnings: Vec<Warning>,
}

/// Why a conversion gave nothing.
#[derive(Debug, thiserror::Error)]
pub enum ConvertError {
    /// The source itself is at fault. Permanent.
    #[error("{0}")]
    Defect(#[from] Defect),
    /// The source could not be read. May pass.
    #[error("cannot be read: {0}")]
    Read(#[source] io::Error),
    /// The source changed while it was read; nothing was kept. It settles again.
    #[error("changed while it was being read")]
    Changed,
    /// The output could not be written. May pass.
    #[error(transparent)]
    Output(#[from] OutputError),
}

/// Where a conversion writes.
#[derive(Clone, Copy, Debug)]
pub struct Target<'p> {
    /// The output, which must not exist.
    pub output: &'p Path,
    /// The file of bad records, made if there are any; an older one is overwritten.
    pub bad_records: Option<&'p Path>,
}

/// Converts `source`, which is open at its start and was `identity` then, into the files of `target`. On error these may
/// exist in part; they are the caller's to remove.
pub fn to_file(
    source: &File,
    identity: Identity,
    target: Target<'_>,
    options: &Options,
) -> Result<Summary, ConvertError> {
    let read = read(source, identity, target.bad_records, options)?;
    let frame = &read.frame;
    let provenance = Provenance { bad_records: read.bad_records };
    let output_bytes = output::hdf5::fixed::write(frame, &options.key, provenance, target.output, options.durable)?;
    Ok(Summary {
        rows: frame.rows as u64,
        columns: frame.columns.len() as u64,
        bad_records: read.bad_records,
        bad_file: read.bad_file,
        source_bytes: identity.size,
        source_hash: read.hash,
        output_bytes,
        warnings: frame.warnings(),
    })
}

/// Reads `source`, which is open at its start and was `identity` then, and tells what [`to_file`] would make of it.
pub fn schema(source: &File, identity: Identity, options: &Options) -> Result<Schema, ConvertError> {
    let read = read(source, identity, None, options)?;
    Ok(Schema {
        rows: read.frame.rows as u64,
        bad_records: read.bad_records,
        columns: read.frame.schema(),
        warnings: read.frame.warnings(),
    })
}

/// A source that was read as a whole.
struct Read {
    frame: Frame,
    bad_records: u64,
    bad_file: Option<PathBuf>,
    hash: Option<[u8; 32]>,
}

fn read(
    mut source: &File,
    identity: Identity,
    bad_path: Option<&Path>,
    options: &Options,
) -> Result<Read, ConvertError> {
    let (mut plan, limits) = (plan(options), read_limits(options));
    loop {
        let mut reader = BatchReader::new(source, limits, options.hash);
        let mut bad = BadRecords::to(bad_path);
        let parsed = parse_all(&mut reader, identity, &mut plan, &mut bad);
        unchanged(source, identity)?;
        let parts = parsed?;
        if reader.bytes_read() != identity.size {
            return Err(ConvertError::Changed);
        }
        match Frame::join(parts, options.columns, &plan.hints, plan.skip_bad) {
            Ok(frame) => return finish(frame, bad, &reader, options),
            Err(JoinError::Defect(defect)) => return Err(defect.into()),
            Err(JoinError::Again(columns)) => {
                plan.text_columns.extend(columns.text);
                plan.needed_columns.extend(columns.needed);
                plan.zones.extend(columns.zones);
                plan.kind = None;
                source.rewind().map_err(ConvertError::Read)?;
            }
        }
    }
}

fn finish(
    frame: Frame,
    bad: BadRecords<'_>,
    reader: &BatchReader<'_>,
    options: &Options,
) -> Result<Read, ConvertError> {
    let bad_records = bad.count();
    if frame.rows == 0
        && let Some(first) = bad.first()
    {
        return Err(first.clone().nothing_good().into());
    }
    let bad_file = bad.finish(options.durable)?;
    Ok(Read { frame, bad_records, bad_file, hash: reader.hash() })
}

fn plan(options: &Options) -> ParsePlan {
    ParsePlan {
        depth: options.depth,
        columns: options.columns,
        record_bytes: options.record_bytes,
        nested: options.records.nested,
        hints: Hints::new(&options.records.types),
        skip_bad: options.records.on_bad_record == OnBadRecord::Skip,
        kind: None,
        text_columns: HashSet::new(),
        needed_columns: HashMap::new(),
        zones: HashMap::new(),
    }
}

fn read_limits(options: &Options) -> ReadLimits {
    let Options { record_bytes, file_bytes, convert_secs, .. } = *options;
    let skip_long = options.records.on_bad_record == OnBadRecord::Skip;
    ReadLimits { record_bytes, skip_long, file_bytes, convert_secs, begun: Instant::now() }
}

fn parse_all(
    reader: &mut BatchReader<'_>,
    identity: Identity,
    plan: &mut ParsePlan,
    bad: &mut BadRecords<'_>,
) -> Result<Vec<Part>, ConvertError> {
    let mut parts = Vec::new();
    // The first record decides what all records are.
    while plan.kind.is_none() || identity.size < PARALLEL_BYTES {
        let Some(batch) = reader.next_batch()? else { return Ok(parts) };
        let part = parse::batch(&batch, plan)?;
        plan.kind = part.kind();
        parts.push(bad.take_from(part)?);
    }
    loop {
        let batches = some_batches(reader, 4 * rayon::current_num_threads())?;
        if batches.is_empty() {
            return Ok(parts);
        }
        let parsed: Vec<Result<Part, Defect>> =
            batches.into_par_iter().map(|batch| parse::batch(&batch, plan)).collect();
        for part in parsed {
            parts.push(bad.take_from(part?)?);
        }
    }
}

fn some_batches(reader: &mut BatchReader<'_>, most: usize) -> Result<Vec<Batch>, ConvertError> {
    let mut batches = Vec::new();
    while batches.len() < most {
        match reader.next_batch()? {
            Some(batch) => batches.push(batch),
            None => break,
        }
    }
    Ok(batches)
}

/// A source that grew, shrank or was written to while it was read would give a mixture of two versions, or a defect
/// that is none.
fn unchanged(source: &File, identity: Identity) -> Result<(), ConvertError> {
    let now = Identity::of(&source.metadata().map_err(ConvertError::Read)?);
    let same = now.size == identity.size && now.mtime_ns == identity.mtime_ns;
    if same { Ok(()) } else { Err(ConvertError::Changed) }
}
