//! The columns of one batch, filled record by record.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::super::bad_records::BadRecord;
use super::LineKind;
use super::column::{Column, Tag};
use super::piece::{Piece, Place, Places};
use super::summary::ColumnSummary;
use super::totals::Spot;

/// Stands between the names of a flattened key in a part, where a label has a dot; no UTF-8 holds this byte.
pub(crate) const MEMBER: u8 = 0xff;

/// The key of the column that tells where rows come from, whatever that is called; no UTF-8 holds this byte.
pub(super) const SOURCE: &[u8] = &[0xfe];

/// Keys of columns whose texts are known not to repeat: looking for those that do would cost time.
pub(crate) type PlainKeys = Arc<HashSet<Box<[u8]>, foldhash::fast::RandomState>>;

/// The records of one batch, column by column.
#[derive(Debug, Default)]
pub(crate) struct Part {
    kind: Option<LineKind>,
    /// The kind that earlier batches have decided.
    given: Option<LineKind>,
    rows: usize,
    keys: Vec<Box<[u8]>>,
    columns: Vec<Column>,
    /// The record that each column began with.
    begun: Vec<usize>,
    index: HashMap<Box<[u8]>, usize, foldhash::fast::RandomState>,
    /// Keys of columns whose texts are known not to repeat.
    plain: PlainKeys,
    /// The record begun last: which columns have a cell of it, as those from the first to one of them and the others, and
    /// how many columns there were before it.
    touched: usize,
    touched_besides: Vec<usize>,
    width_before: usize,
    /// The first record of each column in which its key occurred twice.
    duplicates: HashMap<usize, usize>,
    /// One-based line in the source of the first record.
    first_line: u64,
    /// Lines from one record to the next: 1 where each line is a record, and in most documents some number.
    line_step: u64,
    /// The line of each record where they follow no step.
    lines: Vec<u64>,
    /// Lines without a record, each as the number of records before it.
    blanks: Vec<usize>,
    /// Records that were left out.
    bad: Vec<BadRecord>,
    /// Where hints cost digits: the column and the first row.
    rounded: Vec<(usize, usize)>,
    /// What is known of each column, once all records are there.
    summaries: Vec<ColumnSummary>,
}

impl Part {
    /// An empty part whose first line is line `first_line` of the source (counted from 1); `given` is the kind of the
    /// lines before it.
    pub(crate) fn new(first_line: u64, given: Option<LineKind>) -> Self {
        Self { kind: given, given, first_line, line_step: 1, ..Self::default() }
    }

    /// An empty part for records of a document that begin in `lines` of the source; `given` is the kind of those before.
    pub(crate) fn of_records(lines: Vec<u64>, given: Option<LineKind>) -> Self {
        let first_line = lines.first().copied().unwrap_or(1);
        let line_step = lines.get(1).map_or(1, |second| second - first_line);
        let regular = lines.iter().zip(0..).all(|(line, index)| *line == first_line + index * line_step);
        Self { line_step, lines: if regular { Vec::new() } else { lines }, ..Self::new(first_line, given) }
    }

    /// Number of records.
    #[inline]
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// The kind of the lines, if there was one.
    pub(crate) fn kind(&self) -> Option<LineKind> {
        self.kind
    }

    /// Adds the column that tells that all rows come from `source`, which is UTF-8. The part has ended, and its columns have
    /// keys.
    pub(crate) fn tell_source(&mut self, source: &[u8]) {
        let mut column = Column::default();
        (0..self.rows).for_each(|_| column.push_text(source, source.len()));
        column.finish();
        self.summaries.push(ColumnSummary::of(&column, self.rows, self.absent()));
        self.columns.push(column);
        self.begun.push(0);
        self.keys.push(SOURCE.into());
    }

    /// The keys of the columns, in order of first appearance.
    pub(super) fn keys(&self) -> &[Box<[u8]>] {
        &self.keys
    }

