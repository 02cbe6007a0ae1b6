//! `h5inbox convert`: the parallel map over files that are there, without ledger or agent.

mod interrupt;
mod report;
mod tasks;
mod work;

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Instant;

use clap::Args;
use clap::builder::{PathBufValueParser, TypedValueParser};
use indicatif::ProgressBar;

use super::encoding::EncodingOptions;
use super::progress::bar;
use super::records::RecordOptions;
use super::{ExitCode, output};
use crate::convert::profile::Profile;
use crate::convert::{Options, Summary, Warning};
use crate::jobs::named::NamedError;
use crate::jobs::staging::tidy_up;
use crate::source::Shown;
use tasks::Task;

/// Options of `h5inbox convert`.
///
/// Each output is named after its source, `.json` replaced by `.h5`, `.feather` or `.parquet`, and replaces an output of that name in one step.
#[derive(Debug, Args)]
pub(super) struct Convert {
    /// Files to convert; of a folder, the .json, .jsonl and .ndjson files in it, also with .gz, .zst, .xz or .bz2
    /// behind, hidden ones and .bad.ndjson left out
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<PathBuf>,
    /// Folder for the outputs, made if missing [default: beside each source]
    #[arg(long, value_name = "DIR")]
    outdir: Option<PathBuf>,
    /// Files converted at a time, and threads that a large file may use; 1 does one thing after the other [default: one
    /// per core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    workers: Option<u16>,
    #[command(flatten)]
    encoding: EncodingOptions,
    /// Have each output on disk (fsync) before going on
    #[arg(long)]
    durable: bool,
    /// Compute the SHA-256 of each source and keep it in its output, for `h5inbox verify`, as the agent does; takes
    /// processor time about as a third of the conversion
    #[arg(long)]
    sha256: bool,
    /// Write a page that shows what each stage cost, worker by worker, and names the bottleneck; its name ends in .html
    #[arg(long, value_name = "REPORT.html", value_parser = PathBufValueParser::new().try_map(report::name))]
    profile: Option<PathBuf>,
    #[command(flatten)]
    records: RecordOptions,
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
        self.profile.as_deref().map_or(Ok(()), report::try_out)?;
        let begun = Instant::now();
        let mut sum = Sum::default();
        let tasks = tasks::all(&self.paths, self.outdir.as_deref(), options.encoding.format, &mut sum);
        let folders = tasks::output_folders(&tasks);
        interrupt::tidy_up_when_told_to_stop(folders.clone());
        let workers = self.worker_count();
        // Refused only if somebody has set it before.
        let _ = rayon::ThreadPoolBuilder::new().num_threads(workers).build_global();
        let progress = bar(tasks.iter().map(|task| task.bytes).sum());
        let sum = Mutex::new(sum);
        let profile = self.profile.as_ref().map(|_| Profile::whole(workers));
        work::in_parallel(workers, &tasks, profile.as_ref(), |number, task| {
            let done = task.named(number).replacing(&options);
            progress.inc(task.bytes);
            note_result(&sum, &progress, task, done);
        });
        let report = profile.map(|profile| profile.report());
        progress.finish_and_clear();
        folders.iter().for_each(|folder| tidy_up(folder));
        let told = self.profile.as_deref().zip(report).map_or(Ok(()), |(page, report)| report::tell(page, &report));
        let sum = sum.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        output::note(&summary_line(&sum, begun.elapsed().as_secs_f64()));
        told?;
        Ok(if sum.failures > 0 { ExitCode::Failed } else { ExitCode::Success })
    }

    fn options(&self) -> Result<Options, ExitCode> {
        let options = self.records.options(self.worker_count())?;
        let encoding = self.encoding.over(options.encoding)?;
        Ok(Options { durable: self.durable, hash: self.sha256, encoding, ..options })
    }

    fn worker_count(&self) -> usize {
        self.workers.map_or_else(|| std::thread::available_parallelism().map_or(1, usize::from), usize::from)
    }
}

impl Sum {
    fn refuse(&mut self, path: &Path, what: &str, hint: &str) {
        self.failures += 1;
        output::error(&format!("failed to convert {}: {what}\n  hint: {hint}", Shown(path)));
    }
}

fn note_result(sum: &Mutex<Sum>, progress: &ProgressBar, task: &Task, done: Result<Summary, NamedError>) {
    let mut sum = sum.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    progress.suspend(|| match done {
        Ok(summary) => {
            sum.files += 1;
            sum.rows += summary.rows;
            sum.bytes += summary.source_bytes;
            sum.bad_records += summary.bad_records;
            tell_warnings(&task.source, &summary.warnings);
        }
        Err(error) => sum.refuse(&task.source, &error.to_string(), error.hint()),
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

fn summary_line(sum: &Sum, seconds: f64) -> String {
    let Sum { files, rows, bytes, bad_records, failures } = sum;
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    let speed = *bytes as f64 / 1e6 / seconds.max(1e-9);
    let bad = if *bad_records > 0 { format!(", {bad_records} bad records left out") } else { String::new() };
    format!("{files} files, {rows} rows, {bytes} bytes, {seconds:.3} s, {speed:.1} MB/s, {failures} failures{bad}")
}
