//! What the intake has told of sources that are not taken: each thing once.

use std::collections::HashSet;
use std::hash::{BuildHasher, Hash, RandomState};
use std::path::Path;
use std::time::Duration;

use crate::intake::{Lack, Look, Writer};
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
        let marker = match lack {
            Lack::Marker => "it has no marker; put one beside it (inbox.done_marker)",
            Lack::NewerMarker => "it has changed since its marker was put there; `touch` the marker",
            Lack::Manifest => {
                log::warn!(event = "file.no_manifest", path:% = Shown(path), waited_s = waited.as_secs(),
                    error = "no manifest in its folder names it (inbox.manifest)"; "Not taken yet.");
                return;
            }
        };
        log::warn!(event = "file.no_marker", path:% = Shown(path), waited_s = waited.as_secs(), error = marker;
            "Not taken yet.");
    }

    /// Whether this is to be told. That there is more than can be told is told once, too.
    fn is_new(&mut self, what: impl Hash) -> bool {
        if self.hashes.len() == MOST {
            return false;
        }
        let is_new = self.hashes.insert(self.hasher.hash_one(what));
        if self.hashes.len() == MOST {
            log::warn!(event = "file.skipped", more_than = MOST;
                "No more files that are not taken are told of; `h5inbox explain PATH` says why for each.");
        }
        is_new
    }
}

/// Why a source that was `seen` so is not ready yet. Where that is another reason than a writer's, it was told already.
pub(super) fn tell_waiting(path: &Path, seen: Look) {
    let error = match seen {
        Look::Found { writer: Writer::Present, .. } => "a process has it open to write",
        Look::Found { .. } => "it has not been quiet for long enough",
        Look::NotReadable | Look::Gone => return,
    };
    log::debug!(event = "file.settling", path:% = Shown(path), error = error; "Not finished yet, it seems.");
}

/// Says what is wrong with the inbox itself, once for as long as it lasts.
pub(super) fn tell_change(told: &mut Option<String>, what: String, inbox: &Path) {
    if told.as_ref() != Some(&what) {
        log::warn!(event = "watch.trouble", inbox:% = Shown(inbox), error:% = what; "The inbox cannot be listed or watched.");
        *told = Some(what);
    }
}
