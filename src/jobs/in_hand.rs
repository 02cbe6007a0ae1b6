//! Which job each worker has in hand, told to the next run: should the agent come down, this is the one to blame.
//!
//! A file with a row of numbers for each worker: that of the job that it has in hand, or, made negative, those of the jobs that
//! it has in hand together, of which none is to blame more than another. It has to survive the process and no more, so that it is never synced. What
//! else is `running` in the ledger was waiting, before its conversion or behind it. Where the file is missing, every
//! job that is running is to blame, as far as anybody knows.

use std::collections::HashMap;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::convert::output::publish::STAGING;
use crate::ledger::JobId;

/// In the staging folder of the outbox, with the name of the agent behind it where several share that. No job's number.
const NAME: &str = "in-hand";

/// Bytes of a number.
const WIDTH: usize = size_of::<i64>();

/// What stands where a worker has nothing in hand. No job's number.
const NOTHING: JobId = JobId(0);

/// The file, while an agent runs.
#[derive(Debug)]
pub(super) struct InHand {
    path: PathBuf,
    file: Option<File>,
    /// Numbers that there is room for in the row of a worker.
    room: usize,
    /// For each worker what it has in hand, and since when.
    since: Mutex<Vec<Option<(JobId, PathBuf, Instant)>>>,
}

impl InHand {
    /// `agent` has nothing in hand yet; a worker will have up to `room` jobs in hand together.
    pub(super) fn start(outbox: &Path, agent: &str, workers: usize, room: usize) -> Self {
        let path = file_of(outbox, agent);
        let (file, room, since) = (File::create(&path).ok(), room.max(1), Mutex::new(vec![None; workers]));
        let in_hand = Self { path, file, room, since };
        (0..workers).for_each(|worker| in_hand.note(worker, &[NOTHING]));
        in_hand
    }

    /// `worker` begins with `job`, whose source is `source`.
    pub(super) fn take(&self, worker: usize, job: JobId, source: &Path) {
        self.note(worker, &[job]);
        self.since()[worker] = Some((job, source.to_path_buf(), Instant::now()));
    }

    /// `worker` begins with these jobs together, the source of the first of which is `source`.
    pub(super) fn take_together(&self, worker: usize, jobs: &[JobId], source: &Path) {
        self.note(worker, &jobs.iter().map(|job| JobId(-job.0)).collect::<Vec<_>>());
        let first = jobs.first().copied().unwrap_or(NOTHING);
        self.since()[worker] = Some((first, source.to_path_buf(), Instant::now()));
    }

    /// `worker` has ended with its job.
    pub(super) fn lay_down(&self, worker: usize) {
        self.note(worker, &[NOTHING]);
        self.since()[worker] = None;
    }

    /// `worker` has ended with so many jobs that it had together.
    pub(super) fn lay_down_together(&self, worker: usize, jobs: usize) {
        self.note(worker, &vec![NOTHING; jobs]);
        self.since()[worker] = None;
    }

    /// What some worker has had in hand for longer than `limit`.
    pub(super) fn overdue(&self, limit: Duration) -> Option<(JobId, PathBuf)> {
        let since = self.since();
        let overdue = since.iter().flatten().find(|(_, _, since)| since.elapsed() > limit);
        overdue.map(|(job, source, _)| (*job, source.clone()))
    }

    /// What each worker has in hand, and for how long.
    pub(super) fn now(&self) -> Vec<Option<(JobId, PathBuf, Duration)>> {
        let since = self.since();
        since
            .iter()
            .map(|desk| desk.as_ref().map(|(job, source, since)| (*job, source.clone(), since.elapsed())))
            .collect()
    }

    fn since(&self) -> MutexGuard<'_, Vec<Option<(JobId, PathBuf, Instant)>>> {
        self.since.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// No worker will take a job any more.
    pub(super) fn end(&self) {
        let _ = fs::remove_file(&self.path);
    }

    fn note(&self, worker: usize, jobs: &[JobId]) {
        let bytes: Vec<u8> = jobs.iter().take(self.room).flat_map(|job| job.0.to_le_bytes()).collect();
        let place = (worker * self.room * WIDTH) as u64;
        let written = self.file.as_ref().map(|file| file.write_all_at(&bytes, place));
        if !matches!(written, Some(Ok(()))) {
            // Rather none than a wrong one.
            self.end();
        }
    }
}

/// Forgets what an earlier run of `agent` had in hand.
pub(super) fn forget(outbox: &Path, agent: &str) {
    let _ = fs::remove_file(file_of(outbox, agent));
}

fn file_of(outbox: &Path, agent: &str) -> PathBuf {
    let name = if agent.is_empty() { NAME.to_owned() } else { format!("{NAME}-{agent}") };
    outbox.join(STAGING).join(name)
}

/// What is to blame, as far as anybody knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Blame {
    /// The job was in hand.
    Alone,
    /// The job was in hand, and others with it.
    Together,
}

/// What the workers of an earlier run of `agent` had in hand when it ended; `None` if that is not known.
pub(super) fn left(outbox: &Path, agent: &str) -> Option<HashMap<JobId, Blame>> {
    let content = fs::read(file_of(outbox, agent)).ok()?;
    let (numbers, rest) = content.as_chunks::<WIDTH>();
    let numbers = numbers.iter().map(|number| i64::from_le_bytes(*number)).filter(|number| *number != NOTHING.0);
    let blame = |number: i64| (JobId(number.saturating_abs()), if number < 0 { Blame::Together } else { Blame::Alone });
    rest.is_empty().then(|| numbers.map(blame).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_run_learns_what_was_in_hand_and_nothing_wrong() {
        let outbox = tempfile::tempdir().unwrap();
        assert_eq!(left(outbox.path(), ""), None);
        let folder = outbox.path().join(STAGING);
        fs::create_dir(&folder).unwrap();
        let in_hand = InHand::start(outbox.path(), "", 3, 4);
        let source = Path::new("a.json");
        in_hand.take(0, JobId(7), source);
        in_hand.take(2, JobId(8), source);
        in_hand.lay_down(0);
        in_hand.take(1, JobId(i64::MAX), source);
        assert_eq!(in_hand.overdue(Duration::from_secs(3600)), None);
        assert_eq!(in_hand.overdue(Duration::ZERO), Some((JobId(i64::MAX), source.to_path_buf())));
        let alone = [8, i64::MAX].map(|job| (JobId(job), Blame::Alone));
        assert_eq!(left(outbox.path(), ""), Some(alone.into()));
        in_hand.take_together(0, &[JobId(3), JobId(4), JobId(5)], source);
        let together = [3, 4, 5].map(|job| (JobId(job), Blame::Together));
        assert_eq!(left(outbox.path(), ""), Some(alone.into_iter().chain(together).collect()));
        in_hand.lay_down_together(0, 3);
        assert_eq!(left(outbox.path(), ""), Some(alone.into()));
        // It cannot be written: nobody knows.
        let read_only = InHand { file: File::open(folder.join(NAME)).ok(), ..in_hand };
        read_only.take(0, JobId(9), source);
        assert_eq!(left(outbox.path(), ""), None);
    }
}
