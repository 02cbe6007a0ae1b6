//! Connections to the file: settings, migrations, and the check of a ledger whose agent did not stop in order.

use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::{fault, place};
use crate::ledger::LedgerError;
use crate::source::Shown;

/// Each brings the schema from its index to the next number. Released ones never change.
pub(super) const MIGRATIONS: [&str; 8] = [
    include_str!("migrations/0001_jobs.sql"),
    include_str!("migrations/0002_input.sql"),
    include_str!("migrations/0003_warnings.sql"),
    include_str!("migrations/0004_told.sql"),
    include_str!("migrations/0005_about.sql"),
    include_str!("migrations/0006_gathered.sql"),
    include_str!("migrations/0007_forgotten.sql"),
    include_str!("migrations/0008_archived.sql"),
];

/// "h5in": tells a ledger from any other database.
const APPLICATION: i64 = 0x6835_696e;

/// Longer than any transaction of ours.
const PATIENCE: Duration = Duration::from_secs(10);

/// A ledger up to this length is checked at every start: it takes a moment, and finds what a failing disk did.
const QUICK_BYTES: u64 = 64 << 20;

/// The agent's connection, the only one that changes the schema.
pub(super) fn open_for_agent(path: &Path, after_unclean_stop: bool) -> Result<Connection, LedgerError> {
    let unclean = after_unclean_stop || place::log_bytes(path) > 0;
    let mut connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let opened = || -> Result<(), LedgerError> {
        // Before anything is written: another program's database stays as it is.
        if version(&connection, path)? == 0 {
            // Before the first page is written, which setting the mode of the journal does: later it takes a VACUUM.
            connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
        }
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
        let quick = std::fs::metadata(path).is_ok_and(|file| file.len() <= QUICK_BYTES);
        if unclean || quick {
            check(&connection)?;
        }
        migrate(&mut connection, path)?;
        if quick {
            make_shrinkable(&connection);
        }
        Ok(())
    }();
    opened.map_err(|e| at(path, e))?;
    Ok(connection)
}

/// A connection that may write, beside a running agent; never creates or changes the schema.
pub(super) fn open_beside_agent(path: &Path) -> Result<Connection, LedgerError> {
    if !path.try_exists().map_err(|e| fault::file("look at", path, e))? {
        return Err(LedgerError::Missing(path.to_owned()));
    }
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let found = version(&connection, path).map_err(|e| at(path, e))?;
    if found < known() { Err(LedgerError::SchemaOlder { found, known: known() }) } else { Ok(connection) }
}

/// A connection that only reads.
pub(super) fn open_reader(path: &Path) -> Result<Connection, LedgerError> {
    connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)
}

fn connect(path: &Path, access: OpenFlags) -> Result<Connection, LedgerError> {
    let doing = || format!("be opened at {}", Shown(path));
    let flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(|e| fault::storage(doing(), e))?;
    let set = || -> rusqlite::Result<()> {
        connection.busy_timeout(PATIENCE)?;
        connection.set_prepared_statement_cache_capacity(64);
        // The bundled SQLite has STAT4, and would plan every prepared statement anew for each set of values.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        connection.pragma_update(None, "cache_size", -16_384)
    }();
    set.map_err(|e| at(path, fault::storage(doing(), e)))?;
    Ok(connection)
}

fn check(connection: &Connection) -> Result<(), LedgerError> {
    let verdict: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if verdict == "ok" { Ok(()) } else { Err(LedgerError::Damaged(verdict)) }
}

/// A ledger of an older version is made able to give room back, if that takes a moment only. If it fails, for lack of room for
/// one, the ledger is as good as before.
fn make_shrinkable(connection: &Connection) {
    let mode = connection.pragma_query_value(None, "auto_vacuum", |row| row.get::<_, u8>(0));
    if mode.is_ok_and(|mode| mode == 0)
        && let Err(error) = connection.execute_batch("PRAGMA auto_vacuum = INCREMENTAL; VACUUM")
    {
        log::debug!(event = "ledger.vacuum", error:% = error; "The ledger was not vacuumed; it is tried again at the next start.");
    }
}

fn migrate(connection: &mut Connection, path: &Path) -> Result<(), LedgerError> {
    let found = version(connection, path)?;
    for number in found..known() {
        let transaction = connection.transaction()?;
        transaction.execute_batch(MIGRATIONS[number as usize])?;
        transaction.pragma_update(None, "application_id", APPLICATION)?;
        transaction.pragma_update(None, "user_version", number + 1)?;
        transaction.commit()?;
    }
    Ok(())
}

/// The schema's number; 0 in an empty file.
pub(super) fn version(connection: &Connection, path: &Path) -> Result<u32, LedgerError> {
    let application: i64 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if application != APPLICATION && tables > 0 {
        return Err(LedgerError::Foreign(path.to_owned()));
    }
    let found = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if found > known() { Err(LedgerError::SchemaNewer { found, known: known() }) } else { Ok(found) }
}

fn known() -> u32 {
    u32::try_from(MIGRATIONS.len()).unwrap_or(u32::MAX)
}

/// Says which file is damaged.
fn at(path: &Path, error: LedgerError) -> LedgerError {
    match error {
        LedgerError::Damaged(what) => LedgerError::Damaged(format!("{}: {what}", Shown(path))),
        other => other,
    }
}
