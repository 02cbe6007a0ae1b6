//! An attempt on several sources together, up to one output of all of them that has to be published.
//!
//! Each of the jobs takes the steps of [`attempt`](super::attempt) by itself, as far as the source is concerned: it is opened,
//! looked at, read, and looked at once more. One that is refused, unfinished, changed, gone or a duplicate leaves the others
//! and ends as it would have alone; one that is good and does not go with the others is tried again, alone. From the
//! temporary name on there is one output, and the jobs [share it](super::sharing).

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::attempt::{Made, Outcome, Workshop, remove_stale};
use super::batch::End;
use super::gather::Patterns;
use super::pool::Report;
use super::retry::Trouble;
use crate::convert::gather::{Gathered, Gathering, Unfit, Unwritten};
use crate::convert::output::provenance::Origin;
use crate::convert::output::publish::{STAGING, lasting_staging};
use crate::convert::profile::{self, Left};
use crate::convert::{ConvertError, Summary};
use crate::ledger::{Job, JobId, LedgerError, State};
use crate::source::{Shown, open_beneath};

/// How often sources are read once more without one that did not go with the others, before each is tried alone.
const TRIES: usize = 4;

/// Which sources become one output together.
#[derive(Debug, Default)]
pub struct GatherRules {
    /// Which sources.
    pub patterns: Patterns,
    /// What the column is called that tells for each row which source it came from; empty: there is none.
    pub column: String,
    /// One at a time goes on with an output that is shared and was decided before.
    resuming: Mutex<()>,
}

impl GatherRules {
    /// Sources that `patterns` name, with that column, or none if it is empty.
    #[must_use]
    pub fn new(patterns: Patterns, column: String) -> Self {
        Self { patterns, column, resuming: Mutex::default() }
    }

    /// The name of the column that tells where rows come from, if the output of `source` has one: it has, also where it is
    /// that of no other source.
    pub(super) fn column_for(&self, source: &Path) -> Option<&str> {
        let named = !self.column.is_empty() && self.patterns.first(source).is_some();
        named.then_some(self.column.as_str())
    }

    pub(super) fn resuming(&self) -> MutexGuard<'_, ()> {
        self.resuming.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An output that several jobs share and that has to be published.
pub(super) struct Shared {
    pub(super) temporary: PathBuf,
    /// The output, if it has to be synced.
    pub(super) unsynced: Option<File>,
    /// SHA-256 over the SHA-256 of the sources.
    pub(super) hash: Option<[u8; 32]>,
    pub(super) jobs: Vec<Sharing>,
    /// For the profile.
    pub(super) trace: Left,
}

/// One of the jobs.
pub(super) struct Sharing {
    /// It knows where its rows begin.
    pub(super) job: Job,
    pub(super) made: Made,
}

/// A job whose source was read and is among those of the output.
struct Member {
    job: Job,
    attempt: u32,
    wait_s: f64,
    read_s: f64,
}

/// Why a source is not among them.
enum Leaves {
    Duplicate,
    Unfit(Unfit),
    Trouble(Trouble),
}

impl<T: Into<Trouble>> From<T> for Leaves {
    fn from(trouble: T) -> Self {
        Self::Trouble(trouble.into())
    }
}

impl From<Unfit> for Leaves {
    fn from(unfit: Unfit) -> Self {
        Self::Unfit(unfit)
    }
}

impl Workshop {
    /// Makes attempts on these jobs, which have begun, each with its number: the reports of those that ended, and the output of
    /// the others, if there are any.
    pub(super) fn attempt_together(&self, mut group: Vec<(Job, u32)>) -> (Vec<Report>, Option<Shared>) {
        let bytes = group.iter().map(|(job, _)| job.identity.size).sum();
        let first = group.first().map(|(job, _)| job.path.clone()).unwrap_or_default();
        let (file, mut ended) = (profile::file(&first, bytes), Vec::new());
        let (begun, most) = (Instant::now(), Duration::from_secs(self.options.convert_secs));
        for _ in 0..TRIES {
            // What takes long must not take long again.
            if begun.elapsed() > most / 2 && !ended.is_empty() {
                break;
            }
            match self.gather(std::mem::take(&mut group), &mut ended) {
                Ok(shared) => {
                    let jobs = shared.iter().flat_map(|shared| &shared.jobs);
                    file.converted(jobs.map(|sharing| sharing.made.summary.rows).sum());
                    let trace = file.leave();
                    return (ended, shared.map(|shared| Shared { trace, ..shared }));
                }
                Err(rest) => group = rest,
            }
        }
        ended.extend(self.all_apart(group.into_iter().map(|(job, _)| job).collect(), "They do not go together."));
        (ended, None)
    }

