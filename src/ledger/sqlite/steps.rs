//! From state to state. Every step names the states it starts from in its `WHERE`, and a step that finds another is a
//! conflict: the row is the compare-and-swap, also between processes.

use std::path::Path;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Params, named_params, params};

use super::rows::{Bytes, Time};
use crate::ledger::{Disposal, Disposition, Failure, JobId, LedgerError, Publication, Published, State};

pub(super) fn begin(c: &Connection, id: JobId, host: &str) -> Result<u32, LedgerError> {
    let sql = "UPDATE job SET state = 'running', attempts = attempts + 1, requeued = 0, host = ?3,
        started_at = ?2, changed_at = ?2, finished_at = NULL
        WHERE id = ?1 AND state IN ('ready', 'failed') RETURNING attempts";
    let values = params![id, Time(Timestamp::now()), host];
    let attempt = c.prepare_cached(sql)?.query_row(values, |row| row.get(0)).optional()?;
    attempt.map_or_else(|| Err(conflict(c, id, "begin")), Ok)
}

pub(super) fn publishing(c: &Connection, id: JobId, publication: &Publication) -> Result<(), LedgerError> {
    let sql = "UPDATE job SET state = 'publishing', changed_at = :now, source_hash = :hash, temporary = :temporary,
        output = :output, output_bytes = :output_bytes, first_row = :first_row, rows = :rows, columns = :columns, bad_records = :bad_records,
        input = :input, compression = :compression, bom = :bom, wait_s = :wait_s, convert_s = :convert_s, warnings = :warnings
        WHERE id = :id AND state = 'running'";
    let values = named_params! {
        ":id": id,
        ":now": Time(Timestamp::now()),
        ":hash": publication.hash,
        ":temporary": Bytes(publication.temporary.as_path()),
        ":output": Bytes(publication.output.as_path()),
        ":output_bytes": publication.output_bytes.cast_signed(),
        ":first_row": publication.first_row.map(u64::cast_signed),
        ":rows": publication.rows.cast_signed(),
        ":columns": publication.columns.cast_signed(),
        ":bad_records": publication.bad_records.cast_signed(),
        ":input": publication.input,
        ":compression": publication.compression,
        ":bom": publication.bom,
        ":wait_s": publication.wait_s,
        ":convert_s": publication.convert_s,
        ":warnings": publication.warnings,
    };
    step(c, id, "publish", sql, values)
}

pub(super) fn rename_publication(c: &Connection, id: JobId, output: &Path) -> Result<(), LedgerError> {
    // Jobs that share an output share its temporary name, and have to agree on the final one at any time.
    let sql = "UPDATE job SET output = ?2 WHERE state = 'publishing' AND (id = ?1 OR (first_row IS NOT NULL
        AND temporary = (SELECT temporary FROM job WHERE id = ?1 AND state = 'publishing' AND first_row IS NOT NULL)))";
    step(c, id, "rename its output", sql, params![id, Bytes(output)])
}

pub(super) fn done(c: &Connection, output: &Published) -> Result<(), LedgerError> {
    let Published { id, publish_s, disposition } = *output;
    let sql = "UPDATE job SET state = 'done', finished_at = ?2, changed_at = ?2, publish_s = ?3, disposition = ?4,
        temporary = NULL, error_code = NULL, error = NULL, line = NULL, byte = NULL
        WHERE id = ?1 AND state = 'publishing'";
    step(c, id, "be done", sql, params![id, Time(Timestamp::now()), publish_s, disposition])
}

pub(super) fn disposed(c: &Connection, Disposal { id, archived }: &Disposal) -> Result<(), LedgerError> {
    // Recovery repeats a disposition whose record was lost: done stays done.
    let sql = "UPDATE job SET disposition = 'done', disposed_at = coalesce(disposed_at, ?2), archived = coalesce(archived, ?3),
        archived_inode = coalesce(archived_inode, ?4) WHERE id = ?1 AND disposition IN ('pending', 'done')";
    let (place, inode) = archived.as_ref().map(|(place, inode)| (Bytes(place.as_path()), inode.cast_signed())).unzip();
    step(c, *id, "be disposed of", sql, params![id, Time(Timestamp::now()), place, inode])
}

pub(super) fn duplicate(
    c: &Connection,
    id: JobId,
    hash: [u8; 32],
    of: Option<JobId>,
    disposition: Disposition,
) -> Result<(), LedgerError> {
    let sql = "UPDATE job SET state = 'duplicate', finished_at = ?2, changed_at = ?2, source_hash = ?3,
        duplicate_of = ?4, disposition = ?5, error_code = NULL, error = NULL, line = NULL, byte = NULL
        WHERE id = ?1 AND state = 'running'";
    step(c, id, "be a duplicate", sql, params![id, Time(Timestamp::now()), hash, of, disposition])
}

