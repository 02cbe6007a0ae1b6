//! What survives: a crash at any moment, a full disk, a damaged file, a second agent.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Barrier, Mutex, mpsc};

use rusqlite::Connection;

use super::super::schema::MIGRATIONS;
use super::super::writer::Durability;
use super::bench;
use crate::ledger::tests::{admit, arrival, failure, history, publication};
use crate::ledger::{Disposal, Disposition, HistoryFilter, JobId, Ledger, LedgerError, Published, SqliteLedger, State};

/// What a kill would leave behind, taken in the middle of a transaction of the stopped writer.
fn crash_image(ledger: &SqliteLedger, from: &Path, to: &Path) {
    let (stopped, is_stopped) = mpsc::channel();
    let (resume, resumed) = mpsc::channel::<()>();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let half_done = move |c: &Connection| {
                c.execute("UPDATE job SET state = 'quarantined', temporary = zeroblob(1000000)", [])?;
                stopped.send(()).unwrap();
                let _ = resumed.recv();
                Err::<(), _>(LedgerError::Missing(PathBuf::new()))
            };
            assert!(matches!(ledger.writer.submit(Durability::Process, half_done), Err(LedgerError::Missing(_))));
        });
        is_stopped.recv().unwrap();
        for part in ["", "-wal"] {
            let name = |ledger: &Path| PathBuf::from(format!("{}{part}", ledger.display()));
            fs::copy(name(from), name(to)).unwrap();
        }
        drop(resume);
    });
}

#[test]
fn every_answered_step_is_in_the_image_of_a_crash() {
    let bench = bench();
    let ledger = &bench.ledger;
    let answered = Mutex::new(Vec::<(JobId, State)>::new());
    let work = |worker: u64| {
        for version in 0..60 {
            let id = admit(ledger, format!("{worker}.json"), version).id;
            ledger.begin(id).unwrap();
            ledger.publishing(id, &publication(id)).unwrap();
            answered.lock().unwrap().push((id, State::Publishing));
            ledger.done(id, 0.0, Disposition::None).unwrap();
            answered.lock().unwrap().push((id, State::Done));
        }
    };
    let image = |number: u32| {
        let before = answered.lock().unwrap().clone();
        let copy = bench.folder.path().join(format!("image-{number}"));
        crash_image(ledger, &bench.path(), &copy);
        let survived = SqliteLedger::open(&copy).unwrap();
        let records = history(&survived, &HistoryFilter::default());
        for (id, state) in before {
            let record = records.iter().find(|record| record.id == id).unwrap();
            assert!(record.state == state || record.state == State::Done, "{record:?}");
            assert_eq!(record.source_hash, Some(publication(id).hash));
        }
        assert!(records.iter().all(|record| record.state != State::Quarantined));
    };
    std::thread::scope(|scope| {
        (0..4).for_each(|worker| drop(scope.spawn(move || work(worker))));
        (0..8).for_each(image);
    });
    assert_eq!(ledger.totals().unwrap().count(State::Done), 240);
}

#[test]
fn a_ledger_that_was_closed_is_one_file_and_opens_as_it_was() {
    let bench = bench();
    let id = admit(&bench.ledger, "a.json", 1).id;
    bench.ledger.begin(id).unwrap();
    let (path, before) = (bench.path(), history(&bench.ledger, &HistoryFilter::default()));
    drop(bench.ledger);
    assert!(!path.with_extension("sqlite-wal").exists());
    assert_eq!(history(&SqliteLedger::open(&path).unwrap(), &HistoryFilter::default()), before);
}

#[test]
fn steps_of_many_workers_share_commits() {
    let bench = bench();
    let ledger = &bench.ledger;
    let (start, before) = (Barrier::new(16), ledger.commits());
    std::thread::scope(|scope| {
        for worker in 0..16 {
            let start = &start;
            scope.spawn(move || {
                let id = admit(ledger, format!("{worker}.json"), 1).id;
                ledger.begin(id).unwrap();
                ledger.publishing(id, &publication(id)).unwrap();
                start.wait();
                (0..25).for_each(|n| ledger.rename_publication(id, Path::new(&format!("{n}.h5"))).unwrap());
            });
        }
    });
    let commits = ledger.commits() - before;
    assert!(commits < 16 * 28 / 2, "{commits} commits for {} steps", 16 * 28);
}

