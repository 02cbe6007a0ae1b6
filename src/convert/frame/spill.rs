//! Columns out of memory: written to a temporary file that has no name, and read back when their turn comes.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use super::column::{Column, Tag};
use crate::convert::profile::{self, Stage};

/// A temporary file for columns. It goes with the process, however that ends.
#[derive(Debug)]
pub(crate) struct SpillFile {
    file: File,
    end: AtomicU64,
}

/// Where the columns of a part are in the file.
#[derive(Clone, Debug)]
pub(crate) struct Spilled {
    start: u64,
    shapes: Vec<Shape>,
}

/// How much of the file each piece of a column takes.
#[derive(Clone, Copy, Debug)]
struct Shape {
    uniform: Option<Tag>,
    cells: usize,
    tags: usize,
    heap: usize,
}

impl Shape {
    fn bytes(&self) -> usize {
        8 * self.cells + self.tags + self.heap
    }
}

impl SpillFile {
    /// A new file in `folder`.
    pub(crate) fn in_folder(folder: &Path) -> io::Result<Self> {
        Ok(Self { file: tempfile::tempfile_in(folder)?, end: AtomicU64::new(0) })
    }

    /// Writes `columns` away.
    pub(crate) fn write(&self, columns: &[Column]) -> io::Result<Spilled> {
        let _spill = profile::span(Stage::Spill);
        let shapes: Vec<Shape> = columns
            .iter()
            .map(|column| {
                let (words, tags, heap) = column.raw();
                Shape { uniform: column.uniform(), cells: words.len(), tags: tags.len(), heap: heap.len() }
            })
            .collect();
        let mut bytes = Vec::with_capacity(shapes.iter().map(Shape::bytes).sum());
        for column in columns {
            let (words, tags, heap) = column.raw();
            bytes.extend_from_slice(bytemuck::cast_slice(words));
            bytes.extend(tags.iter().map(|tag| *tag as u8));
            bytes.extend_from_slice(heap);
        }
        let start = self.end.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        self.file.write_all_at(&bytes, start)?;
        Ok(Spilled { start, shapes })
    }

    /// Reads columns back.
    pub(crate) fn read(&self, spilled: &Spilled) -> io::Result<Vec<Column>> {
        let _spill = profile::span(Stage::Spill);
        let mut bytes = vec![0; spilled.shapes.iter().map(Shape::bytes).sum()];
        self.file.read_exact_at(&mut bytes, spilled.start)?;
        let mut rest = &bytes[..];
        let mut take = |length: usize| {
            let (piece, behind) = rest.split_at(length);
            rest = behind;
            piece
        };
        let columns = spilled.shapes.iter().map(|shape| {
            let words = take(8 * shape.cells).chunks_exact(8);
            let words = words.map(|word| u64::from_ne_bytes(word.try_into().unwrap_or_default())).collect();
            let tags = take(shape.tags).iter().map(|tag| Tag::of_number(*tag)).collect();
            Column::from_raw(shape.uniform, words, tags, take(shape.heap).to_vec())
        });
        Ok(columns.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_come_back_as_they_went() {
        let folder = tempfile::tempdir().unwrap();
        let file = SpillFile::in_folder(folder.path()).unwrap();
        let mut mixed = Column::default();
        mixed.push_word(Tag::Int, 7);
        mixed.push_heap(Tag::Text, |heap| heap.extend_from_slice(b"text"));
        let mut plain = Column::default();
        (0..1000).for_each(|word| plain.push_word(Tag::Float, word));
        let columns = [mixed, plain, Column::default()];
        let first = file.write(&columns[..1]).unwrap();
        let all = file.write(&columns).unwrap();
        assert_eq!(format!("{:?}", file.read(&all).unwrap()), format!("{columns:?}"));
        assert_eq!(format!("{:?}", file.read(&first).unwrap()), format!("{:?}", &columns[..1]));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
