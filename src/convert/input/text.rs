//! The text of a source: its bytes, unpacked if they are compressed, whatever its name says.

use std::fs::File;

use super::super::ConvertError;
use super::source::Source;
use super::taken::Compression;
use super::unpack::Unpacker;

/// The text of one source, read once.
pub(super) struct Text<'a> {
    source: Source<'a>,
    /// `None` until the first bytes were seen.
    way: Option<Way>,
    ratio: u64,
}

enum Way {
    Plain,
    Packed(Unpacker),
}

impl<'a> Text<'a> {
    /// The text of `file`, of at most `limit` bytes on disk (0: any number), that grows at most `ratio` times; with
    /// `hash`, the hash of the bytes on disk is computed on the way.
    pub(super) fn new(file: &'a File, limit: u64, ratio: u64, hash: bool) -> Self {
        Self { source: Source::new(file, limit, hash), way: None, ratio }
    }

    /// Appends `wanted` bytes of text; fewer only at its end, which is told as true.
    pub(super) fn read_into(&mut self, out: &mut Vec<u8>, wanted: usize) -> Result<bool, ConvertError> {
        if self.way.is_none() {
            self.way = Some(match Compression::of(self.source.peek(Compression::MAGIC_BYTES)?) {
                Compression::None => Way::Plain,
                packed => Way::Packed(Unpacker::new(packed, self.ratio)),
            });
        }
        match &mut self.way {
            Some(Way::Packed(unpacker)) => unpacker.read_into(&mut self.source, out, wanted),
            _ => self.source.read_into(out, wanted),
        }
    }

    /// How the source is compressed, once something was read.
    pub(super) fn compression(&self) -> Compression {
        match &self.way {
            Some(Way::Packed(unpacker)) => unpacker.compression(),
            _ => Compression::None,
        }
    }

    /// The source's bytes as they lie on disk.
    pub(super) fn source(&self) -> &Source<'a> {
        &self.source
    }
}
