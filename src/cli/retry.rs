//! `h5inbox retry`: sources back from the quarantine.

use std::collections::BTreeSet;
use std::io;
use std::ops::ControlFlow;
use std::path::{Component, Path, PathBuf};

use clap::Args;

use super::{ConfigFile, ExitCode, open_ledger, output, refuse_ledger_of, user};
use crate::config::Config;
use crate::jobs::marker::put_marker;
use crate::jobs::quarantine::{put_back, reported_job, resting_place};
use crate::ledger::{HistoryFilter, JobId, Ledger, Record, SqliteLedger, State};
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

/// One source to be tried again.
struct Wanted {
    /// Relative to the inbox.
    source: PathBuf,
    /// Where it is in the quarantine, if it is there.
    resting: Option<PathBuf>,
    /// Its jobs that failed or need a person.
    jobs: Vec<JobId>,
}

impl Retry {
    pub(super) fn run(&self) -> Result<ExitCode, ExitCode> {
        let config = self.config.load()?;
        let (ledger, file) = (open_ledger(&config)?, config.ledger.file());
        file.as_deref().map_or(Ok(()), writable)?;
        let (inbox, quarantine) = (&config.inbox.path, &config.source.quarantine);
        let desk =
            Desk { inbox, quarantine, marker: &config.inbox.done_marker, ledger: ledger.as_ref(), config: &config };
        let (mut all_well, mut back, mut told) = (true, Vec::new(), BTreeSet::new());
        for wanted in self.wanted(&desk)? {
            match desk.put_back(&wanted) {
                Ok(again) => {
                    told.extend(again.then(|| wanted.source.clone()));
                    back.extend(wanted.jobs);
                }
                Err(error) => {
                    all_well = false;
                    let denied = error.kind() == io::ErrorKind::PermissionDenied;
                    let hint = if denied {
                        "; run this as the agent's user, as `sudo -u h5inbox h5inbox retry …`"
                    } else {
                        ""
                    };
                    output::error(&format!("{}: {error}{hint}", Shown(&wanted.source)));
                    // Nothing is left to be tried: the agent closes the job.
                    back.extend(wanted.jobs.into_iter().filter(|_| error.kind() == io::ErrorKind::NotFound));
                }
            }
        }
        // A running agent may have seen the source come back already: then its old job is answered here, as gone.
        ledger.requeue(&back).map_err(|e| refuse_ledger_of(&config, &e))?;
        // Agents that share a database are told by it.
        file.as_deref().into_iter().for_each(wake);
        told.iter().for_each(|source| output::note(&format!("{} is tried again", Shown(source))));
        if told.is_empty() && all_well {
            output::note("nothing to retry: no failed or quarantined job is left; see `h5inbox history`");
        }
        Ok(if all_well { ExitCode::Success } else { ExitCode::Failed })
    }

    fn wanted(&self, desk: &Desk<'_>) -> Result<Vec<Wanted>, ExitCode> {
        if !self.failed {
            return self.paths.iter().map(|path| desk.named(path)).collect();
        }
        let mut wanted = Vec::new();
        for state in [State::Failed, State::Quarantined] {
            for record in desk.records(&HistoryFilter { state: Some(state), ..HistoryFilter::default() })? {
                let resting = resting_place(desk.quarantine, &record.path, record.id);
                wanted.push(Wanted { source: record.path, resting, jobs: vec![record.id] });
            }
        }
        Ok(wanted)
    }
}

/// What is needed to find a source and its jobs.
struct Desk<'a> {
    inbox: &'a Path,
    quarantine: &'a Path,
    /// The ending of markers, or nothing.
    marker: &'a str,
    ledger: &'a dyn Ledger,
    config: &'a Config,
}

