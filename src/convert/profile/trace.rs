//! What is kept of one file: who worked on it, when, on what.

use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};

use super::stage::{Stage, Times};

/// Spans kept in detail by one profile. Some 24 bytes each in memory, some ten on the page.
pub(super) const DETAIL: usize = 100_000;

/// A shorter span shows on no screen; it is in the totals only. In nanoseconds.
const SHORTEST: u64 = 1000;

/// One stage on one thread, in nanoseconds since the profile began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stretch {
    pub(super) stage: Stage,
    pub(super) start: u64,
    pub(super) end: u64,
}

/// What one thread did for one file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Piece {
    /// The thread's number in the profile.
    pub(super) lane: usize,
    /// Time by stage, each without what ran inside it.
    pub(super) times: Times,
    /// The stretches kept in detail, in the order in which they ended.
    pub(super) stretches: Vec<Stretch>,
    /// How many were not kept, because there was no room.
    pub(super) left_out: u64,
}

impl Piece {
    /// Counts a stretch that took `own` nanoseconds without what ran inside it, and keeps it if there is `room`.
    pub(super) fn note(&mut self, stretch: Stretch, own: u64, room: &Room) {
        self.times.add(stretch.stage, own);
        if stretch.end - stretch.start < SHORTEST {
            return;
        }
        if room.take() {
            self.stretches.push(stretch);
        } else {
            self.left_out += 1;
        }
    }

    fn absorb(&mut self, other: Self) {
        self.times += other.times;
        self.stretches.extend(other.stretches);
        self.left_out += other.left_out;
    }
}

/// One finished file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct FileTrace {
    /// The path as people may see it.
    pub(super) name: String,
    pub(super) bytes: u64,
    /// Records; `None` if the file was not converted.
    pub(super) rows: Option<u64>,
    /// The worker that had it.
    pub(super) lane: usize,
    pub(super) start: u64,
    pub(super) end: u64,
    /// One for each thread that worked on it.
    pub(super) pieces: Vec<Piece>,
}

impl FileTrace {
    /// How long it took, in nanoseconds.
    pub(super) fn took(&self) -> u64 {
        self.end - self.start
    }

    /// Time by stage, over all threads.
    pub(super) fn times(&self) -> Times {
        let mut sum = Times::default();
        self.pieces.iter().for_each(|piece| sum += piece.times);
        sum
    }
}

/// How many spans may still be kept.
#[derive(Debug)]
pub(super) struct Room(AtomicI64);

impl Room {
    pub(super) fn for_spans(count: usize) -> Self {
        Self(AtomicI64::new(i64::try_from(count).unwrap_or(i64::MAX)))
    }

    fn take(&self) -> bool {
        // Looked at first, so that threads do not contend for a room that is full.
        self.0.load(Ordering::Relaxed) > 0 && self.0.fetch_sub(1, Ordering::Relaxed) > 0
    }
}

/// A file in hand, shared with the threads that help with it.
#[derive(Debug)]
pub(super) struct OpenFile {
    pub(super) name: String,
    pub(super) bytes: u64,
    pub(super) start: u64,
    pub(super) room: std::sync::Arc<Room>,
    helped: Mutex<Vec<Piece>>,
}

impl OpenFile {
    pub(super) fn new(name: String, bytes: u64, start: u64, room: std::sync::Arc<Room>) -> Self {
        Self { name, bytes, start, room, helped: Mutex::new(Vec::new()) }
    }

    /// Takes in what a helping thread did.
    pub(super) fn help(&self, piece: Piece) {
        let mut helped = self.helped.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match helped.iter_mut().find(|known| known.lane == piece.lane) {
            Some(known) => known.absorb(piece),
            None => helped.push(piece),
        }
    }

    /// The finished file, after its worker's own `piece`.
    pub(super) fn close(&self, piece: Piece, rows: Option<u64>, end: u64) -> FileTrace {
        let lane = piece.lane;
        self.help(piece);
        let pieces = std::mem::take(&mut *self.helped.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
        FileTrace { name: self.name.clone(), bytes: self.bytes, rows, lane, start: self.start, end, pieces }
    }
}
