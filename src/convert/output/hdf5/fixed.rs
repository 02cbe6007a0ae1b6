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
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::super::super::ConvertError;
use super::super::super::defect::Defect;
use super::super::super::frame::dtype::Dtype;
use super::super::super::frame::{Frame, Labels};
use super::super::super::profile::{self, Stage};
use super::super::OutputError;
use super::capi::{self, Element, Handle, Library, Refused};
use super::{pickle, raw};

/// A pickle of this many bytes and more is stored in eight-byte words, because HDF5 keeps 32 bits of a row's length.
const WORDS_FROM: usize = u32::MAX as usize;
/// The longest pickle that HDF5 can hold so.
const LONGEST_PICKLE: usize = 8 * (u32::MAX as usize);

/// `None` as a pickle.
const NONE: &[u8] = b"N.";

/// Columns that are stored together.
struct Block {
    dtype: Dtype,
    columns: Vec<usize>,
    /// The block's pickle, for text and objects.
    pickle: Option<Vec<u8>>,
}

/// A numeric block whose bytes are still to be written.
struct Reserved<'b> {
    address: u64,
    /// `None` for the row numbers.
    block: Option<&'b Block>,
}

/// Writes `frame` under `key` into the new file `path` and returns the file's size in bytes. With `durable` its bytes
/// are on disk on return.
pub(crate) fn write(frame: &Frame, key: &str, path: &Path, durable: bool) -> Result<u64, ConvertError> {
    let blocks = blocks(frame)?;
    let name = CString::new(path.as_os_str().as_bytes()).unwrap_or_default();
    let refused = |Refused { action, detail }| OutputError::Hdf5 { action, path: path.into(), detail };
    let reserved = capi::locked(|library| lay_out(library, frame, &blocks, key, &name)).map_err(refused)?;
    Ok(fill(frame, &reserved, path, durable)?)
}

/// What does not need the library, done before its lock is taken.
fn blocks(frame: &Frame) -> Result<Vec<Block>, Defect> {
    let of = |dtype: Dtype| -> Vec<usize> {
        (0..frame.columns.len()).filter(|index| frame.columns[*index].dtype == dtype).collect()
    };
    let mut blocks = Vec::new();
    for dtype in [Dtype::Float64, Dtype::Int64, Dtype::Uint64, Dtype::Bool] {
        blocks.push(Block { dtype, columns: of(dtype), pickle: None });
    }
    for column in of(Dtype::Str) {
        blocks.push(pickled_block(frame, Dtype::Str, vec![column])?);
    }
    if let objects @ [_, ..] = &of(Dtype::Object)[..] {
        blocks.push(pickled_block(frame, Dtype::Object, objects.to_vec())?);
    }
    blocks.retain(|block| !block.columns.is_empty());
    Ok(blocks)
}

fn pickled_block(frame: &Frame, dtype: Dtype, columns: Vec<usize>) -> Result<Block, Defect> {
    let _encode = profile::span(Stage::Encode);
    let mut pickle = pickle::object_array(frame, &columns);
    if pickle.len() >= WORDS_FROM {
        // Bytes behind the end of a pickle are not read.
        pickle.resize(pickle.len().next_multiple_of(8), 0);
    }
    if pickle.len() > LONGEST_PICKLE {
        let what =
            format!("column `{}` needs {} bytes, more than HDF5 can hold", frame.label(columns[0]), pickle.len());
        return Err(Defect::too_large_for_format(what));
    }
    Ok(Block { dtype, columns, pickle: Some(pickle) })
}

/// Everything that needs the library: groups, attributes, labels, pickles, and space for the numbers.
fn lay_out<'b>(
    library: &Library,
    frame: &Frame,
    blocks: &'b [Block],
    key: &str,
    path: &std::ffi::CStr,
) -> Result<Vec<Reserved<'b>>, Refused> {
    let (file, root) = capi::create(library, path)?;
    node(library, &root, "GROUP", "1.0")?;
    root.text(library, "PYTABLES_FORMAT_VERSION", "2.1")?;
    let group = key_group(library, root, key)?;
    frame_attributes(library, &group, blocks.len())?;
    let mut reserved = Vec::new();
    labels(library, &group, "axis0", frame, &(0..frame.columns.len()).collect::<Vec<_>>())?;
    let rows = [frame.rows as u64];
    let (index, address) = group.reserve(library, "axis1", Element::Int64, &rows)?;
    index_attributes(library, &index, "integer")?;
    reserved.extend(address.map(|address| Reserved { address, block: None }));
    for (number, block) in blocks.iter().enumerate() {
        group.text(library, &format!("block{number}_items_variety"), "regular")?;
        labels(library, &group, &format!("block{number}_items"), frame, &block.columns)?;
        let address = values(library, &group, &format!("block{number}_values"), frame.rows, block)?;
        reserved.extend(address.map(|address| Reserved { address, block: Some(block) }));
    }
    drop((index, group));
    file.close()?;
    Ok(reserved)
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
    let node = group.row(library, name, &pickle::empty_array(), false)?;
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
) -> Result<Option<u64>, Refused> {
    let (node, address) = if let Some(pickle) = &block.pickle {
        let node = group.row(library, name, pickle, pickle.len() >= WORDS_FROM)?;
        pickle_attributes(library, &node)?;
        (node, None)
    } else {
        let shape = [rows as u64, block.columns.len() as u64];
        let (node, address) = group.reserve(library, name, element(block.dtype), &shape)?;
        array_attributes(library, &node)?;
        (node, address)
    };
    node.flag(library, "transposed", true)?;
    Ok(address)
}

fn element(dtype: Dtype) -> Element {
    match dtype {
        Dtype::Bool => Element::Bool,
        Dtype::Int64 => Element::Int64,
        Dtype::Uint64 => Element::Uint64,
        Dtype::Float64 | Dtype::Str | Dtype::Object => Element::Float64,
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

/// Writes the numbers into the space set aside, without the library and its lock.
fn fill(frame: &Frame, reserved: &[Reserved<'_>], path: &Path, durable: bool) -> Result<u64, OutputError> {
    let _write = profile::span(Stage::Write);
    let file = File::options().write(true).open(path).map_err(OutputError::io("open", path))?;
    for Reserved { address, block } in reserved {
        match block {
            None => raw::write_row_numbers(&file, *address, frame.rows),
            Some(block) => raw::write_block(&file, *address, frame, &block.columns, block.dtype),
        }
        .map_err(OutputError::io("write", path))?;
    }
    if durable {
        let _sync = profile::span(Stage::Fsync);
        file.sync_all().map_err(OutputError::io("sync", path))?;
    }
    Ok(file.metadata().map_err(OutputError::io("look at", path))?.len())
}