impl Desk<'_> {
    /// The source that a person means by `path`: in the quarantine, in the inbox, or relative to the inbox.
    fn named(&self, path: &Path) -> Result<Wanted, ExitCode> {
        let absolute = without_dots(&std::path::absolute(path).unwrap_or_else(|_| path.into()));
        if let Ok(within) = absolute.strip_prefix(self.quarantine) {
            return self.resting(&absolute, within);
        }
        let source = match absolute.strip_prefix(self.inbox) {
            Ok(within) => within.to_path_buf(),
            Err(_) => path.into(),
        };
        let jobs = self.stranded(&source)?;
        // Of several that came under one name, the latest; the others stay where they are.
        let place = |id: &JobId| resting_place(self.quarantine, &source, *id).map(|place| (*id, place));
        if let Some((id, place)) = jobs.iter().find_map(place) {
            return Ok(Wanted { source, resting: Some(place), jobs: vec![id] });
        }
        let resting = unreported(self.quarantine, &source);
        Ok(Wanted { source, resting, jobs })
    }

    /// The source that rests at `resting`, `within` the quarantine: its report says of which job.
    fn resting(&self, resting: &Path, within: &Path) -> Result<Wanted, ExitCode> {
        let resting = Some(resting.to_path_buf());
        if let Some(id) = resting.as_deref().and_then(reported_job) {
            let mut records = self.records(&HistoryFilter { id: Some(id), ..HistoryFilter::default() })?;
            if let Some(record) = records.pop() {
                return Ok(Wanted { source: record.path, resting, jobs: vec![id] });
            }
        }
        Ok(Wanted { source: within.into(), resting, jobs: self.stranded(within)? })
    }

    /// Jobs of `source` that failed or need a person, the latest first.
    fn stranded(&self, source: &Path) -> Result<Vec<JobId>, ExitCode> {
        let records = self.records(&HistoryFilter { path: Some(source.into()), ..HistoryFilter::default() })?;
        let stranded = records.iter().filter(|record| matches!(record.state, State::Failed | State::Quarantined));
        let mut jobs: Vec<JobId> = stranded.map(|record| record.id).collect();
        jobs.sort_by(|a, b| b.cmp(a));
        Ok(jobs)
    }

    fn records(&self, filter: &HistoryFilter) -> Result<Vec<Record>, ExitCode> {
        let mut records = Vec::new();
        let mut keep = |record| {
            records.push(record);
            ControlFlow::Continue(())
        };
        self.ledger.history(filter, &mut keep).map_err(|e| refuse_ledger_of(self.config, &e))?;
        Ok(records)
    }

    /// Puts a source back into the inbox if it is not there; whether there is anything to try again.
    fn put_back(&self, wanted: &Wanted) -> io::Result<bool> {
        if !wanted.source.components().all(|part| matches!(part, Component::Normal(_))) {
            return Err(self.nowhere());
        }
        let to = self.inbox.join(&wanted.source);
        match &wanted.resting {
            Some(resting) if resting.symlink_metadata().is_ok() => {
                let back = put_back(resting, self.inbox, &wanted.source);
                back.and_then(|()| self.mark(Some(resting), &to)).map(|()| true)
            }
            _ if to.symlink_metadata().is_ok() && !wanted.jobs.is_empty() => self.mark(None, &to).map(|()| true),
            _ if to.symlink_metadata().is_ok() => Ok(false),
            _ => Err(self.nowhere()),
        }
    }

    /// A source that is to be taken needs its marker.
    fn mark(&self, resting: Option<&Path>, source: &Path) -> io::Result<()> {
        if self.marker.is_empty() { Ok(()) } else { put_marker(resting, source, self.marker) }
    }

    fn nowhere(&self) -> io::Error {
        let what = format!(
            "is neither in {} nor in {}; `h5inbox history` has the names",
            Shown(self.quarantine),
            Shown(self.inbox)
        );
        io::Error::new(io::ErrorKind::NotFound, what)
    }
}

/// A file of that name in the quarantine, even if its report was removed.
fn unreported(quarantine: &Path, source: &Path) -> Option<PathBuf> {
    let place = quarantine.join(source);
    let inside = source.components().all(|part| matches!(part, Component::Normal(_)));
    (inside && reported_job(&place).is_none() && place.symlink_metadata().is_ok()).then_some(place)
}

/// An absolute path without `.` and `..`, by name alone.
fn without_dots(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(plain.pop()),
            Component::CurDir => {}
            other => plain.push(other),
        }
    }
    plain
}

/// Tells a running agent to look now; without the right to, it looks at its next listing.
fn wake(ledger: &Path) {
    let pid = SqliteLedger::holder(ledger).and_then(|pid| i32::try_from(pid).ok());
    if let Some(pid) = pid.and_then(rustix::process::Pid::from_raw) {
        let woken = rustix::process::kill_process(pid, rustix::process::Signal::USR2).map_err(io::Error::from);
        if woken.is_err() {
            output::note("the running agent belongs to another user; it will notice within a minute");
        }
    }
}

/// Many may read the ledger; what is put back has to be written there.
fn writable(ledger: &Path) -> Result<(), ExitCode> {
    rustix::fs::access(ledger, rustix::fs::Access::WRITE_OK).map_err(|error| {
        let owner =
            user::owner_of(ledger).map_or_else(String::new, |owner| format!(": sudo -u {owner} h5inbox retry …"));
        let ledger = Shown(ledger);
        output::error(&format!(
            "the ledger {ledger} is not this user's to write ({error}); run this as the agent's user{owner}"
        ));
        ExitCode::Ledger
    })
}
