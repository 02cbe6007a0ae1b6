//! Arrow: Feather (version 2, which is Arrow's IPC file format) and Parquet.
//!
//! ```text
//! kind      what a column is in Arrow              shape: what its lists and objects hold
//! table     the columns of a frame and their kinds, as a schema with its metadata; pandas: what pandas wants to know
//! array     cells to arrays                        nested: those of lists and objects
//! groups    which rows are made ready together, and by which thread
//! feather, parquet   the files
//! origin    what an output tells of its source, read back
//! ```
//!
//! What becomes what; null, an absent key and the word `NaN` are null in every column, and at every depth:
//!
//! | values | Arrow |
//! |---|---|
//! | true, false | `bool` |
//! | integers within `i64` | `int64` |
//! | integers from 0 to 2^64, some of them above `i64` | `uint64` |
//! | other numbers, and these among integers | `double`; in lists and objects only if no digit of an integer is lost |
//! | text | `utf8` |
//! | points in time (by a hint) | `timestamp[ns]`, in UTC where they have a zone |
//! | lists | `list` of what the items are |
//! | objects | `struct` of all their keys, in order of first appearance |
//! | only objects without keys | `utf8`: `{}` |
//! | nothing at all | `utf8`; `double` where the dtype is float64, because a key is absent somewhere |
//! | anything else | refused, or `utf8`: texts as they are, other values as JSON |

mod array;
mod feather;
mod groups;
mod kind;
mod nested;
pub(crate) mod origin;
mod pandas;
mod parquet;
mod shape;
mod table;

use std::error::Error;
use std::fs::File;
use std::io;
use std::path::Path;

use ::parquet::errors::ParquetError;
use arrow_schema::ArrowError;

use super::super::ConvertError;
use super::OutputError;
pub(crate) use feather::Feather;
pub(crate) use parquet::Parquet;

/// Bytes that are collected before they are written.
const BUFFER_BYTES: usize = 256 << 10;

/// The new file `path`, and its size once it is written; to be read back nobody has synced it yet.
fn sized(file: File, path: &Path) -> Result<(File, u64), ConvertError> {
    let bytes = file.metadata().map_err(OutputError::io("look at", path))?.len();
    Ok((file, bytes))
}

/// What Arrow said when it was to write `path`: mostly what the system said.
fn arrow_error(action: &'static str, path: &Path) -> impl Fn(ArrowError) -> OutputError {
    move |error| match error {
        ArrowError::IoError(_, source) => OutputError::io(action, path)(source),
        other => OutputError::io(action, path)(io::Error::other(other)),
    }
}

/// What Parquet said when it was to write `path`: mostly what the system said.
fn parquet_error(action: &'static str, path: &Path) -> impl Fn(ParquetError) -> OutputError {
    move |error| {
        let source = match error {
            ParquetError::External(source) => system_error(source),
            other => io::Error::other(other),
        };
        OutputError::io(action, path)(source)
    }
}

fn system_error(error: Box<dyn Error + Send + Sync>) -> io::Error {
    error.downcast::<io::Error>().map_or_else(io::Error::other, |error| *error)
}
