//! Which sources become one output together: those of one folder that one pattern names and that come within a window. A
//! window opens with the first of them, and closes when it holds so many files or bytes, or so long after it opened.
//!
//! Plain state: the clock, a time since any fixed start, is an argument. What waits here is `ready` in the ledger, so that
//! nothing is lost with it.

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use globset::{Glob, GlobBuilder, GlobMatcher};

use crate::config::Output;
use crate::ledger::{Job, State};
use crate::source::unpacked_name;

/// Sources that a worker takes together, at least one.
pub type Task = Vec<Job>;

/// Globs of sources: those without `/` speak of the name, those with `/` of the path relative to the inbox.
#[derive(Clone, Debug, Default)]
pub struct Patterns(Vec<Pattern>);

#[derive(Clone, Debug)]
struct Pattern {
    glob: GlobMatcher,
    of_path: bool,
}

impl Patterns {
    /// The patterns that these globs are.
    pub fn new(globs: &[String]) -> Result<Self, globset::Error> {
        let pattern = |glob: &String| {
            let of_path = glob.contains('/');
            // People write `/sub/*.json` for "from the inbox down"; relative paths have no leading slash.
            let path = || GlobBuilder::new(glob.strip_prefix('/').unwrap_or(glob)).literal_separator(true).build();
            let glob = if of_path { path()? } else { Glob::new(glob)? };
            Ok(Pattern { glob: glob.compile_matcher(), of_path })
        };
        globs.iter().map(pattern).collect::<Result<_, _>>().map(Self)
    }

    /// The number of the first of them that names `source`, as it is called or without the ending of a compressed file.
    #[must_use]
    pub fn first(&self, source: &Path) -> Option<usize> {
        let name = source.file_name().unwrap_or_default();
        let unpacked = unpacked_name(name);
        let path = source.with_file_name(unpacked);
        let names = |Pattern { glob, of_path }: &Pattern| {
            if *of_path {
                glob.is_match(source) || glob.is_match(&path)
            } else {
                glob.is_match(name) || glob.is_match(unpacked)
            }
        };
        self.0.iter().position(names)
    }
}

/// The windows that are open.
#[derive(Debug, Default)]
pub struct Windows {
    patterns: Patterns,
    files: usize,
    bytes: u64,
    lasts: Duration,
    /// By folder and pattern.
    open: BTreeMap<(PathBuf, usize), Window>,
    waiting: usize,
}

#[derive(Debug)]
struct Window {
    jobs: Vec<Job>,
    bytes: u64,
    until: Duration,
}

impl Windows {
    /// None is open; sources that `patterns` name are gathered as `output` says.
    #[must_use]
    pub fn new(patterns: Patterns, output: &Output) -> Self {
        let lasts = Duration::from_secs(output.gather_secs);
        let (files, bytes) = (output.gather_files, output.gather_bytes);
        Self { patterns, files, bytes, lasts, open: BTreeMap::new(), waiting: 0 }
    }

    /// Takes `job` in, if its source is to wait for others; else it comes back. Answers what goes on its way now.
    pub fn add(&mut self, job: Job, now: Duration) -> Vec<Task> {
        let Some(key) = self.key(&job) else { return vec![vec![job]] };
        let (until, size) = (now + self.lasts, job.identity.size);
        let mut gone = Vec::new();
        let window = self.open.entry(key.clone()).or_insert_with(|| Window::until(until));
        if let Some(older) = window.take(&job.path) {
            // It is another version of the same source by now, and the older one will be found gone.
            self.waiting -= 1;
            gone.push(vec![older]);
        }
        if window.bytes + size > self.bytes && !window.jobs.is_empty() {
            let full = std::mem::replace(window, Window::until(until));
            self.waiting -= full.jobs.len();
            gone.push(full.in_order());
        }
        if window.jobs.is_empty() {
            window.until = until;
        }
        window.bytes += size;
        window.jobs.push(job);
        self.waiting += 1;
        if window.jobs.len() >= self.files || window.bytes >= self.bytes || self.lasts.is_zero() {
            gone.extend(self.open.remove(&key).map(|full| self.closed(full)));
        }
        gone
    }

    /// Closes the windows that have been open for their time.
    pub fn due(&mut self, now: Duration) -> Vec<Task> {
        self.close_if(|window| window.until <= now)
    }

    /// Closes all windows.
    pub fn close(&mut self) -> Vec<Task> {
        self.close_if(|_| true)
    }

    /// When the next window closes, if nothing comes.
    #[must_use]
    pub fn next_due(&self) -> Option<Duration> {
        self.open.values().map(|window| window.until).min()
    }

    /// How many jobs wait here.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting
    }

    /// The window of `job`; none if it does not wait for others: what is decided, what is large, and what something went wrong
    /// with.
    fn key(&self, job: &Job) -> Option<(PathBuf, usize)> {
        if job.state == State::Publishing || job.alone || job.identity.size > self.bytes {
            return None;
        }
        let pattern = self.patterns.first(&job.path)?;
        Some((job.path.parent().unwrap_or(Path::new("")).to_path_buf(), pattern))
    }

    fn close_if(&mut self, test: impl Fn(&Window) -> bool) -> Vec<Task> {
        let closing: Vec<_> = self.open.iter().filter(|(_, window)| test(window)).map(|(key, _)| key.clone()).collect();
        let closing: Vec<_> = closing.into_iter().filter_map(|key| self.open.remove(&key)).collect();
        closing.into_iter().map(|window| self.closed(window)).collect()
    }

    fn closed(&mut self, window: Window) -> Task {
        self.waiting -= window.jobs.len();
        window.in_order()
    }
}

impl Window {
    fn until(until: Duration) -> Self {
        Self { jobs: Vec::new(), bytes: 0, until }
    }

    /// The job of the source `path`, which leaves.
    fn take(&mut self, path: &Path) -> Option<Job> {
        let job = self.jobs.iter().position(|job| job.path == path)?;
        let job = self.jobs.remove(job);
        self.bytes -= job.identity.size;
        Some(job)
    }

    /// Its jobs by the bytes of their paths.
    fn in_order(mut self) -> Task {
        self.jobs.sort_by(|a, b| a.path.as_os_str().as_bytes().cmp(b.path.as_os_str().as_bytes()));
        self.jobs
    }
}

#[cfg(test)]
mod tests;
