//! Into the ledger, and out of it again: sources arrive, are put back, and are forgotten.

use std::path::Path;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, named_params, params};

use super::rows::{self, Bytes, JOB, Time};
use crate::ledger::{Admission, Arrival, Job, JobId, LedgerError, Selection};
use crate::source::Shown;

/// Records `arrivals`, in order.
pub(super) fn arrive(c: &Connection, arrivals: &[Arrival], host: &str) -> Result<Vec<Admission>, LedgerError> {
    let now = Timestamp::now();
    arrivals.iter().map(|arrival| admit(c, arrival, host, now)).collect()
}

fn admit(c: &Connection, arrival: &Arrival, host: &str, now: Timestamp) -> Result<Admission, LedgerError> {
    match insert(c, arrival, host, now)? {
        Some(id) => Ok(Admission::New(job(c, id)?)),
        None => Ok(Admission::Known(job(c, known(c, arrival)?)?)),
    }
}

/// The number of the new job, or of the one that had gone and is back; none if this version is known.
fn insert(c: &Connection, arrival: &Arrival, host: &str, now: Timestamp) -> Result<Option<JobId>, LedgerError> {
    let sql =
        "INSERT INTO job(path, path_text, device, inode, size, mtime_ns, ctime_ns, run_at, seen_at, changed_at, host)
        VALUES(:path, :path_text, :device, :inode, :size, :mtime_ns, :ctime_ns, :now, :now, :now, :host)
        ON CONFLICT(path, size, mtime_ns, ctime_ns) DO UPDATE
        SET state = 'ready', attempts = 0, device = excluded.device, inode = excluded.inode, run_at = excluded.run_at,
            seen_at = excluded.seen_at, changed_at = excluded.changed_at, finished_at = NULL, host = excluded.host
        WHERE job.state = 'gone' RETURNING id";
    let identity = arrival.identity;
    let values = named_params! {
        ":path": Bytes(arrival.path.as_path()),
        ":path_text": Shown(&arrival.path).to_string(),
        ":device": identity.device.cast_signed(),
        ":inode": identity.inode.cast_signed(),
        ":size": identity.size.cast_signed(),
        ":mtime_ns": identity.mtime_ns,
        ":ctime_ns": identity.ctime_ns,
        ":now": Time(now),
        ":host": host,
    };
    Ok(c.prepare_cached(sql)?.query_row(values, |row| row.get(0)).optional()?)
}

/// The number of a known version. Its device may have another number since the machine has started again.
fn known(c: &Connection, Arrival { path, identity }: &Arrival) -> Result<JobId, LedgerError> {
    let sql = "SELECT id FROM job WHERE path = ?1 AND size = ?2 AND mtime_ns = ?3 AND ctime_ns = ?4";
    let values = params![Bytes(path.as_path()), identity.size.cast_signed(), identity.mtime_ns, identity.ctime_ns];
    let id = c.prepare_cached(sql)?.query_row(values, |row| row.get(0))?;
    let sql = "UPDATE job SET device = ?2, inode = ?3 WHERE id = ?1 AND (device, inode) <> (?2, ?3)";
    c.prepare_cached(sql)?.execute(params![id, identity.device.cast_signed(), identity.inode.cast_signed()])?;
    Ok(id)
}

fn job(c: &Connection, id: JobId) -> Result<Job, LedgerError> {
    Ok(c.prepare_cached(&format!("{JOB} WHERE j.id = ?1"))?.query_row([id], rows::job)?)
}

/// Puts back what `selection` names: the latest version of a source is ready again, older ones that still wait for a
/// person are superseded by it and are gone.
pub(super) fn requeue(c: &Connection, selection: &Selection) -> Result<Vec<Job>, LedgerError> {
    let ids = match selection {
        Selection::Failed => stranded(c)?,
        Selection::Paths(paths) => {
            let each: Vec<_> = paths.iter().map(|path| stranded_at(c, path)).collect::<Result<_, _>>()?;
            each.into_iter().flatten().collect()
        }
    };
    ids.into_iter().map(|(id, latest)| if latest { put_back(c, id) } else { supersede(c, id) }).collect()
}

/// Jobs that failed or need a person, each with whether it is the latest version of its source.
fn stranded(c: &Connection) -> Result<Vec<(JobId, bool)>, LedgerError> {
    let ids =
        c.prepare_cached(&format!("{STRANDED} ORDER BY id"))?.query_map([], numbered)?.collect::<Result<_, _>>()?;
    Ok(ids)
}

fn stranded_at(c: &Connection, path: &Path) -> Result<Vec<(JobId, bool)>, LedgerError> {
    let sql = format!("{STRANDED} AND path = ?1 ORDER BY id");
    let ids = c.prepare_cached(&sql)?.query_map([Bytes(path)], numbered)?.collect::<Result<_, _>>()?;
    Ok(ids)
}

const STRANDED: &str = "SELECT id, NOT EXISTS (
      SELECT 1 FROM job n INDEXED BY job_path WHERE n.path = j.path AND n.id > j.id) AS latest
    FROM job AS j WHERE state IN ('failed', 'quarantined')";

fn numbered(row: &rusqlite::Row<'_>) -> rusqlite::Result<(JobId, bool)> {
    Ok((row.get("id")?, row.get("latest")?))
}

fn put_back(c: &Connection, id: JobId) -> Result<Job, LedgerError> {
    let sql = "UPDATE job SET state = 'ready', attempts = 0, run_at = ?2, changed_at = ?2, finished_at = NULL,
        disposition = 'none', requeued = 1 WHERE id = ?1";
    c.prepare_cached(sql)?.execute(params![id, Time(Timestamp::now())])?;
    job(c, id)
}

fn supersede(c: &Connection, id: JobId) -> Result<Job, LedgerError> {
    let sql = "UPDATE job SET state = 'gone', changed_at = ?2, disposition = 'none', requeued = 0 WHERE id = ?1";
    c.prepare_cached(sql)?.execute(params![id, Time(Timestamp::now())])?;
    job(c, id)
}

/// Hands out, once, what was put back.
pub(super) fn take_requeued(c: &Connection) -> Result<Vec<Job>, LedgerError> {
    let some = "SELECT id FROM job INDEXED BY job_requeued WHERE requeued = 1";
    let sql = format!("{JOB} WHERE j.id IN ({some}) AND +j.state = 'ready' ORDER BY j.id");
    let jobs = c.prepare_cached(&sql)?.query_map([], rows::job)?.collect::<Result<_, _>>()?;
    c.prepare_cached("UPDATE job SET requeued = 0 WHERE requeued = 1")?.execute([])?;
    Ok(jobs)
}

/// Deletes these jobs, and answers how many there were.
pub(super) fn forget(c: &Connection, ids: &[JobId]) -> Result<u64, LedgerError> {
    let mut delete = c.prepare_cached("DELETE FROM job WHERE id = ?1")?;
    ids.iter().try_fold(0, |sum, id| Ok(sum + delete.execute([id])? as u64))
}
