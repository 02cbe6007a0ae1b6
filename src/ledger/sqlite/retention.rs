//! Jobs that are old leave the ledger, a few at a time, and the room that they took goes back to the file system.

use std::path::Path;

use jiff::Timestamp;
use rusqlite::{Connection, Row, named_params, params};

use super::rows::{self, Bytes, Time};
use crate::ledger::{Archived, Finished, JobId, LedgerError};
use crate::source::Identity;

/// Pages that stay free for what comes next: a megabyte.
const SPARE: u32 = 256;

/// In the order of their last change, so that those which have to stay are passed once.
const OLD: &str =
    "SELECT j.id, j.path, j.device, j.inode, j.size, j.mtime_ns, j.ctime_ns, j.state, j.disposition, j.changed_at,
    j.archived IS NOT NULL AS archived,
    NOT EXISTS (SELECT 1 FROM job n INDEXED BY job_path WHERE n.path = j.path AND n.id > j.id)
    OR (j.state = 'done' AND NOT EXISTS (
      SELECT 1 FROM job n INDEXED BY job_path WHERE n.path = j.path AND n.id > j.id AND n.state = 'done')) AS needed
  FROM job j INDEXED BY job_changed
  WHERE j.changed_at < :before AND (j.changed_at, j.id) > (:changed_at, :id)
    AND j.state IN ('done', 'quarantined', 'duplicate', 'gone') AND j.disposition <> 'pending'
  ORDER BY j.changed_at, j.id LIMIT :most";

const ARCHIVED: &str = "SELECT id, archived, archived_inode, device, inode, size, mtime_ns, ctime_ns, disposed_at
  FROM job INDEXED BY job_archived
  WHERE archived IS NOT NULL AND disposed_at < :before AND (disposed_at, id) > (:disposed_at, :id)
    AND archived_inode IS NOT NULL AND disposition = 'done' AND state IN ('done', 'duplicate')
  ORDER BY disposed_at, id LIMIT :most";

const KNOWN: &str =
    "SELECT 1 FROM job WHERE path = ?1 AND size = ?2 AND mtime_ns = ?3 AND ctime_ns = ?4 AND inode = ?5";

/// Finished jobs that last changed before `before`, behind those that were answered before.
pub(super) fn finished_before(
    c: &Connection,
    before: Timestamp,
    behind: Option<&Finished>,
    most: usize,
) -> Result<Vec<Finished>, LedgerError> {
    let (changed_at, id) = behind.map_or((Timestamp::MIN, JobId(0)), |job| (job.changed_at, job.id));
    let values = named_params! {
        ":before": Time(before),
        ":changed_at": Time(changed_at),
        ":id": id,
        ":most": i64::try_from(most).unwrap_or(i64::MAX),
    };
    let mut old = c.prepare_cached(OLD)?;
    Ok(old.query_map(values, finished)?.collect::<Result<_, _>>()?)
}

fn finished(row: &Row<'_>) -> rusqlite::Result<Finished> {
    Ok(Finished {
        id: row.get("id")?,
        path: rows::path(row, "path")?,
        identity: rows::identity(row)?,
        state: row.get("state")?,
        disposition: row.get("disposition")?,
        changed_at: row.get::<_, Time>("changed_at")?.0,
        needed: row.get("needed")?,
        archived: row.get("archived")?,
    })
}

/// Deletes these jobs, and answers how many of them were still old and finished.
pub(super) fn forget(c: &Connection, ids: &[JobId], before: Timestamp) -> Result<u64, LedgerError> {
    let sql = "DELETE FROM job WHERE id = ?1 AND changed_at < ?2 AND disposition <> 'pending'
        AND state IN ('done', 'quarantined', 'duplicate', 'gone')";
    let mut delete = c.prepare_cached(sql)?;
    ids.iter().try_fold(0, |sum, id| Ok(sum + delete.execute(params![id, Time(before)])? as u64))
}

/// Sources that were archived before `before`, behind those that were answered before.
pub(super) fn archived_before(
    c: &Connection,
    before: Timestamp,
    behind: Option<&Archived>,
    most: usize,
) -> Result<Vec<Archived>, LedgerError> {
    let (disposed_at, id) = behind.map_or((Timestamp::MIN, JobId(0)), |one| (one.disposed_at, one.id));
    let values = named_params! {
        ":before": Time(before),
        ":disposed_at": Time(disposed_at),
        ":id": id,
        ":most": i64::try_from(most).unwrap_or(i64::MAX),
    };
    let mut old = c.prepare_cached(ARCHIVED)?;
    Ok(old.query_map(values, archived)?.collect::<Result<_, _>>()?)
}

fn archived(row: &Row<'_>) -> rusqlite::Result<Archived> {
    Ok(Archived {
        id: row.get("id")?,
        place: rows::path(row, "archived")?,
        inode: row.get::<_, i64>("archived_inode")?.cast_unsigned(),
        identity: rows::identity(row)?,
        disposed_at: row.get::<_, Time>("disposed_at")?.0,
    })
}

/// The archive has these no more.
pub(super) fn unarchived(c: &Connection, ids: &[JobId]) -> Result<(), LedgerError> {
    let mut clear = c.prepare_cached("UPDATE job SET archived = NULL, archived_inode = NULL WHERE id = ?1")?;
    ids.iter().try_for_each(|id| Ok(clear.execute([id]).map(drop)?))
}

/// Whether this version of `path` was recorded, whatever number its device had.
pub(super) fn knows(c: &Connection, path: &Path, identity: &Identity) -> Result<bool, LedgerError> {
    let Identity { inode, size, mtime_ns, ctime_ns, .. } = *identity;
    let values = params![Bytes(path), size.cast_signed(), mtime_ns, ctime_ns, inode.cast_signed()];
    Ok(c.prepare_cached(KNOWN)?.exists(values)?)
}

/// Gives so many free pages at most back to the file system, and answers how many it were. None where the file was made by a
/// version that did not prepare for it: there they are used again by what comes next.
pub(super) fn shrink(c: &Connection, pages: u32) -> Result<u64, LedgerError> {
    let free = |c: &Connection| c.pragma_query_value(None, "freelist_count", |row| row.get::<_, u32>(0));
    let before = free(c)?;
    let most = before.saturating_sub(SPARE).min(pages);
    if most == 0 {
        return Ok(0);
    }
    // One step of the statement frees one page.
    let mut vacuum = c.prepare(&format!("PRAGMA incremental_vacuum({most})"))?;
    let mut freed = vacuum.query([])?;
    while freed.next()?.is_some() {}
    Ok(before.saturating_sub(free(c)?).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_old_is_found_by_an_index() {
        let c = Connection::open_in_memory().unwrap();
        crate::ledger::sqlite::schema::MIGRATIONS.iter().for_each(|sql| c.execute_batch(sql).unwrap());
        for sql in [OLD, ARCHIVED, KNOWN] {
            let mut explained = c.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
            let values = rusqlite::params_from_iter(vec![""; explained.parameter_count()]);
            let plan = explained.query_map(values, |row| row.get("detail")).unwrap();
            let plan: Vec<String> = plan.collect::<Result<_, _>>().unwrap();
            assert!(plan.iter().all(|line| !line.starts_with("SCAN") && !line.contains("TEMP B-TREE")), "{plan:#?}");
        }
    }
}
