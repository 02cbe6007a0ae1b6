//! Into the ledger: sources arrive, and are put back.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, named_params, params};

use super::rows::{self, Bytes, JOB, Time};
use crate::ledger::{Admission, Arrival, Job, JobId, LedgerError};
use crate::source::{Identity, Shown};

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
        ON CONFLICT(path, size, mtime_ns, ctime_ns, inode) DO UPDATE
        SET state = 'ready', attempts = 0, crashes = 0, device = excluded.device, run_at = excluded.run_at,
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

/// The number of a known version. Its device may have another number since the machine has started again. The inode
/// counts: where the clock of the file system is coarse, two files that took the same path within one of its ticks
/// differ in nothing else.
fn known(c: &Connection, Arrival { path, identity }: &Arrival) -> Result<JobId, LedgerError> {
    let Identity { device, inode, size, mtime_ns, ctime_ns } = *identity;
    let sql = "SELECT id FROM job WHERE path = ?1 AND size = ?2 AND mtime_ns = ?3 AND ctime_ns = ?4 AND inode = ?5";
    let values = params![Bytes(path.as_path()), size.cast_signed(), mtime_ns, ctime_ns, inode.cast_signed()];
    let id = c.prepare_cached(sql)?.query_row(values, |row| row.get(0))?;
    let sql = "UPDATE job SET device = ?2 WHERE id = ?1 AND device <> ?2";
    c.prepare_cached(sql)?.execute(params![id, device.cast_signed()])?;
    Ok(id)
}

fn job(c: &Connection, id: JobId) -> Result<Job, LedgerError> {
    Ok(c.prepare_cached(&format!("{JOB} WHERE j.id = ?1"))?.query_row([id], rows::job)?)
}

/// Puts back those of the jobs that failed or need a person: the latest version of a source is ready again, an older one
/// is superseded by it and is gone.
pub(super) fn requeue(c: &Connection, ids: &[JobId]) -> Result<Vec<Job>, LedgerError> {
    let mut back = Vec::new();
    for &id in ids {
        match is_latest(c, id)? {
            Some(true) => back.push(put_back(c, id)?),
            Some(false) => back.push(supersede(c, id)?),
            None => {}
        }
    }
    Ok(back)
}

/// Whether a job that failed or needs a person is the latest version of its source; none if it is no such job.
fn is_latest(c: &Connection, id: JobId) -> Result<Option<bool>, LedgerError> {
    let sql = "SELECT NOT EXISTS (SELECT 1 FROM job n INDEXED BY job_path WHERE n.path = j.path AND n.id > j.id)
        FROM job AS j WHERE id = ?1 AND state IN ('failed', 'quarantined')";
    Ok(c.prepare_cached(sql)?.query_row([id], |row| row.get(0)).optional()?)
}

fn put_back(c: &Connection, id: JobId) -> Result<Job, LedgerError> {
    let sql = "UPDATE job SET state = 'ready', attempts = 0, crashes = 0, run_at = ?2, changed_at = ?2,
        finished_at = NULL, disposition = 'none', disposed_at = NULL, archived = NULL, archived_inode = NULL, requeued = 1
        WHERE id = ?1";
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
