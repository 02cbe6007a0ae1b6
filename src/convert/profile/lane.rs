//! What a thread records of itself: the spans that are open, one inside the other.
//!
//! The place is thread-local and empty unless the thread takes part in a profile, so that a span costs next to nothing
//! when nobody records, and no lock when somebody does. Guards end what they began, also when a panic unwinds.

use std::cell::{Cell, RefCell};
use std::marker::PhantomData;
use std::path::Path;
use std::sync::Arc;

use super::left::{Left, Traced};
use super::recorder::{Profile, Shared};
use super::stage::Stage;
use super::trace::{OpenFile, Piece, Stretch};

thread_local! {
    static LANE: RefCell<Option<Lane>> = const { RefCell::new(None) };
}

/// A thread that takes part in a profile.
struct Lane {
    profile: Arc<Shared>,
    number: usize,
    file: Option<Arc<OpenFile>>,
    piece: Piece,
    open: Vec<Open>,
}

/// A span that has begun.
struct Open {
    stage: Stage,
    start: u64,
    /// Nanoseconds of what ran inside it.
    inner: u64,
}

/// Guards must end on the thread on which they began.
type OnThisThread = PhantomData<*const ()>;

/// The thread takes part until this is dropped.
#[derive(Debug)]
pub struct Attached(OnThisThread);

/// A file in hand, until this is dropped.
#[derive(Debug)]
#[must_use = "a file ends when this is dropped"]
pub struct File {
    recorded: bool,
    rows: Cell<Option<u64>>,
    here: OnThisThread,
}

/// A stage, until this is dropped.
#[derive(Debug)]
#[must_use = "a span ends when it is dropped"]
pub struct Span {
    depth: Option<usize>,
    here: OnThisThread,
}

/// The file in hand, to be carried to threads that help with it.
#[derive(Clone, Debug)]
pub struct Here(pub(super) Option<(Arc<Shared>, Arc<OpenFile>)>);

/// The thread helps with a file until this is dropped.
#[must_use = "the thread helps until this is dropped"]
pub struct Helping {
    file: Option<Arc<OpenFile>>,
    /// What the thread was doing before.
    before: Option<Lane>,
    since: u64,
    here: OnThisThread,
}

impl Profile {
    /// This thread is worker `number` (the first is 0) as long as the guard lives.
    #[must_use]
    pub fn worker(&self, number: usize) -> Attached {
        LANE.set(Some(Lane::new(&self.0, number, None)));
        Attached(PhantomData)
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        LANE.set(None);
    }
}

/// This thread, if it takes part in a profile, begins with the file at `path`.
pub fn file(path: &Path, bytes: u64) -> File {
    let recorded = with(|lane| lane.begin_file(path, bytes)).unwrap_or(false);
    File { recorded, rows: Cell::new(None), here: PhantomData }
}

impl File {
    /// The file was converted and gave so many rows; without this it counts as failed.
    pub fn converted(&self, rows: u64) {
        self.rows.set(Some(rows));
    }

    /// The worker has done its part; the file ends elsewhere.
    pub fn leave(self) -> Left {
        let left = self.recorded.then(|| with(|lane| lane.leave_file(self.rows.get())));
        Left(left.flatten().flatten().map(|(left, _)| left))
    }
}

impl Drop for File {
    fn drop(&mut self) {
        if self.recorded {
            with(|lane| lane.end_file(self.rows.get()));
        }
    }
}

/// This thread, if it has a file in hand, begins with `stage`. Spans may lie inside each other; what runs inside
/// another span counts for itself only.
pub fn span(stage: Stage) -> Span {
    Span { depth: with(|lane| lane.begin(stage)).flatten(), here: PhantomData }
}

impl Drop for Span {
    fn drop(&mut self) {
        if let Some(depth) = self.depth {
            with(|lane| lane.end(depth));
        }
    }
}

/// The file that this thread has in hand.
#[must_use]
pub fn here() -> Here {
    Here(with(|lane| lane.file.clone().map(|file| (Arc::clone(&lane.profile), file))).flatten())
}

