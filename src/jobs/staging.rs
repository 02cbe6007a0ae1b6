//! The folder for unfinished outputs while somebody uses it.
//!
//! One agent, or those that share a ledger, and any number of `h5inbox convert` may work in one folder. Locks on the folders
//! themselves, which end with the process and leave nothing behind, keep them apart: an agent with a ledger of its own holds
//! its outbox alone, those that share one hold it together, everybody who writes holds the staging folder together with the
//! others, and who gets that one alone for a moment may tidy up.

use std::collections::hash_map::RandomState;
use std::ffi::OsStr;
use std::fs::{self, File, TryLockError};
use std::hash::BuildHasher;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use crate::convert::output::OutputError;
use crate::convert::output::publish::{STAGING, staging, sync_folder};

/// What the temporary names of `h5inbox convert` begin with. An agent's begin with the number of a job.
const CONVERT: &str = "convert-";

/// No conversion is under way for so long without a byte written.
const A_DAY: Duration = Duration::from_secs(86_400);

/// How often the folder may be removed by others before that is an error.
const TRIES: usize = 1000;

/// A hold on the staging folder of one outbox, until dropped.
#[derive(Debug)]
pub struct Staging {
    folder: PathBuf,
    open: File,
    /// The outbox itself, if it is an agent that holds it.
    _outbox: Option<File>,
}

impl Staging {
    /// Makes the staging folder of `outbox` if it is missing, removes what killed conversions left there, and holds it
    /// together with others.
    pub fn share(outbox: &Path) -> Result<Self, OutputError> {
        for _ in 0..TRIES {
            let folder = staging(outbox)?;
            let open = match File::open(&folder) {
                // Removed by somebody who was done, between the two calls.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                opened => opened.map_err(OutputError::io("open", &folder))?,
            };
            if locked_alone(&open) {
                remove_leftovers(&folder);
            }
            // Where the file system knows no locks, users are not kept apart, and each does its own work still.
            let _ = open.lock_shared();
            if is_at(&open, &folder) {
                return Ok(Self { folder, open, _outbox: None });
            }
        }
        Err(OutputError::io("hold", staging(outbox)?)(io::Error::other("it is removed again and again")))
    }

    /// As [`Staging::share`], and holds `outbox` as its only agent, or together with those that share a ledger; none if an
    /// agent does that is none of these.
    pub fn for_agent(outbox: &Path, shares: bool) -> Result<Option<Self>, OutputError> {
        let held = Self::share(outbox)?;
        // Its name is to last as the names in it are.
        sync_folder(outbox)?;
        let open = File::open(outbox).map_err(OutputError::io("open", outbox))?;
        let locked = if shares { open.try_lock_shared() } else { open.try_lock() };
        match locked {
            Err(TryLockError::WouldBlock) => Ok(None),
            _ => Ok(Some(Self { _outbox: Some(open), ..held })),
        }
    }

    /// The temporary name for the `number`th output of this process.
    #[must_use]
    pub fn temporary(&self, number: usize) -> PathBuf {
        self.folder.join(format!("{CONVERT}{}-{number}.tmp", process()))
    }

    /// Lets go, and removes the folder if nobody else is in it.
    pub fn leave(self) {
        let _ = self.open.unlock();
        if locked_alone(&self.open) {
            // Only when it is empty.
            let _ = fs::remove_dir(&self.folder);
        }
    }
}

/// Removes the staging folder of `outbox`, unless somebody still uses it.
pub fn tidy_up(outbox: &Path) {
    if outbox.join(STAGING).exists()
        && let Ok(held) = Staging::share(outbox)
    {
        held.leave();
    }
}

/// Removes what this process has unfinished in the staging folder of `outbox`. The folder stays: others may be in it.
pub fn remove_unfinished(outbox: &Path) {
    let folder = outbox.join(STAGING);
    let ours = format!("{CONVERT}{}-", process());
    let Ok(entries) = fs::read_dir(&folder) else { return };
    for entry in entries.flatten().filter(|entry| entry.file_name().as_encoded_bytes().starts_with(ours.as_bytes())) {
        let _ = fs::remove_file(entry.path());
    }
}

/// Whether `name` in a staging folder is an agent's own.
pub(super) fn is_agents(name: &OsStr) -> bool {
    !name.as_encoded_bytes().starts_with(CONVERT.as_bytes())
}

