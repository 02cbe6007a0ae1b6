//! Random steps, allowed or not, against a model that fits on a page.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::{Bench, arrival, failure, hash_of, history, publication};
use crate::ledger::{Admission, Disposition, HistoryFilter, JobId, Ledger, LedgerError, State};

#[derive(Clone, Debug)]
enum Step {
    Arrive(u8, u64),
    Begin(i64),
    Publishing(i64),
    Rename(i64),
    Done(i64, Disposition),
    Disposed(i64),
    Duplicate(i64, Disposition),
    Failed(i64),
    Deferred(i64),
    Quarantined(i64, Disposition),
    Release(i64),
    Postponed(i64),
    Gone(i64),
    Crashed(i64),
    Requeue(Vec<i64>),
    Requeued,
    Reopen,
}

#[derive(Clone, Debug, PartialEq)]
struct Row {
    path: u8,
    version: u64,
    state: State,
    attempts: u32,
    crashes: u32,
    disposition: Disposition,
    output: Option<PathBuf>,
    failed_once: bool,
    requeued: bool,
    /// Where agents share a ledger, whether this one has the job.
    is_mine: bool,
}

impl Row {
    fn new(path: u8, version: u64) -> Self {
        let (state, disposition) = (State::Ready, Disposition::None);
        let (attempts, crashes, output) = (0, 0, None);
        Self {
            path,
            version,
            state,
            attempts,
            crashes,
            disposition,
            output,
            failed_once: false,
            requeued: false,
            is_mine: true,
        }
    }
}

/// Jobs by number: the whole model.
#[derive(Default)]
struct Model(BTreeMap<i64, Row>);

impl Model {
    /// Whether the step is allowed; if it is, it is taken.
    fn step(&mut self, id: i64, from: &[State], change: impl FnOnce(&mut Row)) -> bool {
        let is_mine = self.0.get(&id).is_some_and(|row| row.is_mine);
        is_mine && self.change(id, from, change)
    }

    /// What anybody may do.
    fn change(&mut self, id: i64, from: &[State], change: impl FnOnce(&mut Row)) -> bool {
        let row = self.0.get_mut(&id).filter(|row| from.contains(&row.state));
        row.map(change).is_some()
    }

    fn latest(&self, path: u8) -> Option<i64> {
        self.0.iter().filter(|(_, row)| row.path == path).map(|(&id, _)| id).next_back()
    }

    fn requeue(&mut self, ids: &[i64]) -> BTreeSet<i64> {
        let mut answered = BTreeSet::new();
        for &id in ids {
            let latest = self.0.get(&id).and_then(|row| self.latest(row.path));
            let stranded = self.change(id, &[State::Failed, State::Quarantined], |row| {
                if Some(id) == latest {
                    (row.state, row.attempts, row.crashes) = (State::Ready, 0, 0);
                    (row.disposition, row.requeued) = (Disposition::None, true);
                } else {
                    (row.state, row.disposition, row.requeued) = (State::Gone, Disposition::None, false);
                }
            });
            answered.extend(stranded.then_some(id));
        }
        answered
    }

    fn take_requeued(&mut self) -> BTreeSet<i64> {
        let taken = self.numbers(|row| row.requeued && row.state == State::Ready);
        self.0.values_mut().for_each(|row| row.requeued = false);
        taken
    }

