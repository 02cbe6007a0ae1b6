//! What an output is apart from its content: all that the library is told of it.
//!
//! Outputs of equal layout are equal but for their content, whose places are known. So a small one is laid out in memory
//! and kept, and the next of its layout needs no library, and no lock: files that arrive again and again have the same
//! columns, and often as many records.

use std::collections::VecDeque;
use std::ffi::CStr;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use super::super::super::frame::dtype::Dtype;
use super::super::super::frame::{Frame, Labels};
use super::blocks::Block;
use super::capi::{self, Medium};
use super::refused::Refused;
use super::{heap, nodes};

/// An output with less content than this is laid out in memory and written in one go.
const IN_MEMORY: u64 = 1 << 20;
/// Bytes of one that is worth keeping, and of all that are kept.
const WORTH_KEEPING: usize = 64 << 10;
const KEPT_BYTES: usize = 8 << 20;
/// Bytes that are kept together.
const PIECE: usize = 1 << 10;

/// Cells of a chunk of numbers.
const TILE_CELLS: usize = 64 << 10;

/// All that the library is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) rows: usize,
    pub(super) bad_records: u64,
    /// Bytes of what the output tells of its source.
    pub(super) told: usize,
    pub(super) key: String,
    /// Bytes of the heaps of small pickles.
    pub(super) heaps: Vec<u64>,
    pub(super) blocks: Vec<BlockLayout>,
    pub(super) labels: Labels,
    /// How numbers are cut and compressed, if they are.
    pub(super) tiling: Option<Tiling>,
}

/// How numbers are cut into chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tiling {
    /// Rows of a chunk.
    pub(super) height: usize,
    /// How hard a chunk is compressed, from 1 to 9.
    pub(super) level: u8,
}

impl Tiling {
    /// Columns of a chunk, of so many: one if its rows are many, because numbers that are alike stand one above the other.
    pub(super) fn width(self, columns: usize) -> usize {
        (TILE_CELLS / self.height).clamp(1, columns.max(1))
    }
}

/// A block without its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BlockLayout {
    pub(super) dtype: Dtype,
    pub(super) columns: Vec<usize>,
    pub(super) values: Values,
}

/// How values are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Values {
    /// As an array.
    Numbers,
    /// As a pickle among others in a heap.
    SmallPickle,
    /// As a pickle in a heap of so many bytes of its own; `words`: as a row of words.
    LargePickle { heap: u64, words: bool },
}

/// Where in the file what has no content yet is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Addresses {
    /// What the output tells of its source; `None` where the library has written it.
    pub(super) told: Option<u64>,
    /// The row numbers.
    pub(super) rows: Option<u64>,
    /// The heaps of small pickles, and how many bytes each has.
    pub(super) heaps: Vec<(u64, u64)>,
    pub(super) blocks: Vec<Place>,
}

/// Where a block is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    /// Its numbers, or its own heap; `None` if there are no bytes.
    pub(super) content: Option<u64>,
    /// The row that refers to its pickle.
    pub(super) row: Option<u64>,
}

/// A laid out output in memory.
pub(super) struct Image {
    length: usize,
    /// What is not zero of it, by where it begins: the space for content takes no room.
    pieces: Vec<(usize, Vec<u8>)>,
    pub(super) addresses: Addresses,
}

impl Image {
    fn new(file: &[u8], addresses: Addresses) -> Self {
        let pieces = file.chunks(PIECE).enumerate().filter(|(_, piece)| piece.iter().any(|byte| *byte != 0));
        let pieces = pieces.map(|(number, piece)| (number * PIECE, piece.to_vec())).collect();
        Self { length: file.len(), pieces, addresses }
    }

    /// The output but for its content.
    pub(super) fn file(&self) -> Vec<u8> {
        let mut file = vec![0; self.length];
        for (start, piece) in &self.pieces {
            file[*start..*start + piece.len()].copy_from_slice(piece);
        }
        file
    }

    /// Bytes that it takes to keep it.
    fn size(&self) -> usize {
        self.pieces.len() * PIECE
    }
}

/// Images of the layouts that came last, those first that were asked for last.
pub(super) struct Recent(Mutex<VecDeque<(Layout, Arc<Image>)>>);

/// Those of this process.
pub(super) static RECENT: Recent = Recent::new();

