//! Where the traces of finished files are collected: one [`Profile`] a run, shared by its threads.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::ThreadId;
use std::time::{Duration, Instant};

use super::stage::Stage;
use super::store::{FILES, Store};
use super::sum::Sum;
use super::trace::{DETAIL, FileTrace, Room};
use crate::source::Shown;

/// Spans that a file may always keep, however many files share the room.
const DETAIL_OF_A_FILE: usize = 1000;

/// Which files a profile tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Window {
    /// All files of a run.
    Whole,
    /// So many files, the last ones to finish.
    Last(usize),
    /// None; what they cost is only observed.
    Nothing,
}

/// Called for each converted file with what it cost in each stage, over all threads.
type Observe = Box<dyn Fn(&[(Stage, Duration)]) + Send + Sync>;

/// Who wants to know of each file as it ends.
struct Observer(Observe);

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Observer")
    }
}

/// A recording. Cheap to clone; all clones are the same recording. Threads take part by
/// [`Profile::worker`](super::lane); what no thread takes part in costs nothing.
#[derive(Clone, Debug)]
pub struct Profile(pub(super) Arc<Shared>);

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) window: Window,
    pub(super) workers: usize,
    begun: Instant,
    room: Arc<Room>,
    kept: Mutex<Kept>,
    helpers: Mutex<Vec<ThreadId>>,
    observer: Option<Observer>,
}

/// Finished files: the ones kept, and the sum of those that a whole run had no room for.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) files: Store,
    pub(super) rest: Sum,
}

impl Profile {
    /// A recording of a whole run with so many workers; it begins now.
    #[must_use]
    pub fn whole(workers: usize) -> Self {
        Self::new(Window::Whole, workers, None)
    }

    /// A recording that goes on, of the last `files` that `workers` finished; with 0, nothing is kept. Of each converted file
    /// `observe` learns, when it ends, what each stage cost that cost anything.
    #[must_use]
    pub fn of_last(
        files: usize,
        workers: usize,
        observe: impl Fn(&[(Stage, Duration)]) + Send + Sync + 'static,
    ) -> Self {
        let window = if files == 0 { Window::Nothing } else { Window::Last(files) };
        Self::new(window, workers, Some(Observer(Box::new(observe))))
    }

    fn new(window: Window, workers: usize, observer: Option<Observer>) -> Self {
        let kept = if window == Window::Nothing { 0 } else { DETAIL };
        let (begun, room) = (Instant::now(), Arc::new(Room::for_spans(kept)));
        let files = if window == Window::Nothing { Store::default() } else { Store::new() };
        let kept = Mutex::new(Kept { files, rest: Sum::default() });
        let helpers = Mutex::default();
        Self(Arc::new(Shared { window, workers, begun, room, kept, helpers, observer }))
    }
}

impl Shared {
    /// What a file is called in what is kept of it.
    pub(super) fn name(&self, path: &Path) -> String {
        if self.window == Window::Nothing { String::new() } else { Shown(path).to_string() }
    }

    /// Nanoseconds since the recording began.
    pub(super) fn now(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// Room for the spans of one more file.
    pub(super) fn room(&self) -> Arc<Room> {
        match self.window {
            Window::Whole | Window::Nothing => Arc::clone(&self.room),
            Window::Last(files) => Arc::new(Room::for_spans((DETAIL / files).max(DETAIL_OF_A_FILE))),
        }
    }

    /// The number of a thread that is no worker: helpers come after the workers, in order of appearance.
    pub(super) fn helper(&self, thread: ThreadId) -> usize {
        let mut helpers = self.helpers.lock().unwrap_or_else(PoisonError::into_inner);
        let place = helpers.iter().position(|known| *known == thread).unwrap_or_else(|| {
            helpers.push(thread);
            helpers.len() - 1
        });
        self.workers + place
    }

    /// Takes in a finished file.
    pub(super) fn keep(&self, file: &FileTrace) {
        self.observe(file);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        match self.window {
            Window::Whole if kept.files.len() >= FILES => kept.rest.add(file, 0),
            Window::Whole => kept.files.push(file),
            Window::Last(files) => {
                kept.files.push(file);
                if kept.files.len() > files {
                    kept.files.drop_first();
                }
            }
            Window::Nothing => {}
        }
    }

    fn observe(&self, file: &FileTrace) {
        let Some(Observer(observe)) = self.observer.as_ref().filter(|_| file.rows.is_some()) else { return };
        let times = file.times();
        let cost = Stage::ALL.iter().map(|stage| (*stage, Duration::from_nanos(times.of(*stage))));
        observe(&cost.filter(|(_, took)| !took.is_zero()).collect::<Vec<_>>());
    }

    /// What was collected so far.
    pub(super) fn kept(&self) -> Kept {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
