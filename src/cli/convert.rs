//! `h5inbox convert`: the parallel map over files that are there, without ledger or agent.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use clap::Args;
use indicatif::ProgressBar;

use super::progress::bar;
use super::records::RecordOptions;
use super::{ExitCode, output};
use crate::convert::output::publish::{rename_over, staging, sync_folder};
use crate::convert::{self, ConvertError, Options, Summary, Target, Warning};
use crate::jobs::bad_records::{bad_records_of, holds_bad_records};
use crate::jobs::naming::output_of;
use crate::source::{OpenError, Shown, open_named};

/// Options of `h5inbox convert`.
///
/// Each output is named after its source, `.json` replaced by `.h5`, and replaces an output of that name in one step.
#[derive(Debug, Args)]
pub(super) struct Convert {
    /// Files to convert; of a folder, the .json, .jsonl and .ndjson files in it, but no .bad.ndjson
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<PathBuf>,
    /// Folder for the outputs, made if missing [default: beside each source]
    #[arg(long, value_name = "DIR")]
    outdir: Option<PathBuf>,
    /// Files converted at a time; 1 converts one after the other [default: one per core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    workers: Option<u16>,
    /// Format of the outputs
    #[arg(long, default_value = "hdf5", value_parser = ["hdf5"])]
    format: String,
    /// Layout of the frame in HDF5
    #[arg(long, default_value = "fixed", value_parser = ["fixed"])]
    layout: String,
    /// Key of the frame in the output [default: /data]
    #[arg(long, value_parser = key)]
    key: Option<String>,
    /// Compression inside the outputs
    #[arg(long, default_value = "none", value_parser = ["none"])]
    compression: String,
    /// Have each output on disk (fsync) before going on
    #[arg(long)]
    durable: bool,
    #[command(flatten)]
    records: RecordOptions,
}

/// One file to convert.
struct Task {
    source: PathBuf,
    output: PathBuf,
    bytes: u64,
}

/// What all tasks gave together.
#[derive(Default)]
struct Sum {
    files: u64,
    rows: u64,
    bytes: u64,
    bad_records: u64,
    failures: u64,
}

impl Convert {
    pub(super) fn run(&self) -> Result<ExitCode, ExitCode> {
        let options = self.options()?;
        let begun = Instant::now();
        let mut sum = Sum::default();
        let tasks = self.tasks(&mut sum);
        let folders = output_folders(&tasks);
        folders.iter().for_each(|folder| remove_leftovers(folder));
        let progress = bar(tasks.iter().map(|task| task.bytes).sum());
        let sum = Mutex::new(sum);
        in_parallel(self.worker_count(), &tasks, |number, task| {
            let done = convert_one(task, number, &options);
            progress.inc(task.bytes);
            note_result(&sum, &progress, task, done);
        });
        progress.finish_and_clear();
        // Only ours are removed, and only when empty.
        folders.iter().for_each(|folder| drop(fs::remove_dir(staging_name(folder))));
        let sum = sum.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        output::note(&summary_line(&sum, begun.elapsed().as_secs_f64()));
        Ok(if sum.failures > 0 { ExitCode::Failed } else { ExitCode::Success })
    }

    fn options(&self) -> Result<Options, ExitCode> {
        let options = Options { durable: self.durable, ..self.records.options()? };
        Ok(match &self.key {
            Some(key) => Options { key: key.clone(), ..options },
            None => options,
        })
    }

    fn worker_count(&self) -> usize {
        self.workers.map_or_else(|| std::thread::available_parallelism().map_or(1, usize::from), usize::from)
    }

    /// The files to convert; what cannot be one is reported and counted in `sum`.
    fn tasks(&self, sum: &mut Sum) -> Vec<Task> {
        let mut tasks: Vec<Task> = Vec::new();
        let mut taken: HashMap<PathBuf, PathBuf> = HashMap::new();
        for source in self.sources(sum) {
            let output = self.output_of(&source);
            if let Some(other) = taken.insert(output.clone(), source.clone()) {
                let what = format!("its output would be that of {}, {}", Shown(&other), Shown(&output));
                sum.refuse(&source, &what, "convert it into another folder with --outdir");
                taken.insert(output, other);
                continue;
            }
            let bytes = fs::metadata(&source).map_or(0, |metadata| metadata.len());
            tasks.push(Task { source, output, bytes });
        }
        tasks
    }

    fn sources(&self, sum: &mut Sum) -> Vec<PathBuf> {
        let mut sources = Vec::new();
        for path in &self.paths {
            if !path.is_dir() {
                sources.push(path.clone());
                continue;
            }
            match fs::read_dir(path) {
                Ok(entries) => sources.extend(json_files(entries)),
                Err(error) => sum.refuse(path, &format!("cannot be listed: {error}"), "check its permissions"),
            }
        }
        sources
    }

    fn output_of(&self, source: &Path) -> PathBuf {
        let folder = match &self.outdir {
            Some(folder) => folder.clone(),
            None => source.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")).into(),
        };
        output_of(&folder, Path::new(source.file_name().unwrap_or_default()))
    }
}

impl Sum {
    fn refuse(&mut self, path: &Path, what: &str, hint: &str) {
        self.failures += 1;
        output::error(&format!("failed to convert {}: {what}\n  hint: {hint}", Shown(path)));
    }
}

