//! The HDF5 C library, as little of it as the layouts need, made safe: the one file of this room with `unsafe`.
//!
//! The library is not thread-safe. [`locked`] takes its process-wide lock, and every handle borrows the proof of it,
//! so that no call can happen without. Attribute types are those PyTables writes: text is a fixed-length string with
//! the character set UTF-8, a pickle one with ASCII, both exactly as long as their bytes, in a scalar dataspace.

#![expect(unsafe_code, reason = "the HDF5 C API; every handle proves that the library's lock is held")]

use std::ffi::{CStr, CString, c_void};
use std::marker::PhantomData;
use std::ptr;

use hdf5_sys::h5::{HADDR_UNDEF, hsize_t};
use hdf5_sys::h5a::{H5Acreate2, H5Awrite};
use hdf5_sys::h5d::{H5D_alloc_time_t, H5D_fill_time_t, H5Dcreate2, H5Dget_offset, H5Dwrite, H5Dwrite_chunk};
use hdf5_sys::h5f::{H5F_ACC_EXCL, H5F_libver_t, H5F_scope_t, H5Fclose, H5Fcreate, H5Fflush};
use hdf5_sys::h5g::{H5Gcreate2, H5Gopen2};
use hdf5_sys::h5i::{H5Idec_ref, H5Iinc_ref, hid_t};
use hdf5_sys::h5l::H5Ldelete;
use hdf5_sys::h5p::{
    H5P_CLS_DATASET_CREATE, H5P_CLS_FILE_ACCESS, H5P_CLS_FILE_CREATE, H5P_CLS_GROUP_CREATE, H5P_DEFAULT, H5Pcreate,
    H5Pset_alloc_time, H5Pset_chunk, H5Pset_fill_time, H5Pset_libver_bounds, H5Pset_obj_track_times,
};
use hdf5_sys::h5s::{H5S_ALL, H5S_UNLIMITED, H5S_class_t, H5Screate, H5Screate_simple};
use hdf5_sys::h5t::{
    H5T_C_S1, H5T_IEEE_F64LE, H5T_STD_B8LE, H5T_STD_I64LE, H5T_STD_U8LE, H5T_STD_U64LE, H5T_cset_t, H5Tcopy,
    H5Tset_cset, H5Tset_size, H5Tvlen_create, hvl_t,
};

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
    /// Plain bytes.
    Byte,
    /// Fixed-length texts of so many bytes, padded with NUL.
    Text(usize),
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

/// Creates the file `path`, which must not exist, readable by HDF5 1.8 and later, and returns its root group.
pub(super) fn create<'l>(library: &'l Library, path: &CStr) -> Result<(File<'l>, Handle<'l>), Refused> {
    // SAFETY: property lists and strings live until the calls return; ids are checked and owned; the lock is held.
    unsafe {
        let access = property_list(library, *H5P_CLS_FILE_ACCESS)?;
        let (low, high) = (H5F_libver_t::H5F_LIBVER_V18, H5F_libver_t::H5F_LIBVER_V18);
        check("set the file version", H5Pset_libver_bounds(access.id, low, high))?;
        let creation = property_list(library, *H5P_CLS_FILE_CREATE)?;
        check("turn off time stamps", H5Pset_obj_track_times(creation.id, 0))?;
        let id = H5Fcreate(path.as_ptr(), H5F_ACC_EXCL, creation.id, access.id);
        let file = File(handle(library, CREATE, id)?);
        let root = H5Gopen2(file.0.id, c"/".as_ptr(), H5P_DEFAULT);
        Ok((file, handle(library, "open the root group", root)?))
    }
}

/// An open file. Closing it can fail, so that it is done by [`File::close`]; dropped, it is closed all the same.
pub(super) struct File<'l>(Handle<'l>);

impl File<'_> {
    /// Flushes and closes the file; all other handles must be gone.
    pub(super) fn close(self) -> Result<(), Refused> {
        // SAFETY: one reference is added for `H5Fclose` to take; the handle's own goes on drop. The lock is held.
        unsafe {
            check("keep the file open", H5Iinc_ref(self.0.id))?;
            // Each call forgets what the library said of the one before.
            let flushed = check("flush the file", H5Fflush(self.0.id, H5F_scope_t::H5F_SCOPE_GLOBAL));
            let closed = check("close the file", H5Fclose(self.0.id));
            flushed.and(closed)
        }
    }
}

