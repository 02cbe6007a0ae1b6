//! The records of a batch with and without the fast path, and all that a part holds, so that the two can be compared.
//! For tests and fuzzing.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::super::defect::Defect;
use super::super::frame::part::Part;
use super::super::input::Batch;
use super::ParsePlan;
use super::records::RecordParser;

/// The records of `batch`, and where each of those begins that are in the part, if bad ones are left out.
pub(crate) fn records(batch: &Batch, plan: &ParsePlan, fast: bool) -> Result<(Part, Vec<usize>), Defect> {
    let known = BTreeMap::new();
    let parser = RecordParser::new(batch, plan, &known);
    let parser = if fast { parser } else { parser.without_fast_path() };
    parser.all()
}

/// What `part` holds, in full. Whether a cell without a value is stored makes no difference.
pub(crate) fn dump(part: &Part) -> String {
    let mut out = format!("{} rows, {:?}\n", part.rows(), part.kind());
    for index in 0..part.width() {
        let column = part.column(index);
        let (begun, twice) = (part.begun(index), part.duplicate(index));
        let _ = write!(out, "{} {begun} {twice:?}:", part.label(index).escape_ascii());
        let mut tags = vec![part.absent(); part.rows()];
        column.tags().for_each(|(row, tag)| tags[row] = tag);
        for (tag, cell) in tags.iter().zip(column.cells(0..part.rows(), part.absent())) {
            let _ = write!(out, " {tag:?} {cell:?}");
        }
        out.push('\n');
    }
    let lines: Vec<u64> = (0..part.rows()).map(|row| part.line_of(row)).collect();
    let _ = writeln!(out, "in lines {lines:?} of {}", part.lines());
    out
}
