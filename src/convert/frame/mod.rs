//! Values to typed columns: what `pandas.DataFrame` would make of the records.
//!
//! A [`Frame`] is a list of [`Part`]s, one for each batch of the input, because batches are parsed independently and
//! nothing is copied to join them. A cell keeps what the document said (its [`Tag`](column::Tag) and its bits or bytes); what dtype
//! a column gets is decided once, at the end, from the kinds seen in all parts: see [`dtype`].

pub(crate) mod column;
pub(crate) mod dtype;
pub(crate) mod part;
pub(crate) mod pickled;
mod warnings;

use std::collections::{HashMap, HashSet};

use column::{Column, KindSet, Tag};
use dtype::Dtype;
use part::Part;

use super::defect::Defect;

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
#[derive(Debug, PartialEq, Eq)]
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
}

impl Frame {
    /// Joins `parts` (in order) and decides every column's dtype. Refuses lines of different kinds, more than
    /// `column_limit` columns, labels HDF5 cannot keep apart, and text that is not Unicode in a text column.
    pub(crate) fn join(mut parts: Vec<Part>, column_limit: usize) -> Result<Self, Defect> {
        parts.retain(|part| part.rows() > 0);
        let kind = parts.first().and_then(Part::kind);
        let (labels, places) = match kind {
            None => (Labels::None, Vec::new()),
            Some(LineKind::Object) => join_keys(&parts, column_limit)?,
            Some(LineKind::List | LineKind::Scalar) => join_positions(&parts),
        };
        let rows = parts.iter().map(Part::rows).sum();
        let mut frame = Self { parts, labels, columns: Vec::new(), rows };
        frame.columns = places.into_iter().map(|places| frame.plan(places)).collect();
        frame.refuse_wild_text()?;
        Ok(frame)
    }

    /// The cells of column `index` in every part; `None` where the part never saw the column (all missing there).
    pub(crate) fn cells(&self, index: usize) -> impl Iterator<Item = (&Part, Option<&Column>)> {
        let places = &self.columns[index].places;
        self.parts.iter().zip(places).map(|(part, place)| (part, place.map(|p| part.column(p))))
    }

    /// The cells of column `index` in part number `part`; `None` where the part never saw the column.
    pub(crate) fn cells_in(&self, index: usize, part: usize) -> Option<&Column> {
        self.columns[index].places[part].map(|place| self.parts[part].column(place))
    }

    /// Returns true if and only if the label of column `index` ends in a NUL, which HDF5 loses.
    pub(crate) fn loses_nul(&self, index: usize) -> bool {
        matches!(&self.labels, Labels::Keys(keys) if keys[index].ends_with(b"\0"))
    }

    /// The label of column `index`, as people may read it.
    pub(crate) fn label(&self, index: usize) -> String {
        match &self.labels {
            Labels::Keys(keys) => String::from_utf8_lossy(&keys[index]).into_owned(),
            _ => index.to_string(),
        }
    }

    fn plan(&self, places: Vec<Option<usize>>) -> ColumnPlan {
        let mut kinds = KindSet::default();
        for (part, place) in self.parts.iter().zip(&places) {
            kinds = kinds.union(match place {
                Some(p) => part.column(*p).kinds(part.rows(), part.absent()),
                None => KindSet::of(part.absent()),
            });
        }
        ColumnPlan { dtype: dtype::decide(kinds), places }
    }

    /// A lone surrogate is no Unicode text: pandas refuses it in a text column, so do we, naming the line.
    fn refuse_wild_text(&self) -> Result<(), Defect> {
        for (index, column) in self.columns.iter().enumerate() {
            if column.dtype != Dtype::Str {
                continue;
            }
            for (part, cells) in self.cells(index) {
                if let Some(row) = cells.and_then(|cells| cells.first(Tag::WildText)) {
                    return Err(Defect::lone_surrogate(part.line_of(row), &self.label(index)));
                }
            }
        }
        Ok(())
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
            return Err(Defect::too_many_columns(part.line_of(part.rows() - 1), column_limit));
        }
    }
    let mut keys = vec![Vec::new(); places.len()];
    for (key, column) in known {
        keys[column] = key.to_vec();
    }
    refuse_labels_that_collide(&keys)?;
    Ok((Labels::Keys(keys), places))
}

fn join_positions(parts: &[Part]) -> (Labels, Places) {
    let width = parts.iter().map(Part::width).max().unwrap_or(0);
    let places = (0..width).map(|index| parts.iter().map(|part| (index < part.width()).then_some(index)).collect());
    (Labels::Positions(width), places.collect())
}

/// HDF5 stores labels padded with NUL, so that a NUL at the end is lost (pandas' own files lose it, too): `"a"` and
/// `"a\0"` would be one, and the file could not be read.
fn refuse_labels_that_collide(keys: &[Vec<u8>]) -> Result<(), Defect> {
    if !keys.iter().any(|key| key.ends_with(b"\0")) {
        return Ok(());
    }
    let mut seen = HashSet::new();
    for key in keys {
        if !seen.insert(trim_nuls(key)) {
            return Err(Defect::colliding_labels(&String::from_utf8_lossy(trim_nuls(key))));
        }
    }
    Ok(())
}

/// `key` without the NULs at its end.
fn trim_nuls(key: &[u8]) -> &[u8] {
    let end = key.iter().rposition(|b| *b != 0).map_or(0, |last| last + 1);
    &key[..end]
}
