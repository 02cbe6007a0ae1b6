//! One source in, one output file out. Knows no agent and no ledger.
//!
//! The way of the bytes: [`input`] reads, hashes, unpacks and cuts into batches at record ends; [`parse`] turns a batch into
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
use frame::part::Part;
use frame::{Frame, LineKind};
use input::{BATCH_BYTES, Batch, BatchReader, ReadOptions};
pub use input::{Compression, Shape, Taken};
use output::OutputError;
use parse::ParseLimits;

use crate::config::{Config, Input, Limits};
use crate::source::Identity;

/// Sources of this size and more are parsed by all cores at once; smaller ones keep a worker busy each.
const PARALLEL_BYTES: u64 = 32 << 20;

/// The same for compressed sources, of which more comes out than lies on disk.
const PARALLEL_PACKED_BYTES: u64 = PARALLEL_BYTES / 8;

/// How a source is converted.
#[derive(Clone, Debug)]
pub struct Options {
    /// Key of the frame in the HDF5 file, for example `/data`.
    pub key: String,
    /// What the text of a source is.
    pub input: Input,
    /// Bytes of the longest record.
    pub record_bytes: u64,
    /// Bytes of the largest source, as it lies on disk; 0 for no limit.
    pub file_bytes: u64,
    /// Deepest nesting, the record itself being the first level.
    pub depth: usize,
    /// Most columns of a frame.
    pub columns: usize,
    /// How many times its size a compressed source may grow.
    pub decompression_ratio: u64,
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
        let Limits { record_bytes, file_bytes, depth, columns, decompression_ratio, convert_secs, .. } = config.limits;
        Self {
            key: config.output.key.clone(),
            input: config.records.input,
            record_bytes,
            file_bytes,
            depth,
            columns,
            decompression_ratio,
            convert_secs,
            hash: false,
            durable: config.output.durable,
        }
    }
}

/// What a conversion gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// What the source turned out to be.
    pub input: Taken,
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

impl ConvertError {
    /// The same error; a defect becomes what `change` makes of it.
    fn map_defect(self, change: impl FnOnce(Defect) -> Defect) -> Self {
        match self {
            Self::Defect(defect) => Self::Defect(change(defect)),
            other => other,
        }
    }
}

/// Converts `source`, which is open at its start and was `identity` then, into the new file `target`, which must not
/// exist. On error `target` may exist in part; it is the caller's to remove.
pub fn to_file(
    source: &File,
    identity: Identity,
    target: &std::path::Path,
    options: &Options,
) -> Result<Summary, ConvertError> {
    let mut reader = BatchReader::new(source, read_options(options), options.hash);
    let parsed = parse_all(&mut reader, identity, options);
    unchanged(source, identity)?;
    let taken = reader.taken();
    let placed = |defect: Defect| match taken.compression {
        Compression::None => defect,
        _ => defect.in_unpacked_text(),
    };
    let parts = parsed.map_err(|error| error.map_defect(placed))?;
    if reader.bytes_read() != identity.size {
        return Err(ConvertError::Changed);
    }
    let frame = Frame::join(parts, options.columns).map_err(placed)?;
    let output_bytes = output::hdf5::fixed::write(&frame, &options.key, target, options.durable)?;
    let mut warnings = frame.warnings();
    warnings.extend(one_array(&frame, taken.shape, options.input));
    Ok(Summary {
        input: taken,
        rows: frame.rows as u64,
        columns: frame.columns.len() as u64,
        source_bytes: identity.size,
        source_hash: reader.hash(),
        output_bytes,
        warnings,
    })
}

/// Somebody who wrote an array on one line may have meant its items as records.
fn one_array(frame: &Frame, shape: Shape, input: Input) -> Option<String> {
    let list = frame.parts.first().is_some_and(|part| part.kind() == LineKind::List);
    let array = list && frame.rows == 1 && shape == Shape::Lines && input == Input::Auto;
    array.then(|| {
        "one array on one line is one row, as in pandas; set `records.input` to \"document\" for a row an item"
            .to_owned()
    })
}

fn read_options(options: &Options) -> ReadOptions {
    let Options { input, record_bytes, file_bytes, depth, decompression_ratio, convert_secs, .. } = *options;
    let batch_bytes = BATCH_BYTES;
    ReadOptions { input, batch_bytes, record_bytes, file_bytes, depth, decompression_ratio, convert_secs }
}

fn parse_all(reader: &mut BatchReader<'_>, identity: Identity, options: &Options) -> Result<Vec<Part>, ConvertError> {
    let limits = ParseLimits { depth: options.depth, columns: options.columns, record_bytes: options.record_bytes };
    let mut parts: Vec<Part> = Vec::new();
    // The first batch tells whether the source is compressed.
    let mut batches = some_batches(reader, 1);
    let packed = reader.taken().compression != Compression::None;
    let large = identity.size >= if packed { PARALLEL_PACKED_BYTES } else { PARALLEL_BYTES };
    while !batches.is_empty() {
        // The first record decides what the others must be; until it is known, batches are taken one by one.
        let kind = parts.iter().find(|part| part.rows() > 0).map(Part::kind);
        let most = if large && kind.is_some() { 4 * rayon::current_num_threads() } else { 1 };
        let failed = batches.last().is_some_and(Result::is_err);
        let parse = |batch: Result<Batch, ConvertError>| Ok(parse::batch(batch?, kind, limits)?);
        let read = |reader| if failed { Vec::new() } else { some_batches(reader, most) };
        let parsed: Vec<Result<Part, ConvertError>>;
        (parsed, batches) = if large {
            // What comes next is read, and unpacked, while this is parsed.
            rayon::join(|| batches.into_par_iter().map(parse).collect(), || read(reader))
        } else {
            (batches.into_iter().map(parse).collect(), read(reader))
        };
        for part in parsed {
            parts.push(part?);
        }
    }
    Ok(parts)
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

/// A source that grew, shrank or was written to while it was read would give a mixture of two versions, or a defect
/// that is none.
fn unchanged(source: &File, identity: Identity) -> Result<(), ConvertError> {
    let now = Identity::of(&source.metadata().map_err(ConvertError::Read)?);
    let same = now.size == identity.size && now.mtime_ns == identity.mtime_ns;
    if same { Ok(()) } else { Err(ConvertError::Changed) }
}
