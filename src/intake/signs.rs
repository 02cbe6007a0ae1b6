//! What stands beside a source to say that it is complete: a marker, or a manifest that names it.
//!
//! A marker speaks of what was there before it. It is compared with its source by both times that a file has:
//!
//! | the marker | then the source |
//! | --- | --- |
//! | was modified before the source | has changed since: it waits for a newer marker |
//! | was modified after it, and changed in any way after it | is complete |
//! | anything between: the same moment, a source that was only renamed or made readable since | settles as without markers |
//!
//! So no time alone makes a source ready: a time that somebody has set back can only make it wait, or settle.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::manifests::Manifests;
use crate::source::{Identity, stat_beneath};

/// What is said of one version of a source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Consent {
    /// Nothing that changes anything: it settles.
    #[default]
    Usual,
    /// It is complete: no need to wait for quiet.
    Complete,
    /// It is not to be taken yet.
    Withheld(Lack),
}

/// What a source waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lack {
    /// There is no marker.
    Marker,
    /// The marker is older than the source.
    NewerMarker,
    /// No manifest names it.
    Manifest,
}

/// The signs that sources need.
#[derive(Clone, Debug, Default)]
pub struct Signs {
    inbox: PathBuf,
    marker: OsString,
    manifests: Option<Arc<Manifests>>,
}

impl Signs {
    /// In `inbox`, markers whose names end with `marker` if that is not empty, and `manifests` if there are to be any.
    #[must_use]
    pub fn new(inbox: &Path, marker: &str, manifests: Option<Arc<Manifests>>) -> Self {
        Self { inbox: inbox.to_owned(), marker: marker.into(), manifests }
    }

    /// What is said of the version `identity` of `source`, whose path is relative to the inbox.
    #[must_use]
    pub fn of(&self, source: &Path, identity: &Identity) -> Consent {
        match self.marker(source, identity) {
            withheld @ Consent::Withheld(_) => withheld,
            _ if !self.is_listed(source) => Consent::Withheld(Lack::Manifest),
            consent => consent,
        }
    }

    /// The manifests, if there are to be any.
    #[must_use]
    pub fn manifests(&self) -> Option<&Manifests> {
        self.manifests.as_deref()
    }

    fn marker(&self, source: &Path, identity: &Identity) -> Consent {
        if self.marker.is_empty() {
            return Consent::Usual;
        }
        let mut name = source.as_os_str().to_owned();
        name.push(&self.marker);
        // What cannot be looked at says nothing; the source comes up again.
        of_marker(stat_beneath(&self.inbox, Path::new(&name)).ok().as_ref(), identity)
    }

    fn is_listed(&self, source: &Path) -> bool {
        self.manifests.as_ref().is_none_or(|manifests| manifests.sums_of(source).is_ok_and(|sums| !sums.is_empty()))
    }
}

fn of_marker(marker: Option<&Identity>, source: &Identity) -> Consent {
    match marker {
        None => Consent::Withheld(Lack::Marker),
        Some(marker) if marker.mtime_ns < source.mtime_ns => Consent::Withheld(Lack::NewerMarker),
        Some(marker) if marker.mtime_ns > source.mtime_ns && marker.ctime_ns > source.ctime_ns => Consent::Complete,
        Some(_) => Consent::Usual,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(mtime_ns: i64, ctime_ns: i64) -> Identity {
        Identity { device: 1, inode: 1, size: 0, mtime_ns, ctime_ns }
    }

    #[test]
    fn a_marker_speaks_of_what_was_there_before_it() {
        let of = |marker, source| of_marker(Some(&marker), &source);
        assert_eq!(of_marker(None, &at(1, 1)), Consent::Withheld(Lack::Marker));
        assert_eq!(of(at(5, 5), at(3, 3)), Consent::Complete);
        assert_eq!(of(at(5, 5), at(6, 6)), Consent::Withheld(Lack::NewerMarker));
        // The marker was moved away and back: that makes it no newer.
        assert_eq!(of(at(5, 9), at(6, 6)), Consent::Withheld(Lack::NewerMarker));
        // The same tick of the clock.
        assert_eq!(of(at(5, 5), at(5, 5)), Consent::Usual);
        // The source was copied with its old time, which proves nothing, or renamed after its marker.
        assert_eq!(of(at(5, 5), at(1, 6)), Consent::Usual);
        // Both were copied with their times, the marker after the source.
        assert_eq!(of(at(2, 8), at(1, 7)), Consent::Complete);
    }

    #[test]
    fn only_a_regular_file_is_a_marker() {
        let inbox = tempfile::tempdir().unwrap();
        let at = |name: &str| inbox.path().join(name);
        std::fs::write(at("a.json"), b"{}").unwrap();
        std::fs::write(at("elsewhere"), b"").unwrap();
        let signs = Signs::new(inbox.path(), ".done", None);
        let said = || {
            let source = Path::new("a.json");
            signs.of(source, &stat_beneath(inbox.path(), source).unwrap())
        };
        assert_eq!(said(), Consent::Withheld(Lack::Marker));
        std::os::unix::fs::symlink("elsewhere", at("a.json.done")).unwrap();
        assert_eq!(said(), Consent::Withheld(Lack::Marker));
        std::fs::remove_file(at("a.json.done")).unwrap();
        std::fs::write(at("a.json.done"), b"").unwrap();
        assert!(!matches!(said(), Consent::Withheld(_)));
        assert_eq!(Signs::default().of(Path::new("a.json"), &super::tests::at(1, 1)), Consent::Usual);
    }
}
