//! How much memory columns may take, and what becomes of those that do not fit: they go to a temporary file beside the
//! output.

use std::path::{Path, PathBuf};

use super::ConvertError;
use super::defect::Defect;
use super::frame::join::Joiner;
use super::frame::part::Part;
use super::frame::piece::Piece;
use super::frame::spill::SpillFile;

/// More than this does not make a conversion faster, so that no conversion keeps more.
const ENOUGH: u64 = 256 << 20;
/// Less than this is of no use: some batches are at hand at any time.
pub(super) const LEAST: u64 = 4 << 20;

/// Bytes for the columns of one conversion, if `limit` (0: a quarter of the machine's memory) is for `workers` of them.
pub(super) fn share(limit: u64, workers: usize) -> u64 {
    let limit = if limit == 0 { machine_bytes() / 4 } else { limit };
    // Half of it is for batches, buffers and the library.
    limit / 2 / workers.max(1) as u64
}

fn machine_bytes() -> u64 {
    let info = rustix::system::sysinfo();
    info.totalram.saturating_mul(u64::from(info.mem_unit.max(1)))
}

/// The rows of a source, in order, in memory as far as that goes.
pub(super) struct Pieces {
    joiner: Joiner,
    all: Vec<Piece>,
    /// Bytes of the cells in memory.
    bytes: u64,
    most: u64,
    limit: u64,
    columns: usize,
    folder: PathBuf,
    file: Option<SpillFile>,
}

/// What becomes a frame.
pub(super) struct Joined {
    /// The columns.
    pub(super) joiner: Joiner,
    /// The rows.
    pub(super) pieces: Vec<Piece>,
    /// The file that holds the cells of some of them.
    pub(super) spill: Option<SpillFile>,
}

impl Pieces {
    /// No rows yet; the first `limit` bytes of cells stay in memory, the rest goes to a file in `folder`. More than `columns` columns
    /// are refused. The one that tells where rows come from is called `source_column`.
    pub(super) fn new(folder: &Path, limit: u64, columns: usize, source_column: &str) -> Self {
        Self {
            joiner: Joiner::with_source_column(source_column),
            all: Vec::new(),
            bytes: 0,
            most: limit.clamp(LEAST, ENOUGH),
            limit: limit.max(LEAST),
            columns,
            folder: folder.into(),
            file: None,
        }
    }

    /// Adds the rows of the next part.
    pub(super) fn add(&mut self, part: Part) -> Result<(), ConvertError> {
        let (bytes, first) = (part.memory() as u64, self.joiner.begin_of(&part));
        let Some(mut piece) = self.joiner.add(part, self.columns)? else { return Ok(()) };
        // What is known of the columns stays in memory whatever is put aside.
        let needed = bytes + self.joiner.memory() as u64;
        if needed > self.limit {
            return Err(Defect::too_much_memory(first.line, needed).in_record(first.record).into());
        }
        // Once memory is full, each piece goes as it comes: all at once, the next would have to wait for them.
        if self.bytes + bytes > self.most {
            self.spill(&mut piece).map_err(ConvertError::Spill)?;
        } else {
            self.bytes += bytes;
        }
        self.all.push(piece);
        Ok(())
    }

    /// The columns so far.
    pub(super) fn joiner(&self) -> &Joiner {
        &self.joiner
    }

    /// Whether [`Pieces::add`] would have room for parts of up to `bytes` whose columns are those of `other`.
    pub(super) fn has_room(&self, bytes: u64, other: &Joiner) -> bool {
        let known = (self.joiner.memory() + other.memory()) as u64;
        self.joiner.width_with(other) <= self.columns && bytes + known <= self.limit
    }

    /// All that there is.
    pub(super) fn into_inner(self) -> Joined {
        Joined { joiner: self.joiner, pieces: self.all, spill: self.file }
    }

    fn spill(&mut self, piece: &mut Piece) -> std::io::Result<()> {
        let file = match self.file.take() {
            Some(file) => file,
            None => SpillFile::in_folder(&self.folder)?,
        };
        piece.spill(self.file.insert(file))
    }
}
