//! Lists the inbox in a thread of its own, so that a listing of a million entries, or one that hangs on a network
//! mount, stalls nobody: what it finds comes in batches that whoever decides takes when there is time. Before its first
//! listing it tells in the same way what is dealt with already, so that a long memory stalls nobody either.

use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use crossbeam_channel::{Receiver, Sender, bounded};

use super::filter::NameFilter;
use super::handled::Known;
use super::scan::{Found, ScanError, ScanSummary, scan};
use crate::ledger::LedgerError;
use crate::source::{Identity, OpenError};

/// Entries that come at a time: short work for whoever takes them.
const BATCH: usize = 1024;
/// Batches that may wait to be taken; the listing waits for room.
const AHEAD: usize = 4;
/// Paths a listing tells of because they are no sources: a folder full of links must not fill the log.
const TOLD: usize = 10_000;

/// Tells of each version of a path that is dealt with.
pub type Remembered = Box<dyn FnOnce(&mut dyn FnMut(&Path, Identity)) -> Result<(), LedgerError> + Send>;

/// A part of a listing, or of what is remembered, which comes before all listings.
#[derive(Debug)]
pub enum Listed {
    /// Some of what is dealt with.
    Known(Vec<Known>),
    /// That was all that is remembered, or why it cannot be told.
    Remembered(Result<(), LedgerError>),
    /// Some of what is there.
    Entries(Vec<Entry>),
    /// That was all, or why there is no more.
    End(Result<ScanSummary, ScanError>),
}

/// One thing that a listing found; paths are relative to the inbox.
#[derive(Debug)]
pub enum Entry {
    /// A regular file whose name is wanted, and which version of it.
    Source(PathBuf, Identity),
    /// A marker or a manifest is there.
    Sign(PathBuf),
    /// A wanted name that is not taken, and why.
    Refused(PathBuf, String),
}

/// The thread. It ends with this.
#[derive(Debug)]
pub struct Lister {
    requests: Sender<()>,
    listed: Receiver<Listed>,
}

impl Lister {
    /// A thread that tells what is `remembered`, and then lists `inbox` when asked to, its sub-folders too if `recursive`.
    pub fn start(inbox: &Path, recursive: bool, filter: Arc<NameFilter>, remembered: Remembered) -> io::Result<Self> {
        let (requests, wanted) = bounded(1);
        let (found, listed) = bounded(AHEAD);
        let inbox = inbox.to_owned();
        let serve = move || {
            if !tell(remembered, &found) {
                return;
            }
            while wanted.recv().is_ok() {
                let mut batches = Batches { waiting: Vec::new(), refused: 0, found: &found };
                let end = scan(&inbox, recursive, &filter, &mut |one| batches.take(&one));
                if batches.flush().is_break() || found.send(Listed::End(end)).is_err() {
                    return;
                }
            }
        };
        thread::Builder::new().name("lister".to_owned()).spawn(serve)?;
        Ok(Self { requests, listed })
    }

    /// Begins a listing. One at a time: ask again only after its [`Listed::End`].
    pub fn begin(&self) {
        // A full channel has the wish already.
        let _ = self.requests.try_send(());
    }

    /// Where what is found arrives.
    #[must_use]
    pub fn listed(&self) -> &Receiver<Listed> {
        &self.listed
    }
}

/// Tells what is remembered; false if nobody listens any more.
fn tell(remembered: Remembered, found: &Sender<Listed>) -> bool {
    let mut waiting = Vec::with_capacity(BATCH);
    let told = remembered(&mut |path, identity| {
        waiting.push(Known::of(path, &identity));
        if waiting.len() == BATCH {
            // Should nobody listen, the end tells.
            let _ = found.send(Listed::Known(std::mem::replace(&mut waiting, Vec::with_capacity(BATCH))));
        }
    });
    found.send(Listed::Known(waiting)).is_ok() && found.send(Listed::Remembered(told)).is_ok()
}

struct Batches<'a> {
    waiting: Vec<Entry>,
    refused: usize,
    found: &'a Sender<Listed>,
}

impl Batches<'_> {
    fn take(&mut self, found: &Found<'_>) -> ControlFlow<()> {
        if let Some(entry) = self.entry(found) {
            self.waiting.push(entry);
        }
        if self.waiting.len() < BATCH { ControlFlow::Continue(()) } else { self.flush() }
    }

    fn entry(&mut self, found: &Found<'_>) -> Option<Entry> {
        match found {
            Found::Source(path, identity) => return Some(Entry::Source(path.to_path_buf(), *identity)),
            Found::Sign(path) => return Some(Entry::Sign(path.to_path_buf())),
            Found::Other(..) | Found::Unreadable(..) => {}
        }
        self.refused += 1;
        (self.refused <= TOLD).then(|| refused(found)).flatten()
    }

    /// Breaks if nobody listens any more.
    fn flush(&mut self) -> ControlFlow<()> {
        let batch = std::mem::take(&mut self.waiting);
        match self.found.send(Listed::Entries(batch)) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    }
}

