//! Forgetting, in a file: it becomes smaller.

use std::path::PathBuf;

use rusqlite::Connection;

use super::super::schema::MIGRATIONS;
use super::super::writer::Durability;
use super::bench;
use crate::ledger::tests::retention::{convert, later, sweep_by};
use crate::ledger::tests::{admit, arrival, history};
use crate::ledger::{Disposition, HistoryFilter, JobId, Ledger, Place, Rebuild, SqliteLedger};

/// Pages of the file that are free, and all of them.
fn pages(ledger: &SqliteLedger) -> (u32, u32) {
    let number = |name| ledger.read(|c| Ok(c.pragma_query_value(None, name, |row| row.get(0))?)).unwrap();
    (number("freelist_count"), number("page_count"))
}

fn fill(ledger: &SqliteLedger) {
    let all: Vec<_> = (0..8000).map(|n| arrival(format!("a/path/of/some/length/{n}.json"), n)).collect();
    ledger.arrive(&all).unwrap();
    // What is left is at the end of the file, and has to move.
    let gone = |c: &Connection| Ok(c.execute("UPDATE job SET state = 'gone' WHERE id <= 6000", [])?);
    assert_eq!(ledger.writer.submit(Durability::Process, gone).unwrap(), 6000);
}

#[test]
fn room_is_given_back_a_little_at_a_time_while_others_commit() {
    let bench = bench();
    let ledger = &bench.ledger;
    fill(ledger);
    assert_eq!(sweep_by(256, ledger, |_| Place::Hidden), 6000);
    let (free, before) = pages(ledger);
    assert!(free > 500, "{free} of {before}");
    let length = |path: PathBuf| std::fs::metadata(path).unwrap().len();
    let log = || length(bench.path().with_extension("sqlite-wal"));
    // Written back, and cut off.
    let emptied = Connection::open(bench.path()).unwrap().query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
    assert!(emptied.is_ok() && log() == 0);
    let (full, mut given) = (length(bench.path()), 0);
    loop {
        let some = ledger.shrink(100).unwrap();
        assert!(some <= 100);
        admit(ledger, format!("{given}.json"), 1);
        given += some;
        if some == 0 {
            break;
        }
    }
    let (left, after) = pages(ledger);
    assert!(
        (200..=256).contains(&left) && given > 250 && after < before * 2 / 3,
        "{left}, {given}, {before} to {after}"
    );
    assert!(log() < full / 5, "the log is written back after each: {} bytes", log());
    let path = bench.path();
    drop(bench.ledger);
    let small = length(path.clone());
    assert!(small < full * 2 / 3, "{full} to {small}");
    SqliteLedger::open(&path).unwrap();
}

#[test]
fn a_ledger_of_an_older_version_learns_to_give_room_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.sqlite");
    let old = Connection::open(&path).unwrap();
    old.pragma_update(None, "journal_mode", "WAL").unwrap();
    MIGRATIONS[..6].iter().for_each(|sql| old.execute_batch(sql).unwrap());
    old.execute_batch("PRAGMA application_id = 0x6835696e; PRAGMA user_version = 6").unwrap();
    drop(old);
    let ledger = SqliteLedger::open(&path).unwrap();
    fill(&ledger);
    assert_eq!(sweep_by(256, &ledger, |_| Place::Hidden), 6000);
    assert!(ledger.shrink(u32::MAX).unwrap() > 250);
    // Where there was no room for that, it works as before and stays as large as it was.
    let stiff = folder.path().join("stiff.sqlite");
    drop(ledger);
    Connection::open(&path).unwrap().execute_batch(&format!("VACUUM INTO '{}'", stiff.display())).unwrap();
    let open = Connection::open(&stiff).unwrap();
    open.execute_batch("PRAGMA auto_vacuum = NONE; VACUUM").unwrap();
    assert_eq!(super::super::retention::shrink(&open, 100).unwrap(), 0);
}

#[test]
fn a_ledger_is_made_anew_across_the_numbers_of_millions_that_were_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.sqlite");
    let ledger = SqliteLedger::open(&path).unwrap();
    let number = |sql: &'static str| {
        ledger.writer.submit(Durability::Process, move |c| Ok(c.execute(sql, [])?)).unwrap();
    };
    let first = convert(&ledger, "a.json", 1, Disposition::None);
    number("UPDATE sqlite_sequence SET seq = 50000000");
    let second = convert(&ledger, "b.json", 1, Disposition::None);
    let newest = convert(&ledger, "c.json", 1, Disposition::Done);
    assert_eq!(ledger.forget(&[newest], later()).unwrap(), 1);
    drop(ledger);
    let rebuild = Rebuild::begin(&path).unwrap();
    assert_eq!(rebuild.taken_over(), 2);
    rebuild.finish().unwrap();
    let ledger = SqliteLedger::open(&path).unwrap();
    let mut jobs: Vec<JobId> = history(&ledger, &HistoryFilter::default()).iter().map(|job| job.id).collect();
    jobs.sort_unstable();
    assert_eq!(jobs, [first, second]);
    assert!(admit(&ledger, "d.json", 1).id > newest);
}
