//! The HDF5 C library, as little of it as the layouts need, made safe: the one place of this room with `unsafe`.
//!
//! The library is not thread-safe. [`locked`] takes its process-wide lock, and every handle borrows the proof of it,
//! so that no call can happen without. Attribute types are those PyTables writes: text is a fixed-length string with
//! the character set UTF-8, a pickle one with ASCII, both exactly as long as their bytes, in a scalar dataspace.

#![expect(unsafe_code, reason = "the HDF5 C API; every handle proves that the library's lock is held")]

mod chunked;
mod columns;
mod kept;
mod parked;
mod read;
pub(super) mod table;

use std::ffi::{CStr, CString, c_void};
use std::marker::PhantomData;
use std::ptr;

use hdf5_sys::h5::{HADDR_UNDEF, hsize_t};
use hdf5_sys::h5a::{H5Acreate2, H5Awrite};
use hdf5_sys::h5d::{H5Dcreate2, H5Dget_chunk_info_by_coord, H5Dget_offset, H5Dwrite, H5Dwrite_chunk};
use hdf5_sys::h5f::{H5F_ACC_EXCL, H5F_scope_t, H5Fclose, H5Fcreate, H5Fflush, H5Fget_file_image};
use hdf5_sys::h5g::{H5Gcreate2, H5Gopen2};
use hdf5_sys::h5i::{H5Idec_ref, H5Iinc_ref, hid_t};
use hdf5_sys::h5l::H5Ldelete;
use hdf5_sys::h5p::H5P_DEFAULT;
use hdf5_sys::h5s::{H5S_ALL, H5S_UNLIMITED, H5Screate_simple};
use hdf5_sys::h5t::{H5T_cset_t, hvl_t};

pub(super) use chunked::Chunks;
use kept::{Kept, kept};
pub(super) use parked::{Parked, ParkedFile};
pub(super) use read::{root_text, rows};

use super::super::super::profile::{self, Stage};
use super::refused::Refused;

/// The call that makes a file, in words.
pub(super) const CREATE: &str = "create the file";

/// Proof that the library's lock is held by this thread.
pub(super) struct Library(PhantomData<*const ()>);

/// Runs `work` under the library's lock.
pub(super) fn locked<T>(work: impl FnOnce(&Library) -> Result<T, Refused>) -> Result<T, Refused> {
    let waits = profile::span(Stage::LockWait);
    hdf5::sync::sync(|| {
        drop(waits);
        let _holds = profile::span(Stage::Hdf5);
        work(&Library(PhantomData))
    })
}

/// A dataset's element.
#[derive(Clone, Copy, Debug)]
pub(super) enum Element {
    /// Eight-byte signed integers.
    Int64,
    /// Eight-byte unsigned integers.
    Uint64,
    /// Eight-byte floats.
    Float64,
    /// One-byte booleans as PyTables has them: bit fields.
    Bool,
    /// One-byte booleans as h5py has them: an enumeration of `FALSE` and `TRUE`.
    Truth,
    /// Plain bytes.
    Byte,
    /// Texts of any length: references of 16 bytes to where they are.
    AnyText,
    /// Fixed-length texts of so many bytes, padded with NUL.
    Text(usize),
}

impl Element {
    /// Bytes of one in a file.
    pub(super) fn bytes(self) -> usize {
        match self {
            Self::Int64 | Self::Uint64 | Self::Float64 => 8,
            Self::Bool | Self::Truth | Self::Byte => 1,
            Self::AnyText => 16,
            Self::Text(bytes) => bytes,
        }
    }
}

/// An open file, group or dataset.
pub(super) struct Handle<'l> {
    id: hid_t,
    library: PhantomData<&'l Library>,
}

impl Drop for Handle<'_> {
    fn drop(&mut self) {
        // SAFETY: the id came from the library, is owned by this handle alone, and the lock is held (`library`).
        unsafe { H5Idec_ref(self.id) };
    }
}

/// Where a new file comes to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Medium {
    /// At its path.
    Disk,
    /// In memory, until it is closed; so that no call of the system happens under the lock.
    Memory,
}