    /// Takes these keys out.
    pub(super) fn take_keys(&mut self) -> Vec<Box<[u8]>> {
        std::mem::take(&mut self.keys)
    }

    /// Number of columns.
    #[inline]
    pub(crate) fn width(&self) -> usize {
        self.columns.len()
    }

    /// The cells of column `index`.
    pub(crate) fn column(&self, index: usize) -> &Column {
        &self.columns[index]
    }

    /// What a cell without a value holds: NaN where a key is absent, None where a list is short.
    #[inline]
    pub(crate) fn absent(&self) -> Tag {
        if self.kind == Some(LineKind::List) { Tag::Null } else { Tag::Missing }
    }

    /// The same part, in which the texts of some columns are known not to repeat.
    #[must_use]
    pub(crate) fn with_plain_keys(mut self, plain: &PlainKeys) -> Self {
        self.plain = Arc::clone(plain);
        self
    }

    /// The keys of columns whose texts hardly repeat.
    pub(crate) fn plain_keys(&self) -> PlainKeys {
        let plain = self.keys.iter().zip(&self.columns).filter(|(_, column)| column.is_plain());
        Arc::new(plain.map(|(key, _)| key.clone()).collect())
    }

    /// Ends the part: all records are there, and every cell is what it is to be.
    pub(crate) fn finish(&mut self) {
        let (rows, absent) = (self.rows, self.absent());
        self.columns.iter_mut().for_each(Column::finish);
        self.summaries = self.columns.iter().map(|column| ColumnSummary::of(column, rows, absent)).collect();
        // What helped to fill the columns takes memory, and is not needed any more.
        self.index = HashMap::default();
        self.touched_besides = Vec::new();
    }

    /// What is known of column `index`.
    pub(crate) fn summary(&self, index: usize) -> &ColumnSummary {
        &self.summaries[index]
    }

    /// The rows, once the frame knows all else; `places` says which column of the frame each of the columns is, and
    /// `records` come before them in the source.
    pub(super) fn into_piece(self, places: Places, records: u64) -> Piece {
        let absent = self.absent();
        // In a document the number of a record finds its line.
        let first_line = (self.lines.is_empty() && self.line_step == 1).then_some(self.first_line);
        let source = Place { records, first_line, blanks: self.blanks };
        Piece::new(self.rows, absent, places, source, self.columns)
    }

    /// Where record `row` is in the source, in which `records` come before the part.
    pub(super) fn spot(&self, row: usize, records: u64) -> Spot {
        Spot { record: records + self.number_of(row) as u64, line: self.line_of(row) }
    }

    /// The first record that has column `index`.
    pub(crate) fn begun(&self, index: usize) -> usize {
        self.begun[index]
    }

    /// The first record in which the key of column `index` occurred twice.
    pub(crate) fn duplicate(&self, index: usize) -> Option<usize> {
        self.duplicates.get(&index).copied()
    }

    /// Notes that the key of column `index` occurred twice in the record at hand.
    pub(crate) fn note_duplicate(&mut self, index: usize) {
        self.duplicates.entry(index).or_insert(self.rows);
    }

    /// Bytes of memory that the cells take.
    pub(crate) fn memory(&self) -> usize {
        self.columns.iter().map(Column::memory).sum()
    }

    /// The line of the source (counted from 1) that record `row` stands in.
    pub(crate) fn line_of(&self, row: usize) -> u64 {
        self.line_at(self.number_of(row))
    }

