//! Finished files, in a few long lists.
//!
//! A conversion takes and gives back large blocks of memory. Small ones that stayed between them, a few for each file,
//! would keep the allocator from using those again and cost more than all the recording. So a file has none of its
//! own: what is kept of it is appended here, and the oldest file leaves at the front.

use std::collections::VecDeque;

use super::stage::Times;
use super::trace::{DETAIL, FileTrace, Piece, Stretch};

/// Files that a profile of a whole run keeps by name; later ones are in the totals only.
pub(super) const FILES: usize = 10_000;

/// Bytes of names and pieces that there is room for from the start, as for the files: memory that is not touched costs
/// nothing, lists that grow and move do.
const NAMES: usize = 1 << 20;
const PIECES: usize = 2 * FILES;

/// Files in the order in which they ended.
#[derive(Clone, Debug, Default)]
pub(super) struct Store {
    files: VecDeque<Entry>,
    names: VecDeque<u8>,
    pieces: VecDeque<PieceEntry>,
    stretches: VecDeque<Stretch>,
}

/// A file whose name and pieces stand in the other lists.
#[derive(Clone, Copy, Debug)]
struct Entry {
    name_len: usize,
    pieces: usize,
    bytes: u64,
    rows: Option<u64>,
    lane: usize,
    start: u64,
    end: u64,
}

#[derive(Clone, Copy, Debug)]
struct PieceEntry {
    lane: usize,
    times: Times,
    stretches: usize,
    left_out: u64,
}

impl Store {
    /// An empty store.
    pub(super) fn new() -> Self {
        Self {
            files: VecDeque::with_capacity(FILES),
            names: VecDeque::with_capacity(NAMES),
            pieces: VecDeque::with_capacity(PIECES),
            stretches: VecDeque::with_capacity(DETAIL),
        }
    }

    /// How many files it holds.
    pub(super) fn len(&self) -> usize {
        self.files.len()
    }

    /// Appends `file`.
    pub(super) fn push(&mut self, file: &FileTrace) {
        let FileTrace { bytes, rows, lane, start, end, .. } = *file;
        let (name_len, pieces) = (file.name.len(), file.pieces.len());
        self.files.push_back(Entry { name_len, pieces, bytes, rows, lane, start, end });
        self.names.extend(file.name.as_bytes());
        for Piece { lane, times, stretches, left_out } in &file.pieces {
            let (lane, times, left_out) = (*lane, *times, *left_out);
            self.pieces.push_back(PieceEntry { lane, times, stretches: stretches.len(), left_out });
            self.stretches.extend(stretches);
        }
    }

    /// Drops the file that ended first.
    pub(super) fn drop_first(&mut self) {
        let Some(Entry { name_len, pieces, .. }) = self.files.pop_front() else { return };
        self.names.drain(..name_len);
        let stretches: usize = self.pieces.drain(..pieces).map(|piece| piece.stretches).sum();
        self.stretches.drain(..stretches);
    }

    /// All files.
    pub(super) fn into_files(self) -> Vec<FileTrace> {
        let Self { files, mut names, mut pieces, mut stretches } = self;
        let mut file = |entry: Entry| {
            let name: Vec<u8> = names.drain(..entry.name_len).collect();
            let piece = |PieceEntry { lane, times, stretches: count, left_out }| Piece {
                lane,
                times,
                stretches: stretches.drain(..count).collect(),
                left_out,
            };
            let pieces = pieces.drain(..entry.pieces).map(piece).collect();
            let Entry { bytes, rows, lane, start, end, .. } = entry;
            // The bytes are those of a text.
            FileTrace { name: String::from_utf8_lossy(&name).into_owned(), bytes, rows, lane, start, end, pieces }
        };
        files.into_iter().map(&mut file).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::stage::Stage;
    use super::*;

    fn file(number: usize) -> FileTrace {
        let stretch = |start| Stretch { stage: Stage::Parse, start, end: start + 5 };
        let piece = |lane| Piece {
            lane,
            stretches: (0..number as u64 + lane as u64).map(stretch).collect(),
            left_out: number as u64,
            ..Piece::default()
        };
        let (name, start, end) = ("é".repeat(number), number as u64, 100);
        FileTrace { name, bytes: 7, rows: Some(3), lane: 0, start, end, pieces: (0..number).map(piece).collect() }
    }

    #[test]
    fn what_is_put_in_comes_out_and_the_first_leaves_first() {
        let mut store = Store::new();
        (0..6).for_each(|number| store.push(&file(number)));
        (0..3).for_each(|_| store.drop_first());
        assert_eq!(store.len(), 3);
        assert_eq!(store.clone().into_files(), [file(3), file(4), file(5)]);
        (0..4).for_each(|_| store.drop_first());
        assert!(store.into_files().is_empty());
    }
}
