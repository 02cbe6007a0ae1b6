//! One column of one batch: a tag, eight bytes and perhaps some heap for each cell.
//!
//! Nothing is promoted while values arrive: an integer stays an integer even when floats follow, so that no digit is
//! lost if text follows later. As long as all cells have one tag, the tags are not stored, and the eight-byte words
//! *are* the column that goes to disk. Texts that repeat are numbers of a [`Dictionary`], as long as nothing else in the
//! column has bytes of its own. Long runs of absent cells take no words: see [`gaps`](super::gaps).

pub(crate) use super::cell::{Cell, Numbered};
use super::dictionary::Dictionary;
use super::gaps::{Gap, Gaps};
use super::kind::TAGS;
pub(crate) use super::kind::{KindSet, TAG_COUNT, Tag};
use super::pickled;

/// So many texts show whether they repeat.
const MANY: usize = 128;

/// The cells of one column in one batch.
#[derive(Clone, Debug, Default)]
pub(crate) struct Column {
    /// The one tag of all cells so far; `None` without cells, or if there are several.
    uniform: Option<Tag>,
    /// One tag a cell, or empty as long as all cells have the tag `uniform`.
    tags: Vec<Tag>,
    /// One word a cell: the value's bits, or where the cell's bytes end in `heap`.
    words: Vec<u64>,
    heap: Vec<u8>,
    /// The texts, if cells of text are their numbers; the heap is empty then.
    dictionary: Option<Box<Dictionary>>,
    /// Whether texts are known not to repeat.
    plain: bool,
    /// Where cells are absent and not stored.
    gaps: Gaps,
}

/// All that a column holds, to be written away and made a column again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Raw<'c> {
    /// The one tag of all stored cells, if they have one.
    pub(super) uniform: Option<Tag>,
    /// One word a stored cell.
    pub(super) words: &'c [u64],
    /// One tag a stored cell; none if they are all the same.
    pub(super) tags: &'c [Tag],
    /// The bytes of the cells that have some.
    pub(super) heap: &'c [u8],
    /// The texts as pickles and where each ends, if cells of text are their numbers.
    pub(super) dictionary: Option<(&'c [u8], &'c [usize])>,
    /// Where cells are not stored.
    pub(super) gaps: &'c [Gap],
}

impl Column {
    /// An empty column with room for `cells`.
    pub(crate) fn with_capacity(cells: usize) -> Self {
        Self { words: Vec::with_capacity(cells), ..Self::default() }
    }

    /// An empty column whose texts are known not to repeat.
    pub(super) fn plain() -> Self {
        Self { plain: true, ..Self::default() }
    }

    /// Whether there are many texts, and hardly any that repeat.
    pub(super) fn is_plain(&self) -> bool {
        self.uniform == Some(Tag::Text) && self.dictionary.is_none() && self.words.len() >= MANY
    }

    /// A column made of what [`Column::raw`] told of another.
    pub(super) fn from_raw(
        uniform: Option<Tag>,
        words: Vec<u64>,
        tags: Vec<Tag>,
        heap: Vec<u8>,
        dictionary: Option<Dictionary>,
        gaps: Vec<Gap>,
    ) -> Self {
        Self {
            uniform,
            tags,
            words,
            heap,
            dictionary: dictionary.map(Box::new),
            plain: false,
            gaps: Gaps::from_vec(gaps),
        }
    }

