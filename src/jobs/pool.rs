//! The workers: a fixed number of threads, each a loop over the queue. A panic ends an attempt, not the agent.
//!
//! Behind them stands one thread more, which publishes what they have made. It waits for the disk, so that they need
//! not: a worker hands its output over and takes the next job. Whatever has come together while the last outputs were
//! published is published next, as one batch: a single file never waits for others to come, and the more there are, the
//! more of them share each wait.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crossbeam_channel::{Receiver, Sender, bounded};

use super::attempt::{Attempted, Made, Outcome, Workshop};
use super::batch::Going;
use crate::convert::profile::Profile;
use crate::ledger::{Job, LedgerError};

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
}

/// What a thread of the pool works with.
#[derive(Clone)]
struct Desk {
    workshop: Arc<Workshop>,
    reports: Sender<Report>,
    busy: Arc<AtomicUsize>,
}

impl Pool {
    /// Starts `workers` threads that take jobs, and one that publishes what they make and reports outcomes; with a
    /// `profile`, they take part in it.
    pub fn start(
        workers: usize,
        workshop: &Arc<Workshop>,
        jobs: &Receiver<Job>,
        reports: &Sender<Report>,
        profile: Option<&Profile>,
    ) -> std::io::Result<Self> {
        let busy = Arc::new(AtomicUsize::new(0));
        let desk = Desk { workshop: Arc::clone(workshop), reports: reports.clone(), busy: Arc::clone(&busy) };
        let (hand_over, made) = bounded(BATCH);
        for number in 0..workers {
            let (desk, jobs, hand_over, profile) = (desk.clone(), jobs.clone(), hand_over.clone(), profile.cloned());
            let work = move || {
                let _recorded = profile.map(|profile| profile.worker(number));
                desk.work(&jobs, &hand_over);
            };
            thread::Builder::new().name(format!("worker-{}", number + 1)).spawn(work)?;
        }
        thread::Builder::new().name("publisher".to_owned()).spawn(move || desk.publish(&made))?;
        Ok(Self { size: workers, busy })
    }

    /// How many workers have a job in hand now.
    #[must_use]
    pub fn busy(&self) -> usize {
        self.busy.load(Ordering::Relaxed)
    }

    /// The counter behind [`Pool::busy`].
    #[must_use]
    pub fn busy_counter(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.busy)
    }

    /// How many workers there are.
    #[must_use]
    pub fn size(&self) -> usize {
        self.size
    }
}

impl Desk {
    /// Takes jobs until there are no more, and hands over what has to be published.
    fn work(&self, jobs: &Receiver<Job>, hand_over: &Sender<Going<Made>>) {
        for job in jobs {
            self.busy.fetch_add(1, Ordering::Relaxed);
            let attempted = catch_unwind(AssertUnwindSafe(|| self.workshop.attempt(&job)));
            self.busy.fetch_sub(1, Ordering::Relaxed);
            let went_on = match attempted {
                Ok(Ok(Attempted::Made(made, trace))) => hand_over.send(Going { job, trace, what: *made }).is_ok(),
                Ok(Ok(Attempted::Ended(outcome))) => self.report(job, Ok(outcome)),
                Ok(Err(error)) => self.report(job, Err(error)),
                Err(panic) => {
                    let end = self.workshop.caught(&job, panic.as_ref());
                    self.report(job, end)
                }
            };
            if !went_on {
                return;
            }
        }
    }

    /// Publishes what has come together, until there are no more workers.
    fn publish(&self, made: &Receiver<Going<Made>>) {
        while let Ok(first) = made.recv() {
            let batch: Vec<_> = [first].into_iter().chain(made.try_iter().take(BATCH - 1)).collect();
            let jobs: Vec<Job> = batch.iter().map(|going| going.job.clone()).collect();
            let reports = catch_unwind(AssertUnwindSafe(|| self.workshop.publish(batch)));
            // A step panicked that all of them took together. The ledger knows how far each has come.
            let reports = reports.unwrap_or_else(|panic| self.all_caught(jobs, panic.as_ref()));
            if reports.into_iter().any(|report| self.reports.send(report).is_err()) {
                return;
            }
        }
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
