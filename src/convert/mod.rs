//! One source in, one output file out. Knows no agent and no ledger.
//!
//! The way of the bytes: [`input`] reads, hashes and cuts into batches at record ends; [`parse`] turns a batch into
//! typed columns; [`frame`] joins the batches and decides the dtypes; [`output`] writes columns to a file and
//! publishes it. Nothing is parsed or copied twice.

mod defect;
mod frame;
mod input;
pub mod output;
mod parse;

use std::fs::File;
use std::io;

use rayon::iter::{IntoParallelIterator, ParallelIterator};

pub use defect::Defect;
use frame::Frame;
use frame::part::Part;
use input::{Batch, BatchReader, ReadLimits};
use output::OutputError;
use parse::ParsePlan;

use crate::config::{Config, Limits};
use crate::source::Identity;

/// Sources of this size and more are parsed by all cores at once; smaller ones keep a worker busy each.
const PARALLEL_BYTES: u64 = 32 << 20;

/// How a source is converted.
#[derive(Clone, Debug)]
pub struct Options {
    /// Key of the frame in the HDF5 file, for example `/data`.
    pub key: String,
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
        Self { key, record_bytes, file_bytes, depth, columns, convert_secs, hash: false, durable }
    }
}

/// What a conversion gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Records converted.
    pub rows: u64,
    /// Columns of the frame.
    pub columns: u64,
    /// Bytes of the source.
    pub source_bytes: u64,
    /// BLAKE3 of the source, if it was asked for.
    pub source_hash: Option<[u8; 32]>,
    /// Bytes of the output.
    pub output_bytes: u64,
    /// What the user should know although the conversion went well.
    pub warnings: Vec<String>,
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

/// Converts `source`, which is open at its start and was `identity` then, into the new file `target`, which must not
/// exist. On error `target` may exist in part; it is the caller's to remove.
pub fn to_file(
    source: &File,
    identity: Identity,
    target: &std::path::Path,
    options: &Options,
) -> Result<Summary, ConvertError> {
    let mut reader = BatchReader::new(source, read_limits(options), options.hash);
    let parsed = parse_all(&mut reader, identity, options);
    unchanged(source, identity)?;
    let parts = parsed?;
    if reader.bytes_read() != identity.size {
        return Err(ConvertError::Changed);
    }
    let frame = Frame::join(parts, options.columns)?;
    let output_bytes = output::hdf5::fixed::write(&frame, &options.key, target, options.durable)?;
    Ok(Summary {
        rows: frame.rows as u64,
        columns: frame.columns.len() as u64,
        source_bytes: identity.size,
        source_hash: reader.hash(),
        output_bytes,
        warnings: frame.warnings(),
    })
}

fn read_limits(options: &Options) -> ReadLimits {
    let Options { record_bytes, file_bytes, convert_secs, .. } = *options;
    ReadLimits { record_bytes, file_bytes, convert_secs }
}

fn parse_all(reader: &mut BatchReader<'_>, identity: Identity, options: &Options) -> Result<Vec<Part>, ConvertError> {
    let mut plan =
        ParsePlan { depth: options.depth, columns: options.columns, record_bytes: options.record_bytes, kind: None };
    let mut parts = Vec::new();
    while plan.kind.is_none() || identity.size < PARALLEL_BYTES {
        let Some(batch) = reader.next_batch()? else { return Ok(parts) };
        let part = parse::batch(&batch, plan)?;
        plan.kind = part.kind();
        parts.push(part);
    }
    loop {
        let batches = some_batches(reader, 4 * rayon::current_num_threads())?;
        if batches.is_empty() {
            return Ok(parts);
        }
        let parsed: Vec<Result<Part, Defect>> =
            batches.into_par_iter().map(|batch| parse::batch(&batch, plan)).collect();
        for part in parsed {
            parts.push(part?);
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
