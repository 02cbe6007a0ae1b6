//! pandas' `fixed` format.
//!
//! ```text
//! /KEY                group
//! /KEY/axis0          column labels, all of them, in the frame's order
//! /KEY/axis1          row numbers
//! /KEY/blockN_items   labels of the columns in block N
//! /KEY/blockN_values  their values: numbers as a (rows, columns) array, text and objects as one pickle
//! ```
//!
//! One block for each numeric dtype, one for each text column, and one for **all** object columns, because pandas
//! turns a block of only text and nulls into `str` on reading, as a whole. No `value_type` on text (pandas 2.3 would
//! turn missing text into the word `nan`), `pandas_version` always (pandas before 3.1 wants it).

use std::ffi::CString;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::super::super::ConvertError;
use super::super::super::frame::dtype::Dtype;
use super::super::super::frame::{Frame, Labels};
use super::super::super::profile::{self, Stage};
use super::super::OutputError;
use super::blocks::{self, Block, PickleSize};
use super::capi::{self, Element, Handle, Library, Medium, Refused};
use super::fill::{self, Addresses};
use super::pickle;

/// A pickle of fewer bytes goes through the library, which keeps several in one place.
const SMALL_PICKLE: u64 = 16 << 10;

/// A file with less content than this is laid out in memory and written in one go.
const IN_MEMORY: u64 = 1 << 20;

/// `None` as a pickle.
const NONE: &[u8] = b"N.";

/// What an output tells of its source, as attributes of its root group that pandas does not look at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Provenance {
    /// Records that were left out (`h5inbox_bad_records`; beside it stands `h5inbox_rows`).
    pub(crate) bad_records: u64,
}

/// Writes `frame` under `key` into the new file `path` and returns the file's size in bytes. With `durable` its bytes
/// are on disk on return.
pub(crate) fn write(
    frame: &Frame,
    key: &str,
    provenance: Provenance,
    path: &Path,
    durable: bool,
) -> Result<u64, ConvertError> {
    let blocks = blocks::of(frame)?;
    let small = small_pickles(frame, &blocks).map_err(ConvertError::Spill)?;
    let name = CString::new(path.as_os_str().as_bytes()).unwrap_or_default();
    let refused = |Refused { action, detail }| OutputError::Hdf5 { action, path: path.into(), detail };
    let medium = medium(frame, &blocks);
    let (addresses, image) = capi::locked(|library| {
        let (file, root) = capi::create(library, &name, medium)?;
        root.int(library, "h5inbox_rows", i64::try_from(frame.rows).unwrap_or(i64::MAX))?;
        root.int(library, "h5inbox_bad_records", provenance.bad_records.cast_signed())?;
        let addresses = lay_out(library, root, frame, &blocks, &small, key)?;
        Ok((addresses, file.close()?))
    })
    .map_err(refused)?;
    let mut file = open(path, medium)?;
    {
        let _write = profile::span(Stage::Write);
        file.write_all(&image).map_err(OutputError::io("write", path))?;
    }
    fill::write(&file, frame, &blocks, &addresses).map_err(OutputError::io("write", path))?;
    if durable {
        let _sync = profile::span(Stage::Fsync);
        file.sync_all().map_err(OutputError::io("sync", path))?;
    }
    Ok(file.metadata().map_err(OutputError::io("look at", path))?.len())
}

/// Where the file is laid out: in memory, unless that would take much of it.
fn medium(frame: &Frame, blocks: &[Block]) -> Medium {
    let bytes = |block: &Block| match &block.pickle {
        Some(size) => size.length,
        None => 8 * (frame.rows * block.columns.len()) as u64,
    };
    let content = 8 * frame.rows as u64 + blocks.iter().map(bytes).sum::<u64>();
    if content < IN_MEMORY { Medium::Memory } else { Medium::Disk }
}

/// Opens the output for its content, and makes it first if it was laid out in memory.
fn open(path: &Path, medium: Medium) -> Result<File, OutputError> {
    let mut options = File::options();
    match medium {
        Medium::Disk => options.write(true).open(path).map_err(OutputError::io("open", path)),
        Medium::Memory => options.write(true).create_new(true).open(path).map_err(OutputError::io("create", path)),
    }
}

