//! `h5inbox check-config`: is this configuration right, and does this machine agree?

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;

use super::{DEFAULT_CONFIG, ExitCode, config_path, load, output};
use crate::config::{After, Config};

/// Options of `h5inbox check-config`.
#[derive(Debug, Args)]
pub(super) struct CheckConfig {
    /// Configuration file
    #[arg(value_name = "FILE", env = "H5INBOX_CONFIG", default_value = DEFAULT_CONFIG, value_parser = config_path())]
    file: PathBuf,
    /// Print what is wrong and nothing else
    #[arg(long, short)]
    quiet: bool,
}

impl CheckConfig {
    pub(super) fn run(&self) -> Result<ExitCode, ExitCode> {
        let config = load(&self.file)?;
        let problems = folders(&config);
        if !self.quiet {
            output::data(&config.to_toml())?;
        }
        if problems.is_empty() {
            if !self.quiet {
                signs(&config).iter().for_each(|note| output::note(note));
                output::note(&format!("{}: all well", self.file.display()));
            }
            return Ok(ExitCode::Success);
        }
        problems.iter().for_each(|problem| output::error(problem));
        Ok(ExitCode::Configuration)
    }
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

/// What is wrong with the folders, each with what to do.
pub(super) fn folders(config: &Config) -> Vec<String> {
    let mut named = vec![
        ("inbox.path", config.inbox.path.clone()),
        ("output.path", config.output.path.clone()),
        ("source.quarantine", config.source.quarantine.clone()),
    ];
    if config.source.after == After::Archive {
        named.push(("source.archive", config.source.archive.clone()));
    }
    if let Some(folder) = config.ledger.sqlite_path().parent() {
        named.push(("ledger.url", folder.to_path_buf()));
    }
    if let Some(folder) = config.profile.page().and_then(Path::parent) {
        named.push(("profile.path", folder.to_path_buf()));
    }
    named.iter().filter_map(|(key, folder)| problem(key, folder)).collect()
}

/// The agent makes folders that are missing; so what counts is the nearest one that exists.
fn problem(key: &str, folder: &Path) -> Option<String> {
    let existing = folder.ancestors().find(|ancestor| ancestor.exists())?;
    let metadata = match fs::metadata(existing) {
        Ok(metadata) => metadata,
        Err(error) => return Some(format!("{key}: cannot look at {}: {error}", existing.display())),
    };
    if !metadata.is_dir() {
        return Some(format!("{key}: {} is not a folder; remove it or choose another path", existing.display()));
    }
    let access = rustix::fs::Access::READ_OK | rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK;
    rustix::fs::access(existing, access).err().map(|error| {
        let who = if existing == folder { "is not writable" } else { "does not exist and cannot be made" };
        format!("{key}: {} {who} for this user ({error}); `chown` it or choose another path", folder.display())
    })
}
