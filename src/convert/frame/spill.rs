//! Columns out of memory: written to a temporary file that has no name, and read back when their turn comes.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use super::column::{Column, Raw, Tag};
use super::dictionary::Dictionary;
use super::gaps::Gap;
use crate::convert::profile::{self, Stage};

/// A temporary file for columns. It goes with the process, however that ends.
#[derive(Debug)]
pub(crate) struct SpillFile {
    file: File,
    end: AtomicU64,
}

/// Where the columns of a part are in the file: first the shape of each, then what they hold.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spilled {
    start: u64,
    bytes: usize,
    columns: usize,
}

/// How much of the file each piece of a column takes.
#[derive(Clone, Copy, Debug)]
struct Shape {
    uniform: Option<Tag>,
    words: usize,
    tags: usize,
    heap: usize,
    /// Whether there is a dictionary, how many texts it has, and their bytes.
    numbered: bool,
    texts: usize,
    pickles: usize,
    gaps: usize,
}

/// Numbers that tell a shape.
const NUMBERS: usize = 8;
/// Bytes of a shape in the file.
const SHAPE_BYTES: usize = 8 * NUMBERS;

impl Shape {
    fn of(column: &Column) -> Self {
        let Raw { uniform, words, tags, heap, dictionary, gaps } = column.raw();
        let (pickles, ends) = dictionary.unwrap_or_default();
        Self {
            uniform,
            words: words.len(),
            tags: tags.len(),
            heap: heap.len(),
            numbered: dictionary.is_some(),
            texts: ends.len(),
            pickles: pickles.len(),
            gaps: gaps.len(),
        }
    }

    fn numbers(&self) -> [usize; NUMBERS] {
        let Self { uniform, words, tags, heap, numbered, texts, pickles, gaps } = *self;
        [uniform.map_or(0, |tag| 1 + tag as usize), words, tags, heap, usize::from(numbered), texts, pickles, gaps]
    }

    fn of_numbers([uniform, words, tags, heap, numbered, texts, pickles, gaps]: [usize; NUMBERS]) -> Self {
        let uniform = uniform.checked_sub(1).map(|tag| Tag::of_number(u8::try_from(tag).unwrap_or_default()));
        Self { uniform, words, tags, heap, numbered: numbered != 0, texts, pickles, gaps }
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
        let mut bytes = Vec::with_capacity(columns.iter().map(|column| SHAPE_BYTES + column.memory()).sum());
        for column in columns {
            Shape::of(column).numbers().into_iter().for_each(|number| put(&mut bytes, number));
        }
        for column in columns {
            let Raw { words, tags, heap, dictionary, gaps, .. } = column.raw();
            let (pickles, ends) = dictionary.unwrap_or_default();
            bytes.extend_from_slice(bytemuck::cast_slice(words));
            bytes.extend(tags.iter().map(|tag| *tag as u8));
            bytes.extend_from_slice(heap);
            bytes.extend_from_slice(pickles);
            ends.iter().for_each(|end| put(&mut bytes, *end));
            gaps.iter().flat_map(|gap| [gap.stored, gap.absent]).for_each(|number| put(&mut bytes, number));
        }
        let start = self.end.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        self.file.write_all_at(&bytes, start)?;
        Ok(Spilled { start, bytes: bytes.len(), columns: columns.len() })
    }

    /// Reads columns back.
    pub(crate) fn read(&self, spilled: &Spilled) -> io::Result<Vec<Column>> {
        let _spill = profile::span(Stage::Spill);
        let mut bytes = vec![0; spilled.bytes];
        self.file.read_exact_at(&mut bytes, spilled.start)?;
        let (shapes, cells) = bytes.split_at(SHAPE_BYTES * spilled.columns);
        let mut rest = cells;
        let mut take = |length: usize| {
            let (piece, behind) = rest.split_at(length);
            rest = behind;
            piece
        };
        let columns = shapes.chunks_exact(SHAPE_BYTES).map(|shape| {
            let mut told = numbers(shape);
            let shape = Shape::of_numbers(std::array::from_fn(|_| told.next().unwrap_or_default()));
            let words = take(8 * shape.words).chunks_exact(8);
            let words = words.map(|word| u64::from_ne_bytes(word.try_into().unwrap_or_default())).collect();
            let tags = take(shape.tags).iter().map(|tag| Tag::of_number(*tag)).collect();
            let heap = take(shape.heap).to_vec();
            let pickles = take(shape.pickles).to_vec();
            let ends = numbers(take(8 * shape.texts)).collect();
            let dictionary = shape.numbered.then(|| Dictionary::from_raw(pickles, ends));
            let gaps = take(16 * shape.gaps).chunks_exact(16).map(|gap| {
                let mut told = numbers(gap);
                let mut next = || told.next().unwrap_or_default();
                Gap { stored: next(), absent: next() }
            });
            Column::from_raw(shape.uniform, words, tags, heap, dictionary, gaps.collect())
        });
        Ok(columns.collect())
    }
}

fn put(bytes: &mut Vec<u8>, number: usize) {
    bytes.extend_from_slice(&(number as u64).to_ne_bytes());
}

fn numbers(bytes: &[u8]) -> impl Iterator<Item = usize> {
    let number = |bytes: &[u8]| u64::from_ne_bytes(bytes.try_into().unwrap_or_default());
    bytes.chunks_exact(8).map(move |bytes| usize::try_from(number(bytes)).unwrap_or(usize::MAX))
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
        let mut sparse = Column::default();
        for row in [100, 250] {
            sparse.pad(row, Tag::Missing);
            sparse.push_word(Tag::Bool, 1);
        }
        let mut texts = Column::default();
        ["a", "b", "a", ""].into_iter().cycle().take(50).for_each(|text| texts.push_text(text.as_bytes(), text.len()));
        texts.finish();
        assert!(texts.dictionary().is_some());
        let columns = [mixed, plain, Column::default(), sparse, texts];
        let first = file.write(&columns[..1]).unwrap();
        let all = file.write(&columns).unwrap();
        let shown = |columns: &[Column]| columns.iter().map(|column| format!("{:?}", column.raw())).collect::<Vec<_>>();
        assert_eq!(shown(&file.read(&all).unwrap()), shown(&columns));
        assert_eq!(shown(&file.read(&first).unwrap()), shown(&columns[..1]));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
