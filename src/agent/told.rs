//! What the intake has told of sources that are not taken: each thing once.

use std::collections::HashSet;
use std::hash::{BuildHasher, Hash, RandomState};
use std::path::Path;
use std::time::Duration;

use crate::intake::Lack;
use crate::source::Shown;

/// Things that are told; a folder full of links must not fill log or memory.
const MOST: usize = 10_000;

/// Hashes of what was told.
#[derive(Debug, Default)]
pub(super) struct Told {
    hashes: HashSet<u64>,
    hasher: RandomState,
}

impl Told {
    /// The file at `path` is not taken, and why.
    pub(super) fn skipped(&mut self, path: &Path, why: &str) {
        if self.is_new((path, why)) {
            log::warn!(event = "file.skipped", path:% = Shown(path), error:% = why; "Not taken.");
        }
    }

    /// The source at `path` has waited long, from `since` on, for a marker or a manifest.
    pub(super) fn withheld(&mut self, path: &Path, lack: Lack, since: Duration, waited: Duration) {
        if !self.is_new((path, lack, since)) {
            return;
        }
        let (event, why) = match lack {
            Lack::Marker => ("file.no_marker", "it has no marker; put one beside it (inbox.done_marker)"),
            Lack::NewerMarker => {
                ("file.no_marker", "it has changed since its marker was put there; `touch` the marker")
            }
            Lack::Manifest => ("file.no_manifest", "no manifest in its folder names it (inbox.manifest)"),
        };
        log::warn!(event = event, path:% = Shown(path), waited_s = waited.as_secs(), error:% = why; "Not taken yet.");
    }

    fn is_new(&mut self, what: impl Hash) -> bool {
        self.hashes.len() < MOST && self.hashes.insert(self.hasher.hash_one(what))
    }
}

/// Says what is wrong with the inbox itself, once for as long as it lasts.
pub(super) fn tell_change(told: &mut Option<String>, what: String, inbox: &Path) {
    if told.as_ref() != Some(&what) {
        log::warn!(event = "watch.trouble", inbox:% = Shown(inbox), error:% = what; "The inbox cannot be listed or watched.");
        *told = Some(what);
    }
}
