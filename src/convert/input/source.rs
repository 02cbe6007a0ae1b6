//! The bytes of a source as they lie on disk: read once, counted, hashed, and held to their limit.

use std::fs::File;
use std::io::{self, Read};

use sha2::{Digest, Sha256};

use super::super::ConvertError;
use super::super::defect::Defect;
use super::super::profile::{self, Stage};

/// Bytes that are read ahead for a decoder at a time.
const CHUNK: usize = 256 << 10;

/// Reads a file from where it stands to its end.
pub(super) struct Source<'a> {
    file: &'a File,
    /// Bytes read ahead; those before `at` have been consumed.
    ahead: Vec<u8>,
    at: usize,
    bytes_read: u64,
    /// Most bytes; 0 for any number.
    limit: u64,
    hasher: Option<Sha256>,
}

impl<'a> Source<'a> {
    /// A source that is refused over `limit` bytes (0: never); with `hash`, its SHA-256 is computed on the way.
    pub(super) fn new(file: &'a File, limit: u64, hash: bool) -> Self {
        let hasher = hash.then(Sha256::new);
        Self { file, ahead: Vec::new(), at: 0, bytes_read: 0, limit, hasher }
    }

    /// The next bytes, without consuming them: at least `least`, fewer only at the end of the source.
    pub(super) fn peek(&mut self, least: usize) -> Result<&[u8], ConvertError> {
        if self.ahead.len() - self.at < least {
            self.ahead.drain(..self.at);
            self.at = 0;
            let mut ahead = std::mem::take(&mut self.ahead);
            self.read(&mut ahead, CHUNK)?;
            self.ahead = ahead;
        }
        Ok(&self.ahead[self.at..])
    }

    /// Goes past so many of the bytes that were peeked at.
    pub(super) fn consume(&mut self, bytes: usize) {
        self.at += bytes;
    }

    /// Appends `wanted` bytes; fewer only at the end of the source, which is told as true.
    pub(super) fn read_into(&mut self, out: &mut Vec<u8>, wanted: usize) -> Result<bool, ConvertError> {
        let ahead = wanted.min(self.ahead.len() - self.at);
        out.extend_from_slice(&self.ahead[self.at..self.at + ahead]);
        self.at += ahead;
        if ahead == wanted { Ok(false) } else { self.read(out, wanted - ahead) }
    }

    /// How many bytes have been consumed.
    pub(super) fn position(&self) -> u64 {
        self.bytes_read - (self.ahead.len() - self.at) as u64
    }

    /// How many bytes have been read.
    pub(super) fn bytes_read(&self) -> u64 {
        self.bytes_read
    }

    /// SHA-256 of all bytes read, if it was asked for.
    pub(super) fn hash(&self) -> Option<[u8; 32]> {
        self.hasher.as_ref().map(|hasher| hasher.clone().finalize().into())
    }

    /// Appends `wanted` bytes from the file; true if it ended before.
    fn read(&mut self, out: &mut Vec<u8>, wanted: usize) -> Result<bool, ConvertError> {
        let _read = profile::span(Stage::Read);
        let from = out.len();
        let read = io::Read::by_ref(&mut self.file).take(wanted as u64).read_to_end(out).map_err(ConvertError::Read)?;
        self.bytes_read += read as u64;
        if let Some(hasher) = &mut self.hasher {
            let _hash = profile::span(Stage::Hash);
            hasher.update(&out[from..]);
        }
        if self.limit > 0 && self.bytes_read > self.limit {
            return Err(Defect::file_too_long(self.bytes_read, self.limit).into());
        }
        Ok(read < wanted)
    }
}
