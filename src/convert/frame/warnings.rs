//! What the user should know of a frame although it was converted: the reference is silent about it.

use super::column::{Cell, Column};
use super::dtype::Dtype;
use super::{Frame, Labels};

/// Above this, not every integer is a float64.
const EXACT: u64 = 1 << 53;

impl Frame {
    /// One sentence for each column that lost something, naming the first line.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let columns = 0..self.columns.len();
        columns.flat_map(|index| [self.lost_nul(index), self.lost_digits(index)]).flatten().collect()
    }

    fn lost_nul(&self, index: usize) -> Option<String> {
        let label = self.label(index);
        let label = label.trim_end_matches('\0').escape_debug();
        let what = format!("column `{label}` loses the NUL at the end of its name (as in pandas)");
        self.loses_nul(index).then_some(what)
    }

    fn lost_digits(&self, index: usize) -> Option<String> {
        if self.columns[index].dtype != Dtype::Float64 {
            return None;
        }
        let rows = self.cells(index).filter_map(|(part, cells)| {
            let row = cells.and_then(first_inexact)?;
            Some(part.line_of(row))
        });
        let line = rows.min()?;
        let label = match &self.labels {
            Labels::Keys(_) => format!("`{}`", self.label(index).escape_debug()),
            _ => index.to_string(),
        };
        Some(format!(
            "column {label} is float64 because it has a null, a missing value or a fraction; from line {line} on it \
             holds integers beyond 2^53, whose last digits are lost (as in pandas)"
        ))
    }
}

fn first_inexact(cells: &Column) -> Option<usize> {
    if !cells.has_integers() {
        return None;
    }
    cells.cells(0..cells.len(), super::column::Tag::Missing).position(|cell| match cell {
        Cell::Int(value) => !is_exact(value.unsigned_abs()),
        Cell::Uint(value) => !is_exact(value),
        _ => false,
    })
}

/// Returns true if and only if `magnitude` is a float64 exactly: at most 53 bits between its first and last one.
fn is_exact(magnitude: u64) -> bool {
    magnitude <= EXACT || 64 - magnitude.leading_zeros() - magnitude.trailing_zeros() <= 53
}
