//! Jobs that are old leave the ledger, a few at a time. The room that they took is the server's to give back.

use std::path::Path;

use jiff::Timestamp;
use tokio_postgres::Row;

use super::fault::Fault;
use super::rows::{self, absolute, ahead, bytes, get};
use super::step::numbers;
use super::store::Store;
use crate::ledger::{Archived, Finished, JobId, LedgerError};
use crate::source::Identity;

/// In the order of their last change, so that those which have to stay are passed once.
pub(super) const OLD: &str =
    "SELECT j.id, j.path, j.device, j.inode, j.size, j.mtime_ns, j.ctime_ns, j.state, j.disposition, j.changed_at,
    j.archived IS NOT NULL AS archived,
    NOT EXISTS (SELECT 1 FROM job AS n WHERE n.path_key = j.path_key AND n.id > j.id)
    OR (j.state = 'done' AND NOT EXISTS (
      SELECT 1 FROM job AS n WHERE n.path_key = j.path_key AND n.id > j.id AND n.state || '' = 'done')) AS needed
  FROM job AS j
  WHERE j.changed_at < now() + $1::bigint * interval '1 microsecond' AND (j.changed_at, j.id) > ($2, $3)
    AND j.state || '' IN ('done', 'quarantined', 'duplicate', 'gone') AND j.disposition <> 'pending'
  ORDER BY j.changed_at, j.id LIMIT $4";

pub(super) const ARCHIVED: &str = "SELECT id, archived, archived_inode, device, inode, size, mtime_ns, ctime_ns, disposed_at FROM job
  WHERE archived IS NOT NULL AND disposed_at < now() + $1::bigint * interval '1 microsecond' AND (disposed_at, id) > ($2, $3)
    AND archived_inode IS NOT NULL AND disposition = 'done' AND state || '' IN ('done', 'duplicate')
  ORDER BY disposed_at, id LIMIT $4";

const FORGET: &str = "DELETE FROM job WHERE id = ANY($1) AND changed_at < now() + $2::bigint * interval '1 microsecond'
    AND owner IS NULL AND disposition <> 'pending' AND state IN ('done', 'quarantined', 'duplicate', 'gone')";

pub(super) const KNOWN: &str = "SELECT seen_at FROM job WHERE path_key = sha256($1) AND size = $2 AND mtime_ns = $3 AND ctime_ns = $4 AND inode = $5";

/// Finished jobs that last changed before `before`, behind those that were answered before.
pub(super) fn finished_before(
    store: &Store,
    before: Timestamp,
    behind: Option<&Finished>,
    most: usize,
) -> Result<Vec<Finished>, LedgerError> {
    let (changed_at, id) = behind.map_or((Timestamp::UNIX_EPOCH, 0), |job| (absolute(job.changed_at), job.id.0));
    let (before, most) = (ahead(before), i64::try_from(most).unwrap_or(i64::MAX));
    store.ask(&|line, _| line.query(OLD, &[&before, &changed_at, &id, &most])?.iter().map(finished).collect())
}

fn finished(row: &Row) -> Result<Finished, Fault> {
    Ok(Finished {
        id: JobId(get(row, "id")?),
        path: rows::path(row, "path")?,
        identity: rows::identity(row)?,
        state: rows::state(row)?,
        disposition: rows::disposition(row)?,
        changed_at: get(row, "changed_at")?,
        needed: get(row, "needed")?,
        archived: get(row, "archived")?,
    })
}

/// Deletes these jobs, and answers how many of them were still old and finished.
pub(super) fn forget(store: &Store, ids: &[JobId], before: Timestamp) -> Result<u64, LedgerError> {
    let (ids, before) = (numbers(ids), ahead(before));
    store.ask(&|line, _| line.execute(FORGET, &[&ids, &before]))
}

/// Sources that were archived before `before`, behind those that were answered before.
pub(super) fn archived_before(
    store: &Store,
    before: Timestamp,
    behind: Option<&Archived>,
    most: usize,
) -> Result<Vec<Archived>, LedgerError> {
    let (disposed_at, id) = behind.map_or((Timestamp::UNIX_EPOCH, 0), |one| (absolute(one.disposed_at), one.id.0));
    let (before, most) = (ahead(before), i64::try_from(most).unwrap_or(i64::MAX));
    store.ask(&|line, _| line.query(ARCHIVED, &[&before, &disposed_at, &id, &most])?.iter().map(archived).collect())
}

fn archived(row: &Row) -> Result<Archived, Fault> {
    Ok(Archived {
        id: JobId(get(row, "id")?),
        place: rows::path(row, "archived")?,
        inode: get::<i64>(row, "archived_inode")?.cast_unsigned(),
        identity: rows::identity(row)?,
        disposed_at: get(row, "disposed_at")?,
    })
}

/// The archive has these no more.
pub(super) fn unarchived(store: &Store, ids: &[JobId]) -> Result<(), LedgerError> {
    let sql = "UPDATE job SET archived = NULL, archived_inode = NULL WHERE id = ANY($1)";
    store.ask(&|line, _| line.execute(sql, &[&numbers(ids)]).map(drop))
}

/// When this version of `path` was recorded, whatever number its device had.
pub(super) fn seen_at(store: &Store, path: &Path, identity: &Identity) -> Result<Option<Timestamp>, LedgerError> {
    let Identity { inode, size, mtime_ns, ctime_ns, .. } = *identity;
    let (size, inode) = (size.cast_signed(), inode.cast_signed());
    store.ask(&|line, _| {
        let row = line.row(KNOWN, &[&bytes(path), &size, &mtime_ns, &ctime_ns, &inode])?;
        row.map(|row| get(&row, "seen_at")).transpose()
    })
}
