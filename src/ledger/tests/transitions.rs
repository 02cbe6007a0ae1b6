//! Each step, from the states that allow it and from one that does not.

use std::ffi::OsStr;
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use jiff::Timestamp;

use super::{Bench, admit, arrival, failure, hash_of, history, ids, mine, open, publication, waits};
use crate::ledger::{Admission, Disposition, HistoryFilter, JobId, Ledger, LedgerError, Previous, Publication, State};

fn state_of(ledger: &dyn Ledger, path: &str) -> State {
    ledger.find(Path::new(path)).unwrap().unwrap().state
}

fn convert(ledger: &dyn Ledger, id: JobId, disposition: Disposition) {
    mine(ledger).begin(id).unwrap();
    mine(ledger).publishing(id, &publication(id)).unwrap();
    mine(ledger).done(id, 0.125, disposition).unwrap();
}

pub(in crate::ledger) fn a_file_goes_through_to_its_output_and_leaves_the_inbox(bench: &impl Bench) {
    let ledger = bench.ledger();
    let id = admit(ledger, "a.json", 1).id;
    assert_eq!(mine(ledger).begin(id).unwrap(), 1);
    mine(ledger).publishing(id, &publication(id)).unwrap();
    let job = open(ledger).remove(0);
    assert_eq!((job.state, job.temporary), (State::Publishing, Some(publication(id).temporary)));
    mine(ledger).rename_publication(id, Path::new("a~2.h5")).unwrap();
    mine(ledger).done(id, 0.125, Disposition::Pending).unwrap();
    assert_eq!(ids(&open(ledger)), [id]);
    mine(ledger).disposed(id).unwrap();
    mine(ledger).disposed(id).unwrap();
    assert!(open(ledger).is_empty());
    let record = ledger.find(Path::new("a.json")).unwrap().unwrap();
    assert_eq!((record.state, record.disposition), (State::Done, Disposition::Done));
    assert_eq!((record.rows, record.columns, record.bad_records), (Some(10), Some(3), Some(1)));
    assert_eq!(record.output.as_deref(), Some(Path::new("a~2.h5")));
    assert_eq!((record.wait_s, record.convert_s, record.publish_s), (Some(0.25), Some(0.5), Some(0.125)));
    assert_eq!((record.source_bytes, record.source_hash), (101, Some(hash_of(id))));
    assert!(record.seen_at <= record.started_at.unwrap() && record.started_at <= record.finished_at);
    assert!(!record.host.is_empty());
}

pub(in crate::ledger) fn a_version_is_admitted_once_and_the_next_knows_the_one_before(bench: &impl Bench) {
    let ledger = bench.ledger();
    let first = admit(ledger, "a.json", 1).id;
    let again = ledger.arrive(&[arrival("a.json", 1), arrival("b.json", 1), arrival("b.json", 1)]).unwrap();
    assert!(matches!(&again[0], Admission::Known(job) if job.id == first));
    assert!(matches!((&again[1], &again[2]), (Admission::New(b), Admission::Known(same)) if b.id == same.id));
    convert(ledger, first, Disposition::None);
    let second = admit(ledger, "a.json", 2);
    let output = publication(first).output;
    assert_eq!(second.previous, Some(Previous { id: first, size: 101, hash: hash_of(first), output }));
    assert_eq!(waits(ledger).pop().unwrap().previous, second.previous);
    mine(ledger).begin(second.id).unwrap();
    mine(ledger).duplicate(second.id, hash_of(first), Some(first), Disposition::Pending).unwrap();
    let record = ledger.find(Path::new("a.json")).unwrap().unwrap();
    assert_eq!((record.state, record.duplicate_of), (State::Duplicate, Some(first)));
}

pub(in crate::ledger) fn a_device_that_got_another_number_is_still_the_same_version(bench: &impl Bench) {
    let ledger = bench.ledger();
    admit(ledger, "a.json", 1);
    let mut moved = arrival("a.json", 1);
    moved.identity.device = u64::MAX;
    let again = ledger.arrive(&[moved.clone()]).unwrap();
    assert!(matches!(&again[0], Admission::Known(job) if job.identity == moved.identity));
}

pub(in crate::ledger) fn another_file_of_the_same_length_within_one_tick_of_the_clock_is_another_version(
    bench: &impl Bench,
) {
    let ledger = bench.ledger();
    admit(ledger, "a.json", 1);
    let mut other = arrival("a.json", 1);
    other.identity.inode = 1 << 63;
    let admitted = ledger.arrive(&[other.clone()]).unwrap();
    assert!(matches!(&admitted[0], Admission::New(job) if job.identity == other.identity));
}

