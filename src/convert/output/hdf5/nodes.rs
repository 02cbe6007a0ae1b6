//! pandas' `fixed` format as groups, arrays and attributes: all that needs the library, and nothing of the content.
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

use std::ffi::CStr;

use super::super::super::frame::Labels;
use super::super::super::frame::dtype::Dtype;
use super::super::provenance::ATTRIBUTE;
use super::capi::{self, Chunks, Element, Handle, Library, Parked, ParkedFile};
use super::layout::{Addresses, BlockLayout, Layout, Place, Tiling, Values};
use super::pickle;
use super::refused::Refused;

/// `None` as a pickle.
const NONE: &[u8] = b"N.";

/// Makes the file `path`, which must not exist, of this layout, with `told` of its source, and tells where its content
/// belongs, and its bytes if it is in memory.
pub(super) fn lay_out(
    library: &Library,
    path: &CStr,
    layout: &Layout,
    told: &str,
) -> Result<(Addresses, Vec<u8>), Refused> {
    let open = open(library, path, layout, told)?;
    let addresses = open.addresses.clone();
    Ok((addresses, open.close(library, layout)?))
}

/// A file that is laid out and still open.
pub(super) struct Open {
    file: ParkedFile,
    group: Parked,
    /// The blocks of numbers and then the row numbers, if these are cut into chunks.
    pub(super) tiled: Vec<Parked>,
    /// Where content belongs that is in no chunk.
    pub(super) addresses: Addresses,
}

/// Makes the file as [`lay_out`] does, and leaves it open for chunks.
pub(super) fn open(library: &Library, path: &CStr, layout: &Layout, told: &str) -> Result<Open, Refused> {
    let (file, root) = capi::create(library, path, layout.medium())?;
    origin(library, &root, layout.rows, layout.bad_records, told)?;
    node(library, &root, "GROUP", "1.0")?;
    root.text(library, "PYTABLES_FORMAT_VERSION", "2.1")?;
    let group = key_group(library, root, &layout.key)?;
    let (addresses, tiled) = frame(library, &group, layout)?;
    Ok(Open { file: file.park(), group: group.park(), tiled, addresses })
}

impl Open {
    /// Closes the file, and tells its bytes if it is in memory.
    pub(super) fn close(self, library: &Library, layout: &Layout) -> Result<Vec<u8>, Refused> {
        drop(self.tiled);
        let group = self.group.resume(library);
        (0..layout.heaps.len()).try_for_each(|number| group.unlink(&heap_name("", number)))?;
        let own = |block: &BlockLayout| matches!(block.values, Values::LargePickle { .. });
        for (number, _) in layout.blocks.iter().enumerate().filter(|(_, block)| own(block)) {
            group.unlink(&heap_name("block", number))?;
        }
        drop(group);
        self.file.resume(library).close()
    }
}

/// What every output tells of its source.
pub(super) fn origin<'l>(
    library: &'l Library,
    root: &Handle<'l>,
    rows: usize,
    bad_records: u64,
    told: &str,
) -> Result<(), Refused> {
    root.int(library, "h5inbox_rows", i64::try_from(rows).unwrap_or(i64::MAX))?;
    root.int(library, "h5inbox_bad_records", bad_records.cast_signed())?;
    // Of any length and not of a fixed one: its bytes are in a heap, which has no checksum, and can be written later.
    root.text_of_any_length(library, ATTRIBUTE, told)
}

/// Attributes, labels, and space for everything else: where it is, and the datasets whose chunks are to come.
fn frame<'l>(library: &'l Library, group: &Handle<'l>, layout: &Layout) -> Result<(Addresses, Vec<Parked>), Refused> {
    frame_attributes(library, group, layout.blocks.len())?;
    let (mut addresses, mut tiled) = (Addresses::default(), Vec::new());
    let columns = layout.blocks.iter().map(|block| block.columns.len()).sum();
    labels(library, group, "axis0", layout, &(0..columns).collect::<Vec<_>>())?;
    for (number, bytes) in layout.heaps.iter().enumerate() {
        let (_, address) = group.reserve(library, &heap_name("", number), Element::Byte, &[*bytes])?;
        addresses.heaps.push((address.unwrap_or_default(), *bytes));
    }
    for (number, block) in layout.blocks.iter().enumerate() {
        group.text(library, &format!("block{number}_items_variety"), "regular")?;
        labels(library, group, &format!("block{number}_items"), layout, &block.columns)?;
        let (node, place) = values(library, group, number, layout, block)?;
        addresses.blocks.push(place);
        tiled.extend(layout.tiling.filter(|_| block.values == Values::Numbers).map(|_| node.park()));
    }
    // Behind the pickles, so that none of them is at the end of the file, which HDF5 cuts off where nothing is known.
    let (index, address) = numbers(library, group, "axis1", Element::Int64, &[layout.rows], layout.tiling)?;
    addresses.rows = address;
    index_attributes(library, &index, "integer", layout.tiling)?;
    tiled.extend(layout.tiling.map(|_| index.park()));
    Ok((addresses, tiled))
}

