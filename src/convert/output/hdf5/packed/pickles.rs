//! Pickles that are deflated, in a pickle that inflates them:
//! `pickle.loads(bytes.join(b'', map(zlib.decompress, [parts…])))`.
//!
//! A part for the cells of each piece of the frame, so that they are made by all threads. They wait in a temporary file
//! until all of them are there, if they are many: only then it is known how long the pickle is.

use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use tempfile::SpooledTempFile;

use super::super::super::super::ConvertError;
use super::super::super::super::deadline::Deadline;
use super::super::super::super::frame::Frame;
use super::super::super::super::profile::{self, Stage};
use super::super::super::OutputError;
use super::super::bands::Bands;
use super::super::blocks::{Block, PickleSize};
use super::super::fill::{self, Content, Sink};
use super::super::layout::Addresses;
use super::super::{filter, heap, pickle};

const OPENING: &[u8] = b"\x80\x04cpickle\nloads\ncbuiltins\nbytes.join\nC\0cbuiltins\nmap\nczlib\ndecompress\n]";
/// Calls `map`, `join` and `loads`.
const CLOSING: &[u8] = b"\x86R\x86R\x85R.";
/// Parts appended to the list at a time.
const RUN: usize = 1000;
/// Bytes of parts that wait in memory.
const IN_MEMORY: usize = 8 << 20;
/// Bytes that are copied at a time.
const COPIED: usize = 256 << 10;

/// The pickles of all blocks that have one.
pub(super) struct Pickles {
    spool: SpooledTempFile,
    end: u64,
    /// For each block where its parts are; none for blocks of numbers.
    parts: Vec<Vec<Part>>,
}

/// Where a part waits.
#[derive(Clone, Copy)]
struct Part {
    start: u64,
    bytes: u32,
}

impl Pickles {
    /// Makes the parts, and tells `blocks` how long their pickles are. Parts may wait in a file in the folder `beside`.
    pub(super) fn pack(
        frame: &Frame,
        blocks: &mut [Block],
        bands: &Bands,
        level: u8,
        beside: &Path,
        deadline: Deadline,
    ) -> Result<Self, ConvertError> {
        let spool = tempfile::spooled_tempfile_in(IN_MEMORY, beside);
        let mut pickles = Self { spool, end: 0, parts: vec![Vec::new(); blocks.len()] };
        if !blocks.iter().any(Block::is_pickled) {
            return Ok(pickles);
        }
        pickles.add_all(blocks, |block| filter::deflate(&block.header(frame), level))?;
        let make = |piece| {
            deadline.check()?;
            parts(frame, blocks, piece, level).map_err(ConvertError::Spill)
        };
        bands.pieces_in_order(make, |_, made| pickles.add(&made).map_err(ConvertError::Spill))?;
        pickles.add_all(blocks, |_| filter::deflate(pickle::FOOTER, level))?;
        for (block, parts) in blocks.iter_mut().zip(&pickles.parts).filter(|(block, _)| block.is_pickled()) {
            block.pickle = Some(block.sized(frame, Vec::new(), Vec::new(), length(parts))?);
        }
        Ok(pickles)
    }

    /// Adds a part to each pickle.
    fn add_all(&mut self, blocks: &[Block], part: impl Fn(&Block) -> io::Result<Vec<u8>>) -> Result<(), ConvertError> {
        let parts = blocks.iter().map(|block| if block.is_pickled() { part(block).map(Some) } else { Ok(None) });
        let parts = parts.collect::<io::Result<Vec<_>>>();
        parts.and_then(|parts| self.add(&parts)).map_err(ConvertError::Spill)
    }

    fn add(&mut self, parts: &[Option<Vec<u8>>]) -> io::Result<()> {
        for (part, list) in parts.iter().zip(&mut self.parts) {
            let Some(part) = part else { continue };
            let bytes =
                u32::try_from(part.len()).map_err(|_| io::Error::other("internal error: a part is too long"))?;
            self.spool.write_all(part)?;
            list.push(Part { start: self.end, bytes });
            self.end += u64::from(bytes);
        }
        Ok(())
    }

