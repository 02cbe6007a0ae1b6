//! The work queue: jobs that wait, in the operator's order, and the bounded channel that feeds the workers.
//!
//! The channel holds little, so that the order counts and a stop finishes soon; what waits beyond it waits here.
//! A path is in hand once at a time: a newer version of it waits until the older one's attempt has ended. Of versions
//! that wait, any may come first; an older one then finds that it is gone.
//!
//! Sources that become one output together wait for each other in [windows](super::gather), and then go as one.
//!
//! The clock, a time since any fixed start, is an argument: a clock that is set must not hold anybody up.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, TrySendError};

use super::gather::{Task, Windows};
use crate::config::Order;
use crate::ledger::{Job, JobId};

/// A job's place among those that wait: what was blocked comes behind what was not; ties are broken by the job's number.
type Rank = (u32, i128, OsString, JobId);

/// Jobs that wait for a worker, for their time, or for an older version of their path.
pub struct Queue {
    order: Order,
    windows: Windows,
    ready: BTreeMap<Rank, Task>,
    /// Those that wait with them and may have brought the agent down.
    suspected: BTreeMap<Rank, Task>,
    /// Jobs in both.
    ready_jobs: usize,
    later: BTreeMap<(Duration, JobId), Job>,
    behind: HashMap<PathBuf, Vec<Job>>,
    in_hand: HashSet<PathBuf>,
    /// How often attempts were in vain through no fault of the source.
    blocked: HashMap<JobId, u32>,
    /// Jobs that may have brought the agent down: one of them is in hand at a time.
    suspects: HashSet<JobId>,
    suspect_in_hand: Option<JobId>,
    /// Every job that is here, and the time it was to start at.
    known: HashMap<JobId, Duration>,
    sender: Option<Sender<Task>>,
    /// The workers' end, to take back what no worker has begun.
    receiver: Receiver<Task>,
}

impl Queue {
    /// An empty queue whose channel holds `capacity` jobs, and the end that the workers take from; `windows` gather.
    #[must_use]
    pub fn new(order: Order, capacity: usize, windows: Windows) -> (Self, Receiver<Task>) {
        let (sender, receiver) = crossbeam_channel::bounded(capacity.max(1));
        let queue = Self {
            order,
            windows,
            ready: BTreeMap::new(),
            suspected: BTreeMap::new(),
            ready_jobs: 0,
            later: BTreeMap::new(),
            behind: HashMap::new(),
            in_hand: HashSet::new(),
            blocked: HashMap::new(),
            suspects: HashSet::new(),
            suspect_in_hand: None,
            known: HashMap::new(),
            sender: Some(sender),
            receiver: receiver.clone(),
        };
        (queue, receiver)
    }

    /// Any of these jobs may have brought the agent down. The next time, at most one of them is in hand, so that none is to
    /// blame twice for what another has done.
    pub fn suspect(&mut self, jobs: impl IntoIterator<Item = JobId>) {
        self.suspects.extend(jobs);
        self.ready_jobs = 0;
        let ready = std::mem::take(&mut self.ready);
        ready
            .into_values()
            .chain(std::mem::take(&mut self.suspected).into_values())
            .for_each(|task| self.make_ready(task));
    }

    /// Adds `job`, to start after `wait`. If it is here already and waits for a later time, that time is moved up:
    /// somebody has asked for it.
    pub fn add(&mut self, job: Job, wait: Duration, now: Duration) {
        let (time, known) = (now + wait, self.known.get(&job.id).copied());
        if known.is_some_and(|known| known <= time || self.later.remove(&(known, job.id)).is_none()) {
            return;
        }
        self.known.insert(job.id, time);
        if wait > Duration::ZERO {
            self.later.insert((time, job.id), job);
        } else {
            self.enter(job, now);
        }
    }

