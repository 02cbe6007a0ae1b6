//! One column of one batch: a tag, eight bytes and perhaps some heap for each cell.
//!
//! Nothing is promoted while values arrive: an integer stays an integer even when floats follow, so that no digit is
//! lost if text follows later. As long as all cells have one tag, the tags are not stored, and the eight-byte words
//! *are* the column that goes to disk. Long runs of absent cells take no words: see [`gaps`](super::gaps).

use super::gaps::{Gap, Gaps};

/// What the document said in a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Tag {
    /// The key is absent, or the value is the word `NaN`: both are the float NaN in Python.
    Missing,
    /// `null`
    Null,
    /// `true` or `false`: word 1 or 0.
    Bool,
    /// Integer within `i64`: the word is its bits.
    Int,
    /// Integer above `i64`, within `u64`.
    Uint,
    /// Any other number, NaN excepted: the word is its bits.
    Float,
    /// Text; the heap holds its pickle.
    Text,
    /// Text with a lone surrogate; the heap holds its pickle.
    WildText,
    /// Integer beyond 64 bits; the heap holds its pickle.
    BigInt,
    /// List or object; the heap holds its pickle.
    Nested,
    /// A point in time without a zone, made by a hint: the word is its nanoseconds since 1970.
    Time,
    /// A point in time with a zone: the same, in UTC.
    TimeUtc,
}

/// Number of tags.
pub(crate) const TAG_COUNT: usize = 12;

const TAGS: [Tag; TAG_COUNT] = [
    Tag::Missing,
    Tag::Null,
    Tag::Bool,
    Tag::Int,
    Tag::Uint,
    Tag::Float,
    Tag::Text,
    Tag::WildText,
    Tag::BigInt,
    Tag::Nested,
    Tag::Time,
    Tag::TimeUtc,
];

impl Tag {
    /// The tag with this number; the first for a number that no tag has.
    pub(crate) fn of_number(number: u8) -> Self {
        TAGS.get(usize::from(number)).copied().unwrap_or(Self::Missing)
    }

    fn in_heap(self) -> bool {
        matches!(self, Self::Text | Self::WildText | Self::BigInt | Self::Nested)
    }
}

/// Which kinds of values occur in a column.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct KindSet(u16);

impl KindSet {
    const NEGATIVE: u16 = 1 << 15;

    /// The set of one kind.
    pub(crate) fn of(tag: Tag) -> Self {
        Self(1 << tag as u16)
    }

    /// Both sets together.
    #[must_use]
    pub(crate) fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The set with the mark that a negative integer occurs.
    #[must_use]
    pub(crate) fn with_negative(self) -> Self {
        Self(self.0 | Self::NEGATIVE)
    }

    /// The set without `tag`.
    #[must_use]
    pub(crate) fn without(self, tag: Tag) -> Self {
        Self(self.0 & !Self::of(tag).0)
    }

    /// Returns true if and only if `tag` occurs.
    pub(crate) fn has(self, tag: Tag) -> bool {
        self.0 & Self::of(tag).0 != 0
    }

    /// The kinds that occur.
    pub(crate) fn tags(self) -> impl Iterator<Item = Tag> {
        TAGS.into_iter().filter(move |tag| self.has(*tag))
    }

    /// Returns true if and only if a negative integer occurs.
    pub(crate) fn has_negative(self) -> bool {
        self.0 & Self::NEGATIVE != 0
    }

    /// Returns true if and only if no kind occurs.
    pub(crate) fn is_empty(self) -> bool {
        self.0 & !Self::NEGATIVE == 0
    }

    /// Returns true if and only if every kind that occurs is among `tags`.
    pub(crate) fn within(self, tags: &[Tag]) -> bool {
        tags.iter().fold(self, |rest, tag| rest.without(*tag)).is_empty()
    }
}

/// A cell as a writer sees it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Cell<'a> {
    /// Absent: NaN.
    Missing,
    /// Null: None.
    Null,
    /// A boolean.
    Bool(bool),
    /// An integer within `i64`.
    Int(i64),
    /// An integer above `i64`.
    Uint(u64),
    /// A float.
    Float(f64),
    /// Anything else, pickled.
    Pickled(&'a [u8]),
}

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
    /// Where cells are not stored.
    pub(super) gaps: &'c [Gap],
}

impl Column {
    /// An empty column with room for `cells`.
    pub(crate) fn with_capacity(cells: usize) -> Self {
        Self { words: Vec::with_capacity(cells), ..Self::default() }
    }

    /// A column made of what [`Column::raw`] told of another.
    pub(super) fn from_raw(
        uniform: Option<Tag>,
        words: Vec<u64>,
        tags: Vec<Tag>,
        heap: Vec<u8>,
        gaps: Vec<Gap>,
    ) -> Self {
        Self { uniform, tags, words, heap, gaps: Gaps::from_vec(gaps) }
    }

    /// What the column holds.
    pub(super) fn raw(&self) -> Raw<'_> {
        let Self { uniform, tags, words, heap, gaps } = self;
        Raw { uniform: *uniform, words, tags, heap, gaps: gaps.as_slice() }
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

