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

/// Numbers of jobs that were forgotten may lie between those that are there.
const FORGOTTEN: i64 = 1_000_000;

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
        let old = set_aside(&self.path).map_err(|e| fault::file("set aside", &self.path, e))?;
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
    let last = last_number(old);
    let Ok(mut read) = old.prepare("SELECT * FROM job WHERE id = ?1") else { return Ok(0) };
    let names: Vec<String> = read.column_names().map(str::to_owned).collect();
    let marks = vec!["?"; names.len()].join(", ");
    let insert = format!("INSERT OR IGNORE INTO job({}) VALUES({marks})", names.join(", "));
    let (mut copied, mut next) = (0, 1);
    while next <= last {
        let transaction = fresh.transaction()?;
        for id in next..next.saturating_add(BATCH) {
            let values = read.query_row([id], |row| values(row, names.len())).optional().ok().flatten();
            let Some(values) = values else { continue };
            // What the new schema refuses was damaged.
            copied += transaction.prepare_cached(&insert)?.execute(params_from_iter(values)).unwrap_or(0) as u64;
        }
        transaction.commit()?;
        next = next.saturating_add(BATCH);
    }
    Ok(copied)
}

/// The highest number that a job may have. What the ledger says of it may be damaged, too: of numbers behind those that are
/// found one after the other, there are no more than its bytes have room for.
fn last_number(old: &Connection) -> i64 {
    let number = |sql: &str| old.query_row(sql, [], |row| row.get::<_, Option<i64>>(0)).ok().flatten();
    let said = number("SELECT seq FROM sqlite_sequence WHERE name = 'job'").max(number("SELECT max(id) FROM job"));
    let bytes = number("SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()");
    let room = (bytes.unwrap_or(0) / LEAST_ROW).saturating_add(FORGOTTEN);
    said.unwrap_or(0).min(found_in_order(old).saturating_add(room))
}

/// The last of the numbers that can be read one after the other.
fn found_in_order(old: &Connection) -> i64 {
    let Ok(mut numbers) = old.prepare("SELECT id FROM job NOT INDEXED ORDER BY id") else { return 0 };
    let found = numbers.query_map([], |row| row.get(0));
    found.map_or(0, |found| found.map_while(Result::ok).last().unwrap_or(0))
}

/// A row as it stands, if it is one that the ledger can work with.
fn values(row: &Row<'_>, columns: usize) -> rusqlite::Result<Vec<rusqlite::types::Value>> {
    row.get::<_, State>("state")?;
    rows::identity(row)?;
    rows::path(row, "path")?;
    (0..columns).map(|column| row.get(column)).collect()
}

/// Gives all files of the ledger at `path` names that nobody has, and tells the first; none if there is no ledger.
fn set_aside(path: &Path) -> io::Result<Option<PathBuf>> {
    if fs::metadata(path).map_or(true, |file| file.len() == 0) {
        return remove(path).map(|()| None);
    }
    let mut number = 1;
    let mut aside = beside(path, ".set-aside-1");
    while aside.exists() {
        number += 1;
        aside = beside(path, &format!(".set-aside-{number}"));
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