impl Layout {
    /// The layout of `frame`.
    pub(super) fn of(frame: &Frame, key: &str, bad_records: u64, blocks: &[Block]) -> Self {
        let block = |block: &Block| BlockLayout {
            dtype: block.dtype,
            columns: block.columns.clone(),
            values: match &block.pickle {
                None => Values::Numbers,
                Some(size) if size.is_small() => Values::SmallPickle,
                Some(size) => Values::LargePickle { heap: heap::bytes_for(size.length), words: size.words },
            },
        };
        Self {
            rows: frame.rows,
            bad_records,
            told: 0,
            key: key.to_owned(),
            heaps: heap::sizes(blocks),
            blocks: blocks.iter().map(block).collect(),
            labels: frame.labels.clone(),
            tiling: None,
        }
    }

    /// Where it is laid out: in memory, unless that would take much of it.
    pub(super) fn medium(&self) -> Medium {
        let bytes = |block: &BlockLayout| match block.values {
            Values::Numbers => 8 * (self.rows * block.columns.len()) as u64,
            Values::SmallPickle => 0,
            Values::LargePickle { heap, .. } => heap,
        };
        let content = self.blocks.iter().map(bytes).chain(self.heaps.iter().copied()).sum::<u64>();
        if content + 8 * (self.rows as u64) < IN_MEMORY { Medium::Memory } else { Medium::Disk }
    }
}

impl Recent {
    const fn new() -> Self {
        Self(Mutex::new(VecDeque::new()))
    }

    /// `layout` in memory, by the library if it is none of the recent ones. `path` is that of the output, which does not
    /// exist yet.
    pub(super) fn image(&self, layout: Layout, path: &CStr) -> Result<Arc<Image>, Refused> {
        if let Some(image) = self.find(&layout) {
            return Ok(image);
        }
        let stand_in = stand_in(layout.told);
        let (mut addresses, mut bytes) = capi::locked(|library| nodes::lay_out(library, path, &layout, &stand_in))?;
        addresses.told = take_out(&stand_in, &mut bytes)?;
        check_heaps(&addresses, &bytes)?;
        let image = Arc::new(Image::new(&bytes, addresses));
        if image.size() <= WORTH_KEEPING {
            self.keep(layout, &image);
        }
        Ok(image)
    }

    fn find(&self, layout: &Layout) -> Option<Arc<Image>> {
        let mut recent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = recent.iter().position(|(known, _)| known == layout)?;
        let found = recent.remove(place)?;
        let image = Arc::clone(&found.1);
        recent.push_front(found);
        Some(image)
    }

    fn keep(&self, layout: Layout, image: &Arc<Image>) {
        let mut recent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        recent.push_front((layout, Arc::clone(image)));
        let mut bytes = 0;
        recent.retain(|(_, image)| {
            bytes += image.size();
            bytes <= KEPT_BYTES
        });
    }
}

/// A text of so many bytes that stands for one that is not known yet, and that nobody can have put into a label.
fn stand_in(bytes: usize) -> String {
    static UNIT: LazyLock<String> = LazyLock::new(|| format!("{:016x}", RandomState::new().hash_one(0)));
    UNIT.chars().cycle().take(bytes).collect()
}

/// Removes the only `stand_in` of `file`, and tells where it was.
fn take_out(stand_in: &str, file: &mut [u8]) -> Result<Option<u64>, Refused> {
    let found: Vec<usize> = memchr::memmem::find_iter(file, stand_in).take(2).collect();
    match found[..] {
        _ if stand_in.is_empty() => Ok(None),
        [place] => {
            file[place..place + stand_in.len()].fill(0);
            Ok(Some(place as u64))
        }
        _ => Err(Refused::because("find an attribute", "internal error: it is not there once")),
    }
}

/// The heaps stand where the library keeps nothing of its own. It would have to use space again that was just given back.
fn check_heaps(addresses: &Addresses, file: &[u8]) -> Result<(), Refused> {
    let free = |(address, bytes): &(u64, u64)| {
        let (start, length) = (usize::try_from(*address).ok()?, usize::try_from(*bytes).ok()?);
        let place = file.get(start..)?.get(..length)?;
        place.iter().all(|byte| *byte == 0).then_some(())
    };
    let taken = || Refused::because("keep space free", "internal error: something else is there");
    if addresses.heaps.iter().all(|heap| free(heap).is_some()) { Ok(()) } else { Err(taken()) }
}

#[cfg(test)]
mod tests {
    use super::super::super::super::frame::hints::Hints;
    use super::super::super::super::frame::join::Joiner;
    use super::super::super::super::fuzzing::lines;
    use super::super::super::super::parse::{ParsePlan, batch};
    use super::super::blocks;
    use super::*;

