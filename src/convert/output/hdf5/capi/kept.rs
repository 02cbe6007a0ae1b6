//! What every output needs in the same form: property lists, types and dataspaces, made once for the process and never
//! given back. Making them anew for each of some sixty attributes is a good part of what a small file costs.

#![expect(unsafe_code, reason = "the HDF5 C API; every function wants proof that the library's lock is held")]

use std::sync::OnceLock;

use hdf5_sys::h5d::{H5D_alloc_time_t, H5D_fill_time_t};
use hdf5_sys::h5f::H5F_libver_t;
use hdf5_sys::h5i::hid_t;
use hdf5_sys::h5p::{
    H5P_CLS_DATASET_CREATE, H5P_CLS_FILE_ACCESS, H5P_CLS_FILE_CREATE, H5P_CLS_GROUP_CREATE, H5Pcreate,
    H5Pset_alloc_time, H5Pset_attr_phase_change, H5Pset_chunk, H5Pset_fapl_core, H5Pset_fill_time,
    H5Pset_libver_bounds, H5Pset_link_phase_change, H5Pset_obj_track_times,
};
use hdf5_sys::h5s::{H5S_class_t, H5Screate};
use hdf5_sys::h5t::{
    H5T_C_S1, H5T_IEEE_F64LE, H5T_STD_B8LE, H5T_STD_I8LE, H5T_STD_I64LE, H5T_STD_U8LE, H5T_STD_U64LE, H5T_VARIABLE,
    H5T_cset_t, H5Tcopy, H5Tenum_create, H5Tenum_insert, H5Tset_cset, H5Tset_size, H5Tvlen_create,
};

use super::{Element, Library, Refused, check, id};

/// Attributes and links of a group that are kept in its header, where they are cheap; HDF5 moves more than eight of them
/// into a heap and a tree, which cost a small file more than all else. Looking one up goes through all of them.
pub(super) const IN_HEADER: u32 = 64;

/// Bytes by which a file in memory grows.
const MEMORY_STEP: usize = 64 << 10;

/// Identifiers of the library that are never closed.
pub(super) struct Kept {
    /// Property lists: to create a file on disk, and one in memory.
    pub(super) on_disk: hid_t,
    pub(super) in_memory: hid_t,
    pub(super) file: hid_t,
    pub(super) group: hid_t,
    /// … a dataset; one whose space is set aside at once and not filled; one of single rows.
    pub(super) dataset: hid_t,
    pub(super) reserved: hid_t,
    pub(super) rows: hid_t,
    /// The dataspace of one value, and the one of none.
    pub(super) scalar: hid_t,
    pub(super) null: hid_t,
    /// Variable-length rows of bytes, and of eight-byte words.
    pub(super) row_of_bytes: hid_t,
    pub(super) row_of_words: hid_t,
    /// Fixed-length texts of either character set; their length is set before each use.
    ascii: hid_t,
    utf8: hid_t,
    /// Texts of any length, which end with NUL.
    pub(super) text_of_any_length: hid_t,
    /// Booleans as h5py has them.
    truth: hid_t,
}

static KEPT: OnceLock<Kept> = OnceLock::new();

/// What is kept.
pub(super) fn kept(library: &Library) -> Result<&'static Kept, Refused> {
    if let Some(kept) = KEPT.get() {
        return Ok(kept);
    }
    // Nobody else can be here: the lock is held.
    let made = Kept::make(library)?;
    Ok(KEPT.get_or_init(|| made))
}

impl Kept {
    fn make(library: &Library) -> Result<Self, Refused> {
        // SAFETY: the lock is held; every id is checked before it is used.
        unsafe {
            let reserved = dataset(library)?;
            check("set early allocation", H5Pset_alloc_time(reserved, H5D_alloc_time_t::H5D_ALLOC_TIME_EARLY))?;
            check("turn off filling", H5Pset_fill_time(reserved, H5D_fill_time_t::H5D_FILL_TIME_NEVER))?;
            let rows = dataset(library)?;
            check("set the chunk size", H5Pset_chunk(rows, 1, [1].as_ptr()))?;
            let (on_disk, in_memory) = (access(library)?, access(library)?);
            check("keep files in memory", H5Pset_fapl_core(in_memory, MEMORY_STEP, 0))?;
            Ok(Self {
                on_disk,
                in_memory,
                file: untimed(library, *H5P_CLS_FILE_CREATE)?,
                group: group(library)?,
                dataset: dataset(library)?,
                reserved,
                rows,
                scalar: id("make a dataspace", H5Screate(H5S_class_t::H5S_SCALAR))?,
                null: id("make a dataspace", H5Screate(H5S_class_t::H5S_NULL))?,
                row_of_bytes: id("make a row type", H5Tvlen_create(*H5T_STD_U8LE))?,
                row_of_words: id("make a row type", H5Tvlen_create(*H5T_STD_U64LE))?,
                ascii: string(library, H5T_cset_t::H5T_CSET_ASCII)?,
                utf8: string(library, H5T_cset_t::H5T_CSET_UTF8)?,
                text_of_any_length: text_of_any_length(library)?,
                truth: truth(library)?,
            })
        }
    }

