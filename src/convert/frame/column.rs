//! One column of one batch: a tag, eight bytes and perhaps some heap for each cell.
//!
//! Nothing is promoted while values arrive: an integer stays an integer even when floats follow, so that no digit is
//! lost if text follows later. As long as all cells have one tag, the tags are not stored, and the eight-byte words
//! *are* the column that goes to disk.

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
}

impl Column {
    /// An empty column with room for `cells`.
    pub(crate) fn with_capacity(cells: usize) -> Self {
        Self { words: Vec::with_capacity(cells), ..Self::default() }
    }

    /// A column made of what [`Column::raw`] and [`Column::uniform`] told of another.
    pub(crate) fn from_raw(uniform: Option<Tag>, words: Vec<u64>, tags: Vec<Tag>, heap: Vec<u8>) -> Self {
        Self { uniform, tags, words, heap }
    }

    /// The words, the tags (none if they are all the same) and the heap.
    pub(crate) fn raw(&self) -> (&[u64], &[Tag], &[u8]) {
        (&self.words, &self.tags, &self.heap)
    }

    /// The one tag of all stored cells, if they have one.
    pub(crate) fn uniform(&self) -> Option<Tag> {
        self.uniform
    }

    /// Number of cells so far; cells of later rows are absent.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.words.len()
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
        let missing = rows.saturating_sub(self.words.len());
        if missing == 0 {
            return;
        }
        self.push_tag(absent);
        self.words.resize(rows, 0);
        if self.uniform.is_none() {
            self.tags.resize(rows, absent);
        }
    }

    /// Takes the last cell back: a key that occurs twice in a record counts with its last value only.
    pub(crate) fn pop(&mut self) {
        let Some(row) = self.words.len().checked_sub(1) else { return };
        self.heap.truncate(self.heap_start(row));
        self.words.pop();
        self.tags.pop();
        if row == 0 {
            self.uniform = None;
        }
    }

    /// The kinds that occur among `rows` cells, the ones not stored being `absent`.
    pub(crate) fn kinds(&self, rows: usize, absent: Tag) -> KindSet {
        let mut kinds = self.stored_kinds();
        if self.len() < rows {
            kinds = kinds.union(KindSet::of(absent));
        }
        if kinds.has(Tag::Int) && self.has_negative_int() { kinds.with_negative() } else { kinds }
    }

    /// The words themselves, if every one of `rows` cells has the tag `tag`.
    pub(crate) fn uniform_words(&self, tag: Tag, rows: usize) -> Option<&[u64]> {
        (self.uniform == Some(tag) && self.len() == rows).then_some(&self.words)
    }

    /// The heap bytes of the rows `from..to`, if every stored cell is text.
    pub(crate) fn uniform_text(&self, from: usize, to: usize) -> Option<&[u8]> {
        (self.uniform == Some(Tag::Text) && to <= self.len())
            .then(|| &self.heap[self.heap_start(from)..self.heap_start(to)])
    }

    /// The cells of `rows`, in order; `absent` says what the rows after the last stored one hold.
    pub(crate) fn cells(&self, rows: std::ops::Range<usize>, absent: Tag) -> impl Iterator<Item = Cell<'_>> {
        let mut heap_at = self.heap_start(rows.start);
        rows.map(move |row| {
            let Some(&word) = self.words.get(row) else { return Cell::absent(absent) };
            let tag = self.tag(row);
            if !tag.in_heap() {
                return Cell::of_word(tag, word);
            }
            let from = std::mem::replace(&mut heap_at, offset(word));
            Cell::Pickled(&self.heap[from..heap_at])
        })
    }

    /// The tag of the cell in `row`, which is stored.
    #[inline]
    pub(crate) fn tag(&self, row: usize) -> Tag {
        match self.uniform {
            Some(tag) => tag,
            None => self.tags[row],
        }
    }

    /// Bytes of memory that the cells take.
    pub(crate) fn memory(&self) -> usize {
        self.words.capacity() * size_of::<u64>() + self.tags.capacity() + self.heap.capacity()
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

    /// Where the heap bytes of `row` begin: where those of the nearest heap cell before it end.
    fn heap_start(&self, row: usize) -> usize {
        if self.heap.is_empty() {
            return 0;
        }
        let before = self.words[..row.min(self.words.len())].iter().enumerate().rev();
        before.clone().find(|(r, _)| self.tag(*r).in_heap()).map_or(0, |(_, word)| offset(*word))
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
