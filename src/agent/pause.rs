//! When the agent does not work because something of ours is at fault, why, and when to try again. Plain state: the clock is
//! an argument.
//!
//! Whether the fault is over is seen by trying the real thing: one job at a time, and the sources that could not leave the
//! inbox. A file written for the purpose would prove little, neither for a large output nor for inodes, quotas or the
//! other folder.

use std::time::Duration;

use crate::jobs::fault::Fault;
use crate::ledger::JobId;

/// The first wait; it doubles with each try in vain.
const FIRST: Duration = Duration::from_secs(1);
/// The longest wait.
pub(super) const LONGEST: Duration = Duration::from_secs(60);
/// How often it is told that the pause lasts.
pub(super) const REMIND: Duration = Duration::from_secs(60);
/// A pause that begins anew within that time is told only if it lasts so long.
pub(super) const ANEW: Duration = Duration::from_secs(5);

/// Waits that double.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waits(Duration);

impl Waits {
    /// The first wait comes next.
    pub(super) const fn new() -> Self {
        Self(FIRST)
    }

    /// How long to wait now.
    pub(super) fn next(&mut self) -> Duration {
        let wait = self.0;
        self.0 = (wait * 2).min(LONGEST);
        wait
    }
}

/// Why the agent has paused, if it has.
#[derive(Debug)]
pub(super) struct Pause {
    /// No output can be made or published.
    work: Option<Fault>,
    /// Sources that are decided cannot leave the inbox.
    sources: Option<Fault>,
    since: Duration,
    due: Duration,
    waits: Waits,
    /// The job that is tried now.
    trying: Option<JobId>,
    told_at: Option<Duration>,
    told: bool,
}

impl Pause {
    /// No pause.
    pub(super) fn none() -> Self {
        let (since, due, waits) = (Duration::ZERO, Duration::ZERO, Waits::new());
        Self { work: None, sources: None, since, due, waits, trying: None, told_at: None, told: false }
    }

    /// Why there is a pause, if there is.
    pub(super) fn why(&self) -> Option<&Fault> {
        self.work.as_ref().or(self.sources.as_ref())
    }

    /// How long it has lasted.
    pub(super) fn lasts(&self, now: Duration) -> Option<Duration> {
        self.why().map(|_| now.saturating_sub(self.since))
    }

    /// The attempt on `job` met `fault`.
    pub(super) fn blocked(&mut self, job: JobId, fault: Fault, now: Duration) {
        self.begin(now);
        self.work = Some(fault);
        if self.trying.take_if(|tried| *tried == job).is_some() {
            self.wait(now);
        }
    }

    /// Sources could not leave the inbox because of `fault`.
    pub(super) fn undisposed(&mut self, fault: Fault, now: Duration) {
        self.begin(now);
        self.sources = Some(fault);
    }

    /// Whether it is time to try.
    pub(super) fn is_due(&self, now: Duration) -> bool {
        self.why().is_some() && self.trying.is_none() && now >= self.due
    }

    /// When it is time to try, if that is known.
    pub(super) fn next_due(&self) -> Option<Duration> {
        self.why().filter(|_| self.trying.is_none()).map(|_| self.due)
    }

    /// Whether sources wait to leave the inbox.
    pub(super) fn holds_sources(&self) -> bool {
        self.sources.is_some()
    }

    /// Whether jobs wait.
    pub(super) fn holds_work(&self) -> bool {
        self.work.is_some()
    }

    /// They were tried; `fault` is what they met.
    pub(super) fn tried_sources(&mut self, fault: Option<Fault>, now: Duration) {
        self.sources = fault;
        if self.sources.is_some() {
            self.wait(now);
        }
    }

    /// `job` is tried; with none to try, nothing keeps us.
    pub(super) fn tries(&mut self, job: Option<JobId>) {
        self.trying = job;
        if job.is_none() {
            self.work = None;
        }
    }

    /// The attempt on `job` has ended without a fault of ours. Only if it was `published`, that proves anything.
    pub(super) fn ended(&mut self, job: JobId, published: bool) {
        if self.trying.take_if(|tried| *tried == job).is_some() && published {
            self.work = None;
        }
    }

