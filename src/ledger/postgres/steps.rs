//! From state to state, as in SQLite; and whose the job is afterwards.

use std::path::Path;

use jiff::Timestamp;
use tokio_postgres::Row;

use super::fault::Fault;
use super::rows::{self, ahead, bytes, get};
use super::step::{Found, Step, take};
use super::store::Store;
use crate::ledger::{Disposal, Disposition, Each, Failure, JobId, LedgerError, Publication, Published, State};

/// The jobs of a step, each by the claim that this agent has.
const CLAIMED: &str = "FROM unnest($2::bigint[], $3::bigint[]) AS v(id, epoch)
    WHERE j.id = v.id AND j.owner = $1 AND j.epoch = v.epoch";

pub(super) fn begin(store: &Store, ids: &[JobId]) -> Each<u32> {
    let sql = format!(
        "UPDATE job AS j SET state = 'running', attempts = attempts + 1, host = $4, started_at = now(), changed_at = now(),
        finished_at = NULL {CLAIMED} AND j.state IN ('ready', 'failed') RETURNING j.id, j.attempts"
    );
    let step = Step {
        name: "begin",
        sql: &sql,
        values: &[&store.host],
        read: &|row| rows::count(row, "attempts"),
        landed: &|found| (found.state == State::Running).then_some(found.attempts),
        keeps: &|_| true,
        durable: false,
        together: false,
    };
    take(store, ids, &step)
}

pub(super) fn publishing(store: &Store, outputs: &[(JobId, Publication)], together: bool) -> Each {
    let of = |value: fn(&Publication) -> i64| outputs.iter().map(|(_, output)| value(output)).collect::<Vec<i64>>();
    let ids: Vec<JobId> = outputs.iter().map(|(id, _)| *id).collect();
    let hash: Vec<&[u8]> = outputs.iter().map(|(_, of)| &of.hash[..]).collect();
    let temporary: Vec<&[u8]> = outputs.iter().map(|(_, of)| bytes(&of.temporary)).collect();
    let output: Vec<&[u8]> = outputs.iter().map(|(_, of)| bytes(&of.output)).collect();
    let output_bytes = of(|output| output.output_bytes.cast_signed());
    let first_row: Vec<_> = outputs.iter().map(|(_, of)| of.first_row.map(u64::cast_signed)).collect();
    let (rows, columns) = (of(|output| output.rows.cast_signed()), of(|output| output.columns.cast_signed()));
    let bad_records = of(|output| output.bad_records.cast_signed());
    let (input, compression): (Vec<&str>, Vec<&str>) =
        outputs.iter().map(|(_, of)| (of.input.as_str(), of.compression.as_str())).unzip();
    let bom: Vec<bool> = outputs.iter().map(|(_, of)| of.bom).collect();
    let (wait_s, convert_s): (Vec<f64>, Vec<f64>) = outputs.iter().map(|(_, of)| (of.wait_s, of.convert_s)).unzip();
    let warnings: Vec<_> = outputs.iter().map(|(_, of)| of.warnings.as_deref()).collect();
    let step = Step {
        name: "publish",
        sql: PUBLISHING,
        values: &[
            &hash,
            &temporary,
            &output,
            &output_bytes,
            &first_row,
            &rows,
            &columns,
            &bad_records,
            &input,
            &compression,
            &bom,
            &wait_s,
            &convert_s,
            &warnings,
        ],
        read: &nothing,
        landed: &|found| {
            let ours = outputs.iter().find(|(id, _)| *id == found.id).map(|(_, output)| bytes(&output.temporary));
            (found.state == State::Publishing && found.temporary.as_deref() == ours).then_some(())
        },
        keeps: &|_| true,
        durable: true,
        together,
    };
    take(store, &ids, &step)
}

const PUBLISHING: &str = "UPDATE job AS j SET state = 'publishing', made_by = j.epoch, changed_at = now(), source_hash = v.hash,
    temporary = v.temporary, output = v.output, output_bytes = v.output_bytes, first_row = v.first_row, rows = v.rows,
    columns = v.columns, bad_records = v.bad_records, input = v.input, compression = v.compression, bom = v.bom,
    wait_s = v.wait_s, convert_s = v.convert_s, warnings = v.warnings
    FROM unnest($2::bigint[], $3::bigint[], $4::bytea[], $5::bytea[], $6::bytea[], $7::bigint[], $8::bigint[], $9::bigint[],
      $10::bigint[], $11::bigint[], $12::text[], $13::text[], $14::boolean[], $15::double precision[],
      $16::double precision[], $17::text[])
      AS v(id, epoch, hash, temporary, output, output_bytes, first_row, rows, columns, bad_records, input, compression, bom,
        wait_s, convert_s, warnings)
    WHERE j.id = v.id AND j.owner = $1 AND j.epoch = v.epoch AND j.state = 'running' RETURNING j.id";

