//! A compressed source, unpacked while it is read: its streams one behind the other, to the last byte of the source.

use super::super::ConvertError;
use super::super::defect::Defect;
use super::super::profile::{self, Stage};
use super::codec::{self, Codec, Fault};
use super::source::Source;
use super::taken::{Compression, Magic};

/// Bytes that may come out before the ratio counts: small files of one repeated record are no bombs.
const HARMLESS: u64 = 8 << 20;

/// The unit in which zero bytes may stand behind an xz stream.
const XZ_PADDING: usize = 4;

/// Unpacks a source.
pub(super) struct Unpacker {
    compression: Compression,
    /// The stream at hand; `None` between two.
    codec: Option<Box<dyn Codec>>,
    written: u64,
    /// Most bytes for each byte of the source.
    ratio: u64,
}

impl Unpacker {
    /// An unpacker of a source whose first bytes say `compression`.
    pub(super) fn new(compression: Compression, ratio: u64) -> Self {
        Self { compression, codec: None, written: 0, ratio }
    }

    /// What the source is compressed with.
    pub(super) fn compression(&self) -> Compression {
        self.compression
    }

    /// Appends `wanted` unpacked bytes; fewer only at the end of the source, which is told as true.
    pub(super) fn read_into(
        &mut self,
        source: &mut Source<'_>,
        out: &mut Vec<u8>,
        wanted: usize,
    ) -> Result<bool, ConvertError> {
        let _unpack = profile::span(Stage::Unpack);
        let mut end = out.len();
        out.resize(end + wanted, 0);
        while end < out.len() {
            let Some(mut codec) = self.stream(source)? else {
                out.truncate(end);
                return Ok(true);
            };
            let (written, finished) = self.step(codec.as_mut(), source, &mut out[end..])?;
            end += written;
            self.codec = Some(codec).filter(|_| !finished);
        }
        Ok(false)
    }

    /// The stream at hand, or the next one; `None` at the end of the source.
    fn stream(&mut self, source: &mut Source<'_>) -> Result<Option<Box<dyn Codec>>, ConvertError> {
        if let Some(codec) = self.codec.take() {
            return Ok(Some(codec));
        }
        if self.compression == Compression::Xz && source.position() > 0 {
            skip_padding(source)?;
        }
        let head = source.peek(Compression::MAGIC_BYTES)?;
        if head.is_empty() {
            return Ok(None);
        }
        match self.compression.begins(head) {
            Magic::Whole => codec::open(self.compression).map(Some).map_err(|fault| self.damaged(source, fault)),
            Magic::Part => Err(self.cut(source)),
            Magic::No => Err(self.followed(source)),
        }
    }

    /// One step: how many bytes it wrote, and whether the stream ended.
    fn step(
        &mut self,
        codec: &mut dyn Codec,
        source: &mut Source<'_>,
        out: &mut [u8],
    ) -> Result<(usize, bool), ConvertError> {
        let input = source.peek(1)?;
        let at_end = input.is_empty();
        let step = codec.step(input, out).map_err(|fault| self.damaged(source, fault))?;
        source.consume(step.read);
        self.written += step.written as u64;
        if self.written > HARMLESS && self.written / self.ratio > source.position() {
            return Err(Defect::expands_too_much(self.ratio).into());
        }
        let stuck = step.read == 0 && step.written == 0 && !step.finished;
        match (stuck, at_end) {
            (true, true) => Err(self.cut(source)),
            (true, false) => Err(self.damaged(source, Fault { read: 0, why: "no way on".to_owned() })),
            (false, _) => Ok((step.written, step.finished)),
        }
    }

    fn damaged(&self, source: &Source<'_>, Fault { read, why }: Fault) -> ConvertError {
        let what = format!("the {} stream is damaged ({why})", self.compression.as_str());
        at(Defect::bad_compression(what), source.position() + read as u64)
    }

    fn cut(&self, source: &Source<'_>) -> ConvertError {
        let what = format!("the {} stream is without its end", self.compression.as_str());
        at(Defect::ends_too_early(what), source.position())
    }

    fn followed(&self, source: &Source<'_>) -> ConvertError {
        let what = format!("something else follows the end of the {} stream", self.compression.as_str());
        at(Defect::bad_compression(what), source.position())
    }
}

/// Goes past the zero bytes that may stand behind an xz stream. What does not fit is left, and refused for what it is.
fn skip_padding(source: &mut Source<'_>) -> Result<(), ConvertError> {
    while source.peek(XZ_PADDING)?.starts_with(&[0; XZ_PADDING]) {
        source.consume(XZ_PADDING);
    }
    Ok(())
}

/// `defect` at the byte `position` of the source as it lies on disk.
fn at(defect: Defect, position: u64) -> ConvertError {
    Defect { byte: Some(position), ..defect }.into()
}