    /// The type of `element`. That of a text is good until the next text's is asked for.
    pub(super) fn element(&self, library: &Library, element: Element) -> Result<hid_t, Refused> {
        // The library has made its own types when its lock can be held.
        Ok(match element {
            Element::Int64 => *H5T_STD_I64LE,
            Element::Uint64 => *H5T_STD_U64LE,
            Element::Float64 => *H5T_IEEE_F64LE,
            Element::Bool => *H5T_STD_B8LE,
            Element::Byte => *H5T_STD_U8LE,
            Element::Truth => self.truth,
            Element::AnyText => self.text_of_any_length,
            Element::Text(bytes) => return self.text(library, bytes, H5T_cset_t::H5T_CSET_ASCII),
        })
    }

    /// The type of a text of so many bytes, good until the next text's is asked for.
    pub(super) fn text(&self, _library: &Library, bytes: usize, set: H5T_cset_t) -> Result<hid_t, Refused> {
        let kind = if set == H5T_cset_t::H5T_CSET_UTF8 { self.utf8 } else { self.ascii };
        // SAFETY: the type is ours; the lock is held.
        check("size a string type", unsafe { H5Tset_size(kind, bytes.max(1)) })?;
        Ok(kind)
    }
}

/// Properties of access to a file: readable by HDF5 1.8 and later.
fn access(library: &Library) -> Result<hid_t, Refused> {
    let list = list(library, *H5P_CLS_FILE_ACCESS)?;
    let (low, high) = (H5F_libver_t::H5F_LIBVER_V18, H5F_libver_t::H5F_LIBVER_V18);
    // SAFETY: the list is ours; the lock is held.
    check("set the file version", unsafe { H5Pset_libver_bounds(list, low, high) })?;
    Ok(list)
}

fn dataset(library: &Library) -> Result<hid_t, Refused> {
    untimed(library, *H5P_CLS_DATASET_CREATE)
}

fn group(library: &Library) -> Result<hid_t, Refused> {
    let list = untimed(library, *H5P_CLS_GROUP_CREATE)?;
    // SAFETY: the list is ours; the lock is held.
    unsafe {
        check("keep attributes in the header", H5Pset_attr_phase_change(list, IN_HEADER, IN_HEADER - 1))?;
        check("keep links in the header", H5Pset_link_phase_change(list, IN_HEADER, IN_HEADER - 1))?;
    }
    Ok(list)
}

/// Properties of an object that carries no time stamps.
fn untimed(library: &Library, class: hid_t) -> Result<hid_t, Refused> {
    let list = list(library, class)?;
    // SAFETY: the list is ours; the lock is held.
    check("turn off time stamps", unsafe { H5Pset_obj_track_times(list, 0) })?;
    Ok(list)
}

fn list(_library: &Library, class: hid_t) -> Result<hid_t, Refused> {
    // SAFETY: the library made the class; the lock is held.
    id("make a property list", unsafe { H5Pcreate(class) })
}

fn string(_library: &Library, set: H5T_cset_t) -> Result<hid_t, Refused> {
    // SAFETY: the copy is ours; the lock is held.
    unsafe {
        let kind = id("copy a type", H5Tcopy(*H5T_C_S1))?;
        check("set a character set", H5Tset_cset(kind, set))?;
        Ok(kind)
    }
}

fn text_of_any_length(library: &Library) -> Result<hid_t, Refused> {
    let kind = string(library, H5T_cset_t::H5T_CSET_UTF8)?;
    // SAFETY: the type is ours; the lock is held.
    check("size a string type", unsafe { H5Tset_size(kind, H5T_VARIABLE) })?;
    Ok(kind)
}

/// An enumeration of `FALSE` and `TRUE`.
fn truth(_library: &Library) -> Result<hid_t, Refused> {
    // SAFETY: the enumeration is ours; names end with NUL, and a value of its base type has one byte; the lock is held.
    unsafe {
        let kind = id("make an enumeration", H5Tenum_create(*H5T_STD_I8LE))?;
        for (name, value) in [(c"FALSE", 0_i8), (c"TRUE", 1)] {
            let member = H5Tenum_insert(kind, name.as_ptr(), std::ptr::from_ref(&value).cast());
            check("make an enumeration", member)?;
        }
        Ok(kind)
    }
}
