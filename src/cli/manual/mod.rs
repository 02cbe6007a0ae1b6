//! `h5inbox man`: the manual pages, made of what is said elsewhere already.

mod configuration;
mod program;

use clap::{Args, Command};

use super::{ExitCode, output};

/// Options of `h5inbox man`.
#[derive(Debug, Args)]
pub(super) struct Manual {
    /// The page of the configuration file: h5inbox.toml(5)
    #[arg(long)]
    config: bool,
}

impl Manual {
    pub(super) fn run(&self, command: &mut Command) -> Result<ExitCode, ExitCode> {
        let page = if self.config { configuration::page() } else { program::page(command) };
        output::data(&page).map(|()| ExitCode::Success)
    }
}
