//! Reading, hashing, unpacking, cutting into batches; from memory, as from the page cache.

use std::fs::File;
use std::io::{Seek, Write};

use super::super::fuzzing::{file_of, read_options};
use super::super::input::{self, BatchReader};
use super::{Stage, texts};
use crate::config::Input;

/// More than a batch, so that reading is not all beginning.
const BATCHES: usize = 8;

pub(super) fn stages(bytes: usize) -> Vec<Stage> {
    let quotes = texts::quotes(BATCHES * bytes);
    let document = texts::document(BATCHES * bytes);
    let length = quotes.len();
    vec![
        Stage::new("read", length, open(&quotes), |source| read(&source, false)),
        Stage::new("read and hash", length, open(&quotes), |source| read(&source, true)),
        Stage::new("unpack gzip", length, open(&gzip(&quotes)), |source| read(&source, false)),
        Stage::new("unpack zstd", length, open(&zstd(&quotes)), |source| read(&source, false)),
        Stage::new("unpack xz", length, open(&xz(&quotes)), |source| read(&source, false)),
        Stage::new("unpack bzip2", length, open(&bzip2(&quotes)), |source| read(&source, false)),
        Stage::new("split lines", length, open(&quotes), |source| split(&source)),
        Stage::new("split document", document.len(), open(&document), |source| split(&source)),
    ]
}

/// Gives the same file in memory each time, at its start.
fn open(content: &[u8]) -> impl FnMut() -> File + 'static {
    let file = file_of(content);
    move || {
        let mut again = file.try_clone().expect("a descriptor");
        again.rewind().expect("memory can be read again");
        again
    }
}

fn read(source: &File, hash: bool) -> u64 {
    input::text_length(source, read_options(Input::Auto, 512), hash).expect("the text is whole")
}

fn split(source: &File) -> usize {
    let mut reader = BatchReader::new(source, read_options(Input::Auto, 512), false);
    let batches = std::iter::from_fn(|| reader.next_batch().expect("the text is whole"));
    batches.map(|batch| batch.end).sum()
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packer.write_all(text).and_then(|()| packer.finish()).expect("room in memory")
}

fn zstd(text: &[u8]) -> Vec<u8> {
    zstd::encode_all(text, 0).expect("room in memory")
}

fn xz(text: &[u8]) -> Vec<u8> {
    let mut packer = liblzma::write::XzEncoder::new(Vec::new(), 6);
    packer.write_all(text).and_then(|()| packer.finish()).expect("room in memory")
}

fn bzip2(text: &[u8]) -> Vec<u8> {
    let mut packer = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
    packer.write_all(text).and_then(|()| packer.finish()).expect("room in memory")
}
