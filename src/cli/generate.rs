//! Completion scripts and the manual pages, from the same definitions as the command line itself.

use clap::{Args, Command};
use clap_complete::Shell;

use super::{ExitCode, manual, output};

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

/// Options of `h5inbox man`.
#[derive(Debug, Args)]
pub(super) struct Manual {
    /// The page of the configuration file: h5inbox.toml(5)
    #[arg(long)]
    config: bool,
}

impl Manual {
    pub(super) fn run(&self, command: Command) -> Result<ExitCode, ExitCode> {
        if self.config {
            return output::data(&manual::configuration()).map(|()| ExitCode::Success);
        }
        man(command)
    }
}

/// Prints the manual page: the program, then each verb.
fn man(mut command: Command) -> Result<ExitCode, ExitCode> {
    command.build();
    let mut page = rendered(&command);
    for verb in command.get_subcommands().filter(|verb| verb.get_name() != "help") {
        page.push_str(&rendered(verb));
    }
    output::data(&page)?;
    Ok(ExitCode::Success)
}

fn rendered(command: &Command) -> String {
    let mut page = Vec::new();
    // Writing into memory cannot fail.
    let _ = clap_mangen::Man::new(command.clone()).render(&mut page);
    String::from_utf8_lossy(&page).into_owned()
}
