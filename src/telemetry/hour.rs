//! What was done in the last hour, minute by minute: the page's picture of the throughput.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;

/// Minutes that are told of.
const MINUTES: usize = 60;

/// What happened in each minute of the last hour, the oldest first, the last one is not over yet. Serialises to lists of 60
/// numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Minutes {
    /// Sources converted.
    pub files: Vec<u64>,
    /// Rows written.
    pub rows: Vec<u64>,
    /// Bytes of the sources converted.
    pub bytes: Vec<u64>,
    /// Sources that went to the quarantine.
    pub quarantined: Vec<u64>,
}

impl Minutes {
    fn none() -> Self {
        let zeros = vec![0; MINUTES];
        Self { files: zeros.clone(), rows: zeros.clone(), bytes: zeros.clone(), quarantined: zeros }
    }

    fn lists(&mut self) -> [&mut Vec<u64>; 4] {
        [&mut self.files, &mut self.rows, &mut self.bytes, &mut self.quarantined]
    }

    fn pass(&mut self, minutes: usize) {
        let passed = minutes.min(MINUTES);
        for list in self.lists() {
            list.drain(..passed);
            list.resize(MINUTES, 0);
        }
    }
}

/// Counts by the minute. Whole minutes since it was made, so that a clock that is set changes nothing.
#[derive(Debug)]
pub struct Hour {
    since: Instant,
    counted: Mutex<(usize, Minutes)>,
}

impl Hour {
    /// Nothing has happened.
    #[must_use]
    pub fn new() -> Self {
        Self { since: Instant::now(), counted: Mutex::new((0, Minutes::none())) }
    }

    /// A source was converted.
    pub fn done(&self, rows: u64, bytes: u64) {
        let mut counted = self.at(self.since.elapsed());
        let last = &mut counted.1;
        for (list, more) in [(&mut last.files, 1), (&mut last.rows, rows), (&mut last.bytes, bytes)] {
            list[MINUTES - 1] += more;
        }
    }

    /// A source went to the quarantine.
    pub fn quarantined(&self) {
        self.at(self.since.elapsed()).1.quarantined[MINUTES - 1] += 1;
    }

    /// The last hour now.
    #[must_use]
    pub fn minutes(&self) -> Minutes {
        self.at(self.since.elapsed()).1.clone()
    }

    /// What was counted, moved on to the time `now`.
    fn at(&self, now: Duration) -> MutexGuard<'_, (usize, Minutes)> {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let minute = usize::try_from(now.as_secs() / 60).unwrap_or(usize::MAX);
        let passed = minute.saturating_sub(counted.0);
        counted.0 = counted.0.max(minute);
        counted.1.pass(passed);
        counted
    }
}

impl Default for Hour {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_minute_counts_for_itself_and_an_hour_later_it_is_forgotten() {
        let hour = Hour::new();
        hour.done(5, 100);
        hour.quarantined();
        let at = |minutes: u64| hour.at(Duration::from_secs(60 * minutes + 59)).1.clone();
        assert_eq!((at(0).files[59], at(0).rows[59], at(0).quarantined[59]), (1, 5, 1));
        let later = at(3);
        assert_eq!((later.bytes[56], later.bytes.iter().sum::<u64>(), later.files[59]), (100, 100, 0));
        // A clock of another thread that is a little behind changes nothing.
        assert_eq!(at(2), later);
        assert_eq!(at(59 + 3).files.iter().sum::<u64>(), 0);
        assert_eq!(at(100_000), Minutes::none());
    }
}