/// For each block its whole pickle, if that is small.
fn small_pickles(frame: &Frame, blocks: &[Block]) -> io::Result<Vec<Option<Vec<u8>>>> {
    let size =
        |block: &Block| block.pickle.as_ref().filter(|size| size.length < SMALL_PICKLE).map(|size| size.header.clone());
    let mut pickles: Vec<Option<Vec<u8>>> = blocks.iter().map(size).collect();
    if pickles.iter().all(Option::is_none) {
        return Ok(pickles);
    }
    let _encode = profile::span(Stage::Encode);
    for part in 0..frame.parts.len() {
        let cells = frame.cells_of(part)?;
        for (block, out) in blocks.iter().zip(&mut pickles) {
            if let Some(out) = out {
                pickle::write_piece(&cells, &block.columns, out, |_| Ok(()))?;
            }
        }
    }
    pickles.iter_mut().flatten().for_each(|out| out.extend_from_slice(pickle::FOOTER));
    Ok(pickles)
}

/// Everything that needs the library: groups, attributes, labels, small pickles, and space for everything else.
fn lay_out<'l>(
    library: &'l Library,
    root: Handle<'l>,
    frame: &Frame,
    blocks: &[Block],
    small: &[Option<Vec<u8>>],
    key: &str,
) -> Result<Addresses, Refused> {
    node(library, &root, "GROUP", "1.0")?;
    root.text(library, "PYTABLES_FORMAT_VERSION", "2.1")?;
    let group = key_group(library, root, key)?;
    frame_attributes(library, &group, blocks.len())?;
    let mut addresses = Addresses::default();
    labels(library, &group, "axis0", frame, &(0..frame.columns.len()).collect::<Vec<_>>())?;
    for (number, (block, small)) in blocks.iter().zip(small).enumerate() {
        group.text(library, &format!("block{number}_items_variety"), "regular")?;
        labels(library, &group, &format!("block{number}_items"), frame, &block.columns)?;
        let address = values(library, &group, &format!("block{number}_values"), frame.rows, block, small.as_deref())?;
        addresses.blocks.push(address);
    }
    // Behind the pickles, so that none of them is at the end of the file, which HDF5 cuts off where nothing is known.
    let (index, address) = group.reserve(library, "axis1", Element::Int64, &[frame.rows as u64])?;
    addresses.rows = address;
    index_attributes(library, &index, "integer")?;
    drop(index);
    for number in blocks.iter().enumerate().filter(|(n, block)| block.pickle.is_some() && small[*n].is_none()) {
        group.unlink(&heap_name(number.0))?;
    }
    Ok(addresses)
}

/// The name under which the space of a large pickle is set aside, as long as the file is open.
fn heap_name(number: usize) -> String {
    format!("block{number}_heap")
}

fn key_group<'l>(library: &'l Library, root: Handle<'l>, key: &str) -> Result<Handle<'l>, Refused> {
    key.split('/').filter(|name| !name.is_empty()).try_fold(root, |parent, name| {
        let group = parent.group(library, name)?;
        node(library, &group, "GROUP", "1.0")?;
        Ok(group)
    })
}

fn frame_attributes<'l>(library: &'l Library, group: &Handle<'l>, blocks: usize) -> Result<(), Refused> {
    group.text(library, "pandas_type", "frame")?;
    group.text(library, "pandas_version", "0.15.2")?;
    group.text(library, "encoding", "UTF-8")?;
    group.text(library, "errors", "strict")?;
    group.int(library, "ndim", 2)?;
    group.int(library, "nblocks", i64::try_from(blocks).unwrap_or(i64::MAX))?;
    group.text(library, "axis0_variety", "regular")?;
    group.text(library, "axis1_variety", "regular")
}

/// Writes the labels of `columns` as the index node `name`.
fn labels<'l>(
    library: &'l Library,
    group: &Handle<'l>,
    name: &str,
    frame: &Frame,
    columns: &[usize],
) -> Result<(), Refused> {
    let count = [columns.len() as u64];
    match &frame.labels {
        // Only empty records: pandas reads labels of no type.
        Labels::Keys(keys) if keys.is_empty() => no_labels(library, group, name),
        Labels::Keys(keys) => {
            let width = columns.iter().map(|column| keys[*column].len()).max().unwrap_or(0).max(1);
            let mut content = vec![0; width * columns.len()];
            for (place, column) in content.chunks_mut(width).zip(columns) {
                place[..keys[*column].len()].copy_from_slice(&keys[*column]);
            }
            let node = group.small(library, name, Element::Text(width), &count, &content)?;
            // Without it pandas 3.1 takes the label `nan` for a missing one.
            node.text(library, "nan_rep", "")?;
            index_attributes(library, &node, "string")
        }
        Labels::None | Labels::Positions(_) => {
            let numbers: Vec<u64> = columns.iter().map(|column| (*column as u64).to_le()).collect();
            let node = group.small(library, name, Element::Int64, &count, bytemuck::cast_slice(&numbers))?;
            index_attributes(library, &node, "integer")
        }
    }
}

