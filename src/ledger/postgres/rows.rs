//! Between rows and the ledger's types. What a column holds is written here and nowhere else.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use tokio_postgres::Row;
use tokio_postgres::types::FromSql;

use super::fault::Fault;
use crate::ledger::{Disposition, Job, JobId, LedgerError, Previous, Record, State};
use crate::source::Identity;

/// Columns of a job, by name: a later schema may have more.
pub(super) const JOB_COLUMNS: &str =
    "id, path, path_key, device, inode, size, mtime_ns, ctime_ns, state, attempts, crashes, alone,
    run_at, source_hash, output, temporary, disposition, first_row, epoch, made_by, left_by";

/// What [`job`] reads of a row `j` that has [`JOB_COLUMNS`].
pub(super) const JOB: &str =
    "SELECT j.id, j.path, j.device, j.inode, j.size, j.mtime_ns, j.ctime_ns, j.state, j.attempts,
    j.crashes, j.alone, j.run_at, j.source_hash, j.output, j.temporary, j.disposition, j.first_row, j.epoch, j.made_by,
    j.left_by,
    p.id AS previous_id, p.size AS previous_size, p.source_hash AS previous_hash, p.output AS previous_output";

/// The latest version of the path of `j` that is done.
pub(super) const PREVIOUS: &str = "LEFT JOIN LATERAL (SELECT d.id, d.size, d.source_hash, d.output FROM job d
    WHERE d.path_key = j.path_key AND d.state || '' = 'done' AND d.id <> j.id ORDER BY d.id DESC LIMIT 1) AS p ON true";

/// What [`record`] reads.
pub(super) const RECORD: &str = "SELECT id, path, state, attempts, rows, columns, bad_records, size, source_hash, output, output_bytes,
    seen_at, started_at, finished_at, changed_at, wait_s, convert_s, publish_s, error_code, error, line, byte, host, disposition,
    run_at, duplicate_of, warnings, input, compression, bom, first_row, disposed_at, archived FROM job";

/// The furthest that a time may lie from now, in microseconds: a thousand years.
const FAR: i128 = 1000 * 366 * 86_400 * 1_000_000;

/// How far `time` lies ahead of this machine's clock, in microseconds: the database adds it to its own.
pub(super) fn ahead(time: Timestamp) -> i64 {
    let micros = (time.as_nanosecond() - Timestamp::now().as_nanosecond()) / 1000;
    i64::try_from(micros.clamp(-FAR, FAR)).unwrap_or(i64::MAX)
}

/// A time that PostgreSQL can hold.
pub(super) fn absolute(time: Timestamp) -> Timestamp {
    time.max(Timestamp::UNIX_EPOCH)
}

/// A path as the bytes it is.
pub(super) fn bytes(path: &Path) -> &[u8] {
    path.as_os_str().as_bytes()
}

/// The value in `column`.
pub(super) fn get<'r, T: FromSql<'r>>(row: &'r Row, column: &str) -> Result<T, Fault> {
    Ok(row.try_get(column)?)
}

/// A row of [`JOB`].
pub(super) fn job(row: &Row) -> Result<Job, Fault> {
    Ok(Job {
        id: JobId(get(row, "id")?),
        path: path(row, "path")?,
        identity: identity(row)?,
        state: state(row)?,
        attempts: count(row, "attempts")?,
        run_at: get(row, "run_at")?,
        hash: hash(row, "source_hash")?,
        output: optional_path(row, "output")?,
        temporary: optional_path(row, "temporary")?,
        disposition: disposition(row)?,
        previous: previous(row)?,
        first_row: unsigned(row, "first_row")?,
        alone: get::<bool>(row, "alone")? || count(row, "crashes")? > 0,
        epoch: makes(row)?.cast_unsigned(),
    })
}

/// The claim that makes the files of the job, or has made them.
fn makes(row: &Row) -> Result<i64, Fault> {
    get(row, if state(row)? == State::Publishing { "made_by" } else { "epoch" })
}

fn previous(row: &Row) -> Result<Option<Previous>, Fault> {
    let (id, size) = (get::<Option<i64>>(row, "previous_id")?, unsigned(row, "previous_size")?);
    let (hash, output) = (hash(row, "previous_hash")?, optional_path(row, "previous_output")?);
    let of = |(((id, size), hash), output)| Previous { id: JobId(id), size, hash, output };
    Ok(id.zip(size).zip(hash).zip(output).map(of))
}