    /// Hands over as many jobs as the channel has room for.
    pub fn feed(&mut self, now: Duration) {
        while let Some(entry) = self.later.first_entry().filter(|entry| entry.key().0 <= now) {
            let job = entry.remove();
            self.enter(job, now);
        }
        let due = self.windows.due(now);
        due.into_iter().for_each(|task| self.make_ready(task));
        while self.hand_over_first().is_some() {}
    }

    /// Nobody waits for others any more.
    pub fn close_windows(&mut self) {
        let closed = self.windows.close();
        closed.into_iter().for_each(|task| self.make_ready(task));
    }

    /// Hands over the first job (with those that go together with it), if the channel has room for it, and answers which.
    /// None waits for others now.
    pub fn hand_over(&mut self) -> Option<JobId> {
        self.close_windows();
        self.hand_over_first()
    }

    fn hand_over_first(&mut self) -> Option<JobId> {
        let sender = self.sender.clone()?;
        while let Some((is_suspect, task)) = self.take_first() {
            let task = self.not_in_hand(task);
            let Some(id) = task.first().map(|job| job.id) else { continue };
            let paths: Vec<PathBuf> = task.iter().map(|job| job.path.clone()).collect();
            if let Err(TrySendError::Full(task) | TrySendError::Disconnected(task)) = sender.try_send(task) {
                self.make_ready(task);
                return None;
            }
            self.in_hand.extend(paths);
            self.suspect_in_hand = self.suspect_in_hand.or(is_suspect.then_some(id));
            return Some(id);
        }
        None
    }

    /// The first that may be in hand together with what is, and whether it is a suspect.
    fn take_first(&mut self) -> Option<(bool, Task)> {
        let next = self.ready.first_key_value().map(|(rank, _)| rank);
        let suspect = self.suspected.first_key_value().map(|(rank, _)| rank);
        let suspect = suspect.filter(|_| self.suspect_in_hand.is_none());
        let is_suspect = suspect.is_some_and(|suspect| next.is_none_or(|next| suspect < next));
        let from = if is_suspect { &mut self.suspected } else { &mut self.ready };
        let (_, task) = from.pop_first()?;
        self.ready_jobs -= task.len();
        Some((is_suspect, task))
    }

    /// Those of `task` whose paths are not in hand; the others wait behind what is.
    fn not_in_hand(&mut self, task: Task) -> Task {
        let (behind, task): (Task, Task) = task.into_iter().partition(|job| self.in_hand.contains(&job.path));
        behind.into_iter().for_each(|job| self.behind.entry(job.path.clone()).or_default().push(job));
        task
    }

    /// The attempt on `job` was in vain, and would be with any other; it waits as before. The others come first, lest one that
    /// needs more room than there ever is keeps them.
    pub fn blocked(&mut self, job: Job, now: Duration) {
        let times = self.blocked.get(&job.id).copied().unwrap_or_default();
        self.finished(&job);
        self.blocked.insert(job.id, times.saturating_add(1));
        self.add(job, Duration::ZERO, now);
    }

    /// Takes out what could start now, but for what was blocked: somebody else may do it.
    pub fn give_back(&mut self) -> Vec<Job> {
        self.close_windows();
        let blocked = |task: &Task| task.iter().any(|job| self.blocked.contains_key(&job.id));
        let (stays, goes) = std::mem::take(&mut self.ready).into_iter().partition(|(_, task)| blocked(task));
        self.ready = stays;
        let goes: BTreeMap<Rank, Task> = goes;
        let jobs: Vec<Job> = goes.into_values().flatten().collect();
        self.known.retain(|id, _| !jobs.iter().any(|job| job.id == *id));
        self.ready_jobs -= jobs.len();
        jobs
    }

    /// Takes back what no worker has begun.
    pub fn recall(&mut self) {
        for task in self.receiver.clone().try_iter() {
            for job in &task {
                self.in_hand.remove(&job.path);
                self.suspect_in_hand.take_if(|suspect| *suspect == job.id);
            }
            self.make_ready(task);
        }
    }

