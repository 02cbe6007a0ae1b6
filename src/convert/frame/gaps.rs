//! Runs of absent cells that a column does not store: a key that is rare must not take a cell of every record, or a
//! small file of many different keys would take all memory there is.

/// Shorter runs are stored: telling where they are would take more.
const SHORTEST: usize = 16;

/// One run of absent cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gap {
    /// How many cells are stored before it.
    pub(super) stored: usize,
    /// How many are absent in it and in all gaps before it.
    pub(super) absent: usize,
}

/// The gaps of a column, in order.
#[derive(Clone, Debug, Default)]
pub(super) struct Gaps {
    gaps: Vec<Gap>,
    absent: usize,
}

impl Gaps {
    /// Gaps as [`Gaps::as_slice`] told them.
    pub(super) fn from_vec(gaps: Vec<Gap>) -> Self {
        let absent = gaps.last().map_or(0, |gap| gap.absent);
        Self { gaps, absent }
    }

    pub(super) fn as_slice(&self) -> &[Gap] {
        &self.gaps
    }

    /// Cells in all gaps together.
    #[inline]
    pub(super) fn absent(&self) -> usize {
        self.absent
    }

    /// Whether every cell is stored.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.absent == 0
    }

    /// Bytes of memory.
    pub(super) fn memory(&self) -> usize {
        self.gaps.capacity() * size_of::<Gap>()
    }

    /// Takes `cells` absent ones in behind the first `stored` cells, which are all there are. Returns false for a run
    /// that is to be stored.
    pub(super) fn take(&mut self, stored: usize, cells: usize) -> bool {
        if cells < SHORTEST {
            return false;
        }
        self.absent += cells;
        match self.gaps.last_mut() {
            Some(last) if last.stored == stored => last.absent = self.absent,
            _ => self.gaps.push(Gap { stored, absent: self.absent }),
        }
        true
    }

    /// The first row in a gap.
    pub(super) fn first(&self) -> Option<usize> {
        self.gaps.first().map(|gap| gap.stored)
    }

    /// The way over the rows from `row` on.
    pub(super) fn walk(&self, row: usize) -> Walk<'_> {
        // Where a gap ends: the first row behind it.
        let next = self.gaps.partition_point(|gap| gap.stored + gap.absent <= row);
        let before = next.checked_sub(1).map_or(0, |last| self.gaps[last].absent);
        let stored = self.gaps.get(next).map_or(row - before, |gap| gap.stored.min(row - before));
        let passed = row - before - stored;
        let mut walk = Walk { rest: &self.gaps[next..], passed: before, stored, absent: 0, next_gap: usize::MAX };
        walk.look_ahead();
        if passed > 0 {
            walk.enter();
            walk.absent -= passed;
        }
        walk
    }
}

/// Goes over rows, one by one.
#[derive(Clone, Debug)]
pub(super) struct Walk<'g> {
    rest: &'g [Gap],
    /// Absent cells in the gaps before those of `rest`.
    passed: usize,
    /// The next stored cell.
    stored: usize,
    /// Absent cells to come before it.
    absent: usize,
    /// The stored cell before which the next gap is.
    next_gap: usize,
}

impl Walk<'_> {
    /// The next stored cell, over which rows lie that were not gone yet.
    #[inline]
    pub(super) fn stored(&self) -> usize {
        self.stored
    }

    /// The stored cell of the next row, `None` for one in a gap; behind the last gap any number is a stored cell.
    #[inline]
    pub(super) fn step(&mut self) -> Option<usize> {
        if self.stored == self.next_gap {
            self.enter();
        }
        if self.absent > 0 {
            self.absent -= 1;
            return None;
        }
        self.stored += 1;
        Some(self.stored - 1)
    }

    /// Passes the absent cells before the next stored one, and says how many they are.
    pub(super) fn pass_absent(&mut self) -> usize {
        if self.stored == self.next_gap {
            self.enter();
        }
        std::mem::take(&mut self.absent)
    }

    #[cold]
    fn enter(&mut self) {
        if let Some((gap, rest)) = self.rest.split_first() {
            self.absent = gap.absent - self.passed;
            self.passed = gap.absent;
            self.rest = rest;
        }
        self.look_ahead();
    }

    fn look_ahead(&mut self) {
        self.next_gap = self.rest.first().map_or(usize::MAX, |gap| gap.stored);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The stored cell of each row, as told from `from` on.
    fn walked(gaps: &Gaps, from: usize, rows: usize) -> Vec<Option<usize>> {
        let mut walk = gaps.walk(from);
        (from..rows).map(|_| walk.step()).collect()
    }

    #[test]
    fn every_row_finds_its_stored_cell_wherever_the_way_begins() {
        let mut gaps = Gaps::default();
        let mut rows = Vec::new();
        for (stored, absent) in [(0, 20), (1, 16), (2, 0), (40, 100), (0, 17)] {
            let first = rows.iter().flatten().count();
            rows.extend((first..first + stored).map(Some));
            if absent > 0 {
                assert!(gaps.take(first + stored, absent));
                rows.extend(std::iter::repeat_n(None, absent));
            }
        }
        assert_eq!((gaps.absent(), gaps.first()), (153, Some(0)));
        let again = Gaps::from_vec(gaps.as_slice().to_vec());
        for from in 0..rows.len() {
            assert_eq!(walked(&gaps, from, rows.len()), rows[from..], "from row {from}");
            assert_eq!(walked(&again, from, rows.len()), rows[from..], "from row {from}");
        }
    }

    #[test]
    fn a_short_run_is_to_be_stored_and_one_behind_a_gap_becomes_part_of_it() {
        let mut gaps = Gaps::default();
        assert!(!gaps.take(3, SHORTEST - 1) && gaps.is_empty());
        assert!(gaps.take(3, SHORTEST) && gaps.take(3, SHORTEST));
        assert_eq!(gaps.as_slice(), [Gap { stored: 3, absent: 2 * SHORTEST }]);
    }
}
