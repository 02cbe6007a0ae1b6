//! The stages of a conversion, and time by stage.

use std::ops::AddAssign;

/// What a thread does for a file. The order is that of the page's legend and tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Reading bytes of the source.
    Read,
    /// Undoing the source's compression.
    Unpack,
    /// Finding where records end: cutting into batches, scanning a document.
    Split,
    /// Hashing the source.
    Hash,
    /// Bytes to values.
    Parse,
    /// Joining the batches and deciding the dtypes.
    Frame,
    /// Putting columns aside in a temporary file, and taking them back.
    Spill,
    /// Values to the bytes of the output: pickles, tiles of numbers.
    Encode,
    /// Waiting for the lock of the HDF5 library.
    LockWait,
    /// Holding it.
    Hdf5,
    /// Writing bytes of the output.
    Write,
    /// Waiting until output and folder are on disk.
    Fsync,
    /// Giving the output its name.
    Publish,
    /// Waiting for the ledger to record a step.
    Ledger,
    /// Moving or deleting the source.
    Dispose,
    /// What a file costs outside all other stages: opening, looking, making room.
    Rest,
    /// Waiting for the threads that parse one large file together. Their time counts, not this.
    Helpers,
}

impl Stage {
    /// How many stages there are.
    pub const COUNT: usize = 17;

    /// All of them, in order; `ALL[stage as usize] == stage`.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Read,
        Self::Unpack,
        Self::Split,
        Self::Hash,
        Self::Parse,
        Self::Frame,
        Self::Spill,
        Self::Encode,
        Self::LockWait,
        Self::Hdf5,
        Self::Write,
        Self::Fsync,
        Self::Publish,
        Self::Ledger,
        Self::Dispose,
        Self::Rest,
        Self::Helpers,
    ];

    /// The stage's name on the page.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Unpack => "unpack",
            Self::Split => "split",
            Self::Hash => "hash",
            Self::Parse => "parse",
            Self::Frame => "frame",
            Self::Spill => "spill",
            Self::Encode => "encode",
            Self::LockWait => "lock wait",
            Self::Hdf5 => "hdf5",
            Self::Write => "write",
            Self::Fsync => "fsync",
            Self::Publish => "publish",
            Self::Ledger => "ledger",
            Self::Dispose => "dispose",
            Self::Rest => "rest",
            Self::Helpers => "waits for helpers",
        }
    }

    /// What the stage is, in a few words.
    pub(super) fn meaning(self) -> &'static str {
        match self {
            Self::Read => "reading the source",
            Self::Unpack => "undoing the compression",
            Self::Split => "finding where records end",
            Self::Hash => "hashing the source",
            Self::Parse => "text to values",
            Self::Frame => "joining batches, deciding dtypes",
            Self::Spill => "columns beyond the memory, to a temporary file and back",
            Self::Encode => "values to the output's bytes",
            Self::LockWait => "waiting for the HDF5 lock",
            Self::Hdf5 => "calling the HDF5 library, holding its lock",
            Self::Write => "writing the output",
            Self::Fsync => "waiting until it is on disk",
            Self::Publish => "giving the output its name",
            Self::Ledger => "recording in the ledger",
            Self::Dispose => "moving or deleting the source",
            Self::Rest => "opening, checking, everything else",
            Self::Helpers => "other threads parse this file; their time counts",
        }
    }

    /// The part of the way that the stage belongs to.
    pub(super) fn group(self) -> &'static str {
        match self {
            Self::Read | Self::Unpack | Self::Split | Self::Hash => "input",
            Self::Parse => "parsing",
            Self::Frame | Self::Spill | Self::Encode => "columns",
            Self::LockWait | Self::Hdf5 | Self::Write | Self::Fsync => "output",
            Self::Publish | Self::Ledger | Self::Dispose | Self::Rest | Self::Helpers => "around it",
        }
    }
}

/// Nanoseconds by stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Times([u64; Stage::COUNT]);

impl Times {
    /// Adds to one stage.
    pub(super) fn add(&mut self, stage: Stage, nanoseconds: u64) {
        self.0[stage as usize] += nanoseconds;
    }

    /// Time of one stage.
    pub(super) fn of(&self, stage: Stage) -> u64 {
        self.0[stage as usize]
    }

    /// Time of all stages in which a thread is worked or waited for on its own account.
    pub(super) fn busy(&self) -> u64 {
        Stage::ALL.iter().filter(|stage| **stage != Stage::Helpers).map(|stage| self.of(*stage)).sum()
    }
}

impl AddAssign for Times {
    fn add_assign(&mut self, other: Self) {
        self.0.iter_mut().zip(other.0).for_each(|(sum, more)| *sum += more);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stage_stands_at_its_own_place() {
        Stage::ALL.iter().enumerate().for_each(|(place, stage)| assert_eq!(*stage as usize, place));
    }

    #[test]
    fn waiting_for_helpers_is_not_counted_twice() {
        let mut times = Times::default();
        Stage::ALL.iter().for_each(|stage| times.add(*stage, 10));
        times += times;
        assert_eq!((times.of(Stage::Parse), times.busy()), (20, 20 * 16));
    }
}
