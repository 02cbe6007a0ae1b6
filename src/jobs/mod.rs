//! One attempt on one file: queue, workers, the attempt itself, and what becomes of the source.
//!
//! Knows the [`ledger`](crate::ledger) and the engine ([`convert`](crate::convert)); which files are ready it is told.

pub mod attempt;
mod disposition;
pub mod naming;
pub mod pool;
mod quarantine;
pub mod queue;
pub mod recovery;
pub mod retry;

pub use attempt::{Outcome, Workshop};
