//! What is to be known of the cells of a column in one part, once they are final: enough to decide everything but what
//! the cells themselves are, so that these may be elsewhere.

use super::column::{Cell, Column, KindSet, TAG_COUNT, Tag};
use super::warnings::is_exact;

/// What is known of one column of one part.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ColumnSummary {
    /// The kinds that occur, absent cells included.
    pub(crate) kinds: KindSet,
    /// For each kind, how many cells there are of it, absent ones included.
    counts: [u32; TAG_COUNT],
    /// For each kind, the first row of it.
    firsts: [u32; TAG_COUNT],
    /// The first row whose integer is no float64 exactly.
    pub(crate) first_inexact: Option<usize>,
}

impl ColumnSummary {
    /// The summary of `rows` cells of `column`, the ones not stored being `absent`.
    pub(crate) fn of(column: &Column, rows: usize, absent: Tag) -> Self {
        let mut summary = Self { kinds: column.kinds(rows, absent), ..Self::default() };
        match (column.uniform(), column.tags().next()) {
            (Some(tag), Some((row, _))) => summary.note(tag, row, column.stored_count()),
            _ => column.tags().for_each(|(row, tag)| summary.note(tag, row, 1)),
        }
        if let Some(row) = column.first_unstored(rows) {
            summary.note(absent, row, rows - column.stored_count());
        }
        if summary.kinds.has(Tag::Int) || summary.kinds.has(Tag::Uint) {
            summary.first_inexact = first_inexact(column);
        }
        summary
    }

    /// How many cells are of the kind `tag`.
    pub(crate) fn count(&self, tag: Tag) -> u64 {
        u64::from(self.counts[tag as usize])
    }

    /// The first row of the kind `tag`.
    pub(crate) fn first(&self, tag: Tag) -> Option<usize> {
        (self.counts[tag as usize] > 0).then(|| self.firsts[tag as usize] as usize)
    }

    fn note(&mut self, tag: Tag, row: usize, cells: usize) {
        let index = tag as usize;
        let row = u32::try_from(row).unwrap_or(u32::MAX);
        self.firsts[index] = if self.counts[index] == 0 { row } else { row.min(self.firsts[index]) };
        self.counts[index] = self.counts[index].saturating_add(u32::try_from(cells).unwrap_or(u32::MAX));
    }
}

fn first_inexact(column: &Column) -> Option<usize> {
    let inexact = |cell: &Cell<'_>| match cell {
        Cell::Int(value) => !is_exact(value.unsigned_abs()),
        Cell::Uint(value) => !is_exact(*value),
        _ => false,
    };
    column.stored().find(|(.., cell)| inexact(cell)).map(|(row, ..)| row)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_counts_and_finds_what_the_column_holds() {
        let mut column = Column::default();
        column.push_word(Tag::Int, 5);
        column.push_word(Tag::Null, 0);
        column.push_word(Tag::Int, (1 << 53) + 1);
        let summary = ColumnSummary::of(&column, 5, Tag::Missing);
        assert_eq!([Tag::Int, Tag::Null, Tag::Missing, Tag::Text].map(|tag| summary.count(tag)), [2, 1, 2, 0]);
        assert_eq!(
            [Tag::Int, Tag::Null, Tag::Missing, Tag::Text].map(|tag| summary.first(tag)),
            [Some(0), Some(1), Some(3), None]
        );
        assert_eq!(summary.first_inexact, Some(2));
        assert!(summary.kinds.has(Tag::Missing) && !summary.kinds.has(Tag::Float));
    }
}
