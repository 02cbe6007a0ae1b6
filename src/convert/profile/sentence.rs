//! One plain sentence that names the bottleneck: from figures to words, and nothing else.

use super::stage::{Stage, Times};

/// What else is worth a mention beside the bottleneck, in percent.
const WORTH_A_MENTION: u64 = 10;

/// The figures that the sentence is made of. Times are in nanoseconds.
#[derive(Clone, Debug, Default)]
pub(super) struct Findings {
    /// What the threads did.
    pub(super) times: Times,
    /// What they could have done besides. An agent that has no files has no fault: 0 there.
    pub(super) idle: u64,
    pub(super) workers: u64,
    pub(super) files: u64,
    /// The file that was left at the end, when all other workers had nothing to do any more.
    pub(super) alone: Option<Alone>,
}

/// One file that was converted alone at the end of a run.
#[derive(Clone, Debug)]
pub(super) struct Alone {
    pub(super) name: String,
    pub(super) bytes: u64,
    /// How long it was alone, and how long the run was.
    pub(super) time: u64,
    pub(super) of: u64,
}

/// The sentence for these figures.
pub(super) fn sentence(found: &Findings) -> String {
    let mut ranked: Vec<(u64, Stage)> = Stage::ALL.iter().map(|stage| (found.times.of(*stage), *stage)).collect();
    ranked.retain(|(_, stage)| *stage != Stage::Helpers);
    ranked.sort_by_key(|(time, _)| std::cmp::Reverse(*time));
    let whole = found.times.busy() + found.idle;
    match ranked[..] {
        _ if whole == 0 => "Nothing was converted, so that there is nothing to tell.".to_owned(),
        [(most, _), ..] if found.idle > most => idle(found, whole),
        [(most, first), (next, second), ..] => {
            let also = also(found.idle, (next, second), whole);
            format!("{}{also}; {}.", lead(first, &percent(most, whole)), advice(first))
        }
        _ => String::new(),
    }
}

/// The runner-up, where it counts.
fn also(idle: u64, (time, stage): (u64, Stage), whole: u64) -> String {
    let (time, what) = if idle > time { (idle, "idling") } else { (time, gerund(stage)) };
    if 100 * u128::from(time) < u128::from(WORTH_A_MENTION) * u128::from(whole) {
        return String::new();
    }
    format!(", {what} {}", percent(time, whole))
}

fn idle(found: &Findings, whole: u64) -> String {
    let Findings { workers, files, .. } = *found;
    let share = percent(found.idle, whole);
    if files < workers {
        let files = if files == 1 { "one file".to_owned() } else { format!("{files} files") };
        return format!(
            "The workers were idle {share} of the time because there were {workers} of them for {files}; \
             smaller files would share the work out."
        );
    }
    match &found.alone {
        Some(alone) if alone.time.saturating_mul(workers - 1) >= found.idle / 2 => left_alone(alone, workers - 1),
        _ => format!(
            "The workers were idle {share} of the time, mostly at the end, when fewer files than workers were left; \
             more, smaller files would share the work out."
        ),
    }
}

fn left_alone(alone: &Alone, others: u64) -> String {
    let Alone { name, bytes, time, of } = alone;
    let were = if others == 1 { "1 worker was".to_owned() } else { format!("{others} workers were") };
    format!(
        "{were} idle {} of the run because one file of {}, {name}, was converted alone at the end; \
         name large files first, or split them.",
        percent(*time, *of),
        size(*bytes)
    )
}

fn lead(stage: Stage, share: &str) -> String {
    match stage {
        Stage::LockWait => format!("Workers wait for the HDF5 lock {share} of their time"),
        Stage::Fsync => format!("Workers wait {share} of their time until outputs are on disk (fsync)"),
        Stage::Ledger => format!("Workers wait for the ledger {share} of their time"),
        _ => {
            let what = gerund(stage);
            format!("{}{} takes {share} of the workers' time", what[..1].to_uppercase(), &what[1..])
        }
    }
}

fn gerund(stage: Stage) -> &'static str {
    match stage {
        Stage::Read => "reading",
        Stage::Unpack => "undoing the compression",
        Stage::Split => "finding where records end",
        Stage::Hash => "hashing",
        Stage::Parse => "parsing",
        Stage::Frame => "joining batches",
        Stage::Spill => "putting columns aside",
        Stage::Encode => "encoding",
        Stage::LockWait => "waiting for the HDF5 lock",
        Stage::Hdf5 => "calling the HDF5 library",
        Stage::Write => "writing",
        Stage::Fsync => "waiting for the disk (fsync)",
        Stage::Publish => "giving outputs their names",
        Stage::Ledger => "waiting for the ledger",
        Stage::Dispose => "moving or deleting sources",
        Stage::Rest => "opening and checking files",
        Stage::Helpers => "waiting for helpers",
    }
}

