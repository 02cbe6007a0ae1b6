//! The workers: a fixed number of threads, each a loop over the queue. A panic ends an attempt, not the agent.
//!
//! Behind them stands one thread more, which publishes what they have made. It waits for the disk, so that they need
//! not: a worker hands its output over and takes the next job. Whatever has come together while the last outputs were
//! published is published next, as one batch: a single file never waits for others to come, and the more there are, the
//! more of them share each wait. Large files are published by their own workers: their bytes take the time, not the
//! waits, and no small file is to stand behind them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};

use super::attempt::{Attempted, Made, Outcome, Workshop};
use super::batch::Going;
use super::gather::Task;
use super::gathering::Shared;
use super::in_hand::InHand;
use crate::convert::profile::Profile;
use crate::ledger::{Job, JobId, LedgerError};
use crate::source::Shown;

/// Jobs that a worker takes and has the ledger count at a time, as long as they are small together: none that another
/// worker could do waits long.
const HANDFUL: usize = 16;

/// Bytes of a source or an output that is large.
const LARGE: u64 = 1 << 20;

/// Outputs published at a time, and outputs that may wait for that: each is an open file.
const BATCH: usize = 128;

/// What a worker reports of a job.
#[derive(Debug)]
pub struct Report {
    /// The job.
    pub job: Job,
    /// How its attempt ended; an error means that the ledger cannot be used.
    pub outcome: Result<Outcome, LedgerError>,
}

/// The worker threads. They end when the queue is closed and empty, and the publisher after them.
pub struct Pool {
    size: usize,
    busy: Arc<AtomicUsize>,
    in_hand: Arc<InHand>,
    /// Both ends, so that it stays open.
    hungry: (Sender<()>, Receiver<()>),
    threads: Vec<JoinHandle<()>>,
}

/// What the workers do, as it may be seen from outside.
pub struct Desks {
    busy: Arc<AtomicUsize>,
    in_hand: Arc<InHand>,
}

impl Desks {
    /// How many workers have a job in hand now.
    #[must_use]
    pub fn busy(&self) -> usize {
        self.busy.load(Ordering::Relaxed)
    }

    /// What each worker has in hand, and for how long; of several sources that become one output, the first.
    #[must_use]
    pub fn in_hand(&self) -> Vec<Option<(JobId, PathBuf, Duration)>> {
        self.in_hand.now()
    }
}

/// What a thread of the pool works with.
#[derive(Clone)]
struct Desk {
    workshop: Arc<Workshop>,
    reports: Sender<Report>,
    busy: Arc<AtomicUsize>,
    in_hand: Arc<InHand>,
    workers: usize,
    hungry: Sender<()>,
}

impl Pool {
    /// Starts `workers` threads that take jobs, up to `together` of them at a time where they go together, and one that
    /// publishes what they make and reports outcomes. They take part in `profile`.
    pub fn start(
        (workers, together): (usize, usize),
        workshop: &Arc<Workshop>,
        jobs: &Receiver<Task>,
        reports: &Sender<Report>,
        profile: &Profile,
    ) -> std::io::Result<Self> {
        let busy = Arc::new(AtomicUsize::new(0));
        let in_hand = Arc::new(InHand::start(&workshop.outbox, workshop.agent(), workers, together));
        let (workshop, reports) = (Arc::clone(workshop), reports.clone());
        let hungry = bounded(1);
        let desk = Desk {
            workshop,
            reports,
            busy: Arc::clone(&busy),
            in_hand: Arc::clone(&in_hand),
            workers,
            hungry: hungry.0.clone(),
        };
        let (hand_over, made) = bounded(BATCH);
        let mut threads = Vec::with_capacity(workers + 1);
        for number in 0..workers {
            let (desk, jobs, hand_over, profile) = (desk.clone(), jobs.clone(), hand_over.clone(), profile.clone());
            let work = move || {
                let _recorded = profile.worker(number);
                desk.work(number, &jobs, &hand_over);
            };
            threads.push(thread::Builder::new().name(format!("worker-{}", number + 1)).spawn(work)?);
        }
        threads.push(thread::Builder::new().name("publisher".to_owned()).spawn(move || desk.publish_all(&made))?);
        Ok(Self { size: workers, busy, in_hand, hungry, threads })
    }

