//! Which job each worker has in hand, told to the next run: should the agent come down, this is the one to blame.
//!
//! A file with one number for each worker. It has to survive the process and no more, so that it is never synced. What
//! else is `running` in the ledger was waiting, before its conversion or behind it. Where the file is missing, every
//! job that is running is to blame, as far as anybody knows.

use std::collections::HashSet;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::convert::output::publish::STAGING;
use crate::ledger::JobId;

/// In the staging folder of the outbox. No job's number.
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
    /// For each worker what it has in hand, and since when.
    since: Mutex<Vec<Option<(JobId, PathBuf, Instant)>>>,
}

impl InHand {
    /// Nothing is in hand yet.
    pub(super) fn start(outbox: &Path, workers: usize) -> Self {
        let path = outbox.join(STAGING).join(NAME);
        let in_hand = Self { file: File::create(&path).ok(), path, since: Mutex::new(vec![None; workers]) };
        (0..workers).for_each(|worker| in_hand.note(worker, NOTHING));
        in_hand
    }

    /// `worker` begins with `job`, whose source is `source`.
    pub(super) fn take(&self, worker: usize, job: JobId, source: &Path) {
        self.note(worker, job);
        self.since()[worker] = Some((job, source.to_path_buf(), Instant::now()));
    }

    /// `worker` has ended with its job.
    pub(super) fn lay_down(&self, worker: usize) {
        self.note(worker, NOTHING);
        self.since()[worker] = None;
    }

    /// What some worker has had in hand for longer than `limit`.
    pub(super) fn overdue(&self, limit: Duration) -> Option<(JobId, PathBuf)> {
        let since = self.since();
        let overdue = since.iter().flatten().find(|(_, _, since)| since.elapsed() > limit);
        overdue.map(|(job, source, _)| (*job, source.clone()))
    }

    fn since(&self) -> MutexGuard<'_, Vec<Option<(JobId, PathBuf, Instant)>>> {
        self.since.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// No worker will take a job any more.
    pub(super) fn end(&self) {
        let _ = fs::remove_file(&self.path);
    }

    fn note(&self, worker: usize, job: JobId) {
        let written = self.file.as_ref().map(|file| file.write_all_at(&job.0.to_le_bytes(), (worker * WIDTH) as u64));
        if !matches!(written, Some(Ok(()))) {
            // Rather none than a wrong one.
            self.end();
        }
    }
}

/// Forgets what an earlier run had in hand.
pub(super) fn forget(outbox: &Path) {
    let _ = fs::remove_file(outbox.join(STAGING).join(NAME));
}

/// What the workers of an earlier run had in hand when it ended; `None` if that is not known.
pub(super) fn left(outbox: &Path) -> Option<HashSet<JobId>> {
    let content = fs::read(outbox.join(STAGING).join(NAME)).ok()?;
    let (numbers, rest) = content.as_chunks::<WIDTH>();
    rest.is_empty().then(|| numbers.iter().map(|number| JobId(i64::from_le_bytes(*number))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_run_learns_what_was_in_hand_and_nothing_wrong() {
        let outbox = tempfile::tempdir().unwrap();
        assert_eq!(left(outbox.path()), None);
        let folder = outbox.path().join(STAGING);
        fs::create_dir(&folder).unwrap();
        let in_hand = InHand::start(outbox.path(), 3);
        let source = Path::new("a.json");
        in_hand.take(0, JobId(7), source);
        in_hand.take(2, JobId(8), source);
        in_hand.lay_down(0);
        in_hand.take(1, JobId(i64::MAX), source);
        assert_eq!(in_hand.overdue(Duration::from_secs(3600)), None);
        assert_eq!(in_hand.overdue(Duration::ZERO), Some((JobId(i64::MAX), source.to_path_buf())));
        let known = |jobs: &[i64]| Some(jobs.iter().map(|job| JobId(*job)).collect());
        assert_eq!(left(outbox.path()), known(&[0, 8, i64::MAX]));
        // It cannot be written: nobody knows.
        let read_only = InHand { file: File::open(folder.join(NAME)).ok(), ..in_hand };
        read_only.take(0, JobId(9), source);
        assert_eq!(left(outbox.path()), None);
    }
}
