//! Texts that repeat: a column of few different ones keeps each once, and its cells are their numbers. A writer can say
//! them once, too.

use foldhash::fast::RandomState;
use std::hash::BuildHasher;

use super::pickled;

/// Most texts of one dictionary.
const MOST: usize = 1024;
/// A dictionary that has so many texts is given up if as many cells, in per cent of them, are texts of their own.
const TRIALS: [(usize, usize); 2] = [(64, 93), (256, 75)];
/// The first size of the table by which texts are found; always a power of two, and at least twice as many as texts.
const TABLE: usize = 64;
/// Texts of so many bytes are compared as two words.
const SHORT: usize = 16;

/// A text in brief: all of a short one; of a longer one its length, and what it begins and ends with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Key {
    first: u64,
    last: u64,
    length: usize,
}

impl Key {
    /// The key of the first `length` of `bytes`.
    #[inline]
    fn of(bytes: &[u8], length: usize) -> Self {
        let word = |at: usize| u64::from_le_bytes(std::array::from_fn(|i| bytes[at + i]));
        if length > SHORT {
            return Self { first: word(0), last: word(length - 8), length };
        }
        let mut whole = [0; SHORT];
        if let Some(window) = bytes.first_chunk::<SHORT>() {
            whole = *window;
        } else {
            whole[..length].copy_from_slice(&bytes[..length]);
        }
        let unused = 8 * (SHORT - length);
        let whole = u128::from_le_bytes(whole) & u128::MAX.checked_shr(u32::try_from(unused).unwrap_or(0)).unwrap_or(0);
        let [first, last] = bytemuck::cast(whole);
        Self { first, last, length }
    }
}

/// Different texts in order of first appearance, as pickles.
#[derive(Clone, Debug)]
pub(crate) struct Dictionary {
    pickles: Vec<u8>,
    /// Where each text ends in `pickles`.
    ends: Vec<usize>,
    keys: Vec<Key>,
    /// Numbers of texts plus one, by hash; 0 is free.
    table: Vec<u16>,
    hasher: RandomState,
    seed: u64,
    /// The cell with which the last text came.
    last_cell: usize,
}

impl Default for Dictionary {
    fn default() -> Self {
        let hasher = RandomState::default();
        let (pickles, ends, keys, table) = (Vec::new(), Vec::new(), Vec::new(), vec![0; TABLE]);
        Self { pickles, ends, keys, table, seed: hasher.hash_one(0), hasher, last_cell: usize::MAX }
    }
}

impl Dictionary {
    /// The dictionary of `pickles`, which end at `ends`; for reading only.
    pub(super) fn from_raw(pickles: Vec<u8>, ends: Vec<usize>) -> Self {
        Self { pickles, ends, table: Vec::new(), ..Self::default() }
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

    /// The number of the text in the first `length` of `bytes`, which cell number `cell` of the column holds; `None` if the
    /// column has too many different texts for a dictionary.
    #[inline]
    pub(super) fn number(&mut self, bytes: &[u8], length: usize, cell: usize) -> Option<u64> {
        let key = Key::of(bytes, length);
        let mut slot = self.slot(&key, &bytes[..length]);
        loop {
            match self.table[slot] {
                0 => return self.add(key, &bytes[..length], cell, slot),
                entry if self.is(usize::from(entry) - 1, &key, bytes) => return Some(u64::from(entry) - 1),
                _ => slot = (slot + 1) & (self.table.len() - 1),
            }
        }
    }

    #[inline]
    fn is(&self, number: usize, key: &Key, bytes: &[u8]) -> bool {
        let short = key.length <= SHORT;
        self.keys[number] == *key && (short || *pickled::text_in(self.pickle(number)) == bytes[..key.length])
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
        self.keys.pop();
        self.pickles.truncate(self.ends.last().copied().unwrap_or(0));
    }

    /// No more texts will come.
    pub(super) fn finish(&mut self) {
        (self.table, self.keys) = (Vec::new(), Vec::new());
    }

    #[cold]
    fn add(&mut self, key: Key, utf8: &[u8], cell: usize, slot: usize) -> Option<u64> {
        let number = self.len();
        let hardly_repeats = |(tried, per_cent)| number >= tried && 100 * number > per_cent * cell;
        if number == MOST || TRIALS.into_iter().any(hardly_repeats) {
            return None;
        }
        pickled::text(&mut self.pickles, utf8);
        self.ends.push(self.pickles.len());
        self.keys.push(key);
        self.last_cell = cell;
        self.table[slot] = u16::try_from(number + 1).unwrap_or_default();
        if 2 * self.len() > self.table.len() {
            self.grow();
        }
        Some(number as u64)
    }

    fn grow(&mut self) {
        self.table = vec![0; 4 * self.table.len()];
        for number in 0..self.len() {
            let mut slot = self.slot(&self.keys[number], pickled::text_in(self.pickle(number)));
            while self.table[slot] != 0 {
                slot = (slot + 1) & (self.table.len() - 1);
            }
            self.table[slot] = u16::try_from(number + 1).unwrap_or_default();
        }
    }

    /// Where the table is searched from for a text.
    #[inline]
    fn slot(&self, key: &Key, utf8: &[u8]) -> usize {
        let hash = if key.length > SHORT {
            self.hasher.hash_one(utf8)
        } else {
            let product = u128::from(key.first ^ self.seed) * u128::from(key.last ^ SPREAD ^ key.length as u64);
            let [low, high]: [u64; 2] = bytemuck::cast(product);
            low ^ high
        };
        usize::try_from(hash & (self.table.len() as u64 - 1)).unwrap_or_default()
    }
}

/// An odd number with half of its bits set, far from any text.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

#[cfg(test)]
mod tests {
    use super::*;

