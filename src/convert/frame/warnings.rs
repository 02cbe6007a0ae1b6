//! What the user should know of a frame although it was converted: the reference is silent about it.

use serde::Serialize;

use super::super::defect::escape;
use super::super::options::Encoding;
use super::column::Tag;
use super::dtype::Dtype;
use super::totals::Spot;
use super::{Frame, Labels};
use crate::config::{Format, Layout};

/// Above this, not every integer is a float64.
const EXACT: u64 = 1 << 53;

/// Something about a column, told once for each file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// Stable name of the kind of warning, for programs: `lost_digits`, `duplicate_key`, `all_null`, `mixed_types` or
    /// `lost_nul`.
    pub code: &'static str,
    /// The column's label.
    pub column: String,
    /// The first line that it is about, counted from 1.
    pub line: u64,
    /// A sentence for people.
    pub message: String,
}

impl Warning {
    /// So many warnings of one file are told one by one: a file of thousands of odd columns must not fill log and ledger.
    pub const TOLD: usize = 20;
}

/// One kind of warning about a column, with the record that it is about.
type OfColumn = fn(&Frame, usize) -> Option<(u64, Warning)>;

impl Frame {
    /// What is to be told of an output that looks like `encoding`; each kind of warning in the order of the columns; what costs
    /// most is told first.
    pub(crate) fn warnings(&self, encoding: &Encoding) -> Vec<Warning> {
        self.placed_warnings(encoding).into_iter().map(|(_, warning)| warning).collect()
    }

    /// The same, each with the number of the record that it is about.
    pub(crate) fn placed_warnings(&self, encoding: &Encoding) -> Vec<(u64, Warning)> {
        let kinds: &[OfColumn] = match (encoding.format, encoding.layout) {
            (Format::Hdf5, Layout::Fixed) => {
                &[Self::lost_digits, Self::duplicate_key, Self::lost_nul, Self::mixed_types, Self::all_null]
            }
            // No name is cut there, and values of different kinds are refused, or wanted as text.
            (Format::Hdf5, Layout::Table) => &[Self::lost_digits, Self::duplicate_key, Self::all_null],
            // Nor are digits lost where integers have nulls beside them.
            _ => &[Self::lost_digits_by_floats, Self::duplicate_key, Self::all_null],
        };
        let of_kind = |kind: &OfColumn| {
            let kind = *kind;
            (0..self.columns.len()).filter_map(move |index| kind(self, index))
        };
        kinds.iter().flat_map(of_kind).collect()
    }

    fn warning(&self, code: &'static str, index: usize, spot: Spot, what: &str) -> (u64, Warning) {
        let column = self.label(index);
        let shown = match &self.labels {
            Labels::Keys(_) => format!("`{}`", escape(column.as_bytes(), 60)),
            _ => column.clone(),
        };
        (spot.record, Warning { code, message: format!("column {shown} {what}"), column, line: spot.line })
    }

    fn lost_digits(&self, index: usize) -> Option<(u64, Warning)> {
        if self.columns[index].dtype != Dtype::Float64 {
            return None;
        }
        let totals = self.totals(index);
        let spot = totals.inexact?;
        let line = spot.line;
        let whose = if totals.rounded { "`records.types` says so" } else { REASON };
        let what = format!(
            "is float64 because {whose}; from line {line} on it holds integers beyond 2^53, whose last digits are lost \
             (as in pandas)"
        );
        Some(self.warning("lost_digits", index, spot, &what))
    }

    /// The same where an integer column may have nulls.
    fn lost_digits_by_floats(&self, index: usize) -> Option<(u64, Warning)> {
        let totals = self.totals(index);
        let floats = totals.rounded || totals.kinds.has(Tag::Float);
        floats.then(|| self.lost_digits(index)).flatten()
    }

    fn duplicate_key(&self, index: usize) -> Option<(u64, Warning)> {
        let spot = self.totals(index).duplicate?;
        let line = spot.line;
        let what = format!("occurs twice in the record of line {line}; the last value counts (as in Python)");
        Some(self.warning("duplicate_key", index, spot, &what))
    }

    fn lost_nul(&self, index: usize) -> Option<(u64, Warning)> {
        let spot = self.loses_nul(index).then(|| self.totals(index).begun)?;
        let line = spot.line;
        let what =
            format!("loses the NUL at the end of its name (as in pandas); the first record with it is in line {line}");
        Some(self.warning("lost_nul", index, spot, &what))
    }

    fn all_null(&self, index: usize) -> Option<(u64, Warning)> {
        let spot = self.totals(index).kinds.within(&[Tag::Null, Tag::Missing]).then(|| self.totals(index).begun)?;
        let line = spot.line;
        let what = format!("has no value in any record; the first record with it is in line {line}");
        Some(self.warning("all_null", index, spot, &what))
    }

    /// The first record whose value in column `index` is of another kind than those before it.
    pub(crate) fn mixed_from(&self, index: usize) -> Option<Spot> {
        let totals = self.totals(index);
        let mut firsts: Vec<_> = totals.kinds.tags().filter_map(|tag| Some((totals.first(tag)?, group(tag)))).collect();
        firsts.sort_unstable();
        let mut groups_so_far = 0;
        firsts.into_iter().find_map(|(spot, group)| {
            groups_so_far |= group;
            (groups_so_far.count_ones() > 1).then_some(spot)
        })
    }

    /// Only columns that pandas keeps as objects: integers beside floats are numbers all the same.
    fn mixed_types(&self, index: usize) -> Option<(u64, Warning)> {
        if self.columns[index].dtype != Dtype::Object {
            return None;
        }
        let spot = self.mixed_from(index)?;
        let line = spot.line;
        let what = format!("holds values of different kinds from line {line} on, as Python objects (as in pandas)");
        Some(self.warning("mixed_types", index, spot, &what))
    }
}

/// Why a column of integers is one of floats.
const REASON: &str = "it has a null, a missing value or a fraction";

/// Kinds that pandas keeps apart, a bit each; null and missing are none of them.
fn group(tag: Tag) -> u8 {
    match tag {
        Tag::Missing | Tag::Null => 0,
        Tag::Bool => 1,
        Tag::Int | Tag::Uint | Tag::BigInt | Tag::Float => 2,
        Tag::Text | Tag::WildText => 4,
        Tag::Nested => 8,
        Tag::Time | Tag::TimeUtc => 16,
    }
}

/// Returns true if and only if `magnitude` is a float64 exactly: at most 53 bits between its first and last one.
pub(crate) fn is_exact(magnitude: u64) -> bool {
    magnitude <= EXACT || 64 - magnitude.leading_zeros() - magnitude.trailing_zeros() <= 53
}