    fn frame(text: &str) -> Frame {
        let part = batch(&lines(text.as_bytes()), &ParsePlan::plain(512, 5000, 1 << 20)).unwrap();
        let mut joiner = Joiner::default();
        let piece = joiner.add(part, 5000).unwrap();
        Frame::join(joiner, piece.into_iter().collect(), None, &Hints::default(), false).unwrap()
    }

    fn layout(frame: &Frame, key: &str) -> Layout {
        Layout::of(frame, key, 0, &blocks::of(frame).unwrap())
    }

    /// Its image, by the library if `recent` has none. In memory, so that the path is not used.
    fn image(recent: &Recent, layout: Layout) -> Arc<Image> {
        recent.image(layout, c"/does/not/exist").unwrap()
    }

    #[test]
    fn an_image_that_was_kept_for_a_layout_is_the_one_that_the_library_would_make() {
        let [first, second] = [("x", 1.5), ("a longer text", -0.25)].map(|(text, number)| {
            layout(&frame(&format!("{{\"text\": \"{text}\", \"number\": {number}, \"list\": [1]}}\n")), "/kept")
        });
        let recent = Recent::new();
        let of_first = image(&recent, first);
        let of_second = image(&recent, second.clone());
        assert!(Arc::ptr_eq(&of_first, &of_second));
        let made = image(&Recent::new(), second);
        assert_eq!(of_second.file(), made.file());
        assert_eq!(of_second.addresses, made.addresses);
    }

    #[test]
    fn texts_that_repeat_are_content_of_which_nothing_is_kept() {
        let [first, second] =
            ["some", "more"].map(|word| frame(&format!("{{\"text\": \"{word} text\"}}\n").repeat(5000)));
        let texts = |frame: &Frame| frame.memo(0).pickles().map(<[u8]>::to_vec).collect::<Vec<_>>();
        assert_eq!((texts(&first).len(), texts(&second).len()), (1, 1));
        assert_ne!(texts(&first), texts(&second));
        assert_eq!(layout(&first, "/data"), layout(&second, "/data"));
        let kept = image(&Recent::new(), layout(&first, "/data")).file();
        assert!(!kept.windows(9).any(|bytes| bytes == b"some text"));
    }

    #[test]
    fn whatever_the_library_is_told_makes_another_layout() {
        let plain = frame("{\"a\": 1}\n");
        let others = ["{\"a\": 1}\n{\"a\": 2}\n", "{\"b\": 1}\n", "{\"a\": 1.5}\n", "{\"a\": \"x\"}\n", "[1]\n"];
        for other in others {
            assert_ne!(layout(&plain, "/data"), layout(&frame(other), "/data"), "{other}");
        }
        assert_ne!(layout(&plain, "/data"), layout(&plain, "/other"));
        assert_ne!(layout(&plain, "/data"), Layout { bad_records: 1, ..layout(&plain, "/data") });
    }

    #[test]
    fn no_more_is_kept_than_should_be_and_what_was_asked_for_last_stays() {
        let (recent, small) = (Recent::new(), frame("{\"a\": 1}\n"));
        let one = image(&recent, layout(&small, "/key")).size();
        for number in 0..KEPT_BYTES / one + 5 {
            image(&recent, layout(&small, &format!("/key{number}")));
            image(&recent, layout(&small, "/key"));
        }
        let keys: Vec<String> = (0..WORTH_KEEPING / 14).map(|key| format!("\"key{key}\": 1")).collect();
        let wide = layout(&frame(&format!("{{{}}}\n", keys.join(","))), "/wide");
        image(&recent, wide.clone());
        let kept: usize = recent.0.lock().unwrap().iter().map(|(_, image)| image.size()).sum();
        assert!((KEPT_BYTES - 2 * one..=KEPT_BYTES).contains(&kept), "{kept}");
        assert!(recent.find(&wide).is_none() && recent.find(&layout(&small, "/key0")).is_none());
        assert!(recent.find(&layout(&small, "/key")).is_some());
    }

    #[test]
    fn space_for_content_takes_no_room() {
        let rows = frame(&"{\"a\": 1}\n".repeat(10_000));
        let image = image(&Recent::new(), layout(&rows, "/data"));
        assert!(image.length > 160_000 && image.size() < 20_000, "{} of {}", image.size(), image.length);
        assert_eq!(image.file().len(), image.length);
    }
}