/// Creates the file `path`, which must not exist, readable by HDF5 1.8 and later, and returns its root group.
pub(super) fn create<'l>(library: &'l Library, path: &CStr, medium: Medium) -> Result<(File<'l>, Handle<'l>), Refused> {
    let kept = kept(library)?;
    let access = if medium == Medium::Disk { kept.on_disk } else { kept.in_memory };
    // SAFETY: property lists and strings live until the calls return; ids are checked and owned; the lock is held.
    unsafe {
        let id = H5Fcreate(path.as_ptr(), H5F_ACC_EXCL, kept.file, access);
        let file = File { handle: handle(library, CREATE, id)?, medium };
        let root = H5Gopen2(file.handle.id, c"/".as_ptr(), H5P_DEFAULT);
        Ok((file, handle(library, "open the root group", root)?))
    }
}

/// An open file. Closing it can fail, so that it is done by [`File::close`]; dropped, it is closed all the same.
pub(super) struct File<'l> {
    handle: Handle<'l>,
    medium: Medium,
}

impl File<'_> {
    /// Flushes and closes the file, and tells its bytes if it is in memory; all other handles must be gone.
    pub(super) fn close(self) -> Result<Vec<u8>, Refused> {
        let id = self.handle.id;
        // SAFETY: one reference is added for `H5Fclose` to take; the handle's own goes on drop. The lock is held.
        unsafe {
            check("keep the file open", H5Iinc_ref(id))?;
            // Each call forgets what the library said of the one before.
            let flushed = check("flush the file", H5Fflush(id, H5F_scope_t::H5F_SCOPE_GLOBAL));
            let image = if self.medium == Medium::Memory { image(id) } else { Ok(Vec::new()) };
            let closed = check("close the file", H5Fclose(id));
            flushed.and(closed).and(image)
        }
    }
}

/// The bytes of a file in memory.
///
/// # Safety
/// `file` is an open file of the library, whose lock is held.
unsafe fn image(file: hid_t) -> Result<Vec<u8>, Refused> {
    let length = |length: isize| usize::try_from(length).map_err(|_| Refused::of_last_call("copy the file"));
    // SAFETY: without a buffer the length is told; then the buffer has that length.
    unsafe {
        let mut image = vec![0; length(H5Fget_file_image(file, ptr::null_mut(), 0))?];
        let copied = length(H5Fget_file_image(file, image.as_mut_ptr().cast(), image.len()))?;
        image.truncate(copied);
        Ok(image)
    }
}

impl<'l> Handle<'l> {
    /// Creates the group `name` in this group.
    pub(super) fn group(&self, library: &'l Library, name: &str) -> Result<Self, Refused> {
        let name = c_string(name)?;
        // SAFETY: as in `create`.
        unsafe {
            let id = H5Gcreate2(self.id, name.as_ptr(), H5P_DEFAULT, kept(library)?.group, H5P_DEFAULT);
            handle(library, "create a group", id)
        }
    }

    /// Creates a contiguous dataset whose space in the file is set aside at once and not filled, and tells its address
    /// there (`None` if it has no bytes): its content is written without the library, after the file is closed.
    pub(super) fn reserve(
        &self,
        library: &'l Library,
        name: &str,
        element: Element,
        shape: &[u64],
    ) -> Result<(Self, Option<u64>), Refused> {
        // SAFETY: as in `create`.
        unsafe {
            let kept = kept(library)?;
            let kind = kept.element(library, element)?;
            let dataset = self.dataset(library, name, kind, shape, shape, kept.reserved)?;
            let address = H5Dget_offset(dataset.id);
            let empty = shape.contains(&0);
            if !empty && address == HADDR_UNDEF {
                return Err(Refused::of_last_call("set aside space for a dataset"));
            }
            Ok((dataset, (!empty).then_some(address)))
        }
    }

