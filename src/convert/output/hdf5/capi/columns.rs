//! What the plain layout needs beside: a group that knows the order of its members, columns that other programs write
//! their missing values into, and attributes as netCDF has them.

#![expect(unsafe_code, reason = "the HDF5 C API; every function wants proof that the library's lock is held")]

use std::ffi::{CString, c_char, c_void};
use std::ptr;

use hdf5_sys::h5::HADDR_UNDEF;
use hdf5_sys::h5a::{H5Acreate2, H5Awrite};
use hdf5_sys::h5d::H5Dget_offset;
use hdf5_sys::h5g::H5Gcreate2;
use hdf5_sys::h5i::hid_t;
use hdf5_sys::h5p::{
    H5P_CLS_LINK_CREATE, H5P_CRT_ORDER_INDEXED, H5P_CRT_ORDER_TRACKED, H5P_DEFAULT, H5Pcopy, H5Pcreate,
    H5Pset_char_encoding, H5Pset_link_creation_order,
};
use hdf5_sys::h5s::H5Screate_simple;
use hdf5_sys::h5t::H5T_cset_t;

use super::chunked::set_fill_value;
use super::{Element, Handle, Library, Refused, c_string, check, handle, kept};

impl<'l> Handle<'l> {
    /// Creates the group `name`, whose members are listed in the order in which they are made.
    pub(in super::super) fn ordered_group(&self, library: &'l Library, name: &str) -> Result<Self, Refused> {
        let name = c_string(name)?;
        // SAFETY: lists are ours, the name lives until the calls return, ids are checked; the lock is held.
        unsafe {
            let list = handle(library, "copy a property list", H5Pcopy(kept(library)?.group))?;
            let order = H5Pset_link_creation_order(list.id, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED);
            check("keep the order of links", order)?;
            let links = handle(library, "make a property list", H5Pcreate(*H5P_CLS_LINK_CREATE))?;
            check("set a character set", H5Pset_char_encoding(links.id, H5T_cset_t::H5T_CSET_UTF8))?;
            let id = H5Gcreate2(self.id, name.as_ptr(), links.id, list.id, H5P_DEFAULT);
            handle(library, "create a group", id)
        }
    }

    /// As [`Handle::reserve`], one-dimensional; what stands for a missing value is `fill`, an integer of eight bytes.
    pub(in super::super) fn reserve_column(
        &self,
        library: &'l Library,
        name: &str,
        element: Element,
        rows: u64,
        fill: Option<u64>,
    ) -> Result<(Self, Option<u64>), Refused> {
        let Some(fill) = fill else { return self.reserve(library, name, element, &[rows]) };
        let kind = kept(library)?.element(library, element)?;
        // SAFETY: the list is a copy and ours; `kind` is a type of the library, whose lock is held.
        unsafe {
            let list = handle(library, "copy a property list", H5Pcopy(kept(library)?.reserved))?;
            set_fill_value(library, &list, kind, fill)?;
            let dataset = self.dataset(library, name, kind, &[rows], &[rows], list.id)?;
            let address = H5Dget_offset(dataset.id);
            if rows > 0 && address == HADDR_UNDEF {
                return Err(Refused::of_last_call("set aside space for a dataset"));
            }
            Ok((dataset, (rows > 0).then_some(address)))
        }
    }

    /// Adds the attribute `name` that holds a list of one number of eight bytes, as netCDF wants its fill value.
    pub(in super::super) fn one_number(
        &self,
        library: &'l Library,
        name: &str,
        element: Element,
        value: u64,
    ) -> Result<(), Refused> {
        let kind = kept(library)?.element(library, element)?;
        let value = value.to_le();
        // SAFETY: eight bytes are read, which is an element of `kind`; the lock is held.
        unsafe { self.list(library, name, kind, 1, ptr::from_ref(&value).cast()) }
    }

    /// Adds the attribute `name` that holds a list of texts of any length.
    pub(in super::super) fn texts<'t>(
        &self,
        library: &'l Library,
        name: &str,
        texts: impl Iterator<Item = &'t str>,
    ) -> Result<(), Refused> {
        let texts: Vec<CString> = texts.map(c_string).collect::<Result<_, _>>()?;
        let pointers: Vec<*const c_char> = texts.iter().map(|text| text.as_ptr()).collect();
        let kind = kept(library)?.text_of_any_length;
        // SAFETY: an element of the type is a pointer to a text that ends with NUL, as these do; they live on.
        unsafe { self.list(library, name, kind, pointers.len(), pointers.as_ptr().cast()) }
    }

    /// # Safety
    /// `values` points at `count` elements of `kind`, a type of the library.
    unsafe fn list(
        &self,
        library: &'l Library,
        name: &str,
        kind: hid_t,
        count: usize,
        values: *const c_void,
    ) -> Result<(), Refused> {
        let name = c_string(name)?;
        let shape = [count as u64];
        // SAFETY: the shape has one entry; ids are owned, the lock is held, the caller vouches for `values`.
        unsafe {
            let space = H5Screate_simple(1, shape.as_ptr(), ptr::null());
            let space = handle(library, "make a dataspace", space)?;
            let id = H5Acreate2(self.id, name.as_ptr(), kind, space.id, H5P_DEFAULT, H5P_DEFAULT);
            let attribute = handle(library, "create an attribute", id)?;
            if count == 0 { Ok(()) } else { check("write an attribute", H5Awrite(attribute.id, kind, values)) }
        }
    }
}
