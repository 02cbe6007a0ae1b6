//! One attempt on one file: queue, workers, the attempt itself, and what becomes of the source.
//!
//! Knows the [`ledger`](crate::ledger) and the engine ([`convert`](crate::convert)); which files are ready it is told.

// What feeds the workers, and what they have in hand.
mod in_hand;
pub mod pool;
pub mod queue;

// Several sources together.
pub mod gather;
pub mod gathering;
mod sharing;

// One attempt, in the order in which it goes.
pub mod attempt;
pub mod bad_records;
mod batch;
pub mod manifest;
pub mod named;
pub mod naming;
mod publishing;
pub mod staging;

// What becomes of the source, and what keeps us from working.
pub mod archive;
mod disposed;
mod disposition;
pub mod fault;
pub mod marker;
mod moving;
pub mod quarantine;
pub mod retry;
pub mod unfinished;

// What an earlier run left, or another agent, what it was known by, and what of it is so old that it may be forgotten.
mod adoption;
pub mod mark;
pub mod places;
pub mod rebuild;
pub mod recovery;

pub use attempt::{Outcome, Workshop};
