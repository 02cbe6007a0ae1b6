//! What the machine has to give: watches, a port, the time; and who is at work already.

use std::fs;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use rustix::io::Errno;

use super::findings::Findings;
use crate::agent::AgentError;
use crate::config::{Config, Watch};
use crate::intake::network_kind;
use crate::jobs::mark;
use crate::ledger::{Ledger, LedgerError, SqliteLedger, open_beside};
use crate::source::Shown;

/// Events that the kernel holds by default; with fewer a burst makes it forget some.
const EVENTS: u64 = 16_384;

/// Folders that are counted at most.
const MOST_FOLDERS: u64 = 1_000_000;

/// How far the clock may be behind a file before somebody has set it.
const LATE_SECS: i64 = 300;

/// Whether the inbox can be watched.
pub(super) fn watches(config: &Config, found: &mut Findings) {
    let inbox = &config.inbox.path;
    let polled = config.inbox.watch == Watch::Poll || !matches!(network_kind(inbox), Ok(None));
    if polled {
        return;
    }
    let used_up = match try_watch(inbox) {
        Err(Errno::MFILE | Errno::NFILE) => Some(("max_user_instances", "no inotify instance is left for this user")),
        Err(Errno::NOSPC) => Some(("max_user_watches", "no inotify watch is left for this user")),
        _ => None,
    };
    if let Some((name, what)) = used_up {
        found.warning(limit(name, kernel(name).unwrap_or(128).saturating_mul(4), what));
    }
    if let Some(events) = kernel("max_queued_events").filter(|events| *events < EVENTS) {
        found.warning(limit("max_queued_events", EVENTS, &format!("only {events} events are held in a burst")));
    }
    if let Some(most) = kernel("max_user_watches").filter(|_| config.inbox.recursive) {
        let folders = folders_in(inbox, MOST_FOLDERS.min(most));
        if folders >= most / 10 * 9 {
            let what = format!("the inbox has {folders} folders or more, and a user has {most} watches");
            found.warning(limit("max_user_watches", most.saturating_mul(4), &what));
        }
    }
}

fn limit(name: &str, enough: u64, what: &str) -> String {
    format!(
        "fs.inotify.{name}: {what}; what is not watched is only listed now and then: `sysctl -w fs.inotify.{name}={enough}`, \
         and for good in /etc/sysctl.d/"
    )
}

fn try_watch(inbox: &Path) -> Result<(), Errno> {
    let watcher = inotify::init(CreateFlags::CLOEXEC)?;
    inotify::add_watch(&watcher, inbox, WatchFlags::CLOSE_WRITE).map(drop)
}

/// A limit of inotify; none where it cannot be read, as in the sandbox of the unit.
fn kernel(name: &str) -> Option<u64> {
    fs::read_to_string(format!("/proc/sys/fs/inotify/{name}")).ok()?.trim().parse().ok()
}

/// Folders in `root` and below, itself included, up to `most`.
fn folders_in(root: &Path, most: u64) -> u64 {
    let (mut count, mut folders) = (1, vec![PathBuf::from(root)]);
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
            count += 1;
            if count >= most {
                return count;
            }
            folders.push(entry.path());
        }
    }
    count
}

/// Whether an agent is at work, and whether one could be.
pub(super) fn at_work(config: &Config, found: &mut Findings) {
    let holder = config.ledger.file().and_then(|file| SqliteLedger::holder(&file));
    if let Some(pid) = holder {
        found.note(format!("an agent runs with this ledger: process {pid}"));
    }
    let here = outbox_and_ledger(config, found);
    listener(&config.status.listen, holder.is_some() || here, found);
}

/// An outbox belongs to the ledger that it was filled with. Answers whether an agent of this host shares the ledger.
fn outbox_and_ledger(config: &Config, found: &mut Findings) -> bool {
    let outbox = &config.output.path;
    let (id, here) = match open_beside(&config.ledger) {
        Ok(ledger) => (ledger.id().ok(), agents(ledger.as_ref(), found)),
        Err(LedgerError::Missing(_)) => (None, false),
        // The agent brings it up to date.
        Err(LedgerError::SchemaOlder { .. }) => return false,
        // The agent waits for it.
        Err(error) if error.is_transient() => {
            found.warning(format!("ledger.url: {error}"));
            return false;
        }
        Err(error) => {
            found.error(format!("ledger.url: {error}"));
            return false;
        }
    };
    if mark::read(outbox).is_some_and(|mark| id.as_ref() != Some(&mark)) {
        let ledger = config.ledger.shown_url();
        found.error(AgentError::OtherLedger { outbox: outbox.clone(), ledger }.to_string());
    }
    here
}

/// Who works with a ledger that agents share; whether one of them is on this host.
fn agents(ledger: &dyn Ledger, found: &mut Findings) -> bool {
    let agents = ledger.shared().and_then(|shared| shared.agents().ok()).unwrap_or_default();
    let here = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let alive: Vec<_> = agents.into_iter().filter(|agent| agent.alive).collect();
    for agent in &alive {
        found.note(format!("the agent {} works with this ledger: process {} on {}", agent.name, agent.pid, agent.host));
    }
    alive.iter().any(|agent| agent.host == here)
}

fn listener(address: &str, running: bool, found: &mut Findings) {
    let Ok(wanted) = address.parse::<SocketAddr>() else { return };
    if !wanted.ip().is_loopback() {
        found.warning(format!("status.listen: {address} can be read by everybody in the network, and has no password"));
    }
    // A running agent listens there itself.
    match TcpListener::bind(wanted) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse && running => {}
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            let port = wanted.port();
            found.warning(format!(
                "status.listen: {address} is taken (`ss -ltnp 'sport = :{port}'` says by whom); choose another port, or \"\" \
                 for none: the agent works without"
            ));
        }
        Err(error) => {
            found.warning(format!("status.listen: cannot listen on {address} ({error}); the agent works without"));
        }
        Ok(_) => {}
    }
}

/// A clock that is behind makes old files look like new ones.
pub(super) fn clock(config: &Config, file: &Path, found: &mut Findings) {
    let now = Timestamp::now();
    let ledger = config.ledger.file();
    for path in [Some(file), ledger.as_deref()].into_iter().flatten() {
        let changed = fs::metadata(path).and_then(|found| found.modified()).ok();
        let Some(changed) = changed.and_then(|time| Timestamp::try_from(time).ok()) else { continue };
        if changed.duration_since(now).as_secs() > LATE_SECS {
            let what = format!("{} was changed at {changed:.0}, and the clock says {now:.0}", Shown(path));
            found.warning(format!("{what}; set the clock (`timedatectl`)"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_counted_up_to_a_limit() {
        let root = tempfile::tempdir().unwrap();
        (0..5).for_each(|number| fs::create_dir_all(root.path().join(format!("{number}/below"))).unwrap());
        std::os::unix::fs::symlink("/", root.path().join("link")).unwrap();
        assert_eq!((folders_in(root.path(), 1000), folders_in(root.path(), 7)), (11, 7));
    }

    #[test]
    fn a_port_that_is_taken_is_no_matter_if_the_agent_has_it() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap().to_string();
        let sum = |running| {
            let mut found = Findings::default();
            listener(&address, running, &mut found);
            found.sum()
        };
        assert_eq!((sum(true), sum(false)), ("all well".to_owned(), "works, with 1 warning".to_owned()));
    }
}
