//! What HDF5's filters make of a chunk, made without the library: shuffle, then deflate. Every build of HDF5 can undo
//! both. Made here, chunks are ready before the library's lock is taken, and by as many threads as there are.

use std::io::{self, Write};

use flate2::Compression;
use flate2::write::ZlibEncoder;

/// The filters of one dataset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Filter {
    /// Bytes of an element in the file.
    pub(super) element: usize,
    /// How hard to try, from 1 to 9.
    pub(super) level: u8,
}

impl Filter {
    /// The chunk that HDF5 keeps for the bytes `raw`.
    pub(super) fn apply(self, raw: &[u8]) -> io::Result<Vec<u8>> {
        if self.element > 1 { deflate(&shuffle(raw, self.element), self.level) } else { deflate(raw, self.level) }
    }
}

/// `raw` as one zlib stream.
pub(super) fn deflate(raw: &[u8], level: u8) -> io::Result<Vec<u8>> {
    let mut encoder = ZlibEncoder::new(Vec::with_capacity(raw.len() / 4), Compression::new(level.into()));
    encoder.write_all(raw)?;
    encoder.finish()
}

/// The first bytes of all elements of `raw`, then their second bytes, and so on; bytes that make no whole element stay
/// at the end.
fn shuffle(raw: &[u8], element: usize) -> Vec<u8> {
    let count = raw.len() / element;
    let mut out = vec![0; raw.len()];
    let (planes, rest) = out.split_at_mut(count * element);
    if count > 0 {
        for (byte, plane) in planes.chunks_exact_mut(count).enumerate() {
            plane.iter_mut().zip(raw.chunks_exact(element)).for_each(|(to, from)| *to = from[byte]);
        }
    }
    rest.copy_from_slice(&raw[count * element..]);
    out
}

#[cfg(test)]
mod tests {
    use std::ffi::CString;
    use std::os::unix::ffi::OsStrExt;

    use super::super::capi::{self, Chunks, Element, Medium};
    use super::*;

    #[test]
    fn shuffled_bytes_of_the_same_place_stand_together() {
        assert_eq!(shuffle(b"abcABC123xy", 3), b"aA1bB2cC3xy");
        assert_eq!(shuffle(b"", 8), b"");
        assert_eq!(shuffle(b"abc", 8), b"abc");
        assert_eq!(shuffle(b"abc", 1), b"abc");
    }

    /// Writes `numbers` in ready chunks of 100, and gives what the library reads of them.
    fn through_the_library(numbers: &[u64], level: u8) -> Vec<u64> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file.h5");
        let name = CString::new(path.as_os_str().as_bytes()).unwrap();
        let (filter, shape) = (Filter { element: 8, level }, [numbers.len() as u64]);
        capi::locked(|library| {
            let (file, root) = capi::create(library, &name, Medium::Disk)?;
            let chunks = Chunks { shape: &[100], largest: &shape, level: Some(level) };
            let dataset = root.chunked(library, "numbers", Element::Uint64, &shape, chunks, None)?;
            for (number, chunk) in numbers.chunks(100).enumerate() {
                let mut chunk = chunk.to_vec();
                chunk.resize(100, 0);
                let ready = filter.apply(bytemuck::cast_slice(&chunk)).unwrap();
                dataset.write_chunk(library, &[100 * number as u64], &ready)?;
            }
            drop((dataset, root));
            file.close()
        })
        .unwrap();
        hdf5::File::open(&path).unwrap().dataset("numbers").unwrap().read_raw().unwrap()
    }

    #[test]
    fn the_library_undoes_what_is_done_here() {
        let alike: Vec<u64> = (0..250).collect();
        let random: Vec<u64> = (0..250_u64).map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(7)).collect();
        for level in [1, 4, 9] {
            assert_eq!(through_the_library(&alike, level), alike);
            assert_eq!(through_the_library(&random, level), random);
        }
    }
}
