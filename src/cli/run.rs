//! `h5inbox run`: the agent.

use clap::Args;

use super::{ConfigFile, ExitCode, output};
use crate::agent::{self, AgentError};
use crate::config::{Config, LevelName, LogFormat};
use crate::ledger::LedgerError;
use crate::telemetry::logging::{self, Style};

/// Options of `h5inbox run`.
#[derive(Debug, Args)]
pub(super) struct Run {
    #[command(flatten)]
    config: ConfigFile,
    /// Convert what is in the inbox now, then exit (for cron): 1 if some file failed
    #[arg(long)]
    once: bool,
}

impl Run {
    pub(super) fn run(&self) -> Result<ExitCode, ExitCode> {
        let config = self.config.load()?;
        start_log(&config);
        log::info!(event = "agent.start", config:% = self.config.config.display(), pid = std::process::id();
            "h5inbox {} starts.", env!("CARGO_PKG_VERSION"));
        match agent::run(&config, self.once) {
            Ok(summary) if self.once && summary.failed + summary.quarantined > 0 => Ok(ExitCode::Failed),
            Ok(_) => Ok(ExitCode::Success),
            Err(error) => {
                log::error!(event = "agent.failed", error:% = error; "The agent cannot go on.");
                output::error(&error.to_string());
                Err(code_of(&error))
            }
        }
    }
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

fn start_log(config: &Config) {
    let style = match config.log.format {
        LogFormat::Auto => Style::detect(),
        LogFormat::Text => Style::Text,
        LogFormat::Json => Style::Json,
    };
    let level = match config.log.level {
        LevelName::Error => log::LevelFilter::Error,
        LevelName::Warn => log::LevelFilter::Warn,
        LevelName::Info => log::LevelFilter::Info,
        LevelName::Debug => log::LevelFilter::Debug,
        LevelName::Trace => log::LevelFilter::Trace,
    };
    logging::start(style, level);
}