    fn numbers(&self, which: impl Fn(&Row) -> bool) -> BTreeSet<i64> {
        self.0.iter().filter(|(_, row)| which(row)).map(|(&id, _)| id).collect()
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let id = 1..12_i64;
    let disposition = prop::sample::select(vec![Disposition::None, Disposition::Pending]);
    let step = prop_oneof![
        4 => (0..4_u8, 0..3_u64).prop_map(|(path, version)| Step::Arrive(path, version)),
        6 => id.clone().prop_map(Step::Begin),
        4 => id.clone().prop_map(Step::Publishing),
        1 => id.clone().prop_map(Step::Rename),
        4 => (id.clone(), disposition.clone()).prop_map(|(id, d)| Step::Done(id, d)),
        2 => id.clone().prop_map(Step::Disposed),
        2 => (id.clone(), disposition.clone()).prop_map(|(id, d)| Step::Duplicate(id, d)),
        3 => id.clone().prop_map(Step::Failed),
        2 => id.clone().prop_map(Step::Deferred),
        2 => (id.clone(), disposition).prop_map(|(id, d)| Step::Quarantined(id, d)),
        1 => id.clone().prop_map(Step::Release),
        1 => id.clone().prop_map(Step::Postponed),
        2 => id.clone().prop_map(Step::Gone),
        1 => prop::collection::vec(id.clone(), 0..8).prop_map(Step::Requeue),
        1 => id.prop_map(Step::Crashed),
        1 => Just(Step::Requeued),
        1 => Just(Step::Reopen),
    ];
    prop::collection::vec(step, 1..80)
}

fn name(path: u8) -> PathBuf {
    PathBuf::from(format!("{path}.json"))
}

/// Takes `step` in both worlds; they must agree on whether it is allowed.
fn take(step: &Step, ledger: &dyn Ledger, model: &mut Model) {
    use State::{Done, Duplicate, Failed, Publishing, Ready, Running};
    let agree = |outcome: Result<(), LedgerError>, allowed: bool| agree(step, outcome, allowed);
    match *step {
        Step::Arrive(path, version) => arrive(path, version, ledger, model),
        Step::Begin(id) => {
            let allowed = model.step(id, &[Ready, Failed], |row| {
                (row.state, row.attempts, row.requeued) = (Running, row.attempts + 1, false);
            });
            let begun = ledger.begin(JobId(id));
            assert!(begun.as_ref().ok().is_none_or(|&attempt| attempt == model.0[&id].attempts));
            agree(begun.map(drop), allowed);
        }
        Step::Publishing(id) => {
            let output = publication(JobId(id)).output;
            let allowed = model.step(id, &[Running], |row| (row.state, row.output) = (Publishing, Some(output)));
            agree(ledger.publishing(JobId(id), &publication(JobId(id))), allowed);
        }
        Step::Rename(id) => {
            let allowed = model.step(id, &[Publishing], |row| row.output = Some("other.h5".into()));
            agree(ledger.rename_publication(JobId(id), Path::new("other.h5")), allowed);
        }
        Step::Done(id, disposition) => {
            let allowed = model.step(id, &[Publishing], |row| {
                (row.state, row.disposition, row.failed_once) = (Done, disposition, false);
            });
            agree(ledger.done(JobId(id), 0.5, disposition), allowed);
        }
        Step::Disposed(id) => {
            let due = |row: &Row| {
                row.disposition == Disposition::Done || row.is_mine && row.disposition == Disposition::Pending
            };
            let due = model.0.get(&id).is_some_and(due);
            let allowed = due && model.change(id, &State::ALL, |row| row.disposition = Disposition::Done);
            agree(ledger.disposed(JobId(id)), allowed);
        }
        Step::Duplicate(id, disposition) => {
            let allowed = model.step(id, &[Running], |row| {
                (row.state, row.disposition, row.failed_once) = (Duplicate, disposition, false);
            });
            agree(ledger.duplicate(JobId(id), hash_of(JobId(id)), None, disposition), allowed);
        }
        Step::Requeue(ref ids) => {
            let jobs: Vec<_> = ids.iter().copied().map(JobId).collect();
            assert_eq!(numbers(ledger.requeue(&jobs)), model.requeue(ids));
        }
        Step::Requeued if ledger.shared().is_some() => assert!(ledger.requeued().unwrap().is_empty()),
        Step::Requeued => assert_eq!(numbers(ledger.requeued()), model.take_requeued()),
        Step::Reopen => {}
        _ => end_without_output(step, ledger, model),
    }
}

/// The steps by which an attempt ends that made no output.
fn end_without_output(step: &Step, ledger: &dyn Ledger, model: &mut Model) {
    use State::{Failed, Gone, Publishing, Quarantined, Ready, Running};
    let agree = |outcome: Result<(), LedgerError>, allowed: bool| agree(step, outcome, allowed);
    match *step {
        Step::Failed(id) => {
            let allowed = model.step(id, &[Running, Publishing], |row| {
                row.failed_once = true;
                row.state = if row.state == Publishing { Publishing } else { Failed };
            });
            agree(ledger.failed(JobId(id), &failure(), Timestamp::now()), allowed);
        }
        Step::Deferred(id) => {
            let allowed = model.step(id, &[Running], |row| {
                (row.state, row.attempts, row.failed_once) = (Failed, row.attempts - 1, true);
            });
            agree(ledger.deferred(JobId(id), &failure(), Timestamp::now()), allowed);
        }
        Step::Quarantined(id, disposition) => {
            let allowed = model.step(id, &[Ready, Running, Failed, Publishing], |row| {
                (row.state, row.disposition, row.output) = (Quarantined, disposition, None);
                (row.failed_once, row.requeued) = (true, false);
            });
            agree(ledger.quarantined(JobId(id), &failure(), disposition), allowed);
        }
        Step::Release(id) => {
            let allowed = model.step(id, &[Running], |row| row.state = Ready);
            agree(ledger.release(JobId(id)), allowed);
        }
        Step::Postponed(id) => {
            let allowed = model.step(id, &[Running], |row| (row.state, row.attempts) = (Ready, row.attempts - 1));
            agree(ledger.postponed(JobId(id)), allowed);
        }
        Step::Gone(id) => {
            let allowed = model.step(id, &[Ready, Running, Failed], |row| (row.state, row.requeued) = (Gone, false));
            agree(ledger.gone(JobId(id)), allowed);
        }
        Step::Crashed(id) => {
            let allowed = model.step(id, &[Running, Publishing], |row| row.crashes += 1);
            let counted = ledger.crashed(JobId(id));
            let row = model.0.get(&id);
            assert!(counted.as_ref().ok().is_none_or(|told| row.is_some_and(|row| *told == (row.crashes, row.state))));
            agree(counted.map(drop), allowed);
        }
        _ => unreachable!("{step:?} is taken above"),
    }
}

fn agree(step: &Step, outcome: Result<(), LedgerError>, allowed: bool) {
    match outcome {
        Ok(()) => assert!(allowed, "{step:?} was taken"),
        Err(LedgerError::Conflict { .. }) => assert!(!allowed, "{step:?} was refused"),
        Err(other) => panic!("{step:?}: {other}"),
    }
}

fn numbers(jobs: Result<Vec<crate::ledger::Job>, LedgerError>) -> BTreeSet<i64> {
    jobs.unwrap().iter().map(|job| job.id.0).collect()
}

fn arrive(path: u8, version: u64, ledger: &dyn Ledger, model: &mut Model) {
    let known = model.0.iter().find(|(_, row)| (row.path, row.version) == (path, version)).map(|(&id, _)| id);
    let admission = ledger.arrive(&[arrival(name(path), version)]).unwrap().remove(0);
    let (is_new, job) = match admission {
        Admission::New(job) => (true, job),
        Admission::Known(job) => (false, job),
    };
    let back = |row: &mut Row| (row.state, row.attempts, row.crashes) = (State::Ready, 0, 0);
    if let Some(id) = known {
        assert_eq!((id, model.change(id, &[State::Gone], back)), (job.id.0, is_new));
    } else {
        assert!(is_new && model.0.keys().all(|&id| id < job.id.0));
        model.0.insert(job.id.0, Row::new(path, version));
    }
}

/// Every question has the answer that the model gives.
fn compare(ledger: &dyn Ledger, model: &Model) {
    let records = history(ledger, &HistoryFilter::default());
    assert_eq!(records.len(), model.0.len());
    for record in &records {
        let row = &model.0[&record.id.0];
        let expected = (name(row.path), row.state, row.attempts, row.disposition, row.output.clone(), row.failed_once);
        let failed_once = record.error.is_some();
        let found = (&record.path, record.state, record.attempts, record.disposition, &record.output, failed_once);
        assert_eq!(found, (&expected.0, expected.1, expected.2, expected.3, &expected.4, expected.5));
    }
    let totals = ledger.totals().unwrap();
    for state in State::ALL {
        assert_eq!(totals.count(state), model.numbers(|row| row.state == state).len() as u64, "{state:?}");
    }
    let done: Vec<_> = model.0.values().filter(|row| row.state == State::Done).collect();
    let bytes_in = done.iter().map(|row| 100 + row.version).sum();
    assert_eq!((totals.rows, totals.bytes_in), (10 * done.len() as u64, bytes_in));
    assert_eq!(totals.bad_records, done.len() as u64);
    let waits = |row: &Row| matches!(row.state, State::Ready | State::Failed);
    if ledger.shared().is_none() {
        assert_eq!(numbers(ledger.waiting()), model.numbers(waits));
    }
    assert_eq!(totals.oldest_waiting.is_some(), !model.numbers(waits).is_empty());
    let open =
        |row: &Row| matches!(row.state, State::Running | State::Publishing) || row.disposition == Disposition::Pending;
    assert_eq!(numbers(Ok(super::open(ledger))), model.numbers(open));
    compare_handled(ledger, model);
}

fn compare_handled(ledger: &dyn Ledger, model: &Model) {
    let mut handled = BTreeMap::new();
    ledger
        .handled(&mut |path, identity| {
            handled.insert(path.to_owned(), identity.size);
        })
        .unwrap();
    let latest = (0..4).filter_map(|path| model.latest(path)).map(|id| &model.0[&id]);
    let expected = latest.filter(|row| row.state != State::Gone).map(|row| (name(row.path), 100 + row.version));
    assert_eq!(handled, expected.collect());
}

pub(in crate::ledger) fn the_ledger_and_the_model_never_disagree<B: Bench>(cases: u32, bench: impl Fn() -> B) {
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    let played = TestRunner::new(config).run(&steps(), |steps| {
        let (mut bench, mut model) = (bench(), Model::default());
        for step in &steps {
            if matches!(step, Step::Reopen) {
                bench = bench.reopened();
            }
            let mine = bench.mine();
            model.0.iter_mut().for_each(|(id, row)| row.is_mine = mine.as_ref().is_none_or(|mine| mine.contains(id)));
            take(step, bench.ledger(), &mut model);
        }
        compare(bench.ledger(), &model);
        Ok(())
    });
    played.unwrap();
}