pub(super) fn deferred(c: &Connection, id: JobId, failure: &Failure, run_at: Timestamp) -> Result<(), LedgerError> {
    let sql = "UPDATE job SET state = 'failed', attempts = attempts - 1, run_at = :run_at, finished_at = :now,
        changed_at = :now, error_code = :code, error = :message, line = :line, byte = :byte
        WHERE id = :id AND state = 'running'";
    let values = named_params! {
        ":id": id,
        ":run_at": Time(run_at),
        ":now": Time(Timestamp::now()),
        ":code": failure.code,
        ":message": failure.message,
        ":line": failure.line.map(u64::cast_signed),
        ":byte": failure.byte.map(u64::cast_signed),
    };
    step(c, id, "be deferred", sql, values)
}

pub(super) fn failed(c: &Connection, id: JobId, failure: &Failure, run_at: Timestamp) -> Result<(), LedgerError> {
    let sql = "UPDATE job SET state = iif(state = 'publishing', 'publishing', 'failed'), run_at = :run_at,
        finished_at = :now, changed_at = :now, error_code = :code, error = :message, line = :line, byte = :byte
        WHERE id = :id AND state IN ('running', 'publishing')";
    let values = named_params! {
        ":id": id,
        ":run_at": Time(run_at),
        ":now": Time(Timestamp::now()),
        ":code": failure.code,
        ":message": failure.message,
        ":line": failure.line.map(u64::cast_signed),
        ":byte": failure.byte.map(u64::cast_signed),
    };
    step(c, id, "fail", sql, values)
}

pub(super) fn quarantined(
    c: &Connection,
    id: JobId,
    failure: &Failure,
    disposition: Disposition,
) -> Result<(), LedgerError> {
    // An output that was given up is no output: nothing of it stays in the record.
    let sql = "UPDATE job SET state = 'quarantined', disposition = :disposition, finished_at = :now,
        changed_at = :now, error_code = :code, error = :message, line = :line, byte = :byte, requeued = 0,
        temporary = NULL, output = NULL, output_bytes = NULL, first_row = NULL, rows = NULL, columns = NULL, bad_records = NULL,
        input = NULL, compression = NULL, warnings = NULL
        WHERE id = :id AND state IN ('ready', 'running', 'failed', 'publishing')";
    let values = named_params! {
        ":id": id,
        ":disposition": disposition,
        ":now": Time(Timestamp::now()),
        ":code": failure.code,
        ":message": failure.message,
        ":line": failure.line.map(u64::cast_signed),
        ":byte": failure.byte.map(u64::cast_signed),
    };
    step(c, id, "be quarantined", sql, values)
}

pub(super) fn crashed(c: &Connection, id: JobId) -> Result<(u32, State), LedgerError> {
    let sql = "UPDATE job SET crashes = crashes + 1 WHERE id = ?1 AND state IN ('running', 'publishing')
        RETURNING crashes, state";
    let counted = c.prepare_cached(sql)?.query_row([id], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    counted.map_or_else(|| Err(conflict(c, id, "crash")), Ok)
}

pub(super) fn release(c: &Connection, id: JobId) -> Result<(), LedgerError> {
    let sql = "UPDATE job SET state = 'ready', run_at = ?2, changed_at = ?2 WHERE id = ?1 AND state = 'running'";
    step(c, id, "be released", sql, params![id, Time(Timestamp::now())])
}

pub(super) fn apart(c: &Connection, id: JobId) -> Result<(), LedgerError> {
    let sql =
        "UPDATE job SET state = 'ready', alone = 1, run_at = ?2, changed_at = ?2 WHERE id = ?1 AND state = 'running'";
    step(c, id, "be taken apart", sql, params![id, Time(Timestamp::now())])
}

pub(super) fn postponed(c: &Connection, id: JobId) -> Result<(), LedgerError> {
    let sql = "UPDATE job SET state = 'ready', attempts = attempts - 1, changed_at = ?2
        WHERE id = ?1 AND state = 'running'";
    step(c, id, "be postponed", sql, params![id, Time(Timestamp::now())])
}

/// Writes what is there already.
pub(super) fn try_out(c: &Connection) -> Result<(), LedgerError> {
    let version: u32 = c.pragma_query_value(None, "user_version", |row| row.get(0))?;
    Ok(c.pragma_update(None, "user_version", version)?)
}

pub(super) fn gone(c: &Connection, id: JobId) -> Result<(), LedgerError> {
    let sql = "UPDATE job SET state = 'gone', finished_at = ?2, changed_at = ?2, requeued = 0
        WHERE id = ?1 AND state IN ('ready', 'running', 'failed')";
    step(c, id, "be gone", sql, params![id, Time(Timestamp::now())])
}

fn step(c: &Connection, id: JobId, name: &'static str, sql: &str, values: impl Params) -> Result<(), LedgerError> {
    match c.prepare_cached(sql)?.execute(values)? {
        0 => Err(conflict(c, id, name)),
        _ => Ok(()),
    }
}

/// Why a step did not find its job where it must be.
fn conflict(c: &Connection, id: JobId, step: &'static str) -> LedgerError {
    let state = c.prepare_cached("SELECT state FROM job WHERE id = ?1");
    match state.and_then(|mut state| state.query_row([id], |row| row.get(0)).optional()) {
        Ok(found) => LedgerError::Conflict { id, step, found },
        Err(error) => error.into(),
    }
}
