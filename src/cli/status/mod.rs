//! `h5inbox status`: a glance at the agent.

use clap::Args;

use super::{ConfigFile, ExitCode, output};
use crate::agent::with_totals;
use crate::config::Config;
use crate::ledger::{Ledger, LedgerError, SqliteLedger, State};
use crate::source::Shown;
use crate::telemetry::listener::{ask, socket_of};
use crate::telemetry::status::{Backlog, Status};

/// Options of `h5inbox status`.
#[derive(Debug, Args)]
pub(super) struct StatusVerb {
    #[command(flatten)]
    config: ConfigFile,
    /// One JSON object, for programs
    #[arg(long)]
    json: bool,
}

impl StatusVerb {
    pub(super) fn run(&self) -> Result<ExitCode, ExitCode> {
        let status = current(&self.config.load()?)?;
        if self.json {
            output::data(&format!("{}\n", serde_json::to_string(&status).unwrap_or_default()))?;
        } else {
            output::data(&glance(&status))?;
        }
        Ok(ExitCode::Success)
    }
}

/// The status from the agent itself, or from the ledger if no agent runs.
fn current(config: &Config) -> Result<Status, ExitCode> {
    let path = config.ledger.sqlite_path();
    let answer = ask(&socket_of(&path)).ok();
    match answer.and_then(|json| serde_json::from_str(&json).ok()) {
        Some(status) => Ok(status),
        None => from_ledger(config),
    }
}

/// What the ledger knows. An agent that holds it and does not answer is just starting or stopping, or is another
/// user's.
fn from_ledger(config: &Config) -> Result<Status, ExitCode> {
    let pid = SqliteLedger::holder(&config.ledger.sqlite_path());
    let status = Status {
        running: pid.is_some(),
        pid,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        inbox: Shown(&config.inbox.path).to_string(),
        outbox: Shown(&config.output.path).to_string(),
        workers: config.worker_count() as u64,
        ..Status::default()
    };
    match SqliteLedger::open_shared(&config.ledger.sqlite_path()) {
        Ok(ledger) => Ok(with_totals(Status { backlog: backlog(&ledger), ..status }, &ledger)),
        // An agent that never ran has done nothing yet.
        Err(LedgerError::Missing(_)) => Ok(status),
        Err(error) => {
            output::error(&error.to_string());
            Err(ExitCode::Ledger)
        }
    }
}

fn backlog(ledger: &SqliteLedger) -> Backlog {
    let totals = ledger.totals().unwrap_or_default();
    let (ready, running, retrying) = (totals.count(State::Ready), totals.running(), totals.retrying());
    Backlog { ready, running, retrying, ..Backlog::default() }
}

fn glance(status: &Status) -> String {
    let Status { backlog, files, watch, .. } = status;
    let state = match (status.running, &status.paused) {
        (false, _) => "not running".to_owned(),
        (true, Some(why)) => format!("paused: {why}"),
        (true, None) => format!("running, process {}", status.pid.unwrap_or_default()),
    };
    let mut lines = vec![format!("h5inbox {}  {state}", status.version)];
    if let Some(since) = &status.since {
        lines.push(format!("since       {since}"));
    }
    lines.push(format!("inbox       {}", status.inbox));
    lines.push(format!("outbox      {}", status.outbox));
    if status.since.is_some() {
        lines.push(format!("workers     {} of {} busy", status.busy_workers, status.workers));
        lines.push(format!("watch       {}, {} overflows{}", watch.mode, watch.overflows, unwatched(watch.unwatched)));
    }
    let Backlog { settling, ready, running, retrying, withheld } = backlog;
    let withheld = if *withheld == 0 { String::new() } else { format!(" ({withheld} without marker or manifest)") };
    lines.push(format!(
        "backlog     {settling} settling{withheld}, {ready} ready, {running} running, {retrying} retrying"
    ));
    if let Some(seconds) = status.oldest_waiting_s {
        lines.push(format!("oldest      waits for {seconds:.1} s"));
    }
    lines.push(format!(
        "files       {} done, {} duplicate, {} failed, {} quarantined",
        files.done, files.duplicate, files.failed, files.quarantined
    ));
    lines.push(format!("rows        {}, {} bad records left out", status.rows, status.bad_records));
    lines.push(format!("bytes       {} in, {} out", status.bytes_in, status.bytes_out));
    lines.push(format!("last        {}", status.last_success_at.as_deref().unwrap_or("nothing converted yet")));
    lines.join("\n") + "\n"
}

fn unwatched(folders: u64) -> String {
    if folders == 0 { String::new() } else { format!(", {folders} or more folders only listed") }
}
