//! `h5inbox ledger`: care for the ledger.

use std::path::Path;

use clap::{Args, Subcommand};

use super::{ConfigFile, ExitCode, output, refuse_ledger, user};
use crate::jobs::mark;
use crate::jobs::rebuild::Folders;
use crate::jobs::staging::Staging;
use crate::ledger::{Ledger, LedgerError, Rebuild};
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
}

impl LedgerVerb {
    pub(super) fn run(&self) -> Result<ExitCode, ExitCode> {
        let What::Rebuild(config) = &self.what;
        let config = config.load()?;
        let (outbox, path) = (&config.output.path, config.ledger.sqlite_path());
        as_its_owner(&path)?;
        let rebuild = Rebuild::begin(&path).map_err(|e| refuse_ledger(&e, &path))?;
        let Some(_held) = Staging::for_agent(outbox, false).map_err(|e| refuse(&e))? else {
            return Err(refuse(&"an agent works with this outbox; stop it first: `systemctl stop h5inbox`"));
        };
        let folders = Folders {
            inbox: &config.inbox.path,
            outbox,
            quarantine: &config.source.quarantine,
            after: config.source.after,
        };
        let found = folders.tell(rebuild.ledger()).map_err(|e| refuse(&e))?;
        let taken_over = rebuild.taken_over();
        // First the mark: should this be cut off now, the agent refuses the old ledger, and it is done again.
        let id = rebuild.ledger().id().map_err(|e| refuse(&e))?;
        mark::write(outbox, &id).map_err(|e| refuse(&format!("cannot mark the outbox {}: {e}", Shown(outbox))))?;
        let old = rebuild.finish().map_err(|e: LedgerError| refuse(&e))?;
        output::note(&format!(
            "made anew: {taken_over} jobs from the old ledger; {} outputs and {} sources in the quarantine told of {} more",
            found.outputs, found.quarantined, found.restored
        ));
        found.unreadable.iter().for_each(|what| output::note(&format!("not read: {what}")));
        old.iter().for_each(|old| output::note(&format!("the old ledger is {}", Shown(old))));
        Ok(ExitCode::Success)
    }
}

/// What root makes, the agent could not write to.
fn as_its_owner(ledger: &Path) -> Result<(), ExitCode> {
    match (user::owner_of(ledger), user::me()) {
        (Some(owner), me) if owner != me && me == "root" => {
            let what = format!("the ledger {} is that of user {owner}, and would be root's", Shown(ledger));
            Err(refuse(&format!("{what}: run this as `sudo -u {owner} h5inbox ledger rebuild`")))
        }
        _ => Ok(()),
    }
}

fn refuse(error: &dyn std::fmt::Display) -> ExitCode {
    output::error(&error.to_string());
    ExitCode::Ledger
}
