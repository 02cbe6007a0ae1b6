//! Tables: chunked datasets of compound rows, of which the library is told the type and the places or the bytes of the
//! chunks.

#![expect(unsafe_code, reason = "the HDF5 C API; every function wants proof that the library's lock is held")]

use std::ffi::{c_int, c_uint, c_void};

use hdf5_sys::h5::{haddr_t, hsize_t};
use hdf5_sys::h5d::{H5D_alloc_time_t, H5D_fill_time_t, H5Dchunk_iter};
use hdf5_sys::h5p::{H5P_DEFAULT, H5Pset_alloc_time, H5Pset_attr_phase_change, H5Pset_fill_time};
use hdf5_sys::h5s::H5S_UNLIMITED;
use hdf5_sys::h5t::{H5T_class_t, H5Tarray_create2, H5Tcreate, H5Tinsert};

use super::chunked::chunked;
use super::kept::{IN_HEADER, kept};
use super::{Chunks, Element, Handle, Library, Refused, c_string, check, handle};

/// A field of a table's rows; they follow one another without gaps.
pub(in super::super) struct Field<'n> {
    pub(in super::super) name: &'n str,
    pub(in super::super) element: Element,
    /// How many elements it has, if it is an array of them.
    pub(in super::super) array: Option<u64>,
}

/// The size of a table and its chunks.
#[derive(Clone, Copy)]
pub(in super::super) struct Shape {
    pub(in super::super) rows: u64,
    pub(in super::super) chunk_rows: u64,
    /// The level of deflate, behind shuffle; none for chunks as they are, whose space is set aside at once.
    pub(in super::super) deflate: Option<u8>,
}

impl<'l> Handle<'l> {
    /// Creates the table `name` in this group.
    pub(in super::super) fn table(
        &self,
        library: &'l Library,
        name: &str,
        fields: &[Field<'_>],
        shape: Shape,
    ) -> Result<Self, Refused> {
        let (kind, creation) = (row(library, fields)?, creation(library, shape)?);
        // SAFETY: ids are owned and belong to the library, whose lock is held.
        unsafe { self.dataset(library, name, kind.id, &[shape.rows], &[H5S_UNLIMITED], creation.id) }
    }

    /// Where in the file the chunks of this table are, in their order. There are `count`, and all have space already.
    pub(in super::super) fn chunk_addresses(&self, chunk_rows: u64, count: usize) -> Result<Vec<u64>, Refused> {
        let mut found = Found { chunk_rows, addresses: vec![None; count] };
        // SAFETY: the handle proves the lock; `note` is called during the call only, with what is lent to it here.
        unsafe {
            let lent = std::ptr::from_mut(&mut found).cast();
            check("find the chunks", H5Dchunk_iter(self.id, H5P_DEFAULT, Some(note), lent))?;
        }
        let addresses: Option<Vec<u64>> = found.addresses.into_iter().collect();
        addresses.ok_or_else(|| Refused::because("find the chunks", "internal error: some have no place"))
    }
}

struct Found {
    chunk_rows: u64,
    addresses: Vec<Option<u64>>,
}

/// Takes down where a chunk is.
///
/// # Safety
/// `offset` points at one number, and `found` at a [`Found`] that nobody else uses.
unsafe extern "C" fn note(
    offset: *const hsize_t,
    _filters: c_uint,
    address: haddr_t,
    _bytes: hsize_t,
    found: *mut c_void,
) -> c_int {
    // SAFETY: as above; the dataset has one dimension.
    let (first_row, found) = unsafe { (*offset, &mut *found.cast::<Found>()) };
    let place = usize::try_from(first_row / found.chunk_rows).ok().and_then(|chunk| found.addresses.get_mut(chunk));
    if let Some(place) = place {
        *place = Some(address);
    }
    0
}

/// The type of a row.
fn row<'l>(library: &'l Library, fields: &[Field<'_>]) -> Result<Handle<'l>, Refused> {
    let count = |field: &Field<'_>| usize::try_from(field.array.unwrap_or(1)).unwrap_or(usize::MAX);
    let bytes = |field: &Field<'_>| field.element.bytes().saturating_mul(count(field));
    // SAFETY: names live until the calls return; ids are checked and owned; the lock is held. The library copies the type
    // of a field.
    unsafe {
        let whole = H5Tcreate(H5T_class_t::H5T_COMPOUND, fields.iter().map(bytes).sum());
        let row = handle(library, "make a row type", whole)?;
        let mut offset = 0;
        for field in fields {
            let (name, element) = (c_string(field.name)?, kept(library)?.element(library, field.element)?);
            let array = match field.array {
                Some(count) => {
                    let array = H5Tarray_create2(element, 1, [count].as_ptr());
                    Some(handle(library, "make an array type", array)?)
                }
                None => None,
            };
            let kind = array.as_ref().map_or(element, |array| array.id);
            check("add a field", H5Tinsert(row.id, name.as_ptr(), offset, kind))?;
            offset += bytes(field);
        }
        Ok(row)
    }
}

/// Properties of a table of this shape.
fn creation(library: &Library, shape: Shape) -> Result<Handle<'_>, Refused> {
    let chunks = Chunks { shape: &[shape.chunk_rows], largest: &[], level: shape.deflate };
    let list = chunked(library, chunks)?;
    // SAFETY: the list is ours; the lock is held.
    unsafe {
        check("keep attributes in the header", H5Pset_attr_phase_change(list.id, IN_HEADER, IN_HEADER - 1))?;
        check("turn off filling", H5Pset_fill_time(list.id, H5D_fill_time_t::H5D_FILL_TIME_NEVER))?;
        if shape.deflate.is_none() {
            check("set early allocation", H5Pset_alloc_time(list.id, H5D_alloc_time_t::H5D_ALLOC_TIME_EARLY))?;
        }
    }
    Ok(list)
}
