//! Whose a job is: claimed, adopted, let go.
//!
//! Only the thread that decides asks for these: what it does not know of yet, nobody else of its agent has claimed.
//!
//! What waits and what was left behind are two questions, each with an index of its own; asked as one, the server would read and
//! sort the whole backlog. Reaping (`lease`) is apart from both.

use std::path::PathBuf;
use std::sync::atomic::Ordering;

use tokio_postgres::Row;

use super::fault::Fault;
use super::line::Line;
use super::rows::{self, JOB, JOB_COLUMNS, PREVIOUS, get};
use super::step::{doubt, numbers};
use super::store::Store;
use crate::config::Order;
use crate::ledger::{Adopted, Job, JobId, LedgerError};
use crate::source::Identity;

/// Tries of a claim that another had made a part of.
const TRIES: u32 = 5;

/// The agent, as long as it was not declared dead: whoever declares it dead waits for the claim, or the claim for him.
const ALIVE: &str = "me AS (SELECT instance FROM agent WHERE instance = $1 AND ended_at IS NULL FOR KEY SHARE)";

/// Nobody has another version of the same path in hand. `|| ''` keeps the server from indexes by state: before the first
/// statistics are made it takes a path for as common as a state.
const FREE: &str = "j.owner IS NULL AND NOT EXISTS (SELECT 1 FROM job o WHERE o.path_key = j.path_key AND o.id <> j.id
    AND ((o.owner IS NOT NULL AND o.state || '' IN ('ready', 'failed')) OR o.state || '' IN ('running', 'publishing')))";

/// What the order is by, and its direction.
fn place(order: Order) -> (&'static str, &'static str) {
    match order {
        Order::OldestFirst => ("j.mtime_ns", "ASC"),
        Order::NewestFirst => ("j.mtime_ns", "DESC"),
        Order::Name => ("substring(j.path FROM 1 FOR 512)", "ASC"),
        Order::SmallestFirst => ("j.size", "ASC"),
    }
}

/// The statement of a claim: `$1` is the agent, `$2` the most jobs, `$3` the bytes.
pub(super) fn statement(order: Order) -> String {
    let (place, direction) = place(order);
    format!(
        "WITH {ALIVE},
        ready AS (SELECT j.id, j.path_key, j.size, {place} AS place FROM job AS j
          WHERE j.state = 'ready' AND j.run_at <= now() AND {FREE}
          ORDER BY {place} {direction}, j.id {direction} LIMIT $2 FOR UPDATE OF j SKIP LOCKED),
        due AS (SELECT j.id, j.path_key, j.size, {place} AS place FROM job AS j
          WHERE j.state = 'failed' AND j.run_at <= now() AND {FREE}
          ORDER BY j.run_at, j.id LIMIT $2 FOR UPDATE OF j SKIP LOCKED),
        found AS (SELECT f.*, row_number() OVER (PARTITION BY f.path_key ORDER BY f.id) AS version
          FROM (SELECT * FROM ready UNION ALL SELECT * FROM due) AS f),
        summed AS (SELECT id, row_number() OVER w AS number, sum(size) OVER w - size AS before FROM found WHERE version = 1
          WINDOW w AS (ORDER BY place {direction}, id {direction} ROWS UNBOUNDED PRECEDING)),
        j AS (UPDATE job SET owner = me.instance, epoch = epoch + 1, left_by = NULL FROM me, summed AS s
          WHERE job.id = s.id AND s.number <= $2 AND s.before < $3::bigint
          RETURNING s.number, {columns})
        {JOB} FROM j {PREVIOUS} ORDER BY j.number",
        columns = qualified("job")
    )
}

/// The columns of a job, of this table.
fn qualified(table: &str) -> String {
    JOB_COLUMNS.split(',').map(|column| format!("{table}.{}", column.trim())).collect::<Vec<_>>().join(", ")
}

