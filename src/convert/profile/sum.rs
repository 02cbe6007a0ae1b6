//! What many files cost together.

use super::rate::Rate;
use super::stage::{Stage, Times};
use super::trace::FileTrace;

/// Files in the table of the slowest.
const SLOWEST: usize = 20;

/// Files named under a stage; the others of it come together.
const COSTLIEST: usize = 8;

/// Files added up.
#[derive(Clone, Debug)]
pub(super) struct Sum {
    pub(super) files: u64,
    pub(super) failed: u64,
    /// Bytes and rows of the files that were converted.
    pub(super) bytes: u64,
    pub(super) rows: u64,
    /// Spans that are in the totals only.
    pub(super) left_out: u64,
    pub(super) lanes: Vec<LaneSum>,
    pub(super) rate: Rate,
    pub(super) slowest: Top<Slow>,
    /// The files that cost most, stage by stage.
    pub(super) costliest: Vec<Top<String>>,
}

/// What one thread did.
#[derive(Clone, Debug, Default)]
pub(super) struct LaneSum {
    pub(super) times: Times,
    /// Files that it had as a worker, and how long.
    pub(super) files: u64,
    pub(super) in_files: u64,
    pub(super) last: Option<LastFile>,
}

/// The file that a worker finished last.
#[derive(Clone, Debug)]
pub(super) struct LastFile {
    pub(super) name: String,
    pub(super) bytes: u64,
    pub(super) start: u64,
    pub(super) end: u64,
}

/// A row of the table of the slowest files.
#[derive(Clone, Debug)]
pub(super) struct Slow {
    pub(super) name: String,
    pub(super) bytes: u64,
    pub(super) rows: Option<u64>,
    pub(super) lane: usize,
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) times: Times,
}

impl Default for Sum {
    fn default() -> Self {
        Self {
            files: 0,
            failed: 0,
            bytes: 0,
            rows: 0,
            left_out: 0,
            lanes: Vec::new(),
            rate: Rate::default(),
            slowest: Top::of(SLOWEST),
            costliest: vec![Top::of(COSTLIEST); Stage::COUNT],
        }
    }
}

impl Sum {
    /// Adds `file`; the sum's time begins at `origin`.
    pub(super) fn add(&mut self, file: &FileTrace, origin: u64) {
        let (start, end) = (file.start - origin, file.end - origin);
        self.files += 1;
        match file.rows {
            Some(rows) => {
                self.bytes += file.bytes;
                self.rows += rows;
                self.rate.add(start, end, file.bytes, rows);
            }
            None => self.failed += 1,
        }
        self.add_worker(file, start, end);
        self.add_pieces(file);
        self.slowest.offer(file.took(), || slow(file, start, end));
    }

    /// Time by stage, over all threads.
    pub(super) fn times(&self) -> Times {
        let mut sum = Times::default();
        self.lanes.iter().for_each(|lane| sum += lane.times);
        sum
    }

    fn add_worker(&mut self, file: &FileTrace, start: u64, end: u64) {
        let lane = self.lane(file.lane);
        lane.files += 1;
        lane.in_files += end - start;
        if lane.last.as_ref().is_none_or(|last| last.end < end) {
            lane.last = Some(LastFile { name: file.name.clone(), bytes: file.bytes, start, end });
        }
    }

    fn add_pieces(&mut self, file: &FileTrace) {
        for piece in &file.pieces {
            self.lane(piece.lane).times += piece.times;
            self.left_out += piece.left_out;
        }
        let times = file.times();
        for stage in Stage::ALL {
            self.costliest[stage as usize].offer(times.of(stage), || file.name.clone());
        }
    }

    fn lane(&mut self, number: usize) -> &mut LaneSum {
        if self.lanes.len() <= number {
            self.lanes.resize_with(number + 1, LaneSum::default);
        }
        &mut self.lanes[number]
    }
}

fn slow(file: &FileTrace, start: u64, end: u64) -> Slow {
    let FileTrace { name, bytes, rows, lane, .. } = file;
    Slow { name: name.clone(), bytes: *bytes, rows: *rows, lane: *lane, start, end, times: file.times() }
}

/// The few entries with the greatest keys, greatest first.
#[derive(Clone, Debug)]
pub(super) struct Top<T> {
    most: usize,
    entries: Vec<(u64, T)>,
}

impl<T> Top<T> {
    fn of(most: usize) -> Self {
        Self { most, entries: Vec::new() }
    }

    /// Takes an entry in, if its key is great enough and not 0.
    fn offer(&mut self, key: u64, entry: impl FnOnce() -> T) {
        let place = self.entries.partition_point(|(known, _)| *known >= key);
        if key > 0 && place < self.most {
            self.entries.insert(place, (key, entry()));
            self.entries.truncate(self.most);
        }
    }

    /// The entries with their keys.
    pub(super) fn entries(&self) -> &[(u64, T)] {
        &self.entries
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_greatest_stay_in_order_and_equal_ones_in_the_order_of_arrival() {
        let mut top = Top::of(3);
        for (key, name) in [(5, "a"), (0, "none"), (9, "b"), (5, "c"), (7, "d"), (1, "e")] {
            top.offer(key, || name);
        }
        assert_eq!(top.entries(), [(9, "b"), (7, "d"), (5, "a")]);
    }
}
