//! Builds everything the agent is made of, in an order in which each part finds what it needs.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::Receiver;
use jiff::Timestamp;

use super::AgentError;
use super::dispatcher::Dispatcher;
use super::intake_loop::{IntakeLoop, name_filter};
use super::profiler::Profiler;
use crate::config::{After, Config};
use crate::convert::Options;
use crate::intake::{Manifests, Writer, writer_present};
use crate::jobs::attempt::Workshop;
use crate::jobs::manifest::SumsOf;
use crate::jobs::pool::{Pool, Report};
use crate::jobs::queue::Queue;
use crate::jobs::retry::Backoff;
use crate::jobs::staging::Staging;
use crate::jobs::unfinished::Unfinished;
use crate::ledger::{Ledger, SqliteLedger, State};
use crate::telemetry::listener;
use crate::telemetry::status::{Files, Live, Status};

/// What lives beside the dispatcher.
pub(super) struct Parts {
    /// The worker threads.
    pub(super) pool: Pool,
    /// Where workers report.
    pub(super) reports: Receiver<Report>,
    /// As long as it is held, no other agent publishes there.
    _outbox: Staging,
}

/// Jobs that the channel to the workers holds for each of them: enough that none waits for the dispatcher.
const QUEUED_FOR_EACH: usize = 32;

/// Checks the folders, opens the ledger, finishes what an earlier run left, and starts threads and listeners. A run
/// that ends by itself (`once`) gives no source time to be finished.
pub(super) fn build(config: &Config, once: bool) -> Result<(Parts, Dispatcher), AgentError> {
    prepare_folders(config)?;
    let ledger_path = config.ledger.sqlite_path();
    let ledger: Arc<dyn Ledger> = Arc::new(SqliteLedger::open(&ledger_path)?);
    let outbox = hold_outbox(&config.output.path)?;
    let manifests = manifests(config)?;
    let workshop = Arc::new(workshop(config, once, Arc::clone(&ledger), manifests.clone()));
    let recovered = workshop.recover()?;
    log::info!(
        event = "agent.recovered", cut_off = recovered.cut_off, published = recovered.published,
        disposed = recovered.disposed, removed = recovered.removed; "Looked at what an earlier run left."
    );
    let live = Arc::new(Live::default());
    // What a run that ends by itself leaves is told of at once; else a marker has a second at least to follow its source.
    let patience = Duration::from_secs(if once { 0 } else { config.inbox.truncated_grace_secs.max(1) });
    let intake = IntakeLoop::new(config, &ledger, Arc::clone(&live), manifests, patience)?;
    let workers = config.worker_count();
    // What a large file may use beside its worker. Refused only if somebody has set it before.
    let _ = rayon::ThreadPoolBuilder::new().num_threads(workers).build_global();
    let (queue, jobs) = Queue::new(config.inbox.order, QUEUED_FOR_EACH * workers);
    let (report, reports) = crossbeam_channel::unbounded();
    let profiler = Profiler::start(config)?;
    let pool = Pool::start(workers, &workshop, &jobs, &report, profiler.as_ref().map(Profiler::profile))?;
    serve_status(config, &ledger_path, &ledger, &live, &pool)?;
    Ok((Parts { pool, reports, _outbox: outbox }, Dispatcher::new(workshop, ledger, intake, queue, live, profiler)))
}

fn prepare_folders(config: &Config) -> Result<(), AgentError> {
    folder("inbox.path", &config.inbox.path)?;
    folder("output.path", &config.output.path)?;
    folder("source.quarantine", &config.source.quarantine)?;
    if config.source.after == After::Archive {
        folder("source.archive", &config.source.archive)?;
    }
    if let Some(parent) = config.profile.page().and_then(Path::parent) {
        folder("profile.path", parent)?;
    }
    Ok(())
}

