//! Early word of what happens in the inbox: the `notify` crate's inotify watcher, turned into [`Hint`]s.
//!
//! It may miss things and says so where it can; see [`Watcher::is_current`] for what it cannot know.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam_channel::Receiver;
use notify::event::{AccessKind, AccessMode, CreateKind, ModifyKind, RemoveKind, RenameMode};
use notify::{
    Config, ErrorKind, Event, EventHandler, EventKind, EventKindMask, INotifyWatcher, RecursiveMode, Watcher as _,
};
use rustix::fs::{AtFlags, CWD, StatxFlags};

use super::filter::NameFilter;
use super::hints::{Hint, HintReader, HintWriter, hint_channel};
use super::mounts::Mounts;
use super::network::network_kind;
use crate::source::Shown;

/// Why the inbox cannot be watched.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// A network file system: what other machines write raises no event here. Poll.
    #[error("{} is on {kind}, where files written by other machines raise no events", Shown(.inbox))]
    Network {
        /// The inbox.
        inbox: PathBuf,
        /// The file system's name.
        kind: &'static str,
    },
    /// The limits on watches or watch instances are used up, and not even the inbox itself is watched. Poll, and try again now and then.
    #[error("cannot watch {}: {reason}; raise fs.inotify.max_user_watches or fs.inotify.max_user_instances with sysctl", Shown(.inbox))]
    Limit {
        /// The inbox.
        inbox: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// Anything else: the folder is missing, may not be read, or the like.
    #[error("cannot watch {}: {reason}", Shown(.inbox))]
    Refused {
        /// The inbox.
        inbox: PathBuf,
        /// What the system said.
        reason: String,
    },
}

/// Watches an inbox until dropped. Holds no descriptor of the folder: the kernel reports its removal only when nobody
/// has it open.
#[derive(Debug)]
pub struct Watcher {
    inbox: PathBuf,
    place: Place,
    recursive: bool,
    /// What was mounted inside when the watches were armed, if folders inside are watched.
    mounts: Mounts,
    hints: HintReader,
    counters: Arc<Counters>,
    /// Taken on drop; see there.
    notify: Option<INotifyWatcher>,
}

#[derive(Debug, Default)]
struct Counters {
    overflows: AtomicU64,
    unwatched: AtomicU64,
}

impl Watcher {
    /// Watches `inbox`, its sub-folders too if `recursive`, for files whose names `filter` wants. At most `capacity`
    /// hints wait; more become one [`Watcher::missed`].
    pub fn start(inbox: &Path, recursive: bool, filter: Arc<NameFilter>, capacity: usize) -> Result<Self, WatchError> {
        let refused = |error: io::Error| WatchError::Refused { inbox: inbox.to_owned(), reason: error.to_string() };
        if let Some(kind) = network_kind(inbox).map_err(refused)? {
            return Err(WatchError::Network { inbox: inbox.to_owned(), kind });
        }
        // Before the watch: a folder exchanged in between is then noticed by `is_current`.
        let place = Place::of(inbox).map_err(refused)?;
        let mounts = mounts_inside(inbox, recursive);
        let (writer, hints) = hint_channel(capacity);
        let counters = Arc::new(Counters::default());
        let listener =
            Listener { inbox: inbox.to_owned(), recursive, filter, hints: writer, counters: Arc::clone(&counters) };
        let mut watcher = Self { inbox: inbox.to_owned(), place, recursive, mounts, hints, counters, notify: None };
        watcher.arm(listener, recursive).map_err(|error| watch_error(inbox, &error))?;
        Ok(watcher)
    }

    /// Where hints arrive. A closed channel means the same as [`Hint::Lost`]. After each hint taken from here, ask
    /// [`Watcher::missed`].
    #[must_use]
    pub fn hints(&self) -> &Receiver<Hint> {
        self.hints.receiver()
    }

    /// Whether hints were missed since this was last asked, because too many waited; if so, scan.
    #[must_use]
    pub fn missed(&self) -> bool {
        self.hints.missed()
    }

    /// Whether the watched folders are still those at their paths. No event tells that a parent folder was moved, or
    /// something mounted over the inbox or inside it: ask with every scan, and start anew if not.
    #[must_use]
    pub fn is_current(&self) -> bool {
        Place::of(&self.inbox).is_ok_and(|place| place == self.place)
            && mounts_inside(&self.inbox, self.recursive) == self.mounts
    }

    /// How often the kernel's event queue overflowed.
    #[must_use]
    pub fn overflows(&self) -> u64 {
        self.counters.overflows.load(Ordering::Relaxed)
    }

    /// How often a folder in the inbox could not be watched, for want of watches or of permission; others may lie in it.
    /// Scans reach them.
    #[must_use]
    pub fn unwatched(&self) -> u64 {
        self.counters.unwatched.load(Ordering::Relaxed)
    }

