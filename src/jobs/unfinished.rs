//! Sources that end too early: a pause of their writer, or a transfer that broke off, until it has lasted too long.
//!
//! Nothing is gained by reading the same bytes again. So a source that ends too early is tried once more, when its time
//! is over; if it changes before, it is a new version, which comes by itself, and the old one is found gone.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

use super::attempt::{Outcome, Workshop};
use crate::ledger::{Failure, Job, JobId, LedgerError, State};
use crate::source::Shown;

/// Since when sources are known to end too early, on a clock that nobody sets.
#[derive(Debug)]
pub struct Unfinished {
    grace: Duration,
    since: Mutex<HashMap<JobId, Instant>>,
}

impl Unfinished {
    /// Nothing yet; each source will have `grace` to be finished.
    #[must_use]
    pub fn new(grace: Duration) -> Self {
        Self { grace, since: Mutex::default() }
    }

    /// How long each source has to be finished.
    #[must_use]
    pub fn grace(&self) -> Duration {
        self.grace
    }

    /// How long the source of `job` still has, from its first time here; `None` if its time is over.
    fn left(&self, job: JobId) -> Option<Duration> {
        let since = *self.lock().entry(job).or_insert_with(Instant::now);
        self.grace.checked_sub(since.elapsed()).filter(|left| !left.is_zero())
    }

    /// Returns true if and only if the source of `job` has had its time.
    pub(super) fn is_over(&self, job: JobId) -> bool {
        let since = self.lock().get(&job).map(Instant::elapsed);
        self.grace.is_zero() || since.is_some_and(|since| since >= self.grace)
    }

    /// `job` has ended, or got further.
    pub(super) fn forget(&self, job: JobId) {
        self.lock().remove(&job);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<JobId, Instant>> {
        self.since.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Workshop {
    /// Puts off a job whose source ends too early, or gives it up if that has lasted too long.
    pub(super) fn defer(&self, job: &Job, failure: &Failure, attempt: u32) -> Result<Outcome, LedgerError> {
        let Some(left) = self.unfinished.left(job.id) else { return self.quarantine(job, failure, attempt) };
        let run_at = Timestamp::now().saturating_add(SignedDuration::try_from(left).unwrap_or(SignedDuration::MAX));
        let run_at = run_at.unwrap_or(Timestamp::MAX);
        self.record(|ledger| ledger.deferred(job.id, failure, run_at))?;
        log::info!(
            event = "file.unfinished", job = job.id.0, attempt = attempt, path:% = Shown(&job.path),
            size_bytes = job.identity.size, error_code:% = failure.code, error:% = failure.message, line = failure.line,
            byte = failure.byte, retry_s = left.as_secs_f64(); "Not finished, it seems; refused if it does not change until then."
        );
        Ok(Outcome::Deferred(Box::new(Job { run_at, state: State::Failed, ..job.clone() })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_has_its_time_once_and_none_if_there_is_none() {
        let some = Unfinished::new(Duration::from_secs(3600));
        let first = some.left(JobId(1)).unwrap();
        assert!(some.left(JobId(1)).unwrap() <= first && some.left(JobId(2)).is_some());
        some.forget(JobId(1));
        assert_eq!(some.lock().len(), 1);
        assert_eq!(Unfinished::new(Duration::ZERO).left(JobId(1)), None);
        assert!(
            Unfinished::new(Duration::ZERO).is_over(JobId(1)) && !some.is_over(JobId(2)) && !some.is_over(JobId(9))
        );
    }
}
