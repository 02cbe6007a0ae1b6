//! What is answered to those who ask how the agent is: the same for the socket and over HTTP, and also while the agent has no
//! ledger to work with.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::AgentError;
use super::probe::{self, Probe};
use super::routes;
use crate::config::Config;
use crate::jobs::pool::Desks;
use crate::ledger::{Agent, Ledger, Shared, State};
use crate::source::Shown;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::status::{Backlog, Files, Live, Peer, Status};
use crate::telemetry::{http, listener};

/// How long it is believed that the ledger can be written, once that was seen.
const WRITABLE: Duration = Duration::from_secs(30);
/// The thread that decides is alive if it was heard of within this time.
const HEARD: Duration = Duration::from_secs(180);

/// The answer of one process.
pub(super) struct Answer {
    /// What changes all the time.
    pub(super) live: Arc<Live>,
    /// What is counted as long as the process lives.
    pub(super) metrics: Arc<Metrics>,
    /// What was found of the outbox.
    pub(super) probe: Probe,
    /// What changes with the configuration only, with the totals that were known last.
    known: Mutex<Status>,
    at_work: Mutex<Option<AtWork>>,
    /// When the ledger was last seen to take something.
    written: Mutex<Option<Instant>>,
    /// What the agent works by.
    config: Mutex<Arc<Config>>,
    /// The command that tries sources again, to be followed by their names.
    retry: String,
    served: AtomicBool,
    /// The address that is listened on, and by whom.
    listens: Mutex<Option<(String, http::Serving)>>,
}

/// What is there only while the agent works.
pub(super) struct AtWork {
    pub(super) ledger: Arc<dyn Ledger>,
    pub(super) desks: Desks,
}

impl AtWork {
    /// Whether the ledger can be asked: one that is away would keep those waiting who ask how things stand.
    pub(super) fn answers(&self) -> bool {
        self.ledger.shared().is_none_or(|shared| shared.away().is_none())
    }
}

impl Answer {
    /// Nothing is served yet.
    pub(super) fn new(config: &Arc<Config>, retry: String) -> Result<Arc<Self>, AgentError> {
        let now = Timestamp::now();
        let known = Status {
            running: true,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: Some(std::process::id()),
            since: Some(format!("{now:.3}")),
            ..Status::default()
        };
        let metrics = Metrics::new(&known.version, now).map_err(std::io::Error::other)?;
        let live = Live::default();
        live.alive();
        let answer = Self {
            live: Arc::new(live),
            metrics: Arc::new(metrics),
            probe: Probe::default(),
            known: Mutex::new(known),
            at_work: Mutex::default(),
            written: Mutex::default(),
            config: Mutex::new(Arc::clone(config)),
            retry,
            served: AtomicBool::new(false),
            listens: Mutex::default(),
        };
        answer.configured(config);
        Ok(Arc::new(answer))
    }

    /// The agent works by `config` from now on.
    pub(super) fn configured(&self, config: &Arc<Config>) {
        *self.config.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(config);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.inbox = Shown(&config.inbox.path).to_string();
        known.outbox = Shown(&config.output.path).to_string();
        known.workers = config.worker_count() as u64;
    }

    /// The command that tries sources again, to be followed by their names.
    pub(super) fn retry(&self) -> &str {
        &self.retry
    }

