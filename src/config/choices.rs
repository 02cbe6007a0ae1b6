//! The values that are one word out of a few.

use serde::Serialize;

/// A setting whose value is one of a few words.
pub trait Choice: Copy + 'static {
    /// The words of this version and what each stands for.
    const WORDS: &'static [(&'static str, Self)];
}

/// The choice that `word` names.
pub(super) fn chosen<C: Choice>(word: &str) -> Option<C> {
    C::WORDS.iter().find(|(known, _)| *known == word).map(|(_, choice)| *choice)
}

/// The choice that `word` names, or what may be written instead.
pub fn choose<C: Choice>(word: &str) -> Result<C, String> {
    chosen(word).ok_or_else(|| {
        let words: Vec<&str> = C::WORDS.iter().map(|(word, _)| *word).collect();
        let (last, others) = words.split_last().unwrap_or((&"", &[]));
        format!("write {} or {last}", others.join(", "))
    })
}

/// The word for `choice`.
fn word<C: Choice + PartialEq>(choice: C) -> &'static str {
    C::WORDS.iter().find(|(_, known)| *known == choice).map_or("", |(word, _)| word)
}

/// How new files are noticed, besides the full listings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Watch {
    /// By file system: events from the kernel, or polling on network mounts.
    Auto,
    /// Events from the kernel (inotify).
    Native,
    /// Listings only.
    Poll,
}

impl Choice for Watch {
    const WORDS: &'static [(&'static str, Self)] =
        &[("auto", Self::Auto), ("native", Self::Native), ("poll", Self::Poll)];
}

/// Which of the waiting files is taken next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// The one that was modified first.
    OldestFirst,
    /// The one that was modified last.
    NewestFirst,
    /// By path, byte by byte.
    Name,
    /// The one with the fewest bytes.
    SmallestFirst,
}

impl Choice for Order {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("oldest-first", Self::OldestFirst),
        ("newest-first", Self::NewestFirst),
        ("name", Self::Name),
        ("smallest-first", Self::SmallestFirst),
    ];
}

/// What becomes of a source once its output and the record of it are durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum After {
    /// It stays where it is.
    Keep,
    /// It moves to the archive folder.
    Archive,
    /// It is deleted.
    Delete,
}

impl Choice for After {
    const WORDS: &'static [(&'static str, Self)] =
        &[("keep", Self::Keep), ("archive", Self::Archive), ("delete", Self::Delete)];
}

/// The file format of outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// HDF5, as `pandas.read_hdf` reads it.
    Hdf5,
    /// Feather version 2, which is Arrow's IPC file format.
    Feather,
    /// Apache Parquet.
    Parquet,
}

impl Choice for Format {
    const WORDS: &'static [(&'static str, Self)] =
        &[("hdf5", Self::Hdf5), ("feather", Self::Feather), ("parquet", Self::Parquet)];
}

impl Format {
    /// Its word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        word(self)
    }

    /// Every format.
    pub const ALL: [Self; 3] = [Self::Hdf5, Self::Feather, Self::Parquet];

    /// The choice that `word` names.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        chosen(word)
    }

    /// What its files' names end with, without the dot.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::Hdf5 => "h5",
            Self::Feather => "feather",
            Self::Parquet => "parquet",
        }
    }

    /// Its name in sentences.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Hdf5 => "HDF5",
            Self::Feather => "Feather",
            Self::Parquet => "Parquet",
        }
    }
}

/// How a frame is laid out inside HDF5.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Layout {
    /// pandas' `format="fixed"`.
    Fixed,
    /// pandas' `format="table"`: rows can be selected by value, and appended.
    Table,
    /// One dataset a column, for h5py, MATLAB, Julia, R and xarray.
    Plain,
}

impl Choice for Layout {
    const WORDS: &'static [(&'static str, Self)] =
        &[("fixed", Self::Fixed), ("table", Self::Table), ("plain", Self::Plain)];
}

impl Layout {
    /// Its word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        word(self)
    }

    /// The choice that `word` names.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        chosen(word)
    }
}

/// What happens to a column that the format has no type for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnUnfit {
    /// The source is refused.
    Refuse,
    /// It becomes a column of text: texts as they are, everything else as JSON.
    Text,
}

impl Choice for OnUnfit {
    const WORDS: &'static [(&'static str, Self)] = &[("refuse", Self::Refuse), ("text", Self::Text)];
}

impl OnUnfit {
    /// Its word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        word(self)
    }

    /// The choice that `word` names.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        chosen(word)
    }
}

/// What happens when the output of a new source version meets an older one of the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnExisting {
    /// The older stays, the newer becomes `NAME~2.h5`, `NAME~3.h5` and so on.
    Version,
    /// The newer takes the place of the older.
    Replace,
    /// The older stays, the new source is quarantined.
    Refuse,
}

impl Choice for OnExisting {
    const WORDS: &'static [(&'static str, Self)] =
        &[("version", Self::Version), ("replace", Self::Replace), ("refuse", Self::Refuse)];
}

/// What the text of a source is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Input {
    /// What the first line that is not blank says: JSON lines, or a document.
    Auto,
    /// JSON lines: one record a line.
    Lines,
    /// One document: an array of records, an object, or objects one behind the other.
    Document,
}

impl Input {
    /// Its word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        word(self)
    }

    /// The choice that `word` names.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        chosen(word)
    }
}

impl Choice for Input {
    const WORDS: &'static [(&'static str, Self)] =
        &[("auto", Self::Auto), ("lines", Self::Lines), ("document", Self::Document)];
}

/// What a record that cannot be read does to its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnBadRecord {
    /// The file is refused as a whole.
    RejectFile,
    /// It is left out, and goes to a file of bad records in the quarantine.
    Skip,
}

impl OnBadRecord {
    /// Its word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        word(self)
    }

    /// The choice that `word` names.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        chosen(word)
    }
}

impl Choice for OnBadRecord {
    const WORDS: &'static [(&'static str, Self)] = &[("reject-file", Self::RejectFile), ("skip", Self::Skip)];
}

/// What becomes of an array or object inside a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Nested {
    /// A Python object in an object column, as the reference has it.
    Object,
    /// Text: the JSON of it in its canonical form.
    Json,
    /// An object's members become columns of their own, named `a.b`; arrays stay Python objects.
    Flatten,
}

impl Nested {
    /// Its word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        word(self)
    }

    /// The choice that `word` names.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        chosen(word)
    }
}

impl Choice for Nested {
    const WORDS: &'static [(&'static str, Self)] =
        &[("object", Self::Object), ("json", Self::Json), ("flatten", Self::Flatten)];
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogFormat {
    /// Whatever suits the place that standard error leads to.
    Auto,
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
    /// Fields of the system's journal.
    Journal,
}

impl Choice for LogFormat {
    const WORDS: &'static [(&'static str, Self)] =
        &[("auto", Self::Auto), ("text", Self::Text), ("json", Self::Json), ("journal", Self::Journal)];
}

/// The least important message that is still logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum LevelName {
    /// Something failed.
    Error,
    /// Something is not as it should be.
    Warn,
    /// What was done.
    Info,
    /// How it was done.
    Debug,
    /// Every step.
    Trace,
}

impl Choice for LevelName {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("error", Self::Error),
        ("warn", Self::Warn),
        ("info", Self::Info),
        ("debug", Self::Debug),
        ("trace", Self::Trace),
    ];
}
