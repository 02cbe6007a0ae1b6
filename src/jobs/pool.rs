//! The workers: a fixed number of threads, each a loop over the queue. A panic ends an attempt, not the agent.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};

use crossbeam_channel::{Receiver, Sender};

use super::attempt::{Outcome, Workshop};
use crate::convert::profile::Profile;
use crate::ledger::{Job, LedgerError};
use crate::source::Shown;

/// What a worker reports of a job.
#[derive(Debug)]
pub struct Report {
    /// The job.
    pub job: Job,
    /// How its attempt ended; an error means that the ledger cannot be used.
    pub outcome: Result<Outcome, LedgerError>,
}

/// The worker threads. They end when the queue is closed and empty.
pub struct Pool {
    threads: Vec<JoinHandle<()>>,
    busy: Arc<AtomicUsize>,
}

impl Pool {
    /// Starts `workers` threads that take jobs and report outcomes; with a `profile`, they take part in it.
    pub fn start(
        workers: usize,
        workshop: &Arc<Workshop>,
        jobs: &Receiver<Job>,
        reports: &Sender<Report>,
        profile: Option<&Profile>,
    ) -> std::io::Result<Self> {
        let busy = Arc::new(AtomicUsize::new(0));
        let spawn = |number: usize| {
            let (workshop, jobs, reports) = (Arc::clone(workshop), jobs.clone(), reports.clone());
            let (busy, profile) = (Arc::clone(&busy), profile.cloned());
            let work = move || {
                let _recorded = profile.map(|profile| profile.worker(number - 1));
                work(&workshop, &jobs, &reports, &busy);
            };
            thread::Builder::new().name(format!("worker-{number}")).spawn(work)
        };
        let threads = (1..=workers).map(spawn).collect::<std::io::Result<_>>()?;
        Ok(Self { threads, busy })
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
        self.threads.len()
    }
}

fn work(workshop: &Workshop, jobs: &Receiver<Job>, reports: &Sender<Report>, busy: &AtomicUsize) {
    for job in jobs {
        busy.fetch_add(1, Ordering::Relaxed);
        let outcome = guarded(workshop, &job);
        busy.fetch_sub(1, Ordering::Relaxed);
        if reports.send(Report { job, outcome }).is_err() {
            return;
        }
    }
}

fn guarded(workshop: &Workshop, job: &Job) -> Result<Outcome, LedgerError> {
    match catch_unwind(AssertUnwindSafe(|| workshop.attempt(job))) {
        Ok(outcome) => outcome,
        Err(panic) => {
            let message = panic_message(panic.as_ref());
            log::error!(event = "agent.panic", job = job.id.0, path:% = Shown(&job.path), error:% = message; "A worker panicked.");
            workshop.panicked(job, &message)
        }
    }
}

/// What a panic said.
#[must_use]
pub fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("no message").to_owned()
}
