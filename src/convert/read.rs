//! A source as a frame: its [parts](super::parts) are joined.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::Seek;
use std::path::{Path, PathBuf};

use super::bad_records::BadRecords;
use super::defect::Defect;
use super::frame::hints::Hints;
use super::frame::part::PlainKeys;
use super::frame::{BadColumns, Frame, JoinError, LineKind, Warning};
use super::input::{Shape, Taken};
use super::memory::{Joined, Pieces};
use super::parse::ParsePlan;
use super::parts::{Passed, Reading};
use super::{ConvertError, Options};
use crate::config::{Input, OnBadRecord};

/// Bytes that an output may have before the ratio counts.
const HARMLESS_OUTPUT: u64 = 1 << 30;

/// A source that was read as a whole.
pub(super) struct Read {
    /// Its records.
    pub(super) frame: Frame,
    /// What it turned out to be.
    pub(super) taken: Taken,
    /// Records that were left out.
    pub(super) bad_records: u64,
    /// The file of these.
    pub(super) bad_file: Option<PathBuf>,
    /// SHA-256 of the source, if it was asked for.
    pub(super) hash: Option<[u8; 32]>,
    /// What the user should know.
    pub(super) warnings: Vec<Warning>,
}

/// Reads a source. Columns that memory does not hold go to a temporary file in `spill_folder`.
pub(super) fn read(reading: Reading<'_>, spill_folder: &Path) -> Result<Read, ConvertError> {
    let mut plan = plan(reading.options);
    loop {
        match once(&reading, spill_folder, &mut plan)? {
            Ok(read) => return Ok(read),
            Err(columns) => again(&reading, &mut plan, columns)?,
        }
    }
}

/// The source has to be read once more, because of columns that make records bad.
pub(super) fn again(reading: &Reading<'_>, plan: &mut ParsePlan, columns: BadColumns) -> Result<(), ConvertError> {
    let BadColumns { text, needed, zones } = columns;
    plan.text_columns.extend(text);
    plan.needed_columns.extend(needed);
    plan.zones.extend(zones);
    plan.kind = None;
    let mut source = reading.source;
    source.rewind().map_err(ConvertError::Read)
}

/// How a source is parsed.
pub(super) fn plan(options: &Options) -> ParsePlan {
    let skip_bad = options.records.on_bad_record == OnBadRecord::Skip;
    ParsePlan {
        depth: options.depth,
        columns: options.columns,
        record_bytes: options.record_bytes,
        nested: options.records.nested,
        hints: Hints::new(&options.records.types),
        keep_starts: skip_bad || !options.records.types.is_empty(),
        skip_bad,
        skip_truncated: options.skip_truncated,
        kind: None,
        plain: PlainKeys::default(),
        text_columns: HashSet::new(),
        needed_columns: BTreeMap::new(),
        zones: HashMap::new(),
    }
}

/// The source as a whole, or what makes records bad that were taken for good.
fn once(
    reading: &Reading<'_>,
    spill_folder: &Path,
    plan: &mut ParsePlan,
) -> Result<Result<Read, BadColumns>, ConvertError> {
    let options = reading.options;
    let column = reading.column.map_or("", |column| column.name);
    let mut pieces = Pieces::new(spill_folder, options.memory_bytes, options.columns, column);
    let passed = reading.parts(plan, |part| pieces.add(part))?;
    let Joined { joiner, pieces, spill } = pieces.into_inner();
    let mut frame = match Frame::join(joiner, pieces, spill, &plan.hints, plan.skip_bad) {
        Ok(frame) => frame,
        Err(JoinError::Defect(defect)) => return Err(reading.placed(defect, passed.taken.compression).into()),
        Err(JoinError::Again(columns)) => return Ok(Err(columns)),
    };
    frame.most_bytes = most_bytes(passed.text_bytes, options.decompression_ratio);
    let size = (frame.rows as u64, frame.columns.len() as u64);
    expands_no_more(size, passed.text_bytes, options.decompression_ratio)?;
    finish(frame, passed, options).map(Ok)
}

fn finish(frame: Frame, passed: Passed<'_>, options: &Options) -> Result<Read, ConvertError> {
    let Passed { taken, bad, hash, .. } = passed;
    something_good(frame.rows as u64, &bad)?;
    let mut warnings = frame.warnings(&options.encoding);
    warnings.extend(one_array(frame.kind, frame.rows as u64, taken.shape, options.records.input));
    let bad_records = bad.count();
    let bad_file = bad.finish(options.durable)?;
    Ok(Read { frame, taken, bad_records, bad_file, hash, warnings })
}

/// Refuses a source of which all records are bad.
pub(super) fn something_good(rows: u64, bad: &BadRecords<'_>) -> Result<(), Defect> {
    match bad.first() {
        Some(first) if rows == 0 => Err(first.clone().nothing_good()),
        _ => Ok(()),
    }
}

/// Somebody who wrote an array on one line may have meant its items as records.
pub(super) fn one_array(kind: Option<LineKind>, rows: u64, shape: Shape, input: Input) -> Option<Warning> {
    let list = kind == Some(LineKind::List);
    let array = list && rows == 1 && shape == Shape::Lines && input == Input::Auto;
    let message =
        "one array on one line is one row, as in pandas; set `records.input` to \"document\" for a row an item";
    array.then(|| Warning { code: "one_array", column: String::new(), line: 1, message: message.to_owned() })
}

/// Bytes that a table of so much text may have: more is out of all proportion.
pub(super) fn most_bytes(text_bytes: u64, ratio: u64) -> u64 {
    HARMLESS_OUTPUT.max(text_bytes.saturating_mul(ratio))
}

/// Refuses a frame of so many rows and columns that is almost nothing but absent cells: every record has a cell in every
/// column, so that a small text of very many different keys would fill any disk.
pub(super) fn expands_no_more((rows, columns): (u64, u64), text_bytes: u64, ratio: u64) -> Result<(), Defect> {
    let bytes = rows.saturating_mul(columns).saturating_mul(8);
    if bytes <= most_bytes(text_bytes, ratio) {
        return Ok(());
    }
    Err(Defect::output_too_large(rows, columns, bytes, ratio))
}
