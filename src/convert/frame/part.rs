//! The columns of one batch, filled record by record.

use std::collections::HashMap;

use super::LineKind;
use super::column::{Column, Tag};

/// The records of one batch, column by column.
#[derive(Debug, Default)]
pub(crate) struct Part {
    kind: Option<LineKind>,
    rows: usize,
    keys: Vec<Box<[u8]>>,
    columns: Vec<Column>,
    index: HashMap<Box<[u8]>, usize>,
    /// The column expected next: records tend to repeat their keys in order.
    expected: usize,
    /// One-based line in the source of the first record.
    first_line: u64,
    /// Lines from one record to the next: 1 where each line is a record, and in most documents some number.
    line_step: u64,
    /// The line of each record where they follow no step.
    lines: Vec<u64>,
    /// Lines without a record, each as the number of records before it.
    blanks: Vec<usize>,
}

impl Part {
    /// An empty part whose first line is line `first_line` of the source (counted from 1).
    pub(crate) fn new(first_line: u64) -> Self {
        Self { first_line, line_step: 1, ..Self::default() }
    }

    /// An empty part for records of a document that begin in `lines` of the source.
    pub(crate) fn of_records(lines: Vec<u64>) -> Self {
        let first_line = lines.first().copied().unwrap_or(1);
        let line_step = lines.get(1).map_or(1, |second| second - first_line);
        let regular = lines.iter().zip(0..).all(|(line, index)| *line == first_line + index * line_step);
        Self { first_line, line_step, lines: if regular { Vec::new() } else { lines }, ..Self::default() }
    }

    /// The same part, whose records must be of the kind that earlier ones decided, if there were any.
    #[must_use]
    pub(crate) fn expecting(self, kind: Option<LineKind>) -> Self {
        Self { kind, ..self }
    }

    /// Number of records.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// The kind of the lines; a part without records says objects, and is left out of every frame.
    pub(crate) fn kind(&self) -> LineKind {
        self.kind.unwrap_or(LineKind::Object)
    }

    /// Keys of the columns, in order of first appearance.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &[u8]> {
        self.keys.iter().map(AsRef::as_ref)
    }

    /// Number of columns.
    pub(crate) fn width(&self) -> usize {
        self.columns.len()
    }

    /// The cells of column `index`.
    pub(crate) fn column(&self, index: usize) -> &Column {
        &self.columns[index]
    }

    /// What a cell without a value holds: NaN where a key is absent, None where a list is short.
    pub(crate) fn absent(&self) -> Tag {
        if self.kind == Some(LineKind::List) { Tag::Null } else { Tag::Missing }
    }

    /// The line of the source (counted from 1) that record `row` stands in.
    pub(crate) fn line_of(&self, row: usize) -> u64 {
        let blanks = self.blanks.iter().filter(|before| **before <= row).count();
        self.line_at(row + blanks)
    }

    /// Notes a line without a record.
    pub(crate) fn skip_line(&mut self) {
        self.blanks.push(self.rows);
    }

    /// The line of the source that comes next.
    pub(crate) fn next_line(&self) -> u64 {
        self.line_at(self.rows + self.blanks.len())
    }

    /// The line of record number `index`, those that were skipped counted, too.
    fn line_at(&self, index: usize) -> u64 {
        let known = self.lines.get(index).or(self.lines.last());
        known.copied().unwrap_or(self.first_line + index as u64 * self.line_step)
    }

    /// Begins a record of `kind`. The first record decides; one of another kind is not begun, and the kind that was
    /// expected is returned.
    pub(crate) fn begin(&mut self, kind: LineKind) -> Result<(), LineKind> {
        self.expected = 0;
        match *self.kind.get_or_insert(kind) {
            expected if expected == kind => Ok(()),
            expected => Err(expected),
        }
    }

    /// Ends the record begun last.
    pub(crate) fn end(&mut self) {
        self.rows += 1;
    }

    /// The column of `key`, ready for this record's value; a value it already has in this record is taken back.
    #[inline]
    pub(crate) fn keyed(&mut self, key: &[u8]) -> &mut Column {
        let index = match self.keys.get(self.expected) {
            Some(known) if **known == *key => self.expected,
            _ => self.look_up(key),
        };
        self.expected = index + 1;
        self.ready(index)
    }

    /// The column at `position` of a list (0 for a single value), ready for this record's value.
    pub(crate) fn positioned(&mut self, position: usize) -> &mut Column {
        while self.columns.len() <= position {
            self.columns.push(Column::default());
        }
        self.ready(position)
    }

    fn ready(&mut self, index: usize) -> &mut Column {
        let absent = self.absent();
        let column = &mut self.columns[index];
        if column.len() > self.rows {
            column.pop();
        } else if column.len() < self.rows {
            column.pad(self.rows, absent);
        }
        column
    }

    fn look_up(&mut self, key: &[u8]) -> usize {
        if let Some(index) = self.index.get(key) {
            return *index;
        }
        let index = self.columns.len();
        self.keys.push(key.into());
        self.index.insert(key.into(), index);
        self.columns.push(Column::default());
        index
    }
}

#[cfg(test)]
mod tests {
    use super::super::column::Cell;
    use super::*;

    fn record(part: &mut Part, members: &[(&str, u64)]) {
        part.begin(LineKind::Object).unwrap();
        for (key, value) in members {
            part.keyed(key.as_bytes()).push_word(Tag::Int, *value);
        }
        part.end();
    }

    #[test]
    fn columns_come_in_order_of_first_appearance_and_the_last_of_two_equal_keys_wins() {
        let mut part = Part::new(1);
        record(&mut part, &[("b", 1), ("a", 2)]);
        record(&mut part, &[("a", 3), ("c", 4), ("a", 5)]);
        assert_eq!(part.keys().collect::<Vec<_>>(), [b"b", b"a", b"c"]);
        let column = |index: usize| (0..2).map(|row| part.column(index).cell(row, Tag::Missing)).collect::<Vec<_>>();
        assert_eq!(column(0), [Cell::Int(1), Cell::Missing]);
        assert_eq!(column(1), [Cell::Int(2), Cell::Int(5)]);
        assert_eq!(column(2), [Cell::Missing, Cell::Int(4)]);
    }

    #[test]
    fn a_record_of_a_document_knows_its_line_whether_they_follow_a_step_or_not() {
        for lines in [vec![3, 3, 3, 3], vec![2, 5, 8, 11], vec![1, 1, 7, 8]] {
            let mut part = Part::of_records(lines.clone());
            record(&mut part, &[("a", 1)]);
            part.skip_line();
            record(&mut part, &[("a", 2)]);
            assert_eq!((part.line_of(0), part.line_of(1), part.next_line()), (lines[0], lines[2], lines[3]));
        }
    }

    #[test]
    fn a_record_knows_its_line_past_blank_ones() {
        let mut part = Part::new(10);
        part.skip_line();
        record(&mut part, &[("a", 1)]);
        part.skip_line();
        record(&mut part, &[("a", 2)]);
        assert_eq!((part.line_of(0), part.line_of(1), part.next_line()), (11, 13, 14));
    }
}
