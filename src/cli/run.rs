//! `h5inbox run`: the agent.

use std::path::Path;

use clap::Args;

use super::{ConfigFile, ExitCode, check_config, output};
use crate::agent::{self, AgentError, Reread, Rereader, RunSummary};
use crate::config::{Config, ConfigError, Problem};
use crate::ledger::LedgerError;
use crate::telemetry::logging;

const SIGNALS: &str = "\
Signals: TERM and INT finish the files in hand and stop; a second one stops at once, which loses nothing. HUP reads the \
configuration again: a bad one is refused and logged, a good one is taken over when the files in hand are finished. USR1 \
logs the state. USR2 lists the inbox now.";

/// Options of `h5inbox run`.
#[derive(Debug, Args)]
#[command(after_help = SIGNALS)]
pub(super) struct Run {
    #[command(flatten)]
    config: ConfigFile,
    /// Convert what is in the inbox now, then exit (for cron): 1 if some file failed
    #[arg(long)]
    once: bool,
}

impl Run {
    /// What reads the configuration again.
    fn rereader(&self) -> Rereader {
        if self.once {
            return Box::new(|| Err(vec!["a run that ends by itself (--once) keeps its configuration".to_owned()]));
        }
        let path = self.config.path().to_owned();
        Box::new(move || reread(&path))
    }

    pub(super) fn run(&self) -> Result<ExitCode, ExitCode> {
        let config = self.config.load()?;
        logging::apply(&config.log);
        log::info!(event = "agent.start", config:% = self.config.config.display(), pid = std::process::id();
            "h5inbox {} starts.", env!("CARGO_PKG_VERSION"));
        let ended = agent::run(config, self.once, self.rereader());
        let code = self.code(&ended);
        log::logger().flush();
        code
    }

    fn code(&self, ended: &Result<RunSummary, AgentError>) -> Result<ExitCode, ExitCode> {
        match ended {
            Ok(summary) if self.once && summary.failed + summary.quarantined > 0 => Ok(ExitCode::Failed),
            Ok(_) => Ok(ExitCode::Success),
            Err(error) => {
                log::error!(event = "agent.failed", error:% = error; "The agent cannot go on.");
                output::error(&error.to_string());
                Err(code_of(error))
            }
        }
    }
}

/// The configuration at `path` as it is now, checked as `check-config` does.
fn reread(path: &Path) -> Reread {
    let config = Config::load(path).map_err(|error| match error {
        ConfigError::Read { .. } => vec![error.to_string()],
        ConfigError::Invalid { problems } => problems.iter().map(Problem::to_string).collect(),
    })?;
    let problems = check_config::errors(&config);
    if problems.is_empty() { Ok(Box::new(config)) } else { Err(problems) }
}

fn code_of(error: &AgentError) -> ExitCode {
    match error {
        AgentError::Ledger(LedgerError::Damaged(_) | LedgerError::Replaced(_)) => ExitCode::Configuration,
        AgentError::Ledger(_) => ExitCode::Ledger,
        // Starting again may help.
        error if error.passes() => ExitCode::Internal,
        AgentError::Folder { .. } | AgentError::Globs(_) | AgentError::Outbox(_) | AgentError::OtherLedger { .. } => {
            ExitCode::Configuration
        }
        AgentError::Lister | AgentError::System(_) => ExitCode::Internal,
    }
}
