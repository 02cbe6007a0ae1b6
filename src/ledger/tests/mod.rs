//! What every ledger has to do, whatever it is made of: one suite, run against each.

pub(in crate::ledger) mod model;
pub(in crate::ledger) mod retention;
pub(in crate::ledger) mod transitions;

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use super::{Admission, Arrival, Failure, HistoryFilter, Job, JobId, Ledger, Publication, Record};
use crate::config::Order;
use crate::source::Identity;

/// A ledger to try.
pub(in crate::ledger) trait Bench {
    /// As the agent has it.
    fn ledger(&self) -> &dyn Ledger;
    /// As another process has it.
    fn beside(&self) -> Box<dyn Ledger>;
    /// The agent has stopped, and starts again.
    fn reopened(self) -> Self;
    /// The jobs that the agent can take steps with, once it has taken all that it may have; none if it has the ledger for
    /// itself, and so all.
    fn mine(&self) -> Option<BTreeSet<i64>>;
    /// What is written of a path, for people, of the only job.
    fn path_text(&self) -> String;
}

/// Runs these tests of the suite, on what `$bench` makes.
macro_rules! every_ledger {
    ($bench:path, $part:ident: $($name:ident),* $(,)?) => {
        $(#[test]
        fn $name() {
            crate::ledger::tests::$part::$name(&$bench());
        })*
    };
}
pub(in crate::ledger) use every_ledger;

/// Instantiates the whole suite.
macro_rules! suite {
    ($bench:path) => {
        crate::ledger::tests::every_ledger!($bench, transitions:
            a_file_goes_through_to_its_output_and_leaves_the_inbox,
            a_version_is_admitted_once_and_the_next_knows_the_one_before,
            a_device_that_got_another_number_is_still_the_same_version,
            another_file_of_the_same_length_within_one_tick_of_the_clock_is_another_version,
            failures_come_back_and_the_poisonous_are_set_aside,
            a_publication_that_is_hindered_stays_decided,
            steps_out_of_order_change_nothing,
            what_went_and_came_back_is_new_again,
            retry_in_another_process_reaches_the_agent_once,
            history_is_newest_first_and_filtered,
            names_are_bytes,
            twenty_thousand_arrivals_and_the_ledger_is_still_asked_in_an_instant,
            jobs_that_share_an_output_take_each_step_that_decides_it_together,
            what_is_for_all_jobs_of_an_output_or_none_changes_nothing_if_it_does_not_suit_one,
            a_job_is_alone_after_it_was_taken_apart_or_was_to_blame,
        );
        crate::ledger::tests::every_ledger!($bench, retention:
            a_source_that_stands_in_the_inbox_is_never_forgotten_and_the_totals_are_those_of_all_time,
            what_is_taken_up_again_meanwhile_is_not_forgotten_and_no_number_is_given_twice,
            of_sources_that_share_an_output_those_left_keep_their_rows,
        );
    };
}
pub(in crate::ledger) use suite;

/// The ledger, once its agent has all that it may have.
pub(in crate::ledger) fn mine(ledger: &dyn Ledger) -> &dyn Ledger {
    if let Some(shared) = ledger.shared() {
        shared.claim(100_000, u64::MAX, Order::OldestFirst).unwrap();
        shared.adopt(100_000).unwrap();
    }
    ledger
}

/// What was begun and is not over.
pub(in crate::ledger) fn open(ledger: &dyn Ledger) -> Vec<Job> {
    mine(ledger).unfinished().unwrap()
}

/// What waits and may start now, by number.
pub(in crate::ledger) fn waits(ledger: &dyn Ledger) -> Vec<Job> {
    let Some(shared) = ledger.shared() else { return ledger.waiting().unwrap() };
    shared.let_go_waiting().unwrap();
    let mut claimed = shared.claim(100_000, u64::MAX, Order::OldestFirst).unwrap();
    claimed.sort_by_key(|job| job.id);
    claimed
}

/// Version `version` of `path`.
pub(in crate::ledger) fn arrival(path: impl AsRef<Path>, version: u64) -> Arrival {
    let time = 1_700_000_000_000_000_000 + version.cast_signed();
    let identity = Identity { device: 1, inode: 7, size: 100 + version, mtime_ns: time, ctime_ns: time };
    Arrival { path: path.as_ref().to_owned(), identity }
}

pub(in crate::ledger) fn admit(ledger: &dyn Ledger, path: impl AsRef<Path>, version: u64) -> Job {
    match ledger.arrive(&[arrival(path, version)]).unwrap().remove(0) {
        Admission::New(job) => job,
        Admission::Known(job) => panic!("known: {job:?}"),
    }
}

pub(in crate::ledger) fn hash_of(id: JobId) -> [u8; 32] {
    [id.0.to_le_bytes()[0]; 32]
}

pub(in crate::ledger) fn publication(id: JobId) -> Publication {
    Publication {
        hash: hash_of(id),
        temporary: PathBuf::from(format!(".h5inbox/{id}.tmp")),
        output: PathBuf::from(format!("{id}.h5")),
        output_bytes: 1000,
        first_row: None,
        rows: 10,
        columns: 3,
        bad_records: 1,
        warnings: Some("[]".to_owned()),
        input: "array".to_owned(),
        compression: "gzip".to_owned(),
        bom: true,
        wait_s: 0.25,
        convert_s: 0.5,
    }
}

pub(in crate::ledger) fn failure() -> Failure {
    let message = "line 3, byte 40: expected a value".to_owned();
    Failure { code: "syntax".to_owned(), message, line: Some(3), byte: Some(40) }
}

pub(in crate::ledger) fn history(ledger: &dyn Ledger, filter: &HistoryFilter) -> Vec<Record> {
    let mut records = Vec::new();
    ledger
        .history(filter, &mut |record| {
            records.push(record);
            ControlFlow::Continue(())
        })
        .unwrap();
    records
}

pub(in crate::ledger) fn ids(jobs: &[Job]) -> Vec<JobId> {
    jobs.iter().map(|job| job.id).collect()
}
