//! When is a file complete? A pure state machine: told what was hinted, scanned and seen, it says where to look next
//! and which version is ready. The clock, a time since any fixed start, is an argument; there is no I/O.
//!
//! A path waits from its first hint until a look finds it complete or gone; in between only the time of its next look
//! moves. No verdict is final: a version handed out can be given back, and a different version is a new one.
//!
//! | last hint | first look | ready when a look sees no writer | if writers cannot be seen: the same version for |
//! | --- | --- | --- | --- |
//! | renamed into place | at once | at once | at once |
//! | closed by a writer | after `settle` | at once | `settle` |
//! | created (or linked) | after `quiet_open` | at once | `quiet_unclosed`: its writer has not closed it |
//! | found by a scan | after `settle` | and the same version as `settle` ago | `quiet_unseen`, on a network mount `quiet_elsewhere` |
//! | changed, says a scan | as above | as above | `quiet_unclosed`: its writer has not closed it; on a network mount as above |
//!
//! A writer makes the path wait longer and longer, up to `longest`, and then as if found by a scan. An empty file is
//! ready once it was seen empty for `quiet_empty`: many producers make the name first.
//!
//! A marker or a manifest beside the file (its [`Consent`]) comes before all that: a file that is said to be complete is
//! ready as soon as a look sees no writer, and one that is not to be taken yet rests until its sign comes.

mod waiting;

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::handled::{Handled, Known, Version};
use super::lease::Writer;
use super::look::Look;
use super::signs::{Consent, Lack};
use crate::source::Identity;
use waiting::{Claim, Waiting};

pub use waiting::Rules;

/// What is known of a path without having looked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It was moved into place.
    Renamed,
    /// A writer closed it.
    Closed,
    /// The name appeared.
    Created,
    /// A scan listed it, with this identity.
    Scanned(Identity),
}

/// What a look has decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Complete: take this version. It is not said again of this version unless it is released.
    Ready(Identity),
    /// Not yet; the path comes up again.
    Waiting,
    /// Not before its sign comes: what is missing, and since when the path waits.
    Withheld(Lack, Duration),
    /// Nothing to do: no file there, or this version was handed out before.
    Forgotten,
}

/// All paths that wait, and what was handed out.
#[derive(Debug)]
pub struct Settle {
    rules: Rules,
    waiting: HashMap<Arc<Path>, Waiting>,
    /// The same paths by the time of their next look.
    queue: BTreeSet<(Duration, Arc<Path>)>,
    handled: Handled,
    /// How many of those that wait only miss their sign.
    withheld: usize,
    /// How many of those that wait cannot be opened.
    unreadable: usize,
}

impl Settle {
    /// Knows nothing yet.
    #[must_use]
    pub fn new(rules: Rules) -> Self {
        let (waiting, queue, handled) = (HashMap::new(), BTreeSet::new(), Handled::default());
        Self { rules, waiting, queue, handled, withheld: 0, unreadable: 0 }
    }

    /// The ledger says that this version of a path is dealt with.
    pub fn prime(&mut self, known: Known) {
        self.handled.know(known);
    }

    /// Something is known of `path`.
    pub fn hint(&mut self, path: &Path, kind: Kind, now: Duration) {
        match kind {
            Kind::Renamed => self.arm(path, Claim::Renamed, None, now, now),
            Kind::Closed => self.arm(path, Claim::Closed, None, now + self.rules.settle, now),
            Kind::Created => self.arm(path, Claim::Created, None, now + self.rules.quiet_open, now),
            Kind::Scanned(identity) => self.scanned(path, Version::of(&identity), now),
        }
    }

    /// A marker or manifest came that may speak of `path`: if it waits, it is looked at now.
    pub fn wake(&mut self, path: &Path, now: Duration) {
        if let Some((path, waiting)) = self.take(path) {
            self.enter(path, Waiting { due: now, looking: false, backoff: self.rules.settle, ..waiting });
        }
    }

