//! The columns of a frame, what each is in Arrow, and the schema that says so.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_schema::{Field, FieldRef, Schema, SchemaRef};

use super::super::super::ConvertError;
use super::super::super::deadline::Deadline;
use super::super::super::defect::Defect;
use super::super::super::frame::column::{Cell, Column, KindSet, Tag};
use super::super::super::frame::dtype::Dtype;
use super::super::super::frame::value::Value;
use super::super::super::frame::{Frame, PieceCells, Spot};
use super::super::super::profile::{self, Stage};
use super::super::provenance::{ATTRIBUTE, Provenance};
use super::array::ArrayMaker;
use super::groups;
use super::kind::Kind;
use super::pandas;
use super::shape::{MOST_KEYS, Misfit, Shape};
use crate::config::OnUnfit;

/// A frame as a table of Arrow.
pub(super) struct Table<'f> {
    pub(super) frame: &'f Frame,
    /// What each column is.
    pub(super) kinds: Vec<Kind>,
    /// Whether some object in it has a key twice.
    repeats: Vec<bool>,
    /// The same as the kinds, with the names.
    pub(super) schema: SchemaRef,
}

impl<'f> Table<'f> {
    /// The table of `frame`. A column that has no type is refused, or made text.
    pub(super) fn of(frame: &'f Frame, on_unfit: OnUnfit, deadline: Deadline) -> Result<Self, ConvertError> {
        let nested: Vec<usize> = (0..frame.columns.len()).filter(|index| is_nested(frame, *index)).collect();
        let looked_at = look_at(frame, &nested, deadline)?;
        let looked_at: HashMap<usize, Nested> = nested.into_iter().zip(looked_at).collect();
        let kind = |index| match kind_of(frame, index, looked_at.get(&index)) {
            Ok(kind) => Ok(kind),
            Err(_) if on_unfit == OnUnfit::Text => as_text(frame, index),
            Err(defect) => Err(defect),
        };
        let kinds: Vec<Kind> = (0..frame.columns.len()).map(kind).collect::<Result<_, Defect>>()?;
        let field = |(index, kind): (usize, &Kind)| -> FieldRef {
            Arc::new(Field::new(frame.label(index), kind.data_type(), true))
        };
        let fields: Vec<FieldRef> = kinds.iter().enumerate().map(field).collect();
        let repeats =
            (0..kinds.len()).map(|index| looked_at.get(&index).is_some_and(|nested| nested.repeats)).collect();
        Ok(Self { frame, kinds, repeats, schema: Arc::new(Schema::new(fields)) })
    }

    /// What each column is, in Arrow's words.
    pub(super) fn types(&self) -> Vec<String> {
        self.schema.fields().iter().map(|field| field.data_type().to_string()).collect()
    }

    /// The schema with this metadata.
    pub(super) fn schema_with(&self, metadata: &[(String, String)]) -> SchemaRef {
        let metadata: HashMap<String, String> = metadata.iter().cloned().collect();
        Arc::new(self.schema.as_ref().clone().with_metadata(metadata))
    }

    /// What is to stand in the file's metadata.
    pub(super) fn metadata(&self, provenance: &Provenance) -> [(String, String); 2] {
        let told = provenance.text().trim_end().to_owned();
        [("pandas".to_owned(), pandas::metadata(self)), (ATTRIBUTE.to_owned(), told)]
    }

    /// An array of column `index` in the making, with room for so many rows.
    pub(super) fn maker(&self, index: usize, room: usize) -> ArrayMaker {
        ArrayMaker { repeats: self.repeats[index], ..ArrayMaker::new(&self.kinds[index], room) }
    }

    /// How many columns of plain values there are.
    pub(super) fn leaves(&self) -> usize {
        self.kinds.iter().map(Kind::leaves).sum()
    }

    /// Whether column `index` has nulls.
    pub(super) fn has_nulls(&self, index: usize) -> bool {
        let kinds = self.frame.kinds(index);
        kinds.has(Tag::Null) || kinds.has(Tag::Missing)
    }
}

/// The kinds of values in column `index`.
fn values(frame: &Frame, index: usize) -> KindSet {
    frame.kinds(index).without(Tag::Null).without(Tag::Missing)
}

/// Whether every value of column `index` is a list or an object.
fn is_nested(frame: &Frame, index: usize) -> bool {
    let values = values(frame, index);
    values.has(Tag::Nested) && values.within(&[Tag::Nested])
}

/// What the values of a column are, all of which are lists and objects.
#[derive(Clone, Default)]
struct Nested {
    shape: Shape,
    /// Whether some object has a key twice.
    repeats: bool,
    /// Whether there are so many different keys that they are data and no names. The shape is given up then.
    too_many: bool,
}

impl Nested {
    /// Adds what was found in rows behind those so far.
    fn merge(&mut self, found: &Self, rows_before: usize) {
        self.repeats |= found.repeats;
        if !self.too_many {
            self.shape.merge(&found.shape, rows_before);
            self.too_many = self.shape.keys() > MOST_KEYS;
        }
        if self.too_many {
            self.shape = Shape::default();
        }
    }
}

/// What the values of the columns `nested` are.
fn look_at(frame: &Frame, nested: &[usize], deadline: Deadline) -> Result<Vec<Nested>, ConvertError> {
    let mut all = vec![Nested::default(); nested.len()];
    if nested.is_empty() {
        return Ok(all);
    }
    let look = |piece: usize| {
        deadline.check()?;
        let _encode = profile::span(Stage::Encode);
        let cells = frame.cells_of(piece).map_err(ConvertError::Spill)?;
        Ok(nested.iter().map(|index| nested_in(&cells, *index)).collect::<Option<Vec<_>>>().ok_or_else(not_ours)?)
    };
    let (mut rows_before, mut piece) = (0, 0);
    groups::in_order(frame.pieces.len(), groups::is_large(frame), look, |found| {
        all.iter_mut().zip(&found).for_each(|(all, found)| all.merge(found, rows_before));
        rows_before += frame.pieces[piece].rows();
        piece += 1;
        Ok(())
    })?;
    Ok(all)
}

