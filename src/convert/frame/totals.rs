//! What is known of a column over all parts: enough to decide what it is, and to tell where anything odd about it is.

use super::column::{KindSet, TAG_COUNT, Tag};
use super::memo::Memo;
use super::part::Part;
use super::summary::ColumnSummary;

/// Where a record is in the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Spot {
    /// How many records, blank lines and records left out come before it.
    pub(crate) record: u64,
    /// Its line, counted from 1.
    pub(crate) line: u64,
}

/// What is known of one column.
#[derive(Clone, Debug)]
pub(crate) struct Totals {
    /// The kinds that occur, absent cells included.
    pub(crate) kinds: KindSet,
    /// The first record that has the column.
    pub(crate) begun: Spot,
    /// The first record in which its key occurred twice.
    pub(crate) duplicate: Option<Spot>,
    /// The first record whose integer is no float64 exactly.
    pub(crate) inexact: Option<Spot>,
    /// Whether a hint made floats of such integers.
    pub(crate) rounded: bool,
    /// The first record of the first part that never saw the column.
    pub(crate) lacking: Option<Spot>,
    /// The texts that repeat.
    pub(super) memo: Memo,
    counts: [u64; TAG_COUNT],
    firsts: [Option<Spot>; TAG_COUNT],
}

impl Totals {
    /// A column that begins in column `index` of `part`, before which the source has `records`.
    pub(super) fn begin(part: &Part, index: usize, records: u64) -> Self {
        Self {
            kinds: KindSet::default(),
            begun: part.spot(part.begun(index), records),
            duplicate: None,
            inexact: None,
            rounded: false,
            lacking: None,
            memo: Memo::default(),
            counts: [0; TAG_COUNT],
            firsts: [None; TAG_COUNT],
        }
    }

    /// Adds column `index` of `part`, before which the source has `records`; `memo_room` is for texts that repeat.
    pub(super) fn add(&mut self, part: &Part, index: usize, records: u64, memo_room: &mut usize) {
        if let Some(dictionary) = part.column(index).dictionary() {
            self.memo.add(dictionary, memo_room);
        }
        let summary: &ColumnSummary = part.summary(index);
        let spot = |row| part.spot(row, records);
        self.kinds = self.kinds.union(summary.kinds);
        self.duplicate = self.duplicate.or_else(|| part.duplicate(index).map(spot));
        let by_hint = part.rounded(index);
        self.rounded |= by_hint.is_some();
        self.inexact = self.inexact.or_else(|| by_hint.or(summary.first_inexact).map(spot));
        for tag in summary.kinds.tags() {
            self.counts[tag as usize] += summary.count(tag);
            let first = &mut self.firsts[tag as usize];
            *first = first.or_else(|| summary.first(tag).map(spot));
        }
    }

    /// Adds `rows` that never saw the column, from `first` on; their cells are `absent`.
    pub(super) fn lack(&mut self, rows: u64, first: Spot, absent: Tag) {
        self.kinds = self.kinds.union(KindSet::of(absent));
        self.counts[absent as usize] += rows;
        self.firsts[absent as usize].get_or_insert(first);
        self.lacking.get_or_insert(first);
    }

    /// How many cells are of the kind `tag`.
    pub(crate) fn count(&self, tag: Tag) -> u64 {
        self.counts[tag as usize]
    }

    /// The first record whose cell is of the kind `tag`.
    pub(crate) fn first(&self, tag: Tag) -> Option<Spot> {
        self.firsts[tag as usize]
    }
}
