//! Into the ledger: sources arrive, and are put back.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use tokio_postgres::Row;

use super::fault::Fault;
use super::keeper::channel;
use super::line::Line;
use super::rows::{self, JOB, PREVIOUS, bytes, get};
use super::step::numbers;
use super::store::Store;
use crate::ledger::{Admission, Arrival, Job, JobId, LedgerError};
use crate::source::{Identity, Shown};

/// A version of a path: its device may have another number since the machine has started again.
type Version = (PathBuf, u64, i64, i64, u64);

fn version(path: PathBuf, identity: &Identity) -> Version {
    (path, identity.size, identity.mtime_ns, identity.ctime_ns, identity.inode)
}

/// The arrivals as columns.
struct Columns<'a> {
    path: Vec<&'a [u8]>,
    text: Vec<String>,
    device: Vec<i64>,
    inode: Vec<i64>,
    size: Vec<i64>,
    mtime: Vec<i64>,
    ctime: Vec<i64>,
}

impl<'a> Columns<'a> {
    /// The first of each version: one statement changes a row once.
    fn of(arrivals: &'a [Arrival]) -> Self {
        let mut seen = HashSet::new();
        let first: Vec<_> = arrivals.iter().filter(|a| seen.insert(version(a.path.clone(), &a.identity))).collect();
        let bits = |of: fn(&Identity) -> i64| first.iter().map(|arrival| of(&arrival.identity)).collect();
        Self {
            path: first.iter().map(|arrival| bytes(&arrival.path)).collect(),
            text: first.iter().map(|arrival| Shown(&arrival.path).to_string()).collect(),
            device: bits(|identity| identity.device.cast_signed()),
            inode: bits(|identity| identity.inode.cast_signed()),
            size: bits(|identity| identity.size.cast_signed()),
            mtime: bits(|identity| identity.mtime_ns),
            ctime: bits(|identity| identity.ctime_ns),
        }
    }
}

