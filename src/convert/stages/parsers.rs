//! The three parsers, and what the fast one does with numbers and escapes.

use std::rc::Rc;

use super::super::fuzzing::lines;
use super::super::input::Batch;
use super::super::parse::{ParsePlan, alone, compared, defect_in};
use super::{Stage, texts};

/// A batch, and what its records are to become.
pub(super) type Batched = Rc<(Batch, ParsePlan)>;

pub(super) fn stages(bytes: usize) -> Vec<Stage> {
    vec![
        parser("fast parser, quotes", &texts::quotes(bytes), |batched| parse(&batched, true)),
        parser("fast parser, posts", &texts::posts(bytes), |batched| parse(&batched, true)),
        parser("fast parser, events", &texts::events(bytes), |batched| parse(&batched, true)),
        parser("simd-json, quotes", &texts::quotes(bytes), |batched| parse(&batched, false)),
        parser("simd-json, posts", &texts::posts(bytes), |batched| parse(&batched, false)),
        parser("simd-json, events", &texts::events(bytes), |batched| parse(&batched, false)),
        parser("exact parser, quotes", &texts::quotes(bytes), |batched| exactly(&batched)),
        parser("exact parser, large integers", &texts::large_integers(bytes), |batched| exactly(&batched)),
        alone("short numbers", texts::short_numbers(bytes), |text| alone::numbers(&text)),
        alone("long numbers", texts::long_numbers(bytes), |text| alone::numbers(&text)),
        alone("escapes", texts::escaped(bytes), |text| alone::escapes(&text)),
    ]
}

/// `text` as a batch of lines, read as the reference does.
pub(super) fn batched(text: &[u8]) -> Batched {
    Rc::new((lines(text), ParsePlan::plain(512, 1000, 1 << 28)))
}

fn parser<T: 'static>(name: &'static str, text: &[u8], work: fn(Batched) -> T) -> Stage {
    let batched = batched(text);
    Stage::new(name, text.len(), move || Rc::clone(&batched), work)
}

/// Something that goes through a text, which is given 32 bytes more, as a batch is.
fn alone(name: &'static str, mut text: Vec<u8>, work: fn(Rc<Vec<u8>>) -> usize) -> Stage {
    let length = text.len();
    text.resize(length + 32, 0);
    let text = Rc::new(text);
    Stage::new(name, length, move || Rc::clone(&text), work)
}

fn parse(batched: &Batched, fast: bool) -> usize {
    let (part, _) = compared::records(&batched.0, &batched.1, fast).expect("good records");
    part.rows()
}

fn exactly(batched: &Batched) -> usize {
    let Batch { bytes, end, .. } = &batched.0;
    let lines = bytes[..*end].split(|byte| *byte == b'\n');
    lines.filter(|line| !line.is_empty()).map(|line| assert_eq!(defect_in(line, 512), None)).count()
}
