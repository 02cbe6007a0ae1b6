//! Many jobs that take the same steps together. What waits for the disk waits once for all of them; what can go wrong
//! with one of them ends its attempt, and the others do not notice.

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;

use super::attempt::{Outcome, Workshop};
use super::pool::{Report, panic_message};
use crate::convert::output::OutputError;
use crate::convert::output::publish::sync_folder;
use crate::convert::profile::{Left, Stage, together};
use crate::ledger::{Each, Job, LedgerError};
use crate::source::Shown;

/// How an attempt ended: an error means that the ledger cannot be used, or knows better.
pub(super) type End = Result<Outcome, LedgerError>;

/// How it went to sync the folders of a job, which others may share.
pub(super) type Synced = Result<(), Arc<OutputError>>;

/// Jobs on their way, each with `what` the next step needs, and the reports of those whose attempts have ended.
pub(super) struct Batch<'w, T> {
    workshop: &'w Workshop,
    pub(super) going: Vec<Going<T>>,
    ended: Vec<Report>,
}

/// One job on its way.
pub(super) struct Going<T> {
    pub(super) job: Job,
    /// For the profile.
    pub(super) trace: Left,
    pub(super) what: T,
}

impl<'w, T> Batch<'w, T> {
    pub(super) fn new(workshop: &'w Workshop, going: Vec<Going<T>>) -> Self {
        Self { workshop, going, ended: Vec::new() }
    }

    /// A batch of one, outside any profile.
    pub(super) fn of_one(workshop: &'w Workshop, job: &Job, what: T) -> Self {
        Self::new(workshop, vec![Going { job: job.clone(), trace: Left::default(), what }])
    }

    /// Takes each job one step on, by itself. An error is the end of its attempt; so is a panic.
    pub(super) fn each<U>(self, step: impl Fn(&Job, T) -> Result<U, End>) -> Batch<'w, U> {
        let Self { workshop, going, mut ended } = self;
        let mut on = Vec::with_capacity(going.len());
        for Going { job, trace, what } in going {
            let stepped = trace.during(|| catch_unwind(AssertUnwindSafe(|| step(&job, what))));
            match stepped.unwrap_or_else(|panic| Err(workshop.caught(&job, panic.as_ref()))) {
                Ok(what) => on.push(Going { job, trace, what }),
                Err(outcome) => ended.push(Report { job, outcome }),
            }
        }
        Batch { workshop, going: on, ended }
    }

    /// Takes all jobs one step on at once, which costs the time of `stage`: one result for each, in their order.
    pub(super) fn all<U>(self, stage: Stage, step: impl FnOnce(&[Going<T>]) -> Vec<U>) -> Batch<'w, (T, U)> {
        let traces = self.going.iter().map(|going| &going.trace);
        let results = if self.going.is_empty() { Vec::new() } else { together(traces, stage, || step(&self.going)) };
        let pair = |(Going { job, trace, what }, result)| Going { job, trace, what: (what, result) };
        let going = self.going.into_iter().zip(results).map(pair).collect();
        Batch { workshop: self.workshop, going, ended: self.ended }
    }

    /// Has the ledger take a step with all jobs, committed once.
    pub(super) fn record(self, step: impl FnOnce(&[Going<T>]) -> Each) -> Self {
        let count = self.going.len();
        let recorded = self.all(Stage::Ledger, |going| {
            step(going).unwrap_or_else(|error| std::iter::repeat_n(Err(error), count).collect())
        });
        recorded.each(|_, (what, recorded)| recorded.map_err(Err).map(|()| what))
    }

    /// Makes the names in all folders durable that `folders` tells of: each folder once, however many jobs have names in
    /// it. For each job: what failed, if something did.
    pub(super) fn sync_folders<F>(self, folders: impl Fn(&Job, &T) -> F) -> Batch<'w, (T, Synced)>
    where
        F: IntoIterator<Item = PathBuf>,
    {
        self.all(Stage::Fsync, |going| {
            let mut synced: BTreeMap<PathBuf, Synced> = BTreeMap::new();
            let sync = |folder: &PathBuf| sync_folder(folder).map_err(Arc::new);
            let mut sync_once = |folder| synced.entry(folder).or_insert_with_key(sync).clone();
            let one = |going: &Going<T>| folders(&going.job, &going.what).into_iter().try_for_each(&mut sync_once);
            going.iter().map(one).collect()
        })
    }

    /// The reports of all jobs.
    pub(super) fn reports(self, outcome: impl Fn(T) -> Outcome) -> Vec<Report> {
        let last = |Going { job, what, .. }| Report { job, outcome: Ok(outcome(what)) };
        self.ended.into_iter().chain(self.going.into_iter().map(last)).collect()
    }
}

impl Workshop {
    /// What an attempt ends with that panicked.
    pub(super) fn caught(&self, job: &Job, panic: &(dyn Any + Send)) -> End {
        let message = panic_message(panic);
        log::error!(event = "agent.panic", job = job.id.0, path:% = Shown(&job.path), error:% = message; "A worker panicked.");
        self.panicked(job, &message)
    }
}
