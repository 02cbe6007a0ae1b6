//! Cells to arrays. An [`ArrayMaker`] takes the cells of one column, piece by piece, and gives an array of all of them.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, ListArray, StringArray, StructArray, TimestampNanosecondArray,
    UInt64Array,
};
use arrow_buffer::{BooleanBufferBuilder, Buffer, NullBuffer, NullBufferBuilder, OffsetBuffer, ScalarBuffer};
use arrow_schema::{ArrowError, Field};

use super::super::super::frame::column::{Cell, Column, Tag};
use super::super::super::frame::pickled;
use super::super::super::frame::piece::Piece;
use super::super::super::frame::value::Value;
use super::kind::Kind;
use super::nested::Members;
use super::table::once;

/// An array in the making.
pub(super) struct ArrayMaker {
    pub(super) valid: NullBufferBuilder,
    pub(super) values: Values,
    /// Whether objects may have a key twice, of which the last value counts.
    pub(super) repeats: bool,
}

/// The values of an array in the making; where there is a null, something of no meaning.
pub(super) enum Values {
    Bool(BooleanBufferBuilder),
    /// Integers, floats and points in time, as their bits.
    Words(Vec<u64>, Word),
    /// Where each text ends, and all of them one behind the other.
    Text(Vec<i32>, Vec<u8>),
    /// The same, of values as JSON.
    Json(Vec<i32>, Vec<u8>),
    /// Where each list ends among the items of all, and these.
    List(Vec<i32>, Box<ArrayMaker>),
    Struct(Members),
}

/// What a word is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    Int64,
    Uint64,
    Float64,
    Time,
    TimeUtc,
}

impl Word {
    /// The kind of cell whose word is the value.
    fn tag(self) -> Tag {
        match self {
            Self::Int64 => Tag::Int,
            Self::Uint64 => Tag::Uint,
            Self::Float64 => Tag::Float,
            Self::Time => Tag::Time,
            Self::TimeUtc => Tag::TimeUtc,
        }
    }

    /// An integer within `i64` as a word.
    #[expect(
        clippy::cast_precision_loss,
        reason = "the user is told where digits are lost, or it was looked for before"
    )]
    pub(super) fn of_int(self, value: i64) -> u64 {
        if self == Self::Float64 { (value as f64).to_bits() } else { value.cast_unsigned() }
    }

    /// An integer above `i64` as a word.
    #[expect(
        clippy::cast_precision_loss,
        reason = "the user is told where digits are lost, or it was looked for before"
    )]
    pub(super) fn of_uint(self, value: u64) -> u64 {
        if self == Self::Float64 { (value as f64).to_bits() } else { value }
    }
}

impl ArrayMaker {
    /// An array of this kind, with room for so many values.
    pub(super) fn new(kind: &Kind, room: usize) -> Self {
        let words = |word| Values::Words(Vec::with_capacity(room), word);
        let ends = || {
            let mut ends = Vec::with_capacity(room + 1);
            ends.push(0);
            ends
        };
        let values = match kind {
            Kind::Bool => Values::Bool(BooleanBufferBuilder::new(room)),
            Kind::Int64 => words(Word::Int64),
            Kind::Uint64 => words(Word::Uint64),
            Kind::Float64 => words(Word::Float64),
            Kind::Time => words(Word::Time),
            Kind::TimeUtc => words(Word::TimeUtc),
            Kind::Text => Values::Text(ends(), Vec::new()),
            Kind::Json | Kind::Empty => Values::Json(ends(), Vec::new()),
            Kind::List(items) => Values::List(ends(), Box::new(Self::new(items, room))),
            Kind::Struct(members) => Values::Struct(Members::new(members, room)),
        };
        Self { valid: NullBufferBuilder::new(room), values, repeats: false }
    }

    /// Number of values.
    pub(super) fn len(&self) -> usize {
        self.valid.len()
    }

    /// Adds the cells of `rows` of a column of `piece`; all are null if the piece has no such column.
    pub(super) fn append(
        &mut self,
        column: Option<&Column>,
        piece: &Piece,
        rows: Range<usize>,
    ) -> Result<(), ArrowError> {
        let Some(column) = column else {
            self.push_nulls(rows.len());
            return Ok(());
        };
        if let Values::Words(words, word) = &mut self.values
            && let Some(uniform) = column.uniform_words(word.tag(), piece.rows())
        {
            words.extend_from_slice(&uniform[rows.clone()]);
            self.valid.append_n_non_nulls(rows.len());
            return Ok(());
        }
        let text = matches!(self.values, Values::Text(..));
        if text && column.uniform() == Some(Tag::Text) && column.stored_count() == piece.rows() {
            return self.append_texts(column, piece, rows);
        }
        column.cells(rows, piece.absent()).try_for_each(|cell| self.push_cell(cell))
    }

    /// Adds cells all of which are text.
    fn append_texts(&mut self, column: &Column, piece: &Piece, rows: Range<usize>) -> Result<(), ArrowError> {
        let Values::Text(ends, texts) = &mut self.values else { return Err(unlike()) };
        self.valid.append_n_non_nulls(rows.len());
        if let Some(pickles) = column.uniform_text(rows.start, rows.end) {
            texts.reserve(pickles.len());
            return push_texts(ends, texts, pickles);
        }
        for cell in column.cells(rows, piece.absent()) {
            let Cell::Pickled(pickle) = cell else { return Err(unlike()) };
            texts.extend_from_slice(pickled::text_in(pickle));
            ends.push(end_of(texts.len())?);
        }
        Ok(())
    }