pub(in crate::ledger) fn failures_come_back_and_the_poisonous_are_set_aside(bench: &impl Bench) {
    let ledger = bench.ledger();
    let id = admit(ledger, "a.json", 1).id;
    assert_eq!(mine(ledger).begin(id).unwrap(), 1);
    let run_at = "2030-01-02T03:04:05.678Z".parse().unwrap();
    mine(ledger).failed(id, &failure(), run_at).unwrap();
    let record = ledger.find(Path::new("a.json")).unwrap().unwrap();
    assert_eq!((record.state, record.attempts), (State::Failed, 1));
    // The clock of a database may be another.
    assert!(record.run_at.duration_since(run_at).abs().as_secs() < 60, "{}", record.run_at);
    assert_eq!(ids(&ledger.requeue(&[id]).unwrap()), [id]);
    assert_eq!(mine(ledger).begin(id).unwrap(), 1);
    mine(ledger).failed(id, &failure(), Timestamp::now()).unwrap();
    assert_eq!(mine(ledger).begin(id).unwrap(), 2);
    mine(ledger).release(id).unwrap();
    assert_eq!(mine(ledger).begin(id).unwrap(), 3);
    mine(ledger).postponed(id).unwrap();
    assert_eq!(state_of(ledger, "a.json"), State::Ready);
    assert_eq!(mine(ledger).begin(id).unwrap(), 3);
    mine(ledger).deferred(id, &failure(), Timestamp::now()).unwrap();
    assert_eq!(mine(ledger).begin(id).unwrap(), 3);
    ledger.try_out().unwrap();
    mine(ledger).quarantined(id, &failure(), Disposition::Pending).unwrap();
    let record = ledger.find(Path::new("a.json")).unwrap().unwrap();
    assert_eq!((record.error_code.as_deref(), record.line, record.byte), (Some("syntax"), Some(3), Some(40)));
    mine(ledger).disposed(id).unwrap();
    assert!(waits(ledger).is_empty() && open(ledger).is_empty());
}

pub(in crate::ledger) fn a_publication_that_is_hindered_stays_decided(bench: &impl Bench) {
    let ledger = bench.ledger();
    let id = admit(ledger, "a.json", 1).id;
    mine(ledger).begin(id).unwrap();
    mine(ledger).publishing(id, &publication(id)).unwrap();
    mine(ledger).failed(id, &failure(), Timestamp::now()).unwrap();
    assert_eq!(state_of(ledger, "a.json"), State::Publishing);
    assert!(matches!(mine(ledger).begin(id), Err(LedgerError::Conflict { found: Some(State::Publishing), .. })));
    mine(ledger).quarantined(id, &failure(), Disposition::None).unwrap();
    let record = ledger.find(Path::new("a.json")).unwrap().unwrap();
    assert_eq!((record.state, record.output, record.rows), (State::Quarantined, None, None));
}

pub(in crate::ledger) fn steps_out_of_order_change_nothing(bench: &impl Bench) {
    let ledger = bench.ledger();
    let id = admit(ledger, "a.json", 1).id;
    let before = history(ledger, &HistoryFilter::default());
    let refused = |outcome: Result<(), LedgerError>| {
        assert!(matches!(outcome, Err(LedgerError::Conflict { found: Some(State::Ready), .. })), "{outcome:?}");
    };
    refused(mine(ledger).publishing(id, &publication(id)));
    refused(mine(ledger).rename_publication(id, Path::new("b.h5")));
    refused(mine(ledger).done(id, 0.0, Disposition::None));
    refused(mine(ledger).disposed(id));
    refused(mine(ledger).duplicate(id, [0; 32], None, Disposition::None));
    refused(mine(ledger).failed(id, &failure(), Timestamp::now()));
    refused(mine(ledger).release(id));
    refused(mine(ledger).postponed(id));
    assert_eq!(history(ledger, &HistoryFilter::default()), before);
    let unknown = mine(ledger).gone(JobId(99)).unwrap_err();
    assert_eq!(unknown.to_string(), "job 99 cannot be gone: it is not in the ledger");
}

