//! The thread that decides. Everything that happens arrives here as a message: hints, reports, signals, and time.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crossbeam_channel::{after, select};
use jiff::Timestamp;

use super::leading::Leading;
use super::parts::Parts;
use super::pause::Pause;
use super::pausing::WATCHING;
use super::profiler::Profiler;
use super::reloading::Next;
use super::sharing::{self, Sharing};
use super::signals::{Request, Signals};
use super::supervisor::Supervisor;
use super::{AgentError, Lasting, RunSummary};
use crate::config::Config;
use crate::jobs::attempt::{Outcome, Workshop};
use crate::jobs::pool::Report;
use crate::jobs::queue::Queue;
use crate::ledger::{Admission, Arrival, Job, Ledger, LedgerError, State};
use crate::source::Shown;
use crate::telemetry::status::Live;

/// How often sources are tried again that could not be moved or deleted.
const DISPOSE_AGAIN: Duration = Duration::from_secs(60);
/// Hints taken at a time before anything else gets its turn.
const BURST: usize = 4096;

/// Decides what is done next.
pub(super) struct Dispatcher {
    pub(super) config: Arc<Config>,
    pub(super) workshop: Arc<Workshop>,
    pub(super) ledger: Arc<dyn Ledger>,
    pub(super) intake: Leading,
    /// If the ledger is shared with other agents.
    pub(super) sharing: Option<Sharing>,
    pub(super) queue: Queue,
    pub(super) live: Arc<Live>,
    profiler: Profiler,
    pub(super) pause: Pause,
    pub(super) supervisor: Supervisor,
    pub(super) summary: RunSummary,
    pub(super) stopping: bool,
    /// What comes after, if this agent does not stop then.
    pub(super) next: Option<Next>,
    pub(super) begun: Instant,
    disposed_at: Instant,
}

impl Dispatcher {
    /// A dispatcher that has not begun.
    pub(super) fn new(
        config: Arc<Config>,
        workshop: Arc<Workshop>,
        ledger: Arc<dyn Ledger>,
        intake: Leading,
        queue: Queue,
        live: Arc<Live>,
        profiler: Profiler,
    ) -> Self {
        let (supervisor, now) = (Supervisor::new(), Instant::now());
        let summary = RunSummary::default();
        let sharing = Sharing::new(ledger.as_ref(), &config);
        Self {
            config,
            workshop,
            ledger,
            intake,
            sharing,
            queue,
            live,
            profiler,
            pause: Pause::none(),
            supervisor,
            summary,
            stopping: false,
            next: None,
            begun: now,
            disposed_at: now,
        }
    }

    /// Runs until told to stop, or to go on with a new configuration, or with `once` until all that was there is done; then
    /// stops in order. What `lasts` is brought up to date.
    pub(super) fn run(
        mut self,
        signals: &Signals,
        parts: &Parts,
        once: bool,
        lasts: &mut Lasting,
    ) -> Result<(), AgentError> {
        self.summary = lasts.summary;
        let worked = self.work(signals, parts, once).and_then(|()| self.finish(signals, parts));
        if worked.is_err() {
            self.wind_down(parts);
        }
        *lasts = Lasting { config: self.config, summary: self.summary, next: self.next };
        worked
    }

    fn work(&mut self, signals: &Signals, parts: &Parts, once: bool) -> Result<(), AgentError> {
        let waiting = self.ledger.waiting()?;
        if once {
            // Whoever starts a run has it tried now: the next may be a day away.
            waiting.into_iter().for_each(|job| self.queue.add(job, Duration::ZERO, Duration::ZERO));
        } else {
            self.add_all(waiting);
        }
        self.add_hindered()?;
        self.note_undisposed();
        log::info!(event = "agent.ready", workers = parts.pool.size(); "Watching the inbox.");
        Supervisor::ready(WATCHING);
        while !self.stopping {
            self.step(signals, parts)?;
            if once && self.waits_for_nobody() {
                self.queue.close_windows();
                self.feed()?;
            }
            if once && self.all_done()? {
                break;
            }
        }
        self.leave_to_the_next_run();
        Ok(())
    }

