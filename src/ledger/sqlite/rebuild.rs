//! A ledger made anew beside a damaged one, or where one was lost, and then put into its place.
//!
//! What can still be read of the old one is taken over, job by job: a page that is damaged costs the jobs in it. The old
//! one is set aside and never removed.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension, Row, params_from_iter};

use super::place::{self, Lock};
use super::{SqliteLedger, fault, rows, schema};
use crate::ledger::{LedgerError, State};

/// What the files of a ledger are called, behind the name of the ledger.
const FILES: [&str; 3] = ["", "-wal", "-shm"];

/// Bytes that a job takes at least.
const LEAST_ROW: i64 = 64;

/// Numbers in a row that cannot be read, beside those that its bytes have room for, before the rest of a ledger is given up.
const UNREADABLE: i64 = 1_000_000;

/// How many numbers behind the last job may have been given to jobs that were forgotten. What says more was damaged.
const FORGOTTEN: i64 = 1_000_000_000;

/// Jobs taken over in one transaction.
const BATCH: i64 = 1000;

/// A ledger that is being made anew.
#[derive(Debug)]
pub struct Rebuild {
    path: PathBuf,
    ledger: SqliteLedger,
    taken_over: u64,
    _lock: Lock,
}

impl Rebuild {
    /// Begins, alone: takes over what can be read of the ledger at `path`. Refuses one that a newer version or another
    /// program has written.
    pub fn begin(path: &Path) -> Result<Self, LedgerError> {
        place::prepare(path)?;
        let lock = Lock::take(path)?;
        let old = open_old(path)?;
        let unfinished = beside(path, ".unfinished");
        remove(&unfinished).map_err(|e| fault::file("remove", &unfinished, e))?;
        place::prepare(&unfinished)?;
        let mut fresh = schema::open_for_agent(&unfinished, false)?;
        let taken_over = old.map_or(Ok(0), |old| take_over(&old, &mut fresh))?;
        let ledger = SqliteLedger::start(&unfinished, fresh, None)?;
        Ok(Self { path: path.to_owned(), ledger, taken_over, _lock: lock })
    }

    /// The new ledger.
    #[must_use]
    pub fn ledger(&self) -> &SqliteLedger {
        &self.ledger
    }

    /// Jobs of the old ledger that the new one has.
    #[must_use]
    pub fn taken_over(&self) -> u64 {
        self.taken_over
    }

    /// Puts the new ledger into its place, and tells where the old one is, if there was one.
    pub fn finish(self) -> Result<Option<PathBuf>, LedgerError> {
        let unfinished = self.ledger.path.clone();
        // Closes it, which folds its log into it.
        drop(self.ledger);
        let put = |error: io::Error| fault::file("put into its place", &unfinished, error);
        if place::log_bytes(&unfinished) > 0 {
            // Without its log it would lack jobs.
            return Err(put(io::Error::other("it could not be closed in order; is the disk full?")));
        }
        fs::File::open(&unfinished).and_then(|file| file.sync_all()).map_err(put)?;
        let old = set_aside(&self.path, ".set-aside").map_err(|e| fault::file("set aside", &self.path, e))?;
        fs::rename(&unfinished, &self.path).map_err(put)?;
        place::prepare(&self.path)?;
        Ok(old)
    }
}

/// The old ledger, if there is anything to be read of it.
fn open_old(path: &Path) -> Result<Option<Connection>, LedgerError> {
    if fs::metadata(path).map_or(true, |file| file.len() == 0) {
        return Ok(None);
    }
    let Ok(old) = schema::open_reader(path) else { return Ok(None) };
    match schema::version(&old, path) {
        Err(error @ (LedgerError::Foreign(_) | LedgerError::SchemaNewer { .. })) => Err(error),
        Ok(_) => Ok(Some(old)),
        // So damaged that it does not even say what it is.
        Err(_) => Ok(None),
    }
}

