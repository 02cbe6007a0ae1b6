//! Which jobs this agent has, and by which claim. In memory only: an agent that starts again has none.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::ledger::JobId;

/// No claim has this number, so that a step with it finds nothing.
pub(super) const NONE: i64 = -1;

/// The claims of one agent.
#[derive(Debug, Default)]
pub(super) struct Held(Mutex<HashMap<JobId, i64>>);

impl Held {
    /// This agent has the job by this claim now.
    pub(super) fn add(&self, id: JobId, epoch: u64) {
        self.map().insert(id, epoch.cast_signed());
    }

    /// It has not any more, by this claim: by now it may have it by another.
    pub(super) fn remove(&self, id: JobId, epoch: i64) {
        let mut map = self.map();
        if map.get(&id) == Some(&epoch) {
            map.remove(&id);
        }
    }

    /// The claim of each, or a number that no claim has.
    pub(super) fn epochs(&self, ids: &[JobId]) -> Vec<i64> {
        let map = self.map();
        ids.iter().map(|id| map.get(id).copied().unwrap_or(NONE)).collect()
    }

    /// All of them.
    pub(super) fn all(&self) -> Vec<i64> {
        self.map().keys().map(|id| id.0).collect()
    }

    fn map(&self) -> MutexGuard<'_, HashMap<JobId, i64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_gives_up_an_old_claim_does_not_lose_a_new_one() {
        let held = Held::default();
        held.add(JobId(1), 5);
        held.add(JobId(1), 7);
        held.remove(JobId(1), 5);
        assert_eq!(held.epochs(&[JobId(1), JobId(2)]), [7, NONE]);
        held.remove(JobId(1), 7);
        assert!(held.all().is_empty());
    }
}
