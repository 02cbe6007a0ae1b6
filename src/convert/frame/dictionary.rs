//! Texts that repeat: a column of few different ones keeps each once, and its cells are their numbers. A writer can say
//! them once, too.

use foldhash::fast::RandomState;
use std::hash::BuildHasher;

use super::pickled;

/// Most texts of one dictionary.
const MOST: usize = 1024;
/// From so many on, every second text must have been known already.
const TRIED: usize = 32;
/// The first size of the table by which texts are found; always a power of two, and at least twice as many as texts.
const TABLE: usize = 2 * TRIED;

/// Different texts in order of first appearance, as pickles.
#[derive(Clone, Debug, Default)]
pub(crate) struct Dictionary {
    pickles: Vec<u8>,
    /// Where each text ends in `pickles`.
    ends: Vec<usize>,
    /// Numbers of texts plus one, by hash; 0 is free.
    table: Vec<u16>,
    hasher: RandomState,
    /// The cell with which the last text came.
    last_cell: usize,
}

impl Dictionary {
    /// The dictionary of `pickles`, which end at `ends`; for reading only.
    pub(super) fn from_raw(pickles: Vec<u8>, ends: Vec<usize>) -> Self {
        Self { pickles, ends, ..Self::default() }
    }

    /// What the dictionary holds.
    pub(super) fn raw(&self) -> (&[u8], &[usize]) {
        (&self.pickles, &self.ends)
    }

    /// Number of texts.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The texts as pickles, by number.
    pub(crate) fn pickles(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).map(|number| self.pickle(number))
    }

    /// The text of this number, as a pickle.
    #[inline]
    pub(crate) fn pickle(&self, number: usize) -> &[u8] {
        let start = if number == 0 { 0 } else { self.ends[number - 1] };
        &self.pickles[start..self.ends[number]]
    }

    /// Bytes of memory.
    pub(super) fn memory(&self) -> usize {
        size_of::<Self>() + self.pickles.capacity() + 8 * self.ends.capacity() + 2 * self.table.capacity()
    }

    /// The number of `utf8`, which cell number `cell` of the column holds; `None` if the column has too many different texts
    /// for a dictionary.
    #[inline]
    pub(super) fn number(&mut self, utf8: &[u8], cell: usize) -> Option<u64> {
        if self.table.is_empty() {
            self.grow();
        }
        let mut slot = self.slot(utf8);
        loop {
            match self.table[slot] {
                0 => return self.add(utf8, cell, slot),
                entry if pickled::text_in(self.pickle(usize::from(entry) - 1)) == utf8 => {
                    return Some(u64::from(entry) - 1);
                }
                _ => slot = (slot + 1) & (self.table.len() - 1),
            }
        }
    }

    /// Cell number `cell`, which was the last one, is taken back.
    pub(super) fn take_back(&mut self, cell: usize) {
        if self.last_cell != cell {
            return;
        }
        // The text came with it. Nothing was put into the table after it.
        self.last_cell = usize::MAX;
        let number = u16::try_from(self.ends.len()).unwrap_or_default();
        self.table.iter_mut().filter(|entry| **entry == number).for_each(|entry| *entry = 0);
        self.ends.pop();
        self.pickles.truncate(self.ends.last().copied().unwrap_or(0));
    }

    /// No more texts will come.
    pub(super) fn finish(&mut self) {
        self.table = Vec::new();
    }

    #[cold]
    fn add(&mut self, utf8: &[u8], cell: usize, slot: usize) -> Option<u64> {
        let number = self.len();
        if number == MOST || (number >= TRIED && 2 * number > cell) {
            return None;
        }
        pickled::text(&mut self.pickles, utf8);
        self.ends.push(self.pickles.len());
        self.last_cell = cell;
        self.table[slot] = u16::try_from(number + 1).unwrap_or_default();
        if 2 * self.len() > self.table.len() {
            self.grow();
        }
        Some(number as u64)
    }

    fn grow(&mut self) {
        self.table = vec![0; TABLE.max(4 * self.table.len())];
        for number in 0..self.len() {
            let mut slot = self.slot(pickled::text_in(self.pickle(number)));
            while self.table[slot] != 0 {
                slot = (slot + 1) & (self.table.len() - 1);
            }
            self.table[slot] = u16::try_from(number + 1).unwrap_or_default();
        }
    }

    #[inline]
    fn slot(&self, utf8: &[u8]) -> usize {
        usize::try_from(self.hasher.hash_one(utf8) & (self.table.len() as u64 - 1)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_has_one_number_and_is_found_by_it() {
        let mut dictionary = Dictionary::default();
        for cell in 0..5000 {
            let text = format!("text number {}", cell * 7 % 900);
            let number = dictionary.number(text.as_bytes(), 2000 + cell).unwrap();
            assert_eq!(pickled::text_in(dictionary.pickle(usize::try_from(number).unwrap())), text.as_bytes());
        }
        assert_eq!(dictionary.len(), 900);
    }

    #[test]
    fn texts_that_hardly_repeat_are_given_up_soon() {
        let mut dictionary = Dictionary::default();
        let given_up = (0..5000).find(|cell| dictionary.number(cell.to_string().as_bytes(), *cell).is_none());
        assert_eq!(given_up, Some(TRIED));
        let given_up = (0..=MOST).find(|text| dictionary.number(text.to_string().as_bytes(), usize::MAX / 4).is_none());
        assert_eq!(given_up, Some(MOST));
    }

    #[test]
    fn a_text_that_came_with_a_cell_taken_back_goes_with_it() {
        let mut dictionary = Dictionary::default();
        for (cell, text) in ["a", "b", "a"].into_iter().enumerate() {
            dictionary.number(text.as_bytes(), cell);
        }
        // The second a came with nothing new.
        dictionary.take_back(2);
        assert_eq!(dictionary.len(), 2);
        assert_eq!(dictionary.number(b"gone", 2), Some(2));
        dictionary.take_back(2);
        assert_eq!((dictionary.len(), dictionary.number(b"c", 2)), (2, Some(2)));
        assert_eq!(pickled::text_in(dictionary.pickle(2)), b"c");
    }
}