#[test]
fn a_step_that_fails_takes_no_other_with_it() {
    let bench = bench();
    let ledger = &bench.ledger;
    let good: Vec<_> = (0..8).map(|n| admit(ledger, format!("{n}.json"), 1).id).collect();
    std::thread::scope(|scope| {
        for &id in &good {
            scope.spawn(move || ledger.begin(id).unwrap());
            scope.spawn(move || ledger.done(id, 0.0, Disposition::None).unwrap_err());
            scope.spawn(move || ledger.begin(JobId(1000 + id.0)).unwrap_err());
        }
    });
    assert_eq!(ledger.totals().unwrap().count(State::Running), 8);
}

#[test]
fn one_step_of_many_jobs_is_one_commit_and_leaves_out_only_those_it_does_not_suit() {
    let bench = bench();
    let ledger = &bench.ledger;
    let jobs: Vec<_> = (0..9).map(|n| admit(ledger, format!("{n}.json"), 1).id).collect();
    let before = ledger.commits();
    // The last is not running.
    let begun = ledger.begin_all(&jobs[..8]).unwrap();
    assert!(begun.iter().all(|number| matches!(number, Ok(1))), "{begun:?}");
    let outputs: Vec<_> = jobs.iter().map(|id| (*id, publication(*id))).collect();
    let went = ledger.publishing_all(&outputs).unwrap();
    let published = jobs.iter().map(|id| Published { id: *id, publish_s: 0.5, disposition: Disposition::Pending });
    let finished = ledger.done_all(&published.collect::<Vec<_>>()).unwrap();
    let disposals: Vec<_> = jobs.iter().map(|id| Disposal { id: *id, archived: None }).collect();
    let disposed = ledger.disposed_all(&disposals).unwrap();
    assert_eq!(ledger.commits() - before, 4);
    for outcomes in [went, finished, disposed] {
        assert!(outcomes[..8].iter().all(Result::is_ok));
        assert!(matches!(outcomes[8], Err(LedgerError::Conflict { id, .. }) if id == jobs[8]), "{outcomes:?}");
    }
    let totals = ledger.totals().unwrap();
    assert_eq!((totals.count(State::Done), totals.count(State::Ready)), (8, 1));
}

#[test]
fn a_full_disk_passes() {
    let bench = bench();
    let ledger = &bench.ledger;
    let limit = |pages: &'static str| {
        let set = move |c: &Connection| Ok(c.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))?);
        ledger.writer.submit(Durability::Process, set).unwrap();
    };
    let id = admit(ledger, "a.json", 1).id;
    limit("1");
    let many: Vec<_> = (0..2000).map(|n| arrival(format!("{n}.json"), 1)).collect();
    let full = ledger.arrive(&many).unwrap_err();
    assert!(full.is_transient(), "{full:?}");
    assert_eq!(ledger.totals().unwrap().count(State::Ready), 1);
    ledger.begin(id).unwrap();
    limit("1000000");
    assert_eq!(ledger.arrive(&many).unwrap().len(), 2000);
}

#[test]
fn the_second_agent_is_refused_and_people_are_not() {
    let bench = bench();
    let second = SqliteLedger::open(&bench.path()).unwrap_err();
    assert!(matches!(second, LedgerError::Locked { pid: Some(pid), .. } if pid == std::process::id()));
    assert_eq!(SqliteLedger::holder(&bench.path()), Some(std::process::id()));
    assert!(SqliteLedger::open_shared(&bench.path()).unwrap().waiting().unwrap().is_empty());
    let path = bench.path();
    drop(bench.ledger);
    assert_eq!(SqliteLedger::holder(&path), None);
    drop(SqliteLedger::open(&path).unwrap());
}

