//! Lines that the fast path leaves: simd-json, and behind it the exact parser.

use simd_json::{Buffers, INPUT_PADDING, StaticNode};

use super::super::defect::Defect;
use super::super::frame::part::Part;
use super::super::input::count_lines;
use super::tape::{self, Node, Tape};
use super::{ParsePlan, exact};

/// Parses lines that the fast path leaves.
#[derive(Default)]
pub(super) struct SlowParser {
    buffers: Buffers,
    tape: Option<simd_json::Tape<'static>>,
    /// A copy of the line, because simd-json unescapes in place.
    copy: Vec<u8>,
}

impl SlowParser {
    /// Puts the record of `line` into `part`.
    pub(super) fn record(&mut self, line: &[u8], plan: &ParsePlan, part: &mut Part) -> Result<(), Defect> {
        self.standard(line, plan, part).unwrap_or_else(|| exactly(line, plan, part))
    }

    /// The line by simd-json; `None` if it is one for the exact parser.
    fn standard(&mut self, line: &[u8], plan: &ParsePlan, part: &mut Part) -> Option<Result<(), Defect>> {
        self.copy.clear();
        self.copy.extend_from_slice(line);
        self.copy.resize(line.len() + INPUT_PADDING, 0);
        let mut tape = self.tape.take().unwrap_or(simd_json::Tape(Vec::new())).reset();
        let parsed = simd_json::fill_tape_padded(&mut self.copy, line.len(), &mut self.buffers, &mut tape).is_ok();
        let done = parsed.then(|| tape::record(&tape, part, plan.depth, plan.nested));
        self.tape = Some(tape.reset());
        match done? {
            // The exact parser tells at which byte.
            Err(defect) if defect.code == "limit_depth" => {
                part.abandon();
                None
            }
            done => Some(done),
        }
    }
}

/// The line by the exact parser.
fn exactly(line: &[u8], plan: &ParsePlan, part: &mut Part) -> Result<(), Defect> {
    let tape = exact::parse(line, plan.depth).map_err(|defect| {
        // A record of a document may go over several lines.
        let breaks = defect.byte.map_or(0, |byte| count_lines(&line[..usize::try_from(byte).unwrap_or(0)]));
        defect.at_line(part.next_line() + breaks)
    })?;
    tape::record(&tape, part, plan.depth, plan.nested)
}

impl Tape for simd_json::Tape<'_> {
    #[inline]
    fn node(&self, index: usize) -> Node<'_> {
        match self.0[index] {
            simd_json::Node::String(text) => Node::Text(text.as_bytes()),
            simd_json::Node::Static(StaticNode::F64(value)) => Node::Float(value),
            simd_json::Node::Static(StaticNode::I64(value)) => Node::Int(value),
            simd_json::Node::Static(StaticNode::U64(value)) => unsigned(value),
            simd_json::Node::Static(StaticNode::Bool(value)) => Node::Bool(value),
            simd_json::Node::Static(StaticNode::Null) => Node::Null,
            simd_json::Node::Object { len, .. } => Node::Object(len),
            simd_json::Node::Array { len, .. } => Node::List(len),
        }
    }
}

#[inline]
fn unsigned(value: u64) -> Node<'static> {
    i64::try_from(value).map_or(Node::Uint(value), Node::Int)
}