impl<'l> Handle<'l> {
    /// Creates the group `name` in this group.
    pub(super) fn group(&self, library: &'l Library, name: &str) -> Result<Self, Refused> {
        let name = c_string(name)?;
        // SAFETY: as in `create`.
        unsafe {
            let creation = property_list(library, *H5P_CLS_GROUP_CREATE)?;
            check("turn off time stamps", H5Pset_obj_track_times(creation.id, 0))?;
            let id = H5Gcreate2(self.id, name.as_ptr(), H5P_DEFAULT, creation.id, H5P_DEFAULT);
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
            let creation = dataset_creation(library)?;
            check("set early allocation", H5Pset_alloc_time(creation.id, H5D_alloc_time_t::H5D_ALLOC_TIME_EARLY))?;
            check("turn off filling", H5Pset_fill_time(creation.id, H5D_fill_time_t::H5D_FILL_TIME_NEVER))?;
            let dataset = self.dataset(library, name, &element_type(library, element)?, shape, shape, &creation)?;
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
        let bytes = shape.iter().product::<u64>() * size_of_element(element) as u64;
        assert_eq!(bytes, content.len() as u64, "the content fits the shape");
        // SAFETY: as in `create`; `content` has the size that the library will read.
        unsafe {
            let kind = element_type(library, element)?;
            let dataset = self.dataset(library, name, &kind, shape, shape, &dataset_creation(library)?)?;
            if !content.is_empty() {
                let source = content.as_ptr().cast::<c_void>();
                check("write a dataset", H5Dwrite(dataset.id, kind.id, H5S_ALL, H5S_ALL, H5P_DEFAULT, source))?;
            }
            Ok(dataset)
        }
    }

    /// Creates a dataset of one variable-length row holding the bytes of `content`.
    pub(super) fn row(&self, library: &'l Library, name: &str, content: &[u8]) -> Result<Self, Refused> {
        if u32::try_from(content.len()).is_err() {
            return Err(Refused::because("write a row", "it is too long for HDF5"));
        }
        let (dataset, kind) = self.variable_length(library, name, Element::Byte)?;
        // SAFETY: as in `create`; `value` points at as many bytes as it says, which the library only reads.
        unsafe {
            let value = hvl_t { len: content.len(), p: content.as_ptr().cast_mut().cast() };
            let source = ptr::from_ref(&value).cast::<c_void>();
            check("write a row", H5Dwrite(dataset.id, kind.id, H5S_ALL, H5S_ALL, H5P_DEFAULT, source))?;
        }
        Ok(dataset)
    }

    /// Creates a dataset of one variable-length row of `base` elements, whose content is elsewhere in the file:
    /// `reference` says where, in the form in which the library stores it.
    pub(super) fn row_elsewhere(
        &self,
        library: &'l Library,
        name: &str,
        base: Element,
        reference: &[u8; 16],
    ) -> Result<Self, Refused> {
        let (dataset, _) = self.variable_length(library, name, base)?;
        let bytes = reference.as_ptr().cast::<c_void>();
        // SAFETY: as in `create`; the dataset has one chunk of one element, which takes 16 bytes in the file.
        unsafe {
            let written = H5Dwrite_chunk(dataset.id, H5P_DEFAULT, 0, [0].as_ptr(), reference.len(), bytes);
            check("refer to a row", written)?;
        }
        Ok(dataset)
    }

    /// Creates a dataset of one variable-length row of `base` elements, and tells its type.
    fn variable_length(&self, library: &'l Library, name: &str, base: Element) -> Result<(Self, Self), Refused> {
        // SAFETY: as in `create`.
        unsafe {
            let base = element_type(library, base)?;
            let kind = handle(library, "make a row type", H5Tvlen_create(base.id))?;
            let creation = dataset_creation(library)?;
            check("set the chunk size", H5Pset_chunk(creation.id, 1, [1].as_ptr()))?;
            Ok((self.dataset(library, name, &kind, &[1], &[H5S_UNLIMITED], &creation)?, kind))
        }
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

    /// Adds an attribute that holds a pickle.
    pub(super) fn pickle(&self, library: &'l Library, name: &str, value: &[u8]) -> Result<(), Refused> {
        self.string(library, name, value, H5T_cset_t::H5T_CSET_ASCII)
    }

    /// Adds an integer attribute.
    pub(super) fn int(&self, library: &'l Library, name: &str, value: i64) -> Result<(), Refused> {
        // SAFETY: as in `create`; eight bytes are read.
        unsafe {
            let kind = element_type(library, Element::Int64)?;
            self.attribute(library, name, &kind, H5S_class_t::H5S_SCALAR, ptr::from_ref(&value.to_le()).cast())
        }
    }

    /// Adds a boolean attribute.
    pub(super) fn flag(&self, library: &'l Library, name: &str, value: bool) -> Result<(), Refused> {
        // SAFETY: as in `create`; one byte is read.
        unsafe {
            let kind = element_type(library, Element::Bool)?;
            let byte = u8::from(value);
            self.attribute(library, name, &kind, H5S_class_t::H5S_SCALAR, ptr::from_ref(&byte).cast())
        }
    }

    fn string(&self, library: &'l Library, name: &str, value: &[u8], set: H5T_cset_t) -> Result<(), Refused> {
        let space = if value.is_empty() { H5S_class_t::H5S_NULL } else { H5S_class_t::H5S_SCALAR };
        // SAFETY: as in `create`; as many bytes are read as `value` has, and none for an empty one.
        unsafe {
            let kind = string_type(library, value.len(), set)?;
            self.attribute(library, name, &kind, space, value.as_ptr().cast())
        }
    }

    /// # Safety
    /// `value` points at one element of `kind`, unless `space` is null.
    unsafe fn attribute(
        &self,
        library: &'l Library,
        name: &str,
        kind: &Handle<'l>,
        space: H5S_class_t,
        value: *const c_void,
    ) -> Result<(), Refused> {
        let name = c_string(name)?;
        let empty = space == H5S_class_t::H5S_NULL;
        // SAFETY: ids are owned, the lock is held, the caller vouches for `value`.
        unsafe {
            let space = handle(library, "make a dataspace", H5Screate(space))?;
            let id = H5Acreate2(self.id, name.as_ptr(), kind.id, space.id, H5P_DEFAULT, H5P_DEFAULT);
            let attribute = handle(library, "create an attribute", id)?;
            if empty { Ok(()) } else { check("write an attribute", H5Awrite(attribute.id, kind.id, value)) }
        }
    }

    /// # Safety
    /// The lock is held, which `library` proves; all ids belong to it.
    unsafe fn dataset(
        &self,
        library: &'l Library,
        name: &str,
        kind: &Handle<'l>,
        shape: &[hsize_t],
        largest: &[hsize_t],
        creation: &Handle<'l>,
    ) -> Result<Self, Refused> {
        let name = c_string(name)?;
        let rank = i32::try_from(shape.len()).unwrap_or(i32::MAX);
        // SAFETY: `shape` and `largest` have `rank` entries; ids are owned; the lock is held.
        unsafe {
            let space = H5Screate_simple(rank, shape.as_ptr(), largest.as_ptr());
            let space = handle(library, "make a dataspace", space)?;
            let id = H5Dcreate2(self.id, name.as_ptr(), kind.id, space.id, H5P_DEFAULT, creation.id, H5P_DEFAULT);
            handle(library, "create a dataset", id)
        }
    }
}

fn size_of_element(element: Element) -> usize {
    match element {
        Element::Int64 | Element::Uint64 | Element::Float64 => 8,
        Element::Bool | Element::Byte => 1,
        Element::Text(bytes) => bytes,
    }
}

/// # Safety
/// The lock is held, which `library` proves.
unsafe fn element_type(library: &Library, element: Element) -> Result<Handle<'_>, Refused> {
    // SAFETY: the library's own types are read under its lock.
    unsafe {
        match element {
            Element::Int64 => copied(library, *H5T_STD_I64LE),
            Element::Uint64 => copied(library, *H5T_STD_U64LE),
            Element::Float64 => copied(library, *H5T_IEEE_F64LE),
            Element::Bool => copied(library, *H5T_STD_B8LE),
            Element::Byte => copied(library, *H5T_STD_U8LE),
            Element::Text(bytes) => string_type(library, bytes, H5T_cset_t::H5T_CSET_ASCII),
        }
    }
}

/// # Safety
/// As for [`element_type`].
unsafe fn string_type(library: &Library, bytes: usize, set: H5T_cset_t) -> Result<Handle<'_>, Refused> {
    // SAFETY: the copy is owned; the lock is held.
    unsafe {
        let kind = copied(library, *H5T_C_S1)?;
        check("size a string type", H5Tset_size(kind.id, bytes.max(1)))?;
        check("set a character set", H5Tset_cset(kind.id, set))?;
        Ok(kind)
    }
}

