//! One attempt on one file: queue, workers, the attempt itself, and what becomes of the source.
//!
//! Knows the [`ledger`](crate::ledger) and the engine ([`convert`](crate::convert)); which files are ready it is told.

// What feeds the workers, and what they have in hand.
mod in_hand;
pub mod pool;
pub mod queue;

// One attempt, in the order in which it goes.
pub mod attempt;
pub mod bad_records;
mod batch;
pub mod manifest;
pub mod naming;
mod publishing;
pub mod staging;

// What becomes of the source.
mod disposition;
pub mod marker;
pub mod quarantine;
pub mod retry;
pub mod unfinished;

// What an earlier run left.
pub mod recovery;

pub use attempt::{Outcome, Workshop};
