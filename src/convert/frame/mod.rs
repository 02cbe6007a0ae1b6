//! Values to typed columns: what `pandas.DataFrame` would make of the records.
//!
//! A [`Frame`] is a list of [`Piece`]s, one for each batch of the input, because batches are parsed independently (each
//! into a [`Part`](part::Part)) and nothing is copied to join them. A cell keeps what the document said (its [`Tag`] and its
//! bits or bytes); what dtype a column gets is decided once, at the end, from the kinds seen in all parts: see [`dtype`].

mod cell;
pub(crate) mod column;
pub(crate) mod dictionary;
pub(crate) mod dtype;
mod gaps;
pub(crate) mod hints;
pub(crate) mod join;
pub(crate) mod json;
mod kind;
pub(crate) mod memo;
pub(crate) mod part;
pub(crate) mod pickled;
pub(crate) mod piece;
mod schema;
pub(crate) mod spill;
mod summary;
mod totals;
mod unfit;
pub(crate) mod value;
pub(crate) mod warnings;

use std::borrow::Cow;
use std::io;

use column::{Column, KindSet, Tag};
use dtype::Dtype;
use hints::Hints;
use join::{Columns, Joiner};
use memo::Memo;
use piece::Piece;
pub use schema::ColumnSchema;
use spill::SpillFile;
pub(crate) use totals::Spot;
use totals::Totals;
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

/// One column of the frame.
#[derive(Debug)]
pub(crate) struct ColumnPlan {
    /// What the column is in pandas.
    pub(crate) dtype: Dtype,
    /// What is known of its cells.
    totals: Totals,
}

/// All records of a source, column by column.
#[derive(Debug)]
pub(crate) struct Frame {
    /// What the records are; `None` without any.
    pub(crate) kind: Option<LineKind>,
    /// The rows of each batch, in the order of the source.
    pub(crate) pieces: Vec<Piece>,
    /// Column labels.
    pub(crate) labels: Labels,
    /// One plan a column, in the order of the labels.
    pub(crate) columns: Vec<ColumnPlan>,
    /// Number of records.
    pub(crate) rows: usize,
    /// Bytes that a table of it may have: more is out of all proportion to its source.
    pub(crate) most_bytes: u64,
    /// Whether the last column is the one that tells where rows come from.
    tells_source: bool,
    /// Where the cells are of the pieces that do not hold them.
    spill: Option<SpillFile>,
}

/// The cells of one piece of a frame.
pub(crate) struct PieceCells<'f> {
    /// The piece.
    pub(crate) piece: &'f Piece,
    columns: Cow<'f, [Column]>,
}

