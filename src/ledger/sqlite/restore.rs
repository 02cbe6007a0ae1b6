//! Jobs that were found on disk go into a ledger that is made anew.

use jiff::Timestamp;
use rusqlite::{Connection, named_params};

use super::rows::{Bytes, Time};
use crate::ledger::restored::{End, Output};
use crate::ledger::{LedgerError, Restored, State};
use crate::source::Shown;

/// A row that is not decided, of the same job or of the same version of its source, is decided by what was found.
const DECIDE: &str = "UPDATE job SET state = :state, source_hash = :hash, output = :output, output_bytes = :output_bytes,
    first_row = :first_row, rows = :rows, columns = :columns, bad_records = :bad_records, input = :input,
    compression = :compression, error_code = :code, error = :error, temporary = NULL, disposition = :disposition, finished_at = :now, changed_at = :now
  WHERE path = :path AND state IN ('ready', 'running', 'failed', 'gone') AND (id = :id OR (device, inode, size, mtime_ns,
    ctime_ns) = (:device, :inode, :size, :mtime_ns, :ctime_ns))";

/// A number that is taken is another job's; then the next one is given.
const ADD: &str = "INSERT OR IGNORE INTO job(id, path, path_text, device, inode, size, mtime_ns, ctime_ns, state, attempts,
    run_at, source_hash, output, output_bytes, first_row, rows, columns, bad_records, input, compression, error_code, error,
    disposition, seen_at, finished_at, changed_at, host)
  VALUES(iif(EXISTS (SELECT 1 FROM job WHERE id = :id), NULL, :id), :path, :path_text, :device, :inode, :size, :mtime_ns,
    :ctime_ns, :state, 1, :now, :hash, :output, :output_bytes, :first_row, :rows, :columns, :bad_records, :input, :compression, :code,
    :error, :disposition, :now, :now, :now, :host)";

/// Records `job` unless the ledger knows what became of it; whether it did not.
pub(super) fn restore(c: &Connection, job: &Restored, host: &str) -> Result<bool, LedgerError> {
    let (state, output, failure) = match &job.end {
        End::Done(output) => (State::Done, Some(output), None),
        End::Quarantined(failure) => (State::Quarantined, None, Some(failure)),
    };
    if is_known(c, job, output)? {
        return Ok(false);
    }
    let identity = job.identity;
    let text = Shown(&job.path).to_string();
    let values = named_params! {
        ":id": job.id,
        ":path": Bytes(job.path.as_path()),
        ":device": identity.device.cast_signed(),
        ":inode": identity.inode.cast_signed(),
        ":size": identity.size.cast_signed(),
        ":mtime_ns": identity.mtime_ns,
        ":ctime_ns": identity.ctime_ns,
        ":state": state,
        ":hash": output.map(|output| output.hash),
        ":output": output.map(|output| Bytes(output.path.as_path())),
        ":output_bytes": output.map(|output| output.bytes.cast_signed()),
        ":first_row": output.and_then(|output| output.first_row).map(u64::cast_signed),
        ":rows": output.map(|output| output.rows.cast_signed()),
        ":columns": output.map(|output| output.columns.cast_signed()),
        ":bad_records": output.map(|output| output.bad_records.cast_signed()),
        ":input": output.map(|output| output.input.as_str()),
        ":compression": output.map(|output| output.compression.as_str()),
        ":code": failure.map(|failure| failure.code.as_str()),
        ":error": failure.map(|failure| failure.message.as_str()),
        ":disposition": job.disposition,
        ":now": Time(Timestamp::now()),
    };
    if c.prepare_cached(DECIDE)?.execute(values)? > 0 {
        return Ok(true);
    }
    let more = named_params! { ":path_text": text, ":host": host };
    let values: Vec<(&str, &dyn rusqlite::ToSql)> = values.iter().chain(more).copied().collect();
    Ok(c.prepare_cached(ADD)?.execute(values.as_slice())? > 0)
}

/// Whether the ledger has this output, or is about to give it its name, or knows that the job needs a person.
fn is_known(c: &Connection, job: &Restored, output: Option<&Output>) -> Result<bool, LedgerError> {
    let sql = "SELECT 1 FROM job INDEXED BY job_path WHERE path = :path AND iif(:output IS NULL,
        id = :id AND state = 'quarantined',
        source_hash = :hash AND output = :output AND state IN ('done', 'publishing'))";
    let values = named_params! {
        ":path": Bytes(job.path.as_path()),
        ":id": job.id,
        ":hash": output.map(|output| output.hash),
        ":output": output.map(|output| Bytes(output.path.as_path())),
    };
    Ok(c.prepare_cached(sql)?.exists(values)?)
}
