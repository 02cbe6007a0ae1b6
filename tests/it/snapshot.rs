//! All that an agent left: every file in its folders, byte for byte, and what the ledger says. Two runs that came to the
//! same end have equal ones.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::harness::{Site, reader, said};

/// The end of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Snapshot {
    /// By folder and path below it, hidden files and what has no name yet among them.
    pub(crate) files: BTreeMap<String, Content>,
    /// Path, state, rows, disposition, and how an error is called: a line a job, oldest first.
    pub(crate) jobs: Vec<String>,
}

/// Text is shown in full where it differs, anything else by its length and hash.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Content(Vec<u8>);

impl std::fmt::Debug for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match std::str::from_utf8(&self.0) {
            Ok(text) if text.len() < 1000 && !text.contains('\0') => write!(f, "{text:?}"),
            _ => write!(f, "{} bytes, {}", self.0.len(), &blake3::hash(&self.0).to_hex()[..16]),
        }
    }
}

impl Snapshot {
    /// What `site` left in `folders`, which are told by their names and may lie anywhere.
    pub(crate) fn of(site: &Site, folders: &[(&str, PathBuf)]) -> Self {
        let mut files = BTreeMap::new();
        for (name, folder) in folders {
            for path in below(folder) {
                let relative = path.strip_prefix(folder).unwrap().display();
                files.insert(format!("{name}/{relative}"), content(&path, folders));
            }
        }
        Self { files, jobs: jobs(site) }
    }
}

/// Where it is does not count: reports name the folders.
fn content(path: &Path, folders: &[(&str, PathBuf)]) -> Content {
    let bytes = fs::read(path).unwrap();
    let Ok(mut text) = String::from_utf8(bytes.clone()) else { return Content(bytes) };
    for (name, folder) in folders {
        text = text.replace(folder.to_str().unwrap(), name);
    }
    Content(text.into_bytes())
}

fn jobs(site: &Site) -> Vec<String> {
    let keys = ["path", "state", "rows", "disposition", "error_code", "duplicate_of"];
    let line = |job: &serde_json::Value| keys.map(|key| job[key].to_string()).join(" ");
    site.history().iter().rev().map(line).collect()
}

/// Every file below `folder`, whatever it is called, but for the mark that tells which ledger an outbox has.
pub(crate) fn below(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut files = Vec::new();
    for entry in entries.map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            files.extend(below(&entry.path()));
        } else {
            files.push(entry.path());
        }
    }
    files.retain(|file| !file.ends_with(".h5inbox/ledger"));
    files.sort();
    files
}

/// What the outputs below `folder` hold, by their paths, without where they come from; hidden ones left out.
pub(crate) fn digests(folder: &Path) -> BTreeMap<String, String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/digests.py");
    let run = Command::new(reader("3.1")).arg(script).arg(folder).output().unwrap();
    assert!(run.status.success(), "{}", said(&run));
    let lines = String::from_utf8(run.stdout).unwrap();
    lines
        .lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(digest, path)| (path.to_owned(), digest.to_owned()))
        .collect()
}