    fn push_cell(&mut self, cell: Cell<'_>) -> Result<(), ArrowError> {
        if matches!(cell, Cell::Null | Cell::Missing) {
            self.push_nulls(1);
            return Ok(());
        }
        match (&mut self.values, cell) {
            (Values::Bool(values), Cell::Bool(value)) => values.append(value),
            (Values::Words(words, word), Cell::Int(value)) => words.push(word.of_int(value)),
            (Values::Words(words, word), Cell::Uint(value)) => words.push(word.of_uint(value)),
            (Values::Words(words, Word::Float64), Cell::Float(value)) => words.push(value.to_bits()),
            (Values::Text(ends, texts), Cell::Pickled(pickle)) => {
                texts.extend_from_slice(pickled::text_in(pickle));
                ends.push(end_of(texts.len())?);
            }
            (Values::Json(ends, texts), cell) => {
                write_json(texts, cell)?;
                ends.push(end_of(texts.len())?);
            }
            (Values::List(..) | Values::Struct(_), Cell::Pickled(pickle)) if self.repeats => {
                return self.push_nested(&once(pickle).ok_or_else(unlike)?);
            }
            (Values::List(..) | Values::Struct(_), Cell::Pickled(pickle)) => return self.push_nested(pickle),
            _ => return Err(unlike()),
        }
        self.valid.append_non_null();
        Ok(())
    }

    /// Adds so many nulls.
    pub(super) fn push_nulls(&mut self, count: usize) {
        self.valid.append_n_nulls(count);
        match &mut self.values {
            Values::Bool(values) => values.append_n(count, false),
            Values::Words(words, _) => words.resize(words.len() + count, 0),
            Values::Text(ends, _) | Values::Json(ends, _) | Values::List(ends, _) => {
                let end = ends.last().copied().unwrap_or(0);
                ends.resize(ends.len() + count, end);
            }
            Values::Struct(members) => members.push_nulls(count),
        }
    }

    /// The array.
    pub(super) fn finish(mut self) -> Result<ArrayRef, ArrowError> {
        let length = self.len();
        let nulls = self.valid.finish();
        Ok(match self.values {
            Values::Bool(values) => Arc::new(BooleanArray::new(values.build(), nulls)),
            Values::Words(words, word) => array_of_words(words, word, nulls),
            // This is also where texts are looked at whether they are UTF-8.
            Values::Text(ends, texts) | Values::Json(ends, texts) => {
                Arc::new(StringArray::try_new(offsets(ends), Buffer::from_vec(texts), nulls)?)
            }
            Values::List(ends, items) => {
                let items = items.finish()?;
                let field = Field::new_list_field(items.data_type().clone(), true);
                Arc::new(ListArray::try_new(Arc::new(field), offsets(ends), items, nulls)?)
            }
            Values::Struct(members) => {
                let (fields, arrays) = members.finish()?;
                Arc::new(StructArray::try_new_with_length(fields, arrays, nulls, length)?)
            }
        })
    }
}

/// Adds the texts of pickles one behind the other.
fn push_texts(ends: &mut Vec<i32>, texts: &mut Vec<u8>, mut pickles: &[u8]) -> Result<(), ArrowError> {
    while !pickles.is_empty() {
        pickles = pickled::move_text(texts, pickles).ok_or_else(unlike)?;
        ends.push(end_of(texts.len())?);
    }
    Ok(())
}

fn array_of_words(words: Vec<u64>, word: Word, nulls: Option<NullBuffer>) -> ArrayRef {
    let words = Buffer::from_vec(words);
    match word {
        Word::Int64 => Arc::new(Int64Array::new(words.into(), nulls)),
        Word::Uint64 => Arc::new(UInt64Array::new(words.into(), nulls)),
        Word::Float64 => Arc::new(Float64Array::new(words.into(), nulls)),
        Word::Time => Arc::new(TimestampNanosecondArray::new(words.into(), nulls)),
        Word::TimeUtc => Arc::new(TimestampNanosecondArray::new(words.into(), nulls).with_timezone("UTC")),
    }
}

fn offsets(ends: Vec<i32>) -> OffsetBuffer<i32> {
    OffsetBuffer::new(ScalarBuffer::from(ends))
}

/// Where a text or list ends.
pub(super) fn end_of(length: usize) -> Result<i32, ArrowError> {
    i32::try_from(length).map_err(|_| ArrowError::OffsetOverflowError(length))
}

/// A value is not what was seen before: a mistake of ours.
pub(super) fn unlike() -> ArrowError {
    ArrowError::ComputeError("internal error: a value is not of the kind that its column was found to be".to_owned())
}

fn write_json(out: &mut Vec<u8>, cell: Cell<'_>) -> Result<(), ArrowError> {
    let value = match cell {
        Cell::Missing | Cell::Null => Value::Null,
        Cell::Bool(value) => Value::Bool(value),
        Cell::Int(value) => Value::Int(value),
        Cell::Uint(value) => Value::Uint(value),
        Cell::Float(value) => Value::Float(value),
        Cell::Pickled(pickle) => Value::of(pickle).ok_or_else(unlike)?,
    };
    match value {
        Value::Text(text) => out.extend_from_slice(text),
        other => other.write_json(out),
    }
    Ok(())
}
