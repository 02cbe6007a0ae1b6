//! Global heap collections, in which HDF5 keeps the content of variable-length rows, as plain bytes (HDF5 File Format
//! Specification, III.E): a header, and objects with a header each, padded to eight bytes.

use super::blocks::{Block, PickleSize};

/// Bytes of the header of a collection, and of that of an object.
const HEADER: u64 = 16;
/// The least that HDF5 takes for a collection, and the step in which those of small pickles grow: so that layouts are the
/// same for pickles of about the same length.
const STEP: u64 = 4096;
/// Pickles in a heap. HDF5 counts them with 16 bits.
const MOST: usize = 1000;

/// Both headers of a collection with one object.
pub(super) const HEADERS: u64 = 2 * HEADER;

/// Bytes of the collection that holds one pickle of so many bytes, and nothing else.
pub(super) fn bytes_for(pickle: u64) -> u64 {
    HEADERS + pickle.next_multiple_of(8)
}

/// Bytes of the heaps for the small pickles among `blocks`.
pub(super) fn sizes(blocks: &[Block]) -> Vec<u64> {
    let small = blocks.iter().filter_map(|block| block.pickle.as_ref()).filter(|size| size.is_small());
    let needed: Vec<u64> = small.map(|size: &PickleSize| HEADER + size.length.next_multiple_of(8)).collect();
    needed.chunks(MOST).map(|heap| (HEADER + heap.iter().sum::<u64>()).next_multiple_of(STEP)).collect()
}

/// The heap and the object of it in which small pickle number `small` is.
pub(super) fn place(small: usize) -> (usize, u16) {
    (small / MOST, u16::try_from(small % MOST + 1).unwrap_or(u16::MAX))
}

/// The row that stands for `object` of the collection at `address`; `length` counts the row's elements.
pub(super) fn reference(length: u64, address: u64, object: u16) -> [u8; 16] {
    let mut row = [0; 16];
    row[..4].copy_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
    row[4..12].copy_from_slice(&address.to_le_bytes());
    row[12..14].copy_from_slice(&object.to_le_bytes());
    row
}

/// The opening of a collection of so many bytes.
pub(super) fn open(out: &mut Vec<u8>, bytes: u64) {
    out.extend_from_slice(b"GCOL\x01\0\0\0");
    out.extend_from_slice(&bytes.to_le_bytes());
}

/// The header of object `number` of so many bytes, referred to once.
pub(super) fn open_object(out: &mut Vec<u8>, number: u16, bytes: u64) {
    out.extend_from_slice(&number.to_le_bytes());
    out.extend_from_slice(&[1, 0, 0, 0, 0, 0]);
    out.extend_from_slice(&bytes.to_le_bytes());
}

/// A collection of `bytes` with `pickles`.
pub(super) fn collection(bytes: u64, pickles: &[&[u8]]) -> Vec<u8> {
    let mut objects = Vec::new();
    for (number, pickle) in (1..).zip(pickles) {
        open_object(&mut objects, number, pickle.len() as u64);
        objects.extend_from_slice(pickle);
        objects.resize(objects.len().next_multiple_of(8), 0);
    }
    closed(bytes, &objects)
}

/// A collection of `bytes` with `objects`, each of which has its header and is padded.
pub(super) fn closed(bytes: u64, objects: &[u8]) -> Vec<u8> {
    let length = usize::try_from(bytes).unwrap_or(usize::MAX);
    let mut out = Vec::with_capacity(length);
    open(&mut out, bytes);
    out.extend_from_slice(objects);
    // What is free is object 0, whose length counts its header; less than a header is free without one.
    let free = bytes - out.len() as u64;
    if free >= HEADER {
        out.extend_from_slice(&[0; 8]);
        out.extend_from_slice(&free.to_le_bytes());
    }
    out.resize(length, 0);
    out
}

/// The small pickles of each heap.
pub(super) fn groups<'p>(pickles: &'p [&'p [u8]]) -> impl Iterator<Item = &'p [&'p [u8]]> {
    pickles.chunks(MOST)
}
