//! Texts of several kinds, the same on every machine.

use std::fmt::Write as _;

/// What posts are made of; some of it is written with an escape.
const WORDS: [&str; 12] =
    ["people", "über", "東京", "😀", "data", "\\\"rain\\\"", "\\n", "caf\\u00e9", "the", "of", "a longer word", "\\\\"];

/// Numbers that look random and are the same each time (xorshift64).
struct Dice(u64);

impl Dice {
    fn new() -> Self {
        Self(0x9e37_79b9_7f4a_7c15)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % end
    }

    /// A number with three digits behind the point.
    fn price(&mut self) -> String {
        format!("{}.{:03}", 10 + self.below(490), self.below(1000))
    }

    fn sentence(&mut self, words: u64) -> String {
        let word = |_| WORDS[usize::try_from(self.below(WORDS.len() as u64)).unwrap_or(0)];
        (0..words).map(word).collect::<Vec<_>>().join(" ")
    }
}

/// Whole lines of `line` until there are about so many bytes.
fn lines(bytes: usize, mut line: impl FnMut(&mut Dice, u64) -> String) -> Vec<u8> {
    let (mut dice, mut text) = (Dice::new(), String::with_capacity(bytes + 1024));
    for number in 0.. {
        if text.len() >= bytes {
            break;
        }
        let _ = writeln!(text, "{}", line(&mut dice, number));
    }
    text.into_bytes()
}

/// Quotes: a time stamp as text and four numbers.
pub(super) fn quotes(bytes: usize) -> Vec<u8> {
    lines(bytes, |dice, number| {
        let (minute, hour) = (2 * number % 60, number / 30 % 24);
        format!(
            "{{\"timestamp\": \"2026-02-{:02} {hour:02}:{minute:02}:00\", \"open\": {}, \"close\": {}, \"high\": {}, \
             \"low\": {}}}",
            1 + number / 720 % 28,
            dice.price(),
            dice.price(),
            dice.price(),
            dice.price()
        )
    })
}

/// Posts: mostly text, with escapes and letters of all kinds.
pub(super) fn posts(bytes: usize) -> Vec<u8> {
    lines(bytes, |dice, number| {
        let (words, author) = (8 + dice.below(30), dice.below(1_000_000));
        let text = dice.sentence(words);
        format!("{{\"id\": {number}, \"text\": \"{text}\", \"lang\": \"de\", \"author\": \"user{author}\"}}")
    })
}

/// Events: lists and objects inside the record.
pub(super) fn events(bytes: usize) -> Vec<u8> {
    lines(bytes, |dice, number| {
        let (actor, tags, point) = (dice.below(1000), dice.sentence(1), dice.price());
        format!(
            "{{\"id\": {number}, \"actor\": {{\"id\": {actor}, \"login\": \"somebody\"}}, \"tags\": [\"{tags}\", \"x\"], \
             \"point\": [{point}, -{point}], \"depth\": {{\"a\": {{\"b\": [1, null, true]}}}}}}"
        )
    })
}

/// Integers beyond 64 bits, which only the exact parser reads.
pub(super) fn large_integers(bytes: usize) -> Vec<u8> {
    lines(bytes, |dice, number| {
        format!("{{\"id\": {number}, \"large\": 1844674407370955{:010}, \"note\": \"x\"}}", dice.below(10_000_000_000))
    })
}

/// An array of quotes over several lines.
pub(super) fn document(bytes: usize) -> Vec<u8> {
    let quotes = String::from_utf8_lossy(&quotes(bytes)).trim_end().replace('\n', ",\n  ");
    format!("[\n  {quotes}\n]\n").into_bytes()
}

/// Numbers with a few digits, one behind the other.
pub(super) fn short_numbers(bytes: usize) -> Vec<u8> {
    lines(bytes, |dice, _| dice.price())
}

/// Numbers with as many digits as a float has.
pub(super) fn long_numbers(bytes: usize) -> Vec<u8> {
    lines(bytes, |dice, _| format!("0.{:017}", dice.below(10_u64.pow(17))))
}

/// Texts with escapes, in quotes, one behind the other.
pub(super) fn escaped(bytes: usize) -> Vec<u8> {
    lines(bytes, |dice, _| format!("\"{}\"", dice.sentence(20)))
}
