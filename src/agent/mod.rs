//! What keeps running: the only room that knows all the others. Builds the parts, wires their channels, drives them,
//! and stops them in order.
//!
//! One thread decides ([`dispatcher`]): it turns hints and listings into arrivals, arrivals into jobs, and reports of
//! workers into what comes next. Workers convert, the ledger's thread commits, the watcher's thread hints, the
//! profiler's thread writes a page; nothing is shared but channels, counters and what the workers record.

mod dispatcher;
mod intake_loop;
mod parts;
mod profiler;
mod signals;
mod supervisor;
mod told;

use std::path::PathBuf;

use crate::config::Config;
use crate::convert::output::OutputError;
use crate::ledger::LedgerError;

pub(crate) use parts::with_totals;
pub use signals::Signals;

/// Why the agent could not start, or had to stop.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// A folder that the configuration names cannot be used.
    #[error("{key} = {}: {what}", path.display())]
    Folder {
        /// The key in the configuration.
        key: &'static str,
        /// The folder.
        path: PathBuf,
        /// What is wrong, and what to do.
        what: String,
    },
    /// Names in `inbox.include`, `inbox.exclude` or `inbox.manifest` that are no globs.
    #[error("inbox.include, inbox.exclude or inbox.manifest: {0}")]
    Globs(String),
    /// The outbox cannot be used.
    #[error(transparent)]
    Outbox(#[from] OutputError),
    /// The ledger cannot be used; without its memory no work may go on.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A defect of the program has ended the thread that lists the inbox.
    #[error("the thread that lists the inbox has ended; start the agent again, and please report what it said before")]
    Lister,
    /// The system refused threads or signal handlers.
    #[error("cannot start: {0}")]
    System(#[from] std::io::Error),
}

/// How a run ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunSummary {
    /// Sources converted.
    pub done: u64,
    /// Sources that went to the quarantine.
    pub quarantined: u64,
    /// Sources that failed and will be tried again.
    pub failed: u64,
}

/// Runs the agent until it is told to stop. With `once` it stops by itself when all that was there is done.
pub fn run(config: &Config, once: bool) -> Result<RunSummary, AgentError> {
    let signals = Signals::install()?;
    let (parts, dispatcher) = parts::build(config, once)?;
    let summary = dispatcher.run(&signals, &parts, once)?;
    // With the last of those who use it, the ledger is closed in order: the next start need not check all of it.
    parts.pool.join();
    log::info!(event = "agent.stopped", done = summary.done, quarantined = summary.quarantined, failed = summary.failed;
        "Stopped.");
    Ok(summary)
}
