//! What files cost, stage by stage: counted for monitors, and on a page of the last files if the operator wants one.
//!
//! The page is kept up to date by a thread of its own, so that nothing waits for it. It is written when no file has come for a while, when work goes on and the page is old, and at the end. A large page
//! is written more rarely: writing takes one percent of the time at most.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::config::Config;
use crate::convert::output::OutputError;
use crate::convert::profile::{PageFile, Profile, Stage};
use crate::telemetry::metrics::{Metrics, Phase};

/// No file for so long, and the work is done for now.
const QUIET: Duration = Duration::from_secs(2);

/// While work goes on, the page gets so old at most.
const EVERY: Duration = Duration::from_secs(10);

/// The recording, and the thread if there is to be a page. Dropped, it writes what is new and ends.
pub(super) struct Profiler {
    profile: Profile,
    worked: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Profiler {
    /// Starts recording for `metrics`, and for a page if `config` names one.
    pub(super) fn start(config: &Config, metrics: &Arc<Metrics>) -> std::io::Result<Self> {
        let page = config.profile.page();
        let (files, metrics) = (page.map_or(0, |_| config.profile.files), Arc::clone(metrics));
        let observe = move |cost: &[(Stage, Duration)]| tell(&metrics, cost);
        let profile = Profile::of_last(files, config.worker_count(), observe);
        let Some(path) = page else { return Ok(Self { profile, worked: None, thread: None }) };
        let (worked, wake) = bounded(1);
        let page = Page { profile: profile.clone(), path: path.to_path_buf(), failing: false };
        let thread = thread::Builder::new().name("profile".to_owned()).spawn(move || page.keep(&wake))?;
        Ok(Self { profile, worked: Some(worked), thread: Some(thread) })
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

/// What one file cost, phase by phase.
fn tell(metrics: &Metrics, cost: &[(Stage, Duration)]) {
    for phase in Phase::ALL {
        let of_phase = cost.iter().filter(|(stage, _)| phase_of(*stage) == Some(phase));
        let took: Duration = of_phase.map(|(_, took)| *took).sum();
        if !took.is_zero() {
            metrics.spent(phase, took);
        }
    }
}

/// Under which name monitors find what a stage costs, if they do.
fn phase_of(stage: Stage) -> Option<Phase> {
    match stage {
        Stage::Read | Stage::Unpack | Stage::Split | Stage::Hash => Some(Phase::Read),
        Stage::Parse => Some(Phase::Parse),
        Stage::Frame | Stage::Spill => Some(Phase::Frame),
        Stage::Encode | Stage::LockWait | Stage::Hdf5 | Stage::Write => Some(Phase::Encode),
        Stage::Fsync | Stage::Publish | Stage::Dispose => Some(Phase::Publish),
        Stage::Ledger => Some(Phase::Ledger),
        Stage::Rest | Stage::Helpers => None,
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
