//! What the dispatcher does about a fault of our own side: it takes no work, says why, tries again, and goes on.

use std::time::Duration;

use super::dispatcher::Dispatcher;
use super::supervisor::Supervisor;
use crate::jobs::fault::Fault;
use crate::ledger::{Job, LedgerError};
use crate::telemetry::status::Cause;

/// What systemd is told while all is well.
pub(super) const WATCHING: &str = "watching the inbox";

impl Dispatcher {
    /// Hands jobs to the workers; in a pause one at a time, when it is due, to see whether the pause is over.
    pub(super) fn feed(&mut self) -> Result<(), LedgerError> {
        let now = self.begun.elapsed();
        if self.pause.is_due(now) {
            self.try_sources(now)?;
            // Before jobs that would only come to the same end.
            if self.pause.holds_work() && !self.pause.holds_sources() {
                self.pause.tries(self.queue.hand_over());
            }
        }
        if self.pause.why().is_none() {
            self.resume();
            self.queue.feed(now);
        }
        self.tell_of_pause();
        Ok(())
    }

    /// The attempt on `job` met a fault of ours.
    pub(super) fn blocked(&mut self, job: Job, fault: Fault) {
        let now = self.begun.elapsed();
        self.pause.blocked(job.id, fault, now);
        self.queue.blocked(job, now);
        self.queue.recall();
        self.give_back();
    }

    /// If sources that are decided could not leave the inbox.
    pub(super) fn note_undisposed(&mut self) {
        if let Some(fault) = self.workshop.undisposed.take() {
            self.pause.undisposed(fault, self.begun.elapsed());
            self.queue.recall();
        }
    }

    fn try_sources(&mut self, now: Duration) -> Result<(), LedgerError> {
        if self.pause.holds_sources() {
            let disposed = self.workshop.dispose_all_pending();
            self.unless_away(disposed)?;
            self.pause.tried_sources(self.workshop.undisposed.take(), now);
        }
        Ok(())
    }

    fn tell_of_pause(&mut self) {
        let now = self.begun.elapsed();
        let Some(why) = self.pause.why().map(Fault::to_string) else { return };
        if self.live.paused().as_ref() != Some(&why) {
            Supervisor::says(&format!("paused: {why}"));
            let cause = if self.pause.holds_work() { Cause::Output } else { Cause::Sources };
            self.live.pause(Some((cause, why.clone())));
        }
        if self.pause.is_to_be_told(now) {
            let paused_s = self.pause.lasts(now).unwrap_or_default().as_secs_f64();
            log::warn!(event = "agent.paused", error:% = why, paused_s = paused_s;
                "Nothing can be converted; waiting until that is over.");
        }
    }

    fn resume(&mut self) {
        if self.live.paused().is_none() {
            return;
        }
        self.live.pause(None);
        Supervisor::says(WATCHING);
        if self.pause.was_told() {
            log::info!(event = "agent.resumed"; "It is over; going on.");
        }
    }
}
