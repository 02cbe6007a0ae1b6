//! The corpus through every target, and mutations of it, the same in every run: what fuzzing found stays found.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// Pieces of text that mean something to a parser.
const PIECES: [&[u8]; 32] = [
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"\"",
    b"\\",
    b"\n",
    b"\r\n",
    b"\r",
    b" ",
    b"\t",
    b"0",
    b"-",
    b".",
    b"e+",
    b"9",
    b"null",
    b"true",
    b"NaN",
    b"-Infinity",
    b"\\ud83d",
    b"\\ude00",
    b"\\u00",
    b"\xf0\x9f\x98\x80",
    b"\xed\xa0\x80",
    b"\xff",
    b"\xef\xbb\xbf",
    b"{\"a\":1}",
    b"\"a\":",
    b"18446744073709551616",
];

/// A generator of numbers that are always the same (xorshift64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % end.max(1)
    }
}

fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(paths.len() > 10, "{target} has a corpus");
    paths.into_iter().map(|path| fs::read(path).unwrap()).collect()
}

fn mutated(inputs: &[Vec<u8>], dice: &mut Dice) -> Vec<u8> {
    let mut input = inputs[dice.below(inputs.len())].clone();
    for _ in 0..=dice.below(4) {
        let at = dice.below(input.len() + 1);
        let to = (at + 1 + dice.below(8)).min(input.len());
        match dice.below(6) {
            0 if at < input.len() => input[at] ^= 1 << dice.below(8),
            1 => drop(input.drain(at..to.max(at))),
            2 => drop(input.splice(at..at, inputs[dice.below(inputs.len())].clone())),
            3 => drop(input.splice(at..at, input[at..to.max(at)].to_vec())),
            4 => input.truncate(at),
            _ => drop(input.splice(at..at, PIECES[dice.below(PIECES.len())].iter().copied())),
        }
    }
    input.truncate(1 << 16);
    input
}

fn passes(check: fn(&[u8]), input: &[u8]) {
    let outcome = catch_unwind(AssertUnwindSafe(|| check(input)));
    assert!(outcome.is_ok(), "the panic above is that of b\"{}\"", input.escape_ascii());
}

/// The corpus of `target`, and so many mutations of it, pass `check`.
fn all_pass(target: &str, check: fn(&[u8]), mutations: usize) {
    let inputs = corpus(target);
    inputs.iter().for_each(|input| passes(check, input));
    let mut dice = Dice(0x2545_f491_4f6c_dd1d);
    (0..mutations).for_each(|_| passes(check, &mutated(&inputs, &mut dice)));
}

#[test]
fn records_are_found_alike_in_batches_of_every_size() {
    all_pass("splitter", super::splitter, 3000);
}

#[test]
fn the_fast_path_comes_to_the_same_end_on_the_corpus_and_its_mutations() {
    all_pass("parser", super::parser, 10_000);
}

#[test]
fn numbers_are_those_of_the_standard_library() {
    all_pass("numbers", super::numbers, 10_000);
}

#[test]
fn pickles_are_well_formed_and_hold_the_value() {
    all_pass("pickles", super::pickles, 10_000);
}

#[test]
fn no_source_makes_the_conversion_panic_or_lose_a_record() {
    all_pass("file", super::file, 500);
}

#[test]
fn the_corpus_stays_small() {
    let targets = ["splitter", "parser", "numbers", "pickles", "file"];
    let inputs: Vec<_> = targets.iter().flat_map(|target| corpus(target)).collect();
    let bytes: usize = inputs.iter().map(Vec::len).sum();
    assert!(inputs.len() < 300 && bytes < 300_000, "{} inputs of {bytes} bytes", inputs.len());
}