    /// Outputs that an earlier run decided and that recovery could not give their names either: again later.
    fn add_hindered(&mut self) -> Result<(), LedgerError> {
        let unfinished = self.ledger.unfinished()?;
        let hindered: Vec<Job> = unfinished.into_iter().filter(|job| job.state == State::Publishing).collect();
        self.summary.failed += hindered.iter().filter(|job| !self.wait(job).is_zero()).count() as u64;
        self.add_all(hindered);
        Ok(())
    }

    /// Waits for one message or for time, and then does all that is due.
    fn step(&mut self, signals: &Signals, parts: &Parts) -> Result<(), AgentError> {
        let (hints, listings, wakes) = (self.intake.hints(), self.intake.listings(), self.wakes());
        select! {
            recv(hints) -> hint => {
                self.intake.hint(hint.ok());
                hints.try_iter().take(BURST).for_each(|hint| self.intake.hint(Some(hint)));
            }
            recv(listings) -> part => {
                let listed = self.intake.listed(part.map_err(|_| AgentError::Lister)?);
                self.unless_away(listed)?;
            }
            recv(wakes) -> _ => self.woken(),
            recv(parts.reports) -> report => {
                report.ok().map_or(Ok(()), |report| self.report(report))?;
                parts.reports.try_iter().try_for_each(|report| self.report(report))?;
            }
            recv(signals.requests()) -> request => {
                request.ok().map_or(Ok(()), |request| self.request(request, parts))?;
            }
            // The tick feeds them.
            recv(parts.pool.hungry()) -> _ => {}
            recv(after(self.sleep())) -> _ => {}
        }
        self.tick()?;
        self.alive(parts);
        Ok(())
    }

    fn tick(&mut self) -> Result<(), AgentError> {
        self.share()?;
        if !self.is_away() {
            let ready = self.intake.tick();
            self.arrive(&ready)?;
            self.dispose_again()?;
            self.feed()?;
        }
        self.count();
        Ok(())
    }

    /// Tells the watchdog that things are decided still. A worker that does not come back holds up itself alone, until it is
    /// certain that it never will: then all begins anew, and the source that it had in hand is to blame.
    pub(super) fn alive(&mut self, parts: &Parts) {
        self.supervisor.alive();
        self.live.alive();
        if let Some((job, source)) = parts.pool.overdue(self.workshop.overdue()) {
            log::error!(event = "agent.stuck", job = job.0, path:% = Shown(&source);
                "A conversion does not end, long after `limits.convert_secs`; the agent has to be started again.");
            std::process::abort();
        }
    }

    fn sleep(&self) -> Duration {
        if self.is_away() {
            return sharing::LOOK;
        }
        let mut sleep = self.intake.next_due().min(self.supervisor.longest_sleep()).min(DISPOSE_AGAIN);
        if let Some(time) = self.queue.next_time() {
            sleep = sleep.min(time.saturating_sub(self.begun.elapsed()));
        }
        if let Some(time) = self.pause.next_due() {
            sleep = sleep.min(time.saturating_sub(self.begun.elapsed()));
        }
        sleep.max(Duration::from_millis(1))
    }

    fn arrive(&mut self, ready: &[Arrival]) -> Result<(), LedgerError> {
        if ready.is_empty() {
            return Ok(());
        }
        if self.sharing.is_some() {
            return self.arrive_for_all(ready);
        }
        for admission in self.ledger.arrive(ready)? {
            match admission {
                Admission::New(job) => self.add_all([job]),
                // Recorded before: only what still has to be done is.
                Admission::Known(job) if matches!(job.state, State::Ready | State::Failed) => self.add_all([job]),
                Admission::Known(_) => {}
            }
        }
        Ok(())
    }

    /// Whoever claims them has them.
    fn arrive_for_all(&mut self, ready: &[Arrival]) -> Result<(), LedgerError> {
        let arrived = self.ledger.arrive(ready).map(|_| ());
        self.unless_away(arrived)?;
        if self.is_away() {
            ready.iter().for_each(|arrival| self.intake.release_version(&arrival.path, &arrival.identity));
        }
        self.has_brought();
        Ok(())
    }

