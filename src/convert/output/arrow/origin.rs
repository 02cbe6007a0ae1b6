//! Reading back what an output tells of its source, and how many rows it has.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use ::parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};
use arrow_ipc::reader::FileReader;

use super::super::OutputError;
use super::super::provenance::{ATTRIBUTE, Provenance};
use super::{arrow_error, parquet_error};

/// What the Feather file `path` tells of its source; none if it tells nothing, as files of other programs do.
pub(crate) fn of_feather(path: &Path) -> Result<Option<Provenance>, OutputError> {
    let reader = open_feather(path)?;
    let schema = reader.schema();
    Ok(schema.metadata().get(ATTRIBUTE).and_then(|text| Provenance::parse(text)))
}

/// Rows in the Feather file `path`.
pub(crate) fn rows_of_feather(path: &Path) -> Result<u64, OutputError> {
    let mut rows = 0;
    // Of no column the values are wanted; all of them tell how many rows there are.
    for batch in open_feather(path)? {
        rows += batch.map_err(arrow_error("read", path))?.num_rows() as u64;
    }
    Ok(rows)
}

fn open_feather(path: &Path) -> Result<FileReader<BufReader<File>>, OutputError> {
    let file = File::open(path).map_err(OutputError::io("open", path))?;
    FileReader::try_new_buffered(file, None).map_err(arrow_error("read", path))
}

/// What the Parquet file `path` tells of its source; none if it tells nothing, as files of other programs do.
pub(crate) fn of_parquet(path: &Path) -> Result<Option<Provenance>, OutputError> {
    let metadata = open_parquet(path)?;
    let told = metadata.file_metadata().key_value_metadata().into_iter().flatten();
    let text = told.filter(|told| told.key == ATTRIBUTE).find_map(|told| told.value.as_deref());
    Ok(text.and_then(Provenance::parse))
}

/// Rows in the Parquet file `path`.
pub(crate) fn rows_of_parquet(path: &Path) -> Result<u64, OutputError> {
    let rows = open_parquet(path)?.file_metadata().num_rows();
    Ok(u64::try_from(rows).unwrap_or_default())
}

fn open_parquet(path: &Path) -> Result<ParquetMetaData, OutputError> {
    let file = File::open(path).map_err(OutputError::io("open", path))?;
    ParquetMetaDataReader::new().parse_and_finish(&file).map_err(parquet_error("read", path))
}
