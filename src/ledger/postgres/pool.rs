//! A few connections that threads take turns at.

use std::sync::{Mutex, PoisonError};

use crossbeam_channel::{Receiver, Sender, bounded};

use super::address::Address;
use super::fault::Fault;
use super::line::{Line, PATIENCE};

/// Connections of one kind.
pub(super) const LINES: usize = 4;

/// Connections with the same settings.
pub(super) struct Pool {
    settings: String,
    /// What the slots of the totals begin with.
    slot: String,
    free: Receiver<usize>,
    give_back: Sender<usize>,
    idle: [Mutex<Option<Line>>; LINES],
}

impl Pool {
    /// Connects nothing yet.
    pub(super) fn new(settings: String, slot: String) -> Self {
        let (give_back, free) = bounded(LINES);
        // There is room for each.
        let _ = (0..LINES).try_for_each(|line| give_back.send(line));
        Self { settings, slot, free, give_back, idle: [const { Mutex::new(None) }; LINES] }
    }

    /// Runs `work` on a connection. One that was idle may have been lost since: then it is run again on a new one, and told so,
    /// because what it did the first time may have been done.
    pub(super) fn with<T>(
        &self,
        address: &Address,
        work: &dyn Fn(&mut Line, bool) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let number = self.free.recv_timeout(PATIENCE).map_err(|_| Fault::Silent(PATIENCE))?;
        let _turn = Turn { pool: self, number };
        let mut place = self.idle[number].lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(mut line) = place.take() {
            match work(&mut line, false) {
                Err(fault) if fault.is_of_the_line() && !matches!(fault, Fault::Silent(_)) => {}
                outcome => {
                    keep(&mut place, line, &outcome);
                    return outcome;
                }
            }
            let mut line = self.connect(address, number)?;
            let outcome = work(&mut line, true);
            keep(&mut place, line, &outcome);
            return outcome;
        }
        let mut line = self.connect(address, number)?;
        let outcome = work(&mut line, false);
        keep(&mut place, line, &outcome);
        outcome
    }

    fn connect(&self, address: &Address, number: usize) -> Result<Line, Fault> {
        let settings = format!("{};SET h5inbox.slot = '{}/{number}'", self.settings, self.slot);
        Line::connect(address, &settings, PATIENCE)
    }
}

/// A connection that works is kept for the next.
fn keep<T>(place: &mut Option<Line>, line: Line, outcome: &Result<T, Fault>) {
    if outcome.as_ref().err().is_none_or(|fault| !fault.is_of_the_line()) {
        *place = Some(line);
    }
}

/// The right to use one of them.
struct Turn<'p> {
    pool: &'p Pool,
    number: usize,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let _ = self.pool.give_back.send(self.number);
    }
}