pub(in crate::ledger) fn what_went_and_came_back_is_new_again(bench: &impl Bench) {
    let ledger = bench.ledger();
    let id = admit(ledger, "a.json", 1).id;
    mine(ledger).begin(id).unwrap();
    mine(ledger).gone(id).unwrap();
    ledger.handled(&mut |path, _| panic!("{path:?} is gone")).unwrap();
    let back = admit(ledger, "a.json", 1);
    assert_eq!((back.id, back.state, back.attempts), (id, State::Ready, 0));
}

pub(in crate::ledger) fn retry_in_another_process_reaches_the_agent_once(bench: &impl Bench) {
    let (agent, person) = (bench.ledger(), bench.beside());
    let stale = admit(agent, "a.json", 1).id;
    mine(agent).begin(stale).unwrap();
    mine(agent).quarantined(stale, &failure(), Disposition::None).unwrap();
    let [stuck, waits] = [("a.json", 2), ("b.json", 1)].map(|(p, v)| admit(agent, p, v).id);
    for id in [stuck, waits] {
        mine(agent).begin(id).unwrap();
    }
    mine(agent).quarantined(stuck, &failure(), Disposition::None).unwrap();
    mine(agent).failed(waits, &failure(), Timestamp::MAX).unwrap();
    assert!(agent.requeued().unwrap().is_empty());
    assert_eq!(ids(&person.requeue(&[waits, JobId(99)]).unwrap()), [waits]);
    assert_eq!(ids(&person.requeue(&[stale, stuck, waits]).unwrap()), [stale, stuck]);
    let tally = agent.totals().unwrap();
    assert_eq!((tally.count(State::Gone), tally.count(State::Quarantined)), (1, 0), "the older version is past");
    let taken = match agent.shared() {
        Some(_) => super::waits(agent),
        None => agent.requeued().unwrap(),
    };
    assert_eq!(ids(&taken), [stuck, waits]);
    assert!(taken.iter().all(|job| job.attempts == 0 && job.state == State::Ready));
    assert!(agent.requeued().unwrap().is_empty());
}

