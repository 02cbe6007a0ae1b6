//! A run that ends by itself (`run --once`): when it is done, and what it leaves to the next.

use std::time::Duration;

use super::AgentError;
use super::dispatcher::Dispatcher;

/// With `--once`: how long a fault of our own may last before what it keeps is left for the next run.
const ONCE_PAUSED: Duration = Duration::from_secs(6);
/// With `--once`: how long a source may go on being written before it is left for the next run.
const ONCE_PATIENCE: Duration = Duration::from_secs(15);

impl Dispatcher {
    /// With `--once`: all sources that were there have come, or no more are waited for. In a pause those come back that could not
    /// be converted, and are to go together again.
    pub(super) fn waits_for_nobody(&self) -> bool {
        let patient = self.begun.elapsed() <= ONCE_PATIENCE;
        self.pause.why().is_none() && self.intake.unlisted().is_none() && (self.intake.settling() == 0 || !patient)
    }

    /// With `--once`: everything that was there is done, or is still being written after all patience.
    pub(super) fn all_done(&self) -> Result<bool, AgentError> {
        if let Some(lasts) = self.pause.lasts(self.begun.elapsed()) {
            return Ok(lasts > ONCE_PAUSED);
        }
        let patient = self.begun.elapsed() <= ONCE_PATIENCE;
        if let Some(error) = self.intake.unlisted() {
            return if patient { Ok(false) } else { Err(error) };
        }
        Ok((self.intake.settling() == 0 || !patient) && self.queue.is_idle() && self.is_dry() && !self.is_away())
    }

    /// With `--once`, which cannot wait for ever until a fault is over.
    pub(super) fn leave_to_the_next_run(&mut self) {
        if let Some(why) = self.pause.why().filter(|_| !self.stopping) {
            let left = self.queue.waiting() as u64;
            self.summary.failed += left.max(1);
            log::error!(event = "agent.gave_up", error:% = why, sources = left;
                "It lasts too long; what waits is left to the next run.");
        }
    }
}