/// Copies every job that can be read, and answers how many. Each is asked for by its number, so that damage to one place
/// does not hide what lies behind it.
fn take_over(old: &Connection, fresh: &mut Connection) -> Result<u64, LedgerError> {
    let (last, patience) = (last_number(old), room_of(old).saturating_add(UNREADABLE));
    let Ok(mut read) = old.prepare("SELECT * FROM job WHERE id = ?1") else { return Ok(0) };
    let names: Vec<String> = read.column_names().map(str::to_owned).collect();
    let marks = vec!["?"; names.len()].join(", ");
    let insert = format!("INSERT OR IGNORE INTO job({}) VALUES({marks})", names.join(", "));
    let (mut copied, mut next, mut in_vain) = (0, 1, 0);
    while next <= last && in_vain <= patience {
        let (transaction, mut nothing) = (fresh.transaction()?, true);
        for id in next..next.saturating_add(BATCH) {
            let values = match read.query_row([id], |row| values(row, names.len())).optional() {
                Ok(None) => continue,
                Ok(Some(values)) => Some(values),
                Err(_) => None,
            };
            (nothing, in_vain) = (false, if values.is_some() { 0 } else { in_vain + 1 });
            // What the new schema refuses was damaged.
            let insert = |values| transaction.prepare_cached(&insert)?.execute(params_from_iter(values));
            copied += values.map_or(Ok(0), insert).unwrap_or(0) as u64;
        }
        transaction.commit()?;
        next = next.saturating_add(BATCH);
        if nothing {
            next = next_number(old, next);
        }
    }
    go_on_counting(old, fresh)?;
    Ok(copied)
}

/// The first number from `from` on that a job has: many may have been forgotten in between. `from` itself if that cannot be read.
fn next_number(old: &Connection, from: i64) -> i64 {
    let next = old.query_row("SELECT min(id) FROM job WHERE id >= ?1", [from], |row| row.get::<_, Option<i64>>(0));
    next.map_or(from, |next| next.unwrap_or(i64::MAX))
}

/// A number is never given twice, that of a job that was forgotten neither.
fn go_on_counting(old: &Connection, fresh: &Connection) -> Result<(), LedgerError> {
    let last = number(fresh, "SELECT max(id) FROM job").unwrap_or(0);
    let given = number(old, GIVEN).filter(|given| (last..=last.saturating_add(FORGOTTEN)).contains(given));
    if let Some(given) = given {
        fresh.execute("DELETE FROM sqlite_sequence WHERE name = 'job'", [])?;
        fresh.execute("INSERT INTO sqlite_sequence(name, seq) VALUES('job', ?1)", [given])?;
    }
    Ok(())
}

/// The last number that was given to a job.
const GIVEN: &str = "SELECT seq FROM sqlite_sequence WHERE name = 'job'";

/// The highest number that a job may have, as the ledger says. That may be damaged, too.
fn last_number(old: &Connection) -> i64 {
    number(old, GIVEN).max(number(old, "SELECT max(id) FROM job")).unwrap_or(0)
}

/// How many jobs the ledger's bytes have room for.
fn room_of(old: &Connection) -> i64 {
    number(old, "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()").unwrap_or(0) / LEAST_ROW
}

fn number(c: &Connection, sql: &str) -> Option<i64> {
    c.query_row(sql, [], |row| row.get::<_, Option<i64>>(0)).ok().flatten()
}

/// A row as it stands, if it is one that the ledger can work with.
fn values(row: &Row<'_>, columns: usize) -> rusqlite::Result<Vec<rusqlite::types::Value>> {
    row.get::<_, State>("state")?;
    rows::identity(row)?;
    rows::path(row, "path")?;
    (0..columns).map(|column| row.get(column)).collect()
}

/// Gives all files of the ledger at `path` names that nobody has, and tells the first; none if there is no ledger.
pub(super) fn set_aside(path: &Path, called: &str) -> io::Result<Option<PathBuf>> {
    if fs::metadata(path).map_or(true, |file| file.len() == 0) {
        return remove(path).map(|()| None);
    }
    let mut number = 1;
    let mut aside = beside(path, &format!("{called}-1"));
    while aside.exists() {
        number += 1;
        aside = beside(path, &format!("{called}-{number}"));
    }
    for ending in FILES {
        match fs::rename(beside(path, ending), beside(&aside, ending)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(Some(aside))
}

fn remove(path: &Path) -> io::Result<()> {
    FILES.into_iter().try_for_each(|ending| match fs::remove_file(beside(path, ending)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    })
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}
