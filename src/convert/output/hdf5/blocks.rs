//! Which columns are stored together, and how many bytes each block takes: all that is to be known before the library is
//! asked for space.

use super::super::super::defect::Defect;
use super::super::super::frame::Frame;
use super::super::super::frame::dtype::Dtype;
use super::pickle;

/// A pickle of this many bytes and more is stored in eight-byte words, because HDF5 keeps 32 bits of a row's length.
const WORDS_FROM: u64 = u32::MAX as u64;
/// The longest pickle that HDF5 can hold so.
const LONGEST_PICKLE: u64 = 8 * WORDS_FROM;

/// Columns that are stored together.
pub(super) struct Block {
    pub(super) dtype: Dtype,
    pub(super) columns: Vec<usize>,
    /// For text and objects.
    pub(super) pickle: Option<PickleSize>,
}

/// How many bytes a block's pickle takes.
pub(super) struct PickleSize {
    /// Its opening, up to the first cell.
    pub(super) header: Vec<u8>,
    /// Bytes for the cells of each part of the frame.
    pub(super) pieces: Vec<u64>,
    /// Bytes of the whole, padding included.
    pub(super) length: u64,
    /// Whether the length is counted in words of eight bytes.
    pub(super) words: bool,
}

/// The blocks of `frame`: one for each numeric dtype, one for each column of text, of points in time with a zone and of
/// nullable integers, one for all object columns.
pub(super) fn of(frame: &Frame) -> Result<Vec<Block>, Defect> {
    let of = |dtype: Dtype| -> Vec<usize> {
        (0..frame.columns.len()).filter(|index| frame.columns[*index].dtype == dtype).collect()
    };
    let mut blocks = Vec::new();
    for dtype in [Dtype::Float64, Dtype::Int64, Dtype::Uint64, Dtype::Bool, Dtype::Datetime] {
        blocks.push(Block { dtype, columns: of(dtype), pickle: None });
    }
    for column in of(Dtype::DatetimeUtc) {
        blocks.push(Block { dtype: Dtype::DatetimeUtc, columns: vec![column], pickle: None });
    }
    for dtype in [Dtype::Str, Dtype::NullableInt] {
        for column in of(dtype) {
            blocks.push(pickled(frame, dtype, vec![column])?);
        }
    }
    if let objects @ [_, ..] = &of(Dtype::Object)[..] {
        blocks.push(pickled(frame, Dtype::Object, objects.to_vec())?);
    }
    blocks.retain(|block| !block.columns.is_empty());
    Ok(blocks)
}

fn pickled(frame: &Frame, dtype: Dtype, columns: Vec<usize>) -> Result<Block, Defect> {
    // pandas takes a `value_type` for one-dimensional arrays only.
    let flat = dtype == Dtype::NullableInt;
    let header = if flat { pickle::header(&[frame.rows]) } else { pickle::header(&[frame.rows, columns.len()]) };
    let pieces: Vec<u64> = (0..frame.parts.len()).map(|part| pickle::piece_length(frame, &columns, part)).collect();
    let exact = header.len() as u64 + pieces.iter().sum::<u64>() + pickle::FOOTER.len() as u64;
    let words = exact >= WORDS_FROM;
    // Bytes behind the end of a pickle are not read.
    let length = if words { exact.next_multiple_of(8) } else { exact };
    if length > LONGEST_PICKLE {
        let what = format!("column `{}` needs {length} bytes, more than HDF5 can hold", frame.label(columns[0]));
        return Err(Defect::too_large_for_format(what));
    }
    Ok(Block { dtype, columns, pickle: Some(PickleSize { header, pieces, length, words }) })
}
