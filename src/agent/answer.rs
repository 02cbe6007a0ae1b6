//! What is answered to those who ask how the agent is: the same for the socket and over HTTP, and also while the agent has no
//! ledger to work with.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;

use super::AgentError;
use crate::config::Config;
use crate::ledger::{Ledger, State};
use crate::source::Shown;
use crate::telemetry::listener;
use crate::telemetry::status::{Files, Live, Status};

/// The answer of one process.
pub(super) struct Answer {
    /// What changes all the time.
    pub(super) live: Arc<Live>,
    /// What changes with the configuration only, with the totals that were known last.
    known: Mutex<Status>,
    at_work: Mutex<Option<AtWork>>,
    served: AtomicBool,
}

/// What is there only while the agent works.
struct AtWork {
    ledger: Arc<dyn Ledger>,
    busy: Arc<AtomicUsize>,
}

impl Answer {
    /// Nothing is served yet.
    pub(super) fn new(config: &Config) -> Arc<Self> {
        let known = Status {
            running: true,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: Some(std::process::id()),
            since: Some(format!("{:.3}", Timestamp::now())),
            ..Status::default()
        };
        let (live, known) = (Arc::new(Live::default()), Mutex::new(known));
        let answer = Self { live, known, at_work: Mutex::default(), served: AtomicBool::new(false) };
        answer.configured(config);
        Arc::new(answer)
    }

    /// The agent works with `ledger`, and `busy` workers.
    pub(super) fn works(&self, ledger: &Arc<dyn Ledger>, busy: Arc<AtomicUsize>) {
        let at_work = AtWork { ledger: Arc::clone(ledger), busy };
        *self.at_work.lock().unwrap_or_else(PoisonError::into_inner) = Some(at_work);
    }

    /// The agent works no more; the ledger is let go. What it knows last is what is told from now on.
    pub(super) fn rests(&self) {
        self.status();
        *self.at_work.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Answers `h5inbox status`, and monitors over HTTP, until the process ends. A port that is taken is no reason not to
    /// convert.
    pub(super) fn serve(self: &Arc<Self>, config: &Config, ledger: &Path) -> Result<(), AgentError> {
        if self.served.swap(true, Ordering::Relaxed) {
            return Ok(());
        }
        let this = Arc::clone(self);
        let answer: listener::Answer = Arc::new(move || serde_json::to_string(&this.status()).unwrap_or_default());
        listener::serve_socket(&listener::socket_of(ledger), Arc::clone(&answer))?;
        let address = &config.status.listen;
        if !address.is_empty()
            && let Err(error) = listener::serve_http(address, answer)
        {
            log::warn!(event = "agent.listen", error:% = error;
                "Cannot listen on {address}; set `status.listen` to a free port, or to \"\" to turn it off.");
        }
        Ok(())
    }

    /// The agent works by `config` from now on.
    pub(super) fn configured(&self, config: &Config) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.inbox = Shown(&config.inbox.path).to_string();
        known.outbox = Shown(&config.output.path).to_string();
        known.workers = config.worker_count() as u64;
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

    fn status(&self) -> Status {
        let at_work = self.at_work.lock().unwrap_or_else(PoisonError::into_inner);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at_work) = at_work.as_ref() {
            *known = with_totals(known.clone(), at_work.ledger.as_ref());
        }
        let busy_workers = at_work.as_ref().map_or(0, |at_work| at_work.busy.load(Ordering::Relaxed) as u64);
        let (backlog, watch, paused) = (self.live.backlog(busy_workers), self.live.watch(), self.live.paused());
        Status { busy_workers, backlog, paused, watch, ..known.clone() }
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
    status
}
