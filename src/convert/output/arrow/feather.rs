//! Feather, version 2: Arrow's IPC file format.
//!
//! Record batches are independent, so that each is made by any thread; they are written in order. The file's last part
//! says where each is.

use std::fs::File;
use std::io::{self, BufWriter, IntoInnerError, Write};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_buffer::Buffer;
use arrow_ipc::convert::IpcSchemaEncoder;
use arrow_ipc::writer::{IpcWriteOptions, StreamEncoder};
use arrow_ipc::{Block, CompressionType, FooterBuilder, MetadataVersion};
use arrow_schema::{ArrowError, Schema, SchemaRef};
use flatbuffers::FlatBufferBuilder;

use super::super::super::ConvertError;
use super::super::super::deadline::Deadline;
use super::super::super::frame::{Frame, PieceCells};
use super::super::super::options::Encoding;
use super::super::super::profile::{self, Stage};
use super::super::provenance::Provenance;
use super::super::{OutputError, Writer};
use super::groups::{self, Group};
use super::table::Table;
use super::{BUFFER_BYTES, arrow_error, sized};
use crate::config::Compression;

/// Bytes of cells that make a record batch: some ten thousand rows, and little enough to stay in the processor's cache.
const BATCH_BYTES: usize = 3 << 20;
/// What the file begins and ends with.
const MAGIC: &[u8] = b"ARROW1";
/// Everything begins at a multiple of this.
const ALIGNMENT: usize = 64;
/// Bytes before a message's own: a mark, and the length of what describes the message.
const PREFIX: i32 = 8;
/// The end of all messages.
const END: [u8; 8] = [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];

/// Writes outputs that look so.
pub(crate) struct Feather<'e>(pub(crate) &'e Encoding);

impl Writer for Feather<'_> {
    fn write(
        &self,
        frame: &Frame,
        provenance: &Provenance,
        path: &Path,
        deadline: Deadline,
    ) -> Result<(File, u64), ConvertError> {
        let table = Table::of(frame, self.0.on_unfit, deadline)?;
        let schema = table.schema_with(&table.metadata(provenance));
        let options = options(self.0.compression).map_err(arrow_error("write", path))?;
        let told = schema_message(&schema, &options).map_err(arrow_error("write", path))?;
        let batches = Batches { table: &table, schema, told: told.len(), options, path, deadline };
        let groups = groups::of(frame, BATCH_BYTES);
        let file = File::create_new(path).map_err(OutputError::io("create", path))?;
        let mut output = Output { file: BufWriter::with_capacity(BUFFER_BYTES, file), at: 0, blocks: Vec::new() };
        output.begin(&told).map_err(OutputError::io("write", path))?;
        let make = |number: usize| batches.of(&groups[number]);
        groups::in_order(groups.len(), groups::is_large(frame), make, |messages: Vec<Message>| {
            let _write = profile::span(Stage::Write);
            let written = messages.iter().try_for_each(|message| output.put(message));
            Ok(written.map_err(OutputError::io("write", path))?)
        })?;
        let file = output.finish(&batches.schema).map_err(OutputError::io("write", path))?;
        sized(file, path)
    }

    fn types(&self, frame: &Frame, deadline: Deadline) -> Result<Option<Vec<String>>, ConvertError> {
        Ok(Some(Table::of(frame, self.0.on_unfit, deadline)?.types()))
    }
}

fn options(compression: Compression) -> Result<IpcWriteOptions, ArrowError> {
    let (codec, level) = match compression {
        Compression::Lz4 => (Some(CompressionType::LZ4_FRAME), None),
        Compression::Zstd(level) => (Some(CompressionType::ZSTD), Some(i32::from(level))),
        Compression::None | Compression::Zlib(_) => (None, None),
    };
    IpcWriteOptions::default().try_with_compression(codec)?.try_with_compression_level(level)
}

/// The message that tells the schema.
fn schema_message(schema: &Schema, options: &IpcWriteOptions) -> Result<Vec<u8>, ArrowError> {
    let parts = StreamEncoder::try_new_with_options(schema, options.clone())?.finish()?;
    let mut message: Vec<u8> = parts.iter().flat_map(Buffer::as_slice).copied().collect();
    message.truncate(message.len() - END.len());
    Ok(message)
}

