//! Joining batches to a frame, the bytes of its blocks, and a whole small output.

use std::path::PathBuf;
use std::rc::Rc;

use super::super::deadline::Deadline;
use super::super::frame::Frame;
use super::super::frame::hints::Hints;
use super::super::frame::join::Joiner;
use super::super::frame::part::Part;
use super::super::options::Encoding;
use super::super::output::Writer;
use super::super::output::hdf5::alone;
use super::super::output::hdf5::fixed::Fixed;
use super::super::output::provenance::Provenance;
use super::super::parse;
use super::parsers::{Batched, batched};
use super::{Stage, texts};
use crate::config::Output;

/// Batches that are joined.
const BATCHES: usize = 16;
/// Records of a small file.
const FEW: usize = 10;

pub(super) fn stages(bytes: usize) -> Vec<Stage> {
    let (quotes, posts, events) = (texts::quotes(bytes), texts::posts(bytes), texts::events(bytes));
    let small = texts::quotes(1).repeat(FEW);
    vec![
        join("join batches, quotes", &quotes),
        encode("encode numbers and times", &quotes),
        encode("encode text", &posts),
        encode("encode objects", &events),
        output("small output, new layout", &small, 1),
        output("small output, known layout", &small, 0),
    ]
}

fn part(batched: &Batched) -> Part {
    parse::batch(&batched.0, &batched.1).expect("good records")
}

fn frame(parts: Vec<Part>) -> Frame {
    let mut joiner = Joiner::default();
    let add = |part| joiner.add(part, 1000).expect("columns that fit");
    let pieces = parts.into_iter().filter_map(add).collect();
    Frame::join(joiner, pieces, None, &Hints::default(), false).expect("columns that are good")
}

fn join(name: &'static str, text: &[u8]) -> Stage {
    let batched = batched(text);
    let ready = move || (0..BATCHES).map(|_| part(&batched)).collect();
    Stage::new(name, BATCHES * text.len(), ready, frame)
}

fn encode(name: &'static str, text: &[u8]) -> Stage {
    let frame = Rc::new(frame(vec![part(&batched(text))]));
    let encode = |frame: Rc<Frame>| alone::encode(&frame).expect("nothing is kept");
    Stage::new(name, text.len(), move || Rc::clone(&frame), encode)
}

/// A whole small output. Each run has `step` more records left out than the one before, which makes another layout of it.
fn output(name: &'static str, text: &[u8], step: u64) -> Stage {
    let frame = Rc::new(frame(vec![part(&batched(text))]));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut bad_records = 0;
    let ready = move || {
        let path = folder.path().join("output.h5");
        // The one of the run before.
        let _ = std::fs::remove_file(&path);
        bad_records += step;
        (Rc::clone(&frame), path, Provenance { bad_records, ..Provenance::default() })
    };
    let write = |(frame, path, provenance): (Rc<Frame>, PathBuf, Provenance)| {
        let encoding = Encoding::from_config(&Output::to(PathBuf::new()));
        let deadline = Deadline::in_secs(3600);
        Fixed(&encoding).write(&frame, &provenance, &path, deadline).expect("room for a small file")
    };
    Stage::new(name, text.len(), ready, write)
}
