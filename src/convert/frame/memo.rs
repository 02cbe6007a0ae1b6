//! The texts that repeat in a column of the whole frame: a writer says each once and refers to it from then on.

use std::collections::HashMap;
use std::sync::Arc;

use super::dictionary::Dictionary;

/// Most texts of one memo: more do not repeat often.
const MOST: usize = 1 << 14;
/// Bytes that all memos of a frame may take together.
pub(super) const ROOM: usize = 16 << 20;

/// Texts as pickles, in order of first appearance.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memo {
    numbers: HashMap<Arc<[u8]>, u32, foldhash::fast::RandomState>,
    pickles: Vec<Arc<[u8]>>,
}

impl Memo {
    /// Takes the texts of `dictionary` in, as far as there is `room` for them; that becomes less.
    pub(super) fn add(&mut self, dictionary: &Dictionary, room: &mut usize) {
        for pickle in dictionary.pickles() {
            let needed = pickle.len() + ENTRY_BYTES;
            if self.pickles.len() < MOST && needed <= *room && !self.numbers.contains_key(pickle) {
                let pickle: Arc<[u8]> = Arc::from(pickle);
                self.numbers.insert(Arc::clone(&pickle), u32::try_from(self.pickles.len()).unwrap_or(u32::MAX));
                self.pickles.push(pickle);
                *room -= needed;
            }
        }
    }

    /// The number of a text, given as a pickle.
    pub(crate) fn number(&self, pickle: &[u8]) -> Option<u32> {
        self.numbers.get(pickle).copied()
    }

    /// The texts, by number.
    pub(crate) fn pickles(&self) -> impl Iterator<Item = &[u8]> {
        self.pickles.iter().map(AsRef::as_ref)
    }
}

/// What a text takes besides its bytes, about.
const ENTRY_BYTES: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_all_parts_have_numbers_until_the_room_is_used_up() {
        let dictionary = |texts: &[&str]| {
            let mut dictionary = Dictionary::default();
            texts.iter().for_each(|text| assert!(dictionary.number(text.as_bytes(), text.len(), 1_000_000).is_some()));
            dictionary
        };
        let (mut memo, mut room) = (Memo::default(), 3 * (ENTRY_BYTES + 3));
        memo.add(&dictionary(&["a", "b"]), &mut room);
        memo.add(&dictionary(&["b", "c", "d"]), &mut room);
        let said: Vec<&[u8]> = memo.pickles().collect();
        assert_eq!(said, [b"\x8c\x01a", b"\x8c\x01b", b"\x8c\x01c"]);
        assert_eq!((memo.number(b"\x8c\x01c"), memo.number(b"\x8c\x01d"), room), (Some(2), None, 0));
    }
}