    fn arm(&mut self, listener: Listener, recursive: bool) -> notify::Result<()> {
        // Not ACCESS_OPEN nor ACCESS_CLOSE_NOWRITE: our own reads must not fill the queue. REMOVE also reports every file
        // that leaves, but without it notify keeps to itself that the inbox was removed or unmounted.
        let kinds =
            EventKindMask::CREATE | EventKindMask::ACCESS_CLOSE | EventKindMask::MODIFY_NAME | EventKindMask::REMOVE;
        let config = Config::default().with_event_kinds(kinds).with_follow_symlinks(false);
        let mode = if recursive { RecursiveMode::Recursive } else { RecursiveMode::NonRecursive };
        let watched = self.notify.insert(INotifyWatcher::new(listener, config)?).watch(&self.inbox, mode);
        match watched {
            // What was reached before the limit stays watched, the inbox itself first.
            Err(error) if is_limit(&error.kind) && is_below(&self.inbox, &error) => {
                self.counters.unwatched.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
            watched => watched,
        }
    }
}

fn mounts_inside(inbox: &Path, recursive: bool) -> Mounts {
    if recursive { Mounts::below(inbox) } else { Mounts::default() }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        // notify's own drop panics if its thread could not be started or has died; the listener, which shares the
        // counters, went with it.
        if Arc::strong_count(&self.counters) == 1 {
            std::mem::forget(self.notify.take());
        }
    }
}

fn watch_error(inbox: &Path, error: &notify::Error) -> WatchError {
    let (inbox, reason) = (inbox.to_owned(), error.to_string());
    if is_limit(&error.kind) { WatchError::Limit { inbox, reason } } else { WatchError::Refused { inbox, reason } }
}

/// Whether the error is about a folder in the inbox, and not about the inbox.
fn is_below(inbox: &Path, error: &notify::Error) -> bool {
    error.paths.first().is_some_and(|path| path != inbox && path.starts_with(inbox))
}

fn is_limit(kind: &ErrorKind) -> bool {
    match kind {
        ErrorKind::MaxFilesWatch => true,
        ErrorKind::Io(error) => matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE | libc::ENOSPC)),
        _ => false,
    }
}

/// Which folder a path leads to: an inode number is reused, but not with the time of its birth and on the same mount.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    device: (u32, u32),
    inode: u64,
    mount: u64,
    born: (i64, u32),
}

impl Place {
    fn of(path: &Path) -> io::Result<Self> {
        let wanted = StatxFlags::BASIC_STATS | StatxFlags::BTIME | StatxFlags::MNT_ID;
        let status = rustix::fs::statx(CWD, path, AtFlags::empty(), wanted)?;
        Ok(Self {
            device: (status.stx_dev_major, status.stx_dev_minor),
            inode: status.stx_ino,
            mount: status.stx_mnt_id,
            born: (status.stx_btime.tv_sec, status.stx_btime.tv_nsec),
        })
    }
}

/// Runs in notify's thread.
struct Listener {
    inbox: PathBuf,
    recursive: bool,
    filter: Arc<NameFilter>,
    hints: HintWriter,
    counters: Arc<Counters>,
}

impl EventHandler for Listener {
    fn handle_event(&mut self, event: notify::Result<Event>) {
        match event {
            // An overflow carries no path, so it must be asked for before paths are looked at.
            Ok(event) if event.need_rescan() => {
                self.counters.overflows.fetch_add(1, Ordering::Relaxed);
                self.hints.send(Hint::Rescan);
            }
            Ok(event) => event
                .paths
                .last()
                .and_then(|path| self.meaning(event.kind, path))
                .into_iter()
                .for_each(|hint| self.hints.send(hint)),
            Err(_) => {
                self.counters.unwatched.fetch_add(1, Ordering::Relaxed);
                self.hints.send(Hint::Rescan);
            }
        }
    }
}

impl Listener {
    fn meaning(&self, kind: EventKind, path: &Path) -> Option<Hint> {
        let Ok(relative) = path.strip_prefix(&self.inbox) else { return Some(Hint::Rescan) };
        if relative.as_os_str().is_empty() {
            return of_inbox(kind);
        }
        match kind {
            EventKind::Create(CreateKind::Folder) => self.folder(relative),
            // A move does not say whether it moved a folder.
            EventKind::Modify(ModifyKind::Name(RenameMode::To)) if self.recursive && is_folder(path) => {
                self.folder(relative)
            }
            EventKind::Modify(ModifyKind::Name(RenameMode::To)) => self.file(relative, Hint::Renamed),
            EventKind::Create(_) => self.file(relative, Hint::Created),
            EventKind::Access(AccessKind::Close(AccessMode::Write)) => self.file(relative, Hint::Closed),
            // A file system in the inbox was unmounted, and what was beneath shows again.
            EventKind::Remove(RemoveKind::Other) | EventKind::Any | EventKind::Other => Some(Hint::Rescan),
            _ => None,
        }
    }

    fn folder(&self, relative: &Path) -> Option<Hint> {
        (self.recursive && self.filter.enters(relative)).then_some(Hint::Rescan)
    }

    fn file(&self, relative: &Path, hint: fn(PathBuf) -> Hint) -> Option<Hint> {
        if self.filter.is_sign(relative) {
            return Some(Hint::Sign(relative.to_owned()));
        }
        self.filter.wants(relative).then(|| hint(relative.to_owned()))
    }
}

fn of_inbox(kind: EventKind) -> Option<Hint> {
    matches!(kind, EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_))).then_some(Hint::Lost)
}

fn is_folder(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir())
}

#[cfg(test)]
mod tests;