impl Here {
    /// Does `work` for the file, on whatever thread this is.
    pub fn during<T>(&self, work: impl FnOnce() -> T) -> T {
        let _helps = self.help();
        work()
    }

    /// The thread that calls this helps with the file as long as the guard lives.
    pub fn help(&self) -> Helping {
        let Some((profile, file)) = &self.0 else {
            return Helping { file: None, before: None, since: 0, here: PhantomData };
        };
        let number = number_in(profile);
        let before = LANE.take();
        LANE.set(Some(Lane::new(profile, number, Some(Arc::clone(file)))));
        Helping { file: Some(Arc::clone(file)), before, since: profile.now(), here: PhantomData }
    }
}

impl Drop for Helping {
    fn drop(&mut self) {
        let Some(file) = self.file.take() else { return };
        if let Some(mut lane) = LANE.take() {
            lane.end(0);
            let helped = lane.profile.now() - self.since;
            file.help(std::mem::take(&mut lane.piece));
            if let Some(outer) = self.before.as_mut().and_then(|before| before.open.last_mut()) {
                outer.inner += helped;
            }
        }
        LANE.set(self.before.take());
    }
}

impl Lane {
    fn new(profile: &Arc<Shared>, number: usize, file: Option<Arc<OpenFile>>) -> Self {
        let piece = Piece { lane: number, ..Piece::default() };
        Self { profile: Arc::clone(profile), number, file, piece, open: Vec::new() }
    }

    /// Returns false if a file is in hand already.
    fn begin_file(&mut self, path: &Path, bytes: u64) -> bool {
        if self.file.is_some() {
            return false;
        }
        let (name, start) = (self.profile.name(path), self.profile.now());
        self.file = Some(Arc::new(OpenFile::new(name, bytes, start, self.profile.room())));
        self.open.push(Open { stage: Stage::Rest, start, inner: 0 });
        true
    }

    fn end_file(&mut self, rows: Option<u64>) {
        if let Some((left, end)) = self.leave_file(rows) {
            left.keep(end);
        }
    }

    /// Lets go of the file, now.
    fn leave_file(&mut self, rows: Option<u64>) -> Option<(Traced, u64)> {
        self.end(1);
        let (file, whole, now) = (self.file.take()?, self.open.pop()?, self.profile.now());
        self.piece.times.add(Stage::Rest, (now - whole.start).saturating_sub(whole.inner));
        let piece = std::mem::replace(&mut self.piece, Piece { lane: self.number, ..Piece::default() });
        Some((Traced { profile: Arc::clone(&self.profile), file, piece, rows }, now))
    }

    fn begin(&mut self, stage: Stage) -> Option<usize> {
        self.file.as_ref()?;
        self.open.push(Open { stage, start: self.profile.now(), inner: 0 });
        Some(self.open.len() - 1)
    }

    /// Ends the span at `depth` and what may still be open inside it.
    fn end(&mut self, depth: usize) {
        let Some(file) = self.file.as_ref().filter(|_| self.open.len() > depth) else { return };
        let end = self.profile.now();
        while self.open.len() > depth {
            let Some(Open { stage, start, inner }) = self.open.pop() else { return };
            let took = end - start;
            self.piece.note(Stretch { stage, start, end }, took.saturating_sub(inner), &file.room);
            if let Some(outer) = self.open.last_mut() {
                outer.inner += took;
            }
        }
    }
}

/// The number of this thread in `profile`.
pub(super) fn number_in(profile: &Arc<Shared>) -> usize {
    let known = with(|lane| Arc::ptr_eq(&lane.profile, profile).then_some(lane.number)).flatten();
    known.unwrap_or_else(|| profile.helper(std::thread::current().id()))
}

/// Does `work` with this thread's lane, if there is one.
fn with<T>(work: impl FnOnce(&mut Lane) -> T) -> Option<T> {
    // A thread that ends has no lane any more.
    LANE.try_with(|lane| lane.try_borrow_mut().ok()?.as_mut().map(work)).ok().flatten()
}