    /// How many records and lines without one come before record `row`.
    fn number_of(&self, row: usize) -> usize {
        row + self.blanks.partition_point(|before| *before <= row)
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
    #[inline]
    pub(crate) fn begin(&mut self, kind: LineKind) -> Result<(), LineKind> {
        match *self.kind.get_or_insert(kind) {
            expected if expected == kind => Ok(()),
            expected => Err(expected),
        }
    }

    /// Ends the record begun last.
    #[inline]
    pub(crate) fn end(&mut self) {
        self.rows += 1;
        self.touched = 0;
        self.touched_besides.clear();
        self.width_before = self.columns.len();
    }

    /// Leaves the record at hand out: it is `bad`, and its line has no row.
    pub(crate) fn leave_out(&mut self, bad: BadRecord) {
        self.abandon();
        self.bad.push(bad);
        self.skip_line();
    }

    /// Takes out the records that were left out.
    pub(crate) fn take_bad(&mut self) -> Vec<BadRecord> {
        std::mem::take(&mut self.bad)
    }

    /// Number of lines: records, bad ones, and blank ones.
    pub(crate) fn lines(&self) -> usize {
        self.rows + self.blanks.len()
    }

    /// The label of column `index`: its key with dots between the names of members, or its position.
    pub(crate) fn label(&self, index: usize) -> Vec<u8> {
        match self.keys.get(index) {
            Some(key) => label_of(key),
            None => index.to_string().into_bytes(),
        }
    }

    /// Puts `column` in the place of column `index`; it has the same rows. `rounded` is the first of them that lost
    /// digits.
    pub(crate) fn replace(&mut self, index: usize, column: Column, rounded: Option<usize>) {
        self.columns[index] = column;
        self.rounded.extend(rounded.map(|row| (index, row)));
    }

    /// The first row of column `index` whose integer lost digits when a hint made it a float.
    pub(crate) fn rounded(&self, index: usize) -> Option<usize> {
        self.rounded.iter().find(|(column, _)| *column == index).map(|(_, row)| *row)
    }

    /// Takes the record begun last back, as if it had never been. Returns true if and only if columns went with it.
    pub(crate) fn abandon(&mut self) -> bool {
        let grown = self.columns.len() > self.width_before;
        for index in (0..std::mem::take(&mut self.touched)).chain(self.touched_besides.drain(..)) {
            if self.columns[index].len() > self.rows {
                self.columns[index].pop();
            }
        }
        self.columns.truncate(self.width_before);
        self.begun.truncate(self.width_before);
        for key in self.keys.drain(self.width_before.min(self.keys.len())..) {
            self.index.remove(&key);
        }
        if !self.duplicates.is_empty() {
            self.duplicates.retain(|_, row| *row != self.rows);
        }
        if self.rows == 0 {
            self.kind = self.given;
        }
        grown
    }

    /// The number of the column of `key`, new if the key is.
    pub(crate) fn column_of(&mut self, key: &[u8]) -> usize {
        if let Some(index) = self.index.get(key) {
            return *index;
        }
        let index = self.add_column(if self.plain.contains(key) { Column::plain() } else { Column::default() });
        self.keys.push(key.into());
        self.index.insert(key.into(), index);
        index
    }

    /// The number of the column at `position` of a list (0 for a single value).
    pub(crate) fn column_at(&mut self, position: usize) -> usize {
        while self.columns.len() <= position {
            self.add_column(Column::default());
        }
        position
    }

    /// Column `index`, ready for this record's value; a value it already has in this record is taken back.
    #[inline]
    pub(crate) fn ready(&mut self, index: usize) -> &mut Column {
        if index == self.touched {
            self.touched += 1;
        } else {
            self.touched_besides.push(index);
        }
        let rows = self.rows;
        if self.columns[index].len() != rows {
            self.make_ready(index);
        }
        &mut self.columns[index]
    }

    fn make_ready(&mut self, index: usize) {
        let (rows, absent) = (self.rows, self.absent());
        let column = &mut self.columns[index];
        if column.len() > rows {
            column.pop();
            self.note_duplicate(index);
        } else {
            column.pad(rows, absent);
        }
    }

    fn add_column(&mut self, column: Column) -> usize {
        self.columns.push(column);
        self.begun.push(self.rows);
        self.columns.len() - 1
    }
}

/// A key as a label: with dots between the names of members.
pub(crate) fn label_of(key: &[u8]) -> Vec<u8> {
    key.iter().map(|byte| if *byte == MEMBER { b'.' } else { *byte }).collect()
}

#[cfg(test)]
mod tests {
    use super::super::column::Cell;
    use super::*;

