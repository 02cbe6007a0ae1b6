//! What only a ledger has that several agents share, on a real server.

mod claims;
mod connections;
mod copying;
mod leases;
#[path = "../../../../tests/it/postgres_server.rs"]
mod postgres_server;
mod schemas;

use std::collections::BTreeSet;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use super::PostgresLedger;
use crate::config;
use crate::ledger::Ledger;
use crate::ledger::tests::{self, mine};
use postgres_server::PostgresServer;

/// One server for all tests of this process; each has a schema of its own.
fn server() -> &'static PostgresServer {
    static SERVER: OnceLock<PostgresServer> = OnceLock::new();
    SERVER.get_or_init(PostgresServer::new)
}

/// The configuration of a ledger of a test's own.
fn config() -> config::Ledger {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let schema = format!("test_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    config::Ledger { url: server().url(), schema, ..config::Ledger::default() }
}

/// An agent of this name.
fn agent(config: &config::Ledger, name: &str) -> PostgresLedger {
    PostgresLedger::open(&config::Ledger { agent: name.to_owned(), ..config.clone() }).unwrap()
}

/// A ledger of a test's own, with one agent.
struct Bench {
    config: config::Ledger,
    ledger: PostgresLedger,
}

fn bench() -> Bench {
    let config = config();
    Bench { ledger: agent(&config, "a"), config }
}

impl tests::Bench for Bench {
    fn ledger(&self) -> &dyn Ledger {
        &self.ledger
    }

    fn beside(&self) -> Box<dyn Ledger> {
        Box::new(PostgresLedger::open_shared(&self.config).unwrap())
    }

    fn reopened(self) -> Self {
        drop(self.ledger);
        Self { ledger: agent(&self.config, "a"), config: self.config }
    }

    fn mine(&self) -> Option<BTreeSet<i64>> {
        mine(&self.ledger);
        let store = &self.ledger.store;
        let rows = store.ask(&|line, _| line.query("SELECT id FROM job WHERE owner = $1", &[&store.instance()]));
        Some(rows.unwrap().iter().map(|row| row.get("id")).collect())
    }

    fn path_text(&self) -> String {
        server().psql(&format!("SELECT path_text FROM {}.job", self.config.schema))
    }
}

tests::suite!(bench);

#[test]
fn the_ledger_and_the_model_never_disagree() {
    tests::model::the_ledger_and_the_model_never_disagree(6, bench);
}

#[test]
fn no_content_that_stays_in_the_inbox_is_converted_again_however_much_is_forgotten() {
    tests::retention::no_content_that_stays_in_the_inbox_is_converted_again_however_much_is_forgotten(4, bench);
}

/// Waits until `is` is so.
fn until(what: &str, is: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(30);
    while !is() {
        assert!(Instant::now() < end, "never: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
