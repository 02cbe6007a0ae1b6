//! What is read back of an output: one text attribute, and how long an array is.

#![expect(unsafe_code, reason = "the HDF5 C API; every function wants proof that the library's lock is held")]

use std::ffi::{CStr, c_char};
use std::ptr;

use hdf5_sys::h5::{H5_index_t, H5_iter_order_t, H5free_memory, hsize_t};
use hdf5_sys::h5a::{H5Aexists, H5Aget_type, H5Aopen, H5Aread};
use hdf5_sys::h5d::{H5Dget_space, H5Dopen2};
use hdf5_sys::h5f::{H5F_ACC_RDONLY, H5Fopen};
use hdf5_sys::h5g::H5Gopen2;
use hdf5_sys::h5o::H5Oopen_by_idx;
use hdf5_sys::h5p::H5P_DEFAULT;
use hdf5_sys::h5s::{H5Sget_simple_extent_dims, H5Sget_simple_extent_ndims};
use hdf5_sys::h5t::H5Tis_variable_str;

use super::{Handle, Library, Refused, check, handle, kept};

/// The text attribute `name`, of any length, of the root group of the file `path`; none if there is no such attribute.
pub(in super::super) fn root_text(library: &Library, path: &CStr, name: &CStr) -> Result<Option<String>, Refused> {
    // SAFETY: strings live until the calls return; ids are checked and owned; the lock is held.
    unsafe {
        let access = kept(library)?.on_disk;
        let file = handle(library, "open the file", H5Fopen(path.as_ptr(), H5F_ACC_RDONLY, access))?;
        let root = H5Gopen2(file.id, c"/".as_ptr(), H5P_DEFAULT);
        let root = handle(library, "open the root group", root)?;
        if H5Aexists(root.id, name.as_ptr()) <= 0 {
            return Ok(None);
        }
        let attribute = H5Aopen(root.id, name.as_ptr(), H5P_DEFAULT);
        let attribute = handle(library, "open an attribute", attribute)?;
        text(library, &attribute)
    }
}

/// The length of the one-dimensional dataset `object`, or of the one that is `first` in that group, in the file `path`;
/// none if there is no such dataset.
pub(in super::super) fn rows(
    library: &Library,
    path: &CStr,
    object: &CStr,
    first: bool,
) -> Result<Option<u64>, Refused> {
    // SAFETY: strings live until the calls return; ids are checked and owned; the lock is held; a dataspace of one
    // dimension has one extent.
    unsafe {
        let access = kept(library)?.on_disk;
        let file = handle(library, "open the file", H5Fopen(path.as_ptr(), H5F_ACC_RDONLY, access))?;
        let (order, up) = (H5_index_t::H5_INDEX_CRT_ORDER, H5_iter_order_t::H5_ITER_INC);
        let opened = if first {
            H5Oopen_by_idx(file.id, object.as_ptr(), order, up, 0, H5P_DEFAULT)
        } else {
            H5Dopen2(file.id, object.as_ptr(), H5P_DEFAULT)
        };
        let Ok(dataset) = handle(library, "open a dataset", opened) else { return Ok(None) };
        let space = handle(library, "look at a dataset", H5Dget_space(dataset.id))?;
        if H5Sget_simple_extent_ndims(space.id) != 1 {
            return Ok(None);
        }
        let mut rows: hsize_t = 0;
        H5Sget_simple_extent_dims(space.id, &raw mut rows, ptr::null_mut());
        Ok(Some(rows))
    }
}

/// The text of an attribute; none if it is not of any length, and so not ours.
fn text(library: &Library, attribute: &Handle<'_>) -> Result<Option<String>, Refused> {
    let wanted = kept(library)?.text_of_any_length;
    // SAFETY: the attribute is open and the lock is held; one pointer is read, which the library has allocated and which
    // ends with NUL, and is given back to it once it is copied.
    unsafe {
        let kind = handle(library, "look at an attribute", H5Aget_type(attribute.id))?;
        if H5Tis_variable_str(kind.id) <= 0 {
            return Ok(None);
        }
        let mut text: *mut c_char = ptr::null_mut();
        check("read an attribute", H5Aread(attribute.id, wanted, ptr::from_mut(&mut text).cast()))?;
        if text.is_null() {
            return Ok(None);
        }
        let copy = CStr::from_ptr(text).to_string_lossy().into_owned();
        check("free a text", H5free_memory(text.cast()))?;
        Ok(Some(copy))
    }
}
