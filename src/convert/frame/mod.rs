//! Values to typed columns: what `pandas.DataFrame` would make of the records.
//!
//! A [`Frame`] is a list of [`Part`]s, one for each batch of the input, because batches are parsed independently and
//! nothing is copied to join them. A cell keeps what the document said (its [`Tag`] and its bits or bytes); what dtype
//! a column gets is decided once, at the end, from the kinds seen in all parts: see [`dtype`].

pub(crate) mod column;
pub(crate) mod dtype;
pub(crate) mod hints;
pub(crate) mod part;
pub(crate) mod pickled;
mod schema;
pub(crate) mod spill;
mod summary;
mod warnings;

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::io;

use column::{Column, KindSet, Tag};
use dtype::Dtype;
use hints::Hints;
use part::{MEMBER, Part, label_of};
pub use schema::ColumnSchema;
use spill::SpillFile;
use summary::ColumnSummary;
pub use warnings::Warning;

use super::defect::Defect;
use super::profile::{self, Stage};

/// What a line of the document is; the first line decides for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LineKind {
    /// An object: its keys are column labels.
    Object,
    /// A list: its positions are column labels 0, 1, 2 …
    List,
    /// A number, text, boolean or null: one column labelled 0.
    Scalar,
}

impl LineKind {
    /// The kind in words, for messages.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Object => "an object",
            Self::List => "a list",
            Self::Scalar => "a single value",
        }
    }
}

/// Column labels of the whole frame, in order of first appearance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Labels {
    /// No record at all: a 0 x 0 frame.
    None,
    /// Keys of objects, as UTF-8.
    Keys(Vec<Vec<u8>>),
    /// Positions 0..n.
    Positions(usize),
}

/// One column of the frame: its dtype, and where its cells are in each part.
#[derive(Debug)]
pub(crate) struct ColumnPlan {
    /// What the column is in pandas.
    pub(crate) dtype: Dtype,
    /// Index of the column in each part, where the part has it.
    places: Vec<Option<usize>>,
}

/// All records of a source, column by column.
#[derive(Debug)]
pub(crate) struct Frame {
    /// Batches in the order of the source.
    pub(crate) parts: Vec<Part>,
    /// Column labels.
    pub(crate) labels: Labels,
    /// One plan a column, in the order of the labels.
    pub(crate) columns: Vec<ColumnPlan>,
    /// Number of records.
    pub(crate) rows: usize,
    /// Where the cells are of the parts that do not hold them.
    spill: Option<SpillFile>,
}

/// The cells of one part of a frame.
pub(crate) struct PartCells<'f> {
    frame: &'f Frame,
    index: usize,
    /// The part.
    pub(crate) part: &'f Part,
    cells: Cow<'f, [Column]>,
}

impl PartCells<'_> {
    /// The cells of the frame's column `index`; `None` if the part never saw it (all absent here).
    pub(crate) fn column(&self, index: usize) -> Option<&Column> {
        self.frame.columns[index].places[self.index].map(|place| &self.cells[place])
    }
}

/// Why parts do not make a frame.
#[derive(Debug)]
pub(crate) enum JoinError {
    /// The source is refused.
    Defect(Defect),
    /// Records are bad for a reason that is known only now: they are left out when the source is read again.
    Again(BadColumns),
}

impl From<Defect> for JoinError {
    fn from(defect: Defect) -> Self {
        Self::Defect(defect)
    }
}

/// Columns, by label, that make records bad.
#[derive(Debug, Default)]
pub(crate) struct BadColumns {
    /// Columns of text: a lone surrogate makes a record bad.
    pub(crate) text: Vec<Vec<u8>>,
    /// Columns without which a record is bad, and why.
    pub(crate) needed: Vec<(Vec<u8>, String)>,
    /// Columns of points in time, and what kind the first one is of: one of the other kind makes a record bad.
    pub(crate) zones: Vec<(Vec<u8>, Tag)>,
}

impl Frame {
    /// Joins `parts` (in order), whose cells may be in `spill`, and decides every column's dtype, by `hints` or by its
    /// values. Refuses more than
    /// `column_limit` columns, labels HDF5 cannot keep apart, and what makes a single record bad; with `skip_bad` the
    /// latter is [`JoinError::Again`].
    pub(crate) fn join(
        mut parts: Vec<Part>,
        spill: Option<SpillFile>,
        column_limit: usize,
        hints: &Hints,
        skip_bad: bool,
    ) -> Result<Self, JoinError> {
        let _frame = profile::span(Stage::Frame);
        parts.retain(|part| part.rows() > 0);
        let kind = parts.first().and_then(Part::kind);
        let (labels, places) = match kind {
            None => (Labels::None, Vec::new()),
            Some(LineKind::Object) => join_keys(&parts, column_limit)?,
            Some(LineKind::List | LineKind::Scalar) => join_positions(&parts),
        };
        let rows = parts.iter().map(Part::rows).sum();
        let mut frame = Self { parts, labels, columns: Vec::new(), rows, spill };
        frame.columns = places.into_iter().map(|places| ColumnPlan { dtype: Dtype::Object, places }).collect();
        frame.decide(hints);
        if skip_bad {
            frame.bad_columns(hints)?;
        } else {
            frame.refuse_bad_columns(hints)?;
        }
        Ok(frame)
    }