    /// Appends a cell whose pickle `write` puts at the end of the heap.
    #[inline]
    pub(crate) fn push_heap<R>(&mut self, tag: Tag, write: impl FnOnce(&mut Vec<u8>) -> R) -> R {
        self.push_tag(tag);
        let result = write(&mut self.heap);
        self.words.push(self.heap.len() as u64);
        result
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
        (self.uniform == Some(Tag::Text) && self.gaps.is_empty() && to <= self.words.len())
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
        let from = std::mem::replace(heap_at, offset(word));
        Cell::Pickled(&self.heap[from..*heap_at])
    }

    /// Bytes of memory that the cells take.
    pub(crate) fn memory(&self) -> usize {
        let stored = self.words.capacity() * size_of::<u64>() + self.tags.capacity() + self.heap.capacity();
        size_of::<Self>() + stored + self.gaps.memory()
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
            let mut seen = [false; TAGS.len()];
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

impl Cell<'_> {
    /// What an absent cell is.
    pub(crate) fn absent(tag: Tag) -> Self {
        if tag == Tag::Null { Self::Null } else { Self::Missing }
    }

    fn of_word(tag: Tag, word: u64) -> Self {
        match tag {
            Tag::Null => Self::Null,
            Tag::Bool => Self::Bool(word != 0),
            Tag::Int | Tag::Time | Tag::TimeUtc => Self::Int(word.cast_signed()),
            Tag::Uint => Self::Uint(word),
            Tag::Float => Self::Float(f64::from_bits(word)),
            Tag::Missing | Tag::Text | Tag::WildText | Tag::BigInt | Tag::Nested => Self::Missing,
        }
    }
}

fn offset(word: u64) -> usize {
    usize::try_from(word).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(column: &mut Column, bytes: &[u8]) {
        column.push_heap(Tag::Text, |heap| heap.extend_from_slice(bytes));
    }

    #[test]
    fn a_column_of_one_kind_is_its_words() {
        let mut column = Column::default();
        (0..3).for_each(|i| column.push_word(Tag::Int, i));
        assert_eq!(column.uniform_words(Tag::Int, 3), Some(&[0, 1, 2][..]));
        assert_eq!(column.uniform_words(Tag::Int, 4), None);
        assert_eq!(column.kinds(4, Tag::Missing), KindSet::of(Tag::Int).union(KindSet::of(Tag::Missing)));
    }

    #[test]
    fn mixed_cells_keep_what_the_document_said() {
        let mut column = Column::default();
        text(&mut column, b"ab");
        column.push_word(Tag::Int, 7);
        column.push_word(Tag::Null, 0);
        text(&mut column, b"c");
        column.pad(5, Tag::Missing);
        let cells: Vec<Cell<'_>> = column.cells(0..6, Tag::Missing).collect();
        let expected =
            [Cell::Pickled(b"ab"), Cell::Int(7), Cell::Null, Cell::Pickled(b"c"), Cell::Missing, Cell::Missing];
        assert_eq!(cells, expected);
    }

    #[test]
    fn rows_without_a_value_take_no_memory_and_read_the_same() {
        let (mut sparse, mut expected) = (Column::default(), Vec::new());
        for row in [500, 501, 510, 1000, 1100] {
            sparse.pad(row, Tag::Missing);
            expected.resize(row, (Tag::Missing, Cell::Missing));
            if row == 501 {
                text(&mut sparse, b"text");
                expected.push((Tag::Text, Cell::Pickled(b"text")));
            } else {
                sparse.push_word(Tag::Int, row as u64);
                expected.push((Tag::Int, Cell::Int(i64::try_from(row).unwrap())));
            }
        }
        expected.resize(2000, (Tag::Missing, Cell::Missing));
        assert!(sparse.stored_count() < 20 && sparse.memory() < 1000, "{sparse:?}");
        for from in [0, 3, 499, 500, 501, 502, 505, 511, 999, 1000, 1001, 1101, 1999] {
            let cells: Vec<_> = sparse.cells(from..2000, Tag::Missing).collect();
            assert_eq!(cells, expected[from..].iter().map(|(_, cell)| *cell).collect::<Vec<_>>(), "from {from}");
        }
        for (row, tag, cell) in sparse.stored() {
            assert_eq!((tag, cell), expected[row], "row {row}");
        }
        assert_eq!((sparse.len(), sparse.first_unstored(2000), sparse.uniform_text(501, 502)), (1101, Some(0), None));
    }

    #[test]
    fn a_value_taken_back_behind_a_gap_leaves_the_gap() {
        let mut column = Column::default();
        for row in [100, 130] {
            column.pad(row, Tag::Missing);
            text(&mut column, b"gone");
            column.pop();
        }
        column.pad(200, Tag::Missing);
        column.push_word(Tag::Int, 1);
        assert_eq!((column.len(), column.stored_count()), (201, 1));
        assert_eq!(column.cells(199..202, Tag::Null).collect::<Vec<_>>(), [Cell::Null, Cell::Int(1), Cell::Null]);
    }

    #[test]
    fn a_value_taken_back_leaves_no_trace() {
        let mut column = Column::default();
        text(&mut column, b"gone");
        column.pop();
        column.push_word(Tag::Int, 1);
        text(&mut column, b"gone too");
        column.pop();
        column.push_word(Tag::Int, 2);
        assert_eq!(column.kinds(2, Tag::Missing), KindSet::of(Tag::Int));
        assert_eq!(column.cells(1..2, Tag::Missing).next(), Some(Cell::Int(2)));
        assert!(column.heap.is_empty());
    }
}
