//! The page of what the last files cost, kept up to date by a thread of its own, so that nothing waits for it.
//!
//! It is written when no file has come for a while, when work goes on and the page is old, and at the end. A large page
//! is written more rarely: writing takes one percent of the time at most.

use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::config::Config;
use crate::convert::output::OutputError;
use crate::convert::profile::{PageFile, Profile};

/// No file for so long, and the work is done for now.
const QUIET: Duration = Duration::from_secs(2);

/// While work goes on, the page gets so old at most.
const EVERY: Duration = Duration::from_secs(10);

/// The recording and the thread. Dropped, it writes what is new and ends.
pub(super) struct Profiler {
    profile: Profile,
    worked: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Profiler {
    /// Starts recording, if `config` names a page.
    pub(super) fn start(config: &Config) -> std::io::Result<Option<Self>> {
        let Some(path) = config.profile.page() else { return Ok(None) };
        let profile = Profile::of_last(config.profile.files, config.worker_count());
        let (worked, wake) = bounded(1);
        let page = Page { profile: profile.clone(), path: path.to_path_buf(), failing: false };
        let thread = thread::Builder::new().name("profile".to_owned()).spawn(move || page.keep(&wake))?;
        Ok(Some(Self { profile, worked: Some(worked), thread: Some(thread) }))
    }

    /// What the workers take part in.
    pub(super) fn profile(&self) -> &Profile {
        &self.profile
    }

    /// A file has ended.
    pub(super) fn worked(&self) {
        // A channel that is full has the news already.
        self.worked.as_ref().map(|worked| worked.try_send(()));
    }
}

impl Drop for Profiler {
    fn drop(&mut self) {
        self.worked = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Page {
    profile: Profile,
    path: PathBuf,
    failing: bool,
}

impl Page {
    fn keep(mut self, worked: &Receiver<()>) {
        let mut took = Duration::ZERO;
        while worked.recv().is_ok() {
            wait(worked, 100 * took);
            let begun = Instant::now();
            let written = write(&self.profile, &self.path);
            took = begun.elapsed();
            self.note(&written);
        }
    }

    /// A page that cannot be written is no reason not to convert; it is told once.
    fn note(&mut self, written: &Result<(), OutputError>) {
        match written {
            Err(error) if !self.failing => log::warn!(event = "profile.failed", error:% = error;
                "The profile's page cannot be written; check the folder of `profile.path`, or set it to \"\"."),
            Err(_) => {}
            Ok(()) => log::debug!(event = "profile.written"; "The profile's page is up to date."),
        }
        self.failing = written.is_err();
    }
}

/// Until no file has come for a while, or it gets late, or the agent stops.
fn wait(worked: &Receiver<()>, longer: Duration) {
    let late = Instant::now() + EVERY.max(longer);
    while let Some(left) = late.checked_duration_since(Instant::now()) {
        if worked.recv_timeout(QUIET.max(longer).min(left)).is_err() {
            return;
        }
    }
}

fn write(profile: &Profile, path: &Path) -> Result<(), OutputError> {
    PageFile::create(path)?.publish(&profile.report().page())
}
