//! The ledger as its callers see it, on real files.

mod durability;
mod model;
mod retention;
mod transitions;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use crate::ledger::{
    Admission, Arrival, Failure, HistoryFilter, Job, JobId, Ledger, Publication, Record, SqliteLedger,
};
use crate::source::Identity;

/// A ledger in a folder of its own.
struct Bench {
    folder: tempfile::TempDir,
    ledger: SqliteLedger,
}

fn bench() -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let ledger = SqliteLedger::open(&folder.path().join("ledger.sqlite")).unwrap();
    Bench { folder, ledger }
}

impl Bench {
    fn path(&self) -> PathBuf {
        self.folder.path().join("ledger.sqlite")
    }
}

/// Version `version` of `path`.
fn arrival(path: impl AsRef<Path>, version: u64) -> Arrival {
    let time = 1_700_000_000_000_000_000 + version.cast_signed();
    let identity = Identity { device: 1, inode: 7, size: 100 + version, mtime_ns: time, ctime_ns: time };
    Arrival { path: path.as_ref().to_owned(), identity }
}

fn admit(ledger: &dyn Ledger, path: impl AsRef<Path>, version: u64) -> Job {
    match ledger.arrive(&[arrival(path, version)]).unwrap().remove(0) {
        Admission::New(job) => job,
        Admission::Known(job) => panic!("known: {job:?}"),
    }
}

fn hash_of(id: JobId) -> [u8; 32] {
    [id.0.to_le_bytes()[0]; 32]
}

fn publication(id: JobId) -> Publication {
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

fn failure() -> Failure {
    let message = "line 3, byte 40: expected a value".to_owned();
    Failure { code: "syntax".to_owned(), message, line: Some(3), byte: Some(40) }
}

fn history(ledger: &dyn Ledger, filter: &HistoryFilter) -> Vec<Record> {
    let mut records = Vec::new();
    ledger
        .history(filter, &mut |record| {
            records.push(record);
            ControlFlow::Continue(())
        })
        .unwrap();
    records
}

fn ids(jobs: &[Job]) -> Vec<JobId> {
    jobs.iter().map(|job| job.id).collect()
}
