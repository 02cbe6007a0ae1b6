//! What is done now and then, in the background: old jobs leave the ledger, and old sources the archive.
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
use crate::jobs::archive::{Archive, Expired};
use crate::jobs::places::Places;
use crate::ledger::{Archived, Finished, HistoryFilter, JobId, Ledger, LedgerError, Place, Shared};
use crate::source::{Identity, Shown};
use crate::telemetry::status::Live;

/// Jobs looked at in one step.
const STEP: usize = 256;
/// Jobs forgotten in one transaction: whoever publishes meanwhile waits for it.
const AT_ONCE: usize = 64;
/// Archived sources removed in one step.
const FILES: usize = 64;
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

/// What there is to do.
struct Chores {
    /// Taken away to stop: nobody else then keeps the ledger from being closed.
    ledger: Mutex<Option<Arc<dyn Ledger>>>,
    inbox: PathBuf,
    /// How long jobs are kept, and sources in the archive; none: for ever.
    keep: Option<SignedDuration>,
    keep_archived: Option<SignedDuration>,
    archive: PathBuf,
    marker: String,
    live: Arc<Live>,
    /// What the clock said when this began, and how long ago that is: a clock that is set forward makes nothing old.
    began: (Timestamp, Instant),
    /// Whether the clock may have been wrong then.
    doubtful: bool,
}

/// How a sweep waits between two steps; false if it is to end now.
type Pause<'p> = dyn FnMut(Duration) -> bool + 'p;

/// Whether something came to its end, or else the ledger or the operator has kept it from that.
type Done = Option<()>;