    fn add_all(&mut self, jobs: impl IntoIterator<Item = Job>) {
        for job in jobs {
            let wait = self.wait(&job);
            self.queue.add(job, wait, self.begun.elapsed());
        }
    }

    /// How long until the next attempt on `job`: never longer than any wait is, though the clock was set meanwhile.
    fn wait(&self, job: &Job) -> Duration {
        let until = Duration::try_from(job.run_at.duration_since(Timestamp::now())).unwrap_or(Duration::ZERO);
        if job.state == State::Ready {
            return Duration::ZERO;
        }
        until.min(self.workshop.backoff.longest.max(self.workshop.unfinished.grace()))
    }

    pub(super) fn report(&mut self, Report { job, outcome }: Report) -> Result<(), LedgerError> {
        self.profiler.worked();
        if let Ok(Outcome::Blocked(again, fault)) = outcome {
            self.blocked(*again, fault);
            return Ok(());
        }
        self.queue.finished(&job);
        self.unclaim(&job);
        self.pause.ended(job.id, matches!(outcome, Ok(Outcome::Done)));
        self.note_undisposed();
        match outcome {
            Ok(Outcome::Done) => self.summary.done += 1,
            Ok(Outcome::Quarantined) => self.summary.quarantined += 1,
            Ok(Outcome::Duplicate | Outcome::Blocked(..)) => {}
            Ok(Outcome::Failed(again)) => {
                self.summary.failed += 1;
                self.add_again(*again);
            }
            Ok(Outcome::Deferred(again) | Outcome::Apart(again)) => self.add_again(*again),
            Ok(Outcome::Changed | Outcome::Gone) => self.intake.release(&job),
            Err(LedgerError::Conflict { .. }) if self.sharing.is_some() => {
                log::warn!(event = "file.lost", job = job.id.0, path:% = Shown(&job.path);
                    "Another agent has taken this over, or somebody has asked for it anew; it is not finished here.");
                self.lost(&job)?;
            }
            // The ledger that they wait for is away, and so they are left as they are.
            Err(error) if self.sharing.is_some() && self.stopping && error.is_transient() => {
                log::warn!(event = "file.left", job = job.id.0, path:% = Shown(&job.path), error:% = error;
                    "It could not be recorded how far this has come; it is finished when the ledger is back.");
            }
            // Somebody else moved the job on; the ledger is right.
            Err(error @ LedgerError::Conflict { .. }) => {
                log::error!(event = "ledger.conflict", job = job.id.0, path:% = Shown(&job.path), error:% = error; "Job dropped.");
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Tried again here, or by whoever claims it then.
    fn add_again(&mut self, job: Job) {
        if self.sharing.is_none() {
            self.add_all([job]);
        }
    }

    pub(super) fn request(&mut self, request: Request, parts: &Parts) -> Result<(), LedgerError> {
        match request {
            Request::Stop => {
                self.stopping = true;
                if self.next.take().is_some() {
                    self.tell_stopping();
                }
            }
            Request::Reload(read) => self.reload(read, parts),
            Request::Report => parts.answer.tell(),
            Request::Scan => {
                self.intake.want_scan();
                self.woken();
                let requeued = self.ledger.requeued();
                let requeued = self.unless_away(requeued)?;
                self.add_all(requeued);
            }
        }
        Ok(())
    }

    /// Now and then: sources that could not be moved or deleted, and jobs that `retry` put back unseen.
    fn dispose_again(&mut self) -> Result<(), LedgerError> {
        if self.disposed_at.elapsed() < DISPOSE_AGAIN {
            return Ok(());
        }
        self.disposed_at = Instant::now();
        if !self.pause.holds_sources() {
            let disposed = self.workshop.dispose_all_pending();
            self.unless_away(disposed)?;
            self.note_undisposed();
        }
        let requeued = self.ledger.requeued();
        let requeued = self.unless_away(requeued)?;
        self.add_all(requeued);
        Ok(())
    }

    fn count(&self) {
        let store =
            |counter: &std::sync::atomic::AtomicU64, value: usize| counter.store(value as u64, Ordering::Relaxed);
        store(&self.live.ready, self.queue.waiting());
        store(&self.live.handed_over, self.queue.in_hand());
        store(&self.live.retrying, self.queue.retrying());
    }
}
