//! The state of an agent as a plain value: what `status --json` prints, what the listener serves.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// One agent at one moment. Serialises to the object of `status --json`: that contract is these names.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// Whether an agent runs with this configuration.
    pub running: bool,
    /// Version of the program.
    pub version: String,
    /// Process id of the agent.
    pub pid: Option<u32>,
    /// When the agent started (RFC 3339, UTC).
    pub since: Option<String>,
    /// The watched folder.
    pub inbox: String,
    /// Where outputs go.
    pub outbox: String,
    /// Number of worker threads.
    pub workers: u64,
    /// How many of them have a job in hand.
    pub busy_workers: u64,
    /// What has not been converted yet.
    pub backlog: Backlog,
    /// Age in seconds of the oldest source that is ready and not converted.
    pub oldest_waiting_s: Option<f64>,
    /// Sources by outcome, over the whole ledger.
    pub files: Files,
    /// Rows written in all.
    pub rows: u64,
    /// Records that were left out of them because they are bad.
    #[serde(default)]
    pub bad_records: u64,
    /// Bytes of the sources converted.
    pub bytes_in: u64,
    /// Bytes of the outputs.
    pub bytes_out: u64,
    /// When the last source was converted (RFC 3339, UTC).
    pub last_success_at: Option<String>,
    /// Why the agent has paused; null if it has not.
    pub paused: Option<String>,
    /// How new sources are noticed.
    pub watch: Watch,
    /// The agents that share the ledger, this one among them; empty where it has one for itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub agents: Vec<Peer>,
}

/// One of several agents that share a ledger.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Peer {
    /// What it is called among them.
    pub name: String,
    /// The host that it runs on.
    pub host: String,
    /// Its process there.
    pub pid: u32,
    /// Its version.
    pub version: String,
    /// Whether it was heard of in time.
    pub alive: bool,
    /// Whether it is the one that lists the inbox.
    pub leads: bool,
    /// When it began (RFC 3339, UTC).
    pub since: String,
    /// When it was heard of last (RFC 3339, UTC).
    pub seen_at: String,
    /// Jobs that it has claimed.
    pub jobs: u64,
    /// Its worker threads.
    pub workers: Option<u64>,
    /// Why it has paused; null if it has not.
    pub paused: Option<String>,
}

/// Sources not converted yet, by what they wait for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backlog {
    /// Still being written, as far as is known.
    pub settling: u64,
    /// For a worker.
    pub ready: u64,
    /// In a worker's hand.
    pub running: u64,
    /// For another attempt.
    pub retrying: u64,
    /// For their markers or manifests; they are among the settling.
    #[serde(default)]
    pub withheld: u64,
    /// For being readable: they cannot be opened. They are among the settling.
    #[serde(default)]
    pub unreadable: u64,
}

/// Sources by outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Files {
    /// Converted.
    pub done: u64,
    /// To be tried again.
    pub failed: u64,
    /// Need a person.
    pub quarantined: u64,
    /// Had the content of the version before.
    pub duplicate: u64,
}

/// How new sources are noticed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watch {
    /// `native` (inotify) or `poll` (listing only).
    pub mode: String,
    /// How often the kernel's event queue overflowed; each time the inbox was listed.
    pub overflows: u64,
    /// How often a folder in the inbox could not be watched; it is listed every so often instead.
    #[serde(default)]
    pub unwatched: u64,
}

/// What keeps a paused agent from its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// No output can be made or published.
    Output,
    /// Sources that are decided cannot leave the inbox.
    Sources,
    /// Nothing can be recorded.
    Ledger,
}

impl Cause {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Output, Self::Sources, Self::Ledger];

    /// A stable word for it.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Output => "output",
            Self::Sources => "sources",
            Self::Ledger => "ledger",
        }
    }
}

/// Counters that the agent keeps while it runs.
#[derive(Debug, Default)]
pub struct Live {
    /// Sources still being written.
    pub settling: AtomicU64,
    /// Those of them that only miss a marker or a manifest.
    pub withheld: AtomicU64,
    /// Those of them that cannot be opened.
    pub unreadable: AtomicU64,
    /// Sources that wait for a worker.
    pub ready: AtomicU64,
    /// Sources handed to the workers, who have begun some of them.
    pub handed_over: AtomicU64,
    /// Sources that wait for another attempt.
    pub retrying: AtomicU64,
    /// Overflows of the kernel's event queue.
    pub overflows: AtomicU64,
    /// Folders that could not be watched.
    pub unwatched: AtomicU64,
    /// 1 as long as events are watched, 0 when the inbox is only listed.
    pub native: AtomicU64,
    /// 1 from the first complete listing of the inbox on, 0 while it cannot be listed.
    pub listed: AtomicU64,
    /// Why the agent has paused.
    paused: Mutex<Option<(Cause, String)>>,
    /// When the thread that decides was heard of last.
    heard: Mutex<Option<Instant>>,
}

impl Live {
    /// The backlog now, with so many workers busy.
    #[must_use]
    pub fn backlog(&self, busy: u64) -> Backlog {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        // A worker may be done with a source that is still counted as handed over: at most one each.
        let running = busy.min(load(&self.handed_over));
        Backlog {
            settling: load(&self.settling),
            ready: load(&self.ready) + load(&self.handed_over) - running,
            running,
            retrying: load(&self.retrying),
            withheld: load(&self.withheld),
            unreadable: load(&self.unreadable),
        }
    }

    /// The agent has paused, and why; or not any more.
    pub fn pause(&self, why: Option<(Cause, String)>) {
        *self.paused.lock().unwrap_or_else(PoisonError::into_inner) = why;
    }

    /// Why the agent has paused, if it has.
    #[must_use]
    pub fn paused(&self) -> Option<String> {
        self.paused.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(|(_, why)| why.clone())
    }

    /// What keeps the agent from its work, if it has paused.
    #[must_use]
    pub fn cause(&self) -> Option<Cause> {
        self.paused.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(|(cause, _)| *cause)
    }

    /// The thread that decides is alive.
    pub fn alive(&self) {
        *self.heard.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// Whether the thread that decides was heard of within `time`.
    #[must_use]
    pub fn heard_within(&self, time: Duration) -> bool {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|heard| heard.elapsed() <= time)
    }

    /// The watch now.
    #[must_use]
    pub fn watch(&self) -> Watch {
        let mode = if self.native.load(Ordering::Relaxed) == 1 { "native" } else { "poll" };
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Watch { mode: mode.to_owned(), overflows: load(&self.overflows), unwatched: load(&self.unwatched) }
    }
}
