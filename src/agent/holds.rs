//! What an agent holds so that no other does its work: the ledger and the outbox. They outlive a reload: there is no moment
//! in which another agent could take them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::AgentError;
use super::intake_loop::name_filter;
use super::parts::gather_patterns;
use crate::config::{After, Config};
use crate::convert::output::OutputError;
use crate::convert::output::publish::make_folders;
use crate::jobs::fault::is_ours;
use crate::jobs::mark;
use crate::jobs::staging::Staging;
use crate::ledger::{self, Ledger};

/// The ledger and the outbox of one configuration, until the last of its clones is dropped.
#[derive(Clone)]
pub(super) struct Holds {
    pub(super) ledger: Arc<dyn Ledger>,
    outbox: PathBuf,
    /// As long as it is held, no other agent publishes there.
    _staging: Arc<Staging>,
}

impl Holds {
    /// Makes the folders of `config`, and takes what an agent holds.
    pub(super) fn take(config: &Config) -> Result<Self, AgentError> {
        prepare_folders(config)?;
        let ledger = ledger::open_for_agent(&config.ledger)?;
        Self::with(ledger, config)
    }

    /// What `config` needs, which has the same ledger, and an outbox that may be among those that are held. Refused where an
    /// agent could not start with it.
    pub(super) fn renewed(held: &[&Self], config: &Config) -> Result<Self, AgentError> {
        prepare_folders(config)?;
        name_filter(config)?;
        gather_patterns(config)?;
        let outbox = &config.output.path;
        match held.iter().find(|holds| holds.outbox == *outbox) {
            Some(holds) => Ok((*holds).clone()),
            None => Self::with(held.first().map(|holds| Arc::clone(&holds.ledger)).ok_or(AgentError::Lister)?, config),
        }
    }

    fn with(ledger: Arc<dyn Ledger>, config: &Config) -> Result<Self, AgentError> {
        let outbox = config.output.path.clone();
        let staging = Arc::new(hold_outbox(&outbox, ledger.shared().is_some())?);
        hold_to_ledger(&outbox, ledger.as_ref(), &config.ledger.shown_url())?;
        Ok(Self { ledger, outbox, _staging: staging })
    }
}

fn prepare_folders(config: &Config) -> Result<(), AgentError> {
    folder("inbox.path", &config.inbox.path)?;
    folder("output.path", &config.output.path)?;
    folder("source.quarantine", &config.source.quarantine)?;
    if config.source.after == After::Archive {
        folder("source.archive", &config.source.archive)?;
    }
    if let Some(parent) = config.profile.page().and_then(Path::parent) {
        folder("profile.path", parent)?;
    }
    if let Some(parent) = config.status.textfile().and_then(Path::parent) {
        folder("status.textfile", parent)?;
    }
    Ok(())
}

/// The ledger's lock keeps two agents off one ledger; this one keeps agents with ledgers of their own apart, whose
/// unfinished outputs would have the same names.
fn hold_outbox(path: &Path, shares: bool) -> Result<Staging, AgentError> {
    Staging::for_agent(path, shares)?.ok_or_else(|| AgentError::Folder {
        key: "output.path",
        path: path.into(),
        what: "is in use by another agent; give each agent an outbox of its own".to_owned(),
    })
}

/// Refuses an outbox that was filled with another ledger: that one is lost, or this is not the right one.
fn hold_to_ledger(outbox: &Path, ledger: &dyn Ledger, shown: &str) -> Result<(), AgentError> {
    let id = ledger.id()?;
    match mark::read(outbox) {
        Some(mark) if mark == id => return Ok(()),
        Some(_) => return Err(AgentError::OtherLedger { outbox: outbox.into(), ledger: shown.into() }),
        None => {}
    }
    if let Err(error) = mark::write(outbox, &id) {
        log::warn!(event = "agent.mark", error:% = error;
            "The outbox could not be marked as this ledger's; it is tried again at the next start.");
    }
    Ok(())
}

fn folder(key: &'static str, path: &Path) -> Result<(), AgentError> {
    make_folders(path).map_err(|error| match error {
        OutputError::Io { source, .. } if !is_ours(&source) => {
            let what = format!("cannot be made or used: {source}; make it and let this user write to it");
            AgentError::Folder { key, path: path.into(), what }
        }
        passing => passing.into(),
    })
}