pub(super) fn rename_publication(store: &Store, id: JobId, output: &Path) -> Result<(), LedgerError> {
    // Jobs that share an output share its temporary name, and have to agree on the final one at any time.
    let sql = format!(
        "WITH one AS (SELECT j.id, j.temporary, j.first_row FROM job AS j
          JOIN unnest($2::bigint[], $3::bigint[]) AS v(id, epoch) ON j.id = v.id
          WHERE j.owner = $1 AND j.epoch = v.epoch AND j.state = 'publishing' FOR UPDATE OF j)
        UPDATE job AS j SET output = $4 FROM one WHERE j.state = 'publishing' AND (j.id = one.id
          OR ({SHARED} AND j.owner = $1 AND one.first_row IS NOT NULL AND j.temporary = one.temporary)) RETURNING j.id"
    );
    let step = Step {
        name: "rename its output",
        sql: &sql,
        values: &[&bytes(output)],
        read: &nothing,
        landed: &|found| (found.output.as_deref() == Some(bytes(output))).then_some(()),
        keeps: &|_| true,
        durable: true,
        together: false,
    };
    the_one(take(store, &[id], &step))
}

/// Has an output in common with others.
const SHARED: &str = "j.first_row IS NOT NULL";

pub(super) fn done(store: &Store, outputs: &[Published]) -> Each {
    let ids: Vec<JobId> = outputs.iter().map(|output| output.id).collect();
    let publish_s: Vec<f64> = outputs.iter().map(|output| output.publish_s).collect();
    let disposition: Vec<&str> = outputs.iter().map(|output| output.disposition.as_str()).collect();
    let sql = "UPDATE job AS j SET state = 'done', finished_at = now(), changed_at = now(), publish_s = v.publish_s,
        disposition = v.disposition, owner = CASE v.disposition WHEN 'pending' THEN j.owner END,
        temporary = NULL, error_code = NULL, error = NULL, line = NULL, byte = NULL
        FROM unnest($2::bigint[], $3::bigint[], $4::double precision[], $5::text[]) AS v(id, epoch, publish_s, disposition)
        WHERE j.id = v.id AND j.owner = $1 AND j.epoch = v.epoch AND j.state = 'publishing' RETURNING j.id";
    let pending = |id| outputs.iter().any(|output| output.id == id && output.disposition == Disposition::Pending);
    let step = Step {
        name: "be done",
        sql,
        values: &[&publish_s, &disposition],
        read: &nothing,
        landed: &|found| (found.state == State::Done).then_some(()),
        keeps: &pending,
        durable: true,
        together: false,
    };
    take(store, &ids, &step)
}

pub(super) fn disposed(store: &Store, disposals: &[Disposal]) -> Each {
    let ids: Vec<JobId> = disposals.iter().map(|disposal| disposal.id).collect();
    let archived = disposals.iter().map(|disposal| disposal.archived.as_ref());
    let (places, inodes): (Vec<Option<&[u8]>>, Vec<Option<i64>>) =
        archived.map(|to| to.map(|(place, inode)| (bytes(place), inode.cast_signed())).unzip()).unzip();
    // Recovery repeats a disposition whose record was lost: done stays done, whoever says so.
    let sql = "UPDATE job AS j SET disposition = 'done', disposed_at = coalesce(disposed_at, now()),
        archived = coalesce(archived, v.place), archived_inode = coalesce(archived_inode, v.inode), owner = NULL
        FROM unnest($2::bigint[], $3::bigint[], $4::bytea[], $5::bigint[]) AS v(id, epoch, place, inode)
        WHERE j.id = v.id AND ((j.owner = $1 AND j.epoch = v.epoch AND j.disposition = 'pending')
          OR (j.owner IS NULL AND j.disposition = 'done')) RETURNING j.id";
    let step = Step {
        name: "be disposed of",
        sql,
        values: &[&places, &inodes],
        read: &nothing,
        landed: &|found| (found.disposition == Disposition::Done).then_some(()),
        keeps: &|_| false,
        durable: false,
        together: false,
    };
    take(store, &ids, &step)
}

