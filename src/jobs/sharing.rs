//! An output that several jobs share gets its name, on disk, and all of them are finished.
//!
//! The steps are those of [`publishing`](super::publishing), in the same order. All jobs of an output have the same temporary
//! name in the ledger and the same final one, and take each step that decides anything in one commit: they are publishing
//! together, they get another name together, they are given up together. So the temporary file is the witness for all of
//! them, and whichever job is taken up after a crash brings the output, and all jobs that share it, to their end.

use std::fs;

use super::attempt::Workshop;
use super::batch::{Batch, End, Going};
use super::gathering::{Shared, Sharing};
use super::pool::Report;
use super::publishing::{Decided, log_warnings, publication_as, refusal};
use super::retry::{Trouble, unwritten};
use crate::convert::ConvertError;
use crate::convert::output::OutputError;
use crate::convert::output::publish::{sync_file, sync_folder};
use crate::convert::profile::{self, Left, Stage};
use crate::ledger::{Job, JobId, LedgerError, Publication};

/// How naming an output has gone wrong.
enum Unnamed {
    /// It can never have its name: how that ended for each of its jobs.
    GivenUp(Vec<End>),
    /// Not now.
    Hindered(OutputError),
    Ledger(LedgerError),
}

impl Workshop {
    /// Publishes an output, and finishes its jobs.
    pub(super) fn publish_shared(&self, shared: Shared) -> Vec<Report> {
        let Shared { temporary, unsynced, hash, jobs, trace } = shared;
        let _published = trace;
        if let Err(trouble) = self.secure(&temporary, unsynced.as_ref(), &jobs) {
            let undecided = |Sharing { job, made }| (Job { first_row: None, ..job }, made.attempt);
            let all = jobs.into_iter().map(undecided).collect();
            let reports = self.all_in_trouble(all, &trouble);
            let _ = fs::remove_file(&temporary);
            return reports;
        }
        let first = self.shared_name(&jobs, hash);
        let name = self.likely_name(first.clone());
        let publication = |Sharing { job, made }: &Sharing| (job.id, publication_as(name.clone(), job.first_row, made));
        let publications: Vec<(JobId, Publication)> = jobs.iter().map(publication).collect();
        if let Err(error) = self.record(|ledger| ledger.publishing_together(&publications)) {
            return self.unrecorded(jobs, &error);
        }
        let decided: Vec<(Job, Decided)> = jobs
            .into_iter()
            .map(|Sharing { job, made }| {
                log_warnings(&job, &made.summary.warnings);
                let (temporary, first, name) = (temporary.clone(), first.clone(), name.clone());
                let (attempt, since) = (made.attempt, made.ended);
                let decided = Decided { temporary, first, name, bad_records: None, attempt, made: Some(made), since };
                (self.decided(&Job { temporary: Some(decided.temporary.clone()), ..job }), decided)
            })
            .collect();
        match self.name_shared(&decided) {
            Ok(name) => self.finish_shared(
                decided.into_iter().map(|(job, decided)| (job, Decided { name: name.clone(), ..decided })).collect(),
            ),
            Err(unnamed) => {
                each_unnamed(decided.into_iter().map(|(job, _)| job), &unnamed, |job, error| self.hindered(job, error))
            }
        }
    }

    /// Goes on with an output that was decided before, and with all jobs that share it; how that ends for `job`.
    pub(super) fn resume_shared(&self, job: &Job) -> End {
        let _alone = self.gather.resuming();
        let temporary = job.temporary.clone().unwrap_or_else(|| self.temporary(job));
        let jobs = self.ledger.sharing(&temporary)?;
        let Some(number) = jobs.iter().position(|other| other.id == job.id) else { return self.as_recorded(job) };
        let decided = |job: Job| {
            let decided = self.decided_before(&job);
            (job, decided)
        };
        let decided: Vec<(Job, Decided)> = jobs.into_iter().map(decided).collect();
        let reports = match temporary.try_exists() {
            Ok(true) => match self.name_shared(&decided) {
                Ok(name) => {
                    let named =
                        decided.into_iter().map(|(job, decided)| (job, Decided { name: name.clone(), ..decided }));
                    self.finish_shared(named.collect())
                }
                Err(Unnamed::GivenUp(mut ends)) => return ends.swap_remove(number),
                Err(Unnamed::Hindered(error)) => return self.hindered(job, &error),
                Err(Unnamed::Ledger(error)) => return Err(error),
            },
            // The temporary file is gone: it was renamed, even if somebody has taken the output away since.
            Ok(false) => self.finish_shared(decided),
            // What cannot be looked at is no witness.
            Err(error) => return self.hindered(job, &OutputError::io("look at", temporary)(error)),
        };
        let own = reports.into_iter().find(|report| report.job.id == job.id);
        own.map_or_else(|| self.as_recorded(job), |report| report.outcome)
    }

