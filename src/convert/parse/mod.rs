//! Bytes to values: the records of a batch into the columns of a [`Part`].
//!
//! Three parsers, each for what the one before leaves to it: [`fast`] reads records of the usual kind straight into the
//! columns; simd-json reads every other JSON of the standard; [`exact`] accepts what Python's `json` accepts beyond it
//! (integers beyond 64 bits, lone surrogates), and its verdict on a bad line is the one reported.

mod canonical;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod compared;
mod exact;
mod fast;
pub(crate) mod fault;
mod records;
mod slow;
mod tape;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap, HashSet};

#[cfg(any(test, feature = "bench"))]
pub(crate) use fast::alone;

use super::defect::Defect;
use super::frame::LineKind;
use super::frame::column::Tag;
use super::frame::hints::{Hints, Misfit};
use super::frame::part::{Part, PlainKeys};
use super::input::{Batch, first_line_end};
use super::profile::{self, Stage};
use crate::config::Nested;
use records::RecordParser;

/// How records are to be read, the same for all batches of a source.
#[derive(Debug)]
pub(crate) struct ParsePlan {
    /// Most levels of nesting, the record itself being the first.
    pub(crate) depth: usize,
    /// Most columns of a frame.
    pub(crate) columns: usize,
    /// Most bytes of a record.
    pub(crate) record_bytes: u64,
    /// What becomes of lists and objects inside records.
    pub(crate) nested: Nested,
    /// What columns are to be.
    pub(crate) hints: Hints,
    /// Whether it is to be known where each record begins: bad ones are left out, or values may not be of their dtype.
    pub(crate) keep_starts: bool,
    /// Whether a bad record is left out, and not its file.
    pub(crate) skip_bad: bool,
    /// Whether that goes for a last record, too, that only ends too early.
    pub(crate) skip_truncated: bool,
    /// What the records of earlier batches are.
    pub(crate) kind: Option<LineKind>,
    /// Columns whose texts hardly repeat, as far as earlier batches tell.
    pub(crate) plain: PlainKeys,
    /// With `skip_bad`: columns of text, in which a lone surrogate makes a record bad.
    pub(crate) text_columns: HashSet<Vec<u8>>,
    /// With `skip_bad`: columns without which a record is bad, and why.
    pub(crate) needed_columns: BTreeMap<Vec<u8>, String>,
    /// With `skip_bad`: columns in which a point in time of the other kind makes a record bad.
    pub(crate) zones: HashMap<Vec<u8>, Tag>,
}

#[cfg(any(test, feature = "fuzzing"))]
impl ParsePlan {
    /// The plan of the reference, with these limits.
    pub(crate) fn plain(depth: usize, columns: usize, record_bytes: u64) -> Self {
        Self {
            depth,
            columns,
            record_bytes,
            nested: Nested::Object,
            hints: Hints::default(),
            keep_starts: false,
            skip_bad: false,
            skip_truncated: false,
            kind: None,
            plain: PlainKeys::default(),
            text_columns: HashSet::new(),
            needed_columns: BTreeMap::new(),
            zones: HashMap::new(),
        }
    }
}

/// Parses every record of `batch`. On a defect nothing of the batch is of use.
///
/// What is wrong with a value is known only when the columns are there. A record that is left out for that must leave no
/// trace in them, so that the batch is read again without it.
pub(crate) fn batch(batch: &Batch, plan: &ParsePlan) -> Result<Part, Defect> {
    let _parse = profile::span(Stage::Parse);
    let mut known = BTreeMap::new();
    loop {
        let (mut part, starts) = RecordParser::new(batch, plan, &known).all()?;
        let mut found = misfits(&mut part, plan).into_iter().peekable();
        if found.peek().is_none() {
            part.finish();
            return Ok(part);
        }
        for (row, defect) in found {
            let defect = point_out(defect, batch, starts.get(row).copied(), plan);
            match starts.get(row) {
                Some(start) if plan.skip_bad => {
                    known.entry(*start).or_insert(defect);
                }
                _ => return Err(defect),
            }
        }
    }
}

/// `defect` with its place in the record of `batch` that begins at `start`.
fn point_out(defect: Defect, batch: &Batch, start: Option<usize>, plan: &ParsePlan) -> Defect {
    let Some(start) = start else { return defect };
    let rest = &batch.bytes[start..batch.end];
    let end = match &batch.records {
        None => first_line_end(rest),
        Some(spans) => spans.binary_search_by_key(&start, |span| span.start).ok().map(|index| spans[index].end - start),
    };
    let record = &rest[..end.unwrap_or(rest.len())];
    fault::point(defect, record, batch.offset + start as u64, plan.nested == Nested::Flatten)
}

/// What the exact parser says against a record; `None` if nothing.
pub(crate) fn defect_in(record: &[u8], depth_limit: usize) -> Option<Defect> {
    exact::parse(record, depth_limit).err()
}

/// The rows that hold a value which does not fit its column, and why; the first first. Where bad records are left out, a
/// row that only lacks a value is no misfit before it is known that a good record has the column.
fn misfits(part: &mut Part, plan: &ParsePlan) -> Vec<(usize, Defect)> {
    let mut misfits = plan.hints.apply(part, &plan.zones, &plan.needed_columns);
    if plan.skip_bad {
        misfits.retain(|misfit| !misfit.absent || plan.needed_columns.contains_key(misfit.column.as_bytes()));
    }
    let defect = |misfit: Misfit| (misfit.row, Defect::misfit(part.line_of(misfit.row), &misfit.column, &misfit.why));
    let mut found: Vec<_> = misfits.into_iter().map(defect).collect();
    found.extend(wild_rows(part, plan));
    found.extend(rows_without_needed(part, plan));
    found.sort_by_key(|(row, _)| *row);
    found
}

fn wild_rows(part: &Part, plan: &ParsePlan) -> Vec<(usize, Defect)> {
    let mut found = Vec::new();
    for index in 0..part.width() {
        if plan.text_columns.is_empty() || !plan.text_columns.contains(&part.label(index)) {
            continue;
        }
        let label = String::from_utf8_lossy(&part.label(index)).into_owned();
        let wild = part.column(index).tags().filter(|(_, tag)| *tag == Tag::WildText);
        found.extend(wild.map(|(row, _)| (row, Defect::lone_surrogate(part.line_of(row), &label))));
    }
    found
}

fn rows_without_needed(part: &Part, plan: &ParsePlan) -> Vec<(usize, Defect)> {
    let mut found = Vec::new();
    for (label, why) in &plan.needed_columns {
        if !(0..part.width()).any(|index| part.label(index) == *label) {
            let label = String::from_utf8_lossy(label);
            found.extend((0..part.rows()).map(|row| (row, Defect::misfit(part.line_of(row), &label, why))));
        }
    }
    found
}
