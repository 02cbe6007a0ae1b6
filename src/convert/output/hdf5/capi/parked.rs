//! What stays open while the lock is not held.
//!
//! A file whose content takes long to make ready is not closed in between: it and its datasets are parked, and written
//! to whenever something is ready.

#![expect(unsafe_code, reason = "the HDF5 C API; what is parked takes the library's lock to be closed")]

use std::marker::PhantomData;
use std::mem;

use hdf5_sys::h5i::{H5Idec_ref, hid_t};

use super::{File, Handle, Library, Medium};

/// An open group or dataset that nobody holds the lock for.
#[derive(Debug)]
pub(in super::super) struct Parked(hid_t);

/// An open file that nobody holds the lock for.
#[derive(Debug)]
pub(in super::super) struct ParkedFile {
    handle: Parked,
    medium: Medium,
}

impl Drop for Parked {
    fn drop(&mut self) {
        // SAFETY: the id came from a handle that gave it up, so that it is owned here alone; the lock is held.
        hdf5::sync::sync(|| unsafe { H5Idec_ref(self.0) });
    }
}

impl Handle<'_> {
    /// Keeps it open beyond the time for which the lock is held.
    pub(in super::super) fn park(self) -> Parked {
        let parked = Parked(self.id);
        mem::forget(self);
        parked
    }
}

impl Parked {
    /// The handle again.
    pub(in super::super) fn resume(self, _library: &Library) -> Handle<'_> {
        let handle = Handle { id: self.0, library: PhantomData };
        mem::forget(self);
        handle
    }

    /// Does `work` with the handle.
    pub(in super::super) fn with<'l, T>(&self, _library: &'l Library, work: impl FnOnce(&Handle<'l>) -> T) -> T {
        // It is not to be closed when `work` is done.
        let handle = mem::ManuallyDrop::new(Handle { id: self.0, library: PhantomData });
        work(&handle)
    }
}

impl File<'_> {
    /// Keeps it open beyond the time for which the lock is held.
    pub(in super::super) fn park(self) -> ParkedFile {
        ParkedFile { medium: self.medium, handle: self.handle.park() }
    }
}

impl ParkedFile {
    /// The file again.
    pub(in super::super) fn resume(self, library: &Library) -> File<'_> {
        File { handle: self.handle.resume(library), medium: self.medium }
    }
}
