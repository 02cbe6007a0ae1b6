//! `[records.types]`: the dtype that a column is to have, instead of the one that follows from its values.

use std::fmt;

use jiff::Timestamp;
use jiff::fmt::strtime::{self, BrokenDownTime};
use jiff::tz::TimeZone;
use serde::{Serialize, Serializer};
use toml::de::DeValue;

use super::problem::Complaint;
use super::values::{text, wrong_kind};

/// The hints, in the order of the file; the first that names a column decides.
pub type TypeHints = Vec<(String, TypeHint)>;

/// What a column is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TypeHint {
    /// `int64`: integers, floats without a fraction, and text that is one of these.
    Int64,
    /// `uint64`: the same, not negative.
    Uint64,
    /// `float64`: numbers and text that is one; null and missing are NaN.
    Float64,
    /// `bool`: true and false, 1 and 0, and text that is one of these.
    Bool,
    /// `str`: text; anything else as JSON writes it. Null stays missing.
    String,
    /// `datetime64[ns]`: points in time, written as it says; null and missing are `NaT`.
    Datetime(Moment),
    /// Exact integers within `int64` with nulls, which pandas from 2.3 on reads as `Int64`.
    NullableInt,
}

/// How a point in time is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Moment {
    /// ISO 8601, with or without a zone.
    Iso,
    /// So many of these units (as nanoseconds) since 1970-01-01.
    Epoch(i64),
    /// In this `strftime` format.
    Format(String),
}

/// Units of [`Moment::Epoch`].
const UNITS: [(&str, i64); 4] = [("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1_000), ("ns", 1)];

/// What may be written.
pub(super) const WORDS: &str = "\"int64\", \"uint64\", \"float64\", \"bool\", \"string\", \"datetime\", \"datetime:s\", \
    \"datetime:ms\", \"datetime:us\", \"datetime:ns\", \"datetime:%Y-%m-%d\" or \"nullable-int\"";

impl TypeHint {
    /// The hint that `word` stands for.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "int64" => Self::Int64,
            "uint64" => Self::Uint64,
            "float64" => Self::Float64,
            "bool" => Self::Bool,
            "string" => Self::String,
            "datetime" => Self::Datetime(Moment::Iso),
            "nullable-int" => Self::NullableInt,
            _ => Self::Datetime(moment(word.strip_prefix("datetime:")?)?),
        })
    }
}

/// The hint that `word` gives for `column`, a name or a glob of names, or what is wrong with that.
pub fn hint_for(column: &str, word: &str) -> Result<(String, TypeHint), String> {
    let hint = TypeHint::parse(word).ok_or_else(|| format!("{word:?} is no dtype"))?;
    globset::Glob::new(column).map_err(|error| format!("{column:?} is not a glob ({})", error.kind()))?;
    Ok((column.to_owned(), hint))
}

fn moment(form: &str) -> Option<Moment> {
    if let Some((_, unit)) = UNITS.iter().find(|(word, _)| *word == form) {
        return Some(Moment::Epoch(*unit));
    }
    is_readable(form).then(|| Moment::Format(form.to_owned()))
}

/// Returns true if and only if a day, at least, can be written in `format` and read again. Morning and afternoon are told
/// apart only where hours count to 12, in Python as well.
fn is_readable(format: &str) -> bool {
    let some_day = Timestamp::UNIX_EPOCH.to_zoned(TimeZone::UTC);
    let has = |letters: &[char]| letters.iter().any(|letter| format.contains(&format!("%{letter}")));
    if has(&['p', 'P']) && !has(&['I', 'l']) {
        return false;
    }
    let read = strtime::format(format, &some_day).and_then(|text| BrokenDownTime::parse(format, text));
    read.is_ok_and(|read| read.timestamp().is_some() || (read.to_datetime().is_ok() && read.iana_time_zone().is_none()))
}

impl fmt::Display for TypeHint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Int64 => "int64",
            Self::Uint64 => "uint64",
            Self::Float64 => "float64",
            Self::Bool => "bool",
            Self::String => "string",
            Self::NullableInt => "nullable-int",
            Self::Datetime(Moment::Iso) => "datetime",
            Self::Datetime(Moment::Format(format)) => return write!(f, "datetime:{format}"),
            Self::Datetime(Moment::Epoch(unit)) => {
                let word = UNITS.iter().find(|(_, nanoseconds)| nanoseconds == unit).map_or("ns", |(word, _)| word);
                return write!(f, "datetime:{word}");
            }
        })
    }
}

impl Serialize for TypeHint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A table of columns (or globs of columns) and what they are to be.
pub(super) fn type_hints(value: &DeValue) -> Result<TypeHints, Complaint> {
    let table = value.as_table().ok_or_else(|| wrong_kind(value, "a table, as { price = \"float64\" }"))?;
    let mut hints: Vec<(usize, (String, TypeHint))> = Vec::new();
    for (key, value) in table {
        let name = key.get_ref();
        let say = |what: &str| {
            Complaint::new(format!("has for {:?} a value that {what}", name.as_ref()), format!("write {WORDS}"))
        };
        let word = text(value.get_ref(), WORDS).map_err(|complaint| say(&complaint.what))?;
        let hint = TypeHint::parse(word).ok_or_else(|| say(&format!("= {word:?} is no dtype")))?;
        if let Err(error) = globset::Glob::new(name) {
            let what = format!("has {:?}, which is not a glob ({})", name.as_ref(), error.kind());
            return Err(Complaint::new(what, "[[] stands for a plain ["));
        }
        hints.push((key.span().start, (name.clone().into_owned(), hint)));
    }
    // The table is sorted by name; what stands first in the file decides.
    hints.sort_by_key(|(start, _)| *start);
    Ok(hints.into_iter().map(|(_, hint)| hint).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_must_name_a_day_in_a_way_that_can_be_read() {
        for format in ["%Y-%m-%d", "%d.%m.%y %H:%M:%S.%f %z", "%b %e, %Y %I:%M %p", "%Y %j", "%s", "%F %T", "%Y%m%d"] {
            let word = format!("datetime:{format}");
            assert_eq!(TypeHint::parse(&word).map(|hint| hint.to_string()), Some(word));
        }
        for format in ["%", "%Y-%m", "%H:%M", "%Y-%m-%d %!", "%c", "%F %Z", "%F %Q", "%F %H:%M %p", "y", ""] {
            assert_eq!(TypeHint::parse(&format!("datetime:{format}")), None, "{format}");
        }
    }
}
