//! What the ledger answers: reads on a connection of their own, which see every step that was answered.

use std::collections::HashSet;
use std::hash::BuildHasher;
use std::ops::ControlFlow;
use std::path::Path;

use foldhash::fast::RandomState;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, ToSql};

use super::rows::{self, Bytes, JOB, Time};
use crate::ledger::{HistoryFilter, Job, LedgerError, Record, State, Totals};
use crate::source::Identity;

// SQLite plans without statistics here, so that each of these says which index finds the few among the many.
const UNFINISHED: &str = "j.id IN (SELECT id FROM job WHERE state IN ('running', 'publishing')
    UNION SELECT id FROM job INDEXED BY job_disposition WHERE disposition = 'pending') ORDER BY j.id";
const WAITING: &str = "j.id IN (SELECT id FROM job WHERE state IN ('ready', 'failed')) ORDER BY j.seen_at, j.id";
const SHARING: &str = "j.id IN (SELECT id FROM job INDEXED BY job_state WHERE state = 'publishing' AND temporary = ?1)
    ORDER BY j.first_row, j.rows, j.id";
const ANY_REQUEUED: &str = "SELECT 1 FROM job INDEXED BY job_requeued WHERE requeued = 1 LIMIT 1";
const LAST_SUCCESS: &str = "SELECT max(changed_at) FROM job INDEXED BY job_state WHERE state = 'done'";
const FORGOTTEN_SUCCESS: &str = "SELECT last_changed_at FROM forgotten WHERE state = 'done'";
const OLDEST_WAITING: &str = "SELECT min(seen_at) FROM job INDEXED BY job_waiting WHERE state IN ('ready', 'failed')";

pub(super) fn id(c: &Connection) -> Result<String, LedgerError> {
    Ok(c.query_row("SELECT value FROM about WHERE name = 'id'", [], |row| row.get(0))?)
}

pub(super) fn unfinished(c: &Connection) -> Result<Vec<Job>, LedgerError> {
    jobs(c, UNFINISHED)
}

pub(super) fn sharing(c: &Connection, temporary: &Path) -> Result<Vec<Job>, LedgerError> {
    let mut found = c.prepare_cached(&format!("{JOB} WHERE {SHARING}"))?;
    Ok(found.query_map([Bytes(temporary)], rows::job)?.collect::<Result<_, _>>()?)
}

pub(super) fn waiting(c: &Connection) -> Result<Vec<Job>, LedgerError> {
    jobs(c, WAITING)
}

fn jobs(c: &Connection, which: &str) -> Result<Vec<Job>, LedgerError> {
    let mut found = c.prepare_cached(&format!("{JOB} WHERE {which}"))?;
    Ok(found.query_map([], rows::job)?.collect::<Result<_, _>>()?)
}

pub(super) fn any_requeued(c: &Connection) -> Result<bool, LedgerError> {
    Ok(c.prepare_cached(ANY_REQUEUED)?.exists([])?)
}

pub(super) fn handled(c: &Connection, each: &mut dyn FnMut(&Path, Identity)) -> Result<(), LedgerError> {
    // In the order of the table, the latest first. To look up the latest row of each path would read it at random, which
    // takes five times as long.
    let sql = "SELECT path, device, inode, size, mtime_ns, ctime_ns, state FROM job NOT INDEXED ORDER BY id DESC";
    let mut latest = c.prepare_cached(sql)?;
    let mut found = latest.query([])?;
    // Of two paths that share a hash one is not told of: that costs a look at its file, which then turns out to be known.
    let (hasher, mut seen) = (RandomState::default(), HashSet::new());
    while let Some(row) = found.next()? {
        let path = rows::path(row, "path")?;
        if seen.insert(hasher.hash_one(&path)) && row.get::<_, State>("state")? != State::Gone {
            each(&path, rows::identity(row)?);
        }
    }
    Ok(())
}