/// An array of numbers: space for it and where that is, or chunks to come.
fn numbers<'l>(
    library: &'l Library,
    group: &Handle<'l>,
    name: &str,
    element: Element,
    shape: &[usize],
    tiling: Option<Tiling>,
) -> Result<(Handle<'l>, Option<u64>), Refused> {
    let lengths: Vec<u64> = shape.iter().map(|length| *length as u64).collect();
    let Some(tiling) = tiling else { return group.reserve(library, name, element, &lengths) };
    let tile = [&[tiling.height][..], &shape[1..].iter().map(|columns| tiling.width(*columns)).collect::<Vec<_>>()];
    let tile: Vec<u64> = tile.concat().into_iter().map(|length| length as u64).collect();
    let chunks = Chunks { shape: &tile, largest: &lengths, level: Some(tiling.level) };
    Ok((group.chunked(library, name, element, &lengths, chunks, None)?, None))
}

/// The name under which the space of pickles is set aside, as long as the file is open.
fn heap_name(of: &str, number: usize) -> String {
    format!("{of}heap{number}")
}

pub(super) fn key_group<'l>(library: &'l Library, root: Handle<'l>, key: &str) -> Result<Handle<'l>, Refused> {
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
    layout: &Layout,
    columns: &[usize],
) -> Result<(), Refused> {
    let count = [columns.len() as u64];
    match &layout.labels {
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
            index_attributes(library, &node, "string", None)
        }
        Labels::None | Labels::Positions(_) => {
            let numbers: Vec<u64> = columns.iter().map(|column| (*column as u64).to_le()).collect();
            let node = group.small(library, name, Element::Int64, &count, bytemuck::cast_slice(&numbers))?;
            index_attributes(library, &node, "integer", None)
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

/// Sets space aside for the values of `block`, and tells where.
fn values<'l>(
    library: &'l Library,
    group: &Handle<'l>,
    number: usize,
    layout: &Layout,
    block: &BlockLayout,
) -> Result<(Handle<'l>, Place), Refused> {
    let name = format!("block{number}_values");
    let (node, place) = match block.values {
        Values::Numbers => {
            let shape = [layout.rows, block.columns.len()];
            let (node, content) = numbers(library, group, &name, element(block.dtype), &shape, layout.tiling)?;
            array_attributes(library, &node, layout.tiling)?;
            (node, Place { content, row: None })
        }
        Values::SmallPickle => {
            let (node, row) = group.row_elsewhere(library, &name, false)?;
            pickle_attributes(library, &node)?;
            (node, Place { content: None, row: Some(row) })
        }
        Values::LargePickle { heap, words } => {
            let (_, content) = group.reserve(library, &heap_name("block", number), Element::Byte, &[heap])?;
            let (node, row) = group.row_elsewhere(library, &name, words)?;
            pickle_attributes(library, &node)?;
            (node, Place { content, row: Some(row) })
        }
    };
    node.flag(library, "transposed", true)?;
    if let Some(value_type) = value_type(block.dtype) {
        node.text(library, "value_type", value_type)?;
    }
    if block.dtype == Dtype::DatetimeUtc {
        node.text(library, "tz", "UTC")?;
    }
    Ok((node, place))
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

fn element(dtype: Dtype) -> Element {
    match dtype {
        Dtype::Bool => Element::Bool,
        Dtype::Int64 | Dtype::Datetime | Dtype::DatetimeUtc => Element::Int64,
        Dtype::Uint64 => Element::Uint64,
        Dtype::Float64 | Dtype::Str | Dtype::Object | Dtype::NullableInt => Element::Float64,
    }
}

fn index_attributes<'l>(
    library: &'l Library,
    node: &Handle<'l>,
    kind: &str,
    tiling: Option<Tiling>,
) -> Result<(), Refused> {
    array_attributes(library, node, tiling)?;
    node.text(library, "kind", kind)?;
    node.pickle(library, "name", NONE)?;
    node.flag(library, "transposed", true)
}

fn array_attributes<'l>(library: &'l Library, array: &Handle<'l>, tiling: Option<Tiling>) -> Result<(), Refused> {
    if tiling.is_some() {
        return node(library, array, "CARRAY", "1.1");
    }
    node(library, array, "ARRAY", "2.4")?;
    array.text(library, "FLAVOR", "numpy")
}

fn pickle_attributes<'l>(library: &'l Library, row: &Handle<'l>) -> Result<(), Refused> {
    node(library, row, "VLARRAY", "1.4")?;
    row.text(library, "PSEUDOATOM", "object")
}

pub(super) fn node<'l>(library: &'l Library, handle: &Handle<'l>, class: &str, version: &str) -> Result<(), Refused> {
    handle.text(library, "CLASS", class)?;
    handle.text(library, "VERSION", version)?;
    handle.text(library, "TITLE", "")
}