pub(super) fn claim(store: &Store, most: usize, bytes: u64, order: Order) -> Result<Vec<Job>, LedgerError> {
    settle_doubt(store)?;
    let (most, bytes) = (i64::try_from(most).unwrap_or(i64::MAX), i64::try_from(bytes).unwrap_or(i64::MAX));
    let (sql, instance) = (statement(order), store.instance());
    let work = |line: &mut Line, again: bool| {
        if again {
            give_back(store, line)?;
        }
        collisions(|| {
            let rows = line.query(&sql, &[&instance, &most, &bytes])?;
            rows.iter().map(|row| Ok((get(row, "epoch")?, rows::job(row)?))).collect::<Result<Vec<(i64, Job)>, Fault>>()
        })
    };
    let claimed = doubt(store, store.ask_durably(&work))?;
    Ok(hold(store, claimed, |job: &Job| job.id))
}

/// Another may have claimed a version of the same path at the same moment: then all is asked again, and after some tries there
/// is nothing to claim now.
fn collisions<T: Default>(mut work: impl FnMut() -> Result<T, Fault>) -> Result<T, Fault> {
    for _ in 0..TRIES {
        match work() {
            Err(fault) if fault.is_collision() => {}
            outcome => return outcome,
        }
    }
    Ok(T::default())
}