    /// What the column holds.
    pub(super) fn raw(&self) -> Raw<'_> {
        let Self { uniform, tags, words, heap, dictionary, gaps, .. } = self;
        Raw {
            uniform: *uniform,
            words,
            tags,
            heap,
            dictionary: dictionary.as_ref().map(|dictionary| dictionary.raw()),
            gaps: gaps.as_slice(),
        }
    }

    /// Number of cells so far; cells of later rows are absent.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.words.len() + self.gaps.absent()
    }

    /// Appends a cell whose value fits the eight-byte word.
    #[inline]
    pub(crate) fn push_word(&mut self, tag: Tag, word: u64) {
        self.push_tag(tag);
        self.words.push(word);
    }

    /// Appends a cell of text, the first `length` of `bytes`, which are UTF-8.
    #[inline]
    pub(crate) fn push_text(&mut self, bytes: &[u8], length: usize) {
        if let Some(number) = self.number(bytes, length) {
            self.push_tag(Tag::Text);
            self.words.push(number);
        } else {
            self.push_heap(Tag::Text, |heap| pickled::text_from(heap, bytes, length));
        }
    }

    /// Appends a cell whose pickle `write` puts at the end of the heap.
    #[inline]
    pub(crate) fn push_heap<R>(&mut self, tag: Tag, write: impl FnOnce(&mut Vec<u8>) -> R) -> R {
        if self.dictionary.is_some() {
            self.spell_out();
        }
        self.push_tag(tag);
        let result = write(&mut self.heap);
        self.words.push(self.heap.len() as u64);
        result
    }

    /// The number of a text, if the column has a dictionary.
    #[inline]
    fn number(&mut self, bytes: &[u8], length: usize) -> Option<u64> {
        if self.dictionary.is_none() {
            if self.plain || !self.heap.is_empty() {
                return None;
            }
            self.dictionary = Some(Box::default());
        }
        self.dictionary.as_mut()?.number(bytes, length, self.words.len())
    }

    /// Gives the dictionary up: every text stands in the heap.
    #[cold]
    fn spell_out(&mut self) {
        let Some(dictionary) = self.dictionary.take() else { return };
        for cell in 0..self.words.len() {
            if self.tag_of(cell) == Tag::Text {
                let number = offset(self.words[cell]);
                self.heap.extend_from_slice(dictionary.pickle(number));
                self.words[cell] = self.heap.len() as u64;
            }
        }
    }

    /// All cells are there: a dictionary that does not pay is given up.
    pub(super) fn finish(&mut self) {
        match &mut self.dictionary {
            Some(dictionary) if 2 * dictionary.len() > self.words.len() => self.spell_out(),
            Some(dictionary) => dictionary.finish(),
            None => {}
        }
    }

    /// Appends `absent` cells until there are `rows`.
    pub(crate) fn pad(&mut self, rows: usize, absent: Tag) {
        let missing = rows.saturating_sub(self.len());
        if missing == 0 || self.gaps.take(self.words.len(), missing) {
            return;
        }
        self.push_tag(absent);
        let cells = self.words.len() + missing;
        self.words.resize(cells, 0);
        if self.uniform.is_none() {
            self.tags.resize(cells, absent);
        }
    }

    /// Takes the last cell back: a key that occurs twice in a record counts with its last value only.
    pub(crate) fn pop(&mut self) {
        let Some(cell) = self.words.len().checked_sub(1) else { return };
        if let Some(dictionary) = &mut self.dictionary {
            dictionary.take_back(cell);
        }
        self.heap.truncate(self.heap_start(cell));
        self.words.pop();
        self.tags.pop();
        if cell == 0 {
            self.uniform = None;
        }
    }

    /// The kinds that occur among `rows` cells, the ones not stored being `absent`.
    pub(crate) fn kinds(&self, rows: usize, absent: Tag) -> KindSet {
        let mut kinds = self.stored_kinds();
        if self.words.len() < rows {
            kinds = kinds.union(KindSet::of(absent));
        }
        if kinds.has(Tag::Int) && self.has_negative_int() { kinds.with_negative() } else { kinds }
    }

    /// The words themselves, if every one of `rows` cells has the tag `tag`.
    pub(crate) fn uniform_words(&self, tag: Tag, rows: usize) -> Option<&[u64]> {
        (self.uniform == Some(tag) && self.words.len() == rows).then_some(&self.words)
    }

    /// The heap bytes of the rows `from..to`, if every one of them is text.
    pub(crate) fn uniform_text(&self, from: usize, to: usize) -> Option<&[u8]> {
        (self.uniform == Some(Tag::Text) && self.dictionary.is_none() && self.gaps.is_empty() && to <= self.words.len())
            .then(|| &self.heap[self.heap_start(from)..self.heap_start(to)])
    }

    /// The cells of `rows`, in order; `absent` says what the rows hold that have no stored one.
    pub(crate) fn cells(&self, rows: std::ops::Range<usize>, absent: Tag) -> impl Iterator<Item = Cell<'_>> {
        let mut walk = self.gaps.walk(rows.start);
        let mut heap_at = self.heap_start(walk.stored());
        rows.map(move |_| {
            let Some(cell) = walk.step() else { return Cell::absent(absent) };
            let Some(&word) = self.words.get(cell) else { return Cell::absent(absent) };
            self.cell(self.tag_of(cell), word, &mut heap_at)
        })
    }

    /// The numbers of the texts in `rows`, if every one of all `count` cells is a text of the dictionary.
    pub(crate) fn uniform_numbers(
        &self,
        rows: std::ops::Range<usize>,
        count: usize,
    ) -> Option<impl Iterator<Item = usize>> {
        self.dictionary.as_ref()?;
        Some(self.uniform_words(Tag::Text, count)?[rows].iter().map(|word| offset(*word)))
    }

    /// The texts, if cells of text are their numbers.
    pub(crate) fn dictionary(&self) -> Option<&Dictionary> {
        self.dictionary.as_deref()
    }

    /// The cells of `rows` as in [`Column::cells`], but texts as their numbers in the dictionary that the column has.
    pub(crate) fn numbered(&self, rows: std::ops::Range<usize>, absent: Tag) -> impl Iterator<Item = Numbered<'_>> {
        let mut walk = self.gaps.walk(rows.start);
        rows.map(move |_| {
            let Some(cell) = walk.step() else { return Numbered::Other(Cell::absent(absent)) };
            let Some(&word) = self.words.get(cell) else { return Numbered::Other(Cell::absent(absent)) };
            match self.tag_of(cell) {
                Tag::Text => Numbered::Text(offset(word)),
                tag => Numbered::Other(Cell::of_word(tag, word)),
            }
        })
    }

    /// The rows of the stored cells, in order.
    fn rows(&self) -> impl Iterator<Item = usize> {
        let (mut walk, mut absent) = (self.gaps.walk(0), 0);
        (0..self.words.len()).map(move |cell| {
            absent += walk.pass_absent();
            walk.step();
            cell + absent
        })
    }

    /// The tags of the stored cells, each with its row, in order.
    pub(crate) fn tags(&self) -> impl Iterator<Item = (usize, Tag)> {
        self.rows().enumerate().map(|(cell, row)| (row, self.tag_of(cell)))
    }

    /// The stored cells, each with its row and tag, in order.
    pub(crate) fn stored(&self) -> impl Iterator<Item = (usize, Tag, Cell<'_>)> {
        let mut heap_at = 0;
        let tagged = self.tags().zip(&self.words);
        tagged.map(move |((row, tag), word)| (row, tag, self.cell(tag, *word, &mut heap_at)))
    }

    /// The one tag of all stored cells, if they have one.
    pub(crate) fn uniform(&self) -> Option<Tag> {
        self.uniform
    }

    /// The first of `rows` rows that has no stored cell.
    pub(crate) fn first_unstored(&self, rows: usize) -> Option<usize> {
        self.gaps.first().or_else(|| (self.words.len() < rows).then_some(self.words.len()))
    }

    /// How many cells are stored.
    pub(crate) fn stored_count(&self) -> usize {
        self.words.len()
    }

    /// The tag of a stored cell.
    #[inline]
    fn tag_of(&self, cell: usize) -> Tag {
        match self.uniform {
            Some(tag) => tag,
            None => self.tags[cell],
        }
    }

    /// The cell of this tag and word; `heap_at` is where its bytes begin, if it has some.
    #[inline]
    fn cell(&self, tag: Tag, word: u64, heap_at: &mut usize) -> Cell<'_> {
        if !tag.in_heap() {
            return Cell::of_word(tag, word);
        }
        if let Some(dictionary) = &self.dictionary {
            return Cell::Pickled(dictionary.pickle(offset(word)));
        }
        let from = std::mem::replace(heap_at, offset(word));
        Cell::Pickled(&self.heap[from..*heap_at])
    }

    /// Bytes of memory that the cells take.
    pub(crate) fn memory(&self) -> usize {
        let stored = self.words.capacity() * size_of::<u64>() + self.tags.capacity() + self.heap.capacity();
        let texts = self.dictionary.as_ref().map_or(0, |dictionary| dictionary.memory());
        size_of::<Self>() + stored + texts + self.gaps.memory()
    }

    /// Bytes in the heap.
    pub(crate) fn heap_len(&self) -> usize {
        self.heap.len()
    }

    #[inline]
    fn push_tag(&mut self, tag: Tag) {
        if self.uniform != Some(tag) {
            self.push_other_tag(tag);
        }
    }

    fn push_other_tag(&mut self, tag: Tag) {
        if self.words.is_empty() {
            self.uniform = Some(tag);
            return;
        }
        if let Some(uniform) = self.uniform.take() {
            self.tags.reserve(self.words.capacity());
            self.tags.resize(self.words.len(), uniform);
        }
        self.tags.push(tag);
    }

    /// Where the heap bytes of stored cell number `cell` begin: where those of the nearest heap cell before it end.
    fn heap_start(&self, cell: usize) -> usize {
        if self.heap.is_empty() {
            return 0;
        }
        let before = self.words[..cell.min(self.words.len())].iter().enumerate().rev();
        before.clone().find(|(cell, _)| self.tag_of(*cell).in_heap()).map_or(0, |(_, word)| offset(*word))
    }

    fn stored_kinds(&self) -> KindSet {
        if let Some(tag) = self.uniform {
            KindSet::of(tag)
        } else {
            let mut seen = [false; TAG_COUNT];
            self.tags.iter().for_each(|tag| seen[*tag as usize] = true);
            let present = TAGS.into_iter().filter(|tag| seen[*tag as usize]);
            present.fold(KindSet::default(), |set, tag| set.union(KindSet::of(tag)))
        }
    }

    fn has_negative_int(&self) -> bool {
        let negative = |word: &u64| word.cast_signed() < 0;
        if self.uniform.is_some() {
            return self.words.iter().any(negative);
        }
        self.words.iter().zip(&self.tags).any(|(word, tag)| *tag == Tag::Int && negative(word))
    }
}

fn offset(word: u64) -> usize {
    usize::try_from(word).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests;