pub(super) fn totals(c: &Connection) -> Result<Totals, LedgerError> {
    // One transaction, so that the numbers belong together.
    let c = c.unchecked_transaction()?;
    let mut totals = Totals::default();
    let sql = "SELECT state, files, rows, bytes_in, bytes_out, bad_records FROM tally UNION ALL
        SELECT state, files, rows, bytes_in, bytes_out, bad_records FROM forgotten";
    let mut tally = c.prepare_cached(sql)?;
    let mut found = tally.query([])?;
    while let Some(row) = found.next()? {
        let number = |column| row.get::<_, i64>(column).map(i64::cast_unsigned);
        let state = row.get(0)?;
        *totals.files.entry(state).or_default() += number(1)?;
        if state == State::Done {
            totals.rows += number(2)?;
            totals.bytes_in += number(3)?;
            totals.bytes_out += number(4)?;
            totals.bad_records += number(5)?;
        }
    }
    totals.last_success_at = moment(&c, LAST_SUCCESS)?.max(moment(&c, FORGOTTEN_SUCCESS)?);
    totals.oldest_waiting = moment(&c, OLDEST_WAITING)?;
    Ok(totals)
}

fn moment(c: &Connection, sql: &str) -> Result<Option<Timestamp>, LedgerError> {
    let time: Option<Time> = c.prepare_cached(sql)?.query_row([], |row| row.get(0))?;
    Ok(time.map(|time| time.0))
}

pub(super) fn history(
    c: &Connection,
    filter: &HistoryFilter,
    each: &mut dyn FnMut(Record) -> ControlFlow<()>,
) -> Result<(), LedgerError> {
    let since = filter.since.map(Time);
    let path = filter.path.as_deref().map(Bytes);
    let limit = filter.limit.map_or(-1, |limit| i64::try_from(limit).unwrap_or(i64::MAX));
    let mut sql = "SELECT * FROM job WHERE true".to_owned();
    let mut values: Vec<(&str, &dyn ToSql)> = vec![(":limit", &limit)];
    // Only the conditions that are asked for: SQLite finds no index for an optional one.
    if let Some(state) = &filter.state {
        sql += " AND state = :state";
        values.push((":state", state));
    }
    if let Some(since) = &since {
        sql += " AND changed_at >= :since";
        values.push((":since", since));
    }
    if let Some(path) = &path {
        sql += " AND path = :path";
        values.push((":path", path));
    }
    if let Some(id) = &filter.id {
        sql += " AND id = :id";
        values.push((":id", id));
    }
    let mut newest = c.prepare_cached(&(sql + " ORDER BY changed_at DESC, id DESC LIMIT :limit"))?;
    let mut found = newest.query(values.as_slice())?;
    while let Some(row) = found.next()? {
        if each(rows::record(row)?).is_break() {
            break;
        }
    }
    Ok(())
}

pub(super) fn find(c: &Connection, path: &Path) -> Result<Option<Record>, LedgerError> {
    let sql = "SELECT * FROM job INDEXED BY job_path WHERE path = ?1 ORDER BY id DESC LIMIT 1";
    Ok(c.prepare_cached(sql)?.query_row([Bytes(path)], rows::record).optional()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How SQLite goes about `sql`: one line a table.
    fn plan(c: &Connection, sql: &str) -> Vec<String> {
        let mut explained = c.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        explained.query_map([], |row| row.get("detail")).unwrap().collect::<Result<_, _>>().unwrap()
    }

    #[test]
    fn no_frequent_question_reads_the_whole_table() {
        let c = Connection::open_in_memory().unwrap();
        crate::ledger::sqlite::schema::MIGRATIONS.iter().for_each(|sql| c.execute_batch(sql).unwrap());
        let jobs = [UNFINISHED, WAITING, SHARING].map(|which| format!("{JOB} WHERE {which}"));
        let others = [ANY_REQUEUED, LAST_SUCCESS, FORGOTTEN_SUCCESS, OLDEST_WAITING].map(str::to_owned);
        for sql in jobs.into_iter().chain(others).map(|sql| sql.replace("?1", "''")) {
            let plan = plan(&c, &sql);
            assert!(plan.iter().all(|line| !line.starts_with("SCAN") || line.contains("INDEX")), "{sql}: {plan:#?}");
        }
    }
}