    /// What is known of column `index` in every part; `None` where the part never saw the column.
    pub(crate) fn summaries(&self, index: usize) -> impl Iterator<Item = (&Part, Option<&ColumnSummary>)> {
        let places = &self.columns[index].places;
        self.parts.iter().zip(places).map(|(part, place)| (part, place.map(|place| part.summary(place))))
    }

    /// The cells of all columns in part number `part`, read back if they were written away.
    pub(crate) fn cells_of(&self, part: usize) -> io::Result<PartCells<'_>> {
        let cells = self.parts[part].columns(self.spill.as_ref())?;
        Ok(PartCells { frame: self, index: part, part: &self.parts[part], cells })
    }

    /// Returns true if and only if the label of column `index` ends in a NUL, which HDF5 loses.
    pub(crate) fn loses_nul(&self, index: usize) -> bool {
        matches!(&self.labels, Labels::Keys(keys) if keys[index].ends_with(b"\0"))
    }

    /// The line of the first record that has column `index`.
    fn begins_at(&self, index: usize) -> u64 {
        line_of_first(&self.parts, &self.columns[index].places)
    }

    /// The label of column `index`, as people may read it.
    pub(crate) fn label(&self, index: usize) -> String {
        String::from_utf8_lossy(&self.label_bytes(index)).into_owned()
    }

    fn label_bytes(&self, index: usize) -> Vec<u8> {
        match &self.labels {
            Labels::Keys(keys) => keys[index].clone(),
            _ => index.to_string().into_bytes(),
        }
    }

    /// Sets every column's dtype.
    fn decide(&mut self, hints: &Hints) {
        for index in 0..self.columns.len() {
            let kinds = self.kinds(index);
            let hint = hints.of(&self.label_bytes(index));
            self.columns[index].dtype = hint.map_or_else(|| dtype::decide(kinds), |hint| dtype::hinted(hint, kinds));
        }
    }

    fn kinds(&self, index: usize) -> KindSet {
        self.summaries(index).fold(KindSet::default(), |kinds, (part, summary)| {
            kinds.union(summary.map_or(KindSet::of(part.absent()), |summary| summary.kinds))
        })
    }

    /// Where points in time with and without a zone are in one column: of which kind the first one is, and the line of
    /// the first one of the other kind.
    fn mixed_zones(&self, index: usize) -> Option<(Tag, u64)> {
        if self.columns[index].dtype != Dtype::DatetimeUtc {
            return None;
        }
        let of = |tag| self.first_line(index, |summary| summary.first(tag));
        let (plain, utc) = (of(Tag::Time)?, of(Tag::TimeUtc)?);
        Some(if plain < utc { (Tag::Time, utc) } else { (Tag::TimeUtc, plain) })
    }

    /// The line of the first row that `find` knows of in the summaries of column `index`.
    fn first_line(&self, index: usize, find: impl Fn(&ColumnSummary) -> Option<usize>) -> Option<u64> {
        self.summaries(index).find_map(|(part, summary)| Some(part.line_of(find(summary?)?)))
    }

    /// Refuses what makes a record bad, naming its line: a lone surrogate is no text to pandas, so neither to us; and a
    /// column may have to be there.
    fn refuse_bad_columns(&self, hints: &Hints) -> Result<(), Defect> {
        for index in 0..self.columns.len() {
            if let Some(line) = self.first_wild(index) {
                return Err(Defect::lone_surrogate(line, &self.label(index)));
            }
            if let Some((_, line)) = self.mixed_zones(index) {
                let why = "some points in time have a zone, and some have none";
                return Err(Defect::misfit(line, &self.label(index), why));
            }
            if let (Some(part), Some(why)) = (self.first_part_without(index), hints.absence(&self.label_bytes(index))) {
                return Err(Defect::misfit(part.line_of(0), &self.label(index), &why));
            }
        }
        Ok(())
    }

    /// The columns that make records bad, for one reason at a time: a record that is bad for the first may be all that
    /// speaks for the next.
    fn bad_columns(&self, hints: &Hints) -> Result<(), JoinError> {
        let (all, mut bad) = (0..self.columns.len(), BadColumns::default());
        bad.text = all
            .clone()
            .filter(|index| self.first_wild(*index).is_some())
            .map(|index| self.label_bytes(index))
            .collect();
        if bad.text.is_empty() {
            let zone = |index| Some((self.label_bytes(index), self.mixed_zones(index)?.0));
            bad.zones = all.clone().filter_map(zone).collect();
        }
        if bad.text.is_empty() && bad.zones.is_empty() {
            bad.needed = all.filter_map(|index| self.needed(index, hints)).collect();
        }
        let fine = bad.text.is_empty() && bad.zones.is_empty() && bad.needed.is_empty();
        if fine { Ok(()) } else { Err(JoinError::Again(bad)) }
    }

    /// The label of a column that some rows lack and none may lack, and why.
    fn needed(&self, index: usize, hints: &Hints) -> Option<(Vec<u8>, String)> {
        let label = self.label_bytes(index);
        let why = hints.absence(&label)?;
        let kinds = self.kinds(index);
        (kinds.has(Tag::Missing) || kinds.has(Tag::Null)).then_some((label, why))
    }

    fn first_wild(&self, index: usize) -> Option<u64> {
        let text = self.columns[index].dtype == Dtype::Str;
        text.then(|| self.first_line(index, |summary| summary.first(Tag::WildText))).flatten()
    }

    fn first_part_without(&self, index: usize) -> Option<&Part> {
        self.summaries(index).find(|(_, summary)| summary.is_none()).map(|(part, _)| part)
    }
}

