//! What the operator types: one small file a verb.

mod check_config;
mod completions;
mod convert;
mod encoding;
mod exit_code;
mod explain;
mod history;
mod human;
mod ledger;
mod manual;
mod output;
mod progress;
mod records;
mod retry;
mod run;
mod sample_data;
mod schema;
mod status;
mod user;
mod verify;

use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Args, CommandFactory, Parser, Subcommand};

pub use exit_code::ExitCode;

use crate::config::{Config, ConfigError};
use crate::ledger::{Ledger, LedgerError, open_beside};

/// Drop JSON into a folder; find HDF5 that pandas opens in another.
#[derive(Debug, Parser)]
#[command(name = "h5inbox", version, max_term_width = 100, after_help = AFTER_HELP)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

const AFTER_HELP: &str = "\
Exit codes: 0 all well, 1 some file failed, 2 usage, 69 ledger unavailable, 70 internal, 78 configuration.
Data goes to standard output, everything else to standard error.";

#[derive(Debug, Subcommand)]
enum Verb {
    /// Run the agent in the foreground: watch the inbox, convert what arrives, record what was done
    Run(run::Run),
    /// Convert the named files now, beside them or into a folder; no ledger, no agent needed
    Convert(convert::Convert),
    /// Print the columns and dtypes that files would give, and anything surprising, without converting them
    Schema(schema::SchemaVerb),
    /// Say how the agent is doing: healthy or not, why, what to do; backlog, failures, last success
    Status(status::StatusVerb),
    /// List jobs from the ledger, newest first
    History(history::History),
    /// Say why a file is or is not processed: the rule that applies, its state, its last error, what to do
    Explain(explain::Explain),
    /// Read outputs again, and compare them with what they tell of their sources, and with these where they are
    Verify(verify::Verify),
    /// Put quarantined or failed sources back, so that they are tried again
    Retry(retry::Retry),
    /// Care for the ledger: make a damaged or lost one anew, or move it to a database
    Ledger(ledger::LedgerVerb),
    /// Load and check a configuration; try its folders, their file systems and the machine; print what is in effect
    #[command(visible_alias = "validate")]
    CheckConfig(check_config::CheckConfig),
    /// Write stock-like sample files: timestamp, open, close, high, low at a fixed step
    SampleData(sample_data::SampleData),
    /// Print a completion script for a shell
    Completions(completions::Completions),
    /// Print the manual page of the program, or of its configuration file
    Man(manual::Manual),
}

/// Where the configuration is.
#[derive(Debug, Args)]
struct ConfigFile {
    /// Configuration file
    #[arg(long, value_name = "FILE", env = "H5INBOX_CONFIG", default_value = DEFAULT_CONFIG, value_parser = config_path())]
    config: PathBuf,
}

/// Takes an empty path, too: so says a variable that is there and empty, and it is not a wrong call.
fn config_path() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().map(PathBuf::from)
}

const DEFAULT_CONFIG: &str = "/etc/h5inbox/config.toml";

/// The user of the unit that is shipped.
const SERVICE: &str = "h5inbox";

impl ConfigFile {
    fn load(&self) -> Result<Config, ExitCode> {
        load(&self.config)
    }

    /// The file that is meant.
    fn path(&self) -> &Path {
        meant(&self.config)
    }
}

/// An empty path is what an empty variable says: nothing.
fn meant(path: &Path) -> &Path {
    if path.as_os_str().is_empty() { Path::new(DEFAULT_CONFIG) } else { path }
}

/// Loads the configuration at `path`.
fn load(path: &Path) -> Result<Config, ExitCode> {
    let path = meant(path);
    Config::load(path).map_err(|error| {
        output::error(&match &error {
            ConfigError::Read { source, .. } if source.kind() == ErrorKind::PermissionDenied => {
                format!("{error}; let this user read it (`usermod -aG`), or run this as `sudo -u {SERVICE} h5inbox …`")
            }
            ConfigError::Read { .. } => format!("{error}; name one with --config or in H5INBOX_CONFIG"),
            ConfigError::Invalid { .. } => format!("{}:\n{error}", path.display()),
        });
        ExitCode::Configuration
    })
}

/// Says what is wrong with the ledger, and whose it is if that is the matter.
fn refuse_ledger(error: &LedgerError, ledger: &Path) -> ExitCode {
    let denied = std::fs::File::open(ledger).is_err_and(|e| e.kind() == ErrorKind::PermissionDenied);
    let owner = user::owner_of(ledger).filter(|_| denied);
    let hint = owner.map(|owner| format!("; it is another user's: run this as `sudo -u {owner} h5inbox …`"));
    output::error(&format!("{error}{}", hint.unwrap_or_default()));
    ExitCode::Ledger
}

/// The ledger that `config` names, beside the agents that may be at work with it.
fn open_ledger(config: &Config) -> Result<Box<dyn Ledger>, ExitCode> {
    open_beside(&config.ledger).map_err(|error| refuse_ledger_of(config, &error))
}

/// Why the ledger of `config` did not do what it was asked.
fn refuse_ledger_of(config: &Config, error: &LedgerError) -> ExitCode {
    if let Some(file) = config.ledger.file() {
        return refuse_ledger(error, &file);
    }
    output::error(&error.to_string());
    ExitCode::Ledger
}

/// Does what `arguments` (with the program's name first) ask for and returns the exit code.
#[must_use]
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are answers, everything else is a wrong call; a closed standard output is neither.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::Usage } else { ExitCode::Success };
        }
    };
    let done = match cli.verb {
        Verb::Run(verb) => verb.run(),
        Verb::Convert(verb) => verb.run(),
        Verb::Schema(verb) => verb.run(),
        Verb::Status(verb) => verb.run(),
        Verb::History(verb) => verb.run(),
        Verb::Explain(verb) => verb.run(),
        Verb::Verify(verb) => verb.run(),
        Verb::Retry(verb) => verb.run(),
        Verb::Ledger(verb) => verb.run(),
        Verb::CheckConfig(verb) => verb.run(),
        Verb::SampleData(verb) => sample_data(&verb),
        Verb::Completions(verb) => verb.run(&mut Cli::command()),
        Verb::Man(verb) => verb.run(&mut Cli::command()),
    };
    done.unwrap_or_else(|code| code)
}

fn sample_data(verb: &sample_data::SampleData) -> Result<ExitCode, ExitCode> {
    let summary = verb.run().map_err(|error| {
        output::error(&format!(
            "cannot write sample data: {error}; name a folder that you may write to, with room in it"
        ));
        ExitCode::Failed
    })?;
    output::note(&format!("{} files, {} records, {} bytes", summary.files, summary.records, summary.bytes));
    Ok(ExitCode::Success)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
