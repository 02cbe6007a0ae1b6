//! What agents on several hosts that share one ledger ask of it besides: which jobs are whose, and who is alive.
//!
//! A job that waits belongs to nobody. An agent *claims* some; from then on each step that it takes with one is refused if
//! the job is not its own any more (that is a [`Conflict`](super::LedgerError::Conflict)). An agent that has not been heard
//! of for longer than its lease, by the clock of the ledger, is taken for dead: what it had begun is *adopted* by another,
//! which finishes it as recovery would, and what it had not begun is anybody's again. Should it come back, nothing that it
//! had is its own.
//!
//! One of the agents *leads*: it lists the inbox and brings what is ready; all of them convert.

use std::path::PathBuf;

use crossbeam_channel::Receiver;
use jiff::Timestamp;

use super::record::time;
use super::{Job, JobId, LedgerError};
use crate::config::Order;
use crate::source::Identity;

/// One agent's part in a ledger that others share.
pub trait Shared: Send + Sync {
    /// What this agent is called among them.
    fn name(&self) -> &str;

    /// Durable: jobs that wait and whose time has come are this agent's now, first those that `order` asks for: `most` at
    /// most, and no more once their sources have `bytes` together. Never one whose path some agent has in hand, and none
    /// that this one has not [let go](Shared::let_go).
    fn claim(&self, most: usize, bytes: u64, order: Order) -> Result<Vec<Job>, LedgerError>;

    /// Durable: jobs that nobody has any more and that are running, publishing (if their time has come) or still to be
    /// disposed of are this agent's now, `most` at most; those that share an output all or none.
    fn adopt(&self, most: usize) -> Result<Vec<Adopted>, LedgerError>;

    /// This agent has no more to do with these jobs: whoever claims them next has them.
    fn let_go(&self, ids: &[JobId]) -> Result<(), LedgerError>;

    /// [`Shared::let_go`] for all that this agent has claimed and not begun.
    fn let_go_waiting(&self) -> Result<(), LedgerError>;

    /// Whether this agent is the one that lists the inbox, as far as it knows now.
    fn leads(&self) -> bool;

    /// Sources that agents did not take as they were found, since this was asked last: they have to settle again. For the
    /// agent that leads.
    fn released(&self) -> Result<Vec<(PathBuf, Identity)>, LedgerError>;

    /// Speaks when there may be work, or something about this agent has changed: at least every few seconds.
    fn wakes(&self) -> Receiver<()>;

    /// Why the ledger does not answer, if so; then steps of workers wait until it does.
    fn away(&self) -> Option<String>;

    /// Steps wait for a ledger that does not answer no more: they fail. For an agent that stops.
    fn give_up(&self);

    /// What this agent tells about itself, one JSON object, with its next sign of life.
    fn tell(&self, about: String);

    /// All agents that are alive, and those that were until a day ago, by name.
    fn agents(&self) -> Result<Vec<Agent>, LedgerError>;

    /// Which of these claims, a job's number and the [epoch](Job::epoch) each, nobody will take a step with any more, so
    /// that what they left on disk may be removed.
    fn are_over(&self, claims: &[(JobId, u64)]) -> Result<Vec<bool>, LedgerError>;
}

/// A job that was left behind.
#[derive(Clone, Debug, PartialEq)]
pub struct Adopted {
    /// The job, as it was left; its epoch is that of the adoption.
    pub job: Job,
    /// The agent that had it, if that is known.
    pub left_by: Option<String>,
}

/// An agent, as the ledger knows it.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Agent {
    /// What it is called.
    pub name: String,
    /// The host that it runs on.
    pub host: String,
    /// Its process there.
    pub pid: u32,
    /// Its version.
    pub version: String,
    /// Whether its lease has not run out.
    pub alive: bool,
    /// Whether it lists the inbox.
    pub leads: bool,
    /// When it began.
    #[serde(serialize_with = "time")]
    pub since: Timestamp,
    /// When it was heard of last.
    #[serde(serialize_with = "time")]
    pub seen_at: Timestamp,
    /// Jobs that it has.
    pub jobs: u64,
    /// What it told about itself last.
    pub about: Option<serde_json::Value>,
}