/// New versions become jobs; those that had gone are jobs again.
const INSERT: &str = "INSERT INTO job AS j (path, path_text, device, inode, size, mtime_ns, ctime_ns, host)
    SELECT v.path, v.path_text, v.device, v.inode, v.size, v.mtime_ns, v.ctime_ns, $8
    FROM unnest($1::bytea[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[]) WITH ORDINALITY
      AS v(path, path_text, device, inode, size, mtime_ns, ctime_ns, number) ORDER BY v.number
    ON CONFLICT (path_key, size, mtime_ns, ctime_ns, inode) DO UPDATE
    SET state = 'ready', attempts = 0, crashes = 0, device = excluded.device, run_at = now(), seen_at = now(), changed_at = now(),
      finished_at = NULL, host = excluded.host, released = false, owner = NULL
    WHERE j.state = 'gone' RETURNING id";

/// The device of a version that is known may have another number now.
const DEVICES: &str = "UPDATE job AS j SET device = v.device
    FROM unnest($1::bytea[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[])
      AS v(path, device, inode, size, mtime_ns, ctime_ns)
    WHERE j.path_key = sha256(v.path) AND j.size = v.size AND j.mtime_ns = v.mtime_ns AND j.ctime_ns = v.ctime_ns
      AND j.inode = v.inode AND j.device <> v.device";

/// The jobs of these versions.
pub(super) fn known() -> String {
    format!(
        "{JOB} FROM unnest($1::bytea[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[])
          AS v(path, inode, size, mtime_ns, ctime_ns)
        JOIN job AS j ON j.path_key = sha256(v.path) AND j.size = v.size AND j.mtime_ns = v.mtime_ns
          AND j.ctime_ns = v.ctime_ns AND j.inode = v.inode {PREVIOUS}"
    )
}

/// Records `arrivals`, and tells the agents if any of them is new.
pub(super) fn arrive(store: &Store, arrivals: &[Arrival]) -> Result<Vec<Admission>, LedgerError> {
    if arrivals.is_empty() {
        return Ok(Vec::new());
    }
    let columns = Columns::of(arrivals);
    store.ask(&|line, _| {
        let mut new = insert(store, line, &columns)?;
        let mut jobs = HashMap::new();
        let Columns { path, inode, size, mtime, ctime, .. } = &columns;
        for row in line.query(&known(), &[path, inode, size, mtime, ctime])? {
            let job = rows::job(&row)?;
            jobs.insert(version(job.path.clone(), &job.identity), job);
        }
        let admission = |arrival: &Arrival| {
            let job = jobs.get(&version(arrival.path.clone(), &arrival.identity)).cloned();
            let job = job.ok_or_else(|| Fault::Io(std::io::ErrorKind::NotFound.into()))?;
            Ok(if new.remove(&job.id.0) { Admission::New(job) } else { Admission::Known(job) })
        };
        arrivals.iter().map(admission).collect()
    })
}

fn insert(store: &Store, line: &mut Line, columns: &Columns<'_>) -> Result<HashSet<i64>, Fault> {
    let Columns { path, text, device, inode, size, mtime, ctime } = columns;
    let rows = line.query(INSERT, &[path, text, device, inode, size, mtime, ctime, &store.host])?;
    let new: HashSet<i64> = rows.iter().map(|row| get(row, "id")).collect::<Result<_, _>>()?;
    if new.len() < path.len() {
        line.execute(DEVICES, &[path, device, inode, size, mtime, ctime])?;
    }
    if !new.is_empty() {
        // By itself, and not before a flush: the server lets one transaction that notifies commit at a time.
        notify(store, line)?;
    }
    Ok(new)
}

fn notify(store: &Store, line: &Line) -> Result<(), Fault> {
    line.batch(&format!("NOTIFY {}", channel(&store.address.schema)))
}

/// Puts back those of the jobs that failed or need a person and that no agent has in hand: the latest version of a source is
/// ready again, an older one is superseded by it and is gone.
const REQUEUE: &str = "WITH these AS (SELECT j.id, NOT EXISTS (SELECT 1 FROM job AS n WHERE n.path_key = j.path_key AND n.id > j.id) AS latest
      FROM job AS j WHERE j.id = ANY($1) AND j.state IN ('failed', 'quarantined') FOR UPDATE OF j)
    UPDATE job AS j SET state = CASE WHEN these.latest THEN 'ready' ELSE 'gone' END, owner = NULL, epoch = epoch + 1,
      attempts = CASE WHEN these.latest THEN 0 ELSE attempts END, crashes = CASE WHEN these.latest THEN 0 ELSE crashes END,
      run_at = CASE WHEN these.latest THEN now() ELSE run_at END,
      finished_at = CASE WHEN these.latest THEN NULL ELSE finished_at END,
      disposed_at = CASE WHEN these.latest THEN NULL ELSE disposed_at END,
      archived = CASE WHEN these.latest THEN NULL ELSE archived END,
      archived_inode = CASE WHEN these.latest THEN NULL ELSE archived_inode END,
      changed_at = now(), disposition = 'none'
    FROM these WHERE j.id = these.id RETURNING j.id";

pub(super) fn requeue(store: &Store, ids: &[JobId]) -> Result<Vec<Job>, LedgerError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let numbers = numbers(ids);
    let back: Vec<i64> = store
        .ask_durably(&|line, _| line.query(REQUEUE, &[&numbers])?.iter().map(|row: &Row| get(row, "id")).collect())?;
    store.ask(&|line, _| {
        notify(store, line)?;
        let jobs = line.query(&format!("{JOB} FROM job AS j {PREVIOUS} WHERE j.id = ANY($1)"), &[&back])?;
        let mut jobs = jobs.iter().map(rows::job).collect::<Result<Vec<_>, _>>()?;
        // In the order in which they were asked for.
        jobs.sort_by_key(|job| ids.iter().position(|id| *id == job.id));
        Ok(jobs)
    })
}
