//! pandas' `table` format as a group, a table and attributes: all that needs the library, and nothing of the content.
//!
//! ```text
//! /KEY         group: which fields the index and the columns are in, and the order of the columns
//! /KEY/table   rows of the fields `index`, COLUMN …, values_block_N …
//! ```
//!
//! `pandas_version` always (pandas before 3.1 wants it), no `FIELD_N_…` and no `…_meta` (nobody wants them; pandas 2.3
//! would turn missing text into the word `nan`), and one `nan_rep` for the whole table, which every version honours.

use std::ffi::CStr;

use super::super::super::super::frame::Labels;
use super::super::super::super::frame::dtype::Dtype;
use super::super::capi::table::{self, Shape};
use super::super::capi::{self, Element, File, Handle, Library, Medium};
use super::super::nodes;
use super::super::refused::Refused;
use super::fields::{Field, Fields, INDEX, Kind, columns_of};
use super::pickles::{NONE, dict, finished, int, list, text, tuple};
use super::rows::Chunks;

/// All that the library is told of a table.
pub(super) struct Plan<'f> {
    pub(super) key: &'f str,
    pub(super) labels: &'f Labels,
    pub(super) fields: &'f Fields,
    pub(super) chunks: Chunks,
    pub(super) deflate: Option<u8>,
    pub(super) bad_records: u64,
    /// What the output tells of its source.
    pub(super) told: &'f str,
}

/// Makes the file `path`, which must not exist, and returns it with its table, whose rows are not written yet.
pub(super) fn lay_out<'l>(
    library: &'l Library,
    path: &CStr,
    medium: Medium,
    plan: &Plan<'_>,
) -> Result<(File<'l>, Handle<'l>), Refused> {
    let (file, root) = capi::create(library, path, medium)?;
    nodes::origin(library, &root, plan.chunks.rows, plan.bad_records, plan.told)?;
    nodes::node(library, &root, "GROUP", "1.0")?;
    root.text(library, "PYTABLES_FORMAT_VERSION", "2.1")?;
    let group = nodes::key_group(library, root, plan.key)?;
    group_attributes(library, &group, plan)?;
    let Chunks { rows, chunk_rows, .. } = plan.chunks;
    let shape = Shape { rows: rows as u64, chunk_rows: chunk_rows as u64, deflate: plan.deflate };
    let table = group.table(library, "table", &row(plan.fields), shape)?;
    table_attributes(library, &table, plan)?;
    Ok((file, table))
}

/// The fields of a row, the index first.
fn row(fields: &Fields) -> Vec<table::Field<'_>> {
    let index = table::Field { name: INDEX, element: Element::Int64, array: None };
    std::iter::once(index).chain(fields.all.iter().map(field)).collect()
}

fn field(field: &Field) -> table::Field<'_> {
    table::Field { name: &field.name, element: element(field.kind), array: field.array() }
}

fn element(kind: Kind) -> Element {
    match kind {
        Kind::Word(Dtype::Float64) => Element::Float64,
        Kind::Word(Dtype::Uint64) => Element::Uint64,
        Kind::Word(_) => Element::Int64,
        Kind::Flag => Element::Bool,
        Kind::Text(bytes) => Element::Text(bytes),
    }
}

fn group_attributes<'l>(library: &'l Library, group: &Handle<'l>, plan: &Plan<'_>) -> Result<(), Refused> {
    let Plan { fields, labels, .. } = plan;
    let names = |own_only: bool| {
        let of = fields.all.iter().filter(move |field| field.own || !own_only);
        list(of.map(|field| text(&field.name)))
    };
    let pickle = |name: &str, value: Vec<u8>| group.pickle(library, name, &finished(value));
    group.text(library, "pandas_type", "frame_table")?;
    group.text(library, "pandas_version", "0.15.2")?;
    group.text(library, "table_type", "appendable_frame")?;
    pickle("index_cols", list([tuple([int(0), text(INDEX)])]))?;
    pickle("values_cols", names(false))?;
    let columns = 0..columns_of(labels);
    pickle("non_index_axes", list([tuple([int(1), list(columns.map(|column| label(labels, column)))])]))?;
    pickle("data_columns", names(true))?;
    pickle("info", info(fields))?;
    group.text(library, "nan_rep", &fields.nan_rep)?;
    group.text(library, "encoding", "UTF-8")?;
    group.text(library, "errors", "strict")?;
    group.int(library, "levels", 1)
}

/// What pandas is to know of the axes, and the zone of points in time that have one.
fn info(fields: &Fields) -> Vec<u8> {
    let columns = dict([(text("names"), list([NONE.to_vec()])), (text("type"), text("Index"))]);
    let with_zone = fields.all.iter().filter(|field| field.kind == Kind::Word(Dtype::DatetimeUtc));
    let tz = with_zone.map(|field| (text(&field.name), dict([(text("tz"), text("UTC"))])));
    dict([(int(1), columns), (text(INDEX), dict([]))].into_iter().chain(tz))
}

fn table_attributes<'l>(library: &'l Library, table: &Handle<'l>, plan: &Plan<'_>) -> Result<(), Refused> {
    nodes::node(library, table, "TABLE", "2.7")?;
    table.int(library, "NROWS", i64::try_from(plan.chunks.rows).unwrap_or(i64::MAX))?;
    table.text(library, "index_kind", "integer")?;
    for field in &plan.fields.all {
        let labels = match field.columns[..] {
            // The name of a column that the frame does not have.
            [] => list([text("none")]),
            _ => list(field.columns.iter().map(|column| label(plan.labels, *column))),
        };
        table.text(library, &format!("{}_dtype", field.name), &dtype(field.kind))?;
        table.pickle(library, &format!("{}_kind", field.name), &finished(labels))?;
    }
    Ok(())
}

/// The name of what pandas is to make of a field.
fn dtype(kind: Kind) -> String {
    match kind {
        Kind::Word(Dtype::Float64) => "float64".to_owned(),
        Kind::Word(Dtype::Uint64) => "uint64".to_owned(),
        Kind::Word(Dtype::Datetime) => "datetime64[ns]".to_owned(),
        // Without a unit, or pandas 1.5 takes no notice of the zone. Only 3.0.0 does not understand it.
        Kind::Word(Dtype::DatetimeUtc) => "datetime64".to_owned(),
        Kind::Word(_) => "int64".to_owned(),
        Kind::Flag => "bool".to_owned(),
        Kind::Text(bytes) => format!("bytes{}", 8 * bytes),
    }
}

/// The label of a column, as a pickle.
fn label(labels: &Labels, column: usize) -> Vec<u8> {
    match labels {
        Labels::Keys(keys) => text(&String::from_utf8_lossy(&keys[column])),
        Labels::None | Labels::Positions(_) => int(column),
    }
}