    /// Waits until all threads have ended. The queue must be closed.
    pub fn join(mut self) {
        // Panics were told of where they were caught.
        std::mem::take(&mut self.threads).into_iter().for_each(|thread| drop(thread.join()));
    }

    /// How many workers have a job in hand now.
    #[must_use]
    pub fn busy(&self) -> usize {
        self.busy.load(Ordering::Relaxed)
    }

    /// A job, and its source, that a worker has had in hand for longer than `limit`.
    #[must_use]
    pub fn overdue(&self, limit: Duration) -> Option<(JobId, PathBuf)> {
        self.in_hand.overdue(limit)
    }

    /// The workers, for those who only look.
    #[must_use]
    pub fn desks(&self) -> Desks {
        Desks { busy: Arc::clone(&self.busy), in_hand: Arc::clone(&self.in_hand) }
    }

    /// Tells when the queue has room for many jobs: workers do not wait until an outcome is reported.
    #[must_use]
    pub fn hungry(&self) -> &Receiver<()> {
        &self.hungry.1
    }

    /// How many workers there are.
    #[must_use]
    pub fn size(&self) -> usize {
        self.size
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.in_hand.end();
    }
}

impl Desk {
    /// Worker `number` takes jobs until there are no more, and hands over what has to be published.
    fn work(&self, number: usize, jobs: &Receiver<Task>, hand_over: &Sender<Going<Made>>) {
        while let Ok(first) = jobs.recv() {
            self.busy.fetch_add(1, Ordering::Relaxed);
            let handful = self.handful(first, jobs);
            let all: Vec<Job> = handful.iter().flatten().cloned().collect();
            let mut begun = self.workshop.begin(&all).into_iter();
            let went_on = handful.into_iter().all(|task| {
                let together = task.len() > 1;
                let mut taken = task.into_iter().zip(begun.by_ref());
                if together {
                    self.work_together(number, taken)
                } else {
                    taken.all(|(job, begun)| self.work_on(number, job, begun, hand_over))
                }
            });
            self.busy.fetch_sub(1, Ordering::Relaxed);
            if !went_on {
                return;
            }
        }
    }

    /// Returns false if there is nobody any more to report to.
    fn work_on(
        &self,
        number: usize,
        job: Job,
        begun: Result<u32, LedgerError>,
        hand_over: &Sender<Going<Made>>,
    ) -> bool {
        match begun {
            Ok(attempt) => {
                self.in_hand.take(number, job.id, &job.path);
                let attempted = catch_unwind(AssertUnwindSafe(|| self.workshop.attempt(&job, attempt)));
                self.in_hand.lay_down(number);
                self.hand_on(job, attempted, hand_over)
            }
            Err(error) => self.report(job, Err(error)),
        }
    }

    /// Makes one output of several jobs, and publishes it. Returns false if there is nobody any more to report to.
    fn work_together(&self, number: usize, taken: impl Iterator<Item = (Job, Result<u32, LedgerError>)>) -> bool {
        let (mut group, mut ended) = (Vec::new(), Vec::new());
        for (job, begun) in taken {
            match begun {
                Ok(attempt) => group.push((job, attempt)),
                Err(error) => ended.push(Report { job, outcome: Err(error) }),
            }
        }
        let jobs: Vec<Job> = group.iter().map(|(job, _)| job.clone()).collect();
        let ids: Vec<JobId> = jobs.iter().map(|job| job.id).collect();
        let first = jobs.first().map(|job| job.path.clone()).unwrap_or_default();
        self.in_hand.take_together(number, &ids, &first);
        let attempted = catch_unwind(AssertUnwindSafe(|| self.workshop.attempt_together(group)));
        self.in_hand.lay_down_together(number, ids.len());
        match attempted {
            Ok((reports, shared)) => {
                ended.extend(reports);
                ended.extend(shared.into_iter().flat_map(|shared| self.publish_shared(shared)));
            }
            Err(panic) => {
                let message = panic_message(panic.as_ref());
                log::error!(event = "agent.panic", path:% = Shown(&first), error:% = message; "A worker panicked.");
                // Any of them may be at fault, so that each is tried alone.
                ended.extend(self.workshop.all_apart(jobs, &message));
            }
        }
        ended.into_iter().all(|report| self.reports.send(report).is_ok())
    }

