//! Bytes of a source, hashed and cut into batches at record ends.
//!
//! A batch is about a mebibyte of whole lines. Where a line is longer, the batch grows until it holds it, up to the
//! limit for a record. Memory is one batch, whatever the size of the file.

mod long_line;
mod sniff;

use std::fs::File;
use std::io::{self, Read};
use std::time::{Duration, Instant};

use super::ConvertError;
use super::defect::Defect;

/// Bytes that a batch aims at.
const BATCH_BYTES: usize = 1 << 20;

/// Whole lines of the source. `bytes[..end]` are the lines; behind them is room that the parser needs as padding.
#[derive(Debug)]
pub(crate) struct Batch {
    /// The lines and the padding.
    pub(crate) bytes: Vec<u8>,
    /// Where the lines end.
    pub(crate) end: usize,
    /// The line of the source at which the batch begins, counted from 1.
    pub(crate) first_line: u64,
    /// The byte of the source at which the batch begins, counted from 0.
    pub(crate) offset: u64,
    /// Whether it is the beginning of one line that is longer than a record may be, and no more.
    pub(crate) cut_short: bool,
}

/// Limits that the reader holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReadLimits {
    /// Bytes of a record.
    pub(crate) record_bytes: u64,
    /// Whether a longer one is passed over, and not refused.
    pub(crate) skip_long: bool,
    /// Bytes of the file; 0 for no limit.
    pub(crate) file_bytes: u64,
    /// Seconds of the conversion, and when it began: a source may be read more than once.
    pub(crate) convert_secs: u64,
    pub(crate) begun: Instant,
}

/// Reads a source batch by batch.
pub(crate) struct BatchReader<'a> {
    file: &'a File,
    /// Bytes read that belong to the next batch.
    carry: Vec<u8>,
    next_line: u64,
    limits: ReadLimits,
    hasher: Option<blake3::Hasher>,
    bytes_read: u64,
    ended: bool,
}

impl<'a> BatchReader<'a> {
    /// A reader of `file` from where it stands; with `hash`, the content's hash is computed on the way.
    pub(crate) fn new(file: &'a File, limits: ReadLimits, hash: bool) -> Self {
        Self {
            file,
            carry: Vec::new(),
            next_line: 1,
            limits,
            hasher: hash.then(blake3::Hasher::new),
            bytes_read: 0,
            ended: false,
        }
    }

    /// The next batch, or `None` at the end of the file.
    pub(crate) fn next_batch(&mut self) -> Result<Option<Batch>, ConvertError> {
        let mut bytes = std::mem::take(&mut self.carry);
        // All may have been read already behind a line that was cut short.
        let mut cut = if self.ended { bytes.len() } else { 0 };
        while cut == 0 && !self.ended {
            let wanted = bytes.len().max(BATCH_BYTES);
            self.fill(&mut bytes, wanted)?;
            self.check_limits()?;
            if self.next_line == 1 {
                sniff::check(&mut bytes, self.bytes_read)?;
            }
            cut = if self.ended { bytes.len() } else { last_line_end(&bytes) };
            if cut == 0 && bytes.len() as u64 > self.limits.record_bytes {
                return self.long_line(bytes).map(Some);
            }
        }
        if bytes.is_empty() {
            return Ok(None);
        }
        Ok(Some(self.batch(bytes, cut)))
    }

    /// Number of bytes read so far.
    pub(crate) fn bytes_read(&self) -> u64 {
        self.bytes_read
    }

    /// Hash of all bytes read so far, if it was asked for.
    pub(crate) fn hash(&self) -> Option<[u8; 32]> {
        self.hasher.as_ref().map(|hasher| *hasher.finalize().as_bytes())
    }

    /// The beginning of a line that is longer than a record may be.
    fn long_line(&mut self, mut bytes: Vec<u8>) -> Result<Batch, ConvertError> {
        if !self.limits.skip_long {
            return Err(Defect::record_too_long(self.next_line, self.limits.record_bytes).into());
        }
        let (first_line, offset) = (self.next_line, self.bytes_read - bytes.len() as u64);
        self.carry = long_line::cut_short(&mut bytes, || {
            let mut more = Vec::new();
            if !self.ended {
                self.fill(&mut more, BATCH_BYTES)?;
                self.check_limits()?;
            }
            Ok(more)
        })?;
        self.next_line += 1;
        let end = bytes.len();
        bytes.resize(end + simd_json::INPUT_PADDING, 0);
        Ok(Batch { bytes, end, first_line, offset, cut_short: true })
    }

    fn batch(&mut self, mut bytes: Vec<u8>, cut: usize) -> Batch {
        self.carry.extend_from_slice(&bytes[cut..]);
        bytes.truncate(cut);
        bytes.resize(cut + simd_json::INPUT_PADDING, 0);
        let first_line = self.next_line;
        let offset = self.bytes_read - (cut + self.carry.len()) as u64;
        self.next_line += count_lines(&bytes[..cut]);
        Batch { bytes, end: cut, first_line, offset, cut_short: false }
    }

