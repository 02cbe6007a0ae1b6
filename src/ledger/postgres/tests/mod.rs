//! What only a ledger has that several agents share, on a real server.

mod claims;
#[path = "../../../../tests/it/postgres_server.rs"]
mod postgres_server;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use super::PostgresLedger;
use crate::config;
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