pub(super) fn duplicate(
    store: &Store,
    id: JobId,
    hash: [u8; 32],
    of: Option<JobId>,
    disposition: Disposition,
) -> Result<(), LedgerError> {
    let sql = format!(
        "UPDATE job AS j SET state = 'duplicate', finished_at = now(), changed_at = now(), source_hash = $4, duplicate_of = $5,
        disposition = $6, owner = CASE $6 WHEN 'pending' THEN j.owner END,
        error_code = NULL, error = NULL, line = NULL, byte = NULL {CLAIMED} AND j.state = 'running' RETURNING j.id"
    );
    let step = Step {
        name: "be a duplicate",
        sql: &sql,
        values: &[&&hash[..], &of.map(|of| of.0), &disposition.as_str()],
        read: &nothing,
        landed: &|found| (found.state == State::Duplicate).then_some(()),
        keeps: &|_| disposition == Disposition::Pending,
        durable: true,
        together: false,
    };
    the_one(take(store, &[id], &step))
}

pub(super) fn failed(store: &Store, id: JobId, failure: &Failure, run_at: Timestamp) -> Result<(), LedgerError> {
    let sql = format!(
        "UPDATE job AS j SET state = CASE state WHEN 'publishing' THEN state ELSE 'failed' END, owner = NULL, left_by = $9,
        run_at = now() + $4::bigint * interval '1 microsecond', finished_at = now(), changed_at = now(), {FAILURE}
        {CLAIMED} AND j.state IN ('running', 'publishing') RETURNING j.id"
    );
    let landed = |found: &Found| matches!(found.state, State::Failed | State::Publishing).then_some(());
    let told = Told::of(failure);
    let (wait, name) = (ahead(run_at), store.me.as_ref().map(|me| me.name.clone()));
    let values: [&(dyn tokio_postgres::types::ToSql + Sync); 6] =
        [&wait, &told.code, &told.message, &told.line, &told.byte, &name];
    the_one(take(store, &[id], &ended("fail", &sql, &values, &landed)))
}

/// What is recorded of a failure.
const FAILURE: &str = "error_code = $5, error = $6, line = $7, byte = $8";

pub(super) fn deferred(store: &Store, id: JobId, failure: &Failure, run_at: Timestamp) -> Result<(), LedgerError> {
    let sql = format!(
        "UPDATE job AS j SET state = 'failed', owner = NULL, attempts = attempts - 1,
        run_at = now() + $4::bigint * interval '1 microsecond', finished_at = now(), changed_at = now(), {FAILURE}
        {CLAIMED} AND j.state = 'running' RETURNING j.id"
    );
    let landed = |found: &Found| (found.state == State::Failed).then_some(());
    let (told, wait) = (Told::of(failure), ahead(run_at));
    let values: [&(dyn tokio_postgres::types::ToSql + Sync); 5] =
        [&wait, &told.code, &told.message, &told.line, &told.byte];
    the_one(take(store, &[id], &ended("be deferred", &sql, &values, &landed)))
}

/// A failure as its columns have it.
struct Told {
    code: String,
    message: String,
    line: Option<i64>,
    byte: Option<i64>,
}

impl Told {
    fn of(failure: &Failure) -> Self {
        // Text in PostgreSQL has no zero byte.
        let text = |text: &str| text.replace('\0', "\\0");
        let (line, byte) = (failure.line.map(u64::cast_signed), failure.byte.map(u64::cast_signed));
        Self { code: text(&failure.code), message: text(&failure.message), line, byte }
    }
}

pub(super) fn quarantined(
    store: &Store,
    ids: &[JobId],
    failure: &Failure,
    disposition: Disposition,
    together: bool,
) -> Each {
    // An output that was given up is no output: nothing of it stays in the record.
    let sql = format!(
        "UPDATE job AS j SET state = 'quarantined', disposition = $4, finished_at = now(), changed_at = now(), {FAILURE},
        owner = CASE $4 WHEN 'pending' THEN j.owner END, temporary = NULL, output = NULL, output_bytes = NULL,
        first_row = NULL, rows = NULL, columns = NULL, bad_records = NULL, input = NULL, compression = NULL, warnings = NULL
        {CLAIMED} AND j.state IN ('ready', 'running', 'failed', 'publishing') RETURNING j.id"
    );
    let told = Told::of(failure);
    let step = Step {
        name: "be quarantined",
        sql: &sql,
        values: &[&disposition.as_str(), &told.code, &told.message, &told.line, &told.byte],
        read: &nothing,
        landed: &|found| (found.state == State::Quarantined).then_some(()),
        keeps: &|_| disposition == Disposition::Pending,
        durable: true,
        together,
    };
    take(store, ids, &step)
}

