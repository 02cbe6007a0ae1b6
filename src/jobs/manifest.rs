//! A source that a manifest names is converted only if it has the SHA-256 that the manifest says.
//!
//! One that has another is taken for unfinished, as one that ends too early: the rest of it, or the right manifest, may
//! still be on its way. What manifests say is asked for when the turn of the source comes, so that nothing of it has to be
//! remembered.

use std::fs::File;
use std::io;
use std::path::Path;

use super::attempt::{Workshop, hash_of};
use super::retry::{Trouble, plain};
use crate::ledger::Job;
use crate::source::hex;

/// A SHA-256.
type Sum = [u8; 32];

/// Tells what manifests say that a source, by its path in the inbox, is to have: nothing if none names it.
pub type SumsOf = Box<dyn Fn(&Path) -> io::Result<Vec<Sum>> + Send + Sync>;

impl Workshop {
    /// Compares the content of `file`, the source of `job`, with what manifests say of it, if there are to be any.
    pub(super) fn compare_with_manifests(&self, job: &Job, file: &File) -> Result<(), Trouble> {
        let Some(sums_of) = &self.sums_of else { return Ok(()) };
        let unreadable = |error: io::Error| Trouble::Transient(plain("read_error", &error));
        let wanted = sums_of(&job.path).map_err(unreadable)?;
        if wanted.is_empty() {
            // The manifest was there when the source was taken. It settles again, and waits for another.
            return Err(Trouble::Changed);
        }
        let found = hash_of(file).map_err(unreadable)?;
        if wanted.contains(&found) { Ok(()) } else { Err(mismatch(&found, &wanted)) }
    }
}

fn mismatch(found: &Sum, wanted: &[Sum]) -> Trouble {
    let wanted: Vec<_> = wanted.iter().map(hex).collect();
    Trouble::Unfinished(plain(
        "manifest_mismatch",
        &format!(
            "the SHA-256 is {}, but the manifest says {}; send the file or the manifest again, then retry the file",
            hex(found),
            wanted.join(" or ")
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_is_sha_256_and_the_file_is_read_from_its_start_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        std::fs::write(&path, "abc").unwrap();
        let file = File::open(path).unwrap();
        for _ in 0..2 {
            let Trouble::Unfinished(failure) = mismatch(&hash_of(&file).unwrap(), &[[0; 32], [1; 32]]) else {
                panic!()
            };
            let wanted = format!("{} or {}", "00".repeat(32), "01".repeat(32));
            assert!(failure.message.contains("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
            assert!(failure.message.contains(&wanted), "{}", failure.message);
        }
    }
}
