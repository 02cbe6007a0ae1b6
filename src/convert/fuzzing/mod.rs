//! What the fuzz targets in `fuzz/` check, one function a target: any bytes in, a panic where a promise is broken.
//!
//! Compiled only for tests, which run the corpus in `fuzz/corpus/` and mutations of it, and with the feature `fuzzing`.
//! Where a target takes settings, the first bytes of its input choose them.

mod file;
mod numbers;
mod parser;
mod pickles;
mod splitter;
#[cfg(test)]
mod tests;
mod unpickle;

use std::fs::File;
use std::io::{Seek, Write};

pub use file::file;
pub use numbers::numbers;
pub use parser::parser;
pub use pickles::pickles;
pub use splitter::splitter;

use super::deadline::Deadline;
use super::input::{BATCH_BYTES, Batch, ReadOptions, Survey};
use crate::config::Input;

/// The one choice that `byte` stands for.
fn chosen<T: Copy>(byte: u8, choices: &[T]) -> T {
    choices[usize::from(byte) % choices.len()]
}

/// The first byte of `data`, 0 if there is none, and the others.
fn first(data: &[u8]) -> (u8, &[u8]) {
    data.split_first().map_or((0, data), |(first, rest)| (*first, rest))
}

/// A file in memory, open at its start.
pub(super) fn file_of(content: &[u8]) -> File {
    let memory = rustix::fs::memfd_create("fuzzing", rustix::fs::MemfdFlags::CLOEXEC);
    let mut file = File::from(memory.expect("the kernel gives memory"));
    file.write_all(content).and_then(|()| file.rewind()).expect("memory can be written to");
    file
}

/// How a text is read where nothing is said of it: the limits are beyond what a target is given.
pub(super) fn read_options(input: Input, depth: usize) -> ReadOptions {
    ReadOptions {
        input,
        batch_bytes: BATCH_BYTES,
        record_bytes: 1 << 28,
        skip_long: false,
        file_bytes: 0,
        depth,
        decompression_ratio: 1000,
        deadline: Deadline::in_secs(3600),
    }
}

/// `text` as one batch of lines.
pub(super) fn lines(text: &[u8]) -> Batch {
    let mut bytes = text.to_vec();
    bytes.resize(text.len() + simd_json::INPUT_PADDING, 0);
    Batch {
        bytes,
        end: text.len(),
        first_line: 1,
        offset: 0,
        records: None,
        survey: Survey::of(text),
        cut_short: false,
    }
}
