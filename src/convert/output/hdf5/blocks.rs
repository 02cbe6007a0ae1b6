//! Which columns are stored together, and how many bytes each block takes: all that is to be known before the library is
//! asked for space.

use std::sync::LazyLock;

use super::super::super::ConvertError;
use super::super::super::defect::Defect;
use super::super::super::frame::Frame;
use super::super::super::frame::dtype::Dtype;
use super::super::super::frame::memo::Memo;
use super::super::super::profile::{self, Stage};
use super::pickle;

/// A pickle of this many bytes and more is stored in eight-byte words, because HDF5 keeps 32 bits of a row's length.
const WORDS_FROM: u64 = u32::MAX as u64;
/// The longest pickle that HDF5 can hold so.
const LONGEST_PICKLE: u64 = 8 * WORDS_FROM;

/// A pickle of fewer bytes shares a heap with others.
const SMALL_PICKLE: u64 = 16 << 10;

/// Columns that are stored together.
pub(super) struct Block {
    pub(super) dtype: Dtype,
    pub(super) columns: Vec<usize>,
    /// For text and objects.
    pub(super) pickle: Option<PickleSize>,
}

impl Block {
    /// Whether its values are a pickle, and no array of numbers.
    pub(super) fn is_pickled(&self) -> bool {
        matches!(self.dtype, Dtype::Str | Dtype::NullableInt | Dtype::Object)
    }

    /// The opening of its pickle, up to the first cell.
    pub(super) fn header(&self, frame: &Frame) -> Vec<u8> {
        let shape = [frame.rows, self.columns.len()];
        // pandas takes a `value_type` for one-dimensional arrays only.
        let flat = self.dtype == Dtype::NullableInt;
        pickle::header(if flat { &shape[..1] } else { &shape }, self.memo(frame))
    }

    /// The texts that the block's pickle says once.
    pub(super) fn memo<'f>(&self, frame: &'f Frame) -> &'f Memo {
        static NONE: LazyLock<Memo> = LazyLock::new(Memo::default);
        if self.dtype == Dtype::Str { frame.memo(self.columns[0]) } else { &NONE }
    }
}

/// How many bytes a block's pickle takes.
pub(super) struct PickleSize {
    /// Its opening, up to the first cell.
    pub(super) header: Vec<u8>,
    /// Bytes for the cells of each piece of the frame.
    pub(super) pieces: Vec<u64>,
    /// Bytes of the whole, padding included.
    pub(super) length: u64,
    /// Whether the length is counted in words of eight bytes.
    pub(super) words: bool,
}

impl PickleSize {
    /// Whether it shares a heap with others.
    pub(super) fn is_small(&self) -> bool {
        self.length < SMALL_PICKLE
    }

    /// How many elements its row has.
    pub(super) fn row_length(&self) -> u64 {
        if self.words { self.length / 8 } else { self.length }
    }
}

/// The blocks of `frame`: one for each numeric dtype, one for each column of text, of points in time with a zone and of
/// nullable integers, one for all object columns.
pub(super) fn of(frame: &Frame) -> Result<Vec<Block>, ConvertError> {
    let mut blocks = grouped(frame);
    measure_pickles(frame, &mut blocks)?;
    Ok(blocks)
}

/// The same, but how long pickles are is not told yet.
pub(super) fn grouped(frame: &Frame) -> Vec<Block> {
    let of = |dtype: Dtype| -> Vec<usize> {
        (0..frame.columns.len()).filter(|index| frame.columns[*index].dtype == dtype).collect()
    };
    let mut blocks = Vec::new();
    for dtype in [Dtype::Float64, Dtype::Int64, Dtype::Uint64, Dtype::Bool, Dtype::Datetime] {
        blocks.push(Block { dtype, columns: of(dtype), pickle: None });
    }
    for dtype in [Dtype::DatetimeUtc, Dtype::Str, Dtype::NullableInt] {
        blocks.extend(of(dtype).into_iter().map(|column| Block { dtype, columns: vec![column], pickle: None }));
    }
    blocks.push(Block { dtype: Dtype::Object, columns: of(Dtype::Object), pickle: None });
    blocks.retain(|block| !block.columns.is_empty());
    blocks
}

/// Tells how long the pickles of the blocks are that have one. Each piece is looked at once, for all of them.
fn measure_pickles(frame: &Frame, blocks: &mut [Block]) -> Result<(), ConvertError> {
    let mut pickled: Vec<&mut Block> = blocks.iter_mut().filter(|block| block.is_pickled()).collect();
    if pickled.is_empty() {
        return Ok(());
    }
    let _encode = profile::span(Stage::Encode);
    let lengths = |piece: usize| {
        let cells = frame.cells_of(piece).map_err(ConvertError::Spill)?;
        Ok(pickled.iter().map(|block| pickle::piece_length(&cells, &block.columns, block.memo(frame))).collect())
    };
    let lengths: Vec<Vec<u64>> = (0..frame.pieces.len()).map(lengths).collect::<Result<_, ConvertError>>()?;
    for (number, block) in pickled.iter_mut().enumerate() {
        let pieces = lengths.iter().map(|piece| piece[number]).collect();
        block.pickle = Some(pickle_size(frame, block, pieces)?);
    }
    Ok(())
}

fn pickle_size(frame: &Frame, block: &Block, pieces: Vec<u64>) -> Result<PickleSize, Defect> {
    let header = block.header(frame);
    let exact = header.len() as u64 + pieces.iter().sum::<u64>() + pickle::FOOTER.len() as u64;
    block.sized(frame, header, pieces, exact)
}

impl Block {
    /// A pickle of `exact` bytes, which has this opening and pieces.
    pub(super) fn sized(
        &self,
        frame: &Frame,
        header: Vec<u8>,
        pieces: Vec<u64>,
        exact: u64,
    ) -> Result<PickleSize, Defect> {
        let words = exact >= WORDS_FROM;
        // Bytes behind the end of a pickle are not read.
        let length = if words { exact.next_multiple_of(8) } else { exact };
        if length > LONGEST_PICKLE {
            let label = frame.label(self.columns[0]);
            let what = format!("column `{label}` needs {length} bytes, more than HDF5 can hold");
            return Err(Defect::too_large_for_format(what));
        }
        Ok(PickleSize { header, pieces, length, words })
    }
}