/// The identity in a row.
pub(super) fn identity(row: &Row) -> Result<Identity, Fault> {
    let bits = |column| get::<i64>(row, column).map(i64::cast_unsigned);
    let (device, inode, size) = (bits("device")?, bits("inode")?, bits("size")?);
    Ok(Identity { device, inode, size, mtime_ns: get(row, "mtime_ns")?, ctime_ns: get(row, "ctime_ns")? })
}

/// A row of [`RECORD`].
pub(super) fn record(row: &Row) -> Result<Record, Fault> {
    Ok(Record {
        id: JobId(get(row, "id")?),
        path: path(row, "path")?,
        state: state(row)?,
        attempts: count(row, "attempts")?,
        rows: unsigned(row, "rows")?,
        columns: unsigned(row, "columns")?,
        bad_records: unsigned(row, "bad_records")?,
        source_bytes: get::<i64>(row, "size")?.cast_unsigned(),
        source_hash: hash(row, "source_hash")?,
        output: optional_path(row, "output")?,
        output_bytes: unsigned(row, "output_bytes")?,
        seen_at: get(row, "seen_at")?,
        started_at: get(row, "started_at")?,
        finished_at: get(row, "finished_at")?,
        wait_s: get(row, "wait_s")?,
        convert_s: get(row, "convert_s")?,
        publish_s: get(row, "publish_s")?,
        error_code: get(row, "error_code")?,
        error: get(row, "error")?,
        line: unsigned(row, "line")?,
        byte: unsigned(row, "byte")?,
        host: get(row, "host")?,
        disposition: disposition(row)?,
        run_at: get(row, "run_at")?,
        duplicate_of: get::<Option<i64>>(row, "duplicate_of")?.map(JobId),
        warnings: get(row, "warnings")?,
        input: get(row, "input")?,
        compression: get(row, "compression")?,
        bom: get(row, "bom")?,
        first_row: unsigned(row, "first_row")?,
        disposed_at: get(row, "disposed_at")?,
        archived: optional_path(row, "archived")?,
    })
}

/// The state in a row.
pub(super) fn state(row: &Row) -> Result<State, Fault> {
    let word: &str = get(row, "state")?;
    State::parse(word).ok_or_else(|| damaged(format!("a job is in the state {word:?}")))
}

/// The disposition in a row.
pub(super) fn disposition(row: &Row) -> Result<Disposition, Fault> {
    let word: &str = get(row, "disposition")?;
    Disposition::parse(word).ok_or_else(|| damaged(format!("a job has the disposition {word:?}")))
}

/// The path in `column`.
pub(super) fn path(row: &Row, column: &str) -> Result<PathBuf, Fault> {
    Ok(PathBuf::from(OsStr::from_bytes(get(row, column)?)))
}

/// The path in `column`, if there is one.
pub(super) fn optional_path(row: &Row, column: &str) -> Result<Option<PathBuf>, Fault> {
    Ok(get::<Option<&[u8]>>(row, column)?.map(|path| PathBuf::from(OsStr::from_bytes(path))))
}

/// A small number.
pub(super) fn count(row: &Row, column: &str) -> Result<u32, Fault> {
    let number: i32 = get(row, column)?;
    u32::try_from(number).map_err(|_| damaged(format!("a job has {column} {number}")))
}

/// A number of 64 bits, if there is one.
pub(super) fn unsigned(row: &Row, column: &str) -> Result<Option<u64>, Fault> {
    Ok(get::<Option<i64>>(row, column)?.map(i64::cast_unsigned))
}

fn hash(row: &Row, column: &str) -> Result<Option<[u8; 32]>, Fault> {
    let bytes: Option<&[u8]> = get(row, column)?;
    bytes.map(|bytes| bytes.try_into().map_err(|_| damaged("a hash is not 32 bytes long".to_owned()))).transpose()
}

fn damaged(what: String) -> Fault {
    let source = std::sync::Arc::from(Box::<dyn std::error::Error + Send + Sync>::from(what));
    Fault::Ours(LedgerError::Unavailable { doing: "be understood".to_owned(), passing: false, source })
}