    /// For each block its whole pickle, if that is small.
    pub(super) fn small(&mut self, blocks: &[Block]) -> io::Result<Vec<Option<Vec<u8>>>> {
        let small = |block: &Block| block.pickle.as_ref().is_some_and(PickleSize::is_small);
        let whole = |(number, block)| {
            let mut out = Vec::new();
            let mut give = |bytes: &[u8]| {
                out.extend_from_slice(bytes);
                Ok(())
            };
            if small(block) { self.give(number, &mut give).map(|()| Some(out)) } else { Ok(None) }
        };
        blocks.iter().enumerate().map(whole).collect()
    }

    /// Writes all pickles to where they belong.
    pub(super) fn write(
        &mut self,
        file: &impl Sink,
        content: &Content<'_>,
        addresses: &Addresses,
        path: &Path,
    ) -> Result<(), ConvertError> {
        let _write = profile::span(Stage::Write);
        fill::write_small_pickles(file, content, addresses).map_err(OutputError::io("write", path))?;
        for (number, (block, place)) in content.blocks.iter().zip(&addresses.blocks).enumerate() {
            let (Some(size), Some(start), Some(row)) = (&block.pickle, place.content, place.row) else { continue };
            let mut opening = Vec::new();
            heap::open(&mut opening, heap::bytes_for(size.length));
            heap::open_object(&mut opening, 1, size.length);
            let mut at = start;
            let mut give = |bytes: &[u8]| {
                file.put(bytes, at)?;
                at += bytes.len() as u64;
                Ok(())
            };
            let reference = heap::reference(size.row_length(), start, 1);
            let written = file.put(&reference, row).and_then(|()| give(&opening));
            let written = written.and_then(|()| self.give(number, &mut give));
            written.map_err(OutputError::io("write", path))?;
        }
        Ok(())
    }

    /// Gives the pickle of block `number` to `take`, in pieces.
    fn give(&mut self, number: usize, take: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        let mut out = OPENING.to_vec();
        for run in self.parts[number].chunks(RUN) {
            out.push(b'(');
            for part in run {
                out.push(b'B');
                out.extend_from_slice(&part.bytes.to_le_bytes());
                self.spool.seek(SeekFrom::Start(part.start))?;
                let copied = (&mut self.spool).take(u64::from(part.bytes)).read_to_end(&mut out)?;
                if copied != part.bytes as usize {
                    return Err(io::Error::other("internal error: a part of a pickle is gone"));
                }
                if out.len() >= COPIED {
                    take(&out)?;
                    out.clear();
                }
            }
            out.push(b'e');
        }
        out.extend_from_slice(CLOSING);
        take(&out)
    }
}

/// Bytes of the pickle that has these parts.
fn length(parts: &[Part]) -> u64 {
    let headers = OPENING.len() + CLOSING.len() + 5 * parts.len() + 2 * parts.len().div_ceil(RUN);
    headers as u64 + parts.iter().map(|part| u64::from(part.bytes)).sum::<u64>()
}

/// The cells of piece number `piece`, a part for each block that is pickled.
fn parts(frame: &Frame, blocks: &[Block], piece: usize, level: u8) -> io::Result<Vec<Option<Vec<u8>>>> {
    let _encode = profile::span(Stage::Encode);
    let cells = frame.cells_of(piece)?;
    let part = |block: &Block| {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::new(level.into()));
        let mut rest = Vec::new();
        let relief = |out: &mut Vec<u8>| {
            encoder.write_all(out)?;
            out.clear();
            Ok(())
        };
        pickle::write_piece(&cells, &block.columns, block.memo(frame), &mut rest, relief)?;
        encoder.write_all(&rest)?;
        encoder.finish()
    };
    blocks.iter().map(|block| if block.is_pickled() { part(block).map(Some) } else { Ok(None) }).collect()
}
