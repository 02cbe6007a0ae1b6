//! Parquet.
//!
//! A group of rows is encoded column by column, by any thread; the groups are written in order.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use ::parquet::arrow::ArrowWriter;
use ::parquet::arrow::arrow_writer::{ArrowColumnChunk, ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves};
use ::parquet::basic::{self, ZstdLevel};
use ::parquet::errors::ParquetError;
use ::parquet::file::metadata::KeyValue;
use ::parquet::file::properties::WriterProperties;
use ::parquet::file::writer::SerializedFileWriter;
use ::parquet::schema::types::ColumnPath;
use rayon::iter::{IntoParallelIterator, ParallelIterator};

use super::super::super::ConvertError;
use super::super::super::deadline::Deadline;
use super::super::super::defect::Defect;
use super::super::super::frame::{Frame, PieceCells};
use super::super::super::options::Encoding;
use super::super::super::profile::{self, Stage};
use super::super::provenance::Provenance;
use super::super::{OutputError, Writer};
use super::groups::{self, Group};
use super::kind::Kind;
use super::table::Table;
use super::{BUFFER_BYTES, parquet_error, sized};
use crate::config::Compression;

/// Bytes of cells that make a row group.
const GROUP_BYTES: usize = 16 << 20;
/// With more columns than this none has a dictionary: each takes memory.
const MOST_DICTIONARIES: usize = 1000;

/// Writes outputs that look so.
pub(crate) struct Parquet<'e>(pub(crate) &'e Encoding);

impl Writer for Parquet<'_> {
    fn write(
        &self,
        frame: &Frame,
        provenance: &Provenance,
        path: &Path,
        deadline: Deadline,
    ) -> Result<(File, u64), ConvertError> {
        if frame.rows > 0 && frame.columns.is_empty() {
            return Err(Defect::no_columns("Parquet").into());
        }
        let table = Table::of(frame, self.0.on_unfit, deadline)?;
        let metadata = table.metadata(provenance);
        let schema = table.schema_with(&metadata);
        let properties = properties(&table, metadata, self.0.compression).map_err(parquet_error("write", path))?;
        let file = File::create_new(path).map_err(OutputError::io("create", path))?;
        let file = BufWriter::with_capacity(BUFFER_BYTES, file);
        let writer = ArrowWriter::try_new(file, schema, Some(properties));
        let writer = writer.and_then(ArrowWriter::into_serialized_writer);
        let (mut writer, columns) = writer.map_err(parquet_error("write", path))?;
        let groups = groups::of(frame, GROUP_BYTES);
        let row_groups = RowGroups { table: &table, columns, together: groups::is_large(frame), path, deadline };
        let make = |number: usize| row_groups.of(number, &groups[number]);
        groups::in_order(groups.len(), row_groups.together, make, |chunks| {
            let _write = profile::span(Stage::Write);
            Ok(append(&mut writer, chunks).map_err(parquet_error("write", path))?)
        })?;
        let file = writer.into_inner().map_err(parquet_error("write", path))?;
        let file = file.into_inner().map_err(|error| OutputError::io("write", path)(error.into_error()))?;
        sized(file, path)
    }

    fn types(&self, frame: &Frame, deadline: Deadline) -> Result<Option<Vec<String>>, ConvertError> {
        Ok(Some(Table::of(frame, self.0.on_unfit, deadline)?.types()))
    }
}

fn properties(
    table: &Table<'_>,
    metadata: [(String, String); 2],
    compression: Compression,
) -> Result<WriterProperties, ParquetError> {
    let codec = match compression {
        Compression::Lz4 => basic::Compression::LZ4_RAW,
        Compression::Zstd(level) => basic::Compression::ZSTD(ZstdLevel::try_new(i32::from(level))?),
        Compression::None | Compression::Zlib(_) => basic::Compression::UNCOMPRESSED,
    };
    let told = metadata.into_iter().map(|(key, value)| KeyValue::new(key, value)).collect();
    let mut builder = WriterProperties::builder().set_compression(codec).set_key_value_metadata(Some(told));
    if table.leaves() > MOST_DICTIONARIES {
        return Ok(builder.set_dictionary_enabled(false).build());
    }
    for (index, field) in table.schema.fields().iter().enumerate() {
        if !may_repeat(table, index) {
            let path = ColumnPath::new(vec![field.name().clone()]);
            builder = builder.set_column_dictionary_enabled(path, false);
        }
    }
    Ok(builder.build())
}

/// Whether the values of column `index` may repeat so often that a dictionary pays: looking for those that do not takes
/// longer than all else.
fn may_repeat(table: &Table<'_>, index: usize) -> bool {
    match table.kinds[index] {
        Kind::Text => table.frame.memo(index).pickles().next().is_some(),
        Kind::Bool | Kind::Float64 | Kind::Time | Kind::TimeUtc | Kind::Int64 | Kind::Uint64 => false,
        Kind::Json | Kind::Empty | Kind::List(_) | Kind::Struct(_) => true,
    }
}

fn append(
    writer: &mut SerializedFileWriter<BufWriter<File>>,
    chunks: Vec<ArrowColumnChunk>,
) -> Result<(), ParquetError> {
    let mut group = writer.next_row_group()?;
    for chunk in chunks {
        chunk.append_to_row_group(&mut group)?;
    }
    group.close().map(|_| ())
}

/// The rows of a table as groups of encoded columns.
struct RowGroups<'t> {
    table: &'t Table<'t>,
    columns: ArrowRowGroupWriterFactory,
    together: bool,
    path: &'t Path,
    deadline: Deadline,
}

impl RowGroups<'_> {
    /// Group number `number`.
    fn of(&self, number: usize, group: &Group) -> Result<Vec<ArrowColumnChunk>, ConvertError> {
        self.deadline.check()?;
        let cells = group.cells(self.table.frame)?;
        let mut writers = self.columns.create_column_writers(number).map_err(parquet_error("write", self.path))?;
        let mut columns = Vec::with_capacity(self.table.kinds.len());
        for (index, kind) in self.table.kinds.iter().enumerate().rev() {
            columns.push((index, writers.split_off(writers.len() - kind.leaves())));
        }
        columns.reverse();
        let encode = |(index, writers)| {
            let _encode = profile::span(Stage::Encode);
            self.encode(&cells, index, writers).map_err(parquet_error("write", self.path))
        };
        let chunks: Result<Vec<Vec<ArrowColumnChunk>>, OutputError> = if self.together {
            let here = profile::here();
            columns.into_par_iter().map(|column| here.during(|| encode(column))).collect()
        } else {
            columns.into_iter().map(encode).collect()
        };
        Ok(chunks?.into_iter().flatten().collect())
    }

    /// Column `index`, by the writers of its columns of plain values.
    fn encode(
        &self,
        cells: &[PieceCells<'_>],
        index: usize,
        mut writers: Vec<ArrowColumnWriter>,
    ) -> Result<Vec<ArrowColumnChunk>, ParquetError> {
        let (kind, field) = (&self.table.kinds[index], self.table.schema.field(index));
        for cells in cells {
            for rows in groups::parts(cells.piece.rows(), kind.leaves()) {
                let mut maker = self.table.maker(index, rows.len());
                maker.append(cells.column(index), cells.piece, rows)?;
                let leaves = compute_leaves(field, &maker.finish()?)?;
                writers.iter_mut().zip(&leaves).try_for_each(|(writer, leaf)| writer.write(leaf))?;
            }
        }
        writers.into_iter().map(ArrowColumnWriter::close).collect()
    }
}