    /// Something went wrong with these jobs together: each is tried again, alone.
    pub(super) fn all_apart(&self, jobs: Vec<Job>, why: &str) -> Vec<Report> {
        jobs.iter().for_each(|job| self.remove_made(job));
        let ids: Vec<JobId> = jobs.iter().map(|job| job.id).collect();
        let each = match self.ledger.apart(&ids) {
            Ok(each) => each,
            Err(error) => ids.iter().map(|_| Err(error.clone())).collect(),
        };
        let one = |(job, apart): (Job, Result<(), LedgerError>)| {
            let outcome = match apart {
                Ok(()) => Ok(parted(&job, why)),
                // It had ended before.
                Err(LedgerError::Conflict { .. }) => self.as_recorded(&job),
                Err(error) => Err(error),
            };
            Report { job, outcome }
        };
        jobs.into_iter().zip(each).map(one).collect()
    }

    /// Reads all sources of `group`, and writes the output of those that stay. An error is those of them that are to be tried
    /// once more, without one that has left.
    fn gather(&self, group: Vec<(Job, u32)>, ended: &mut Vec<Report>) -> Result<Option<Shared>, Vec<(Job, u32)>> {
        let folder = self.outbox.join(STAGING);
        let mut gathering = Gathering::new(&folder, &self.gather.column, &self.options);
        let (mut members, mut group) = (Vec::new(), group.into_iter());
        if let Err(error) = lasting_staging(&self.outbox) {
            ended.extend(self.all_in_trouble(group.collect(), &ConvertError::from(error).into()));
            return Ok(None);
        }
        while let Some((job, attempt)) = group.next() {
            let begun = Instant::now();
            let waited = Timestamp::now().duration_since(job.run_at).as_secs_f64().max(0.0);
            match self.gather_one(&job, &mut gathering) {
                Ok(()) => members.push(Member { job, attempt, wait_s: waited, read_s: begun.elapsed().as_secs_f64() }),
                Err(Leaves::Trouble(trouble @ Trouble::Ours(_))) => {
                    // With the next it would go no better.
                    let all = members.into_iter().map(Member::again).chain([(job, attempt)]).chain(group);
                    ended.extend(self.all_in_trouble(all.collect(), &trouble));
                    return Ok(None);
                }
                Err(leaves) => ended.push(self.leave(job, attempt, leaves)),
            }
        }
        if members.is_empty() { Ok(None) } else { self.write_together(gathering, members, ended) }
    }

    /// The rows of the source of `job` come behind those that are there.
    fn gather_one(&self, job: &Job, gathering: &mut Gathering<'_>) -> Result<(), Leaves> {
        let (file, identity) = open_beneath(&self.inbox, &job.path)?;
        // It may have waited long since it settled, or since an earlier run.
        if identity != job.identity || (self.has_writer)(&file) {
            return Err(Trouble::Changed.into());
        }
        self.compare_with_manifests(job, &file)?;
        if self.is_duplicate(job, &file)? {
            return Err(Leaves::Duplicate);
        }
        let bad_records = self.collect_bad_records(job).map_err(ConvertError::from)?;
        let origin = Origin { source: &job.path, job: Some(job.id.0), modified_ns: job.identity.mtime_ns };
        let over = self.unfinished.is_over(job.id);
        let rows = gathering.read(&file, job.identity, origin, bad_records.as_deref(), over)??;
        self.still_the_same(job)?;
        Ok(gathering.add(rows)??)
    }

    /// The source of `job` is not among those of the output.
    fn leave(&self, job: Job, attempt: u32, leaves: Leaves) -> Report {
        let outcome = match leaves {
            Leaves::Unfit(unfit) => return self.part(job, &unfit),
            Leaves::Duplicate => self.finish_duplicate(&job, attempt),
            Leaves::Trouble(trouble) => self.conclude(&job, trouble, attempt),
        };
        if !matches!(outcome, Ok(Outcome::Deferred(_))) {
            self.unfinished.forget(job.id);
        }
        Report { job, outcome }
    }

