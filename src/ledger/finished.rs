//! When a finished job may be forgotten: plain rules, over what the ledger and the inbox say.
//!
//! The ledger is what keeps a source from being converted again that stays in the inbox. So age alone never decides.

use std::path::PathBuf;

use jiff::Timestamp;

use super::{Disposition, JobId, State};
use crate::source::Identity;

/// A job that may be old enough to be forgotten.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    /// Its number.
    pub id: JobId,
    /// The source, relative to the inbox.
    pub path: PathBuf,
    /// The version of the source.
    pub identity: Identity,
    /// Where it stands.
    pub state: State,
    /// What became of the source.
    pub disposition: Disposition,
    /// When that changed last.
    pub changed_at: Timestamp,
    /// Whether it is the latest job of its path, or the latest that is done: by these a file at the path is known.
    pub needed: bool,
    /// Whether its source is in the archive, as far as is known.
    pub archived: bool,
}

/// What is at the path of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A file, this version of one.
    Taken(Identity),
    /// Nothing, and the file system is the one on which sources are that the ledger knows.
    Empty,
    /// Nothing that can be seen: the file system with the source on it may not be mounted.
    Bare,
    /// It cannot be looked at.
    Hidden,
}

impl Finished {
    /// Whether nothing is lost with it, `place` being what is at its path.
    #[must_use]
    pub fn may_go(&self, place: Place) -> bool {
        match self.state {
            // Nothing was made of it, and should it come back, it is new.
            State::Gone => true,
            // It needs a person, unless it stayed in the inbox and a newer version has taken its place.
            State::Quarantined => self.disposition == Disposition::None && !self.needed,
            State::Done | State::Duplicate => match place {
                Place::Taken(now) => !self.needed && !is_one(&now, &self.identity),
                Place::Empty => true,
                // What was moved or deleted is not there, whatever is mounted.
                Place::Bare => !self.needed || self.disposition == Disposition::Done,
                // A newer version was seen in its place.
                Place::Hidden => !self.needed,
            },
            State::Ready | State::Running | State::Publishing | State::Failed => false,
        }
    }
}

/// The device may have another number since the machine has started again.
fn is_one(now: &Identity, then: &Identity) -> bool {
    Identity { device: then.device, ..*now } == *then
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Identity = Identity { device: 1, inode: 2, size: 3, mtime_ns: 4, ctime_ns: 5 };
    const NEWER: Identity = Identity { ctime_ns: 6, ..NOW };

    fn job(state: State, disposition: Disposition, needed: bool) -> Finished {
        let changed_at = Timestamp::UNIX_EPOCH;
        Finished {
            id: JobId(1),
            path: "a.json".into(),
            identity: NOW,
            state,
            disposition,
            changed_at,
            needed,
            archived: false,
        }
    }

    #[test]
    fn what_stands_in_the_inbox_or_may_stand_there_is_remembered() {
        for state in [State::Done, State::Duplicate] {
            let kept = job(state, Disposition::None, true);
            for place in [Place::Taken(NOW), Place::Taken(NEWER), Place::Bare, Place::Hidden] {
                assert!(!kept.may_go(place), "{state:?} {place:?}");
            }
            assert!(kept.may_go(Place::Empty));
            let moved = job(state, Disposition::Done, true);
            assert!(moved.may_go(Place::Bare) && !moved.may_go(Place::Taken(NEWER)) && !moved.may_go(Place::Hidden));
            let older = job(state, Disposition::None, false);
            assert!(!older.may_go(Place::Taken(Identity { device: 9, ..NOW })), "another number of its device");
            assert!([Place::Taken(NEWER), Place::Bare, Place::Hidden].iter().all(|place| older.may_go(*place)));
        }
    }

    #[test]
    fn what_waits_for_a_person_or_for_its_turn_stays() {
        for state in [State::Ready, State::Running, State::Publishing, State::Failed] {
            assert!(!job(state, Disposition::None, false).may_go(Place::Empty));
        }
        assert!(!job(State::Quarantined, Disposition::Done, false).may_go(Place::Empty));
        assert!(!job(State::Quarantined, Disposition::None, true).may_go(Place::Empty));
        assert!(job(State::Quarantined, Disposition::None, false).may_go(Place::Taken(NEWER)));
        assert!(job(State::Gone, Disposition::None, true).may_go(Place::Hidden));
    }
}
