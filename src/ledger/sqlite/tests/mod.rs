//! The ledger as its callers see it, on real files.

mod durability;
mod model;
mod retention;
mod transitions;

use std::path::PathBuf;

use crate::ledger::SqliteLedger;

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