    /// Creates a dataset that holds `content`, which must have as many bytes as `shape` and `element` say.
    pub(super) fn small(
        &self,
        library: &'l Library,
        name: &str,
        element: Element,
        shape: &[u64],
        content: &[u8],
    ) -> Result<Self, Refused> {
        let bytes = shape.iter().product::<u64>() * element.bytes() as u64;
        assert_eq!(bytes, content.len() as u64, "the content fits the shape");
        // SAFETY: as in `create`; `content` has the size that the library will read.
        unsafe {
            let kept = kept(library)?;
            let kind = kept.element(library, element)?;
            let dataset = self.dataset(library, name, kind, shape, shape, kept.dataset)?;
            if !content.is_empty() {
                let source = content.as_ptr().cast::<c_void>();
                check("write a dataset", H5Dwrite(dataset.id, kind, H5S_ALL, H5S_ALL, H5P_DEFAULT, source))?;
            }
            Ok(dataset)
        }
    }

    /// Creates a dataset of one variable-length row holding the bytes of `content`.
    pub(super) fn row(&self, library: &'l Library, name: &str, content: &[u8]) -> Result<Self, Refused> {
        if u32::try_from(content.len()).is_err() {
            return Err(Refused::because("write a row", "it is too long for HDF5"));
        }
        let kind = kept(library)?.row_of_bytes;
        let dataset = self.one_row(library, name, kind)?;
        // SAFETY: as in `create`; `value` points at as many bytes as it says, which the library only reads.
        unsafe {
            let value = hvl_t { len: content.len(), p: content.as_ptr().cast_mut().cast() };
            let source = ptr::from_ref(&value).cast::<c_void>();
            check("write a row", H5Dwrite(dataset.id, kind, H5S_ALL, H5S_ALL, H5P_DEFAULT, source))?;
        }
        Ok(dataset)
    }

    /// Creates a dataset of one variable-length row of bytes, or of words of eight bytes, whose content is elsewhere in the
    /// file. The row itself, 16 bytes that say where, is written without the library, too: at the address told.
    pub(super) fn row_elsewhere(&self, library: &'l Library, name: &str, words: bool) -> Result<(Self, u64), Refused> {
        let Kept { row_of_bytes, row_of_words, .. } = *kept(library)?;
        let dataset = self.one_row(library, name, if words { row_of_words } else { row_of_bytes })?;
        let (nothing, mut address) = ([0u8; 16], HADDR_UNDEF);
        // SAFETY: as in `create`; the dataset has one chunk of one element, which takes 16 bytes in the file. A null
        // pointer is allowed where something is not to be told.
        unsafe {
            let source = nothing.as_ptr().cast::<c_void>();
            let written = H5Dwrite_chunk(dataset.id, H5P_DEFAULT, 0, [0].as_ptr(), nothing.len(), source);
            check("write a row", written)?;
            let start = [0].as_ptr();
            let found =
                H5Dget_chunk_info_by_coord(dataset.id, start, ptr::null_mut(), &raw mut address, ptr::null_mut());
            check("find a row", found)?;
        }
        if address == HADDR_UNDEF { Err(Refused::of_last_call("find a row")) } else { Ok((dataset, address)) }
    }

    /// Creates a dataset of one variable-length row.
    fn one_row(&self, library: &'l Library, name: &str, kind: hid_t) -> Result<Self, Refused> {
        // SAFETY: as in `create`.
        unsafe { self.dataset(library, name, kind, &[1], &[H5S_UNLIMITED], kept(library)?.rows) }
    }

    /// Removes the object `name` from this group. Its space in the file stays what it is until another object needs it.
    pub(super) fn unlink(&self, name: &str) -> Result<(), Refused> {
        let name = c_string(name)?;
        // SAFETY: as in `create`; the handle proves the lock.
        unsafe { check("remove an object", H5Ldelete(self.id, name.as_ptr(), H5P_DEFAULT)) }
    }

    /// Adds a text attribute.
    pub(super) fn text(&self, library: &'l Library, name: &str, value: &str) -> Result<(), Refused> {
        self.string(library, name, value.as_bytes(), H5T_cset_t::H5T_CSET_UTF8)
    }

    /// Adds a text attribute whose bytes are not in the header, but in a heap.
    pub(super) fn text_of_any_length(&self, library: &'l Library, name: &str, value: &str) -> Result<(), Refused> {
        let (kind, value) = (kept(library)?.text_of_any_length, c_string(value)?);
        let pointer = value.as_ptr();
        // SAFETY: as in `create`; an element of the type is a pointer to a text that ends with NUL, as `value` does.
        unsafe { self.attribute(library, name, kind, Some(ptr::from_ref(&pointer).cast())) }
    }