pub(super) fn crashed(store: &Store, id: JobId) -> Result<(u32, State), LedgerError> {
    let sql = format!(
        "UPDATE job AS j SET crashes = crashes + 1 {CLAIMED} AND j.state IN ('running', 'publishing')
        RETURNING j.id, j.crashes, j.state"
    );
    let step = Step {
        name: "crash",
        sql: &sql,
        values: &[],
        read: &|row| Ok((rows::count(row, "crashes")?, rows::state(row)?)),
        // One more or less: it is counted again.
        landed: &|_| None,
        keeps: &|_| true,
        durable: false,
        together: false,
    };
    the_one(take(store, &[id], &step))
}

pub(super) fn release(store: &Store, id: JobId) -> Result<(), LedgerError> {
    let sql = format!(
        "UPDATE job AS j SET state = 'ready', owner = NULL, run_at = now(), changed_at = now() {CLAIMED}
        AND j.state = 'running' RETURNING j.id"
    );
    the_one(take(store, &[id], &ended("be released", &sql, &[], &is_ready)))
}

pub(super) fn apart(store: &Store, ids: &[JobId]) -> Each {
    let sql = format!(
        "UPDATE job AS j SET state = 'ready', owner = NULL, alone = true, run_at = now(), changed_at = now() {CLAIMED}
        AND j.state = 'running' RETURNING j.id"
    );
    let landed = |found: &Found| (found.state == State::Ready && found.alone).then_some(());
    take(store, ids, &ended("be taken apart", &sql, &[], &landed))
}

pub(super) fn postponed(store: &Store, id: JobId) -> Result<(), LedgerError> {
    let sql = format!(
        "UPDATE job AS j SET state = 'ready', attempts = attempts - 1, changed_at = now() {CLAIMED} AND j.state = 'running'
        RETURNING j.id"
    );
    let step = Step { keeps: &|_| true, ..ended("be postponed", &sql, &[], &is_ready) };
    the_one(take(store, &[id], &step))
}

pub(super) fn gone(store: &Store, id: JobId) -> Result<(), LedgerError> {
    let sql = format!(
        "UPDATE job AS j SET state = 'gone', owner = NULL, released = true, finished_at = now(), changed_at = now() {CLAIMED}
        AND j.state IN ('ready', 'running', 'failed') RETURNING j.id"
    );
    let landed = |found: &Found| (found.state == State::Gone).then_some(());
    the_one(take(store, &[id], &ended("be gone", &sql, &[], &landed)))
}

/// A step after which this agent has the job no more, and that need not be on disk.
fn ended<'s>(
    name: &'static str,
    sql: &'s str,
    values: super::line::Values<'s>,
    landed: &'s dyn Fn(&Found) -> Option<()>,
) -> Step<'s, ()> {
    Step { name, sql, values, read: &nothing, landed, keeps: &|_| false, durable: false, together: false }
}

fn is_ready(found: &Found) -> Option<()> {
    (found.state == State::Ready).then_some(())
}

#[expect(clippy::unnecessary_wraps, reason = "other steps read something, which may fail")]
fn nothing(_: &Row) -> Result<(), Fault> {
    Ok(())
}

/// The answer for one job.
pub(super) fn the_one<T>(each: Each<T>) -> Result<T, LedgerError> {
    let missing = || LedgerError::Conflict { id: JobId(0), step: "be found", found: None };
    each?.pop().unwrap_or_else(|| Err(missing()))
}

/// Writes what is there already.
pub(super) fn try_out(store: &Store) -> Result<(), LedgerError> {
    store.ask_durably(&|line, _| line.execute("UPDATE about SET value = value WHERE name = 'id'", &[]).map(drop))
}

/// Which ledger it is.
pub(super) fn id(store: &Store) -> Result<String, LedgerError> {
    let row = store.ask(&|line, _| line.row("SELECT value FROM about WHERE name = 'id'", &[]))?;
    let id = row.map(|row| get::<String>(&row, "value")).transpose();
    id.map_err(|fault| fault.at(&store.address.shown))
        .and_then(|id| id.ok_or_else(|| LedgerError::Missing(store.address.shown.clone().into())))
}
