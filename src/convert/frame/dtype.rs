//! The dtype rules, as one table.
//!
//! What `pandas.DataFrame(records)` makes of a column depends only on which kinds of values occur, in any order.
//! Observed with pandas 1.5 to 3.1; nulls and missing keys are set aside first:
//!
//! | values | no null, none missing | with null (`None`) or missing (`NaN`) |
//! |---|---|---|
//! | none at all | | any missing: float64; all null: object |
//! | bool | bool | object |
//! | int within int64 | int64 | float64 |
//! | int, some above int64, none negative, all below 2^64 | uint64 | float64 |
//! | int, some above int64 and some negative, or some beyond 64 bits | object | object |
//! | float; int and float (int as in the rows above) | float64 | float64 |
//! | text | str | str |
//! | any other mix, any list or object | object | object |

use super::column::{KindSet, Tag};
use crate::config::TypeHint;

/// What a column is in pandas.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Dtype {
    /// `bool`
    Bool,
    /// `int64`
    Int64,
    /// `uint64`
    Uint64,
    /// `float64`, nulls and missing as NaN
    Float64,
    /// `str` in pandas 3, `object` of `str` before
    Str,
    /// `object`: Python values as they are, `None` for null, `NaN` for missing
    Object,
    /// `datetime64[ns]`, null and missing as `NaT`; only by a hint
    Datetime,
    /// `datetime64[ns, UTC]`; only by a hint
    DatetimeUtc,
    /// `Int64` in pandas 2.3 and later, `object` of `int` and `None` before; only by a hint
    NullableInt,
}

impl Dtype {
    /// The dtype's name in pandas 3.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::Int64 => "int64",
            Self::Uint64 => "uint64",
            Self::Float64 => "float64",
            Self::Str => "str",
            Self::Object => "object",
            Self::Datetime => "datetime64[ns]",
            Self::DatetimeUtc => "datetime64[ns, UTC]",
            Self::NullableInt => "Int64",
        }
    }
}

/// The dtype of a column that has a hint, and whose cells are those that the hint allows.
pub(crate) fn hinted(hint: &TypeHint, kinds: KindSet) -> Dtype {
    match hint {
        TypeHint::Int64 => Dtype::Int64,
        TypeHint::Uint64 => Dtype::Uint64,
        TypeHint::Float64 => Dtype::Float64,
        TypeHint::Bool => Dtype::Bool,
        TypeHint::String => Dtype::Str,
        TypeHint::NullableInt => Dtype::NullableInt,
        TypeHint::Datetime(_) if kinds.has(Tag::TimeUtc) => Dtype::DatetimeUtc,
        TypeHint::Datetime(_) => Dtype::Datetime,
    }
}

/// The dtype of a column in which exactly `kinds` occur.
pub(crate) fn decide(kinds: KindSet) -> Dtype {
    let null = kinds.has(Tag::Null) || kinds.has(Tag::Missing);
    let values = kinds.without(Tag::Null).without(Tag::Missing);
    if values.is_empty() {
        return if kinds.has(Tag::Missing) { Dtype::Float64 } else { Dtype::Object };
    }
    if values == KindSet::of(Tag::Bool) {
        return if null { Dtype::Object } else { Dtype::Bool };
    }
    if values.within(&[Tag::Text, Tag::WildText]) {
        return Dtype::Str;
    }
    if values.within(&[Tag::Int, Tag::Uint, Tag::Float]) {
        return number(values, null);
    }
    Dtype::Object
}

fn number(values: KindSet, null: bool) -> Dtype {
    if values.has(Tag::Uint) && values.has_negative() {
        Dtype::Object
    } else if values.has(Tag::Float) || null {
        Dtype::Float64
    } else if values.has(Tag::Uint) {
        Dtype::Uint64
    } else {
        Dtype::Int64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(tags: &[Tag]) -> Dtype {
        decide(tags.iter().fold(KindSet::default(), |set, tag| set.union(KindSet::of(*tag))))
    }

    #[test]
    fn each_row_of_the_table_gives_its_dtype() {
        use Tag::{BigInt, Bool, Float, Int, Missing, Nested, Null, Text, Uint};
        let rows: [(&[Tag], [Dtype; 3]); 9] = [
            (&[Bool], [Dtype::Bool, Dtype::Object, Dtype::Object]),
            (&[Int], [Dtype::Int64, Dtype::Float64, Dtype::Float64]),
            (&[Int, Uint], [Dtype::Uint64, Dtype::Float64, Dtype::Float64]),
            (&[Int, BigInt], [Dtype::Object; 3]),
            (&[Float], [Dtype::Float64; 3]),
            (&[Int, Float], [Dtype::Float64; 3]),
            (&[Text], [Dtype::Str; 3]),
            (&[Bool, Int], [Dtype::Object; 3]),
            (&[Nested], [Dtype::Object; 3]),
        ];
        for (tags, [plain, null, missing]) in rows {
            assert_eq!(of(tags), plain, "{tags:?}");
            assert_eq!(of(&[tags, &[Null]].concat()), null, "{tags:?} with null");
            assert_eq!(of(&[tags, &[Missing]].concat()), missing, "{tags:?} with missing");
        }
        assert_eq!(of(&[Null]), Dtype::Object);
        assert_eq!(of(&[Missing]), Dtype::Float64);
        assert_eq!(of(&[Null, Missing]), Dtype::Float64);
    }

    #[test]
    fn a_column_above_int64_with_a_negative_value_keeps_python_integers() {
        let kinds = KindSet::of(Tag::Int).union(KindSet::of(Tag::Uint)).with_negative();
        assert_eq!(decide(kinds), Dtype::Object);
    }
}