    fn part(&self, job: Job, unfit: &Unfit) -> Report {
        let reports = self.all_apart(vec![job.clone()], &unfit.to_string());
        reports.into_iter().next().unwrap_or_else(|| Report { outcome: self.as_recorded(&job), job })
    }

    fn write_together(
        &self,
        gathering: Gathering<'_>,
        mut members: Vec<Member>,
        ended: &mut Vec<Report>,
    ) -> Result<Option<Shared>, Vec<(Job, u32)>> {
        let (temporary, begun) = (self.temporary(&members[0].job), Instant::now());
        let written = remove_stale(&temporary).map_err(|error| Unwritten::Failed(error.into()));
        match written.and_then(|()| gathering.write(&temporary)) {
            Ok((gathered, file)) => {
                members[0].read_s += begun.elapsed().as_secs_f64();
                Ok(Some(self.shared(temporary, file, gathered, members)))
            }
            Err(Unwritten::Unfit(number, unfit)) => {
                let Member { job, .. } = members.remove(number);
                ended.push(self.part(job, &unfit));
                Err(members.into_iter().map(Member::again).collect())
            }
            Err(Unwritten::AllUnfit(unfit)) => {
                ended
                    .extend(self.all_apart(members.into_iter().map(|member| member.job).collect(), &unfit.to_string()));
                Ok(None)
            }
            Err(Unwritten::Failed(error)) => {
                let all = members.into_iter().map(Member::again).collect();
                ended.extend(self.all_in_trouble(all, &error.into()));
                Ok(None)
            }
        }
    }

    fn shared(&self, temporary: PathBuf, file: File, gathered: Gathered, members: Vec<Member>) -> Shared {
        let is_shared = members.len() > 1;
        let one = |(member, (first_row, summary)): (Member, (u64, Summary))| {
            let Member { job, attempt, wait_s, read_s } = member;
            self.unfinished.forget(job.id);
            let (temporary, ended) = (temporary.clone(), Instant::now());
            let made = Made { attempt, temporary, unsynced: None, summary, wait_s, convert_s: read_s, ended };
            Sharing { job: Job { first_row: is_shared.then_some(first_row), ..job }, made }
        };
        let jobs = members.into_iter().zip(gathered.sources).map(one).collect();
        let unsynced = self.options.durable.then_some(file);
        Shared { unsynced, hash: gathered.hash, jobs, trace: Left::default(), temporary }
    }

    /// What keeps one of these jobs keeps all of them.
    pub(super) fn all_in_trouble(&self, group: Vec<(Job, u32)>, trouble: &Trouble) -> Vec<Report> {
        let one = |(job, attempt): (Job, u32)| Report { outcome: self.conclude(&job, trouble.clone(), attempt), job };
        group.into_iter().map(one).collect()
    }

    /// How the attempt on `job` has ended, as the ledger knows: one that was shared ended with another's.
    pub(super) fn as_recorded(&self, job: &Job) -> End {
        let found = self.ledger.find(&job.path)?.filter(|record| record.id == job.id);
        let Some(record) = found else { return Ok(Outcome::Gone) };
        let (state, run_at) = (record.state, record.run_at);
        let again = || Box::new(Job { state, run_at, attempts: record.attempts, ..job.clone() });
        Ok(match state {
            State::Done => Outcome::Done,
            State::Quarantined => Outcome::Quarantined,
            State::Duplicate => Outcome::Duplicate,
            State::Gone => Outcome::Gone,
            State::Ready => Outcome::Apart(again()),
            State::Running | State::Publishing | State::Failed => Outcome::Failed(again()),
        })
    }
}

impl Member {
    fn again(self) -> (Job, u32) {
        (self.job, self.attempt)
    }
}

fn parted(job: &Job, why: &str) -> Outcome {
    log::info!(event = "file.apart", job = job.id.0, path:% = Shown(&job.path), error = why;
        "It is to have an output of its own.");
    Outcome::Apart(Box::new(Job { alone: true, state: State::Ready, first_row: None, ..job.clone() }))
}
