//! `h5inbox completions`, from the same definitions as the command line itself.

use clap::{Args, Command};
use clap_complete::Shell;

use super::{ExitCode, output};

/// Options of `h5inbox completions`.
#[derive(Debug, Args)]
pub(super) struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    pub(super) fn run(&self, command: &mut Command) -> Result<ExitCode, ExitCode> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, command, "h5inbox", &mut script);
        output::data(&String::from_utf8_lossy(&script))?;
        Ok(ExitCode::Success)
    }
}
