//! From traces to figures: what the page shows, and the sentence at its top.

use super::recorder::{Kept, Profile, Window};
use super::sentence::{Alone, Findings, sentence};
use super::sum::{LastFile, Sum};
use super::trace::FileTrace;

/// What a profile tells at one moment.
#[derive(Debug)]
pub struct Report {
    pub(super) window: Window,
    pub(super) workers: usize,
    /// Where its time begins, in the profile's; and how long it is.
    pub(super) origin: u64,
    pub(super) wall: u64,
    /// The files that are told of one by one, in the order in which they began.
    pub(super) files: Vec<FileTrace>,
    /// All files.
    pub(super) sum: Sum,
    /// What the threads could have done besides.
    pub(super) idle: u64,
}

impl Profile {
    /// What was recorded up to now.
    #[must_use]
    pub fn report(&self) -> Report {
        let shared = &self.0;
        let (now, Kept { files, rest: mut sum }) = (shared.now(), shared.kept());
        let mut files = files.into_files();
        files.sort_by_key(|file| file.start);
        let (origin, end) = match shared.window {
            Window::Whole => (0, now),
            Window::Last(_) | Window::Nothing => span_of(&files),
        };
        files.iter().for_each(|file| sum.add(file, origin));
        let wall = end - origin;
        let idle = match shared.window {
            Window::Whole => idle(&sum, shared.workers, wall),
            Window::Last(_) | Window::Nothing => 0,
        };
        Report { window: shared.window, workers: shared.workers, origin, wall, files, sum, idle }
    }
}

impl Report {
    /// The bottleneck, in one sentence.
    #[must_use]
    pub fn sentence(&self) -> String {
        sentence(&Findings {
            times: self.sum.times(),
            idle: self.idle,
            workers: self.workers as u64,
            files: self.sum.files,
            alone: alone(&self.sum, self.workers, self.wall),
        })
    }
}

fn span_of(files: &[FileTrace]) -> (u64, u64) {
    let start = files.iter().map(|file| file.start).min().unwrap_or(0);
    (start, files.iter().map(|file| file.end).max().unwrap_or(start))
}

/// What the run had to give, less what was used. Threads that help with a large file stand for the workers whose cores
/// they take, so that the run has as many as there are of the more numerous kind.
fn idle(sum: &Sum, workers: usize, wall: u64) -> u64 {
    let helpers = sum.lanes.iter().skip(workers).filter(|lane| lane.times.busy() > 0).count();
    (workers.max(helpers) as u64).saturating_mul(wall).saturating_sub(sum.times().busy())
}

/// The file that ended last, if every other worker had ended its last one before.
fn alone(sum: &Sum, workers: usize, wall: u64) -> Option<Alone> {
    let mut last: Vec<&LastFile> = sum.lanes.iter().take(workers).filter_map(|lane| lane.last.as_ref()).collect();
    last.sort_by_key(|file| std::cmp::Reverse(file.end));
    let (first, others) = last.split_first()?;
    let since = others.first().map_or(0, |other| other.end).max(first.start);
    Some(Alone { name: first.name.clone(), bytes: first.bytes, time: first.end - since, of: wall })
}