    /// Adds an attribute that holds a pickle.
    pub(super) fn pickle(&self, library: &'l Library, name: &str, value: &[u8]) -> Result<(), Refused> {
        self.string(library, name, value, H5T_cset_t::H5T_CSET_ASCII)
    }

    /// Adds an integer attribute.
    pub(super) fn int(&self, library: &'l Library, name: &str, value: i64) -> Result<(), Refused> {
        let kind = kept(library)?.element(library, Element::Int64)?;
        // SAFETY: as in `create`; eight bytes are read.
        unsafe { self.attribute(library, name, kind, Some(ptr::from_ref(&value.to_le()).cast())) }
    }

    /// Adds a boolean attribute.
    pub(super) fn flag(&self, library: &'l Library, name: &str, value: bool) -> Result<(), Refused> {
        let kind = kept(library)?.element(library, Element::Bool)?;
        // SAFETY: as in `create`; one byte is read.
        unsafe { self.attribute(library, name, kind, Some(ptr::from_ref(&u8::from(value)).cast())) }
    }

    fn string(&self, library: &'l Library, name: &str, value: &[u8], set: H5T_cset_t) -> Result<(), Refused> {
        let kind = kept(library)?.text(library, value.len(), set)?;
        let bytes = (!value.is_empty()).then(|| value.as_ptr().cast());
        // SAFETY: as in `create`; as many bytes are read as `value` has, and none for an empty one.
        unsafe { self.attribute(library, name, kind, bytes) }
    }

    /// Adds an attribute of one element, or without a value.
    ///
    /// # Safety
    /// `value` points at one element of `kind`, a type of the library.
    unsafe fn attribute(
        &self,
        library: &'l Library,
        name: &str,
        kind: hid_t,
        value: Option<*const c_void>,
    ) -> Result<(), Refused> {
        let name = c_string(name)?;
        let kept = kept(library)?;
        let space = if value.is_some() { kept.scalar } else { kept.null };
        // SAFETY: ids are owned, the lock is held, the caller vouches for `value`.
        unsafe {
            let id = H5Acreate2(self.id, name.as_ptr(), kind, space, H5P_DEFAULT, H5P_DEFAULT);
            let attribute = handle(library, "create an attribute", id)?;
            value.map_or(Ok(()), |value| check("write an attribute", H5Awrite(attribute.id, kind, value)))
        }
    }

    /// # Safety
    /// The lock is held, which `library` proves; all ids belong to it.
    unsafe fn dataset(
        &self,
        library: &'l Library,
        name: &str,
        kind: hid_t,
        shape: &[hsize_t],
        largest: &[hsize_t],
        creation: hid_t,
    ) -> Result<Self, Refused> {
        let name = c_string(name)?;
        let rank = i32::try_from(shape.len()).unwrap_or(i32::MAX);
        // SAFETY: `shape` and `largest` have `rank` entries; ids are owned; the lock is held.
        unsafe {
            let space = H5Screate_simple(rank, shape.as_ptr(), largest.as_ptr());
            let space = handle(library, "make a dataspace", space)?;
            let id = H5Dcreate2(self.id, name.as_ptr(), kind, space.id, H5P_DEFAULT, creation, H5P_DEFAULT);
            handle(library, "create a dataset", id)
        }
    }
}

fn handle<'l>(_library: &'l Library, action: &'static str, found: hid_t) -> Result<Handle<'l>, Refused> {
    Ok(Handle { id: id(action, found)?, library: PhantomData })
}

/// What the library gave, if it is an identifier.
fn id(action: &'static str, found: hid_t) -> Result<hid_t, Refused> {
    if found < 0 { Err(Refused::of_last_call(action)) } else { Ok(found) }
}

fn check(action: &'static str, status: i32) -> Result<(), Refused> {
    if status < 0 { Err(Refused::of_last_call(action)) } else { Ok(()) }
}

fn c_string(name: &str) -> Result<CString, Refused> {
    CString::new(name).map_err(|_| Refused::because("take a text", "it holds a NUL"))
}