    /// Up to `limit` paths to look at now. A look whose result never comes is asked for again after the longest wait.
    pub fn due(&mut self, now: Duration, limit: usize) -> Vec<Arc<Path>> {
        let due: Vec<_> = self
            .queue
            .iter()
            .take_while(|(due, _)| *due <= now)
            .take(limit)
            .map(|(_, path)| Arc::clone(path))
            .collect();
        for path in &due {
            self.postpone(path, now + self.rules.longest, true);
        }
        due
    }

    /// When the next path is due.
    #[must_use]
    pub fn next_due(&self) -> Option<Duration> {
        self.queue.first().map(|(due, _)| *due)
    }

    /// A look at a path that was due saw this.
    pub fn looked(&mut self, path: &Path, look: Look, now: Duration) -> Verdict {
        match self.waiting.get(path) {
            None => Verdict::Forgotten,
            // A hint came after the look was asked for; the look may be older than what it speaks of.
            Some(waiting) if !waiting.looking => Verdict::Waiting,
            Some(_) => self.judged(path, look, now),
        }
    }

    /// The version handed out was not taken after all, for example because the file changed while it was read: the path
    /// waits again, with a look after `wait`. Without effect if a newer version was handed out since.
    pub fn release(&mut self, path: &Path, identity: &Identity, wait: Duration, now: Duration) {
        if self.handled.is(path, Version::of(identity)) {
            self.handled.remove(path);
            if !self.waiting.contains_key(path) {
                self.arm(path, Claim::None, None, now + wait, now);
            }
        }
    }

    /// A scan begins; what it lists comes as [`Kind::Scanned`].
    pub fn scan_started(&mut self) {
        self.handled.scan_started();
    }

    /// The scan has ended. If it was complete, versions of files that are no more are forgotten: memory is bounded by
    /// what the inbox holds, and it is the ledger that remembers.
    pub fn scan_finished(&mut self, complete: bool) {
        if complete {
            self.handled.sweep();
        }
    }

    /// How many paths wait.
    #[must_use]
    pub fn settling_count(&self) -> usize {
        self.waiting.len()
    }

    /// How many of these only miss their marker or manifest.
    #[must_use]
    pub fn withheld_count(&self) -> usize {
        self.withheld
    }

    /// How many of those that wait could not be opened at the last look.
    #[must_use]
    pub fn unreadable_count(&self) -> usize {
        self.unreadable
    }

    /// How many versions that were handed out are remembered.
    #[must_use]
    pub fn handled_count(&self) -> usize {
        self.handled.len()
    }

    /// The path that has waited longest, and for how long. Goes through all that wait.
    #[must_use]
    pub fn oldest_waiting(&self, now: Duration) -> Option<(&Path, Duration)> {
        let (path, waiting) = self.waiting.iter().min_by_key(|(_, waiting)| waiting.since)?;
        Some((path, now.saturating_sub(waiting.since)))
    }

    fn scanned(&mut self, path: &Path, version: Version, now: Duration) {
        // A path that waits has its next look; the scan would only repeat what that will see.
        let claim = match self.handled.confirm(path, version) {
            Some(true) => return,
            Some(false) => Claim::Changed,
            None => Claim::None,
        };
        if !self.waiting.contains_key(path) {
            self.arm(path, claim, Some((version, now)), now + self.rules.settle, now);
        }
    }

    fn arm(&mut self, path: &Path, claim: Claim, seen: Option<(Version, Duration)>, due: Duration, now: Duration) {
        let backoff = self.rules.settle;
        let (quiet_until, looking, withheld) = (due, false, false);
        let fresh =
            Waiting { since: now, due, claim, seen, backoff, looking, quiet_until, withheld, unreadable: false };
        if let Some((path, old)) = self.take(path) {
            self.enter(path, Waiting { since: old.since, ..fresh });
        } else {
            self.enter(Arc::from(path), fresh);
        }
    }

    fn take(&mut self, path: &Path) -> Option<(Arc<Path>, Waiting)> {
        let (path, waiting) = self.waiting.remove_entry(path)?;
        self.queue.remove(&(waiting.due, Arc::clone(&path)));
        self.withheld -= usize::from(waiting.withheld);
        self.unreadable -= usize::from(waiting.unreadable);
        Some((path, waiting))
    }

