//! `h5inbox retry`: sources back from the quarantine.

use std::io;
use std::path::{Path, PathBuf};

use clap::Args;

use super::{ConfigFile, ExitCode, output};
use crate::config::Config;
use crate::jobs::quarantine::put_back;
use crate::ledger::{HistoryFilter, Ledger, LedgerError, Selection, SqliteLedger, State};
use crate::source::Shown;

/// Options of `h5inbox retry`.
#[derive(Debug, Args)]
pub(super) struct Retry {
    #[command(flatten)]
    config: ConfigFile,
    /// Sources: paths in the inbox or the quarantine, or relative to the inbox
    #[arg(value_name = "PATH", required_unless_present = "failed", conflicts_with = "failed")]
    paths: Vec<PathBuf>,
    /// Everything that failed or is in the quarantine
    #[arg(long)]
    failed: bool,
}

impl Retry {
    pub(super) fn run(&self) -> Result<ExitCode, ExitCode> {
        let config = self.config.load()?;
        let path = config.ledger.sqlite_path();
        let ledger = SqliteLedger::open_shared(&path).map_err(|e| refuse(&e))?;
        let wanted = self.wanted(&config, &ledger)?;
        let mut all_well = true;
        let mut back = Vec::new();
        for source in wanted {
            match put_back(&config.inbox.path, &config.source.quarantine, &source) {
                Ok(()) => back.push(source),
                Err(error) => {
                    all_well = false;
                    output::error(&format!("{}: {error}", Shown(&source)));
                }
            }
        }
        // A running agent may have seen the source come back already: then its old job is answered here, as gone.
        let mut jobs = ledger.requeue(&Selection::Paths(back)).map_err(|e| refuse(&e))?;
        jobs.dedup_by(|a, b| a.path == b.path);
        for job in &jobs {
            output::note(&format!("{} is tried again", Shown(&job.path)));
        }
        wake(&path);
        if jobs.is_empty() && !self.failed && all_well {
            output::note("nothing to retry: no failed or quarantined job has such a path; see `h5inbox history`");
        }
        Ok(if all_well { ExitCode::Success } else { ExitCode::Failed })
    }

    fn wanted(&self, config: &Config, ledger: &SqliteLedger) -> Result<Vec<PathBuf>, ExitCode> {
        if !self.failed {
            return Ok(self.paths.iter().map(|path| relative(config, path)).collect());
        }
        let mut wanted = Vec::new();
        for state in [State::Failed, State::Quarantined] {
            let filter = HistoryFilter { state: Some(state), ..HistoryFilter::default() };
            let mut keep = |record: crate::ledger::Record| {
                wanted.push(record.path);
                std::ops::ControlFlow::Continue(())
            };
            ledger.history(&filter, &mut keep).map_err(|e| refuse(&e))?;
        }
        wanted.sort();
        wanted.dedup();
        Ok(wanted)
    }
}

/// People name a source as they see it: in the inbox, in the quarantine, or by its path in either.
fn relative(config: &Config, path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.into());
    let within = |folder: &Path| absolute.strip_prefix(folder).ok().map(Path::to_path_buf);
    within(&config.inbox.path).or_else(|| within(&config.source.quarantine)).unwrap_or_else(|| path.into())
}

/// Tells a running agent to look now; without the right to, it looks at its next listing.
fn wake(ledger: &Path) {
    let pid = SqliteLedger::holder(ledger).and_then(|pid| i32::try_from(pid).ok());
    if let Some(pid) = pid.and_then(rustix::process::Pid::from_raw) {
        let woken = rustix::process::kill_process(pid, rustix::process::Signal::USR2).map_err(io::Error::from);
        if woken.is_err() {
            output::note("the running agent belongs to another user; it will notice at its next listing");
        }
    }
}

fn refuse(error: &LedgerError) -> ExitCode {
    output::error(&error.to_string());
    ExitCode::Ledger
}