#[test]
fn asking_creates_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.sqlite");
    assert!(matches!(SqliteLedger::open_shared(&path), Err(LedgerError::Missing(_))));
    assert_eq!(SqliteLedger::holder(&path), None);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn other_schemas_and_other_programs_are_refused() {
    let bench = bench();
    let path = bench.path();
    drop(bench.ledger);
    let set = |sql: &str| Connection::open(&path).unwrap().execute_batch(sql).unwrap();
    set("PRAGMA user_version = 99");
    let ours = u32::try_from(MIGRATIONS.len()).unwrap();
    let newer = |opened: Result<SqliteLedger, _>| matches!(opened, Err(LedgerError::SchemaNewer { found: 99, known }) if known == ours);
    assert!(newer(SqliteLedger::open(&path)) && newer(SqliteLedger::open_shared(&path)));
    set("PRAGMA user_version = 0");
    assert!(
        matches!(SqliteLedger::open_shared(&path), Err(LedgerError::SchemaOlder { found: 0, known }) if known == ours)
    );
    set("PRAGMA application_id = 1");
    assert!(matches!(SqliteLedger::open(&path), Err(LedgerError::Foreign(_))));
}

#[test]
fn a_ledger_of_the_first_schema_is_upgraded_with_all_it_remembers() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.sqlite");
    let old = Connection::open(&path).unwrap();
    old.execute_batch(MIGRATIONS[0]).unwrap();
    old.execute_batch(
        "PRAGMA application_id = 0x6835696e; PRAGMA user_version = 1;
        INSERT INTO job(path, path_text, device, inode, size, mtime_ns, ctime_ns, state, run_at, seen_at, changed_at, rows,
            bad_records, output, source_hash, host)
        VALUES(CAST('a.json' AS BLOB), 'a.json', 1, 2, 3, 4, 5, 'done', '2026-01-01T00:00:00.000Z',
            '2026-01-01T00:00:00.000Z', '2026-01-01T00:00:00.000Z', 7, 2, CAST('a.h5' AS BLOB), zeroblob(32), 'h')",
    )
    .unwrap();
    drop(old);
    let ledger = SqliteLedger::open(&path).unwrap();
    let record = &history(&ledger, &HistoryFilter::default())[0];
    assert_eq!((record.rows, record.state, &record.input, &record.compression), (Some(7), State::Done, &None, &None));
    assert_eq!(record.bom, None);
    let totals = ledger.totals().unwrap();
    assert_eq!((totals.rows, totals.bad_records), (7, 2));
    let id = admit(&ledger, "b.json", 1).id;
    ledger.begin(id).unwrap();
    ledger.publishing(id, &publication(id)).unwrap();
    let record = ledger.find(Path::new("b.json")).unwrap().unwrap();
    assert_eq!((record.input.as_deref(), record.compression.as_deref()), (Some("array"), Some("gzip")));
    assert_eq!(record.bom, Some(true));
    ledger.done(id, 0.0, Disposition::None).unwrap();
    assert_eq!(ledger.totals().unwrap().bad_records, 3);
}

#[test]
fn damage_is_found_before_it_is_believed() {
    let bench = bench();
    let path = bench.path();
    let id = admit(&bench.ledger, "a.json", 1).id;
    bench.ledger.quarantined(id, &failure(), Disposition::None).unwrap();
    drop(bench.ledger);
    let whole = fs::read(&path).unwrap();
    let mut holed = whole.clone();
    holed[4096..].fill(0xa5);
    for damaged in [holed, b"not a database, but long enough to have had a header".repeat(100)] {
        fs::write(&path, damaged).unwrap();
        let error = SqliteLedger::open(&path).unwrap_err();
        assert!(matches!(&error, LedgerError::Damaged(what) if what.contains("ledger.sqlite")), "{error:?}");
        assert!(!error.is_transient());
    }
    fs::write(&path, whole).unwrap();
    SqliteLedger::open(&path).unwrap();
}
