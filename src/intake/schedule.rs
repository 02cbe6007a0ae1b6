//! When to scan: at start, every interval, soon after a hint asks for it, and again a little later.
//!
//! Pure: the clock, a time since any fixed start, is an argument.

use std::time::Duration;

/// The watcher asks for a scan when a folder comes, and arms its watch on that folder at the same time. A file that is
/// written between that scan and the watch is found by this second scan.
const SECOND_SCAN: Duration = Duration::from_secs(2);

/// After a scan that failed.
const RETRY: Duration = Duration::from_secs(5);

/// Says when a scan is due. A scan may ask for as much rest as it took, so that a huge inbox and many hints never
/// become one endless scan.
#[derive(Clone, Debug)]
pub struct Schedule {
    interval: Duration,
    next: Duration,
    second: Option<Duration>,
    rested: Duration,
}

impl Schedule {
    /// Scans every `interval`, for the first time `now`.
    #[must_use]
    pub fn new(interval: Duration, now: Duration) -> Self {
        Self { interval, next: now, second: None, rested: now }
    }

    /// A hint asks for a scan: now if it may be, and once more a little later.
    pub fn want(&mut self, now: Duration) {
        self.next = self.next.min(now.max(self.rested));
        self.second = Some(now + SECOND_SCAN);
    }

    /// When the next scan is due.
    #[must_use]
    pub fn next_due(&self) -> Duration {
        self.next
    }

    /// Whether a scan is due.
    #[must_use]
    pub fn is_due(&self, now: Duration) -> bool {
        now >= self.next
    }

    /// The scan that began at `began` ended `now`.
    pub fn finished(&mut self, began: Duration, now: Duration) {
        self.rested = now + now.saturating_sub(began);
        // What was asked for while the scan ran is answered by a later one: this one may have passed that place already.
        let second = self.second.take_if(|second| *second > began).map(|second| second.max(self.rested));
        self.next = (now + self.interval).max(self.rested).min(second.unwrap_or(Duration::MAX));
    }

    /// The scan failed; the next is tried a little later.
    pub fn failed(&mut self, now: Duration) {
        self.next = now + RETRY.min(self.interval);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: fn(u64) -> Duration = Duration::from_secs;

    #[test]
    fn scans_come_at_start_and_every_interval() {
        let mut schedule = Schedule::new(S(60), S(0));
        assert!(schedule.is_due(S(0)));
        schedule.finished(S(0), S(1));
        assert_eq!(schedule.next_due(), S(61));
        schedule.failed(S(61));
        assert_eq!(schedule.next_due(), S(66));
    }

    #[test]
    fn a_wanted_scan_comes_at_once_and_is_repeated_once() {
        let mut schedule = Schedule::new(S(60), S(0));
        schedule.finished(S(0), S(0));
        schedule.want(S(10));
        assert_eq!(schedule.next_due(), S(10));
        schedule.finished(S(10), S(10));
        assert_eq!(schedule.next_due(), S(12));
        schedule.finished(S(12), S(12));
        assert_eq!(schedule.next_due(), S(72));
    }

    #[test]
    fn a_long_scan_is_followed_by_as_long_a_rest_and_forgets_no_wish() {
        let mut schedule = Schedule::new(S(60), S(0));
        schedule.want(S(5));
        schedule.finished(S(0), S(20));
        assert_eq!(schedule.next_due(), S(40));
        schedule.want(S(21));
        assert_eq!(schedule.next_due(), S(40));
        schedule.finished(S(40), S(60));
        assert_eq!(schedule.next_due(), S(120));
    }
}
