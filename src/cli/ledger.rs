//! `h5inbox ledger`: care for the ledger.

use std::path::Path;

use clap::{Args, Subcommand};

use super::{ConfigFile, ExitCode, output, refuse_ledger, user};
use crate::config::Config;
use crate::jobs::mark;
use crate::jobs::rebuild::{Folders, Found};
use crate::jobs::staging::Staging;
use crate::ledger::{Agent, Ledger, LedgerError, Rebuild, Shared, copy, open_for_agent};
use crate::source::Shown;

/// Options of `h5inbox ledger`.
#[derive(Debug, Args)]
pub(super) struct LedgerVerb {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Make a damaged or lost ledger anew: from what can be read of it, the outputs and the quarantine
    ///
    /// The agent must be stopped. The old ledger is set aside beside the new one and never removed. A source that stays
    /// in the inbox and whose output was taken away is converted again, unless the old ledger still tells of it.
    Rebuild(ConfigFile),
    /// Copy the SQLite ledger of one host into the PostgreSQL database that the configuration names, which must be empty
    ///
    /// Set `ledger.url` to the database first. No agent may work with either. All jobs keep their numbers, and the outbox stays
    /// that of the ledger. The old ledger is set aside and never removed.
    Copy(Copy),
}

/// Options of `h5inbox ledger copy`.
#[derive(Debug, Args)]
struct Copy {
    #[command(flatten)]
    config: ConfigFile,
    /// The ledger so far: `sqlite:` and its path, or its path
    #[arg(value_name = "FROM")]
    from: String,
}

impl LedgerVerb {
    pub(super) fn run(&self) -> Result<ExitCode, ExitCode> {
        match &self.what {
            What::Rebuild(config) => {
                let config = config.load()?;
                match config.ledger.file() {
                    Some(file) => rebuild_file(&config, &file),
                    None => rebuild_shared(&config),
                }
            }
            What::Copy(copy) => copy.run(),
        }
    }
}

fn rebuild_file(config: &Config, path: &Path) -> Result<ExitCode, ExitCode> {
    as_its_owner(path, "rebuild")?;
    let rebuild = Rebuild::begin(path).map_err(|e| refuse_ledger(&e, path))?;
    let _held = hold_outbox(config)?;
    let found = folders_of(config).tell(rebuild.ledger()).map_err(|e| refuse(&e))?;
    let taken_over = rebuild.taken_over();
    // First the mark: should this be cut off now, the agent refuses the old ledger, and it is done again.
    mark_outbox(config, rebuild.ledger())?;
    let old = rebuild.finish().map_err(|e: LedgerError| refuse(&e))?;
    tell(&found, &format!("made anew: {taken_over} jobs from the old ledger; "));
    old.iter().for_each(|old| output::note(&format!("the old ledger is {}", Shown(old))));
    Ok(ExitCode::Success)
}

/// A database that was lost, or goes back to a backup, learns what the folders tell. It registers as this agent, so that this
/// one is not at work, and no other may be.
fn rebuild_shared(config: &Config) -> Result<ExitCode, ExitCode> {
    let ledger = open_for_agent(&config.ledger).map_err(|e| refuse(&e))?;
    let agents = ledger.shared().map_or(Ok(Vec::new()), Shared::agents).map_err(|e| refuse(&e))?;
    let own = ledger.shared().map(Shared::name).unwrap_or_default();
    if let Some(other) = agents.iter().find(|agent| agent.alive && agent.name != own) {
        let Agent { name, pid, host, .. } = other;
        return Err(refuse(&format!(
            "the agent {name} works with this ledger (process {pid} on {host}); stop all agents first"
        )));
    }
    let _held = hold_outbox(config)?;
    let found = folders_of(config).tell(ledger.as_ref()).map_err(|e| refuse(&e))?;
    mark_outbox(config, ledger.as_ref())?;
    tell(&found, "");
    Ok(ExitCode::Success)
}

fn hold_outbox(config: &Config) -> Result<Staging, ExitCode> {
    Staging::for_agent(&config.output.path, false)
        .map_err(|e| refuse(&e))?
        .ok_or_else(|| refuse(&"an agent works with this outbox; stop it first: `systemctl stop h5inbox`"))
}

fn folders_of(config: &Config) -> Folders<'_> {
    Folders {
        inbox: &config.inbox.path,
        outbox: &config.output.path,
        quarantine: &config.source.quarantine,
        after: config.source.after,
    }
}

fn mark_outbox(config: &Config, ledger: &dyn Ledger) -> Result<(), ExitCode> {
    let outbox = &config.output.path;
    let id = ledger.id().map_err(|e| refuse(&e))?;
    mark::write(outbox, &id).map_err(|e| refuse(&format!("cannot mark the outbox {}: {e}", Shown(outbox))))
}

fn tell(found: &Found, before: &str) {
    output::note(&format!(
        "{before}{} outputs and {} sources in the quarantine told of {} more",
        found.outputs, found.quarantined, found.restored
    ));
    found.unreadable.iter().for_each(|what| output::note(&format!("not read: {what}")));
}

impl Copy {
    fn run(&self) -> Result<ExitCode, ExitCode> {
        let config = self.config.load()?;
        if config.ledger.file().is_some() {
            let url = config.ledger.shown_url();
            return Err(refuse(&format!(
                "`ledger.url` is {url}; set it to the database that the ledger moves to, then try again"
            )));
        }
        let from =
            std::path::absolute(self.from.strip_prefix("sqlite:").unwrap_or(&self.from)).map_err(|e| refuse(&e))?;
        as_its_owner(&from, "copy")?;
        let copied = copy(&from, &config.ledger).map_err(|e| refuse_ledger(&e, &from))?;
        output::note(&format!(
            "{} jobs are in {} now; the old ledger is {}",
            copied.jobs,
            config.ledger.shown_url(),
            Shown(&copied.aside)
        ));
        output::note("start the agents: systemctl start h5inbox");
        Ok(ExitCode::Success)
    }
}

/// What root makes, the agent could not write to.
fn as_its_owner(ledger: &Path, verb: &str) -> Result<(), ExitCode> {
    match (user::owner_of(ledger), user::me()) {
        (Some(owner), me) if owner != me && me == "root" => {
            let what = format!("the ledger {} is that of user {owner}, and would be root's", Shown(ledger));
            Err(refuse(&format!("{what}: run this as `sudo -u {owner} h5inbox ledger {verb} …`")))
        }
        _ => Ok(()),
    }
}

fn refuse(error: &dyn std::fmt::Display) -> ExitCode {
    output::error(&error.to_string());
    ExitCode::Ledger
}
