//! The decoders behind one small interface. Each is a well-kept library's; what is left to do is to tell how far it got.

use bzip2::Decompress as Bzip2;
use flate2::{Decompress as Inflate, FlushDecompress};
use liblzma::stream::{Action, Stream as Xz, TELL_UNSUPPORTED_CHECK};
use zstd::stream::raw::{Decoder as Zstd, Operation};

use super::taken::Compression;

/// A gzip window has 2^15 bytes.
const WINDOW_BITS: u8 = 15;

/// Memory for the dictionary of an xz stream: `xz -9` needs 65 MiB, zstd's own limit is 128 MiB.
const XZ_MEMORY: u64 = 256 << 20;

/// What one step of a decoder did.
pub(super) struct Step {
    /// Bytes taken from the input.
    pub(super) read: usize,
    /// Bytes put into the output.
    pub(super) written: usize,
    /// Whether the stream is at its end, its checks passed.
    pub(super) finished: bool,
}

/// Why a decoder cannot go on.
pub(super) struct Fault {
    /// Bytes of the input up to the place.
    pub(super) read: usize,
    /// What the library says.
    pub(super) why: String,
}

/// Decodes one stream, and then perhaps the next.
pub(super) trait Codec: Send {
    /// Decodes as much as input and output allow. At the end of the source the input is empty.
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, Fault>;
}

/// A decoder for one more stream.
pub(super) fn open(compression: Compression) -> Result<Box<dyn Codec>, Fault> {
    let fault = |why: String| Fault { read: 0, why };
    Ok(match compression {
        Compression::None => return Err(fault("it is not compressed".to_owned())),
        Compression::Gzip => Box::new(Inflate::new_gzip(WINDOW_BITS)),
        Compression::Zstd => {
            Box::new(ZstdStream { decoder: Zstd::new().map_err(|e| fault(e.to_string()))?, wanted: 1 })
        }
        Compression::Xz => {
            Box::new(Xz::new_stream_decoder(XZ_MEMORY, TELL_UNSUPPORTED_CHECK).map_err(|e| fault(e.to_string()))?)
        }
        Compression::Bzip2 => Box::new(Bzip2::new(false)),
    })
}

impl Codec for Inflate {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, Fault> {
        let before = (self.total_in(), self.total_out());
        let status = self.decompress(input, output, FlushDecompress::None);
        let (read, written) = moved(before, (self.total_in(), self.total_out()));
        let status = status.map_err(|e| Fault { read, why: e.to_string() })?;
        Ok(Step { read, written, finished: status == flate2::Status::StreamEnd })
    }
}

impl Codec for Bzip2 {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, Fault> {
        let before = (self.total_in(), self.total_out());
        let status = self.decompress(input, output);
        let (read, written) = moved(before, (self.total_in(), self.total_out()));
        let status = status.map_err(|e| Fault { read, why: e.to_string() })?;
        Ok(Step { read, written, finished: status == bzip2::Status::StreamEnd })
    }
}

impl Codec for Xz {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, Fault> {
        let before = (self.total_in(), self.total_out());
        let status = self.process(input, output, Action::Run);
        let (read, written) = moved(before, (self.total_in(), self.total_out()));
        let status = status.map_err(|e| Fault { read, why: e.to_string() })?;
        Ok(Step { read, written, finished: status == liblzma::stream::Status::StreamEnd })
    }
}

/// zstd, given its blocks one by one, so that a damaged one is known by its place.
struct ZstdStream {
    decoder: Zstd<'static>,
    /// Bytes that the decoder asked for.
    wanted: usize,
}

impl Codec for ZstdStream {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Result<Step, Fault> {
        let input = &input[..input.len().min(self.wanted)];
        let status = self.decoder.run_on_buffers(input, output);
        let status = status.map_err(|e| Fault { read: 0, why: e.to_string() })?;
        self.wanted = status.remaining.max(1);
        Ok(Step { read: status.bytes_read, written: status.bytes_written, finished: status.remaining == 0 })
    }
}

/// Bytes read and written between two states of a library's counters.
fn moved(before: (u64, u64), after: (u64, u64)) -> (usize, usize) {
    let bytes = |from: u64, to: u64| usize::try_from(to.wrapping_sub(from)).unwrap_or(usize::MAX);
    (bytes(before.0, after.0), bytes(before.1, after.1))
}
