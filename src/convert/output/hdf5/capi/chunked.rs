//! Datasets in chunks, which are written ready: what the filters do to them is done before.

#![expect(unsafe_code, reason = "the HDF5 C API; every function wants proof that the library's lock is held")]

use std::ffi::c_void;
use std::ptr;

use hdf5_sys::h5d::H5Dwrite_chunk;
use hdf5_sys::h5i::hid_t;
use hdf5_sys::h5p::{H5P_DEFAULT, H5Pcopy, H5Pset_chunk, H5Pset_deflate, H5Pset_fill_value, H5Pset_shuffle};

use super::{Element, Handle, Library, Refused, check, handle, kept};

/// How a dataset is cut.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Chunks<'s> {
    /// The shape of a chunk.
    pub(in super::super) shape: &'s [u64],
    /// What the dataset can grow to; a chunk is no larger.
    pub(in super::super) largest: &'s [u64],
    /// Whether chunks are shuffled and deflated, and how hard.
    pub(in super::super) level: Option<u8>,
}

impl<'l> Handle<'l> {
    /// Creates a dataset in chunks, none of which is there yet. What is never written has the value `fill`, an integer of
    /// eight bytes, or else zero.
    pub(in super::super) fn chunked(
        &self,
        library: &'l Library,
        name: &str,
        element: Element,
        shape: &[u64],
        chunks: Chunks<'_>,
        fill: Option<u64>,
    ) -> Result<Self, Refused> {
        let kind = kept(library)?.element(library, element)?;
        let creation = chunked(library, chunks)?;
        if let Some(fill) = fill {
            set_fill_value(library, &creation, kind, fill)?;
        }
        // SAFETY: `kind` and `creation` belong to the library, whose lock is held.
        unsafe { self.dataset(library, name, kind, shape, chunks.largest, creation.id) }
    }

    /// Writes the chunk whose first element is `at`, which is what the dataset's filters give.
    pub(in super::super) fn write_chunk(&self, _library: &'l Library, at: &[u64], ready: &[u8]) -> Result<(), Refused> {
        let source = ready.as_ptr().cast::<c_void>();
        // SAFETY: the dataset is open, the lock is held; `at` has an entry for each dimension, as the caller's dataset has,
        // and the library reads as many bytes as `ready` has.
        let status = unsafe { H5Dwrite_chunk(self.id, H5P_DEFAULT, 0, at.as_ptr(), ready.len(), source) };
        check("write a chunk", status)
    }
}

/// Properties of a dataset in `chunks`.
pub(super) fn chunked<'l>(library: &'l Library, chunks: Chunks<'_>) -> Result<Handle<'l>, Refused> {
    let rank = i32::try_from(chunks.shape.len()).unwrap_or(i32::MAX);
    // SAFETY: the list is a copy and ours; `shape` has `rank` entries; the lock is held.
    unsafe {
        let list = handle(library, "copy a property list", H5Pcopy(kept(library)?.dataset))?;
        check("set the chunk size", H5Pset_chunk(list.id, rank, chunks.shape.as_ptr()))?;
        if let Some(level) = chunks.level {
            check("set a filter", H5Pset_shuffle(list.id))?;
            check("set a filter", H5Pset_deflate(list.id, level.into()))?;
        }
        Ok(list)
    }
}

/// Sets what is read where nothing was written.
pub(super) fn set_fill_value(_library: &Library, list: &Handle<'_>, kind: hid_t, fill: u64) -> Result<(), Refused> {
    let fill = fill.to_le();
    // SAFETY: the list is ours, `kind` is a type of eight bytes, of which `fill` is one; the lock is held.
    check("set a fill value", unsafe { H5Pset_fill_value(list.id, kind, ptr::from_ref(&fill).cast()) })
}
