//! Who is alive, and what becomes of those who are not.

use std::time::Duration;

use super::{agent, config, server, until};
use crate::config::{Ledger as Config, Order};
use crate::ledger::postgres::PostgresLedger;
use crate::ledger::tests::{admit, failure, ids, publication};
use crate::ledger::{Disposition, Ledger, LedgerError, Shared, State};
use jiff::Timestamp;

/// As if the agent had not been heard of for longer than its lease: its keeper is told so at its next sign of life.
fn expire(config: &Config, name: &str) {
    let schema = &config.schema;
    server().psql(&format!(
        "UPDATE {schema}.agent SET lease_until = now() - interval '1 s' WHERE name = '{name}' AND ended_at IS NULL"
    ));
}

fn claim(agent: &dyn Shared) -> Vec<crate::ledger::Job> {
    agent.claim(1000, u64::MAX, Order::OldestFirst).unwrap()
}

#[test]
fn an_agent_that_was_declared_dead_takes_no_step_any_more_and_another_has_what_it_had() {
    let config = Config { lease_secs: 30, ..config() };
    let a = agent(&config, "a");
    let quick = Config { lease_secs: 3, ..config.clone() };
    let b = agent(&quick, "b");
    let begun = admit(&a, "a.json", 1).id;
    let waits = admit(&a, "b.json", 1).id;
    assert_eq!(claim(&a).len(), 2);
    a.begin(begun).unwrap();
    a.publishing(begun, &publication(begun)).unwrap();
    expire(&config, "a");
    until("b takes over", || {
        b.agents().unwrap().iter().any(|agent| agent.name == "a" && !agent.alive && agent.jobs == 0)
    });
    let adopted = b.adopt(10).unwrap();
    assert_eq!(adopted.iter().map(|one| one.job.id).collect::<Vec<_>>(), [begun]);
    assert_eq!(b.store.held.epochs(&[begun]), [3]);
    assert_eq!(ids(&claim(&b)), [waits]);
    // The zombie knows of nothing, and tries.
    let no = |outcome: Result<(), LedgerError>| {
        let error = outcome.unwrap_err();
        assert!(matches!(error, LedgerError::Conflict { .. }) || error.is_transient(), "{error}");
    };
    no(a.done(begun, 0.1, Disposition::None));
    no(a.begin(waits).map(drop));
    no(a.quarantined(begun, &failure(), Disposition::None));
    until("it learns of it", || a.totals().is_err());
    let told = a.claim(1, 1, Order::Name).unwrap_err();
    assert!(told.is_transient() && told.to_string().contains("lease"), "{told}");
    b.done(begun, 0.1, Disposition::None).unwrap();
    assert_eq!(b.totals().unwrap().count(State::Done), 1);
    // It registers anew, and works on.
    let again = agent(&config, "a");
    let more = admit(&b, "c.json", 1).id;
    assert_eq!(ids(&claim(&again)), [more]);
}

#[test]
fn a_name_is_had_once_and_by_whoever_starts_after_the_one_before_has_ended() {
    let config = config();
    let a = agent(&config, "a");
    let refused = PostgresLedger::open(&Config { agent: "a".to_owned(), ..config.clone() });
    let refused = refused.err().unwrap();
    let pid = std::process::id();
    assert!(
        matches!(&refused, LedgerError::NameTaken { name, pid: found, .. } if name == "a" && *found == pid),
        "{refused}"
    );
    assert!(refused.to_string().contains("ledger.agent") && !refused.is_transient());
    let id = admit(&a, "a.json", 1).id;
    claim(&a);
    a.begin(id).unwrap();
    // As after kill -9: its sessions end, and nothing was said.
    std::mem::forget(a);
    let schema = &config.schema;
    server().psql(&format!(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'h5inbox {schema} %';
        UPDATE {schema}.agent SET name = 'a'"
    ));
    let next = agent(&config, "a");
    assert_eq!(next.adopt(10).unwrap()[0].left_by.as_deref(), Some("a"));
}

#[test]
fn one_agent_leads_and_another_takes_over() {
    let config = config();
    let a = agent(&config, "a");
    until("a leads", || a.leads());
    let b = agent(&config, "b");
    until("it is told", || a.agents().unwrap().iter().map(|agent| agent.leads).collect::<Vec<_>>() == [true, false]);
    assert!(!b.leads());
    drop(a);
    until("b leads", || b.leads());
}

#[test]
fn what_arrives_or_is_put_back_wakes_the_others_and_silence_does_too() {
    let config = config();
    let (a, b) = (agent(&config, "a"), agent(&config, "b"));
    let person = PostgresLedger::open_shared(&config).unwrap();
    let wakes = b.wakes();
    let quiet = || while wakes.recv_timeout(Duration::from_millis(700)).is_ok() {};
    quiet();
    let id = admit(&a, "a.json", 1).id;
    wakes.recv_timeout(Duration::from_millis(700)).unwrap();
    claim(&a);
    a.begin(id).unwrap();
    a.failed(id, &failure(), Timestamp::MAX).unwrap();
    assert!(claim(&b).is_empty());
    quiet();
    assert_eq!(ids(&person.requeue(&[id]).unwrap()), [id]);
    wakes.recv_timeout(Duration::from_millis(700)).unwrap();
    assert_eq!(ids(&claim(&b)), [id]);
    wakes.recv_timeout(Duration::from_secs(10)).unwrap();
}

#[test]
fn a_source_that_was_not_taken_is_told_of_once() {
    let config = config();
    let a = agent(&config, "a");
    let id = admit(&a, "a.json", 1).id;
    claim(&a);
    a.begin(id).unwrap();
    a.gone(id).unwrap();
    let told = a.released().unwrap();
    assert_eq!(told, [("a.json".into(), crate::ledger::tests::arrival("a.json", 1).identity)]);
    assert!(a.released().unwrap().is_empty());
    a.tell("{\"workers\": 3}".to_owned());
    a.tell("not json".to_owned());
    let about = || a.agents().unwrap().remove(0).about;
    server().psql(&format!("UPDATE {}.agent SET about = '{{}}'", config.schema));
    assert!(about().is_some());
}

#[test]
fn the_totals_stay_what_they_were_when_an_agent_that_counted_them_is_forgotten() {
    let config = Config { lease_secs: 3, ..config() };
    let a = agent(&config, "a");
    for name in ["done.json", "waits.json"] {
        admit(&a, name, 1);
    }
    let done = claim(&a)[0].id;
    a.begin(done).unwrap();
    a.publishing(done, &publication(done)).unwrap();
    a.done(done, 0.1, Disposition::None).unwrap();
    let before = a.totals().unwrap();
    assert_eq!(a.forget(&[done], Timestamp::now() + jiff::SignedDuration::from_secs(60)).unwrap(), 1);
    drop(a);
    let schema = &config.schema;
    server().psql(&format!("UPDATE {schema}.agent SET ended_at = now() - interval '2 days'"));
    let b = agent(&config, "b");
    let slots = |table: &str| server().psql(&format!("SELECT DISTINCT slot FROM {schema}.{table} ORDER BY slot"));
    until("they are added up", || [slots("tally"), slots("forgotten")].iter().all(|slots| !slots.contains("a/")));
    assert_eq!(b.totals().unwrap(), before);
}
