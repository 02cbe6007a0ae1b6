//! What every ledger has to do, whatever it is made of: one suite, run against each.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use super::{Admission, Arrival, Failure, HistoryFilter, Job, JobId, Ledger, Publication, Record};
use crate::source::Identity;

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
