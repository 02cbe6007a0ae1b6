//! `h5inbox check-config`: is this configuration right, and does this machine agree?

mod database;
mod findings;
mod folders;
mod machine;
mod systems;

use std::path::PathBuf;

use clap::Args;

use super::{DEFAULT_CONFIG, ExitCode, SERVICE, config_path, load, output, user};
use crate::config::Config;
use findings::Findings;

/// Options of `h5inbox check-config`.
#[derive(Debug, Args)]
pub(super) struct CheckConfig {
    /// Configuration file
    #[arg(value_name = "FILE", env = "H5INBOX_CONFIG", default_value = DEFAULT_CONFIG, value_parser = config_path())]
    file: PathBuf,
    /// Print errors and warnings, and nothing else
    #[arg(long, short)]
    quiet: bool,
}

impl CheckConfig {
    pub(super) fn run(&self) -> Result<ExitCode, ExitCode> {
        let config = load(&self.file)?;
        if !self.quiet {
            output::data(&config.shown())?;
        }
        let found = self.look(&config);
        found.tell(self.quiet);
        if !self.quiet {
            output::note(&format!("{}: {}", self.file.display(), found.sum()));
        }
        Ok(if found.is_fit() { ExitCode::Success } else { ExitCode::Configuration })
    }

    fn look(&self, config: &Config) -> Findings {
        let mut found = Findings::default();
        let folders = folders::of(config);
        folders.iter().for_each(|folder| folder.check(&mut found));
        systems::check(config, &folders, &mut found);
        machine::watches(config, &mut found);
        database::check(config, &mut found);
        machine::at_work(config, &mut found);
        machine::clock(config, &self.file, &mut found);
        signs(config).into_iter().for_each(|note| found.note(note));
        self.who(&mut found);
        found
    }

    /// Rights are those of whoever asks.
    fn who(&self, found: &mut Findings) {
        let me = user::me();
        if me != SERVICE {
            let file = self.file.display();
            found.note(format!(
                "rights were tried as user {me}, and the service runs as {SERVICE}: `sudo -u {SERVICE} h5inbox check-config {file}`"
            ));
        }
    }
}

/// Why an agent that runs could not work by `config`; empty if it could.
pub(super) fn errors(config: &Config) -> Vec<String> {
    let mut found = Findings::default();
    let folders = folders::of(config);
    folders.iter().for_each(|folder| folder.check(&mut found));
    systems::check(config, &folders, &mut found);
    found.into_errors()
}

/// What sources wait for, beside being finished.
fn signs(config: &Config) -> Vec<String> {
    let (marker, manifests) = (&config.inbox.done_marker, &config.inbox.manifest);
    let mut notes = Vec::new();
    if !marker.is_empty() {
        notes.push(format!("inbox.done_marker: NAME is taken only once NAME{marker} stands beside it"));
    }
    if !manifests.is_empty() {
        let globs = manifests.join(" or ");
        notes.push(format!("inbox.manifest: a source is taken only once {globs} in its folder has its SHA-256"));
    }
    notes
}
