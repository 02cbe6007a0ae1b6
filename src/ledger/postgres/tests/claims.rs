//! Whose a job is.

use super::{agent, config};
use crate::config::Order;
use crate::ledger::tests::{admit, arrival, failure, ids, publication};
use crate::ledger::{Adopted, Disposition, JobId, Ledger, LedgerError, Publication, Shared, State};
use jiff::Timestamp;
use std::path::Path;

const ALL: (usize, u64, Order) = (1000, u64::MAX, Order::OldestFirst);

fn claim_all(agent: &dyn Shared) -> Vec<JobId> {
    ids(&agent.claim(ALL.0, ALL.1, ALL.2).unwrap())
}

fn refused<T>(outcome: Result<T, LedgerError>) {
    let error = outcome.err().unwrap();
    assert!(matches!(error, LedgerError::Conflict { .. }), "{error}");
}

#[test]
fn a_file_goes_through_to_its_output_in_the_hands_of_one_agent() {
    let config = config();
    let (a, b) = (agent(&config, "a"), agent(&config, "b"));
    let id = admit(&a, "a.json", 1).id;
    assert_eq!(claim_all(&b), [id]);
    assert!(claim_all(&a).is_empty());
    refused(a.begin(id));
    assert_eq!(b.begin(id).unwrap(), 1);
    refused(a.publishing(id, &publication(id)));
    b.publishing(id, &publication(id)).unwrap();
    b.rename_publication(id, Path::new("x.h5")).unwrap();
    b.done(id, 0.5, Disposition::Pending).unwrap();
    assert_eq!(ids(&b.unfinished().unwrap()), [id]);
    assert!(a.unfinished().unwrap().is_empty());
    refused(a.disposed(id));
    b.disposed(id).unwrap();
    a.disposed(id).unwrap();
    let totals = a.totals().unwrap();
    assert_eq!((totals.count(State::Done), totals.count(State::Ready), totals.rows), (1, 0, 10));
    let agents = a.agents().unwrap();
    assert_eq!(agents.iter().map(|agent| agent.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert!(agents.iter().all(|agent| agent.alive && agent.jobs == 0));
}

#[test]
fn two_agents_that_claim_at_once_have_different_jobs_and_each_path_once() {
    let config = config();
    let agents = [agent(&config, "a"), agent(&config, "b")];
    let all: Vec<_> = (0..400).map(|n| arrival(format!("{}.json", n % 300), n)).collect();
    agents[0].arrive(&all).unwrap();
    let claimed: Vec<_> = std::thread::scope(|scope| {
        let claims = agents.iter().map(|agent| {
            scope.spawn(move || {
                (0..60).flat_map(|_| agent.claim(10, u64::MAX, Order::OldestFirst).unwrap()).collect::<Vec<_>>()
            })
        });
        claims.collect::<Vec<_>>().into_iter().flat_map(|claim| claim.join().unwrap()).collect()
    });
    let mut paths: Vec<_> = claimed.iter().map(|job| job.path.clone()).collect();
    paths.sort();
    let before = paths.len();
    paths.dedup();
    assert_eq!((before, paths.len()), (300, 300));
}

#[test]
fn a_claim_takes_what_the_order_asks_for_and_no_more_bytes() {
    let config = config();
    let a = agent(&config, "a");
    for (path, version) in [("b.json", 5), ("a.json", 9), ("c.json", 1)] {
        admit(&a, path, version);
    }
    let first = |order: Order, bytes: u64| {
        let claimed = a.claim(1000, bytes, order).unwrap();
        a.let_go_waiting().unwrap();
        claimed.iter().map(|job| job.path.to_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(first(Order::OldestFirst, u64::MAX), ["c.json", "b.json", "a.json"]);
    assert_eq!(first(Order::NewestFirst, u64::MAX), ["a.json", "b.json", "c.json"]);
    assert_eq!(first(Order::Name, u64::MAX), ["a.json", "b.json", "c.json"]);
    assert_eq!(first(Order::SmallestFirst, 150), ["c.json", "b.json"]);
    assert_eq!(first(Order::SmallestFirst, 101), ["c.json"]);
    assert!(first(Order::SmallestFirst, 0).is_empty());
}

#[test]
fn what_an_agent_leaves_behind_is_adopted_by_another_with_all_that_shares_its_output() {
    let config = config();
    let (a, b) = (agent(&config, "a"), agent(&config, "b"));
    let jobs = ["a.json", "b.json", "c.json", "d.json", "e.json"].map(|path| admit(&a, path, 1).id);
    let mut claimed = claim_all(&a);
    claimed.sort();
    assert_eq!(claimed, jobs);
    assert!(a.begin_all(&jobs[..4]).unwrap().iter().all(Result::is_ok));
    let share = |id, first_row| (id, Publication { first_row, ..publication(jobs[0]) });
    a.publishing_together(&[share(jobs[1], Some(7)), share(jobs[0], Some(0))]).unwrap();
    a.publishing(jobs[2], &publication(jobs[2])).unwrap();
    a.done(jobs[2], 0.1, Disposition::Pending).unwrap();
    assert!(b.adopt(10).unwrap().is_empty());
    let claims: Vec<_> = jobs.iter().map(|id| (*id, 1)).collect();
    assert_eq!(b.are_over(&claims).unwrap(), [false; 5]);
    drop(a);
    // Outputs that are decided and have no name yet are still to be used.
    assert_eq!(b.are_over(&claims).unwrap(), [false, false, true, true, true]);
    let adopted = b.adopt(1).unwrap();
    let told = |adopted: &[Adopted]| adopted.iter().map(|one| (one.job.id, one.left_by.clone())).collect::<Vec<_>>();
    assert_eq!(told(&adopted), [(jobs[0], Some("a".to_owned())), (jobs[1], Some("a".to_owned()))]);
    assert_eq!(adopted[0].job.epoch, 1, "the claim that has made its files");
    assert_eq!(b.store.held.epochs(&jobs[..1]), [3], "and that by which it is had");
    let adopted = b.adopt(10).unwrap();
    assert_eq!(adopted.iter().map(|one| one.job.id).collect::<Vec<_>>(), [jobs[2], jobs[3]]);
    assert_eq!(b.crashed(jobs[3]).unwrap(), (1, State::Running));
    b.release(jobs[3]).unwrap();
    b.disposed(jobs[2]).unwrap();
    b.done(jobs[0], 0.1, Disposition::None).unwrap();
    b.failed(jobs[1], &failure(), Timestamp::now()).unwrap();
    assert_eq!(b.adopt(10).unwrap().len(), 1, "what could not be published yet");
    let mut left = claim_all(&b);
    left.sort();
    assert_eq!(left, [jobs[3], jobs[4]]);
    b.let_go(&left).unwrap();
    refused(b.begin(jobs[4]));
}
