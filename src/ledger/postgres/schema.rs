//! The schema: what a session has to be set to, and migrations, which any agent runs, once.
//!
//! `about` has the number of the schema and the oldest that a program may know and still work with it. So agents of the version
//! before go on while others are upgraded: a migration adds, and what it takes away was not used by the version before.

use std::path::PathBuf;

use super::fault::Fault;
use super::line::{LONG, Line, PATIENCE};
use super::rows::get;
use crate::ledger::LedgerError;

/// Brings the schema to the next number. Released ones never change.
#[derive(Clone, Copy)]
pub(super) struct Migration {
    pub(super) sql: &'static str,
    /// The oldest number that a program may know and still work with what it makes.
    pub(super) oldest: u32,
}

/// All that this program knows.
pub(super) const MIGRATIONS: &[Migration] = &[Migration { sql: include_str!("migrations/0001_jobs.sql"), oldest: 1 }];

/// Commits wait for the disk, and for whatever else the server is set to; never for less.
pub(super) const DURABLE: &str = "SELECT set_config('synchronous_commit', 'on', false)
    WHERE current_setting('synchronous_commit') = 'off'";

/// Commits do not wait: what is lost with the server is done again.
pub(super) const LAZY: &str = "SET synchronous_commit = off";

/// What every session of ours is set to. Statements are planned for the values that they have: what a LIMIT is decides which index
/// serves. Nothing but an index does: before the first statistics are made, a bitmap of all jobs in a state looks cheap. A client that is gone or stopped is noticed by the server, and holds no lock for long.
pub(super) fn settings(schema: &str, called: &str) -> String {
    format!(
        "SET search_path = {schema}; SET application_name = '{called}'; SET client_min_messages = warning; SET jit = off;
        SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_hashjoin = off;
        SET enable_mergejoin = off; SET plan_cache_mode = force_custom_plan;
        SET default_transaction_isolation = 'read committed'; SET default_transaction_read_only = off;
        SET statement_timeout = '8s'; SET lock_timeout = '5s'; SET idle_in_transaction_session_timeout = '10s';
        SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 2; SET tcp_keepalives_count = 3; SET tcp_user_timeout = 10000;"
    )
}

/// Makes the schema what `migrations` say, or finds that this program can work with it as it is.
pub(super) fn migrate(line: &mut Line, place: &Place<'_>, migrations: &[Migration]) -> Result<(), Fault> {
    let known = number(migrations);
    if let Some(found) = version(line, place)? {
        found.suits(known)?;
        if found.schema >= known {
            return Ok(());
        }
    }
    line.be_patient(LONG);
    line.batch("SET statement_timeout = 0; SET lock_timeout = '60s'")?;
    let outcome = line.transaction(|line| run(line, place, migrations));
    line.batch("SET statement_timeout = '8s'; SET lock_timeout = '5s'")?;
    line.be_patient(PATIENCE);
    outcome.map_err(|fault| if fault.is_denied() { Fault::Ours(place.denied(&fault)) } else { fault })
}

/// Whether a person's program can work beside the agents.
pub(super) fn beside(line: &mut Line, place: &Place<'_>, migrations: &[Migration]) -> Result<(), Fault> {
    let known = number(migrations);
    let found = version(line, place)?.ok_or_else(|| LedgerError::Missing(PathBuf::from(place.shown)))?;
    found.suits(known)?;
    if found.schema < known {
        return Err(LedgerError::SchemaOlder { found: found.schema, known }.into());
    }
    Ok(())
}

/// Which schema it is, and of which database.
pub(super) struct Place<'p> {
    pub(super) shown: &'p str,
    pub(super) schema: &'p str,
    pub(super) user: &'p str,
}

impl Place<'_> {
    fn denied(&self, fault: &Fault) -> LedgerError {
        let Self { shown, schema, user } = *self;
        let said = format!(
            "{fault}; let an administrator of the database run: CREATE SCHEMA {schema} AUTHORIZATION \"{user}\";"
        );
        let source = std::sync::Arc::from(Box::<dyn std::error::Error + Send + Sync>::from(said));
        LedgerError::Unavailable { doing: format!("be made at {shown}"), passing: false, source }
    }
}

/// What `about` says.
struct Version {
    schema: u32,
    oldest: u32,
}

impl Version {
    fn suits(&self, known: u32) -> Result<(), LedgerError> {
        if self.schema > known && self.oldest > known {
            return Err(LedgerError::SchemaNewer { found: self.schema, known });
        }
        Ok(())
    }
}

fn version(line: &mut Line, place: &Place<'_>) -> Result<Option<Version>, Fault> {
    let schema = place.schema;
    let there = line.row("SELECT to_regclass($1) IS NOT NULL AS there", &[&format!("{schema}.about")])?;
    if !there.map_or(Ok(false), |row| get::<bool>(&row, "there"))? {
        let other =
            "SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 LIMIT 1";
        let foreign = || LedgerError::Foreign(PathBuf::from(format!("the schema {schema} in {}", place.shown)));
        return if line.row(other, &[&schema])?.is_some() { Err(foreign().into()) } else { Ok(None) };
    }
    let mut number = |name: &str| -> Result<u32, Fault> {
        let row = line.row("SELECT value FROM about WHERE name = $1", &[&name])?;
        let value = row.map(|row| get::<String>(&row, "value")).transpose()?;
        let foreign = || LedgerError::Foreign(PathBuf::from(format!("the schema {schema} in {}", place.shown)));
        value.and_then(|value| value.parse().ok()).ok_or_else(|| foreign().into())
    };
    Ok(Some(Version { schema: number("schema")?, oldest: number("oldest")? }))
}

/// In a transaction, one program at a time.
fn run(line: &mut Line, place: &Place<'_>, migrations: &[Migration]) -> Result<(), Fault> {
    let schema = place.schema;
    line.query("SELECT pg_advisory_xact_lock(hashtextextended('h5inbox migrate ' || $1, 0))", &[&schema])?;
    // CREATE SCHEMA IF NOT EXISTS asks for the right to make one even where it is there.
    if line.row("SELECT 1 FROM pg_namespace WHERE nspname = $1", &[&schema])?.is_none() {
        line.batch(&format!("CREATE SCHEMA {schema}"))?;
    }
    let found = version(line, place)?.map_or(0, |found| found.schema);
    for (number, migration) in (1u32..).zip(migrations).skip(found as usize) {
        line.batch(migration.sql)?;
        line.batch(&format!(
            "UPDATE about SET value = '{number}' WHERE name = 'schema'; UPDATE about SET value = '{}' WHERE name = 'oldest'",
            migration.oldest
        ))?;
    }
    Ok(())
}

fn number(migrations: &[Migration]) -> u32 {
    u32::try_from(migrations.len()).unwrap_or(u32::MAX)
}