fn not_ours() -> Defect {
    Defect::internal("a nested value cannot be read back")
}

/// What the values of column `index` are in one piece; `None` if they are no pickles of ours.
fn nested_in(cells: &PieceCells<'_>, index: usize) -> Option<Nested> {
    let mut found = Nested::default();
    let Some(column) = cells.column(index) else { return Some(found) };
    for (row, pickle) in pickles(column) {
        found.repeats |= found.shape.add(pickle, row)?;
    }
    if found.repeats {
        // Once more, with the last value of each key only.
        found.shape = Shape::default();
        for (row, pickle) in pickles(column) {
            found.shape.add(&once(pickle)?, row)?;
        }
    }
    Some(found)
}

fn pickles(column: &Column) -> impl Iterator<Item = (usize, &[u8])> {
    column.stored().filter_map(|(row, _, cell)| match cell {
        Cell::Pickled(pickle) => Some((row, pickle)),
        _ => None,
    })
}

/// A pickle in which each key of an object stands once, with its last value.
pub(super) fn once(pickle: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(pickle.len());
    Value::of(pickle)?.write_pickle(&mut out);
    Some(out)
}

/// What column `index` is; `nested` tells of its values, if they are nested.
fn kind_of(frame: &Frame, index: usize, nested: Option<&Nested>) -> Result<Kind, Defect> {
    let values = values(frame, index);
    Ok(match frame.columns[index].dtype {
        Dtype::Bool => Kind::Bool,
        Dtype::Int64 | Dtype::NullableInt => Kind::Int64,
        Dtype::Uint64 => Kind::Uint64,
        // Integers become floats for their nulls only in pandas.
        Dtype::Float64 if values.is_empty() => Kind::Float64,
        Dtype::Float64 if values.within(&[Tag::Int]) => Kind::Int64,
        Dtype::Float64 if values.within(&[Tag::Int, Tag::Uint]) => Kind::Uint64,
        Dtype::Float64 => Kind::Float64,
        Dtype::Str => Kind::Text,
        Dtype::Datetime => Kind::Time,
        Dtype::DatetimeUtc => Kind::TimeUtc,
        Dtype::Object if values.is_empty() => Kind::Text,
        Dtype::Object if values.within(&[Tag::Bool]) => Kind::Bool,
        Dtype::Object => match nested {
            Some(nested) if nested.too_many => return Err(too_many_keys(frame, index)),
            Some(nested) => return nested.shape.kind().map_err(|misfit| unfit_row(frame, index, &misfit)),
            None => return Err(unfit(frame, index)),
        },
    })
}

/// The refusal of a column whose values, none of them a list or object alone, are of no type together. It names the first
/// record that does not go with those before it.
fn unfit(frame: &Frame, index: usize) -> Defect {
    let spot = |spot: Option<Spot>| spot.map(|Spot { record, line }| (record, Some(line)));
    let negative = first_negative(frame, index);
    let found = [
        (spot(frame.mixed_from(index)), "values of different kinds"),
        (spot(frame.first(index, Tag::BigInt)), "an integer beyond 64 bits"),
        (
            negative.map(|at| at.max(spot(frame.first(index, Tag::Uint)).unwrap_or(at))),
            "integers below zero and above int64",
        ),
    ];
    let found = found.into_iter().filter_map(|(spot, why)| Some((spot?, why))).min();
    let ((record, line), why) = found.unwrap_or(((0, None), "values of different kinds"));
    refusal(frame, index, (record, line), why)
}

/// Where the first negative integer of a column is that has some above `int64`, too.
fn first_negative(frame: &Frame, index: usize) -> Option<(u64, Option<u64>)> {
    if !frame.kinds(index).has(Tag::Uint) || !frame.kinds(index).has_negative() {
        return None;
    }
    let mut rows_before = 0;
    for piece in 0..frame.pieces.len() {
        let cells = frame.cells_of(piece).ok()?;
        let mut stored = cells.column(index).into_iter().flat_map(Column::stored);
        if let Some((row, ..)) = stored.find(|(.., cell)| matches!(cell, Cell::Int(..0))) {
            return Some(frame.spot_of_row(rows_before + row));
        }
        rows_before += cells.piece.rows();
    }
    None
}

fn refusal(frame: &Frame, index: usize, (record, line): (u64, Option<u64>), why: &str) -> Defect {
    let why = format!("{why}, for which Arrow has no type");
    Defect { line, ..Defect::unfit(0, &frame.label(index), &why) }.in_record(record)
}

/// The refusal of a nested value.
fn unfit_row(frame: &Frame, index: usize, misfit: &Misfit) -> Defect {
    refusal(frame, index, frame.spot_of_row(misfit.row), &misfit.why)
}

fn too_many_keys(frame: &Frame, index: usize) -> Defect {
    let why = format!("its objects have more than {MOST_KEYS} different keys, which seem to be data and no names");
    Defect { line: None, ..Defect::unfit(0, &frame.label(index), &why) }
}

/// Column `index` as text. Half of a surrogate pair is none: inside a list or object it stays an escape.
fn as_text(frame: &Frame, index: usize) -> Result<Kind, Defect> {
    match frame.first(index, Tag::WildText) {
        Some(spot) => Err(Defect::lone_surrogate(spot.line, &frame.label(index)).in_record(spot.record)),
        None => Ok(Kind::Json),
    }
}
