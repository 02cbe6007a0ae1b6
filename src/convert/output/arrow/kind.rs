//! What a column, or a part of one, is in Arrow.

use std::sync::Arc;

use arrow_schema::{DataType, Field, FieldRef, TimeUnit};

/// What a column, or a part of one, is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    /// `bool`
    Bool,
    /// `int64`
    Int64,
    /// `uint64`
    Uint64,
    /// `double`
    Float64,
    /// `utf8`
    Text,
    /// `timestamp[ns]`
    Time,
    /// `timestamp[ns, UTC]`
    TimeUtc,
    /// `utf8`: texts as they are, anything else as JSON. Only a whole column is that.
    Json,
    /// `utf8`: objects without keys.
    Empty,
    /// `list`
    List(Box<Kind>),
    /// `struct`: its keys, and what each is.
    Struct(Vec<(String, Kind)>),
}

impl Kind {
    /// Its type.
    pub(super) fn data_type(&self) -> DataType {
        match self {
            Self::Bool => DataType::Boolean,
            Self::Int64 => DataType::Int64,
            Self::Uint64 => DataType::UInt64,
            Self::Float64 => DataType::Float64,
            Self::Text | Self::Json | Self::Empty => DataType::Utf8,
            Self::Time => DataType::Timestamp(TimeUnit::Nanosecond, None),
            Self::TimeUtc => DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into())),
            Self::List(items) => DataType::List(items.item_field()),
            Self::Struct(members) => DataType::Struct(members.iter().map(|(name, kind)| kind.field(name)).collect()),
        }
    }

    /// A field of this kind; there may be nulls in it.
    pub(super) fn field(&self, name: &str) -> FieldRef {
        Arc::new(Field::new(name, self.data_type(), true))
    }

    /// The field of a list's items.
    pub(super) fn item_field(&self) -> FieldRef {
        Arc::new(Field::new_list_field(self.data_type(), true))
    }

    /// How many columns of plain values it takes.
    pub(super) fn leaves(&self) -> usize {
        match self {
            Self::List(items) => items.leaves(),
            Self::Struct(members) => members.iter().map(|(_, kind)| kind.leaves()).sum(),
            _ => 1,
        }
    }
}