    fn record(part: &mut Part, members: &[(&str, u64)]) {
        part.begin(LineKind::Object).unwrap();
        for (key, value) in members {
            let column = part.column_of(key.as_bytes());
            part.ready(column).push_word(Tag::Int, *value);
        }
        part.end();
    }

    #[test]
    fn columns_come_in_order_of_first_appearance_and_the_last_of_two_equal_keys_wins() {
        let mut part = Part::new(1, None);
        record(&mut part, &[("b", 1), ("a", 2)]);
        record(&mut part, &[("a", 3), ("c", 4), ("a", 5)]);
        assert_eq!([0, 1, 2].map(|index| part.label(index)), [b"b", b"a", b"c"]);
        let column = |index: usize| {
            (0..2).map(|row| part.column(index).cells(row..row + 1, Tag::Missing).next().unwrap()).collect::<Vec<_>>()
        };
        assert_eq!(column(0), [Cell::Int(1), Cell::Missing]);
        assert_eq!(column(1), [Cell::Int(2), Cell::Int(5)]);
        assert_eq!(column(2), [Cell::Missing, Cell::Int(4)]);
    }

    #[test]
    fn a_record_that_is_abandoned_leaves_no_trace() {
        let mut part = Part::new(1, None);
        record(&mut part, &[("a", 1)]);
        part.begin(LineKind::Object).unwrap();
        for (key, value) in [("b", 2), ("a", 3), ("a", 4)] {
            let column = part.column_of(key.as_bytes());
            part.ready(column).push_word(Tag::Float, value);
        }
        part.abandon();
        record(&mut part, &[("c", 5), ("a", 6)]);
        assert_eq!([0, 1].map(|index| part.label(index)), [b"a", b"c"]);
        let a: Vec<_> = part.column(0).cells(0..2, Tag::Missing).collect();
        assert_eq!(a, [Cell::Int(1), Cell::Int(6)]);
        assert_eq!((part.column(1).cells(1..2, Tag::Missing).next(), part.duplicate(0)), (Some(Cell::Int(5)), None));
        assert_eq!((part.begun(0), part.begun(1)), (0, 1));
    }

    #[test]
    fn the_first_record_with_a_key_twice_is_known_for_each_column() {
        let mut part = Part::new(1, None);
        record(&mut part, &[("a", 1), ("b", 1)]);
        record(&mut part, &[("a", 1), ("a", 2), ("b", 1)]);
        record(&mut part, &[("b", 1), ("a", 2), ("a", 3), ("b", 2)]);
        assert_eq!((part.duplicate(0), part.duplicate(1)), (Some(1), Some(2)));
    }

    #[test]
    fn a_record_of_a_document_knows_its_line_whether_they_follow_a_step_or_not() {
        for lines in [vec![3, 3, 3, 3], vec![2, 5, 8, 11], vec![1, 1, 7, 8]] {
            let mut part = Part::of_records(lines.clone(), None);
            record(&mut part, &[("a", 1)]);
            part.skip_line();
            record(&mut part, &[("a", 2)]);
            assert_eq!((part.line_of(0), part.line_of(1), part.next_line()), (lines[0], lines[2], lines[3]));
        }
    }

    #[test]
    fn a_record_knows_its_line_past_blank_ones() {
        let mut part = Part::new(10, None);
        part.skip_line();
        record(&mut part, &[("a", 1)]);
        part.skip_line();
        record(&mut part, &[("a", 2)]);
        assert_eq!((part.line_of(0), part.line_of(1), part.next_line()), (11, 13, 14));
    }
}