impl Housekeeper {
    /// Starts the thread, if there is anything to do. With `once` nothing is done before [`Housekeeper::finish`].
    pub(super) fn start(
        config: &Config,
        ledger: &Arc<dyn Ledger>,
        live: &Arc<Live>,
        once: bool,
    ) -> Result<Self, AgentError> {
        let chores = Arc::new(Chores {
            ledger: Mutex::new(Some(Arc::clone(ledger))),
            inbox: config.inbox.path.clone(),
            keep: days(config.ledger.keep_days),
            keep_archived: days(config.source.archive_keep_days),
            archive: config.source.archive.clone(),
            marker: config.inbox.done_marker.clone(),
            live: Arc::clone(live),
            began: (Timestamp::now(), Instant::now()),
            doubtful: is_silent(ledger.as_ref())?,
        });
        let (stop, stopped) = bounded(0);
        if !once && (chores.keep.is_some() || chores.keep_archived.is_some()) {
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

/// None stands for ever.
fn days(number: u64) -> Option<SignedDuration> {
    i64::try_from(number).ok().filter(|number| *number > 0).map(|number| SignedDuration::from_hours(24 * number))
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

impl Chores {
    fn serve(&self, stopped: &Receiver<()>) {
        let mut wait = if self.doubtful { EVERY } else { FIRST };
        let mut pause = |time| matches!(stopped.recv_timeout(time), Err(RecvTimeoutError::Timeout));
        while pause(wait) {
            wait = if self.sweep(&mut pause).is_some() { EVERY } else { AGAIN };
        }
    }

    fn sweep(&self, pause: &mut Pause<'_>) -> Done {
        let now = self.now()?;
        if let Some(before) = self.keep_archived.and_then(|keep| now.checked_sub(keep).ok()) {
            self.empty_archive(before, pause)?;
        }
        if let Some(before) = self.keep.and_then(|keep| now.checked_sub(keep).ok()) {
            self.forget(before, pause)?;
            self.shrink(pause)?;
        }
        Some(())
    }

    /// Asks the ledger, unless it was taken away or cannot answer, or this is another agent's part.
    fn ask<T>(&self, what: impl FnOnce(&dyn Ledger) -> Result<T, LedgerError>) -> Option<T> {
        let ledger = self.ledger.lock().unwrap_or_else(PoisonError::into_inner);
        let ledger = ledger.as_deref().filter(|ledger| ledger.shared().is_none_or(Shared::leads))?;
        let answer = what(ledger);
        answer.inspect_err(|error| log::debug!(event = "ledger.sweep", error:% = error; "Not swept.")).ok()
    }

    fn now(&self) -> Option<Timestamp> {
        let (began, elapsed) = (self.began.0, SignedDuration::try_from(self.began.1.elapsed()).ok()?);
        Some(Timestamp::now().min(began.checked_add(elapsed).ok()?))
    }

    /// Looks at all jobs that last changed before `before`, and forgets what may go.
    fn forget(&self, before: Timestamp, pause: &mut Pause<'_>) -> Done {
        let mut swept = Swept::default();
        let done = self.forget_old(before, &mut swept, pause);
        if swept.forgotten > 0 {
            log::info!(event = "ledger.forgotten", jobs = swept.forgotten, kept = swept.looked_at - swept.forgotten;
                "Old jobs were removed from the ledger (ledger.keep_days).");
        }
        if swept.unsure > 0 {
            log::info!(event = "ledger.kept", jobs = swept.unsure;
                "Old jobs stay in the ledger: their sources are not in the inbox, but nothing there proves that its file \
                 system is the one that they were on.");
        }
        done
    }

    fn forget_old(&self, before: Timestamp, swept: &mut Swept, pause: &mut Pause<'_>) -> Done {
        let (mut places, mut behind) = (Places::new(&self.inbox), None::<Finished>);
        let seen = |path: &Path, identity: &Identity| self.ask(|ledger| ledger.seen_at(path, identity)).flatten();
        loop {
            let old = self.ask(|ledger| ledger.finished_before(before, behind.as_ref(), STEP))?;
            swept.looked_at += old.len() as u64;
            // Without its job, what is in the archive would stay there for ever.
            let is_held = |job: &Finished| job.archived && self.keep_archived.is_some();
            let mut ids = Vec::new();
            for job in old.iter().filter(|job| !is_held(job)) {
                let place = places.look(job, &seen);
                if job.may_go(place) {
                    ids.push(job.id);
                } else if job.may_go(Place::Empty) && matches!(place, Place::Bare | Place::Hidden) {
                    swept.unsure += 1;
                }
            }
            for some in ids.chunks(AT_ONCE) {
                swept.forgotten += self.ask(|ledger| ledger.forget(some, before))?;
            }
            behind = Some(match old.into_iter().last() {
                Some(last) => last,
                None => return Some(()),
            });
            self.rest(pause)?;
        }
    }

    /// Gives back what the ledger's file does not need any more.
    fn shrink(&self, pause: &mut Pause<'_>) -> Done {
        while self.ask(|ledger| ledger.shrink(PAGES))? > 0 {
            self.rest(pause)?;
        }
        Some(())
    }

    /// Removes sources that were archived before `before`.
    fn empty_archive(&self, before: Timestamp, pause: &mut Pause<'_>) -> Done {
        let mut emptied = Emptied::default();
        let done = self.remove_archived(before, &mut emptied, pause);
        if emptied.files + emptied.changed > 0 {
            // It is the archive, and not an empty mount point.
            self.ask(|ledger| ledger.unarchived(&emptied.absent));
        }
        if emptied.files > 0 {
            log::info!(event = "archive.removed", files = emptied.files, bytes = emptied.bytes;
                "Old sources were removed from the archive (source.archive_keep_days).");
        }
        done
    }

    fn remove_archived(&self, before: Timestamp, emptied: &mut Emptied, pause: &mut Pause<'_>) -> Done {
        let (archive, mut behind) = (Archive { path: &self.archive, marker: &self.marker }, None::<Archived>);
        loop {
            let old = self.ask(|ledger| ledger.archived_before(before, behind.as_ref(), FILES))?;
            let ids: Vec<JobId> =
                old.iter().filter(|one| emptied.note(one, archive.remove(one))).map(|one| one.id).collect();
            if !ids.is_empty() {
                self.ask(|ledger| ledger.unarchived(&ids))?;
            }
            behind = Some(match old.into_iter().last() {
                Some(last) => last,
                None => return Some(()),
            });
            self.rest(pause)?;
        }
    }

    fn rest(&self, pause: &mut Pause<'_>) -> Done {
        let waiting = self.live.ready.load(Ordering::Relaxed) + self.live.handed_over.load(Ordering::Relaxed);
        pause(if waiting == 0 { IDLE } else { BUSY }).then_some(())
    }
}

/// Jobs that are old, and those of them that were forgotten.
#[derive(Clone, Copy, Debug, Default)]
struct Swept {
    looked_at: u64,
    forgotten: u64,
    /// Which would have been, too, if it were certain that their sources are gone.
    unsure: u64,
}

/// What was found in the archive.
#[derive(Debug, Default)]
struct Emptied {
    files: u64,
    bytes: u64,
    changed: u64,
    /// What is not there; or nothing of it is, because it is not mounted.
    absent: Vec<JobId>,
}

impl Emptied {
    /// Whether the ledger is to know that the archive has it no more.
    fn note(&mut self, old: &Archived, what: Expired) -> bool {
        let (job, place) = (old.id.0, Shown(&old.place));
        match what {
            Expired::Removed => {
                log::debug!(event = "archive.file_removed", job = job, path:% = place; "Removed from the archive.");
                self.files += 1;
                self.bytes += old.identity.size;
                return true;
            }
            Expired::Changed => {
                log::info!(event = "archive.left", job = job, path:% = place;
                    "Not removed from the archive: it is not the file that was put there, or has changed since.");
                self.changed += 1;
                return true;
            }
            Expired::Absent => self.absent.push(old.id),
            Expired::Failed(error) => log::warn!(event = "archive.left", job = job, path:% = place, error:% = error;
                "It cannot be removed from the archive; it is tried again tomorrow. Let the agent's user write there."),
        }
        false
    }
}
