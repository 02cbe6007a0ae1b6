//! Warnings and errors that repeat: the first of each kind within a minute are written, the others counted, and then it is
//! said how many they were.
//!
//! What becomes of each file is never left out, and neither is what somebody asked for by `log.level`.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use log::Level;

/// So many of one kind are written.
const WRITTEN: u64 = 100;
/// Within so long from the first of them.
const WITHIN: Duration = Duration::from_secs(60);
/// Of these each one is written: there is one for each file at most.
const OUTCOMES: [&str; 1] = ["file.quarantined"];

/// What was written and counted of each kind. There are as many kinds as events in the code.
#[derive(Debug)]
pub(super) struct Repeats(Option<HashMap<String, Kind>>);

#[derive(Debug)]
struct Kind {
    since: Instant,
    seen: u64,
}

impl Repeats {
    pub(super) const fn new() -> Self {
        Self(None)
    }

    /// Whether `event` is to be written; it is counted if not. What is [`Repeats::over`] is to be told before.
    pub(super) fn is_to_be_written(&mut self, level: Level, event: &str, now: Instant) -> bool {
        if level > Level::Warn || OUTCOMES.contains(&event) {
            return true;
        }
        let kinds = self.0.get_or_insert_default();
        let kind = kinds.entry(event.to_owned()).or_insert(Kind { since: now, seen: 0 });
        kind.seen += 1;
        kind.seen <= WRITTEN
    }

    /// The kinds whose time is over, and how many of each were counted and not written, if any.
    pub(super) fn over(&mut self, now: Instant) -> Vec<(String, u64)> {
        self.taken(|kind| now.saturating_duration_since(kind.since) >= WITHIN)
    }

    /// As [`Repeats::over`], as if the time of all were.
    pub(super) fn all(&mut self) -> Vec<(String, u64)> {
        self.taken(|_| true)
    }

    fn taken(&mut self, is_over: impl Fn(&Kind) -> bool) -> Vec<(String, u64)> {
        let Some(kinds) = &mut self.0 else { return Vec::new() };
        let over = kinds.extract_if(|_, kind| is_over(kind));
        let mut over: Vec<_> = over.map(|(event, kind)| (event, kind.seen.saturating_sub(WRITTEN))).collect();
        over.retain(|(_, more)| *more > 0);
        over.sort();
        over
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_a_minute_are_written_and_the_others_counted() {
        let (mut repeats, begun) = (Repeats::new(), Instant::now());
        let written = |repeats: &mut Repeats, level, event, count: u64| {
            (0..count).filter(|_| repeats.is_to_be_written(level, event, begun)).count()
        };
        assert_eq!(written(&mut repeats, Level::Warn, "file.skipped", 250), 100);
        assert_eq!(written(&mut repeats, Level::Error, "file.disposed", 30), 30);
        assert!(repeats.over(begun + WITHIN / 2).is_empty());
        assert_eq!(repeats.over(begun + WITHIN), [("file.skipped".to_owned(), 150)]);
        assert!(repeats.over(begun + WITHIN).is_empty(), "told once");
        assert_eq!(written(&mut repeats, Level::Warn, "file.skipped", 1), 1, "and then anew");
    }

    #[test]
    fn what_becomes_of_each_file_and_what_was_asked_for_is_always_written() {
        let (mut repeats, now) = (Repeats::new(), Instant::now());
        for (level, event) in [(Level::Warn, "file.quarantined"), (Level::Info, "file.published"), (Level::Debug, "x")]
        {
            assert!((0..1000).all(|_| repeats.is_to_be_written(level, event, now)), "{event}");
        }
        assert!(repeats.over(now + WITHIN).is_empty());
    }
}