fn advice(stage: Stage) -> &'static str {
    match stage {
        Stage::Read => "faster storage for the sources, or memory that keeps them, helps most",
        Stage::Unpack | Stage::Split | Stage::Hash | Stage::Parse | Stage::Frame | Stage::Encode => {
            "this is work for the processor: more or faster cores help most"
        }
        Stage::Spill => "more memory (`limits.memory_bytes`), or fewer workers that share it, helps most",
        Stage::LockWait => "HDF5 works for one thread at a time, so that more workers do not help",
        Stage::Hdf5 => "HDF5 works for one thread at a time, and each file costs it a little: fewer, larger files help",
        Stage::Write => "faster storage for the outputs helps most",
        Stage::Fsync => "a disk that flushes faster helps, or outputs that need not be durable",
        Stage::Publish | Stage::Dispose => "this is work for the file system: fewer, larger files help",
        Stage::Ledger => "it waits for its disk, and more workers share each wait",
        Stage::Rest | Stage::Helpers => "each file costs a little: fewer, larger files help",
    }
}

/// A share in whole percent.
fn percent(part: u64, whole: u64) -> String {
    let (part, whole) = (u128::from(part), u128::from(whole.max(1)));
    match (200 * part + whole) / (2 * whole) {
        0 if part > 0 => "less than 1 %".to_owned(),
        rounded => format!("{rounded} %"),
    }
}

/// A size in the unit that leaves one to three digits before the point.
fn size(bytes: u64) -> String {
    let units = [(1_000_000_000, "GB"), (1_000_000, "MB"), (1000, "kB")];
    match units.iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, name)) if bytes < 10 * unit => format!("{}.{} {name}", bytes / unit, bytes % unit * 10 / unit),
        Some((unit, name)) => format!("{} {name}", bytes / unit),
        None => format!("{bytes} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(times: &[(Stage, u64)], idle: u64) -> Findings {
        let mut found = Findings { idle, workers: 2, files: 10, ..Findings::default() };
        times.iter().for_each(|(stage, time)| found.times.add(*stage, *time));
        found
    }

    #[test]
    fn the_stage_that_takes_most_is_named_with_its_share_and_what_helps() {
        assert_eq!(
            sentence(&found(&[(Stage::Parse, 61), (Stage::Read, 5), (Stage::Write, 30)], 4)),
            "Parsing takes 61 % of the workers' time, writing 30 %; this is work for the processor: more or faster \
             cores help most."
        );
        assert_eq!(
            sentence(&found(&[(Stage::LockWait, 340), (Stage::Hdf5, 330), (Stage::Parse, 320)], 10)),
            "Workers wait for the HDF5 lock 34 % of their time, calling the HDF5 library 33 %; HDF5 works for one \
             thread at a time, so that more workers do not help."
        );
        assert_eq!(
            sentence(&found(&[(Stage::Fsync, 96), (Stage::Parse, 4)], 0)),
            "Workers wait 96 % of their time until outputs are on disk (fsync); a disk that flushes faster helps, or \
             outputs that need not be durable."
        );
    }

    #[test]
    fn every_stage_can_be_the_bottleneck_and_none_hides_behind_its_helpers() {
        for stage in Stage::ALL.into_iter().filter(|stage| *stage != Stage::Helpers) {
            let said = sentence(&found(&[(stage, 100), (Stage::Helpers, 1_000_000)], 0));
            assert!(said.contains("100 %") && said.ends_with('.'), "{said}");
            assert!(said.to_lowercase().contains(&gerund(stage).to_lowercase()) || said.contains("wait"), "{said}");
        }
    }

    #[test]
    fn workers_without_work_are_the_bottleneck_when_nothing_takes_longer() {
        let big = Alone { name: "BIG.json".to_owned(), bytes: 120_000_000, time: 40, of: 100 };
        let mut findings = Findings { alone: Some(big), workers: 3, ..found(&[(Stage::Parse, 60)], 80) };
        assert_eq!(
            sentence(&findings),
            "2 workers were idle 40 % of the run because one file of 120 MB, BIG.json, was converted alone at the \
             end; name large files first, or split them."
        );
        findings.idle = 1000;
        assert!(sentence(&findings).starts_with("The workers were idle 94 % of the time, mostly at the end"));
        findings.files = 1;
        assert!(sentence(&findings).contains("because there were 3 of them for one file"));
        assert!(
            sentence(&found(&[(Stage::Parse, 70)], 30))
                .starts_with("Parsing takes 70 % of the workers' time, idling 30 %;")
        );
    }

    #[test]
    fn nothing_is_told_of_nothing() {
        assert!(sentence(&Findings::default()).starts_with("Nothing was converted"));
        assert_eq!(percent(1, 1000), "less than 1 %");
        assert_eq!((percent(0, 0), percent(5, 1000)), ("0 %".to_owned(), "1 %".to_owned()));
        assert_eq!([size(7), size(1500), size(12_345_678), size(4 << 30)], ["7 bytes", "1.5 kB", "12 MB", "4.2 GB"]);
    }
}