    /// Whether the operator is to be told now, that it begins or that it lasts.
    pub(super) fn is_to_be_told(&mut self, now: Duration) -> bool {
        let Some(lasts) = self.lasts(now) else { return false };
        let tell = self.told_at.is_none_or(|told| now >= told + REMIND) || (!self.told && lasts >= ANEW);
        if tell {
            self.told_at = Some(now);
            self.told = true;
        }
        tell
    }

    /// Whether the operator was told of the pause that is over; asked once.
    pub(super) fn was_told(&mut self) -> bool {
        std::mem::take(&mut self.told)
    }

    fn begin(&mut self, now: Duration) {
        if self.why().is_none() {
            (self.since, self.waits) = (now, Waits::new());
            self.wait(now);
        }
    }

    fn wait(&mut self, now: Duration) {
        self.due = now + self.waits.next();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: fn(u64) -> Duration = Duration::from_secs;

    fn full() -> Fault {
        Fault::new("the disk is full")
    }

    #[test]
    fn one_job_is_tried_at_a_time_and_waits_double_up_to_a_minute() {
        let mut pause = Pause::none();
        pause.blocked(JobId(1), full(), S(100));
        let (mut now, mut waits) = (S(100), Vec::new());
        for _ in 0..9 {
            let due = pause.next_due().unwrap();
            assert!(!pause.is_due(due.saturating_sub(S(1) / 2)) && pause.is_due(due));
            waits.push(due.saturating_sub(now).as_secs());
            now = due;
            pause.tries(Some(JobId(1)));
            assert!(!pause.is_due(now + S(1000)) && pause.next_due().is_none());
            // Others that had begun before prove nothing, whatever they end with.
            pause.blocked(JobId(2), full(), now);
            pause.ended(JobId(3), true);
            assert!(!pause.is_due(now + S(1000)));
            pause.blocked(JobId(1), full(), now);
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert_eq!(pause.lasts(now), Some(now.saturating_sub(S(100))));
    }

    #[test]
    fn only_a_published_output_or_nothing_to_do_ends_a_pause() {
        let mut pause = Pause::none();
        pause.blocked(JobId(1), full(), S(0));
        pause.tries(Some(JobId(1)));
        pause.ended(JobId(1), false);
        assert!(pause.is_due(S(1)), "a source that was set aside proves nothing: the next is tried");
        pause.tries(Some(JobId(2)));
        pause.ended(JobId(2), true);
        assert_eq!(pause.why(), None);
        pause.blocked(JobId(1), full(), S(9));
        pause.tries(None);
        assert_eq!(pause.why(), None);
    }

    #[test]
    fn sources_and_work_have_to_be_free_both() {
        let mut pause = Pause::none();
        pause.undisposed(Fault::new("the archive is full"), S(0));
        pause.blocked(JobId(1), full(), S(0));
        assert!(pause.holds_sources() && pause.holds_work());
        pause.tried_sources(Some(Fault::new("still")), S(1));
        assert_eq!(pause.next_due(), Some(S(3)));
        pause.tried_sources(None, S(3));
        assert_eq!(pause.why(), Some(&full()));
        pause.tries(Some(JobId(1)));
        pause.ended(JobId(1), true);
        assert_eq!(pause.why(), None);
    }

    #[test]
    fn the_operator_is_told_once_a_minute_however_often_it_begins_anew_unless_it_lasts() {
        let mut pause = Pause::none();
        assert!(!pause.is_to_be_told(S(0)));
        let mut told = 0;
        for second in 0..180 {
            pause.undisposed(full(), S(second));
            told += u32::from(pause.is_to_be_told(S(second)));
            pause.tried_sources(None, S(second));
        }
        assert_eq!(told, 3);
        assert!(pause.was_told() && !pause.was_told());
        pause.undisposed(full(), S(180));
        assert!(pause.is_to_be_told(S(180)));
        pause.tried_sources(None, S(181));
        pause.undisposed(full(), S(182));
        assert!(pause.was_told() && !pause.is_to_be_told(S(186)) && pause.is_to_be_told(S(187)));
        assert!(!pause.is_to_be_told(S(246)) && pause.is_to_be_told(S(247)));
    }
}