/// This process among those of all hosts that may work in the same folder.
fn process() -> String {
    static DRAWN: OnceLock<u64> = OnceLock::new();
    // Hosts may have the same name, and numbers of processes are given on each.
    let drawn = DRAWN.get_or_init(|| RandomState::new().hash_one(std::process::id()));
    format!("{}-{}-{drawn:016x}", host(), std::process::id())
}

/// Stands for the name of this host.
fn host() -> String {
    blake3::hash(rustix::system::uname().nodename().to_bytes()).to_hex()[..8].to_owned()
}

fn locked_alone(folder: &File) -> bool {
    folder.try_lock().is_ok()
}

/// Whether the open folder is still the one at `path`.
fn is_at(open: &File, path: &Path) -> bool {
    let identity = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    match (open.metadata(), fs::metadata(path)) {
        (Ok(held), Ok(there)) => identity(held) == identity(there),
        _ => false,
    }
}

/// With the folder held alone, no conversion is under way on this host. What others have there is left to them for a day: there
/// are network file systems where locks do not reach from host to host.
fn remove_leftovers(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten().filter(|entry| !is_agents(&entry.file_name())) {
        if is_of_this_host(&entry.file_name()) || is_old(&entry) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn is_of_this_host(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(format!("{CONVERT}{}-", host()).as_bytes())
}

fn is_old(entry: &fs::DirEntry) -> bool {
    let modified = entry.metadata().and_then(|metadata| metadata.modified());
    modified.ok().and_then(|modified| modified.elapsed().ok()).is_some_and(|age| age > A_DAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_stays_while_somebody_is_in_it_and_goes_with_the_last() {
        let outbox = tempfile::tempdir().unwrap();
        let folder = outbox.path().join(STAGING);
        let (one, two) = (Staging::share(outbox.path()).unwrap(), Staging::share(outbox.path()).unwrap());
        one.leave();
        assert!(folder.exists());
        two.leave();
        assert!(!folder.exists());
    }

    #[test]
    fn leftovers_are_removed_by_who_comes_alone_and_only_then() {
        let outbox = tempfile::tempdir().unwrap();
        let held = Staging::share(outbox.path()).unwrap();
        let files = [held.temporary(1), outbox.path().join(STAGING).join("7.tmp")];
        files.iter().for_each(|file| fs::write(file, "").unwrap());
        let other = Staging::share(outbox.path()).unwrap();
        assert!(files.iter().all(|file| file.exists()));
        drop((held, other));
        let _alone = Staging::share(outbox.path()).unwrap();
        assert_eq!(files.map(|file| file.exists()), [false, true]);
    }

    #[test]
    fn what_another_host_has_there_is_left_to_it_for_a_day() {
        let outbox = tempfile::tempdir().unwrap();
        let folder = staging(outbox.path()).unwrap();
        let [new, old] = ["new", "old"].map(|name| folder.join(format!("{CONVERT}00000000-1-{name}-1.tmp")));
        fs::write(&new, "").unwrap();
        File::create(&old).unwrap().set_modified(std::time::SystemTime::now() - 2 * A_DAY).unwrap();
        let _alone = Staging::share(outbox.path()).unwrap();
        assert_eq!((new.exists(), old.exists()), (true, false));
    }

    #[test]
    fn an_outbox_has_one_agent_and_any_number_of_conversions() {
        let outbox = tempfile::tempdir().unwrap();
        let agent = Staging::for_agent(outbox.path(), false).unwrap().unwrap();
        assert!(Staging::for_agent(outbox.path(), false).unwrap().is_none());
        Staging::share(outbox.path()).unwrap().leave();
        assert!(outbox.path().join(STAGING).exists());
        assert!(Staging::for_agent(outbox.path(), true).unwrap().is_none());
        drop(agent);
        let some = [(); 3].map(|()| Staging::for_agent(outbox.path(), true).unwrap().unwrap());
        assert!(Staging::for_agent(outbox.path(), false).unwrap().is_none());
        drop(some);
        assert!(Staging::for_agent(outbox.path(), false).unwrap().is_some());
    }

    #[test]
    fn coming_and_going_at_the_same_time_everybody_finds_the_folder_there() {
        let outbox = tempfile::tempdir().unwrap();
        let work = |number: usize| {
            for round in 0..200 {
                let held = Staging::share(outbox.path()).unwrap();
                let file = held.temporary(number * 1000 + round);
                fs::write(&file, "").unwrap();
                fs::remove_file(&file).unwrap();
                held.leave();
            }
        };
        std::thread::scope(|scope| (0..4).for_each(|number| drop(scope.spawn(move || work(number)))));
        assert!(!outbox.path().join(STAGING).exists());
    }
}