    fn enter(&mut self, path: Arc<Path>, waiting: Waiting) {
        self.withheld += usize::from(waiting.withheld);
        self.unreadable += usize::from(waiting.unreadable);
        self.queue.insert((waiting.due, Arc::clone(&path)));
        self.waiting.insert(path, waiting);
    }

    fn judged(&mut self, path: &Path, look: Look, now: Duration) -> Verdict {
        self.note_readable(path, look != Look::NotReadable);
        match look {
            Look::Gone => {
                self.handled.remove(path);
                self.leave(path);
                Verdict::Forgotten
            }
            Look::NotReadable => self.disappointed(path, now, false),
            Look::Found { writer: Writer::Present, .. } => self.disappointed(path, now, true),
            Look::Found { identity, .. } if self.handled.is(path, Version::of(&identity)) => {
                self.leave(path);
                Verdict::Forgotten
            }
            Look::Found { identity, writer, consent: Consent::Complete } => {
                self.settled(path, identity, writer, Some(Duration::ZERO), now)
            }
            Look::Found { .. } if self.is_early(path, now) => self.not_yet(path),
            Look::Found { identity, consent: Consent::Withheld(lack), .. } => self.withhold(path, &identity, lack, now),
            Look::Found { identity, writer, consent: Consent::Usual } => {
                self.settled(path, identity, writer, None, now)
            }
        }
    }

    fn note_readable(&mut self, path: &Path, readable: bool) {
        if let Some(waiting) = self.waiting.get_mut(path) {
            self.unreadable -= usize::from(waiting.unreadable);
            waiting.unreadable = !readable;
            self.unreadable += usize::from(waiting.unreadable);
        }
    }

    /// Nothing to be learnt now. A writer also voids what the last hint promised: it may have opened the file since.
    fn disappointed(&mut self, path: &Path, now: Duration, writer: bool) -> Verdict {
        let longest = self.rules.longest;
        if let Some(waiting) = self.waiting.get_mut(path) {
            waiting.seen = None;
            waiting.claim = if writer { Claim::None } else { waiting.claim };
            let due = now + waiting.back_off(longest);
            self.postpone(path, due, false);
        }
        Verdict::Waiting
    }

    /// A sign has brought the look forward.
    fn is_early(&self, path: &Path, now: Duration) -> bool {
        self.waiting.get(path).is_some_and(|waiting| now < waiting.quiet_until)
    }

    fn not_yet(&mut self, path: &Path) -> Verdict {
        if let Some((path, waiting)) = self.take(path) {
            self.enter(path, Waiting { due: waiting.quiet_until, looking: false, ..waiting });
        }
        Verdict::Waiting
    }

    fn withhold(&mut self, path: &Path, identity: &Identity, lack: Lack, now: Duration) -> Verdict {
        let Some((path, mut waiting)) = self.take(path) else { return Verdict::Forgotten };
        waiting.rest(Version::of(identity), now);
        let (due, since) = (now + waiting.back_off(self.rules.rest), waiting.since);
        self.enter(path, Waiting { due, looking: false, ..waiting });
        Verdict::Withheld(lack, since)
    }

    /// Nobody writes: ready if looks have agreed for the time `needed`, or for what the rules want.
    fn settled(
        &mut self,
        path: &Path,
        identity: Identity,
        writer: Writer,
        needed: Option<Duration>,
        now: Duration,
    ) -> Verdict {
        let (rules, version) = (self.rules, Version::of(&identity));
        let Some((path, mut waiting)) = self.take(path) else { return Verdict::Forgotten };
        let needed = needed.unwrap_or_else(|| waiting.needed(&rules, writer, version, identity.size));
        waiting.withheld = false;
        match waiting.observe(version, needed, now, rules.longest) {
            None => {
                self.handled.insert(&path, version);
                Verdict::Ready(identity)
            }
            Some(due) => {
                self.enter(path, Waiting { due, looking: false, ..waiting });
                Verdict::Waiting
            }
        }
    }

    fn postpone(&mut self, path: &Path, due: Duration, looking: bool) {
        if let Some((path, waiting)) = self.take(path) {
            self.enter(path, Waiting { due, looking, ..waiting });
        }
    }

    fn leave(&mut self, path: &Path) {
        let _ = self.take(path);
    }
}

#[cfg(test)]
mod tests;
