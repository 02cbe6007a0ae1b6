//! Which files are to be converted, and what their outputs are called: no two of them the same.

use std::collections::HashMap;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::{Sum, output};
use crate::config::Format;
use crate::jobs::bad_records::holds_bad_records;
use crate::jobs::named::{Named, output_of};
use crate::source::{Shown, unpacked_name};

/// One file to convert.
pub(super) struct Task {
    pub(super) source: PathBuf,
    pub(super) output: PathBuf,
    pub(super) bytes: u64,
}

impl Task {
    /// The task as number `number` of this process.
    pub(super) fn named(&self, number: usize) -> Named<'_> {
        Named { source: &self.source, output: &self.output, bytes: self.bytes, number }
    }
}

/// The files that `paths` name; what cannot be one is reported and counted in `sum`.
pub(super) fn all(paths: &[PathBuf], outdir: Option<&Path>, format: Format, sum: &mut Sum) -> Vec<Task> {
    let mut tasks: Vec<Task> = Vec::new();
    let mut taken: HashMap<PathBuf, PathBuf> = HashMap::new();
    for source in sources(paths, sum) {
        let output = output_of(&source, outdir, format);
        if let Some(other) = taken.get(&in_one_spelling(&output)) {
            // Named twice, perhaps in two spellings, it is converted once.
            if fs::canonicalize(other).ok() != fs::canonicalize(&source).ok() {
                let what = format!("its output would be that of {}, {}", Shown(other), Shown(&output));
                sum.refuse(&source, &what, "convert it into another folder with --outdir");
            }
            continue;
        }
        taken.insert(in_one_spelling(&output), source.clone());
        let bytes = fs::metadata(&source).map_or(0, |metadata| metadata.len());
        tasks.push(Task { source, output, bytes });
    }
    tasks
}

/// The folders that get outputs, each once.
pub(super) fn output_folders(tasks: &[Task]) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> =
        tasks.iter().filter_map(|task| task.output.parent().map(Path::to_path_buf)).collect();
    folders.sort();
    folders.dedup();
    folders
}

fn sources(paths: &[PathBuf], sum: &mut Sum) -> Vec<PathBuf> {
    let mut sources = Vec::new();
    for path in paths {
        if !path.is_dir() {
            sources.push(path.clone());
            continue;
        }
        match fs::read_dir(path).map(json_files) {
            Ok(files) if files.is_empty() => {
                output::note(&format!("warning: {}: no .json, .jsonl or .ndjson files in it", Shown(path)));
            }
            Ok(files) => sources.extend(files),
            Err(error) => sum.refuse(path, &format!("cannot be listed: {error}"), "check its permissions"),
        }
    }
    sources
}

fn json_files(entries: fs::ReadDir) -> Vec<PathBuf> {
    let wanted = |path: &PathBuf| {
        let name = Path::new(unpacked_name(path.file_name().unwrap_or_default()));
        let ending = name.extension().and_then(|ending| ending.to_str());
        let hidden = path.file_name().is_some_and(|name| name.as_bytes().starts_with(b"."));
        matches!(ending, Some("json" | "jsonl" | "ndjson")) && !hidden && !holds_bad_records(path) && path.is_file()
    };
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(wanted).collect();
    files.sort();
    files
}

/// The same for every way to write a path.
fn in_one_spelling(output: &Path) -> PathBuf {
    let (folder, name) = (output.parent().unwrap_or(Path::new(".")), output.file_name().unwrap_or_default());
    let folder = fs::canonicalize(folder).or_else(|_| std::path::absolute(folder));
    folder.unwrap_or_else(|_| output.into()).join(name)
}
