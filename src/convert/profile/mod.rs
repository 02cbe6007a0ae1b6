//! What each stage cost, file by file and thread by thread, and the page that shows it.
//!
//! A run that wants to know makes a [`Profile`]; each worker thread takes part by [`Profile::worker`]. From then on
//! the marks that stand everywhere on the way of a file, [`file()`] and [`span`], are recorded: each is a guard that ends
//! when it is dropped. On a thread that takes part in nothing they do nothing. A worker that shares a large file out
//! to other threads gives them [`here`], so that what they do is told of the file and of the thread it ran on.
//!
//! ```text
//! lane       what a thread records of itself, without a lock
//! left       files that another thread brings to their end, many together
//! trace      what is kept of one file          bounded: spans beyond are in the totals only
//! recorder   where finished files come together, in the store
//! sum, rate  what many files cost together
//! report     the figures;  sentence: the bottleneck in words
//! data, icicle, page/, page   the figures as JSON in one self-contained page
//! ```

mod data;
mod icicle;
mod lane;
mod left;
mod page;
mod rate;
mod recorder;
mod report;
mod sentence;
mod stage;
mod store;
mod sum;
mod trace;

#[cfg(test)]
mod tests;

pub use lane::{Attached, File, Helping, Here, Span, file, here, span};
pub use left::{Left, together};
pub use page::PageFile;
pub use recorder::Profile;
pub use report::Report;
pub use stage::Stage;
