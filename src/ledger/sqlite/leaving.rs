//! A ledger that moves to a database which several agents share: all that it holds is told, then it is set aside.

use std::path::{Path, PathBuf};

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};
use serde_json::{Map, Value};

use super::place::Lock;
use super::{fault, queries, rebuild, schema};
use crate::ledger::{LedgerError, Totals};

/// Columns that are booleans where types are strict.
const FLAGS: [&str; 2] = ["alone", "bom"];

/// What only this kind of ledger needs to know.
const OURS: [&str; 1] = ["requeued"];

/// A ledger that is being moved; no agent works with it.
pub(in crate::ledger) struct Leaving {
    path: PathBuf,
    connection: Connection,
    _lock: Lock,
}

impl Leaving {
    /// Takes the ledger at `path`, alone, and brings it up to date.
    pub(in crate::ledger) fn begin(path: &Path) -> Result<Self, LedgerError> {
        if std::fs::metadata(path).map_or(true, |file| file.len() == 0) {
            return Err(LedgerError::Missing(path.to_owned()));
        }
        let lock = Lock::take(path)?;
        let connection = schema::open_for_agent(path, lock.after_unclean_stop())?;
        Ok(Self { path: path.to_owned(), connection, _lock: lock })
    }

    /// Which ledger it is.
    pub(in crate::ledger) fn id(&self) -> Result<String, LedgerError> {
        queries::id(&self.connection)
    }

    /// What it amounts to.
    pub(in crate::ledger) fn totals(&self) -> Result<Totals, LedgerError> {
        queries::totals(&self.connection)
    }

    /// The last number that was given to a job.
    pub(in crate::ledger) fn last_number(&self) -> Result<i64, LedgerError> {
        let sql = "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'job'";
        Ok(self.connection.query_row(sql, [], |row| row.get(0))?)
    }

    /// Jobs behind the one of this number, so many at most, as objects by column.
    pub(in crate::ledger) fn jobs(&self, behind: i64, most: usize) -> Result<Vec<Value>, LedgerError> {
        let mut read = self.connection.prepare_cached("SELECT * FROM job WHERE id > ?1 ORDER BY id LIMIT ?2")?;
        let rows = read.query_map((behind, i64::try_from(most).unwrap_or(i64::MAX)), object)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// What jobs that were removed amounted to.
    pub(in crate::ledger) fn forgotten(&self) -> Result<Vec<Value>, LedgerError> {
        let mut read = self.connection.prepare("SELECT * FROM forgotten")?;
        Ok(read.query_map([], object)?.collect::<Result<_, _>>()?)
    }

    /// Gives it a name under which no agent looks for it, and tells that.
    pub(in crate::ledger) fn finish(self) -> Result<PathBuf, LedgerError> {
        // Closes it, which folds its log into it.
        drop(self.connection);
        let aside = rebuild::set_aside(&self.path, ".copied").map_err(|e| fault::file("set aside", &self.path, e))?;
        Ok(aside.unwrap_or(self.path))
    }
}

/// A row as JSON: bytes as PostgreSQL writes them, in hexadecimal.
fn object(row: &Row<'_>) -> rusqlite::Result<Value> {
    let mut object = Map::new();
    for (index, name) in row.as_ref().column_names().enumerate() {
        if OURS.contains(&name) {
            continue;
        }
        let value = match row.get_ref(index)? {
            ValueRef::Null => Value::Null,
            ValueRef::Integer(number) if FLAGS.contains(&name) => Value::Bool(number != 0),
            ValueRef::Integer(number) => number.into(),
            ValueRef::Real(number) => number.into(),
            // Text in PostgreSQL has no zero byte.
            ValueRef::Text(text) => String::from_utf8_lossy(text).replace('\0', "\\0").into(),
            ValueRef::Blob(bytes) => {
                bytes.iter().fold("\\x".to_owned(), |text, byte| text + &format!("{byte:02x}")).into()
            }
        };
        object.insert(name.to_owned(), value);
    }
    Ok(Value::Object(object))
}