impl PieceCells<'_> {
    /// The cells of the frame's column `index`; `None` if the piece has none (all absent here).
    pub(crate) fn column(&self, index: usize) -> Option<&Column> {
        self.piece.place(index).map(|place| &self.columns[place])
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
    /// All `pieces` (in order), whose columns are those of `joiner` and whose cells may be in `spill`. Decides every
    /// column's dtype, by `hints` or by its values. Refuses labels HDF5 cannot keep apart, and what makes a single record
    /// bad; with `skip_bad` the latter is [`JoinError::Again`].
    pub(crate) fn join(
        joiner: Joiner,
        mut pieces: Vec<Piece>,
        spill: Option<SpillFile>,
        hints: &Hints,
        skip_bad: bool,
    ) -> Result<Self, JoinError> {
        let _frame = profile::span(Stage::Frame);
        let rows = pieces.iter().map(Piece::rows).sum();
        let kind = joiner.kind();
        let Columns { labels, totals, source } = joiner.finish()?;
        if let Some(source) = source.filter(|source| source + 1 < totals.len()) {
            let mut before = None;
            pieces.iter_mut().for_each(|piece| piece.move_to_end(source, totals.len(), &mut before));
        }
        let columns = totals.into_iter().map(|totals| ColumnPlan { dtype: Dtype::Object, totals }).collect();
        let mut frame =
            Self { kind, pieces, labels, columns, rows, most_bytes: u64::MAX, tells_source: source.is_some(), spill };
        frame.decide(hints);
        if skip_bad {
            frame.bad_columns(hints)?;
        } else {
            frame.refuse_bad_columns(hints)?;
        }
        Ok(frame)
    }

    /// The cells of all columns in piece number `index`, read back if they were written away.
    pub(crate) fn cells_of(&self, index: usize) -> io::Result<PieceCells<'_>> {
        let piece = &self.pieces[index];
        Ok(PieceCells { piece, columns: piece.columns(self.spill.as_ref())? })
    }

    /// The texts that repeat in column `index`.
    pub(crate) fn memo(&self, index: usize) -> &Memo {
        &self.totals(index).memo
    }

    /// The kinds of cells in column `index`, absent ones included.
    pub(crate) fn kinds(&self, index: usize) -> KindSet {
        self.totals(index).kinds
    }

    /// The first record whose cell in column `index` is of the kind `tag`.
    pub(crate) fn first(&self, index: usize, tag: Tag) -> Option<Spot> {
        self.totals(index).first(tag)
    }

    /// The first record that has column `index`.
    pub(crate) fn begun(&self, index: usize) -> Spot {
        self.totals(index).begun
    }

    /// Where row `row` is in the source: how many records come before it, and its line where each line is a record.
    pub(crate) fn spot_of_row(&self, row: usize) -> (u64, Option<u64>) {
        let mut rest = row;
        for piece in &self.pieces {
            if rest < piece.rows() {
                return piece.spot(rest);
            }
            rest -= piece.rows();
        }
        (0, None)
    }

    /// What is known of column `index`.
    fn totals(&self, index: usize) -> &Totals {
        &self.columns[index].totals
    }

    /// Returns true if and only if the label of column `index` ends in a NUL, which HDF5 loses.
    pub(crate) fn loses_nul(&self, index: usize) -> bool {
        matches!(&self.labels, Labels::Keys(keys) if keys[index].ends_with(b"\0"))
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
            let kinds = self.totals(index).kinds;
            // What tells where rows come from is of no record, so that hints do not speak of it.
            let own = self.tells_source && index + 1 == self.columns.len();
            let hint = if own { None } else { hints.of(&self.label_bytes(index)) };
            self.columns[index].dtype = hint.map_or_else(|| dtype::decide(kinds), |hint| dtype::hinted(hint, kinds));
        }
    }

    /// Where points in time with and without a zone are in one column: of which kind the first one is, and the line of
    /// the first one of the other kind.
    fn mixed_zones(&self, index: usize) -> Option<(Tag, Spot)> {
        if self.columns[index].dtype != Dtype::DatetimeUtc {
            return None;
        }
        let totals = self.totals(index);
        let (plain, utc) = (totals.first(Tag::Time)?, totals.first(Tag::TimeUtc)?);
        Some(if plain < utc { (Tag::Time, utc) } else { (Tag::TimeUtc, plain) })
    }

    /// Refuses what makes a record bad, naming its line: a lone surrogate is no text to pandas, so neither to us; and a
    /// column may have to be there.
    fn refuse_bad_columns(&self, hints: &Hints) -> Result<(), Defect> {
        for index in 0..self.columns.len() {
            if let Some(spot) = self.first_wild(index) {
                return Err(Defect::lone_surrogate(spot.line, &self.label(index)).in_record(spot.record));
            }
            if let Some((_, spot)) = self.mixed_zones(index) {
                let why = "some points in time have a zone, and some have none";
                return Err(Defect::misfit(spot.line, &self.label(index), why).in_record(spot.record));
            }
            if let (Some(spot), Some(why)) = (self.totals(index).lacking, hints.absence(&self.label_bytes(index))) {
                return Err(Defect::misfit(spot.line, &self.label(index), &why).in_record(spot.record));
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
        let kinds = self.totals(index).kinds;
        (kinds.has(Tag::Missing) || kinds.has(Tag::Null)).then_some((label, why))
    }

    fn first_wild(&self, index: usize) -> Option<Spot> {
        let text = self.columns[index].dtype == Dtype::Str;
        text.then(|| self.totals(index).first(Tag::WildText)).flatten()
    }
}
