//! Between rows and the ledger's types. What a column holds is written here and nowhere else.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rusqlite::Row;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};

use crate::ledger::record::written;
use crate::ledger::{Disposition, Job, JobId, Previous, Record, State};
use crate::source::Identity;

/// What [`job`] reads, with `INDEXED BY` because the latest version of a path is looked up per row.
pub(super) const JOB: &str = "SELECT j.*, p.id AS previous_id, p.size AS previous_size,
    p.source_hash AS previous_hash, p.output AS previous_output
  FROM job j LEFT JOIN job p ON p.id = (
    SELECT d.id FROM job d INDEXED BY job_path
    WHERE d.path = j.path AND d.state = 'done' AND d.id <> j.id ORDER BY d.id DESC LIMIT 1)";

/// A path as the bytes it is.
pub(super) struct Bytes<T>(pub(super) T);

impl ToSql for Bytes<&Path> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(ValueRef::Blob(self.0.as_os_str().as_bytes())))
    }
}

impl FromSql for Bytes<PathBuf> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Ok(Self(PathBuf::from(OsStr::from_bytes(value.as_blob()?))))
    }
}

/// A time as text of one width.
pub(super) struct Time(pub(super) Timestamp);

impl ToSql for Time {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(written(self.0).into())
    }
}

impl FromSql for Time {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_str()?.parse().map(Self).map_err(FromSqlError::other)
    }
}

impl ToSql for JobId {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        self.0.to_sql()
    }
}

impl FromSql for JobId {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        value.as_i64().map(Self)
    }
}

impl ToSql for State {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.as_str().into())
    }
}

impl FromSql for State {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Self::parse(value.as_str()?).ok_or(FromSqlError::InvalidType)
    }
}

impl ToSql for Disposition {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.as_str().into())
    }
}

impl FromSql for Disposition {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Self::parse(value.as_str()?).ok_or(FromSqlError::InvalidType)
    }
}

/// A row of [`JOB`].
pub(super) fn job(row: &Row<'_>) -> rusqlite::Result<Job> {
    Ok(Job {
        id: row.get("id")?,
        path: path(row, "path")?,
        identity: identity(row)?,
        state: row.get("state")?,
        attempts: row.get("attempts")?,
        run_at: row.get::<_, Time>("run_at")?.0,
        hash: row.get("source_hash")?,
        output: optional_path(row, "output")?,
        temporary: optional_path(row, "temporary")?,
        disposition: row.get("disposition")?,
        previous: previous(row)?,
        first_row: optional_unsigned(row, "first_row")?,
        alone: row.get("alone")? || row.get::<_, u32>("crashes")? > 0,
        epoch: 0,
    })
}

/// The identity in a row of `job`.
pub(super) fn identity(row: &Row<'_>) -> rusqlite::Result<Identity> {
    Ok(Identity {
        device: unsigned(row, "device")?,
        inode: unsigned(row, "inode")?,
        size: unsigned(row, "size")?,
        mtime_ns: row.get("mtime_ns")?,
        ctime_ns: row.get("ctime_ns")?,
    })
}

/// The path in `column`.
pub(super) fn path(row: &Row<'_>, column: &str) -> rusqlite::Result<PathBuf> {
    row.get::<_, Bytes<PathBuf>>(column).map(|path| path.0)
}

fn previous(row: &Row<'_>) -> rusqlite::Result<Option<Previous>> {
    let Some(id) = row.get("previous_id")? else { return Ok(None) };
    let (size, hash) = (unsigned(row, "previous_size")?, row.get("previous_hash")?);
    Ok(Some(Previous { id, size, hash, output: path(row, "previous_output")? }))
}

/// A row of `job`.
pub(super) fn record(row: &Row<'_>) -> rusqlite::Result<Record> {
    Ok(Record {
        id: row.get("id")?,
        path: path(row, "path")?,
        state: row.get("state")?,
        attempts: row.get("attempts")?,
        rows: optional_unsigned(row, "rows")?,
        columns: optional_unsigned(row, "columns")?,
        bad_records: optional_unsigned(row, "bad_records")?,
        source_bytes: unsigned(row, "size")?,
        source_hash: row.get("source_hash")?,
        output: optional_path(row, "output")?,
        output_bytes: optional_unsigned(row, "output_bytes")?,
        seen_at: row.get::<_, Time>("seen_at")?.0,
        started_at: optional_time(row, "started_at")?,
        finished_at: optional_time(row, "finished_at")?,
        wait_s: row.get("wait_s")?,
        convert_s: row.get("convert_s")?,
        publish_s: row.get("publish_s")?,
        error_code: row.get("error_code")?,
        error: row.get("error")?,
        line: optional_unsigned(row, "line")?,
        byte: optional_unsigned(row, "byte")?,
        host: row.get("host")?,
        disposition: row.get("disposition")?,
        run_at: row.get::<_, Time>("run_at")?.0,
        duplicate_of: row.get("duplicate_of")?,
        warnings: row.get("warnings")?,
        input: row.get("input")?,
        compression: row.get("compression")?,
        bom: row.get("bom")?,
        first_row: optional_unsigned(row, "first_row")?,
        disposed_at: optional_time(row, "disposed_at")?,
        archived: optional_path(row, "archived")?,
    })
}

// SQLite's integers are signed; device and inode numbers use all 64 bits, so that the bit pattern is kept.
fn unsigned(row: &Row<'_>, column: &str) -> rusqlite::Result<u64> {
    row.get::<_, i64>(column).map(i64::cast_unsigned)
}

fn optional_unsigned(row: &Row<'_>, column: &str) -> rusqlite::Result<Option<u64>> {
    row.get::<_, Option<i64>>(column).map(|value| value.map(i64::cast_unsigned))
}

fn optional_path(row: &Row<'_>, column: &str) -> rusqlite::Result<Option<PathBuf>> {
    row.get::<_, Option<Bytes<PathBuf>>>(column).map(|path| path.map(|path| path.0))
}

fn optional_time(row: &Row<'_>, column: &str) -> rusqlite::Result<Option<Timestamp>> {
    row.get::<_, Option<Time>>(column).map(|time| time.map(|time| time.0))
}
