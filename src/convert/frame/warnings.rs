//! What the user should know of a frame although it was converted: the reference is silent about it.

use serde::Serialize;

use super::column::{KindSet, Tag};
use super::dtype::Dtype;
use super::{Frame, Labels};

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
    pub line: Option<u64>,
    /// A sentence for people.
    pub message: String,
}

impl Frame {
    /// What is to be told of each column, in the order of the columns.
    pub(crate) fn warnings(&self) -> Vec<Warning> {
        let of = |index| {
            [
                self.lost_digits(index),
                self.duplicate_key(index),
                self.all_null(index),
                self.mixed_types(index),
                self.lost_nul(index),
            ]
        };
        (0..self.columns.len()).flat_map(of).flatten().collect()
    }

    fn warning(&self, code: &'static str, index: usize, line: Option<u64>, what: &str) -> Warning {
        let column = self.label(index);
        let shown = match &self.labels {
            Labels::Keys(_) => format!("`{}`", column.escape_debug()),
            _ => column.clone(),
        };
        Warning { code, message: format!("column {shown} {what}"), column, line }
    }

    fn lost_nul(&self, index: usize) -> Option<Warning> {
        let what = "loses the NUL at the end of its name (as in pandas)";
        self.loses_nul(index).then(|| self.warning("lost_nul", index, None, what))
    }

    fn lost_digits(&self, index: usize) -> Option<Warning> {
        if self.columns[index].dtype != Dtype::Float64 {
            return None;
        }
        let of_part = |(part, place): (&super::Part, &Option<usize>)| {
            let place = (*place)?;
            let row = part.rounded(place).or(part.summary(place).first_inexact)?;
            Some(part.line_of(row))
        };
        let line = self.parts.iter().zip(&self.columns[index].places).find_map(of_part)?;
        let what = format!(
            "is float64 because it has a null, a missing value or a fraction; from line {line} on it holds integers \
             beyond 2^53, whose last digits are lost (as in pandas)"
        );
        Some(self.warning("lost_digits", index, Some(line), &what))
    }

    fn duplicate_key(&self, index: usize) -> Option<Warning> {
        let of_part = |(part, place): (&super::Part, &Option<usize>)| {
            let (column, row) = part.duplicate()?;
            (*place == Some(column)).then(|| part.line_of(row))
        };
        let line = self.parts.iter().zip(&self.columns[index].places).find_map(of_part)?;
        let what = format!("occurs twice in the record of line {line}; the last value counts (as in Python)");
        Some(self.warning("duplicate_key", index, Some(line), &what))
    }

    fn all_null(&self, index: usize) -> Option<Warning> {
        if !self.kinds(index).within(&[Tag::Null, Tag::Missing]) {
            return None;
        }
        let line = self.summaries(index).find_map(|(part, summary)| summary.map(|_| part.line_of(0)));
        Some(self.warning("all_null", index, line, "has no value in any record"))
    }

    /// Only columns that pandas keeps as objects: integers beside floats are numbers all the same.
    fn mixed_types(&self, index: usize) -> Option<Warning> {
        if self.columns[index].dtype != Dtype::Object || groups(self.kinds(index)).count_ones() < 2 {
            return None;
        }
        let mut groups_so_far = 0;
        let line = self.summaries(index).find_map(|(part, summary)| {
            let mut rows: Vec<(usize, u8)> = Vec::new();
            rows.extend(summary?.kinds.tags().filter_map(|tag| Some((summary?.first(tag)?, group(tag)))));
            rows.sort_unstable();
            rows.into_iter().find_map(|(row, group)| {
                groups_so_far |= group;
                (groups_so_far.count_ones() > 1).then(|| part.line_of(row))
            })
        });
        Some(self.warning(
            "mixed_types",
            index,
            line,
            "holds values of different kinds, as Python objects (as in pandas)",
        ))
    }
}

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

fn groups(kinds: KindSet) -> u8 {
    kinds.tags().map(group).fold(0, |all, one| all | one)
}

/// Returns true if and only if `magnitude` is a float64 exactly: at most 53 bits between its first and last one.
pub(super) fn is_exact(magnitude: u64) -> bool {
    magnitude <= EXACT || 64 - magnitude.leading_zeros() - magnitude.trailing_zeros() <= 53
}
