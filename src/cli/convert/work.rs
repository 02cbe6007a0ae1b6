//! The work on each file: so many at a time, and one that goes wrong, however wrong, stops no other.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::Failure;
use super::tasks::Task;
use crate::convert::output::OutputError;
use crate::convert::output::provenance::Origin;
use crate::convert::output::publish::{STAGING, rename_over, sync_folder};
use crate::convert::profile::{self, Profile, Stage};
use crate::convert::{self, ConvertError, Options, Summary, Target};
use crate::jobs::bad_records::bad_records_of;
use crate::jobs::pool::panic_message;
use crate::jobs::staging::Staging;
use crate::source::{OpenError, open_named};

/// Does `work` on every task, so many at a time, in the order given; with a `profile`, the workers take part in it.
pub(super) fn in_parallel(
    workers: usize,
    tasks: &[Task],
    profile: Option<&Profile>,
    work: impl Fn(usize, &Task) + Sync,
) {
    let next = AtomicUsize::new(0);
    let worker = |number: usize| {
        let _recorded = profile.map(|profile| profile.worker(number));
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(task) = tasks.get(number) else { return };
            work(number, task);
        }
    };
    std::thread::scope(|scope| {
        for number in 1..workers.min(tasks.len()) {
            scope.spawn(move || worker(number));
        }
        worker(0);
    });
}

/// Converts one file; a panic is a failure of that file.
pub(super) fn guarded(task: &Task, number: usize, options: &Options) -> Result<Summary, Failure> {
    let done = catch_unwind(AssertUnwindSafe(|| convert_one(task, number, options)));
    done.unwrap_or_else(|panic| Err(Failure::Panic(panic_message(panic.as_ref()))))
}

/// Removes the staging folder in `folder`, unless another process still uses it.
pub(super) fn tidy_up(folder: &Path) {
    if folder.join(STAGING).exists()
        && let Ok(held) = Staging::share(folder)
    {
        held.leave();
    }
}

fn convert_one(task: &Task, number: usize, options: &Options) -> Result<Summary, Failure> {
    let recorded = profile::file(&task.source, task.bytes);
    let (file, identity) = open_named(&task.source).map_err(|error| match error {
        OpenError::Io(error) => Failure::Convert(ConvertError::Read(error)),
        OpenError::Gone => Failure::Source("does not exist".to_owned()),
        other => Failure::Source(other.to_string()),
    })?;
    let folder = task.output.parent().unwrap_or(Path::new("."));
    let held = Staging::share(folder).map_err(ConvertError::from)?;
    let temporary = Temporary(held.temporary(number));
    let bad_records = Temporary(temporary.0.with_extension("bad.tmp"));
    let name = Path::new(task.source.file_name().unwrap_or_default());
    let origin = Origin { source: name, job: None, modified_ns: identity.mtime_ns };
    let target = Target { output: &temporary.0, bad_records: Some(&bad_records.0), origin };
    let summary = convert::to_file(&file, identity, target, options)?;
    let _publish = profile::span(Stage::Publish);
    let bad_name = bad_records_of(folder, name);
    if let Some(bad) = &summary.bad_file {
        rename_over(bad, &bad_name).map_err(ConvertError::from)?;
    }
    rename_over(&temporary.0, &task.output).map_err(ConvertError::from)?;
    if summary.bad_file.is_none() {
        remove_outdated(&bad_name)?;
    }
    if options.durable {
        sync_folder(folder).map_err(ConvertError::from)?;
    }
    recorded.converted(summary.rows);
    Ok(summary)
}

/// What an earlier run left out is in the output that is there now. Another program's file of that name stays.
fn remove_outdated(bad_records: &Path) -> Result<(), Failure> {
    if !convert::is_file_of_bad_records(bad_records) {
        return Ok(());
    }
    fs::remove_file(bad_records)
        .map_err(|error| ConvertError::from(OutputError::io("remove", bad_records)(error)).into())
}

/// An unfinished output, removed unless it got its name.
struct Temporary(std::path::PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        // Nothing is there if it was renamed, or if the failure came before the file.
        let _ = fs::remove_file(&self.0);
    }
}

impl From<ConvertError> for Failure {
    fn from(error: ConvertError) -> Self {
        Self::Convert(error)
    }
}
