//! A ledger of one host moves to a database, with all that it remembers.

use super::{agent, config};
use crate::config::Order;
use crate::ledger::tests::{admit, arrival, failure, history, publication};
use crate::ledger::{
    Disposal, Disposition, HistoryFilter, Ledger, LedgerError, Record, Shared, SqliteLedger, State, copy,
};
use jiff::{SignedDuration, Timestamp};

/// What is told of jobs, by number; times as they are written.
fn told(ledger: &dyn Ledger) -> Vec<String> {
    let mut records: Vec<Record> = history(ledger, &HistoryFilter::default());
    records.sort_by_key(|record| record.id);
    records.iter().map(|record| serde_json::to_string(record).unwrap()).collect()
}

#[test]
fn a_ledger_is_copied_with_its_numbers_totals_and_name_and_is_not_used_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ledger.sqlite");
    let old = SqliteLedger::open(&path).unwrap();
    let jobs: Vec<_> = (0..12).map(|n| admit(&old, format!("{n}\u{e9}\n.json"), n).id).collect();
    old.begin_all(&jobs[..9]).unwrap();
    for id in &jobs[..6] {
        old.publishing(*id, &publication(*id)).unwrap();
    }
    for id in &jobs[..5] {
        old.done(*id, 0.5, Disposition::Pending).unwrap();
    }
    let place = Some(("x/0.json".into(), 77));
    old.disposed_all(&[Disposal { id: jobs[0], archived: place }, Disposal { id: jobs[1], archived: None }]).unwrap();
    old.failed(jobs[6], &failure(), Timestamp::MAX).unwrap();
    old.quarantined(jobs[7], &failure(), Disposition::None).unwrap();
    let later = Timestamp::now() + SignedDuration::from_secs(60);
    assert_eq!(old.forget(&[jobs[1]], later).unwrap(), 1);
    let last = admit(&old, "last.json", 1).id;
    old.gone(last).unwrap();
    assert_eq!(old.forget(&[last], later).unwrap(), 1);
    let (id, before, totals) = (old.id().unwrap(), told(&old), old.totals().unwrap());
    let config = config();
    assert!(matches!(copy(&path, &config), Err(LedgerError::Locked { .. })), "its agent is at work");
    drop(old);
    let working = agent(&config, "a");
    let refused = copy(&path, &config).unwrap_err().to_string();
    assert!(refused.contains("the agent a (process"), "{refused}");
    drop(working);
    let copied = copy(&path, &config).unwrap();
    assert_eq!((copied.jobs, copied.aside.exists(), path.exists()), (11, true, false));
    let new = agent(&config, "a");
    assert_eq!(new.id().unwrap(), id);
    let running = before.iter().map(|job| job.replace("\"state\":\"running\"", "\"state\":\"ready\""));
    let not_for_ever = |job: String| job.split("\"run_at\"").next().unwrap().to_owned();
    let now = told(&new);
    assert_eq!(now.into_iter().map(not_for_ever).collect::<Vec<_>>(), running.map(not_for_ever).collect::<Vec<_>>());
    let mut wanted = totals;
    *wanted.files.get_mut(&State::Ready).unwrap() += wanted.files.insert(State::Running, 0).unwrap();
    let found = new.totals().unwrap();
    assert_eq!((&found.files, found.rows, found.bytes_in), (&wanted.files, wanted.rows, wanted.bytes_in));
    // What was decided is taken up, what waits is claimed, and no number is given twice.
    assert_eq!(new.adopt(100).unwrap().len(), 4);
    assert_eq!(new.claim(100, u64::MAX, Order::OldestFirst).unwrap().len(), 4);
    assert!(admit(&new, "next.json", 1).id > last);
    new.arrive(&[arrival("next.json", 1)]).unwrap();
    // Into one that holds something, no other is copied.
    drop(new);
    let other = SqliteLedger::open(&path).unwrap();
    admit(&other, "other.json", 1);
    drop(other);
    let refused = copy(&path, &config).unwrap_err().to_string();
    assert!(refused.contains("ledger.schema") && path.exists(), "{refused}");
}
