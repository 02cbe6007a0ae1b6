//! The work queue: jobs that wait, in the operator's order, and the bounded channel that feeds the workers.
//!
//! The channel holds little, so that the order counts and a stop finishes soon; what waits beyond it waits here.
//! A path is in hand once at a time: a newer version of it waits until the older one's attempt has ended.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crossbeam_channel::{Receiver, Sender, TrySendError};
use jiff::Timestamp;

use crate::ledger::{Job, JobId};

/// Which of the waiting jobs comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Longest unmodified source first.
    OldestFirst,
    /// Last modified source first.
    NewestFirst,
    /// By path.
    Name,
    /// Smallest source first.
    SmallestFirst,
}

/// A job's place among those that wait; ties are broken by the job's number.
type Rank = (i128, OsString, JobId);

/// Jobs that wait for a worker, for their time, or for an older version of their path.
pub struct Queue {
    order: Order,
    ready: BTreeMap<Rank, Job>,
    later: BTreeMap<(Timestamp, JobId), Job>,
    behind: HashMap<PathBuf, Vec<Job>>,
    in_hand: HashSet<PathBuf>,
    known: HashSet<JobId>,
    sender: Option<Sender<Job>>,
}

impl Queue {
    /// An empty queue whose channel holds `capacity` jobs, and the end that the workers take from.
    #[must_use]
    pub fn new(order: Order, capacity: usize) -> (Self, Receiver<Job>) {
        let (sender, receiver) = crossbeam_channel::bounded(capacity.max(1));
        let queue = Self {
            order,
            ready: BTreeMap::new(),
            later: BTreeMap::new(),
            behind: HashMap::new(),
            in_hand: HashSet::new(),
            known: HashSet::new(),
            sender: Some(sender),
        };
        (queue, receiver)
    }

    /// Adds `job`, to start at its `run_at`, unless it is here already.
    pub fn add(&mut self, job: Job, now: Timestamp) {
        if !self.known.insert(job.id) {
            return;
        }
        if job.run_at > now {
            self.later.insert((job.run_at, job.id), job);
        } else {
            self.enter(job);
        }
    }

    /// Hands over as many jobs as the channel has room for.
    pub fn feed(&mut self, now: Timestamp) {
        while let Some(entry) = self.later.first_entry().filter(|entry| entry.key().0 <= now) {
            let job = entry.remove();
            self.enter(job);
        }
        while let Some((rank, job)) = self.ready.pop_first() {
            let path = job.path.clone();
            match self.sender.as_ref().map(|sender| sender.try_send(job)) {
                Some(Ok(())) => {
                    self.in_hand.insert(path);
                }
                Some(Err(TrySendError::Full(job) | TrySendError::Disconnected(job))) => {
                    self.ready.insert(rank, job);
                    return;
                }
                None => return,
            }
        }
    }

    /// The attempt on `job` has ended; it may be added again.
    pub fn finished(&mut self, job: &Job) {
        self.known.remove(&job.id);
        self.in_hand.remove(&job.path);
        if let Some(behind) = self.behind.remove(&job.path) {
            behind.into_iter().for_each(|next| self.enter(next));
        }
    }

    /// Closes the channel: workers finish what is in hand. What waits is dropped here and remembered by the ledger.
    pub fn close(&mut self) {
        self.sender = None;
    }

    /// When the next job's time comes.
    #[must_use]
    pub fn next_time(&self) -> Option<Timestamp> {
        self.later.keys().next().map(|(time, _)| *time)
    }

    /// Jobs that could start now, in the channel or before it.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.ready.len() + self.behind.values().map(Vec::len).sum::<usize>()
    }

    /// Jobs handed over and not finished.
    #[must_use]
    pub fn in_hand(&self) -> usize {
        self.in_hand.len()
    }

    /// Jobs that wait for their time.
    #[must_use]
    pub fn retrying(&self) -> usize {
        self.later.len()
    }

    /// Returns true if and only if no job is here that could start now or is in hand.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.waiting() == 0 && self.in_hand.is_empty()
    }

    fn enter(&mut self, job: Job) {
        if self.in_hand.contains(&job.path) || self.is_ready(&job.path) {
            self.behind.entry(job.path.clone()).or_default().push(job);
        } else {
            self.ready.insert(self.rank(&job), job);
        }
    }

    /// A newer version of a path that is still waiting may overtake its older one; the older one then finds that its
    /// version is gone. So only paths in hand block.
    fn is_ready(&self, _path: &Path) -> bool {
        false
    }

    fn rank(&self, job: &Job) -> Rank {
        let number = match self.order {
            Order::OldestFirst => i128::from(job.identity.mtime_ns),
            Order::NewestFirst => -i128::from(job.identity.mtime_ns),
            Order::SmallestFirst => i128::from(job.identity.size),
            Order::Name => 0,
        };
        let name = if self.order == Order::Name { job.path.clone().into_os_string() } else { OsString::new() };
        (number, name, job.id)
    }
}