/// The ledger's lock keeps two agents off one ledger; this one keeps agents with ledgers of their own apart, whose
/// unfinished outputs would have the same names.
fn hold_outbox(path: &Path) -> Result<Staging, AgentError> {
    Staging::for_agent(path)?.ok_or_else(|| AgentError::Folder {
        key: "output.path",
        path: path.into(),
        what: "is in use by another agent; give each agent an outbox of its own".to_owned(),
    })
}

fn folder(key: &'static str, path: &Path) -> Result<(), AgentError> {
    fs::create_dir_all(path).map_err(|e| AgentError::Folder {
        key,
        path: path.into(),
        what: format!("cannot be made or used: {e}; make it and let this user write to it"),
    })
}

/// The manifests in the inbox, if the operator wants any: the intake waits for them, and workers compare with them.
fn manifests(config: &Config) -> Result<Option<Arc<Manifests>>, AgentError> {
    let wanted = !config.inbox.manifest.is_empty();
    wanted.then(|| Ok(Arc::new(Manifests::new(&config.inbox.path, name_filter(config)?)))).transpose()
}

fn workshop(config: &Config, once: bool, ledger: Arc<dyn Ledger>, manifests: Option<Arc<Manifests>>) -> Workshop {
    Workshop {
        inbox: config.inbox.path.clone(),
        outbox: config.output.path.clone(),
        archive: config.source.archive.clone(),
        quarantine: config.source.quarantine.clone(),
        after: config.source.after,
        on_existing: config.output.on_existing,
        options: Options { hash: true, ..Options::from_config(config, config.worker_count()) },
        max_attempts: config.retry.max_attempts,
        backoff: Backoff {
            first: Duration::from_secs(config.retry.backoff_secs),
            longest: Duration::from_secs(config.retry.backoff_max_secs),
        },
        unfinished: Unfinished::new(Duration::from_secs(if once { 0 } else { config.inbox.truncated_grace_secs })),
        ledger,
        has_writer: |file| writer_present(file) == Writer::Present,
        marker: config.inbox.done_marker.clone(),
        sums_of: manifests.map(|manifests| -> SumsOf { Box::new(move |source| manifests.sums_of(source)) }),
    }
}

/// Answers `h5inbox status`, and monitors over HTTP. A port that is taken is no reason not to convert.
fn serve_status(
    config: &Config,
    ledger_path: &Path,
    ledger: &Arc<dyn Ledger>,
    live: &Arc<Live>,
    pool: &Pool,
) -> Result<(), AgentError> {
    // Who asks must not keep the ledger open when the agent stops: it would pass for one that was cut off.
    let (ledger, live, busy) = (Arc::downgrade(ledger), Arc::clone(live), pool.busy_counter());
    let fixed = Status {
        running: true,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        pid: Some(std::process::id()),
        since: Some(format!("{:.3}", Timestamp::now())),
        inbox: crate::source::Shown(&config.inbox.path).to_string(),
        outbox: crate::source::Shown(&config.output.path).to_string(),
        workers: pool.size() as u64,
        ..Status::default()
    };
    let answer: listener::Answer = Arc::new(move || {
        let ledger = ledger.upgrade();
        let mut status = ledger.map_or_else(|| fixed.clone(), |ledger| with_totals(fixed.clone(), ledger.as_ref()));
        status.busy_workers = busy.load(std::sync::atomic::Ordering::Relaxed) as u64;
        status.backlog = live.backlog(status.busy_workers);
        status.watch = live.watch();
        serde_json::to_string(&status).unwrap_or_default()
    });
    listener::serve_socket(&listener::socket_of(ledger_path), Arc::clone(&answer))?;
    let address = &config.status.listen;
    if !address.is_empty()
        && let Err(error) = listener::serve_http(address, answer)
    {
        log::warn!(event = "agent.listen", error:% = error;
            "Cannot listen on {address}; set `status.listen` to a free port, or to \"\" to turn it off.");
    }
    Ok(())
}

/// `status` with the numbers that the ledger knows; without them if it cannot be asked.
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
