//! The columns of a frame, what each is in Arrow, and the schema that says so.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_schema::{Field, FieldRef, Schema, SchemaRef};

use super::super::super::ConvertError;
use super::super::super::deadline::Deadline;
use super::super::super::defect::Defect;
use super::super::super::frame::Frame;
use super::super::super::frame::column::{Cell, KindSet, Tag};
use super::super::super::frame::dtype::Dtype;
use super::super::super::profile::{self, Stage};
use super::super::provenance::{ATTRIBUTE, Provenance};
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
    /// The same with the names.
    pub(super) schema: SchemaRef,
}

impl<'f> Table<'f> {
    /// The table of `frame`. A column that has no type is refused, or made text.
    pub(super) fn of(frame: &'f Frame, on_unfit: OnUnfit, deadline: Deadline) -> Result<Self, ConvertError> {
        let nested: Vec<usize> = (0..frame.columns.len()).filter(|index| is_nested(frame, *index)).collect();
        let shapes = shapes(frame, &nested, deadline)?;
        let mut shapes = nested.into_iter().zip(shapes).collect::<HashMap<_, _>>();
        let kind = |index| match kind_of(frame, index, shapes.remove(&index).as_ref()) {
            Ok(kind) => Ok(kind),
            Err(_) if on_unfit == OnUnfit::Text => as_text(frame, index),
            Err(defect) => Err(defect),
        };
        let kinds: Vec<Kind> = (0..frame.columns.len()).map(kind).collect::<Result<_, Defect>>()?;
        let field = |(index, kind): (usize, &Kind)| -> FieldRef {
            Arc::new(Field::new(frame.label(index), kind.data_type(), true))
        };
        let fields: Vec<FieldRef> = kinds.iter().enumerate().map(field).collect();
        Ok(Self { frame, kinds, schema: Arc::new(Schema::new(fields)) })
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
    values(frame, index) == KindSet::of(Tag::Nested)
}

/// What the values of the columns `nested` are.
fn shapes(frame: &Frame, nested: &[usize], deadline: Deadline) -> Result<Vec<Shape>, ConvertError> {
    let mut all = vec![Shape::default(); nested.len()];
    if nested.is_empty() {
        return Ok(all);
    }
    let look = |piece: usize| {
        deadline.check()?;
        let _encode = profile::span(Stage::Encode);
        shapes_of_piece(frame, nested, piece)
    };
    let mut rows_before = 0;
    let mut piece = 0;
    groups::in_order(frame.pieces.len(), groups::is_large(frame), look, |shapes| {
        all.iter_mut().zip(&shapes).for_each(|(all, shape)| all.merge(shape, rows_before));
        rows_before += frame.pieces[piece].rows();
        piece += 1;
        match all.iter().position(|shape| shape.keys() > MOST_KEYS) {
            Some(place) => Err(too_many_keys(frame, nested[place]).into()),
            None => Ok(()),
        }
    })?;
    Ok(all)
}

fn shapes_of_piece(frame: &Frame, nested: &[usize], piece: usize) -> Result<Vec<Shape>, ConvertError> {
    let cells = frame.cells_of(piece).map_err(ConvertError::Spill)?;
    let mut shapes = vec![Shape::default(); nested.len()];
    for (shape, index) in shapes.iter_mut().zip(nested) {
        for (row, _, cell) in cells.column(*index).into_iter().flat_map(|column| column.stored()) {
            if let Cell::Pickled(pickle) = cell
                && !shape.add(pickle, row)
            {
                return Err(Defect::internal("a nested value cannot be read back").into());
            }
        }
    }
    Ok(shapes)
}

/// What column `index` is; `shape` is what its values are, if they are nested.
fn kind_of(frame: &Frame, index: usize, shape: Option<&Shape>) -> Result<Kind, Defect> {
    let values = values(frame, index);
    Ok(match frame.columns[index].dtype {
        Dtype::Bool => Kind::Bool,
        Dtype::Int64 | Dtype::NullableInt => Kind::Int64,
        Dtype::Uint64 => Kind::Uint64,
        // Integers become floats for their nulls only in pandas.
        Dtype::Float64 if values == KindSet::of(Tag::Int) => Kind::Int64,
        Dtype::Float64 if !values.is_empty() && values.within(&[Tag::Int, Tag::Uint]) => Kind::Uint64,
        Dtype::Float64 => Kind::Float64,
        Dtype::Str => Kind::Text,
        Dtype::Datetime => Kind::Time,
        Dtype::DatetimeUtc => Kind::TimeUtc,
        Dtype::Object if values.is_empty() => Kind::Text,
        Dtype::Object if values == KindSet::of(Tag::Bool) => Kind::Bool,
        Dtype::Object => match shape {
            Some(shape) => return shape.kind().map_err(|misfit| unfit_row(frame, index, misfit)),
            None => return Err(unfit(frame, index)),
        },
    })
}

/// The refusal of a column whose values, none of them a list or object alone, are of no type together.
fn unfit(frame: &Frame, index: usize) -> Defect {
    let label = frame.label(index);
    let (spot, why) = if let Some(spot) = frame.mixed_from(index) {
        (Some(spot), "values of different kinds".to_owned())
    } else if let Some(spot) = frame.first(index, Tag::BigInt) {
        (Some(spot), "an integer beyond 64 bits".to_owned())
    } else {
        (frame.first(index, Tag::Uint), "integers below zero and above int64".to_owned())
    };
    let why = format!("{why}, for which Arrow has no type");
    match spot {
        Some(spot) => Defect::unfit(spot.line, &label, &why).in_record(spot.record),
        None => Defect { line: None, ..Defect::unfit(0, &label, &why) },
    }
}

/// The refusal of a nested value.
fn unfit_row(frame: &Frame, index: usize, Misfit { row, why }: Misfit) -> Defect {
    let (record, line) = frame.spot_of_row(row);
    let why = format!("{why}, for which Arrow has no type");
    Defect { line, ..Defect::unfit(0, &frame.label(index), &why) }.in_record(record)
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
