//! What the dispatcher does besides where agents share the ledger: it claims as many jobs as its workers need, finishes what
//! others have left, lists the inbox if that is its part, and waits while the ledger does not answer.
//!
//! A ledger that is away for a while is no reason to end anything: workers finish what they have in hand, up to the step that
//! has to be recorded, and wait there; nothing new is claimed. Only an agent that was taken for dead has to begin anew.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, never};
use serde_json::json;

use super::AgentError;
use super::dispatcher::Dispatcher;
use super::pause;
use super::supervisor::Supervisor;
use crate::config::Config;
use crate::ledger::{Job, JobId, Ledger, LedgerError, Shared};
use crate::telemetry::status::Cause;

/// Jobs claimed for each worker: it never waits for the ledger, and others find work, too.
const FOR_EACH: usize = 16;
/// Bytes of sources claimed for each worker, if that are fewer jobs.
const BYTES_FOR_EACH: u64 = 32 << 20;
/// While the ledger is away, how often it is looked whether it is back.
pub(super) const LOOK: Duration = Duration::from_millis(200);
/// How often files are looked for that agents have left which came to themselves too late.
const TIDY: Duration = Duration::from_secs(3600);
/// How often an agent tells how it is.
const TELL: Duration = Duration::from_secs(1);

/// What the dispatcher of an agent that shares its ledger keeps in mind.
pub(super) struct Sharing {
    wakes: Receiver<()>,
    /// Something may have changed since the ledger was asked last.
    woken: bool,
    /// The last claim brought less than was asked for.
    dry: bool,
    /// What is claimed, and the length of each source.
    claimed: HashMap<JobId, u64>,
    /// Jobs and bytes that are claimed at most.
    most: (usize, u64),
    /// Since when the ledger has not answered.
    away: Option<Instant>,
    told_at: Option<Instant>,
    /// Whether the operator was told of it.
    told: bool,
    about_told: Option<Instant>,
    /// When what others may have left was removed last; none if there may be some now.
    tidied: Option<Instant>,
}

impl Sharing {
    /// None where the agent has `ledger` for itself.
    pub(super) fn new(ledger: &dyn Ledger, config: &Config) -> Option<Self> {
        let wakes = ledger.shared()?.wakes();
        let workers = config.worker_count();
        let (mut jobs, mut bytes) = (FOR_EACH * workers, BYTES_FOR_EACH.saturating_mul(workers as u64));
        if !config.output.gather.is_empty() {
            // Those that go together have to be here together.
            jobs = jobs.max(2 * config.output.gather_files);
            bytes = bytes.max(config.output.gather_bytes);
        }
        Some(Self {
            wakes,
            woken: true,
            dry: false,
            claimed: HashMap::new(),
            most: (jobs, bytes),
            away: None,
            told_at: None,
            told: false,
            about_told: None,
            tidied: Some(Instant::now()),
        })
    }

    fn is_to_tidy(&self) -> bool {
        self.tidied.is_none_or(|tidied| tidied.elapsed() >= TIDY)
    }

    /// How many jobs, and of how many bytes together, are to be claimed now.
    fn room(&self, workers: usize) -> Option<(usize, u64)> {
        let (jobs, bytes) =
            (self.claimed.len(), self.claimed.values().fold(0, |sum: u64, size| sum.saturating_add(*size)));
        let (most, most_bytes) = self.most;
        if jobs < workers {
            // However large they are.
            return Some((
                if bytes < most_bytes { most - jobs } else { workers - jobs },
                most_bytes.saturating_sub(bytes),
            ));
        }
        (!self.dry && jobs < most / 2 && bytes < most_bytes).then(|| (most - jobs, most_bytes - bytes))
    }
}

impl Dispatcher {
    /// Where the ledger speaks up.
    pub(super) fn wakes(&self) -> Receiver<()> {
        self.sharing.as_ref().map_or_else(never, |sharing| sharing.wakes.clone())
    }

    /// Something about the shared ledger may have changed.
    pub(super) fn woken(&mut self) {
        if let Some(sharing) = &mut self.sharing {
            (sharing.woken, sharing.dry) = (true, false);
        }
    }

    /// There is more to claim.
    pub(super) fn has_brought(&mut self) {
        self.sharing.iter_mut().for_each(|sharing| sharing.dry = false);
    }

    /// Whether the ledger does not answer now.
    pub(super) fn is_away(&self) -> bool {
        self.sharing.as_ref().is_some_and(|sharing| sharing.away.is_some())
    }

    /// Whether there was nothing more to claim.
    pub(super) fn is_dry(&self) -> bool {
        self.sharing.as_ref().is_none_or(|sharing| sharing.dry)
    }

    /// Does what an agent among others has to do; nothing where it has the ledger for itself.
    pub(super) fn share(&mut self) -> Result<(), AgentError> {
        let ledger = Arc::clone(&self.ledger);
        let Some(shared) = ledger.shared() else { return Ok(()) };
        match shared.away() {
            Some(why) => {
                self.note_away(&format!("the ledger does not answer: {why}"));
                return Ok(());
            }
            None => self.note_back(),
        }
        self.tell_about(shared);
        if self.sharing.as_mut().is_some_and(|sharing| std::mem::take(&mut sharing.woken)) {
            self.intake.follow()?;
            let asked = self.take_up(shared);
            self.unless_away(asked)?;
        }
        let claimed = self.claim(shared);
        Ok(self.unless_away(claimed)?)
    }

    /// The attempt on `job` has ended; where it is taken up again, the ledger decides.
    pub(super) fn unclaim(&mut self, job: &Job) {
        if let Some(sharing) = &mut self.sharing {
            sharing.claimed.remove(&job.id);
        }
    }