pub(in crate::ledger) fn history_is_newest_first_and_filtered(bench: &impl Bench) {
    let ledger = bench.ledger();
    for version in 1..=3 {
        let id = admit(ledger, format!("{version}.json"), version).id;
        convert(ledger, id, Disposition::None);
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    let last = admit(ledger, "1.json", 9).id;
    let shown = |filter: HistoryFilter| history(ledger, &filter).iter().map(|r| r.id.0).collect::<Vec<_>>();
    assert_eq!(shown(HistoryFilter::default()), [last.0, 3, 2, 1]);
    assert_eq!(shown(HistoryFilter { state: Some(State::Done), limit: Some(2), ..Default::default() }), [3, 2]);
    assert_eq!(shown(HistoryFilter { path: Some("1.json".into()), ..Default::default() }), [last.0, 1]);
    let since = ledger.find(Path::new("3.json")).unwrap().unwrap().finished_at;
    assert_eq!(shown(HistoryFilter { since, ..Default::default() }), [last.0, 3]);
    let mut seen = 0;
    ledger
        .history(&HistoryFilter::default(), &mut |_| {
            seen += 1;
            ControlFlow::Break(())
        })
        .unwrap();
    assert_eq!(seen, 1);
}

pub(in crate::ledger) fn names_are_bytes(bench: &impl Bench) {
    let ledger = bench.ledger();
    let hostile = Path::new(OsStr::from_bytes(b"sub/a\nb\xff\xfe'; DROP TABLE job;--.json"));
    let job = admit(ledger, hostile, 1);
    assert_eq!(job.path, hostile);
    assert_eq!(ledger.find(hostile).unwrap().unwrap().path, hostile);
    let mut handled = Vec::new();
    ledger.handled(&mut |path, identity| handled.push((path.to_owned(), identity))).unwrap();
    assert_eq!(handled, [(hostile.to_owned(), job.identity)]);
    let shown = bench.path_text();
    assert_eq!(shown, "sub/a\\nb\\xff\\xfe'; DROP TABLE job;--.json");
}

pub(in crate::ledger) fn twenty_thousand_arrivals_and_the_ledger_is_still_asked_in_an_instant(bench: &impl Bench) {
    let ledger = bench.ledger();
    let all: Vec<_> = (0..20_000).map(|n| arrival(format!("day-{}/{n}.json", n % 365), n)).collect();
    for some in all.chunks(5000) {
        assert!(ledger.arrive(some).unwrap().iter().all(|admission| matches!(admission, Admission::New(_))));
    }
    assert_eq!(ledger.totals().unwrap().count(State::Ready), 20_000);
    assert!(ledger.arrive(&all[..10]).unwrap().iter().all(|admission| matches!(admission, Admission::Known(_))));
    let mut handled = 0;
    ledger.handled(&mut |_, _| handled += 1).unwrap();
    assert_eq!((handled, ledger.totals().unwrap().count(State::Ready)), (20_000, 20_000));
}

/// Three jobs whose outputs are decided: the first two share one, and the third has its own.
fn two_of_three_share(ledger: &dyn Ledger) -> [JobId; 3] {
    let ids = ["a.json", "b.json", "c.json"].map(|path| admit(ledger, path, 1).id);
    assert!(mine(ledger).begin_all(&ids).unwrap().iter().all(Result::is_ok));
    mine(ledger).publishing(ids[2], &publication(ids[2])).unwrap();
    let share = |id, first_row| (id, Publication { first_row, ..publication(ids[0]) });
    mine(ledger).publishing_together(&[share(ids[1], Some(7)), share(ids[0], Some(0))]).unwrap();
    ids
}

pub(in crate::ledger) fn jobs_that_share_an_output_take_each_step_that_decides_it_together(bench: &impl Bench) {
    let ledger = bench.ledger();
    let [a, b, c] = two_of_three_share(ledger);
    let sharing = ledger.sharing(&publication(a).temporary).unwrap();
    assert_eq!(ids(&sharing), [a, b], "by their rows");
    assert_eq!(sharing[1].first_row, Some(7));
    mine(ledger).rename_publication(b, Path::new("x~2.h5")).unwrap();
    let name = |path: &str| ledger.find(Path::new(path)).unwrap().unwrap().output;
    assert_eq!(
        [name("a.json"), name("b.json"), name("c.json")],
        [Some("x~2.h5".into()), Some("x~2.h5".into()), Some(publication(c).output)]
    );
    mine(ledger).rename_publication(c, Path::new("c~2.h5")).unwrap();
    assert_eq!(name("a.json"), Some("x~2.h5".into()));
    mine(ledger).quarantined_together(&[a, b], &failure(), Disposition::Pending).unwrap();
    assert_eq!([state_of(ledger, "a.json"), state_of(ledger, "b.json")], [State::Quarantined; 2]);
    assert_eq!((ledger.find(Path::new("b.json")).unwrap().unwrap().first_row, name("b.json")), (None, None));
    assert!(ledger.sharing(&publication(a).temporary).unwrap().is_empty());
}

pub(in crate::ledger) fn what_is_for_all_jobs_of_an_output_or_none_changes_nothing_if_it_does_not_suit_one(
    bench: &impl Bench,
) {
    let ledger = bench.ledger();
    let [a, b, c] = two_of_three_share(ledger);
    mine(ledger).done(c, 0.5, Disposition::None).unwrap();
    let refused = mine(ledger).quarantined_together(&[a, b, c], &failure(), Disposition::Pending);
    assert!(matches!(refused, Err(LedgerError::Conflict { id, .. }) if id == c), "{refused:?}");
    assert_eq!([state_of(ledger, "a.json"), state_of(ledger, "b.json")], [State::Publishing; 2]);
    let d = admit(ledger, "d.json", 1).id;
    mine(ledger).begin(d).unwrap();
    let refused = mine(ledger).publishing_together(&[(d, publication(d)), (a, publication(a))]);
    assert!(matches!(refused, Err(LedgerError::Conflict { id, .. }) if id == a), "{refused:?}");
    assert_eq!(state_of(ledger, "d.json"), State::Running);
}

pub(in crate::ledger) fn a_job_is_alone_after_it_was_taken_apart_or_was_to_blame(bench: &impl Bench) {
    let ledger = bench.ledger();
    let (a, b) = (admit(ledger, "a.json", 1).id, admit(ledger, "b.json", 1).id);
    mine(ledger).begin(a).unwrap();
    mine(ledger).begin(b).unwrap();
    assert!(mine(ledger).apart(&[a, JobId(99)]).unwrap()[1].is_err());
    mine(ledger).crashed(b).unwrap();
    mine(ledger).release(b).unwrap();
    admit(ledger, "c.json", 1);
    let alone: Vec<_> = waits(ledger).into_iter().map(|job| (job.state, job.alone)).collect();
    assert_eq!(alone, [(State::Ready, true), (State::Ready, true), (State::Ready, false)]);
}
