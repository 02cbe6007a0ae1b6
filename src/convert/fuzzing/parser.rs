//! Records by the fast path and without it: the same part, the same bad records, or the same refusal.

use super::super::defect::Defect;
use super::super::frame::part::Part;
use super::super::input::{Batch, BatchReader};
use super::super::parse::{ParsePlan, compared};
use super::{chosen, file_of, first, lines, read_options};
use crate::config::{Input, Nested};

/// Parses `data`, of which the first two bytes say how, in both ways.
///
/// # Panics
///
/// If they come to different ends.
pub fn parser(data: &[u8]) {
    let (choice, rest) = first(data);
    let (limit, text) = first(rest);
    let mut plan = plan(choice, limit);
    let batches = if choice & 1 == 0 { vec![lines(text)] } else { document(text, plan.depth) };
    for batch in batches {
        let fast = outcome(compared::records(&batch, &plan, true));
        let slow = outcome(compared::records(&batch, &plan, false));
        assert_eq!(fast, slow, "with the fast path, and without it: {plan:?}");
        plan.kind = plan.kind.or(compared::records(&batch, &plan, true).ok().and_then(|(part, _)| part.kind()));
    }
}

fn plan(choice: u8, limit: u8) -> ParsePlan {
    let depth = if choice & 2 == 0 { 512 } else { usize::from(limit & 7) + 1 };
    let columns = if choice & 4 == 0 { 1000 } else { usize::from(limit >> 3 & 3) };
    let record_bytes = if choice & 8 == 0 { 1 << 28 } else { u64::from(limit >> 2) };
    ParsePlan {
        nested: chosen(choice >> 4 & 3, &[Nested::Object, Nested::Object, Nested::Json, Nested::Flatten]),
        keep_starts: choice & 0x40 != 0,
        skip_bad: choice & 0x40 != 0,
        skip_truncated: choice & 0x80 != 0,
        ..ParsePlan::plain(depth, columns, record_bytes)
    }
}

/// The batches of a document up to its first defect.
fn document(text: &[u8], depth: usize) -> Vec<Batch> {
    let source = file_of(text);
    let mut reader = BatchReader::new(&source, read_options(Input::Document, depth), false);
    std::iter::from_fn(|| reader.next_batch().ok().flatten()).collect()
}

/// All that a reading gave, in words.
fn outcome(read: Result<(Part, Vec<usize>), Defect>) -> Result<String, Defect> {
    read.map(|(mut part, starts)| format!("{}{:?} {starts:?}", compared::dump(&part), part.take_bad()))
}
