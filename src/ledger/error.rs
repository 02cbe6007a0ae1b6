//! What can be wrong with a ledger, and what to do about it.

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;

use crate::source::Shown;

use super::{JobId, State};

/// Why the ledger did not do what it was asked. Cloneable, because one failed commit answers many callers.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LedgerError {
    /// Another agent works with this ledger; `None` while that agent is just starting.
    #[error(
        "the ledger {} is in use by another agent{}; stop that one, or give this one its own `ledger.url`",
        Shown(path),
        pid.map(|pid| format!(" (process {pid})")).unwrap_or_default()
    )]
    Locked {
        /// The ledger.
        path: PathBuf,
        /// The other agent's process id.
        pid: Option<u32>,
    },
    /// Another agent that shares the ledger has the same name, and is alive.
    #[error(
        "an agent called {name} works with this ledger already (process {pid} on {host}); stop that one, or give this one a name \
         of its own by `ledger.agent`"
    )]
    NameTaken {
        /// What both are called.
        name: String,
        /// Where the other one is.
        host: String,
        /// Its process there.
        pid: u32,
    },
    /// There is nothing to read: the agent has not run yet, or runs with another configuration.
    #[error("there is no ledger at {}; has the agent been started with this configuration?", Shown(.0))]
    Missing(PathBuf),
    /// The file that the ledger was opened from has lost its name: what is recorded in it would be lost.
    #[error(
        "the ledger {} was removed, or replaced by another file, while the agent worked with it; nothing more is recorded: \
         put it back before the agent starts again, or run `h5inbox ledger rebuild`",
        Shown(.0)
    )]
    Replaced(PathBuf),
    /// Locks and shared memory cannot be trusted there.
    #[error(
        "the ledger {} is on a {kind} mount, where its locks are not reliable; set `ledger.url` to a local path",
        Shown(path)
    )]
    Remote {
        /// The ledger.
        path: PathBuf,
        /// The file system's name.
        kind: &'static str,
    },
    /// The content contradicts itself.
    #[error(
        "the ledger is damaged: {0}; `h5inbox ledger rebuild` makes it anew from what can be read of it, the outputs and \
         the quarantine, and keeps the damaged file; do not just remove it"
    )]
    Damaged(String),
    /// The file holds something else.
    #[error("{} is a database of another program; set `ledger.url` to a path of its own", Shown(.0))]
    Foreign(PathBuf),
    /// A newer version of this program has written the ledger.
    #[error("the ledger has schema {found}, this program knows up to {known}; install the newer version again")]
    SchemaNewer {
        /// The ledger's schema.
        found: u32,
        /// The latest that this program knows.
        known: u32,
    },
    /// The agent, which alone changes a schema, has not run in this version yet.
    #[error("the ledger has schema {found}, this program needs {known}; restart the agent, which upgrades it")]
    SchemaOlder {
        /// The ledger's schema.
        found: u32,
        /// The one that this program works with.
        known: u32,
    },
    /// A step that the job's state does not allow; nothing was changed.
    #[error("job {id} cannot {step}: it is {}", found.map_or("not in the ledger", State::as_str))]
    Conflict {
        /// The job.
        id: JobId,
        /// What was asked.
        step: &'static str,
        /// The state it is in; `None`: there is no such job.
        found: Option<State>,
    },
    /// The disk refused to make something durable. What it says from now on proves nothing (it may report success
    /// without having written), so that nothing more is recorded until the agent has started again.
    #[error("the ledger could not be flushed to disk: {0}; check the disk, then restart the agent")]
    Broken(Arc<dyn Error + Send + Sync>),
    /// This agent was not heard of for longer than its lease.
    #[error(
        "this agent was not heard of for longer than its lease (`ledger.lease_secs`), and others have taken what it had; it \
         registers again"
    )]
    Expelled,
    /// The storage did not answer as asked; nothing was changed.
    #[error("the ledger cannot {doing}: {source}")]
    Unavailable {
        /// What was tried.
        doing: String,
        /// Whether it may work later without anybody changing the ledger: disk full, busy, read-only for now.
        passing: bool,
        /// What the storage said.
        source: Arc<dyn Error + Send + Sync>,
    },
}

impl LedgerError {
    /// Whether the same call may succeed later, so that waiting is the answer.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable { passing: true, .. } | Self::Expelled)
    }
}
