//! The versions that were already handed out, small enough for a million files that stay in the inbox.

use std::collections::HashMap;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::source::Identity;

/// A file's identity in eight bytes. Two versions of one path share them once in 2^64 changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Version([u8; 8]);

impl Version {
    pub(super) fn of(identity: &Identity) -> Self {
        let mut hasher = blake3::Hasher::new();
        for part in [identity.device, identity.inode, identity.size] {
            hasher.update(&part.to_le_bytes());
        }
        for time in [identity.mtime_ns, identity.ctime_ns] {
            hasher.update(&time.to_le_bytes());
        }
        Self(head(&hasher))
    }
}

/// A path in sixteen bytes: nobody finds two names that share them.
type Key = [u8; 16];

fn key(path: &Path) -> Key {
    head(blake3::Hasher::new().update(path.as_os_str().as_bytes()))
}

fn head<const N: usize>(hasher: &blake3::Hasher) -> [u8; N] {
    let mut head = [0; N];
    hasher.finalize_xof().fill(&mut head);
    head
}

/// A version of a path that is dealt with, as somebody remembers it.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    key: Key,
    version: Version,
}

impl Known {
    /// The version `identity` of `path`.
    #[must_use]
    pub fn of(path: &Path, identity: &Identity) -> Self {
        Self { key: key(path), version: Version::of(identity) }
    }
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    version: Version,
    /// The last scan that saw the path, modulo 256. An entry that an old number saves from a sweep goes in the next.
    scan: u8,
}

/// One version a path, bytes only: 25 of them an entry.
#[derive(Debug, Default)]
pub(super) struct Handled {
    entries: HashMap<Key, Entry, foldhash::fast::RandomState>,
    scan: u8,
}

impl Handled {
    pub(super) fn insert(&mut self, path: &Path, version: Version) {
        self.entries.insert(key(path), Entry { version, scan: self.scan });
    }

    /// What is remembered from before is older than anything that was handed out since.
    pub(super) fn know(&mut self, known: Known) {
        self.entries.entry(known.key).or_insert(Entry { version: known.version, scan: self.scan });
    }

    pub(super) fn is(&self, path: &Path, version: Version) -> bool {
        self.entries.get(&key(path)).is_some_and(|entry| entry.version == version)
    }

    pub(super) fn remove(&mut self, path: &Path) {
        self.entries.remove(&key(path));
    }

    /// Notes that the running scan saw `path`, and says whether the version it saw is the one handed out, if one was.
    pub(super) fn confirm(&mut self, path: &Path, version: Version) -> Option<bool> {
        let entry = self.entries.get_mut(&key(path))?;
        entry.scan = self.scan;
        Some(entry.version == version)
    }

    pub(super) fn scan_started(&mut self) {
        self.scan = self.scan.wrapping_add(1);
    }

    /// Forgets every path that was neither seen nor added since the scan started.
    pub(super) fn sweep(&mut self) {
        let scan = self.scan;
        self.entries.retain(|_, entry| entry.scan == scan);
        if self.entries.capacity() / 4 > self.entries.len().max(1024) {
            self.entries.shrink_to_fit();
        }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Identity = Identity { device: 1, inode: 2, size: 3, mtime_ns: 4, ctime_ns: 5 };

    #[test]
    fn a_million_entries_fit() {
        // The table grows in powers of two, one control byte a slot: at a million entries 2^21 slots.
        assert!((size_of::<(Key, Entry)>() + 1) << 21 < 60_000_000);
    }

    #[test]
    fn every_field_makes_a_version() {
        let others = [
            Identity { device: 9, ..A },
            Identity { inode: 9, ..A },
            Identity { size: 9, ..A },
            Identity { mtime_ns: 9, ..A },
            Identity { ctime_ns: 9, ..A },
            Identity { mtime_ns: A.ctime_ns, ctime_ns: A.mtime_ns, ..A },
        ];
        assert!(others.iter().all(|other| Version::of(other) != Version::of(&A)));
        assert_eq!(Version::of(&A), Version::of(&A));
    }

    #[test]
    fn what_was_handed_out_meanwhile_is_newer_than_what_is_remembered() {
        let (mut handled, path, newer) = (Handled::default(), Path::new("a"), Identity { size: 9, ..A });
        handled.insert(path, Version::of(&newer));
        handled.know(Known::of(path, &A));
        assert!(handled.is(path, Version::of(&newer)));
        handled.know(Known::of(Path::new("b"), &A));
        assert!(handled.is(Path::new("b"), Version::of(&A)));
    }

    #[test]
    fn a_sweep_keeps_what_the_scan_saw_and_what_came_meanwhile() {
        let mut handled = Handled::default();
        for name in ["seen", "gone"] {
            handled.insert(Path::new(name), Version::of(&A));
        }
        handled.scan_started();
        assert_eq!(handled.confirm(Path::new("seen"), Version::of(&A)), Some(true));
        assert_eq!(handled.confirm(Path::new("new"), Version::of(&A)), None);
        handled.insert(Path::new("new"), Version::of(&A));
        handled.sweep();
        let known = |name: &str| handled.is(Path::new(name), Version::of(&A));
        assert!(known("seen") && known("new") && !known("gone"));
        assert_eq!(handled.len(), 2);
    }
}