/// A message, in parts.
type Message = Vec<Buffer>;

/// The rows of a table as messages.
struct Batches<'t> {
    table: &'t Table<'t>,
    schema: SchemaRef,
    /// Bytes of the message that tells the schema.
    told: usize,
    options: IpcWriteOptions,
    path: &'t Path,
    deadline: Deadline,
}

impl Batches<'_> {
    fn of(&self, group: &Group) -> Result<Vec<Message>, ConvertError> {
        self.deadline.check()?;
        let cells = group.cells(self.table.frame)?;
        let _encode = profile::span(Stage::Encode);
        let encoder = StreamEncoder::try_new_with_options(&self.schema, self.options.clone());
        let mut encoder = encoder.map_err(arrow_error("write", self.path))?;
        // The encoder tells the schema first.
        let mut told = self.told;
        let message = |rows: Range<usize>| {
            let mut message = encoder.encode(&self.batch(&cells, rows)?).map_err(arrow_error("write", self.path))?;
            message.retain(|part| {
                let of_schema = told > 0;
                told -= if of_schema { part.len() } else { 0 };
                !of_schema
            });
            Ok(message)
        };
        groups::parts(group.rows, self.table.leaves()).map(message).collect()
    }

    fn batch(&self, cells: &[PieceCells<'_>], rows: Range<usize>) -> Result<RecordBatch, ConvertError> {
        let column = |index| self.array(cells, index, rows.clone());
        let columns = (0..self.table.kinds.len()).map(column).collect::<Result<Vec<ArrayRef>, _>>();
        let count = RecordBatchOptions::new().with_row_count(Some(rows.len()));
        let schema = Arc::clone(&self.schema);
        let batch = columns.and_then(|columns| RecordBatch::try_new_with_options(schema, columns, &count));
        Ok(batch.map_err(arrow_error("write", self.path))?)
    }

    fn array(&self, cells: &[PieceCells<'_>], index: usize, rows: Range<usize>) -> Result<ArrayRef, ArrowError> {
        let mut maker = self.table.maker(index, rows.len());
        for (cells, rows) in groups::spans(cells, rows) {
            maker.append(cells.column(index), cells.piece, rows)?;
        }
        maker.finish()
    }
}

/// The file.
struct Output {
    file: BufWriter<File>,
    at: i64,
    blocks: Vec<Block>,
}

impl Output {
    /// Writes the opening, and the message that tells the schema.
    fn begin(&mut self, schema: &[u8]) -> io::Result<()> {
        let mut opening = MAGIC.to_vec();
        opening.resize(ALIGNMENT, 0);
        self.write(&opening)?;
        self.write(schema)
    }

    /// Writes the message of a batch.
    fn put(&mut self, message: &Message) -> io::Result<()> {
        let begin = self.at;
        message.iter().try_for_each(|part| self.write(part))?;
        let length = message.first().and_then(|first| first.get(4..8)).and_then(|length| length.try_into().ok());
        let about = PREFIX + i32::from_le_bytes(length.unwrap_or_default());
        self.blocks.push(Block::new(begin, about, self.at - begin - i64::from(about)));
        Ok(())
    }

    /// Writes where everything is.
    fn finish(mut self, schema: &Schema) -> io::Result<File> {
        self.write(&END)?;
        let mut builder = FlatBufferBuilder::new();
        let dictionaries = builder.create_vector::<Block>(&[]);
        let batches = builder.create_vector(&self.blocks);
        let schema = IpcSchemaEncoder::new().schema_to_fb_offset(&mut builder, schema);
        let mut footer = FooterBuilder::new(&mut builder);
        footer.add_version(MetadataVersion::V5);
        footer.add_schema(schema);
        footer.add_dictionaries(dictionaries);
        footer.add_recordBatches(batches);
        let root = footer.finish();
        builder.finish(root, None);
        let footer = builder.finished_data();
        self.write(footer)?;
        self.write(&i32::try_from(footer.len()).map_err(io::Error::other)?.to_le_bytes())?;
        self.write(MAGIC)?;
        self.file.into_inner().map_err(IntoInnerError::into_error)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.at += i64::try_from(bytes.len()).map_err(io::Error::other)?;
        Ok(())
    }
}