fn refused(found: &Found<'_>) -> Option<Entry> {
    let (path, why) = match found {
        Found::Source(..) | Found::Sign(..) => return None,
        // In the words in which opening it would have said so: it is told once.
        Found::Other(path, "symbolic link") => (path, OpenError::Link.to_string()),
        Found::Other(path, kind) => (path, OpenError::NotAFile(kind).to_string()),
        Found::Unreadable(path, error) => (path, format!("cannot be read: {error}")),
    };
    Some(Entry::Refused(path.to_path_buf(), why))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use crossbeam_channel::TrySendError;

    use super::*;

    fn listing(lister: &Lister) -> (Vec<Entry>, Result<ScanSummary, ScanError>) {
        lister.begin();
        let mut entries = Vec::new();
        loop {
            match lister.listed().recv().unwrap() {
                Listed::Entries(some) => entries.extend(some),
                Listed::End(end) => return (entries, end),
                Listed::Known(_) | Listed::Remembered(Ok(())) => {}
                other @ Listed::Remembered(Err(_)) => panic!("{other:?}"),
            }
        }
    }

    fn lister(inbox: &Path) -> Lister {
        let filter = NameFilter::new(&["*.json".to_owned()], &[]).unwrap();
        Lister::start(inbox, false, Arc::new(filter), Box::new(|_| Ok(()))).unwrap()
    }

    #[test]
    fn what_is_remembered_is_told_before_anything_is_listed() {
        let inbox = tempfile::tempdir().unwrap();
        let filter = NameFilter::new(&["*.json".to_owned()], &[]).unwrap();
        let identity = Identity { device: 1, inode: 2, size: 3, mtime_ns: 4, ctime_ns: 5 };
        let remembered = move |each: &mut dyn FnMut(&Path, Identity)| {
            (0..=BATCH).for_each(|number| each(Path::new(&number.to_string()), identity));
            Ok(())
        };
        let lister = Lister::start(inbox.path(), false, Arc::new(filter), Box::new(remembered)).unwrap();
        lister.begin();
        let parts: Vec<_> = lister.listed().iter().take(4).collect();
        let [Listed::Known(many), Listed::Known(one), Listed::Remembered(Ok(())), Listed::Entries(none)] = &parts[..]
        else {
            panic!("{parts:?}")
        };
        assert_eq!((many.len(), one.len(), none.len()), (BATCH, 1, 0));
    }

    #[test]
    fn each_listing_tells_everything_that_is_there_and_its_end() {
        let inbox = tempfile::tempdir().unwrap();
        let lister = lister(inbox.path());
        assert!(matches!(listing(&lister), (entries, Ok(_)) if entries.is_empty()));
        let count = BATCH * (AHEAD + 2) + 3;
        for number in 0..count {
            fs::write(inbox.path().join(format!("{number}.json")), b"").unwrap();
        }
        std::os::unix::fs::symlink("0.json", inbox.path().join("link.json")).unwrap();
        for _ in 0..2 {
            let (entries, end) = listing(&lister);
            let links = entries.iter().filter(|entry| matches!(entry, Entry::Refused(..))).count();
            assert_eq!((entries.len(), links, end.unwrap().sources), (count + 1, 1, count as u64));
        }
        fs::remove_dir_all(inbox.path()).unwrap();
        assert!(matches!(listing(&lister), (_, Err(ScanError::Open { .. }))));
    }

    #[test]
    fn the_thread_ends_when_nobody_listens_in_the_middle_of_a_listing() {
        let inbox = tempfile::tempdir().unwrap();
        for number in 0..BATCH * (AHEAD + 4) {
            fs::write(inbox.path().join(format!("{number}.json")), b"").unwrap();
        }
        let lister = lister(inbox.path());
        lister.begin();
        let Lister { requests, listed } = lister;
        assert!(listed.iter().any(|part| matches!(part, Listed::Entries(_))));
        drop(listed);
        // The thread's end of the channel goes with the thread.
        while !matches!(requests.try_send(()), Err(TrySendError::Disconnected(()))) {
            thread::sleep(std::time::Duration::from_millis(1));
        }
    }
}
