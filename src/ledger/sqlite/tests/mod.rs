//! The ledger as its callers see it, on real files.

mod durability;
mod room;

use std::path::PathBuf;

use std::collections::BTreeSet;

use crate::ledger::tests::{self};
use crate::ledger::{Ledger, SqliteLedger};

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

impl tests::Bench for Bench {
    fn ledger(&self) -> &dyn Ledger {
        &self.ledger
    }

    fn beside(&self) -> Box<dyn Ledger> {
        Box::new(SqliteLedger::open_shared(&self.path()).unwrap())
    }

    fn reopened(self) -> Self {
        let path = self.path();
        drop(self.ledger);
        Self { folder: self.folder, ledger: SqliteLedger::open(&path).unwrap() }
    }

    fn mine(&self) -> Option<BTreeSet<i64>> {
        None
    }

    fn path_text(&self) -> String {
        let reader = super::schema::open_reader(&self.path()).unwrap();
        reader.query_row("SELECT path_text FROM job", [], |row| row.get(0)).unwrap()
    }
}

tests::suite!(bench);

#[test]
fn the_ledger_and_the_model_never_disagree() {
    tests::model::the_ledger_and_the_model_never_disagree(48, bench);
}

#[test]
fn no_content_that_stays_in_the_inbox_is_converted_again_however_much_is_forgotten() {
    tests::retention::no_content_that_stays_in_the_inbox_is_converted_again_however_much_is_forgotten(60, bench);
}
