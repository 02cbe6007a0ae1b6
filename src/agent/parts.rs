//! Builds everything the agent is made of, in an order in which each part finds what it needs.

use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::Receiver;

use super::AgentError;
use super::answer::Answer;
use super::dispatcher::Dispatcher;
use super::holds::Holds;
use super::housekeeper::Housekeeper;
use super::intake_loop::name_filter;
use super::leading::{Leading, Making};
use super::profiler::Profiler;
use crate::config::Config;
use crate::convert::Options;
use crate::intake::{Manifests, Writer, writer_present};
use crate::jobs::attempt::Workshop;
use crate::jobs::fault::Undisposed;
use crate::jobs::gather::{Patterns, Windows};
use crate::jobs::gathering::GatherRules;
use crate::jobs::manifest::SumsOf;
use crate::jobs::naming::Naming;
use crate::jobs::pool::{Pool, Report};
use crate::jobs::queue::Queue;
use crate::jobs::recovery::Recovered;
use crate::jobs::retry::Backoff;
use crate::jobs::unfinished::Unfinished;
use crate::ledger::Ledger;
use crate::telemetry::metrics::Metrics;

/// What lives beside the dispatcher.
pub(super) struct Parts {
    /// The worker threads.
    pub(super) pool: Pool,
    /// Where workers report.
    pub(super) reports: Receiver<Report>,
    /// What removes old jobs.
    pub(super) housekeeper: Housekeeper,
    /// What no other agent may have meanwhile.
    pub(super) holds: Holds,
    /// Who tells how things stand.
    pub(super) answer: Arc<Answer>,
}

/// Jobs that the channel to the workers holds for each of them: enough that none waits for the dispatcher.
const QUEUED_FOR_EACH: usize = 32;

/// With what this agent `holds`: finishes what an earlier run left (or `again` this one, which could not use its ledger for a
/// while, or has a new configuration), and starts threads and listeners. A run that ends by itself (`once`) gives no source
/// time to be finished.
pub(super) fn build(
    config: &Arc<Config>,
    holds: Holds,
    once: bool,
    again: bool,
    answer: &Arc<Answer>,
) -> Result<(Parts, Dispatcher), AgentError> {
    let ledger = Arc::clone(&holds.ledger);
    let manifests = manifests(config)?;
    let workshop = Arc::new(workshop(config, once, (&ledger, &answer.metrics), manifests.clone())?);
    let recovered = if again {
        workshop.ledger.try_out()?;
        workshop.take_up()?
    } else {
        workshop.recover()?
    };
    if !again || recovered != Recovered::default() {
        log::info!(
            event = "agent.recovered", cut_off = recovered.cut_off, published = recovered.published,
            disposed = recovered.disposed, removed = recovered.removed; "Looked at what an earlier run left."
        );
    }
    let live = Arc::clone(&answer.live);
    // What a run that ends by itself leaves is told of at once; else a marker has a second at least to follow its source.
    let patience = Duration::from_secs(if once { 0 } else { config.inbox.truncated_grace_secs.max(1) });
    let intake = Leading::new(Making {
        config: Arc::clone(config),
        ledger: Arc::clone(&ledger),
        live: Arc::clone(&live),
        metrics: Arc::clone(&answer.metrics),
        manifests,
        patience,
    })?;
    let workers = config.worker_count();
    // What a large file may use beside its worker. Refused only if somebody has set it before.
    let _ = rayon::ThreadPoolBuilder::new().num_threads(workers).build_global();
    let windows = Windows::new(gather_patterns(config)?, &config.output);
    let (mut queue, jobs) = Queue::new(config.inbox.order, QUEUED_FOR_EACH * workers, windows);
    queue.suspect(recovered.suspects);
    let (report, reports) = crossbeam_channel::unbounded();
    let profiler = Profiler::start(config, &answer.metrics)?;
    let together = if config.output.gather.is_empty() { 1 } else { config.output.gather_files };
    let pool = Pool::start((workers, together), &workshop, &jobs, &report, profiler.profile())?;
    answer.works(&ledger, pool.desks());
    answer.serve(config)?;
    let housekeeper = Housekeeper::start(config, &ledger, &live, once)?;
    let (config, answer) = (Arc::clone(config), Arc::clone(answer));
    Ok((
        Parts { pool, reports, housekeeper, holds, answer },
        Dispatcher::new(config, workshop, ledger, intake, queue, live, profiler),
    ))
}

/// The manifests in the inbox, if the operator wants any: the intake waits for them, and workers compare with them.
fn manifests(config: &Config) -> Result<Option<Arc<Manifests>>, AgentError> {
    let wanted = !config.inbox.manifest.is_empty();
    wanted.then(|| Ok(Arc::new(Manifests::new(&config.inbox.path, name_filter(config)?)))).transpose()
}

pub(super) fn gather_patterns(config: &Config) -> Result<Patterns, AgentError> {
    Patterns::new(&config.output.gather).map_err(|e| AgentError::Globs(e.to_string()))
}

fn workshop(
    config: &Config,
    once: bool,
    (ledger, metrics): (&Arc<dyn Ledger>, &Arc<Metrics>),
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
        ledger: Arc::clone(ledger),
        metrics: Arc::clone(metrics),
        has_writer: |file| writer_present(file) == Writer::Present,
        marker: config.inbox.done_marker.clone(),
        sums_of: manifests.map(|manifests| -> SumsOf { Box::new(move |source| manifests.sums_of(source)) }),
        gather: GatherRules::new(gather_patterns(config)?, config.output.gather_source_column.clone()),
    })
}