fn json_files(entries: fs::ReadDir) -> Vec<PathBuf> {
    let wanted = |path: &PathBuf| {
        let ending = path.extension().and_then(|ending| ending.to_str());
        matches!(ending, Some("json" | "jsonl" | "ndjson")) && path.is_file() && !holds_bad_records(path)
    };
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(wanted).collect();
    files.sort();
    files
}

/// Does `work` on every task, so many at a time, in the order given.
fn in_parallel(workers: usize, tasks: &[Task], work: impl Fn(usize, &Task) + Sync) {
    let next = AtomicUsize::new(0);
    let worker = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(task) = tasks.get(number) else { return };
            work(number, task);
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..workers.min(tasks.len()) {
            scope.spawn(worker);
        }
        worker();
    });
}

fn convert_one(task: &Task, number: usize, options: &Options) -> Result<Summary, ConvertError> {
    let (file, identity) = open_named(&task.source).map_err(unreadable)?;
    let folder = task.output.parent().unwrap_or(Path::new("."));
    let temporary = staging(folder)?.join(format!("convert-{}-{number}.tmp", std::process::id()));
    let bad_temporary = temporary.with_extension("bad.tmp");
    let target = Target { output: &temporary, bad_records: Some(&bad_temporary) };
    let done = convert::to_file(&file, identity, target, options).and_then(|summary| {
        if let Some(bad) = &summary.bad_file {
            rename_over(bad, &bad_records_of(folder, Path::new(task.source.file_name().unwrap_or_default())))?;
        }
        rename_over(&temporary, &task.output)?;
        if options.durable {
            sync_folder(folder)?;
        }
        Ok(summary)
    });
    if done.is_err() {
        // Nothing is there if the failure came before the file.
        let _ = fs::remove_file(&temporary);
        let _ = fs::remove_file(&bad_temporary);
    }
    done
}

fn unreadable(error: OpenError) -> ConvertError {
    ConvertError::Read(match error {
        OpenError::Io(error) => error,
        other => std::io::Error::other(other.to_string()),
    })
}

fn note_result(sum: &Mutex<Sum>, progress: &ProgressBar, task: &Task, done: Result<Summary, ConvertError>) {
    let mut sum = sum.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    progress.suspend(|| match done {
        Ok(summary) => {
            sum.files += 1;
            sum.rows += summary.rows;
            sum.bytes += summary.source_bytes;
            sum.bad_records += summary.bad_records;
            tell_warnings(&task.source, &summary.warnings);
        }
        Err(error) => sum.refuse(&task.source, &error.to_string(), hint(&error)),
    });
}

fn tell_warnings(source: &Path, warnings: &[Warning]) {
    let source = Shown(source);
    for warning in warnings.iter().take(Warning::TOLD) {
        output::note(&format!("warning: {source}: {}", warning.message));
    }
    if let Some(more @ 1..) = warnings.len().checked_sub(Warning::TOLD) {
        output::note(&format!("warning: {source}: and {more} more; see `h5inbox schema`"));
    }
}

fn hint(error: &ConvertError) -> &str {
    match error {
        ConvertError::Defect(defect) => &defect.hint,
        ConvertError::Read(_) => "check the path and its permissions",
        ConvertError::Changed => "wait until its writer has finished, then convert it again",
        ConvertError::Output(_) => "check free space and permissions of the output's folder",
    }
}

fn summary_line(sum: &Sum, seconds: f64) -> String {
    let Sum { files, rows, bytes, bad_records, failures } = sum;
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    let speed = *bytes as f64 / 1e6 / seconds.max(1e-9);
    let bad = if *bad_records > 0 { format!(", {bad_records} bad records left out") } else { String::new() };
    format!("{files} files, {rows} rows, {bytes} bytes, {seconds:.3} s, {speed:.1} MB/s, {failures} failures{bad}")
}

fn output_folders(tasks: &[Task]) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> =
        tasks.iter().filter_map(|task| task.output.parent().map(Path::to_path_buf)).collect();
    folders.sort();
    folders.dedup();
    folders
}

fn staging_name(folder: &Path) -> PathBuf {
    folder.join(convert::output::publish::STAGING)
}

/// Removes what a `convert` that was killed has left in the staging folder.
fn remove_leftovers(folder: &Path) {
    let Ok(entries) = fs::read_dir(staging_name(folder)) else { return };
    for entry in entries.flatten().filter(|entry| is_leftover(&entry.file_name())) {
        let _ = fs::remove_file(entry.path());
    }
}

fn is_leftover(name: &OsString) -> bool {
    let pid = name.to_str().and_then(|name| name.strip_prefix("convert-")).and_then(|rest| rest.split('-').next());
    let pid = pid.and_then(|pid| pid.parse::<u32>().ok());
    pid.is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists())
}

fn key(text: &str) -> Result<String, String> {
    let names: Vec<&str> = text.strip_prefix('/').unwrap_or(text).split('/').collect();
    if names.iter().any(|name| name.is_empty() || *name == "." || name.contains('\0')) {
        return Err("a key is /NAME or /NAME/NAME".to_owned());
    }
    Ok(format!("/{}", names.join("/")))
}
