//! `h5inbox status`: a glance at the agent.

mod glance;
mod health;
mod watch;

use std::time::Duration;

use clap::Args;

use glance::glance;

use super::{ConfigFile, ExitCode, output, refuse_ledger_of};
use crate::agent::with_totals;
use crate::config::Config;
use crate::ledger::{self, Ledger, LedgerError, SqliteLedger, State};
use crate::source::Shown;
use crate::telemetry::listener::ask;
use crate::telemetry::status::{Backlog, Status};

/// Options of `h5inbox status`.
#[derive(Debug, Args)]
pub(super) struct StatusVerb {
    #[command(flatten)]
    config: ConfigFile,
    /// One JSON object, for programs; with --watch one a line
    #[arg(long)]
    json: bool,
    /// Again every so many seconds, until Ctrl-C
    #[arg(long, value_name = "SECS", num_args = 0..=1, default_missing_value = "1", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    watch: Option<u64>,
}

impl StatusVerb {
    pub(super) fn run(&self) -> Result<ExitCode, ExitCode> {
        let config = self.config.load()?;
        if let Some(seconds) = self.watch {
            return watch::watch(Duration::from_secs(seconds), || self.text(&config));
        }
        output::styled(&self.text(&config)?)?;
        Ok(ExitCode::Success)
    }

    fn text(&self, config: &Config) -> Result<String, ExitCode> {
        let status = current(config)?;
        if self.json {
            return Ok(serde_json::to_string(&status).unwrap_or_default() + "\n");
        }
        Ok(glance(&status))
    }
}

/// The status from the agent itself, or from the ledger if no agent runs.
fn current(config: &Config) -> Result<Status, ExitCode> {
    let answer = ask(&config.socket()).ok();
    match answer.and_then(|json| serde_json::from_str(&json).ok()) {
        Some(status) => Ok(status),
        None => from_ledger(config),
    }
}

/// What the ledger knows. An agent that holds it and does not answer is just starting or stopping, or is another
/// user's.
fn from_ledger(config: &Config) -> Result<Status, ExitCode> {
    let pid = config.ledger.file().and_then(|path| SqliteLedger::holder(&path));
    let status = Status {
        running: pid.is_some(),
        pid,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        inbox: Shown(&config.inbox.path).to_string(),
        outbox: Shown(&config.output.path).to_string(),
        workers: config.worker_count() as u64,
        ..Status::default()
    };
    match ledger::open_beside(&config.ledger) {
        Ok(ledger) => {
            let ledger = ledger.as_ref();
            Ok(with_totals(Status { backlog: backlog(ledger), ..status }, ledger))
        }
        // An agent that never ran has done nothing yet.
        Err(LedgerError::Missing(_)) => Ok(status),
        Err(error) => Err(refuse_ledger_of(config, &error)),
    }
}

fn backlog(ledger: &dyn Ledger) -> Backlog {
    let totals = ledger.totals().unwrap_or_default();
    let (ready, running, retrying) = (totals.count(State::Ready), totals.running(), totals.retrying());
    Backlog { ready, running, retrying, ..Backlog::default() }
}