    /// The output, and every name that it needs, are on disk, if they are to be.
    fn secure(
        &self,
        temporary: &std::path::Path,
        unsynced: Option<&fs::File>,
        jobs: &[Sharing],
    ) -> Result<(), Trouble> {
        let _sync = profile::span(Stage::Fsync);
        if let Some(file) = unsynced {
            sync_file(file, temporary).map_err(ConvertError::from)?;
        }
        let mut folders: Vec<_> =
            jobs.iter().flat_map(|sharing| self.staging_folders(&sharing.job, &sharing.made)).collect();
        folders.sort();
        folders.dedup();
        folders.iter().try_for_each(|folder| sync_folder(folder)).map_err(|error| match self.fault_behind(&error) {
            Some(fault) => Trouble::Ours(fault),
            None => Trouble::Transient(unwritten("output_error", &error, error.hint())),
        })
    }

    fn shared_name(&self, jobs: &[Sharing], hash: Option<[u8; 32]>) -> std::path::PathBuf {
        let first = &jobs[0].job;
        let (mtime_ns, hash, others) = (first.identity.mtime_ns, hash.unwrap_or_default(), jobs.len() - 1);
        self.naming.shared_output_of(&self.outbox, &first.path, mtime_ns, hash, others)
    }

    /// The ledger has not noted the output: nothing of it is decided.
    fn unrecorded(&self, jobs: Vec<Sharing>, error: &LedgerError) -> Vec<Report> {
        let jobs: Vec<Job> = jobs.into_iter().map(|sharing| Job { first_row: None, ..sharing.job }).collect();
        // Where agents share the ledger, another may have the output by now, decided: then what was made here is its witness.
        if matches!(error, LedgerError::Conflict { .. }) && self.ledger.shared().is_none() {
            // Somebody else moved one of them on.
            return self.all_apart(jobs, &error.to_string());
        }
        jobs.into_iter().map(|job| Report { job, outcome: Err(error.clone()) }).collect()
    }

    /// Gives the output its name.
    fn name_shared(&self, jobs: &[(Job, Decided)]) -> Result<std::path::PathBuf, Unnamed> {
        let _publish = profile::span(Stage::Publish);
        let (job, decided) = &jobs[0];
        match self.give_name(job, decided) {
            Ok(Ok(name)) => Ok(name),
            Ok(Err(error)) => Err(match refusal(decided, &error) {
                Some(failure) => {
                    // The ledger first: a job that says publishing without its temporary file would count as done.
                    let all: Vec<(Job, u32)> =
                        jobs.iter().map(|(job, decided)| (self.decided(job), decided.attempt)).collect();
                    let ends = self.quarantine_together(&all, &failure);
                    if ends.iter().all(|end| matches!(end, Ok(super::Outcome::Quarantined))) {
                        let bad = all.iter().map(|(job, _)| self.temporary_bad_records(job));
                        bad.chain([decided.temporary.clone()]).for_each(|made| drop(fs::remove_file(made)));
                    }
                    Unnamed::GivenUp(ends)
                }
                None => Unnamed::Hindered(error),
            }),
            Err(error) => Err(Unnamed::Ledger(error)),
        }
    }

    /// The output has its name.
    fn finish_shared(&self, named: Vec<(Job, Decided)>) -> Vec<Report> {
        let going = named.into_iter().map(|(job, what)| Going { job, trace: Left::default(), what }).collect();
        self.finish(Batch::new(self, going).each(|job, decided| self.find_named(job, decided)))
    }
}

fn each_unnamed(
    jobs: impl Iterator<Item = Job>,
    why: &Unnamed,
    hindered: impl Fn(&Job, &OutputError) -> End,
) -> Vec<Report> {
    let outcome = |number: usize, job: &Job| match why {
        Unnamed::GivenUp(ends) => ends[number].clone(),
        Unnamed::Hindered(error) => hindered(job, error),
        Unnamed::Ledger(error) => Err(error.clone()),
    };
    jobs.enumerate().map(|(number, job)| Report { outcome: outcome(number, &job), job }).collect()
}
