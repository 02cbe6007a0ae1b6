//! Numbers, and the row numbers, as chunks.

use std::path::Path;

use super::super::super::super::ConvertError;
use super::super::super::super::deadline::Deadline;
use super::super::super::super::frame::Frame;
use super::super::super::super::frame::dtype::Dtype;
use super::super::super::super::profile::{self, Stage};
use super::super::super::OutputError;
use super::super::bands::Bands;
use super::super::blocks::Block;
use super::super::capi::{self, Parked};
use super::super::fill;
use super::super::filter::Filter;
use super::super::fixed::refused;
use super::super::layout::Tiling;

/// The chunks that a band of rows becomes.
pub(super) struct Tiles<'f> {
    frame: &'f Frame,
    tiling: Tiling,
    of_blocks: Vec<Tile<'f>>,
    /// How many datasets the blocks are; the row numbers are the one behind them.
    blocks: usize,
}

/// Columns of a block that share a chunk.
struct Tile<'f> {
    dataset: usize,
    dtype: Dtype,
    /// The first of them, counted in the block.
    first: usize,
    columns: &'f [usize],
    /// Columns of a chunk; the last one of a band has fewer to hold.
    width: usize,
}

/// A chunk before the filters.
struct Raw {
    dataset: usize,
    /// Its first row, and its first column if the dataset has some.
    at: Vec<u64>,
    dtype: Dtype,
    words: Vec<u64>,
}

/// A chunk as it is in the file.
struct Ready {
    dataset: usize,
    at: Vec<u64>,
    bytes: Vec<u8>,
}

impl<'f> Tiles<'f> {
    /// The tiles of the `blocks` of numbers, which come before all others.
    pub(super) fn of(frame: &'f Frame, blocks: &'f [Block], tiling: Tiling) -> Self {
        let (mut tiles, mut count) = (Vec::new(), 0);
        for (dataset, block) in blocks.iter().enumerate().filter(|(_, block)| !block.is_pickled()) {
            let width = tiling.width(block.columns.len());
            count = dataset + 1;
            tiles.extend(block.columns.chunks(width).enumerate().map(|(number, columns)| Tile {
                dataset,
                dtype: block.dtype,
                first: number * width,
                columns,
                width,
            }));
        }
        Self { frame, tiling, of_blocks: tiles, blocks: count }
    }

    /// Writes them into `datasets`: those of the blocks, and that of the row numbers.
    pub(super) fn write(
        &self,
        bands: &Bands,
        datasets: &[Parked],
        path: &Path,
        deadline: Deadline,
    ) -> Result<(), ConvertError> {
        let make = |band| {
            deadline.check()?;
            let chunks = self.band(bands, band)?;
            chunks.into_iter().map(|chunk| self.ready(chunk, path)).collect::<Result<Vec<_>, ConvertError>>()
        };
        bands.in_order(make, |_, chunks| {
            let write = |library: &capi::Library| {
                chunks.iter().try_for_each(|chunk| {
                    datasets[chunk.dataset]
                        .with(library, |dataset| dataset.write_chunk(library, &chunk.at, &chunk.bytes))
                })
            };
            Ok(capi::locked(write).map_err(refused(path))?)
        })
    }

    /// The chunks of a band, not filtered yet.
    fn band(&self, bands: &Bands, band: usize) -> Result<Vec<Raw>, ConvertError> {
        let _encode = profile::span(Stage::Encode);
        let height = self.tiling.height;
        let mut words: Vec<Vec<u64>> = self.of_blocks.iter().map(|tile| vec![0; height * tile.width]).collect();
        for slice in bands.slices(band) {
            let cells = self.frame.cells_of(slice.piece).map_err(ConvertError::Spill)?;
            for (tile, words) in self.of_blocks.iter().zip(&mut words) {
                let rows = &mut words[slice.offset * tile.width..][..slice.rows.len() * tile.width];
                for (index, column) in tile.columns.iter().enumerate() {
                    let column = cells.column(*column);
                    fill::fill(rows, index, tile.width, column, cells.piece, slice.rows.clone(), tile.dtype);
                }
            }
        }
        let rows = bands.rows(band);
        let first = rows.start as u64;
        let mut numbers: Vec<u64> = rows.map(|row| (row as u64).to_le()).collect();
        numbers.resize(height, 0);
        let blocks = self.of_blocks.iter().zip(words).map(|(tile, words)| {
            let Tile { dataset, dtype, first: column, .. } = *tile;
            Raw { dataset, at: vec![first, column as u64], dtype, words }
        });
        let rows = Raw { dataset: self.blocks, at: vec![first], dtype: Dtype::Int64, words: numbers };
        Ok(blocks.chain([rows]).collect())
    }

    fn ready(&self, chunk: Raw, path: &Path) -> Result<Ready, ConvertError> {
        let _compress = profile::span(Stage::Encode);
        let Raw { dataset, at, dtype, words } = chunk;
        let level = self.tiling.level;
        let bytes = if dtype == Dtype::Bool {
            let flags: Vec<u8> = words.into_iter().map(|word| u8::from(word != 0)).collect();
            Filter { element: 1, level }.apply(&flags)
        } else {
            Filter { element: size_of::<u64>(), level }.apply(bytemuck::cast_slice(&words))
        };
        Ok(Ready { dataset, at, bytes: bytes.map_err(OutputError::io("compress", path))? })
    }
}
