//! What kinds of values there are, and which of them occur in a column.

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

/// All of them, by number.
pub(super) const TAGS: [Tag; TAG_COUNT] = [
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

    /// Whether a cell of this kind has bytes, and not only a word.
    pub(super) fn in_heap(self) -> bool {
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
