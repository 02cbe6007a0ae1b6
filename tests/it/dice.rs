//! Chance that can be had again: the same game for the same seed.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// A small random number generator (xorshift).
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        // Seeds that are alike must not give games that are.
        Self(seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % sides
    }

    pub(crate) fn rest(&mut self, most_ms: u64) {
        std::thread::sleep(Duration::from_millis(self.roll(most_ms)));
    }
}

/// The seed of this run, which is told: `H5INBOX_SEED` plays another game.
pub(crate) fn seed() -> u64 {
    let seed = number("H5INBOX_SEED").unwrap_or(20_261_124);
    eprintln!("H5INBOX_SEED={seed}");
    seed
}

/// How often something is done: as often as `H5INBOX_ROUNDS` says.
pub(crate) fn rounds(usual: u64) -> u64 {
    number("H5INBOX_ROUNDS").unwrap_or(usual)
}

/// What the environment says.
pub(crate) fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|number| number.parse().expect("a number"))
}

/// Tells others that it is over, at its own end, however that comes.
pub(crate) struct Over<'a>(pub(crate) &'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
