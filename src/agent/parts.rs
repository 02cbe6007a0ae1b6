//! Builds everything the agent is made of, in an order in which each part finds what it needs.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::Receiver;

use super::AgentError;
use super::answer::Answer;
use super::dispatcher::Dispatcher;
use super::intake_loop::{IntakeLoop, name_filter};
use super::profiler::Profiler;
use crate::config::{After, Config};
use crate::convert::Options;
use crate::convert::output::OutputError;
use crate::convert::output::publish::make_folders;
use crate::intake::{Manifests, Writer, writer_present};
use crate::jobs::attempt::Workshop;
use crate::jobs::fault::{Undisposed, is_ours};
use crate::jobs::gather::{Patterns, Windows};
use crate::jobs::gathering::GatherRules;
use crate::jobs::manifest::SumsOf;
use crate::jobs::mark;
use crate::jobs::naming::Naming;
use crate::jobs::pool::{Pool, Report};
use crate::jobs::queue::Queue;
use crate::jobs::retry::Backoff;
use crate::jobs::staging::Staging;
use crate::jobs::unfinished::Unfinished;
use crate::ledger::{Ledger, SqliteLedger};

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

/// Checks the folders, opens the ledger, finishes what an earlier run left (or `again` this one, which could not use its
/// ledger for a while), and starts threads and listeners. A run that ends by itself (`once`) gives no source time to be
/// finished.
pub(super) fn build(
    config: &Config,
    once: bool,
    again: bool,
    answer: &Arc<Answer>,
) -> Result<(Parts, Dispatcher), AgentError> {
    prepare_folders(config)?;
    let ledger_path = config.ledger.sqlite_path();
    let ledger: Arc<dyn Ledger> = Arc::new(SqliteLedger::open(&ledger_path)?);
    let outbox = hold_outbox(&config.output.path)?;
    hold_to_ledger(&config.output.path, ledger.as_ref(), &ledger_path)?;
    let manifests = manifests(config)?;
    let workshop = Arc::new(workshop(config, once, Arc::clone(&ledger), manifests.clone())?);
    let recovered = if again {
        workshop.ledger.try_out()?;
        workshop.take_up()?
    } else {
        workshop.recover()?
    };
    log::info!(
        event = "agent.recovered", cut_off = recovered.cut_off, published = recovered.published,
        disposed = recovered.disposed, removed = recovered.removed; "Looked at what an earlier run left."
    );
    let live = Arc::clone(&answer.live);
    // What a run that ends by itself leaves is told of at once; else a marker has a second at least to follow its source.
    let patience = Duration::from_secs(if once { 0 } else { config.inbox.truncated_grace_secs.max(1) });
    let intake = IntakeLoop::new(config, &ledger, Arc::clone(&live), manifests, patience)?;
    let workers = config.worker_count();
    // What a large file may use beside its worker. Refused only if somebody has set it before.
    let _ = rayon::ThreadPoolBuilder::new().num_threads(workers).build_global();
    let windows = Windows::new(gather_patterns(config)?, &config.output);
    let (mut queue, jobs) = Queue::new(config.inbox.order, QUEUED_FOR_EACH * workers, windows);
    queue.suspect(recovered.suspects);
    let (report, reports) = crossbeam_channel::unbounded();
    let profiler = Profiler::start(config)?;
    let together = if config.output.gather.is_empty() { 1 } else { config.output.gather_files };
    let pool = Pool::start((workers, together), &workshop, &jobs, &report, profiler.as_ref().map(Profiler::profile))?;
    answer.works(&ledger, pool.busy_counter());
    answer.serve(config, &ledger_path)?;
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

/// Refuses an outbox that was filled with another ledger: that one is lost, or this is not the right one.
fn hold_to_ledger(outbox: &Path, ledger: &dyn Ledger, path: &Path) -> Result<(), AgentError> {
    let id = ledger.id()?;
    match mark::read(outbox) {
        Some(mark) if mark == id => return Ok(()),
        Some(_) => return Err(AgentError::OtherLedger { outbox: outbox.into(), ledger: path.into() }),
        None => {}
    }
    if let Err(error) = mark::write(outbox, &id) {
        log::warn!(event = "agent.mark", error:% = error;
            "The outbox could not be marked as this ledger's; it is tried again at the next start.");
    }
    Ok(())
}

fn folder(key: &'static str, path: &Path) -> Result<(), AgentError> {
    make_folders(path).map_err(|error| match error {
        OutputError::Io { source, .. } if !is_ours(&source) => {
            let what = format!("cannot be made or used: {source}; make it and let this user write to it");
            AgentError::Folder { key, path: path.into(), what }
        }
        passing => passing.into(),
    })
}

/// The manifests in the inbox, if the operator wants any: the intake waits for them, and workers compare with them.
fn manifests(config: &Config) -> Result<Option<Arc<Manifests>>, AgentError> {
    let wanted = !config.inbox.manifest.is_empty();
    wanted.then(|| Ok(Arc::new(Manifests::new(&config.inbox.path, name_filter(config)?)))).transpose()
}

fn gather_patterns(config: &Config) -> Result<Patterns, AgentError> {
    Patterns::new(&config.output.gather).map_err(|e| AgentError::Globs(e.to_string()))
}

fn workshop(
    config: &Config,
    once: bool,
    ledger: Arc<dyn Ledger>,
    manifests: Option<Arc<Manifests>>,
) -> Result<Workshop, AgentError> {
    Ok(Workshop {
        inbox: config.inbox.path.clone(),
        outbox: config.output.path.clone(),
        archive: config.source.archive.clone(),
        quarantine: config.source.quarantine.clone(),
        after: config.source.after,
        naming: Naming { template: config.output.name.clone(), format: config.output.format },
        on_existing: config.output.on_existing,
        options: Options { hash: true, ..Options::from_config(config, config.worker_count()) },
        max_attempts: config.retry.max_attempts,
        backoff: Backoff {
            first: Duration::from_secs(config.retry.backoff_secs),
            longest: Duration::from_secs(config.retry.backoff_max_secs),
        },
        unfinished: Unfinished::new(Duration::from_secs(if once { 0 } else { config.inbox.truncated_grace_secs })),
        undisposed: Undisposed::default(),
        ledger,
        has_writer: |file| writer_present(file) == Writer::Present,
        marker: config.inbox.done_marker.clone(),
        sums_of: manifests.map(|manifests| -> SumsOf { Box::new(move |source| manifests.sums_of(source)) }),
        gather: GatherRules::new(gather_patterns(config)?, config.output.gather_source_column.clone()),
    })
}