    /// Reads up to `wanted` more bytes; fewer only at the end of the file.
    fn fill(&mut self, bytes: &mut Vec<u8>, wanted: usize) -> Result<(), ConvertError> {
        let from = bytes.len();
        // Room for the padding too, so that the batch is not moved for it.
        bytes.reserve(wanted + simd_json::INPUT_PADDING);
        let read =
            io::Read::by_ref(&mut self.file).take(wanted as u64).read_to_end(bytes).map_err(ConvertError::Read)?;
        self.ended = read < wanted;
        self.bytes_read += read as u64;
        if let Some(hasher) = &mut self.hasher {
            hasher.update(&bytes[from..]);
        }
        Ok(())
    }

    fn check_limits(&self) -> Result<(), ConvertError> {
        let ReadLimits { file_bytes, convert_secs, begun, .. } = self.limits;
        if file_bytes > 0 && self.bytes_read > file_bytes {
            return Err(Defect::file_too_long(self.bytes_read, file_bytes).into());
        }
        if begun.elapsed() > Duration::from_secs(convert_secs) {
            return Err(Defect::too_slow(convert_secs).into());
        }
        Ok(())
    }
}

/// Where the last whole line ends, its line break included; 0 if there is none. A carriage return at the very end may
/// be half of CR LF, and does not count.
fn last_line_end(bytes: &[u8]) -> usize {
    if bytes.last() == Some(&b'\n') {
        return bytes.len();
    }
    let inner = bytes.len().saturating_sub(1);
    memchr::memrchr2(b'\n', b'\r', &bytes[..inner]).map_or(0, |at| at + 1)
}

/// Line breaks in `bytes`: LF, CR LF and lone CR each count once.
fn count_lines(bytes: &[u8]) -> u64 {
    let feeds = memchr::memchr_iter(b'\n', bytes).count();
    let lone = memchr::memchr_iter(b'\r', bytes).filter(|at| bytes.get(at + 1) != Some(&b'\n')).count();
    (feeds + lone) as u64
}

#[cfg(test)]
mod tests {
    use std::io::{Seek, Write};

    use super::*;

    fn limits(record_bytes: u64) -> ReadLimits {
        ReadLimits { record_bytes, skip_long: false, file_bytes: 0, convert_secs: 3600, begun: Instant::now() }
    }

    fn file_of(content: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(content).unwrap();
        file.rewind().unwrap();
        file
    }

    #[test]
    fn batches_end_at_line_ends_and_together_are_the_file() {
        let line = [b"\"", "x".repeat(999).as_bytes(), b"\"\r\n"].concat();
        let content = line.repeat(3000);
        let file = file_of(&content);
        let mut reader = BatchReader::new(&file, limits(1 << 28), true);
        let (mut whole, mut lines) = (Vec::new(), 0);
        while let Some(batch) = reader.next_batch().unwrap() {
            assert_eq!(batch.first_line, lines + 1);
            assert!(batch.bytes[..batch.end].ends_with(b"\r\n"));
            lines += count_lines(&batch.bytes[..batch.end]);
            whole.extend_from_slice(&batch.bytes[..batch.end]);
        }
        assert_eq!((whole == content, lines), (true, 3000));
        assert_eq!(reader.hash(), Some(*blake3::hash(&content).as_bytes()));
    }

    #[test]
    fn a_line_longer_than_a_batch_is_read_whole_and_one_over_the_limit_is_refused() {
        let file = file_of(&b"1".repeat(3 << 20));
        let batch = BatchReader::new(&file, limits(1 << 28), false).next_batch().unwrap().unwrap();
        assert_eq!(batch.end, 3 << 20);
        let file = file_of(&b"1".repeat(3 << 20));
        let refused = BatchReader::new(&file, limits(1 << 20), false).next_batch();
        assert!(matches!(refused, Err(ConvertError::Defect(d)) if d.code == "limit_record_bytes" && d.line == Some(1)));
    }

    #[test]
    fn of_a_line_over_the_limit_only_the_beginning_is_handed_out_if_bad_records_are_skipped() {
        let content = [&b"1\n"[..], &b"2".repeat(3 << 20), b"\r\n3\n", &b"4".repeat(5 << 20)].concat();
        let file = file_of(&content);
        let limits = ReadLimits { skip_long: true, ..limits(1000) };
        let mut reader = BatchReader::new(&file, limits, true);
        let mut seen = Vec::new();
        while let Some(batch) = reader.next_batch().unwrap() {
            let first = batch.bytes[..batch.end].first().copied();
            assert_eq!(Some(content[usize::try_from(batch.offset).unwrap()]), first);
            seen.push((batch.first_line, batch.offset, first.unwrap(), batch.cut_short));
        }
        let (second, third) = (2 + (3 << 20), 2 + (3 << 20) + 4);
        assert_eq!(
            seen,
            [(1, 0, b'1', false), (2, 2, b'2', true), (3, second + 2, b'3', false), (4, third, b'4', true)]
        );
        assert_eq!(
            (reader.bytes_read(), reader.hash()),
            (content.len() as u64, Some(*blake3::hash(&content).as_bytes()))
        );
    }

    #[test]
    fn a_carriage_return_at_the_end_of_what_was_read_waits_for_its_line_feed() {
        assert_eq!(last_line_end(b"1\n2\r"), 2);
        assert_eq!(last_line_end(b"1\r2\r3"), 4);
        assert_eq!(last_line_end(b"12"), 0);
    }
}