    fn publish_shared(&self, shared: Shared) -> Vec<Report> {
        let jobs: Vec<Job> = shared.jobs.iter().map(|sharing| sharing.job.clone()).collect();
        let reports = catch_unwind(AssertUnwindSafe(|| self.workshop.publish_shared(shared)));
        reports.unwrap_or_else(|panic| self.all_caught(jobs, panic.as_ref()))
    }

    /// `first` and as many of those that wait as this worker is to take along.
    fn handful(&self, first: Task, jobs: &Receiver<Task>) -> Vec<Task> {
        let share = 1 + jobs.len() / self.workers;
        let size = |task: &Task| task.iter().map(|job| job.identity.size).fold(0, u64::saturating_add);
        let (mut bytes, mut handful) = (size(&first), vec![first]);
        while handful.len() < share.min(HANDFUL) && bytes < LARGE {
            let Ok(task) = jobs.try_recv() else { break };
            bytes = bytes.saturating_add(size(&task));
            handful.push(task);
        }
        if handful.len() > 1 && 2 * jobs.len() < jobs.capacity().unwrap_or(0) {
            // A channel that is full has the news already.
            let _ = self.hungry.try_send(());
        }
        handful
    }

    /// Returns false if there is nobody any more to hand it to.
    fn hand_on(
        &self,
        job: Job,
        attempted: thread::Result<Result<Attempted, LedgerError>>,
        hand_over: &Sender<Going<Made>>,
    ) -> bool {
        match attempted {
            Ok(Ok(Attempted::Made(made, trace))) => {
                let large = made.summary.output_bytes.max(job.identity.size) > LARGE;
                let going = Going { job, trace, what: *made };
                if large { self.publish(vec![going]) } else { hand_over.send(going).is_ok() }
            }
            Ok(Ok(Attempted::Ended(outcome))) => self.report(job, Ok(outcome)),
            Ok(Err(error)) => self.report(job, Err(error)),
            Err(panic) => {
                let end = self.workshop.caught(&job, panic.as_ref());
                self.report(job, end)
            }
        }
    }

    /// Publishes what has come together, until there are no more workers.
    fn publish_all(&self, made: &Receiver<Going<Made>>) {
        while let Ok(first) = made.recv() {
            let batch = [first].into_iter().chain(made.try_iter().take(BATCH - 1)).collect();
            if !self.publish(batch) {
                return;
            }
        }
    }

    /// Returns false if there is nobody any more to report to.
    fn publish(&self, batch: Vec<Going<Made>>) -> bool {
        let jobs: Vec<Job> = batch.iter().map(|going| going.job.clone()).collect();
        let reports = catch_unwind(AssertUnwindSafe(|| self.workshop.publish(batch)));
        // A step panicked that all of them took together. The ledger knows how far each has come.
        let reports = reports.unwrap_or_else(|panic| self.all_caught(jobs, panic.as_ref()));
        reports.into_iter().all(|report| self.reports.send(report).is_ok())
    }

    fn all_caught(&self, jobs: Vec<Job>, panic: &(dyn std::any::Any + Send)) -> Vec<Report> {
        let caught = |job: Job| Report { outcome: self.workshop.caught(&job, panic), job };
        jobs.into_iter().map(caught).collect()
    }

    fn report(&self, job: Job, outcome: Result<Outcome, LedgerError>) -> bool {
        self.reports.send(Report { job, outcome }).is_ok()
    }
}

/// What a panic said.
#[must_use]
pub fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("no message").to_owned()
}
