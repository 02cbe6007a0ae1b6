//! Jobs that were found on disk go into a ledger that does not know them.

use tokio_postgres::types::ToSql;

use super::fault::Fault;
use super::line::Line;
use super::rows::bytes;
use super::store::Store;
use crate::ledger::restored::{End, Output};
use crate::ledger::{LedgerError, Restored, State};
use crate::source::Shown;

/// Whether the ledger has this output, or is about to give it its name, or knows that the job needs a person.
const KNOWN: &str = "SELECT 1 FROM job WHERE path_key = sha256($1) AND CASE WHEN $2::bytea IS NULL
    THEN id = $3 AND state = 'quarantined'
    ELSE source_hash = $4::bytea AND output = $2 AND state IN ('done', 'publishing') END";

/// A row that is not decided, of the same job or of the same version of its source, is decided by what was found.
const DECIDE: &str =
    "UPDATE job SET state = $8, source_hash = $9, output = $10, output_bytes = $11, first_row = $12, rows = $13,
    columns = $14, bad_records = $15, input = $16, compression = $17, error_code = $18, error = $19, disposition = $20,
    temporary = NULL, finished_at = now(), changed_at = now(), owner = NULL, epoch = epoch + 1
  WHERE path_key = sha256($2) AND state IN ('ready', 'running', 'failed', 'gone')
    AND (id = $1 OR (device, inode, size, mtime_ns, ctime_ns) = ($3, $4, $5, $6, $7))";

/// A number that is taken is another job's; then the next one is given.
const ADD: &str = "INSERT INTO job(id, path, device, inode, size, mtime_ns, ctime_ns, state, source_hash, output, output_bytes,
    first_row, rows, columns, bad_records, input, compression, error_code, error, disposition, path_text, host, attempts, finished_at)
  SELECT CASE WHEN EXISTS (SELECT 1 FROM job WHERE id = $1) THEN nextval(pg_get_serial_sequence('job', 'id')) ELSE $1 END,
    $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, 1, now()
  ON CONFLICT DO NOTHING";

/// No number is given twice.
pub(super) const GO_ON_COUNTING: &str = "SELECT setval(pg_get_serial_sequence('job', 'id'),
    greatest((SELECT max(id) FROM job), nextval(pg_get_serial_sequence('job', 'id'))))";

pub(super) fn restore(store: &Store, jobs: &[Restored]) -> Result<u64, LedgerError> {
    store.ask_durably(&|line, _| {
        line.transaction(|line| {
            // So that the next number is free, whatever was restored before.
            line.query(GO_ON_COUNTING, &[])?;
            let restored =
                jobs.iter().try_fold(0, |sum, job| Ok::<u64, Fault>(sum + u64::from(one(line, store, job)?)))?;
            line.query(GO_ON_COUNTING, &[])?;
            Ok(restored)
        })
    })
}

/// Records `job` unless the ledger knows what became of it; whether it did not.
fn one(line: &mut Line, store: &Store, job: &Restored) -> Result<bool, Fault> {
    let (state, output, failure) = match &job.end {
        End::Done(output) => (State::Done, Some(output), None),
        End::Quarantined(failure) => (State::Quarantined, None, Some(failure)),
    };
    let (path, hash) = (bytes(&job.path), output.map(|output| &output.hash[..]));
    let place = output.map(|output| bytes(&output.path));
    if line.row(KNOWN, &[&path, &place, &job.id.0, &hash])?.is_some() {
        return Ok(false);
    }
    let number = |of: fn(&Output) -> u64| output.map(|output| of(output).cast_signed());
    let (output_bytes, rows) = (number(|output| output.bytes), number(|output| output.rows));
    let (columns, bad_records) = (number(|output| output.columns), number(|output| output.bad_records));
    let first_row = output.and_then(|output| output.first_row).map(u64::cast_signed);
    let (input, compression) = (output.map(|of| of.input.as_str()), output.map(|of| of.compression.as_str()));
    let (code, error) = (failure.map(|of| of.code.as_str()), failure.map(|of| of.message.replace('\0', "\\0")));
    let identity = job.identity;
    let (device, inode, size) =
        (identity.device.cast_signed(), identity.inode.cast_signed(), identity.size.cast_signed());
    let (state, disposition) = (state.as_str(), job.disposition.as_str());
    let (text, host) = (Shown(&job.path).to_string(), &store.host);
    let mut values: Vec<&(dyn ToSql + Sync)> = vec![
        &job.id.0,
        &path,
        &device,
        &inode,
        &size,
        &identity.mtime_ns,
        &identity.ctime_ns,
        &state,
        &hash,
        &place,
        &output_bytes,
        &first_row,
        &rows,
        &columns,
        &bad_records,
        &input,
        &compression,
        &code,
        &error,
        &disposition,
    ];
    if line.execute(DECIDE, &values)? > 0 {
        return Ok(true);
    }
    values.extend([&text as &(dyn ToSql + Sync), host]);
    Ok(line.execute(ADD, &values)? > 0)
}
