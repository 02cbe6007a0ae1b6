//! What each column of a frame is in the plain layout, which has what pandas' arrays have not: integers and booleans
//! beside missing values.

use super::super::super::super::defect::Defect;
use super::super::super::super::frame::Frame;
use super::super::super::super::frame::column::Tag;
use super::super::super::super::frame::dtype::Dtype;
use super::super::capi::Element;
use super::names;
use crate::config::OnUnfit;

/// What a dataset holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Int,
    Uint,
    Float,
    Bool,
    /// Points in time, in nanoseconds since 1970; with a zone, in UTC.
    Time {
        utc: bool,
    },
    Text,
    /// Lists and objects, as JSON.
    Nested,
    /// Values of several kinds: texts as they are, others as JSON.
    Mixed,
}

/// How missing values are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    /// There are none, or NaN is one.
    Nowhere,
    /// By a value that occurs nowhere else.
    Fill,
    /// By a dataset of booleans.
    Mask,
}

/// A column as it is in the file.
#[derive(Clone, Debug)]
pub(super) struct PlainColumn {
    /// Its number in the frame.
    pub(super) index: usize,
    pub(super) label: String,
    /// The name of its link.
    pub(super) link: String,
    pub(super) kind: Kind,
    pub(super) missing: Missing,
}

impl Kind {
    pub(super) fn element(self) -> Element {
        match self {
            Self::Int | Self::Time { .. } => Element::Int64,
            Self::Uint => Element::Uint64,
            Self::Float => Element::Float64,
            Self::Bool => Element::Truth,
            Self::Text | Self::Nested | Self::Mixed => Element::AnyText,
        }
    }

    /// Whether its values are texts in a heap.
    pub(super) fn is_text(self) -> bool {
        matches!(self, Self::Text | Self::Nested | Self::Mixed)
    }

    /// The word that may stand for a missing value.
    pub(super) fn fill(self) -> u64 {
        match self {
            Self::Uint => u64::MAX,
            _ => i64::MIN.cast_unsigned(),
        }
    }

    /// The one tag of cells whose words are the values.
    pub(super) fn tag(self) -> Tag {
        match self {
            Self::Int => Tag::Int,
            Self::Uint => Tag::Uint,
            Self::Bool => Tag::Bool,
            Self::Time { utc: false } => Tag::Time,
            Self::Time { utc: true } => Tag::TimeUtc,
            Self::Float | Self::Text | Self::Nested | Self::Mixed => Tag::Float,
        }
    }
}

impl PlainColumn {
    /// What it is, for people.
    pub(super) fn in_words(&self) -> String {
        let what = match self.kind {
            Kind::Int => "int64",
            Kind::Uint => "uint64",
            Kind::Float => "float64",
            Kind::Bool => "bool",
            Kind::Time { utc: false } => "int64, nanoseconds since 1970",
            Kind::Time { utc: true } => "int64, nanoseconds since 1970 in UTC",
            Kind::Text => "text",
            Kind::Nested => "text, JSON",
            Kind::Mixed => "text, JSON where it is none",
        };
        match self.fill() {
            _ if self.has_mask() => format!("{what}; a mask tells what is missing"),
            Some(word) if self.kind == Kind::Uint => format!("{what}; {word} is missing"),
            Some(word) => format!("{what}; {} is missing", word.cast_signed()),
            None => what.to_owned(),
        }
    }

    /// Whether a dataset of booleans tells where values are missing.
    pub(super) fn has_mask(&self) -> bool {
        self.missing == Missing::Mask
    }

    /// The word that stands for a missing value.
    pub(super) fn fill(&self) -> Option<u64> {
        (self.missing == Missing::Fill).then(|| self.kind.fill())
    }
}

/// All columns of `frame`, in order. What has no type here is refused, or text.
pub(super) fn all(frame: &Frame, on_unfit: OnUnfit) -> Result<Vec<PlainColumn>, Defect> {
    (0..frame.columns.len()).map(|index| column(frame, index, on_unfit)).collect()
}

fn column(frame: &Frame, index: usize, on_unfit: OnUnfit) -> Result<PlainColumn, Defect> {
    let (label, kinds) = (frame.label(index), frame.kinds(index));
    let kind = kind(frame, index, on_unfit)?;
    if label.contains('\0') {
        let begun = frame.begun(index);
        let why = "its name holds a NUL, which no name in HDF5 can";
        return Err(Defect::lossy_text(begun.line, &label, why).in_record(begun.record));
    }
    let lacks = kinds.has(Tag::Null) || kinds.has(Tag::Missing);
    let missing = match kind {
        // Always, so that a file of the next day is of the same make.
        Kind::Time { .. } => Missing::Fill,
        Kind::Int | Kind::Uint if lacks => Missing::Fill,
        Kind::Bool | Kind::Text | Kind::Nested | Kind::Mixed if lacks => Missing::Mask,
        _ => Missing::Nowhere,
    };
    Ok(PlainColumn { index, link: names::link(&label), label, kind, missing })
}

fn kind(frame: &Frame, index: usize, on_unfit: OnUnfit) -> Result<Kind, Defect> {
    let values = frame.kinds(index).without(Tag::Null).without(Tag::Missing);
    Ok(match frame.columns[index].dtype {
        Dtype::Bool => Kind::Bool,
        Dtype::Datetime => Kind::Time { utc: false },
        Dtype::DatetimeUtc => Kind::Time { utc: true },
        Dtype::Str => Kind::Text,
        Dtype::Float64 | Dtype::Object if values.is_empty() => Kind::Float,
        Dtype::Float64 if values.has(Tag::Float) => Kind::Float,
        Dtype::Uint64 => Kind::Uint,
        // Integers that are floats in pandas only because others are missing.
        Dtype::Float64 if values.has(Tag::Uint) => Kind::Uint,
        Dtype::Int64 | Dtype::NullableInt | Dtype::Float64 => Kind::Int,
        Dtype::Object if values.within(&[Tag::Bool]) => Kind::Bool,
        Dtype::Object if values.within(&[Tag::Nested]) => Kind::Nested,
        Dtype::Object => mixed(frame, index, on_unfit)?,
    })
}

/// A column that has no type here.
fn mixed(frame: &Frame, index: usize, on_unfit: OnUnfit) -> Result<Kind, Defect> {
    let label = frame.label(index);
    if on_unfit == OnUnfit::Text {
        return match frame.first(index, Tag::WildText) {
            Some(spot) => Err(Defect::lone_surrogate(spot.line, &label).in_record(spot.record)),
            None => Ok(Kind::Mixed),
        };
    }
    let (spot, why) = if let Some(spot) = frame.mixed_from(index) {
        (spot, "values of different kinds, for which the plain layout has no type")
    } else if let Some(spot) = frame.first(index, Tag::BigInt) {
        (spot, "an integer beyond 64 bits, for which the plain layout has no type")
    } else {
        let spot = frame.first(index, Tag::Uint).unwrap_or(frame.begun(index));
        (spot, "an integer above int64 beside a negative one, for which the plain layout has no type")
    };
    Err(Defect::unfit(spot.line, &label, why).in_record(spot.record))
}