type Places = Vec<Vec<Option<usize>>>;

fn join_keys(parts: &[Part], column_limit: usize) -> Result<(Labels, Places), Defect> {
    let mut known: HashMap<&[u8], usize, foldhash::fast::RandomState> = HashMap::default();
    let mut places: Places = Vec::new();
    for (part_index, part) in parts.iter().enumerate() {
        for (index, key) in part.keys().enumerate() {
            let column = *known.entry(key).or_insert_with(|| {
                places.push(vec![None; parts.len()]);
                places.len() - 1
            });
            places[column][part_index] = Some(index);
        }
        if places.len() > column_limit {
            let line = line_of_first(parts, &places[column_limit]);
            return Err(Defect::too_many_columns(line, column_limit));
        }
    }
    let mut keys = vec![Vec::new(); places.len()];
    for (key, column) in known {
        keys[column] = key.to_vec();
    }
    let labels: Vec<Vec<u8>> = keys.iter().map(|key| label_of(key)).collect();
    refuse_labels_that_clash(parts, &keys, &labels, &places)?;
    refuse_labels_that_collide(parts, &labels, &places)?;
    Ok((Labels::Keys(labels), places))
}

/// Flattened keys that are different and have one label.
fn refuse_labels_that_clash(
    parts: &[Part],
    keys: &[Vec<u8>],
    labels: &[Vec<u8>],
    places: &Places,
) -> Result<(), Defect> {
    if !keys.iter().any(|key| key.contains(&MEMBER)) {
        return Ok(());
    }
    let mut seen = HashSet::new();
    let Some(second) = labels.iter().position(|label| !seen.insert(label)) else { return Ok(()) };
    let line = line_of_first(parts, &places[second]);
    Err(Defect::label_clash(line, &String::from_utf8_lossy(&labels[second])))
}

/// The line of the first record that has the column which is at `places` in the parts.
fn line_of_first(parts: &[Part], places: &[Option<usize>]) -> u64 {
    let first = parts.iter().zip(places).find_map(|(part, place)| Some(part.line_of(part.begun((*place)?))));
    first.unwrap_or_default()
}

fn join_positions(parts: &[Part]) -> (Labels, Places) {
    let width = parts.iter().map(Part::width).max().unwrap_or(0);
    let places = (0..width).map(|index| parts.iter().map(|part| (index < part.width()).then_some(index)).collect());
    (Labels::Positions(width), places.collect())
}

/// HDF5 stores labels padded with NUL, so that a NUL at the end is lost (pandas' own files lose it, too): `"a"` and
/// `"a\0"` would be one, and the file could not be read.
fn refuse_labels_that_collide(parts: &[Part], labels: &[Vec<u8>], places: &Places) -> Result<(), Defect> {
    if !labels.iter().any(|label| label.ends_with(b"\0")) {
        return Ok(());
    }
    let mut seen = HashSet::new();
    for (label, places) in labels.iter().zip(places) {
        if !seen.insert(trim_nuls(label)) {
            let line = line_of_first(parts, places);
            return Err(Defect::colliding_labels(line, &String::from_utf8_lossy(trim_nuls(label))));
        }
    }
    Ok(())
}

/// `key` without the NULs at its end.
fn trim_nuls(key: &[u8]) -> &[u8] {
    let end = key.iter().rposition(|b| *b != 0).map_or(0, |last| last + 1);
    &key[..end]
}
