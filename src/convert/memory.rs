//! How much memory columns may take, and what becomes of those that do not fit: they go to a temporary file beside the
//! output.

use std::path::{Path, PathBuf};

use super::ConvertError;
use super::defect::Defect;
use super::frame::part::Part;
use super::frame::spill::SpillFile;

/// More than this does not make a conversion faster, so that no conversion keeps more.
const ENOUGH: u64 = 256 << 20;
/// Less than this is of no use: some batches are at hand at any time.
const LEAST: u64 = 4 << 20;

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

/// The parts of a source, in order, in memory as far as that goes.
pub(super) struct Parts {
    all: Vec<Part>,
    /// Those before this one are in the file.
    spilled: usize,
    bytes: u64,
    most: u64,
    limit: u64,
    folder: PathBuf,
    file: Option<SpillFile>,
}

impl Parts {
    /// No parts yet; `limit` bytes of columns stay in memory, the rest goes to a file in `folder`.
    pub(super) fn new(folder: &Path, limit: u64) -> Self {
        let most = limit.clamp(LEAST, ENOUGH);
        Self { all: Vec::new(), spilled: 0, bytes: 0, most, limit, folder: folder.into(), file: None }
    }

    /// Adds the next part.
    pub(super) fn add(&mut self, part: Part) -> Result<(), ConvertError> {
        let bytes = part.memory() as u64;
        if bytes > self.limit.max(LEAST) {
            return Err(Defect::too_much_memory(part.line_of(0), bytes).into());
        }
        self.bytes += bytes;
        self.all.push(part);
        if self.bytes > self.most {
            self.spill().map_err(ConvertError::Spill)?;
        }
        Ok(())
    }

    /// All parts, and the file that holds the cells of some.
    pub(super) fn into_inner(self) -> (Vec<Part>, Option<SpillFile>) {
        (self.all, self.file)
    }

    fn spill(&mut self) -> std::io::Result<()> {
        let file = match self.file.take() {
            Some(file) => file,
            None => SpillFile::in_folder(&self.folder)?,
        };
        let file = self.file.insert(file);
        for part in &mut self.all[self.spilled..] {
            part.spill(file)?;
        }
        self.spilled = self.all.len();
        self.bytes = 0;
        Ok(())
    }
}
