//! Hints: what columns are to be, instead of what follows from their values.
//!
//! A hint changes the cells of a column in each part, right after the part was parsed, so that the dtype rules and the
//! writers find nothing but cells that fit. A value that does not is a misfit of its row.

mod cast;
mod moment;

use std::collections::{BTreeMap, HashMap};

use globset::{Glob, GlobMatcher};

use super::column::{Column, Tag};
use super::part::Part;
use crate::config::{TypeHint, TypeHints};

/// The hints of a conversion, ready to be asked.
#[derive(Debug, Default)]
pub(crate) struct Hints(Vec<(String, GlobMatcher, TypeHint)>);

/// A value that does not fit the hint of its column.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Misfit {
    /// The row of the part.
    pub(crate) row: usize,
    /// Whether what does not fit is that the row has no value.
    pub(crate) absent: bool,
    /// The column's label.
    pub(crate) column: String,
    /// Why it does not fit.
    pub(crate) why: String,
}

impl Hints {
    /// The hints as configured; a pattern that is no glob was refused with the configuration, and names nothing here.
    pub(crate) fn new(hints: &TypeHints) -> Self {
        let matcher = |(pattern, hint): &(String, TypeHint)| {
            let glob = Glob::new(pattern).ok()?;
            Some((pattern.clone(), glob.compile_matcher(), hint.clone()))
        };
        Self(hints.iter().filter_map(matcher).collect())
    }

    /// The hint for the column `label`: the first that names it.
    pub(crate) fn of(&self, label: &[u8]) -> Option<&TypeHint> {
        if self.0.is_empty() {
            return None;
        }
        let label = std::str::from_utf8(label).ok()?;
        let named = |(pattern, glob, _): &&(String, GlobMatcher, TypeHint)| pattern == label || glob.is_match(label);
        self.0.iter().find(named).map(|(.., hint)| hint)
    }

    /// Makes the columns of `part` what they are to be and tells of the values that do not fit, by row. `zones` says for
    /// columns, by label, of which kind points in time must be, if that is decided; of rows that only lack a value, the first
    /// is told, and all of them in columns that are `needed`.
    pub(crate) fn apply(
        &self,
        part: &mut Part,
        zones: &HashMap<Vec<u8>, Tag>,
        needed: &BTreeMap<Vec<u8>, String>,
    ) -> Vec<Misfit> {
        let mut misfits = Vec::new();
        if self.0.is_empty() {
            return misfits;
        }
        for index in 0..part.width() {
            let label = part.label(index);
            let Some(hint) = self.of(&label) else { continue };
            let zone = zones.get(&label).copied();
            let all_absent = needed.contains_key(&label);
            let cast = cast::column(part.column(index), part.rows(), part.absent(), hint, zone, all_absent);
            let column = String::from_utf8_lossy(&label).into_owned();
            misfits.extend(cast.misfits.into_iter().map(|unfit| Misfit {
                row: unfit.row,
                absent: unfit.absent,
                column: column.clone(),
                why: unfit.why,
            }));
            part.replace(index, cast.column, cast.rounded);
        }
        misfits.sort_by_key(|misfit| misfit.row);
        misfits
    }

    /// Why a row without the column `label` is a misfit, if it is one.
    pub(crate) fn absence(&self, label: &[u8]) -> Option<String> {
        let hint = self.of(label)?;
        let mut none = Column::default();
        none.pad(1, Tag::Missing);
        cast::column(&none, 1, Tag::Missing, hint, None, false).misfits.pop().map(|unfit| unfit.why)
    }
}
