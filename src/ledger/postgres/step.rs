//! One step of several jobs: one statement, one commit, one answer for each.
//!
//! A step finds its jobs by number, owner, claim and state, all in its `WHERE`: what another has by now is not touched. Where a
//! connection was lost between the commit and its answer, the step is run again and finds nothing to do; then a job counts as
//! stepped if it is where the step leads, by the same claim.

use std::collections::HashMap;
use std::sync::atomic::Ordering;

use tokio_postgres::Row;

use super::fault::Fault;
use super::held::NONE;
use super::line::{Line, Values};
use super::rows::{self, get};
use super::store::Store;
use crate::ledger::{Disposition, Each, JobId, LedgerError, State};

/// What is asked of several jobs.
pub(super) struct Step<'s, T> {
    /// What the error calls it.
    pub(super) name: &'static str,
    /// Takes `$1`, the agent, `$2`, the numbers of the jobs, and `$3`, their claims; returns `id` of those that were stepped.
    pub(super) sql: &'s str,
    /// The values from `$4` on.
    pub(super) values: Values<'s>,
    /// What the answer for a job is, from a row that `sql` returned.
    pub(super) read: &'s dyn Fn(&Row) -> Result<T, Fault>,
    /// The same from what a job has become, if it is where the step leads.
    pub(super) landed: &'s dyn Fn(&Found) -> Option<T>,
    /// Whether this agent has the job still.
    pub(super) keeps: &'s dyn Fn(JobId) -> bool,
    pub(super) durable: bool,
    /// All of them, or none.
    pub(super) together: bool,
}

/// A job that a step did not find where it must be.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) id: JobId,
    pub(super) state: State,
    pub(super) disposition: Disposition,
    pub(super) attempts: u32,
    pub(super) temporary: Option<Vec<u8>>,
    pub(super) output: Option<Vec<u8>>,
    pub(super) alone: bool,
    owner: Option<i64>,
    epoch: i64,
}

/// What became of the jobs of a step: the answers of those that it suited, and the others as they are.
struct Outcome<T> {
    taken: HashMap<JobId, T>,
    found: HashMap<JobId, Found>,
}

/// Takes the step with `ids`.
pub(super) fn take<T>(store: &Store, ids: &[JobId], step: &Step<'_, T>) -> Each<T> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let epochs = store.held.epochs(ids);
    let work = |line: &mut Line, again: bool| {
        if step.together {
            // What is decided for all of them is undone for all of them.
            let whole = line.transaction(|line| match once(store, line, ids, &epochs, step, again)? {
                outcome if outcome.taken.len() < ids.len() => Err(Fault::Ours(first_conflict(ids, &outcome, step))),
                outcome => Ok(outcome),
            });
            return whole;
        }
        once(store, line, ids, &epochs, step, again)
    };
    let mut outcome = if step.durable { store.durably(&work) } else { store.lazily(&work) }?;
    let answer = |(id, epoch): (&JobId, &i64)| {
        if let Some(answer) = outcome.taken.remove(id) {
            if !(step.keeps)(*id) {
                store.held.remove(*id, *epoch);
            }
            return Ok(answer);
        }
        let found = outcome.found.get(id);
        let ours = found.is_some_and(|found| found.owner == Some(store.instance()));
        if !ours || found.is_none_or(|found| found.epoch != *epoch) {
            // Whoever has it now, this agent has not, by that claim.
            store.held.remove(*id, *epoch);
        }
        if ours && *epoch == NONE {
            // It has it and did not know.
            store.in_doubt.store(true, Ordering::Relaxed);
        }
        Err(conflict(*id, step.name, found))
    };
    Ok(ids.iter().zip(&epochs).map(answer).collect())
}

fn once<T>(
    store: &Store,
    line: &mut Line,
    ids: &[JobId],
    epochs: &[i64],
    step: &Step<'_, T>,
    again: bool,
) -> Result<Outcome<T>, Fault> {
    let (instance, numbers) = (store.instance(), numbers(ids));
    let epochs = epochs.to_vec();
    let mut values: Vec<&(dyn tokio_postgres::types::ToSql + Sync)> = vec![&instance, &numbers, &epochs];
    values.extend(step.values);
    let mut taken = HashMap::new();
    for row in line.query(step.sql, &values)? {
        taken.insert(JobId(get(&row, "id")?), (step.read)(&row)?);
    }
    let missing: Vec<i64> = numbers.iter().copied().filter(|id| !taken.contains_key(&JobId(*id))).collect();
    let mut found = look_up(line, &missing)?;
    if again {
        let claims: HashMap<JobId, i64> = ids.iter().copied().zip(epochs).collect();
        found.retain(|id, found| {
            let ours = claims.get(id) == Some(&found.epoch) && found.owner.is_none_or(|owner| owner == instance);
            let landed = if ours { (step.landed)(found) } else { None };
            landed.map(|answer| taken.insert(*id, answer)).is_none()
        });
    }
    Ok(Outcome { taken, found })
}

fn look_up(line: &mut Line, ids: &[i64]) -> Result<HashMap<JobId, Found>, Fault> {
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let sql =
        "SELECT id, state, disposition, attempts, temporary, output, alone, owner, epoch FROM job WHERE id = ANY($1)";
    let rows = line.query(sql, &[&ids])?;
    rows.iter().map(|row| found(row).map(|found| (found.id, found))).collect()
}

fn found(row: &Row) -> Result<Found, Fault> {
    Ok(Found {
        id: JobId(get(row, "id")?),
        state: rows::state(row)?,
        disposition: rows::disposition(row)?,
        attempts: rows::count(row, "attempts")?,
        temporary: get(row, "temporary")?,
        output: get(row, "output")?,
        alone: get(row, "alone")?,
        owner: get(row, "owner")?,
        epoch: get(row, "epoch")?,
    })
}

fn first_conflict<T>(ids: &[JobId], outcome: &Outcome<T>, step: &Step<'_, T>) -> LedgerError {
    let first = ids.iter().find(|id| !outcome.taken.contains_key(id)).copied().unwrap_or(JobId(0));
    conflict(first, step.name, outcome.found.get(&first))
}

fn conflict(id: JobId, step: &'static str, found: Option<&Found>) -> LedgerError {
    LedgerError::Conflict { id, step, found: found.map(|found| found.state) }
}

/// The numbers of jobs.
pub(super) fn numbers(ids: &[JobId]) -> Vec<i64> {
    ids.iter().map(|id| id.0).collect()
}

/// Marks that a claim may have been made of which nobody knows.
pub(super) fn doubt<T>(store: &Store, outcome: Result<T, LedgerError>) -> Result<T, LedgerError> {
    if outcome.is_err() {
        store.in_doubt.store(true, Ordering::Relaxed);
    }
    outcome
}