/// # Safety
/// `kind` is a type of the library, whose lock is held.
unsafe fn copied(library: &Library, kind: hid_t) -> Result<Handle<'_>, Refused> {
    // SAFETY: promised by the caller.
    handle(library, "copy a type", unsafe { H5Tcopy(kind) })
}

/// # Safety
/// As for [`element_type`].
unsafe fn dataset_creation(library: &Library) -> Result<Handle<'_>, Refused> {
    // SAFETY: promised by the caller.
    unsafe {
        let list = property_list(library, *H5P_CLS_DATASET_CREATE)?;
        check("turn off time stamps", H5Pset_obj_track_times(list.id, 0))?;
        Ok(list)
    }
}

/// # Safety
/// `class` is a property list class of the library, whose lock is held.
unsafe fn property_list(library: &Library, class: hid_t) -> Result<Handle<'_>, Refused> {
    // SAFETY: promised by the caller.
    handle(library, "make a property list", unsafe { H5Pcreate(class) })
}

fn handle<'l>(_library: &'l Library, action: &'static str, id: hid_t) -> Result<Handle<'l>, Refused> {
    if id < 0 { Err(Refused::of_last_call(action)) } else { Ok(Handle { id, library: PhantomData }) }
}

fn check(action: &'static str, status: i32) -> Result<(), Refused> {
    if status < 0 { Err(Refused::of_last_call(action)) } else { Ok(()) }
}

fn c_string(name: &str) -> Result<CString, Refused> {
    CString::new(name).map_err(|_| Refused::because("name an object", "the name holds a NUL"))
}