    /// The attempt on `job` has ended; it may be added again.
    pub fn finished(&mut self, job: &Job) {
        self.known.remove(&job.id);
        self.blocked.remove(&job.id);
        self.suspect_in_hand.take_if(|suspect| *suspect == job.id);
        self.in_hand.remove(&job.path);
        if let Some(behind) = self.behind.remove(&job.path) {
            behind.into_iter().for_each(|next| self.make_ready(vec![next]));
        }
    }

    /// Closes the channel: workers finish what they have begun. What waits is dropped here and remembered by the ledger.
    pub fn close(&mut self) {
        self.sender = None;
        for job in self.receiver.try_iter().flatten() {
            self.in_hand.remove(&job.path);
        }
    }

    /// When the next job's time comes, or the next window closes.
    #[must_use]
    pub fn next_time(&self) -> Option<Duration> {
        self.later.keys().next().map(|(time, _)| *time).into_iter().chain(self.windows.next_due()).min()
    }

    /// Jobs that could start now, or when others have come, in the channel or before it.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.windows.waiting() + self.ready_jobs + self.behind.values().map(Vec::len).sum::<usize>()
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

    fn enter(&mut self, job: Job, now: Duration) {
        let gone = if self.in_hand.contains(&job.path) { vec![vec![job]] } else { self.windows.add(job, now) };
        gone.into_iter().for_each(|task| self.make_ready(task));
    }

    fn make_ready(&mut self, task: Task) {
        let task = self.not_in_hand(task);
        // Those that go together come when the first of them would.
        let Some(rank) = task.iter().map(|job| self.rank(job)).min() else { return };
        self.ready_jobs += task.len();
        let is_suspect = task.iter().any(|job| self.suspects.contains(&job.id));
        let to = if is_suspect { &mut self.suspected } else { &mut self.ready };
        to.insert(rank, task);
    }

