//! What is done now and then, in the background: old jobs leave the ledger.
//!
//! A thread of its own, because it looks at files, which may take long on a network mount. It goes in small steps: each
//! holds the ledger for some milliseconds, and while sources wait there is one a second.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use jiff::{SignedDuration, Timestamp};

use super::AgentError;
use crate::config::Config;
use crate::jobs::places::Places;
use crate::ledger::{Finished, HistoryFilter, JobId, Ledger, LedgerError};
use crate::source::Identity;
use crate::telemetry::status::Live;

/// Jobs looked at in one step.
const STEP: usize = 256;
/// Pages given back in one step: a megabyte.
const PAGES: u32 = 256;
/// When the first sweep begins: an agent that has just started has better things to do.
const FIRST: Duration = Duration::from_secs(5);
/// From one sweep to the next: ages count in days.
const EVERY: Duration = Duration::from_secs(86_400);
/// After a sweep that the ledger kept from its end.
const AGAIN: Duration = Duration::from_secs(600);
/// Between two steps, while nothing waits and while something does.
const IDLE: Duration = Duration::from_millis(10);
const BUSY: Duration = Duration::from_secs(1);
/// How long a run that ends by itself takes for it.
const ONCE: Duration = Duration::from_secs(10);
/// If the newest job is older than that, perhaps only the clock says so. It has a day to be put right.
const SILENCE: SignedDuration = SignedDuration::from_hours(30 * 24);

/// The thread, until dropped.
#[derive(Debug)]
pub(super) struct Housekeeper {
    chores: Arc<Chores>,
    /// Closed to stop the thread.
    _stop: Sender<()>,
}

/// Whether nothing was done for long, as far as the clock tells.
fn is_silent(ledger: &dyn Ledger) -> Result<bool, LedgerError> {
    let (mut newest, filter) = (None, HistoryFilter { limit: Some(1), ..HistoryFilter::default() });
    ledger.history(&filter, &mut |record| {
        newest = Some(record.finished_at.unwrap_or(record.seen_at));
        ControlFlow::Break(())
    })?;
    Ok(newest.is_some_and(|newest| Timestamp::now().duration_since(newest) > SILENCE))
}

/// What there is to do.
struct Chores {
    /// Taken away to stop: nobody else then keeps the ledger from being closed.
    ledger: Mutex<Option<Arc<dyn Ledger>>>,
    inbox: PathBuf,
    keep: SignedDuration,
    live: Arc<Live>,
    /// What the clock said when this began, and how long ago that is: a clock that is set forward makes nothing old.
    began: (Timestamp, Instant),
    /// Whether the clock may have been wrong then.
    doubtful: bool,
}

/// How a sweep waits between two steps; false if it is to end now.
type Pause<'p> = dyn FnMut(Duration) -> bool + 'p;

/// What a sweep did.
#[derive(Clone, Copy, Debug, Default)]
struct Swept {
    looked_at: u64,
    forgotten: u64,
}

impl Housekeeper {
    /// Starts the thread; one without work if everything is kept for ever. With `once` nothing is done before
    /// [`Housekeeper::finish`].
    pub(super) fn start(
        config: &Config,
        ledger: &Arc<dyn Ledger>,
        live: &Arc<Live>,
        once: bool,
    ) -> Result<Self, AgentError> {
        let keep = SignedDuration::from_hours(24 * i64::try_from(config.ledger.keep_days).unwrap_or(i64::MAX / 24));
        let doubtful = is_silent(ledger.as_ref())?;
        let chores = Arc::new(Chores {
            ledger: Mutex::new((config.ledger.keep_days > 0).then(|| Arc::clone(ledger))),
            inbox: config.inbox.path.clone(),
            keep,
            live: Arc::clone(live),
            began: (Timestamp::now(), Instant::now()),
            doubtful,
        });
        let (stop, stopped) = bounded(0);
        if config.ledger.keep_days > 0 && !once {
            let chores = Arc::clone(&chores);
            thread::Builder::new().name("housekeeper".to_owned()).spawn(move || chores.serve(&stopped))?;
        }
        Ok(Self { chores, _stop: stop })
    }

