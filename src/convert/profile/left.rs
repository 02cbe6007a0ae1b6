//! Files that their workers have done their part for, and that another thread brings to their end, many together.

use std::sync::Arc;

use super::lane::{Here, number_in};
use super::recorder::Shared;
use super::stage::Stage;
use super::trace::{OpenFile, Piece, Stretch};

/// A file that its worker has left, if it is recorded; it ends when this is dropped.
#[derive(Debug, Default)]
#[must_use = "the file ends when this is dropped"]
pub struct Left(pub(super) Option<Traced>);

/// What the worker left.
#[derive(Debug)]
pub(super) struct Traced {
    pub(super) profile: Arc<Shared>,
    pub(super) file: Arc<OpenFile>,
    pub(super) piece: Piece,
    pub(super) rows: Option<u64>,
}

impl Left {
    /// Does `work` for this file alone.
    pub fn during<T>(&self, work: impl FnOnce() -> T) -> T {
        let file = self.0.as_ref().map(|left| (Arc::clone(&left.profile), Arc::clone(&left.file)));
        Here(file).during(work)
    }
}

impl Traced {
    /// The file has ended.
    pub(super) fn keep(self, end: u64) {
        self.profile.keep(&self.file.close(self.piece, self.rows, end));
    }
}

impl Drop for Left {
    fn drop(&mut self) {
        if let Some(left) = self.0.take() {
            let now = left.profile.now();
            left.keep(now);
        }
    }
}

/// Does `work` of `stage` for all these files at once: an equal share of the time is counted for each.
pub fn together<'l, T>(files: impl Iterator<Item = &'l Left>, stage: Stage, work: impl FnOnce() -> T) -> T {
    let recorded: Vec<&Traced> = files.filter_map(|left| left.0.as_ref()).collect();
    let Some(profile) = recorded.first().map(|first| &first.profile) else { return work() };
    let start = profile.now();
    let done = work();
    let share = (profile.now() - start) / recorded.len() as u64;
    let lane = number_in(profile);
    for (left, start) in recorded.iter().zip((0..).map(|place| start + place * share)) {
        let mut piece = Piece { lane, ..Piece::default() };
        piece.note(Stretch { stage, start, end: start + share }, share, &left.file.room);
        left.file.help(piece);
    }
    done
}