    fn rank(&self, job: &Job) -> Rank {
        let number = match self.order {
            Order::OldestFirst => i128::from(job.identity.mtime_ns),
            Order::NewestFirst => -i128::from(job.identity.mtime_ns),
            Order::SmallestFirst => i128::from(job.identity.size),
            Order::Name => 0,
        };
        let name = if self.order == Order::Name { job.path.clone().into_os_string() } else { OsString::new() };
        (self.blocked.get(&job.id).copied().unwrap_or_default(), number, name, job.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{Disposition, State};
    use crate::source::Identity;

    const S: fn(u64) -> Duration = Duration::from_secs;
    const NONE: Duration = Duration::ZERO;

    fn job(id: i64, path: &str, size: u64) -> Job {
        Job {
            id: JobId(id),
            path: path.into(),
            identity: Identity { device: 1, inode: 1, size, mtime_ns: -id, ctime_ns: 0 },
            state: State::Ready,
            attempts: 0,
            run_at: jiff::Timestamp::UNIX_EPOCH,
            hash: None,
            output: None,
            temporary: None,
            disposition: Disposition::None,
            previous: None,
            first_row: None,
            alone: false,
            epoch: 0,
        }
    }

    fn order_of(order: Order) -> Vec<i64> {
        let (mut queue, taken) = Queue::new(order, 10, Windows::default());
        for (id, path, size) in [(1, "c", 5), (2, "a", 9), (3, "b", 7)] {
            queue.add(job(id, path, size), NONE, NONE);
        }
        queue.feed(NONE);
        taken.try_iter().flatten().map(|job| job.id.0).collect()
    }

    #[test]
    fn jobs_come_in_the_order_asked_for() {
        assert_eq!(order_of(Order::Name), [2, 3, 1]);
        assert_eq!(order_of(Order::SmallestFirst), [1, 3, 2]);
        assert_eq!(order_of(Order::OldestFirst), [3, 2, 1]);
        assert_eq!(order_of(Order::NewestFirst), [1, 2, 3]);
    }

    #[test]
    fn a_full_channel_keeps_jobs_here_and_a_path_is_in_hand_once() {
        let (mut queue, taken) = Queue::new(Order::Name, 1, Windows::default());
        queue.add(job(1, "a", 1), NONE, NONE);
        queue.add(job(1, "a", 1), NONE, NONE);
        queue.feed(NONE);
        queue.add(job(2, "a", 1), NONE, NONE);
        queue.add(job(3, "b", 1), NONE, NONE);
        queue.feed(NONE);
        assert_eq!((queue.in_hand(), queue.waiting()), (1, 2));
        let first = taken.try_recv().unwrap().remove(0);
        queue.feed(NONE);
        assert_eq!(taken.try_recv().unwrap().remove(0).id, JobId(3));
        queue.finished(&first);
        queue.feed(NONE);
        assert_eq!(taken.try_recv().unwrap().remove(0).id, JobId(2));
    }

    #[test]
    fn versions_of_one_path_that_came_together_go_one_after_the_other() {
        let (mut queue, taken) = Queue::new(Order::Name, 9, Windows::default());
        for id in 1..=3 {
            queue.add(job(id, "a", 1), NONE, NONE);
        }
        for id in 1..=3 {
            queue.feed(NONE);
            assert_eq!((taken.len(), queue.in_hand()), (1, 1));
            let done = taken.try_recv().unwrap().remove(0);
            assert_eq!(done.id, JobId(id));
            queue.finished(&done);
        }
        assert!(queue.is_idle());
    }

    #[test]
    fn closing_takes_back_what_no_worker_has_begun() {
        let (mut queue, taken) = Queue::new(Order::Name, 5, Windows::default());
        ["a", "b", "c"].iter().zip(1..).for_each(|(path, id)| queue.add(job(id, path, 1), NONE, NONE));
        queue.feed(NONE);
        let begun = taken.recv().unwrap().remove(0);
        queue.close();
        assert_eq!(queue.in_hand(), 1);
        queue.finished(&begun);
        assert!(queue.in_hand() == 0 && taken.recv().is_err());
    }

    #[test]
    fn what_was_blocked_comes_behind_the_others_and_what_nobody_has_begun_comes_back() {
        let (mut queue, taken) = Queue::new(Order::Name, 5, Windows::default());
        ["a", "b", "c"].iter().zip(1..).for_each(|(path, id)| queue.add(job(id, path, 1), NONE, NONE));
        queue.feed(NONE);
        let first = taken.recv().unwrap().remove(0);
        queue.recall();
        queue.blocked(first, NONE);
        assert_eq!((queue.in_hand(), queue.waiting()), (0, 3));
        assert_eq!(queue.hand_over(), Some(JobId(2)));
        let second = taken.recv().unwrap().remove(0);
        queue.blocked(second, NONE);
        assert_eq!([(); 4].map(|()| queue.hand_over()), [Some(JobId(3)), Some(JobId(1)), Some(JobId(2)), None]);
    }

    #[test]
    fn of_jobs_that_may_have_brought_the_agent_down_one_is_in_hand_at_a_time() {
        let (mut queue, taken) = Queue::new(Order::Name, 9, Windows::default());
        ["a", "b", "c", "d"].iter().zip(1..).for_each(|(path, id)| queue.add(job(id, path, 1), NONE, NONE));
        queue.suspect([JobId(1), JobId(2), JobId(4)]);
        for expected in [&[1, 3][..], &[2], &[4], &[]] {
            queue.feed(NONE);
            let handed: Vec<Job> = taken.try_iter().flatten().collect();
            assert_eq!(handed.iter().map(|job| job.id.0).collect::<Vec<_>>(), expected);
            handed.iter().for_each(|job| queue.finished(job));
        }
        assert!(queue.is_idle());
    }

    #[test]
    fn a_job_that_waits_for_its_time_comes_sooner_when_somebody_asks_for_it() {
        let (mut queue, taken) = Queue::new(Order::Name, 1, Windows::default());
        queue.add(job(1, "a", 1), S(500), NONE);
        queue.add(job(1, "a", 1), S(500), S(1));
        assert_eq!(queue.retrying(), 1);
        queue.add(job(1, "a", 1), NONE, NONE);
        queue.feed(NONE);
        assert_eq!((taken.len(), queue.retrying(), queue.waiting()), (1, 0, 0));
    }

    fn gathering() -> (Queue, Receiver<Task>) {
        let patterns = crate::jobs::gather::Patterns::new(&["*.json".to_owned()]).unwrap();
        let output = crate::config::Output { gather_secs: 5, ..crate::config::Output::to("/o".into()) };
        Queue::new(Order::Name, 9, Windows::new(patterns, &output))
    }

    fn numbers(taken: &Receiver<Task>) -> Vec<Vec<i64>> {
        taken.try_iter().map(|task| task.iter().map(|job| job.id.0).collect()).collect()
    }

    #[test]
    fn sources_that_wait_for_each_other_go_together_and_are_counted_one_by_one() {
        let (mut queue, taken) = gathering();
        for (id, path) in [(1, "b.json"), (2, "a.json"), (3, "c.txt")] {
            queue.add(job(id, path, 1), NONE, NONE);
        }
        queue.feed(NONE);
        assert_eq!((numbers(&taken), queue.waiting(), queue.next_time()), (vec![vec![3]], 2, Some(S(5))));
        queue.feed(S(5));
        assert_eq!((queue.in_hand(), queue.waiting()), (3, 0));
        // What nobody has begun comes back as it was.
        queue.recall();
        assert_eq!((queue.in_hand(), queue.waiting()), (1, 2));
        queue.feed(S(5));
        assert_eq!(numbers(&taken), [[2, 1]]);
        // A newer version of one waits until the older one has ended, and then goes alone.
        queue.add(job(4, "a.json", 1), NONE, S(6));
        queue.add(job(5, "d.json", 1), NONE, S(6));
        assert_eq!((queue.hand_over(), numbers(&taken)), (Some(JobId(5)), vec![vec![5]]), "who asks waits for nobody");
        queue.finished(&job(2, "a.json", 1));
        queue.feed(S(6));
        assert_eq!(numbers(&taken), [[4]]);
        for (id, path) in [(1, "b.json"), (3, "c.txt"), (4, "a.json"), (5, "d.json")] {
            assert!(!queue.is_idle());
            queue.finished(&job(id, path, 1));
        }
        assert!(queue.is_idle());
    }

    #[test]
    fn what_may_have_brought_the_agent_down_goes_alone_and_one_at_a_time() {
        let (mut queue, taken) = gathering();
        queue.suspect([JobId(1), JobId(2)]);
        for (id, path, alone) in [(1, "a.json", true), (2, "b.json", true), (3, "c.json", false), (4, "d.json", false)]
        {
            queue.add(Job { alone, ..job(id, path, 1) }, NONE, NONE);
        }
        queue.close_windows();
        queue.feed(NONE);
        assert_eq!(numbers(&taken), [vec![1], vec![3, 4]]);
        queue.finished(&job(1, "a.json", 1));
        queue.feed(NONE);
        assert_eq!(numbers(&taken), [[2]]);
    }

    #[test]
    fn a_job_waits_for_its_time() {
        let (mut queue, taken) = Queue::new(Order::Name, 1, Windows::default());
        queue.add(job(1, "a", 1), S(5), NONE);
        queue.feed(NONE);
        assert_eq!((taken.len(), queue.next_time(), queue.retrying()), (0, Some(S(5)), 1));
        queue.feed(S(5));
        assert_eq!(taken.len(), 1);
    }
}