fn no_labels<'l>(library: &'l Library, group: &Handle<'l>, name: &str) -> Result<(), Refused> {
    let node = group.row(library, name, &pickle::empty_array())?;
    pickle_attributes(library, &node)?;
    node.text(library, "kind", "object")?;
    node.pickle(library, "name", NONE)?;
    node.flag(library, "transposed", true)
}

/// Writes the values of `block`, or sets space aside for them and tells its address.
fn values<'l>(
    library: &'l Library,
    group: &Handle<'l>,
    name: &str,
    rows: usize,
    block: &Block,
    small: Option<&[u8]>,
) -> Result<Option<u64>, Refused> {
    let (node, address) = match (&block.pickle, small) {
        (Some(_), Some(pickle)) => (group.row(library, name, pickle)?, None),
        (Some(size), None) => large_pickle(library, group, name, size)?,
        (None, _) => {
            let shape = [rows as u64, block.columns.len() as u64];
            group.reserve(library, name, element(block.dtype), &shape)?
        }
    };
    if block.pickle.is_some() {
        pickle_attributes(library, &node)?;
    } else {
        array_attributes(library, &node)?;
    }
    node.flag(library, "transposed", true)?;
    if let Some(value_type) = value_type(block.dtype) {
        node.text(library, "value_type", value_type)?;
    }
    if block.dtype == Dtype::DatetimeUtc {
        node.text(library, "tz", "UTC")?;
    }
    Ok(address)
}

/// What pandas is to make of the values. `datetime64` is the only word for points in time that pandas from 1.5 on
/// understands, 3.0.0 excepted; `Int64` is ignored before pandas 2.3.
fn value_type(dtype: Dtype) -> Option<&'static str> {
    match dtype {
        Dtype::Datetime | Dtype::DatetimeUtc => Some("datetime64"),
        Dtype::NullableInt => Some("Int64"),
        _ => None,
    }
}

/// A row whose content is written without the library, in a place that the library keeps free: that of a dataset of bytes
/// which is removed again before the file is closed.
fn large_pickle<'l>(
    library: &'l Library,
    group: &Handle<'l>,
    name: &str,
    size: &PickleSize,
) -> Result<(Handle<'l>, Option<u64>), Refused> {
    let heap = name.replace("_values", "_heap");
    let (_, address) = group.reserve(library, &heap, Element::Byte, &[fill::heap_bytes(size.length)])?;
    let address = address.unwrap_or_default();
    let length = if size.words { size.length / 8 } else { size.length };
    let element = fill::heap_reference(u32::try_from(length).unwrap_or(u32::MAX), address);
    Ok((group.row_elsewhere(library, name, size.words, &element)?, Some(address)))
}

fn element(dtype: Dtype) -> Element {
    match dtype {
        Dtype::Bool => Element::Bool,
        Dtype::Int64 | Dtype::Datetime | Dtype::DatetimeUtc => Element::Int64,
        Dtype::Uint64 => Element::Uint64,
        Dtype::Float64 | Dtype::Str | Dtype::Object | Dtype::NullableInt => Element::Float64,
    }
}

fn index_attributes<'l>(library: &'l Library, node: &Handle<'l>, kind: &str) -> Result<(), Refused> {
    array_attributes(library, node)?;
    node.text(library, "kind", kind)?;
    node.pickle(library, "name", NONE)?;
    node.flag(library, "transposed", true)
}

fn array_attributes<'l>(library: &'l Library, array: &Handle<'l>) -> Result<(), Refused> {
    node(library, array, "ARRAY", "2.4")?;
    array.text(library, "FLAVOR", "numpy")
}

fn pickle_attributes<'l>(library: &'l Library, row: &Handle<'l>) -> Result<(), Refused> {
    node(library, row, "VLARRAY", "1.4")?;
    row.text(library, "PSEUDOATOM", "object")
}

fn node<'l>(library: &'l Library, handle: &Handle<'l>, class: &str, version: &str) -> Result<(), Refused> {
    handle.text(library, "CLASS", class)?;
    handle.text(library, "VERSION", version)?;
    handle.text(library, "TITLE", "")
}