    /// What the agent works by.
    pub(super) fn config(&self) -> Arc<Config> {
        Arc::clone(&self.config.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The agent works with `ledger`, at these `desks`.
    pub(super) fn works(&self, ledger: &Arc<dyn Ledger>, desks: Desks) {
        let at_work = AtWork { ledger: Arc::clone(ledger), desks };
        *self.at_work.lock().unwrap_or_else(PoisonError::into_inner) = Some(at_work);
    }

    /// The agent works no more; the ledger is let go. What it knows last is what is told from now on.
    pub(super) fn rests(&self) {
        self.status();
        *self.at_work.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Does `work` with what is there while the agent works, which does not end meanwhile: whoever kept the ledger would keep
    /// it from being closed, and from being opened again.
    pub(super) fn at_work<T>(&self, work: impl FnOnce(&AtWork) -> T) -> Option<T> {
        self.at_work.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(work)
    }

    /// Answers `h5inbox status`, and browsers and monitors over HTTP where `config` says, from now on until the process ends.
    pub(super) fn serve(self: &Arc<Self>, config: &Config) -> Result<(), AgentError> {
        // Whoever is answered by the socket finds the other there, too.
        self.listen(&config.status.listen);
        if !self.served.swap(true, Ordering::Relaxed) {
            let this = Arc::clone(self);
            let answer: listener::Answer = Arc::new(move || serde_json::to_string(&this.status()).unwrap_or_default());
            let socket = config.socket();
            let served = listener::serve_socket(&socket, answer);
            served.map_err(|error| AgentError::Folder {
                key: "status.socket",
                what: format!("cannot be made: {error}; let this user write to its folder, or choose another place"),
                path: socket,
            })?;
            probe::start(self)?;
        }
        Ok(())
    }

    /// A port that is taken is no reason not to convert, nor to give up the one that there is.
    fn listen(self: &Arc<Self>, address: &str) {
        let mut listens = self.listens.lock().unwrap_or_else(PoisonError::into_inner);
        if address.is_empty() {
            *listens = None;
        }
        if address.is_empty() || listens.as_ref().is_some_and(|(now, _)| now == address) {
            return;
        }
        let this = Arc::clone(self);
        match http::serve(address, routes::KNOWN, Arc::new(move |path| routes::reply(&this, path))) {
            Ok(serving) => {
                let taken = serving.address();
                log::info!(event = "agent.listening", address:% = taken; "The page is at http://{taken}/");
                *listens = Some((address.to_owned(), serving));
            }
            Err(error) => log::warn!(event = "agent.listen", error:% = error;
                "Cannot listen on {address}; set `status.listen` to a free port, or to \"\" to turn it off."),
        }
    }

    /// Says in the log how things stand.
    pub(super) fn tell(&self) {
        let status = self.status();
        let Status { backlog, files, watch, .. } = &status;
        log::info!(
            event = "agent.status", workers = status.workers, busy_workers = status.busy_workers, settling = backlog.settling,
            withheld = backlog.withheld, ready = backlog.ready, running = backlog.running, retrying = backlog.retrying,
            oldest_waiting_s = status.oldest_waiting_s, done = files.done, duplicate = files.duplicate, failed = files.failed,
            quarantined = files.quarantined, rows = status.rows, bad_records = status.bad_records,
            bytes_in = status.bytes_in, bytes_out = status.bytes_out, last_success_at = status.last_success_at,
            paused = status.paused, watch = watch.mode, overflows = watch.overflows, unwatched = watch.unwatched,
            inbox = status.inbox, outbox = status.outbox, since = status.since; "State."
        );
    }

    /// How the agent is now.
    pub(super) fn status(&self) -> Status {
        let at_work = self.at_work.lock().unwrap_or_else(PoisonError::into_inner);
        let mut last = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at_work) = at_work.as_ref().filter(|at_work| at_work.answers()) {
            *last = with_totals(last.clone(), at_work.ledger.as_ref());
        }
        let busy_workers = at_work.as_ref().map_or(0, |at_work| at_work.desks.busy() as u64);
        let (backlog, watch, paused) = (self.live.backlog(busy_workers), self.live.watch(), self.live.paused());
        let backlog = if last.agents.is_empty() { backlog } else { of_all(backlog, last.backlog) };
        Status { busy_workers, backlog, paused, watch, ..last.clone() }
    }

    /// The metrics now, in Prometheus' text format.
    pub(super) fn metrics(&self) -> String {
        let free = self.probe.found().and_then(Result::ok);
        self.metrics.text(&self.status(), self.live.cause(), free)
    }

    /// Whether the thread that decides still does.
    pub(super) fn is_alive(&self) -> bool {
        self.live.heard_within(HEARD)
    }

    /// Why the agent could not convert a file now; empty if it could.
    pub(super) fn hindrances(&self) -> Vec<String> {
        let mut hindrances: Vec<String> = self.live.paused().map(|why| format!("paused: {why}")).into_iter().collect();
        if hindrances.is_empty() {
            hindrances.extend(self.ledger_trouble());
        }
        if self.live.listed.load(Ordering::Relaxed) == 0 {
            hindrances.push("the inbox has not been listed; see the log".to_owned());
        }
        if let Some(Err(error)) = self.probe.found() {
            let outbox = self.known.lock().unwrap_or_else(PoisonError::into_inner).outbox.clone();
            hindrances.push(format!("output.path = {outbox}: {error}"));
        }
        hindrances
    }

    fn ledger_trouble(&self) -> Option<String> {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if written.is_some_and(|at| at.elapsed() < WRITABLE) {
            return None;
        }
        let tried = self.at_work(|at_work| at_work.ledger.try_out());
        *written = matches!(tried, Some(Ok(()))).then(Instant::now);
        match tried {
            None => Some("the agent has not begun to work".to_owned()),
            Some(Err(error)) => Some(format!("the ledger cannot be written: {error}")),
            Some(Ok(())) => None,
        }
    }
}

/// `status` with the numbers that the ledger knows; as it is if that cannot be asked.
pub(crate) fn with_totals(mut status: Status, ledger: &dyn Ledger) -> Status {
    let Ok(totals) = ledger.totals() else { return status };
    status.files = Files {
        done: totals.count(State::Done),
        failed: totals.count(State::Failed),
        quarantined: totals.count(State::Quarantined),
        duplicate: totals.count(State::Duplicate),
    };
    (status.rows, status.bytes_in, status.bytes_out) = (totals.rows, totals.bytes_in, totals.bytes_out);
    status.bad_records = totals.bad_records;
    status.last_success_at = totals.last_success_at.map(|time| format!("{time:.3}"));
    status.oldest_waiting_s = totals.oldest_waiting.map(|time| Timestamp::now().duration_since(time).as_secs_f64());
    if let Some(Ok(agents)) = ledger.shared().map(Shared::agents) {
        let (ready, running, retrying) = (totals.count(State::Ready), totals.running(), totals.retrying());
        status.backlog = Backlog { ready, running, retrying, ..Backlog::default() };
        status.agents = agents.into_iter().map(peer).collect();
    }
    status
}

/// The backlog of all agents that share a ledger: what waits is known there, what settles only `here`.
fn of_all(here: Backlog, all: Backlog) -> Backlog {
    let Backlog { ready, running, retrying, .. } = all;
    Backlog { ready, running, retrying, ..here }
}

fn peer(agent: Agent) -> Peer {
    let about = agent.about.unwrap_or_default();
    Peer {
        name: agent.name,
        host: agent.host,
        pid: agent.pid,
        version: agent.version,
        alive: agent.alive,
        leads: agent.leads,
        since: format!("{:.3}", agent.since),
        seen_at: format!("{:.3}", agent.seen_at),
        jobs: agent.jobs,
        workers: about["workers"].as_u64(),
        paused: about["paused"].as_str().map(str::to_owned),
    }
}
