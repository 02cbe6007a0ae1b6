//! What keeps running: the only room that knows all the others. Builds the parts, wires their channels, drives them,
//! and stops them in order.
//!
//! One thread decides ([`dispatcher`]): it turns hints and listings into arrivals, arrivals into jobs, and reports of
//! workers into what comes next. Workers convert, the ledger's thread commits, the watcher's thread hints, the
//! profiler's thread writes a page, the housekeeper's removes what is old, visitors' threads answer those who ask how things
//! stand ([`routes`]); nothing is shared but channels, counters and what the workers record.

mod activity;
mod answer;
mod dispatcher;
mod holds;
mod housekeeper;
mod intake_loop;
mod leading;
mod once;
mod parts;
mod pause;
mod pausing;
mod probe;
mod profiler;
mod reloading;
mod routes;
mod sharing;
mod signals;
mod stopping;
mod supervisor;
mod told;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::config::Config;
use crate::convert::output::OutputError;
use crate::jobs::fault::is_ours;
use crate::ledger::LedgerError;
use crate::source::Shown;
use crate::telemetry::status::Cause;

use answer::Answer;
pub(crate) use answer::with_totals;
use holds::Holds;
pub(crate) use intake_loop::name_filter;
use pause::Waits;
use reloading::{Next, accept, refuse, tell_reloaded};
use signals::Request;
use signals::Signals;
pub use signals::{Reread, Rereader};
use supervisor::Supervisor;

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
    /// Names in `inbox.include`, `inbox.exclude`, `inbox.manifest` or `output.gather` that are no globs.
    #[error("inbox.include, inbox.exclude, inbox.manifest or output.gather: {0}")]
    Globs(String),
    /// The outbox cannot be used.
    #[error(transparent)]
    Outbox(#[from] OutputError),
    /// The outbox was filled with another ledger.
    #[error(
        "the outbox {} was filled with another ledger than {}: that one was removed, exchanged or moved. Set `ledger.url` \
         to where it is, put it back, or let `h5inbox ledger rebuild` make it anew from what the folders tell; for a \
         ledger of its own choose another `output.path`",
        Shown(outbox),
        ledger
    )]
    OtherLedger {
        /// The outbox.
        outbox: PathBuf,
        /// The ledger of this agent.
        ledger: String,
    },
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

impl AgentError {
    /// Whether the same may go well later: a disk is full, or missing for now.
    #[must_use]
    pub fn passes(&self) -> bool {
        match self {
            Self::Ledger(error) => error.is_transient(),
            Self::Outbox(OutputError::Io { source, .. }) | Self::System(source) => is_ours(source),
            _ => false,
        }
    }
}

/// How long an agent that has not begun yet, or is to end by itself, waits for what may pass. Then it gives up: at a start
/// somebody waits for the outcome, and systemd starts it again.
const PATIENCE: Duration = Duration::from_secs(15);

/// How long building the parts anew may take: many folders have to be watched first.
const REBUILDING: Duration = Duration::from_secs(300);

/// How an agent was started.
pub struct Start {
    /// It stops by itself when all that was there is done.
    pub once: bool,
    /// Reads what HUP asks to be read.
    pub rereader: Rereader,
    /// The command that tries sources again, to be followed by their names.
    pub retry: String,
}

/// Runs the agent until it is told to stop.
///
/// Without its ledger no work may go on: if that cannot be written now, all parts are stopped in order, and built again
/// when it can. What was under way is then taken up, as after a crash.
pub fn run(config: Config, start: Start) -> Result<RunSummary, AgentError> {
    let mut run = Run::new(config, start)?;
    while let Err(error) = run.work() {
        if !error.passes() || run.signals.stop_asked() || !run.has_patience() {
            return Err(error);
        }
        if !run.wait(&error) {
            break;
        }
    }
    let summary = run.lasts.summary;
    log::info!(event = "agent.stopped", done = summary.done, quarantined = summary.quarantined, failed = summary.failed;
        "Stopped.");
    Ok(summary)
}

/// What outlives the parts, and changes with them.
struct Lasting {
    config: Arc<Config>,
    summary: RunSummary,
    /// What the next parts begin with, if the configuration is another one.
    next: Option<Next>,
}

/// The process, whatever parts are at work. What outlives a reload is made here: the signals, and what is answered.
struct Run {
    lasts: Lasting,
    once: bool,
    signals: Signals,
    answer: Arc<Answer>,
    /// Whether parts have been at work.
    begun: bool,
    /// Since when none can be.
    unable: Option<Instant>,
    waits: Waits,
    /// When the operator was told of a pause last, and whether that is the one which lasts.
    told_at: Option<Instant>,
    told: bool,
}

