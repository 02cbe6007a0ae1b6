//! Which jobs this agent has, and by which claim. In memory only: an agent that starts again has none.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::ledger::JobId;

/// No claim has this number, so that a step with it finds nothing.
const NONE: i64 = -1;

/// The claims of one agent.
#[derive(Debug, Default)]
pub(super) struct Held(Mutex<HashMap<JobId, i64>>);

impl Held {
    /// This agent has the job by this claim now.
    pub(super) fn add(&self, id: JobId, epoch: u64) {
        self.map().insert(id, epoch.cast_signed());
    }

    /// It has not any more.
    pub(super) fn remove(&self, id: JobId) {
        self.map().remove(&id);
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
