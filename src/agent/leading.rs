//! Who lists the inbox: an agent with a ledger of its own always; of those that share one, the one that leads. The others have
//! no intake, and take their jobs from the ledger alone.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crossbeam_channel::{Receiver, never};

use super::AgentError;
use super::intake_loop::IntakeLoop;
use crate::config::Config;
use crate::intake::{Hint, Listed, Manifests};
use crate::ledger::{Arrival, Job, Ledger, LedgerError};
use crate::source::Identity;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::status::Live;

/// What an intake is made of, whenever there is to be one.
pub(super) struct Making {
    pub(super) config: Arc<Config>,
    pub(super) ledger: Arc<dyn Ledger>,
    pub(super) live: Arc<Live>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) manifests: Option<Arc<Manifests>>,
    pub(super) patience: Duration,
}

impl Making {
    fn make(&self) -> Result<IntakeLoop, AgentError> {
        let counters = (Arc::clone(&self.live), Arc::clone(&self.metrics));
        IntakeLoop::new(&self.config, &self.ledger, counters, self.manifests.clone(), self.patience)
    }
}

/// The intake, as long as this agent has one.
pub(super) struct Leading {
    making: Making,
    intake: Option<IntakeLoop>,
}

impl Leading {
    /// An agent with a ledger of its own has its intake from now on.
    pub(super) fn new(making: Making) -> Result<Self, AgentError> {
        let mut leading = Self { making, intake: None };
        leading.follow()?;
        Ok(leading)
    }

    /// Begins to list the inbox, or ends, if that is another's part now.
    pub(super) fn follow(&mut self) -> Result<(), AgentError> {
        let leads = self.making.ledger.shared().is_none_or(crate::ledger::Shared::leads);
        match (leads, self.intake.is_some()) {
            (true, false) => {
                self.intake = Some(self.making.make()?);
                if self.making.ledger.shared().is_some() {
                    self.making.live.listed.store(0, Ordering::Relaxed);
                    log::info!(event = "agent.leads"; "This agent lists the inbox from now on, for all that share the ledger.");
                }
            }
            (false, true) => {
                self.intake = None;
                log::info!(event = "agent.follows"; "Another agent lists the inbox from now on.");
            }
            (true, true) | (false, false) => {}
        }
        if !leads {
            // Whether the inbox can be listed is the concern of the one that leads.
            self.making.live.listed.store(1, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Where hints arrive.
    pub(super) fn hints(&self) -> Receiver<Hint> {
        self.intake.as_ref().map_or_else(never, IntakeLoop::hints)
    }

    /// Where listings arrive.
    pub(super) fn listings(&self) -> Receiver<Listed> {
        self.intake.as_ref().map_or_else(never, IntakeLoop::listings)
    }

    /// As [`IntakeLoop::listed`].
    pub(super) fn listed(&mut self, part: Listed) -> Result<(), LedgerError> {
        let listed = self.intake.as_mut().map_or(Ok(()), |intake| intake.listed(part));
        if listed.is_err() && self.making.ledger.shared().is_some() {
            // It does not know what was dealt with. When the ledger is back, another begins.
            self.intake = None;
        }
        listed
    }

    /// As [`IntakeLoop::hint`].
    pub(super) fn hint(&mut self, hint: Option<Hint>) {
        if let Some(intake) = &mut self.intake {
            intake.hint(hint);
        }
    }

    /// As [`IntakeLoop::tick`].
    pub(super) fn tick(&mut self) -> Vec<Arrival> {
        self.intake.as_mut().map(IntakeLoop::tick).unwrap_or_default()
    }

    /// As [`IntakeLoop::next_due`].
    pub(super) fn next_due(&self) -> Duration {
        self.intake.as_ref().map_or(Duration::MAX, IntakeLoop::next_due)
    }

    /// The source of `job` was not taken: it settles again, here or, as the ledger tells, where the inbox is listed.
    pub(super) fn release(&mut self, Job { path, identity, .. }: &Job) {
        if self.making.ledger.shared().is_none() {
            self.release_version(path, identity);
        }
    }

    /// As [`IntakeLoop::release`].
    pub(super) fn release_version(&mut self, path: &std::path::Path, identity: &Identity) {
        self.intake.iter_mut().for_each(|intake| intake.release(path, identity));
    }

    /// As [`IntakeLoop::want_scan`].
    pub(super) fn want_scan(&mut self) {
        self.intake.iter_mut().for_each(IntakeLoop::want_scan);
    }

    /// As [`IntakeLoop::settling`].
    pub(super) fn settling(&self) -> usize {
        self.intake.as_ref().map_or(0, IntakeLoop::settling)
    }

    /// As [`IntakeLoop::unlisted`].
    pub(super) fn unlisted(&self) -> Option<AgentError> {
        self.intake.as_ref().and_then(IntakeLoop::unlisted)
    }
}
