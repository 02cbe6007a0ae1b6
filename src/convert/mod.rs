//! One source in, one output file out. Knows no agent and no ledger.
//!
//! The way of the bytes: [`input`] reads, hashes, unpacks and cuts into batches at record ends; [`parse`] turns a batch into
//! typed columns; [`frame`] joins the batches and decides the dtypes; [`output`] writes columns to a file and
//! publishes it. Nothing is parsed or copied twice. [`gather`] does the same with several sources for one output, and
//! [`verify`] does it once more, to compare. What each stage costs is recorded, if somebody wants to know, by
//! [`profile`].

mod bad_records;
mod deadline;
mod defect;
mod frame;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
pub mod gather;
mod input;
mod locate;
mod memory;
mod options;
pub mod output;
mod parse;
mod parts;
pub mod profile;
mod read;
#[cfg(any(test, feature = "bench"))]
pub mod stages;
pub mod verify;
mod wanted;

use std::fs::File;
use std::io;
use std::path::Path;

pub use bad_records::is_file_of_bad_records;
use deadline::Deadline;
pub use defect::Defect;
pub use frame::{ColumnSchema, Warning};
pub use input::{Compression, Shape, Taken};
pub use options::{Encoding, Options, Schema, Summary};
use output::OutputError;
use output::provenance::{Origin, Provenance};
use output::publish::sync_file;
use parts::Reading;
pub use parts::SourceColumn;
use read::read;
pub use wanted::{Unfit, Wanted};

use crate::source::Identity;

/// Sources of this size and more are parsed by all cores at once; smaller ones keep a worker busy each.
const PARALLEL_BYTES: u64 = 32 << 20;

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
    /// Columns could not be put aside in a temporary file, or not be read back. May pass.
    #[error("cannot put columns aside in a temporary file beside the output: {0}")]
    Spill(#[source] io::Error),
}

impl ConvertError {
    /// The same error; what could not be put aside could not be put into `folder`.
    fn spilling_in(self, folder: &Path) -> Self {
        match self {
            Self::Spill(why) => OutputError::io("put columns aside in", folder)(why).into(),
            other => other,
        }
    }

    /// The same error; a defect becomes what `change` makes of it.
    fn map_defect(self, change: impl FnOnce(Defect) -> Defect) -> Self {
        match self {
            Self::Defect(defect) => Self::Defect(change(defect)),
            other => other,
        }
    }
}

/// Where a conversion writes.
#[derive(Clone, Copy, Debug)]
pub struct Target<'p> {
    /// The output, which must not exist.
    pub output: &'p Path,
    /// The file of bad records, made if there are any; an older one is overwritten.
    pub bad_records: Option<&'p Path>,
    /// What the output says of where it came from.
    pub origin: Origin<'p>,
}

/// Converts `source`, which is open at its start and was `identity` then, into the files of `target`. On error these may
/// exist in part; they are the caller's to remove.
pub fn to_file(
    source: &File,
    identity: Identity,
    target: Target<'_>,
    options: &Options,
) -> Result<Summary, ConvertError> {
    let (summary, output) = to_open_file(source, identity, target, None, options)?;
    if options.durable {
        sync_file(&output, target.output)?;
    }
    Ok(summary)
}

/// As [`to_file`], but does not wait until the output is on disk: it is returned open, to be synced with others by the
/// caller. A file of bad records is on disk as the options want it. With a `column` each row tells where it comes from.
pub fn to_open_file(
    source: &File,
    identity: Identity,
    target: Target<'_>,
    column: Option<SourceColumn<'_>>,
    options: &Options,
) -> Result<(Summary, File), ConvertError> {
    let beside = target.output.parent().unwrap_or(Path::new("."));
    let deadline = Deadline::of(options);
    let reading = Reading { source, identity, deadline, bad_path: target.bad_records, column, options };
    let read = read(reading, beside).map_err(|error| error.spilling_in(beside))?;
    let frame = &read.frame;
    let (rows, columns) = (frame.rows as u64, frame.columns.len() as u64);
    let provenance = Provenance {
        rows,
        columns,
        bad_records: read.bad_records,
        ..Provenance::of(target.origin, identity.size, read.taken, read.hash, options)
    }
    .with_source_column(column);
    let writer = output::writer(&options.encoding);
    let written = writer.write(frame, &provenance, target.output, deadline);
    // What a format cannot hold is a defect of some record.
    let placed = |defect| reading.placed(defect, read.taken.compression);
    let (output, output_bytes) = written.map_err(|error| error.map_defect(placed))?;
    let summary = Summary {
        input: read.taken,
        rows,
        columns,
        bad_records: read.bad_records,
        bad_file: read.bad_file,
        source_bytes: identity.size,
        source_hash: read.hash,
        output_bytes,
        warnings: read.warnings,
    };
    Ok((summary, output))
}

/// Reads `source`, which is open at its start and was `identity` then, and tells what [`to_file`] would make of it.
pub fn schema(source: &File, identity: Identity, options: &Options) -> Result<Schema, ConvertError> {
    let deadline = Deadline::of(options);
    let reading = Reading { source, identity, deadline, bad_path: None, column: None, options };
    let read = read(reading, &std::env::temp_dir())?;
    let types = output::writer(&options.encoding).types(&read.frame, deadline);
    let types = types.map_err(|error| error.map_defect(|defect| reading.placed(defect, read.taken.compression)))?;
    let mut columns = read.frame.schema();
    for (column, stored) in columns.iter_mut().zip(types.into_iter().flatten()) {
        column.stored = Some(stored);
    }
    Ok(Schema {
        input: read.taken.shape.as_str(),
        compression: read.taken.compression.as_str(),
        rows: read.frame.rows as u64,
        bad_records: read.bad_records,
        columns,
        warnings: read.warnings,
    })
}