    /// For a run that ends by itself: now all that it came for is done.
    pub(super) fn finish(&self) {
        let until = Instant::now() + ONCE;
        if !self.chores.doubtful {
            self.chores.sweep(&mut |_| Instant::now() < until);
        }
    }
}

impl Drop for Housekeeper {
    fn drop(&mut self) {
        self.chores.ledger.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

impl std::fmt::Debug for Chores {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Chores").field("keep", &self.keep).finish_non_exhaustive()
    }
}

impl Chores {
    fn serve(&self, stopped: &Receiver<()>) {
        let mut wait = if self.doubtful { EVERY } else { FIRST };
        let mut pause = |time| matches!(stopped.recv_timeout(time), Err(RecvTimeoutError::Timeout));
        while pause(wait) {
            wait = if self.sweep(&mut pause) { EVERY } else { AGAIN };
        }
    }

    /// Asks the ledger, unless it was taken away or cannot answer.
    fn ask<T>(&self, what: impl FnOnce(&dyn Ledger) -> Result<T, LedgerError>) -> Option<T> {
        let ledger = self.ledger.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = what(ledger.as_deref()?);
        answer.inspect_err(|error| log::debug!(event = "ledger.sweep", error:% = error; "Not swept.")).ok()
    }

    /// What changed before then is old.
    fn horizon(&self) -> Option<Timestamp> {
        let (began, elapsed) = (self.began.0, SignedDuration::try_from(self.began.1.elapsed()).ok()?);
        Timestamp::now().min(began.checked_add(elapsed).ok()?).checked_sub(self.keep).ok()
    }

    /// Looks at all that is old, and forgets what may go; whether it came to its end.
    fn sweep(&self, pause: &mut Pause<'_>) -> bool {
        let Some(before) = self.horizon() else { return true };
        let mut swept = Swept::default();
        let done = self.forget_old(before, &mut swept, pause) && self.shrink(pause);
        if swept.forgotten > 0 {
            log::info!(event = "ledger.forgotten", jobs = swept.forgotten, kept = swept.looked_at - swept.forgotten;
                "Old jobs were removed from the ledger (ledger.keep_days).");
        }
        done
    }

    fn forget_old(&self, before: Timestamp, swept: &mut Swept, pause: &mut Pause<'_>) -> bool {
        let (mut places, mut behind) = (Places::new(&self.inbox), None::<Finished>);
        let knows = |path: &Path, identity: &Identity| self.ask(|ledger| ledger.knows(path, identity)).unwrap_or(false);
        loop {
            let Some(old) = self.ask(|ledger| ledger.finished_before(before, behind.as_ref(), STEP)) else {
                return false;
            };
            swept.looked_at += old.len() as u64;
            let may_go = |job: &&Finished| job.may_go(places.look(&job.path, &knows));
            let ids: Vec<JobId> = old.iter().filter(may_go).map(|job| job.id).collect();
            if !ids.is_empty() {
                let Some(gone) = self.ask(|ledger| ledger.forget(&ids, before)) else { return false };
                swept.forgotten += gone;
            }
            match old.into_iter().last() {
                None => return true,
                last => behind = last,
            }
            if !pause(self.pace()) {
                return false;
            }
        }
    }

    /// Gives back what the ledger's file does not need any more.
    fn shrink(&self, pause: &mut Pause<'_>) -> bool {
        loop {
            match self.ask(|ledger| ledger.shrink(PAGES)) {
                None => return false,
                Some(0) => return true,
                Some(_) if !pause(self.pace()) => return false,
                Some(_) => {}
            }
        }
    }

    fn pace(&self) -> Duration {
        let waiting = self.live.ready.load(Ordering::Relaxed) + self.live.handed_over.load(Ordering::Relaxed);
        if waiting == 0 { IDLE } else { BUSY }
    }
}