    fn number(dictionary: &mut Dictionary, text: &str, cell: usize) -> Option<u64> {
        dictionary.number(text.as_bytes(), text.len(), cell)
    }

    #[test]
    fn texts_are_told_apart_by_every_byte_and_by_their_length() {
        let mut dictionary = Dictionary::default();
        let mut texts: Vec<String> = (0..40).map(|length| "a".repeat(length)).collect();
        texts.extend((0..40).map(|length| "\0".repeat(length + 1)));
        texts.extend((0..30).map(|place| format!("{}b{}", "a".repeat(place), "a".repeat(29 - place))));
        for (expected, text) in texts.iter().enumerate() {
            // Whatever stands behind the text is no part of it.
            let behind = format!("{text}{}", "x".repeat(expected % 20));
            let number = dictionary.number(behind.as_bytes(), text.len(), 1000 + expected);
            assert_eq!(number, Some(expected as u64), "{text:?}");
        }
        for (expected, text) in texts.iter().enumerate() {
            assert_eq!(number(&mut dictionary, text, 1000), Some(expected as u64), "{text:?}");
            assert_eq!(pickled::text_in(dictionary.pickle(expected)), text.as_bytes());
        }
    }

    #[test]
    fn every_text_has_one_number_and_is_found_by_it() {
        let mut dictionary = Dictionary::default();
        for cell in 0..5000 {
            let text = format!("text number {}", cell * 7 % 900);
            let number = dictionary.number(text.as_bytes(), text.len(), 2000 + cell).unwrap();
            assert_eq!(pickled::text_in(dictionary.pickle(usize::try_from(number).unwrap())), text.as_bytes());
        }
        assert_eq!(dictionary.len(), 900);
    }

    #[test]
    fn texts_that_hardly_repeat_are_given_up_soon() {
        let mut dictionary = Dictionary::default();
        let given_up = (0..5000).find(|cell| number(&mut dictionary, &cell.to_string(), *cell).is_none());
        assert_eq!(given_up, Some(TRIALS[0].0));
        let given_up = (0..=MOST).find(|text| number(&mut dictionary, &text.to_string(), 1_000_000).is_none());
        assert_eq!(given_up, Some(MOST));
    }

    #[test]
    fn a_text_that_came_with_a_cell_taken_back_goes_with_it() {
        let mut dictionary = Dictionary::default();
        for (cell, text) in ["a", "b", "a"].into_iter().enumerate() {
            number(&mut dictionary, text, cell);
        }
        // The second a came with nothing new.
        dictionary.take_back(2);
        assert_eq!(dictionary.len(), 2);
        assert_eq!(number(&mut dictionary, "gone", 2), Some(2));
        dictionary.take_back(2);
        assert_eq!((dictionary.len(), number(&mut dictionary, "c", 2)), (2, Some(2)));
        assert_eq!(pickled::text_in(dictionary.pickle(2)), b"c");
    }
}