/// What the statement of an adoption begins with: those with a lower number first, and with each all that share its output.
/// `$1` is the agent, `$2` the most jobs.
pub(super) const ADOPT: &str =
    "WITH me AS (SELECT instance FROM agent WHERE instance = $1 AND ended_at IS NULL FOR KEY SHARE),
    open AS (SELECT j.id, j.state, j.temporary, j.first_row FROM job AS j
      WHERE (j.state IN ('running', 'publishing') OR j.disposition = 'pending') AND j.owner IS NULL
        AND (j.state <> 'publishing' OR (j.run_at <= now() AND NOT EXISTS (SELECT 1 FROM job AS o
          WHERE (o.state IN ('running', 'publishing') OR o.disposition = 'pending') AND o.state = 'publishing'
            AND o.owner IS NOT NULL AND j.first_row IS NOT NULL AND o.temporary = j.temporary)))
      ORDER BY j.id LIMIT $2),
    shared AS (SELECT j.id FROM job AS j WHERE (j.state IN ('running', 'publishing') OR j.disposition = 'pending')
      AND j.state = 'publishing' AND j.first_row IS NOT NULL AND j.owner IS NULL
      AND j.temporary IN (SELECT o.temporary FROM open AS o WHERE o.state = 'publishing' AND o.first_row IS NOT NULL)),
    j AS (UPDATE job SET owner = me.instance, epoch = epoch + 1 FROM me
      WHERE job.id IN (SELECT id FROM open UNION SELECT id FROM shared) AND job.owner IS NULL RETURNING ";

pub(super) fn adopt(store: &Store, most: usize) -> Result<Vec<Adopted>, LedgerError> {
    settle_doubt(store)?;
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let sql = format!("{ADOPT}{}) {JOB} FROM j {PREVIOUS} ORDER BY j.id", qualified("job"));
    let instance = store.instance();
    let work = |line: &mut Line, again: bool| {
        if again {
            give_back(store, line)?;
        }
        collisions(|| {
            line.transaction(|line| {
                // One agent at a time: those that share an output are left whole.
                if !get::<bool>(&one(line.row(ADOPTING, &[&store.address.schema])?)?, "alone")? {
                    return Ok(Vec::new());
                }
                line.query(&sql, &[&instance, &most])?.iter().map(adopted).collect()
            })
        })
    };
    let adopted = doubt(store, store.ask_durably(&work))?;
    Ok(hold(store, adopted, |adopted: &Adopted| adopted.job.id))
}

/// This agent has all of these by the claims that stand with them.
fn hold<T>(store: &Store, claimed: Vec<(i64, T)>, id: impl Fn(&T) -> JobId) -> Vec<T> {
    claimed.iter().for_each(|(epoch, one)| store.held.add(id(one), epoch.cast_unsigned()));
    claimed.into_iter().map(|(_, one)| one).collect()
}

const ADOPTING: &str = "SELECT pg_try_advisory_xact_lock(hashtextextended('h5inbox adopt ' || $1, 0)) AS alone";

fn adopted(row: &Row) -> Result<(i64, Adopted), Fault> {
    Ok((get(row, "epoch")?, Adopted { job: rows::job(row)?, left_by: get(row, "left_by")? }))
}

/// The row of a statement that always has one.
pub(super) fn one(row: Option<Row>) -> Result<Row, Fault> {
    row.ok_or_else(|| Fault::Io(std::io::ErrorKind::UnexpectedEof.into()))
}

/// A claim whose answer did not arrive may have been made: what this agent has and does not know of is given back.
fn settle_doubt(store: &Store) -> Result<(), LedgerError> {
    if store.in_doubt.load(Ordering::Relaxed) {
        store.ask(&|line, _| give_back(store, line))?;
        store.in_doubt.store(false, Ordering::Relaxed);
    }
    Ok(())
}

fn give_back(store: &Store, line: &mut Line) -> Result<(), Fault> {
    let sql = "UPDATE job SET owner = NULL, epoch = epoch + 1 WHERE owner = $1 AND NOT (id = ANY($2::bigint[]))";
    line.execute(sql, &[&store.instance(), &store.held.all()]).map(drop)
}

pub(super) fn let_go(store: &Store, ids: &[JobId]) -> Result<(), LedgerError> {
    let sql = "UPDATE job AS j SET owner = NULL, left_by = $4 FROM unnest($2::bigint[], $3::bigint[]) AS v(id, epoch)
        WHERE j.id = v.id AND j.owner = $1 AND j.epoch = v.epoch";
    let (numbers, epochs) = (numbers(ids), store.held.epochs(ids));
    let name = store.me.as_ref().map(|me| me.name.as_str());
    store.ask(&|line, _| line.execute(sql, &[&store.instance(), &numbers, &epochs, &name]))?;
    ids.iter().zip(epochs).for_each(|(id, epoch)| store.held.remove(*id, epoch));
    Ok(())
}

pub(super) fn let_go_waiting(store: &Store) -> Result<(), LedgerError> {
    let sql = "UPDATE job SET owner = NULL WHERE owner = $1 AND state IN ('ready', 'failed') RETURNING id, epoch";
    let rows = store.ask(&|line, _| line.query(sql, &[&store.instance()]))?;
    let gone = rows.iter().try_for_each(|row| {
        store.held.remove(JobId(get(row, "id")?), get(row, "epoch")?);
        Ok(())
    });
    gone.map_err(|fault: Fault| fault.at(&store.address.shown))
}

/// Sources that agents did not take as they were found, told once.
pub(super) fn released(store: &Store) -> Result<Vec<(PathBuf, Identity)>, LedgerError> {
    // Asked every few seconds, and nearly always in vain: a look costs no commit.
    let any = "SELECT 1 FROM job WHERE released LIMIT 1";
    let sql = "UPDATE job SET released = false WHERE released RETURNING path, device, inode, size, mtime_ns, ctime_ns";
    store.ask(&|line, _| {
        if line.row(any, &[])?.is_none() {
            return Ok(Vec::new());
        }
        line.query(sql, &[])?.iter().map(|row| Ok((rows::path(row, "path")?, rows::identity(row)?))).collect()
    })
}

/// Claims of which nobody will take a step any more.
pub(super) fn are_over(store: &Store, claims: &[(JobId, u64)]) -> Result<Vec<bool>, LedgerError> {
    // An output that is decided and has no name yet is nobody's, perhaps, and is not over.
    let sql =
        "SELECT NOT EXISTS (SELECT 1 FROM job AS j WHERE j.id = v.id AND ((j.epoch = v.epoch AND j.owner IS NOT NULL)
        OR (j.made_by = v.epoch AND j.state = 'publishing'))) AS over
        FROM unnest($1::bigint[], $2::bigint[]) WITH ORDINALITY AS v(id, epoch, number) ORDER BY v.number";
    let (ids, epochs): (Vec<i64>, Vec<i64>) = claims.iter().map(|(id, epoch)| (id.0, epoch.cast_signed())).unzip();
    store.ask(&|line, _| line.query(sql, &[&ids, &epochs])?.iter().map(|row| get(row, "over")).collect())
}
