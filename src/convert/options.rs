//! How a source is converted, and what that gave: plain data.

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;

use super::frame::{ColumnSchema, Warning};
use super::input::Taken;
use super::memory;
use crate::config::{Compression, Config, Format, Layout, Limits, OnUnfit, Output, Records};

/// What an output looks like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoding {
    /// File format.
    pub format: Format,
    /// Layout inside HDF5; of no meaning elsewhere.
    pub layout: Layout,
    /// Key of the frame in the HDF5 file, for example `/data`; of no meaning elsewhere.
    pub key: String,
    /// Compression inside the file, one that the format has.
    pub compression: Compression,
    /// What happens to a column that the format has no type for.
    pub on_unfit: OnUnfit,
}

impl Encoding {
    /// As `output` says.
    #[must_use]
    pub fn from_config(output: &Output) -> Self {
        let Output { format, layout, key, compression, on_unfit, .. } = output;
        Self { format: *format, layout: *layout, key: key.clone(), compression: *compression, on_unfit: *on_unfit }
    }
}

/// How a source is converted.
#[derive(Clone, Debug)]
pub struct Options {
    /// What its output looks like.
    pub encoding: Encoding,
    /// How the text of a source becomes records.
    pub records: Records,
    /// Whether a last record that only ends too early is left out as a bad one, where these are; if not, it refuses its
    /// source, which may just not be finished.
    pub skip_truncated: bool,
    /// Bytes of the longest record.
    pub record_bytes: u64,
    /// Bytes of the largest source, as it lies on disk; 0 for no limit.
    pub file_bytes: u64,
    /// Deepest nesting, the record itself being the first level.
    pub depth: usize,
    /// Most columns of a frame.
    pub columns: usize,
    /// Bytes of memory for the columns of one conversion; more are put aside in a temporary file. At most 256 MiB are
    /// used however much is allowed.
    pub memory_bytes: u64,
    /// How many times its size a compressed source may grow, and a text as a table.
    pub decompression_ratio: u64,
    /// Seconds that one conversion may take.
    pub convert_secs: u64,
    /// Whether to compute the content's hash.
    pub hash: bool,
    /// Whether the output is on disk (`fsync`) before [`to_file`](super::to_file) returns.
    pub durable: bool,
    /// Ends the conversion, with a defect of the code `interrupted`, when it becomes true.
    pub interrupted: Option<&'static AtomicBool>,
}

impl Options {
    /// As `config` says, for `workers` conversions at a time; without a hash.
    #[must_use]
    pub fn from_config(config: &Config, workers: usize) -> Self {
        let Limits { record_bytes, file_bytes, depth, columns, decompression_ratio, convert_secs, .. } = config.limits;
        Self {
            encoding: Encoding::from_config(&config.output),
            records: config.records.clone(),
            skip_truncated: true,
            record_bytes,
            file_bytes,
            depth,
            columns,
            memory_bytes: memory::share(config.limits.memory_bytes, workers),
            decompression_ratio,
            convert_secs,
            hash: false,
            durable: config.output.durable,
            interrupted: None,
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
    /// Records left out, because they are bad and `records.on_bad_record` is `skip`.
    pub bad_records: u64,
    /// The file of the bad records, if there are any and a place was named for them.
    pub bad_file: Option<PathBuf>,
    /// Bytes of the source.
    pub source_bytes: u64,
    /// SHA-256 of the source, if it was asked for.
    pub source_hash: Option<[u8; 32]>,
    /// Bytes of the output.
    pub output_bytes: u64,
    /// What the user should know although the conversion went well.
    pub warnings: Vec<Warning>,
}

/// What a source would give.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Schema {
    /// How the records stand in the source: lines, array, object or objects.
    pub input: &'static str,
    /// How the source is compressed, or `none`.
    pub compression: &'static str,
    /// Records.
    pub rows: u64,
    /// Records that would be left out.
    pub bad_records: u64,
    /// The columns, in order.
    pub columns: Vec<ColumnSchema>,
    /// What the user should know.
    pub warnings: Vec<Warning>,
}