    /// The ledger has refused a step with `job`: another agent has it, or somebody has asked for it anew.
    pub(super) fn lost(&mut self, job: &Job) -> Result<(), LedgerError> {
        self.unclaim(job);
        // What it has made may be what another publishes: the ledger is asked before it is removed.
        self.sharing.iter_mut().for_each(|sharing| sharing.tidied = None);
        let ledger = Arc::clone(&self.ledger);
        let let_go = ledger.shared().map_or(Ok(()), |shared| shared.let_go(&[job.id]));
        self.unless_away(let_go)
    }

    /// `outcome`, unless it only tells that a shared ledger does not answer now.
    pub(super) fn unless_away<T: Default>(&mut self, outcome: Result<T, LedgerError>) -> Result<T, LedgerError> {
        match outcome {
            Err(error @ LedgerError::Unavailable { passing: true, .. }) if self.sharing.is_some() => {
                self.note_away(&error.to_string());
                Ok(T::default())
            }
            outcome => outcome,
        }
    }

    /// Stops sharing: what was not begun is anybody's again.
    pub(super) fn let_go_waiting(&self) {
        let let_go = self.ledger.shared().map_or(Ok(()), Shared::let_go_waiting);
        if let Err(error) = let_go {
            log::debug!(event = "ledger.unanswered", error:% = error; "Others take what was claimed when the lease runs out.");
        }
    }

    /// While the agent is to end, steps do not wait for a ledger that is away.
    pub(super) fn give_up_if_away(&self) {
        if let Some(shared) = self.ledger.shared().filter(|shared| shared.away().is_some()) {
            shared.give_up();
        }
    }

    /// In a pause others may do what waits here.
    pub(super) fn give_back(&mut self) {
        if self.sharing.is_none() {
            return;
        }
        let jobs = self.queue.give_back();
        jobs.iter().for_each(|job| self.unclaim(job));
        let ids: Vec<JobId> = jobs.iter().map(|job| job.id).collect();
        let ledger = Arc::clone(&self.ledger);
        if let Some(Err(error)) = ledger.shared().filter(|_| !ids.is_empty()).map(|shared| shared.let_go(&ids)) {
            log::debug!(event = "ledger.unanswered", error:% = error; "Others take what was claimed when the lease runs out.");
        }
    }

    /// What others have not taken or have left behind.
    fn take_up(&mut self, shared: &dyn Shared) -> Result<(), LedgerError> {
        if shared.leads() {
            shared.released()?.iter().for_each(|(path, identity)| self.intake.release_version(path, identity));
        }
        if self.pause.why().is_none() && !self.stopping {
            let tidy = self.sharing.as_ref().is_some_and(Sharing::is_to_tidy);
            self.workshop.adopt(shared, tidy)?;
            self.sharing.iter_mut().filter(|_| tidy).for_each(|sharing| sharing.tidied = Some(Instant::now()));
            self.note_undisposed();
        }
        Ok(())
    }

    fn claim(&mut self, shared: &dyn Shared) -> Result<(), LedgerError> {
        let workers = self.config.worker_count();
        let Some(sharing) = self.sharing.as_mut().filter(|_| self.pause.why().is_none() && !self.stopping) else {
            return Ok(());
        };
        let Some((most, bytes)) = sharing.room(workers).filter(|_| !sharing.dry) else { return Ok(()) };
        let jobs = shared.claim(most, bytes, self.config.inbox.order)?;
        // It may also be that the sources have more bytes; then there is no room until some of them are done.
        sharing.dry = jobs.is_empty();
        sharing.claimed.extend(jobs.iter().map(|job| (job.id, job.identity.size)));
        let now = self.begun.elapsed();
        jobs.into_iter().for_each(|job| self.queue.add(job, Duration::ZERO, now));
        Ok(())
    }

    fn tell_about(&mut self, shared: &dyn Shared) {
        let Some(sharing) = &mut self.sharing else { return };
        if sharing.about_told.is_some_and(|told| told.elapsed() < TELL) {
            return;
        }
        sharing.about_told = Some(Instant::now());
        let about = json!({
            "workers": self.config.worker_count(),
            "waiting": self.queue.waiting(),
            "in_hand": self.queue.in_hand(),
            "paused": self.live.paused(),
        });
        shared.tell(about.to_string());
    }

    fn note_away(&mut self, why: &str) {
        let Some(sharing) = &mut self.sharing else { return };
        let since = *sharing.away.get_or_insert_with(Instant::now);
        let lasts = since.elapsed() >= pause::ANEW;
        if sharing.told_at.is_none_or(|told| told.elapsed() >= pause::REMIND) || (!sharing.told && lasts) {
            (sharing.told_at, sharing.told) = (Some(Instant::now()), true);
            log::warn!(event = "agent.paused", error = why, paused_s = since.elapsed().as_secs_f64();
                "The ledger does not answer; what is in hand is finished up to what has to be recorded, and waits.");
        }
        if self.live.cause() != Some(Cause::Ledger) {
            Supervisor::says(&format!("paused: {why}"));
        }
        self.live.pause(Some((Cause::Ledger, why.to_owned())));
    }

    fn note_back(&mut self) {
        let Some(sharing) = &mut self.sharing else { return };
        let Some(since) = sharing.away.take() else { return };
        (sharing.woken, sharing.dry) = (true, false);
        self.live.pause(None);
        Supervisor::says(super::pausing::WATCHING);
        if std::mem::take(&mut sharing.told) {
            log::info!(event = "agent.resumed", paused_s = since.elapsed().as_secs_f64(); "It is over; going on.");
        }
    }
}