impl Run {
    fn new(config: Config, Start { once, rereader, retry }: Start) -> Result<Self, AgentError> {
        let config = Arc::new(config);
        let (signals, answer) = (Signals::install(rereader)?, Answer::new(&config, retry)?);
        let lasts = Lasting { config, summary: RunSummary::default(), next: None };
        let (begun, unable, waits, told_at, told) = (false, None, Waits::new(), None, false);
        Ok(Self { lasts, once, signals, answer, begun, unable, waits, told_at, told })
    }

    /// Works until it is time to stop, by one configuration after the other.
    fn work(&mut self) -> Result<(), AgentError> {
        let since = Instant::now();
        let mut worked = Holds::take(&self.lasts.config).and_then(|holds| self.work_with(holds));
        while let (Ok(()), Some(next), false) = (&worked, self.lasts.next.take(), self.signals.stop_asked()) {
            tell_reloaded(&next.changed);
            worked = self.work_with(next.holds);
        }
        if since.elapsed() > pause::LONGEST {
            self.waits = Waits::new();
        }
        worked
    }

    /// Builds all parts, and works until it is time for others, or to stop.
    fn work_with(&mut self, holds: Holds) -> Result<(), AgentError> {
        self.answer.configured(&self.lasts.config);
        if self.begun {
            Supervisor::rebuilding(REBUILDING);
        }
        let built = parts::build(&self.lasts.config, holds, self.once, self.begun, &self.answer);
        let worked = built.and_then(|(parts, dispatcher)| {
            self.begun = true;
            self.resumed();
            dispatcher.run(&self.signals, &parts, self.once, &mut self.lasts)?;
            if self.once {
                parts.housekeeper.finish();
            }
            // With the last of those who use it, the ledger is closed in order: the next start need not check all of it.
            parts.pool.join();
            Ok(())
        });
        self.answer.rests();
        worked
    }

    fn resumed(&mut self) {
        self.answer.live.pause(None);
        if std::mem::take(&mut self.told) {
            let paused_s = self.unable.map(|since| since.elapsed().as_secs_f64());
            log::info!(event = "agent.resumed", paused_s = paused_s; "It is over; going on.");
        }
        if !self.once {
            self.unable = None;
        }
    }

    fn has_patience(&mut self) -> bool {
        let since = self.unable.get_or_insert_with(Instant::now);
        (self.begun && !self.once) || since.elapsed() < PATIENCE
    }

    /// What is at fault, where, and what to do.
    fn reason(&self, error: &AgentError) -> String {
        match error {
            AgentError::Ledger(error) => match self.lasts.config.ledger.file() {
                Some(file) => format!("{}: {error}; check free space, quota and mount there", Shown(&file)),
                None => error.to_string(),
            },
            AgentError::Outbox(error) => format!("{error}; {}", error.hint()),
            error => error.to_string(),
        }
    }

    /// Waits before the next try; false if the agent is to stop instead.
    fn wait(&mut self, error: &AgentError) -> bool {
        let why = self.reason(error);
        let lasts = self.unable.is_some_and(|since| since.elapsed() >= pause::ANEW);
        if self.told_at.is_none_or(|told| told.elapsed() >= pause::REMIND) || (!self.told && lasts) {
            (self.told_at, self.told) = (Some(Instant::now()), true);
            log::warn!(event = "agent.paused", error:% = why; "Nothing can be recorded; waiting until that is over.");
        }
        Supervisor::says(&format!("paused: {why}"));
        let cause = if matches!(error, AgentError::Outbox(_)) { Cause::Output } else { Cause::Ledger };
        self.answer.live.pause(Some((cause, why.clone())));
        let (until, mut supervisor) = (Instant::now() + self.waits.next(), Supervisor::new());
        while let Some(left) = until.checked_duration_since(Instant::now()) {
            let sleep = left.min(supervisor.longest_sleep());
            match self.signals.requests().recv_timeout(sleep) {
                Ok(Request::Stop) => return false,
                Ok(Request::Report) => self.answer.tell(),
                Ok(Request::Reload(read)) => self.reload(read, &why),
                Ok(Request::Scan) | Err(_) => {}
            }
            supervisor.alive();
            self.answer.live.alive();
        }
        true
    }

    /// The configuration was `read` again while no parts are at work.
    fn reload(&mut self, read: Reread, why: &str) {
        match accept(&self.lasts.config, read) {
            Ok(new) => {
                new.begin_log();
                self.answer.configured(&new.config);
                self.lasts.config = new.config;
            }
            Err(problems) => refuse(&problems),
        }
        if self.begun {
            Supervisor::ready(&format!("paused: {why}"));
        }
    }
}
