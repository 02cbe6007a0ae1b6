//! The plain layout as groups, datasets and attributes: all that needs the library, and nothing of the content.
//!
//! ```text
//! /KEY                    group that knows the order of its members; `column-order`: their names
//! /KEY/COLUMN             the values, one-dimensional; `column_name` where the link is named otherwise
//! /KEY/COLUMN__missing    TRUE where a value is missing, if no value says so itself
//! ```

use std::ffi::CStr;

use super::super::capi::{self, Chunks, Element, Handle, Library, Medium, Parked, ParkedFile};
use super::super::nodes::origin;
use super::super::refused::Refused;
use super::columns::{Kind, PlainColumn};
use super::names::MISSING;

/// The name under which the space of texts is set aside, as long as the file is open: none that a column can have.
const HEAP: &str = "%heap";

/// All that the library is told.
pub(super) struct Plan<'c> {
    pub(super) columns: &'c [PlainColumn],
    pub(super) rows: usize,
    /// Rows of a chunk.
    pub(super) height: usize,
    /// How hard chunks are compressed, if they are.
    pub(super) level: Option<u8>,
    /// Bytes of all texts.
    pub(super) heap: u64,
    pub(super) key: &'c str,
}

impl Plan<'_> {
    /// Bytes of content, about.
    pub(super) fn bytes(&self) -> u64 {
        let width = |column: &PlainColumn| 1 + column.kind.element().bytes() as u64;
        self.heap + self.rows as u64 * self.columns.iter().map(width).sum::<u64>()
    }
}

/// A dataset whose content is to come.
pub(super) enum Place {
    /// It has none.
    Nowhere,
    /// It is one run of bytes, at this address.
    Flat(u64),
    /// It is in chunks.
    Chunks(Parked),
}

/// A file that is laid out and still open.
pub(super) struct Open {
    file: ParkedFile,
    group: Parked,
    /// Where the texts belong.
    pub(super) heap: Option<u64>,
    /// For each column its values, and its mask if it has one.
    pub(super) places: Vec<(Place, Option<Place>)>,
}

/// Makes the file `path`, which must not exist.
pub(super) fn open(
    library: &Library,
    path: &CStr,
    medium: Medium,
    plan: &Plan<'_>,
    bad_records: u64,
    told: &str,
) -> Result<Open, Refused> {
    let (file, root) = capi::create(library, path, medium)?;
    origin(library, &root, plan.rows, bad_records, told)?;
    let group = key_group(library, root, plan.key)?;
    group.texts(library, "column-order", plan.columns.iter().map(|column| column.link.as_str()))?;
    // Before all else, so that it is not at the end of the file, which HDF5 cuts off where nothing is known.
    let heap = match plan.heap {
        0 => None,
        bytes => group.reserve(library, HEAP, Element::Byte, &[bytes])?.1,
    };
    let places = plan.columns.iter().map(|column| places(library, &group, plan, column)).collect::<Result<_, _>>()?;
    Ok(Open { file: file.park(), group: group.park(), heap, places })
}

impl Open {
    /// Closes the file, and tells its bytes if it is in memory.
    pub(super) fn close(self, library: &Library) -> Result<Vec<u8>, Refused> {
        drop(self.places);
        let group = self.group.resume(library);
        self.heap.map_or(Ok(()), |_| group.unlink(HEAP))?;
        drop(group);
        self.file.resume(library).close()
    }
}

/// The group of the columns, and those above it.
fn key_group<'l>(library: &'l Library, root: Handle<'l>, key: &str) -> Result<Handle<'l>, Refused> {
    let names = key.split('/').filter(|name| !name.is_empty());
    names.into_iter().try_fold(root, |parent, name| parent.ordered_group(library, name))
}

/// Makes the datasets of `column`.
fn places<'l>(
    library: &'l Library,
    group: &Handle<'l>,
    plan: &Plan<'_>,
    column: &PlainColumn,
) -> Result<(Place, Option<Place>), Refused> {
    let describe = |values: &Handle<'l>| attributes(library, values, column);
    let values = dataset(library, group, plan, (&column.link, column.kind.element(), column.fill()), describe)?;
    let name = format!("{}{MISSING}", column.link);
    let mask = || dataset(library, group, plan, (&name, Element::Truth, None), |_| Ok(()));
    Ok((values, column.has_mask().then(mask).transpose()?))
}

/// Makes a dataset of this name, element and fill value, to which `describe` adds attributes.
fn dataset<'l>(
    library: &'l Library,
    group: &Handle<'l>,
    plan: &Plan<'_>,
    (name, element, fill): (&str, Element, Option<u64>),
    describe: impl FnOnce(&Handle<'l>) -> Result<(), Refused>,
) -> Result<Place, Refused> {
    let rows = plan.rows as u64;
    if rows == 0 {
        describe(&group.small(library, name, element, &[0], &[])?)?;
        return Ok(Place::Nowhere);
    }
    // References to texts cannot be set aside without being written, so that they always come in chunks.
    if plan.level.is_none() && !matches!(element, Element::AnyText) {
        let (dataset, address) = group.reserve_column(library, name, element, rows, fill)?;
        describe(&dataset)?;
        return Ok(address.map_or(Place::Nowhere, Place::Flat));
    }
    let chunks = Chunks { shape: &[plan.height as u64], largest: &[rows], level: plan.level };
    let dataset = group.chunked(library, name, element, &[rows], chunks, fill)?;
    describe(&dataset)?;
    Ok(Place::Chunks(dataset.park()))
}

fn attributes<'l>(library: &'l Library, values: &Handle<'l>, column: &PlainColumn) -> Result<(), Refused> {
    if column.link != column.label {
        values.text_of_any_length(library, "column_name", &column.label)?;
    }
    if let Some(fill) = column.fill() {
        values.one_number(library, "_FillValue", column.kind.element(), fill)?;
    }
    match column.kind {
        Kind::Time { utc } => {
            values.text_of_any_length(library, "units", "nanoseconds since 1970-01-01")?;
            values.text_of_any_length(library, "calendar", "proleptic_gregorian")?;
            if utc { values.text_of_any_length(library, "tz", "UTC") } else { Ok(()) }
        }
        Kind::Nested => values.text_of_any_length(library, "content", "json"),
        _ => Ok(()),
    }
}
