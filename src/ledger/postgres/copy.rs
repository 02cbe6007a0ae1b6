//! The ledger of one host moves to a database: all its jobs with their numbers, its totals, and which ledger it is.
//!
//! In one transaction, into an empty ledger, while no agent works with either. Outboxes are marked with the ledger that they were
//! filled with; the copy is that ledger.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::claim::one;
use super::fault::Fault;
use super::line::{LONG, Line};
use super::rows::get;
use super::schema::{self, MIGRATIONS};
use super::{Address, connect, lease, place};
use crate::config;
use crate::ledger::sqlite::Leaving;
use crate::ledger::{LedgerError, State};

/// Jobs in one statement.
const BATCH: usize = 1000;

/// What was copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// Jobs that were.
    pub jobs: u64,
    /// Where the old ledger is now.
    pub aside: PathBuf,
}

/// A job that was running has no worker any more: it is ready, its attempt stays counted. Who has a job is nobody.
const JOBS: &str = "INSERT INTO job(id, path, path_text, device, inode, size, mtime_ns, ctime_ns, state, attempts, crashes, alone, run_at,
    source_hash, duplicate_of, temporary, output, output_bytes, first_row, rows, columns, bad_records, warnings, input,
    compression, bom, disposition, disposed_at, archived, archived_inode, seen_at, started_at, finished_at, changed_at, wait_s,
    convert_s, publish_s, error_code, error, line, byte, host)
  SELECT id, path, path_text, device, inode, size, mtime_ns, ctime_ns, CASE state WHEN 'running' THEN 'ready' ELSE state END,
    attempts, crashes, alone, least(run_at, now() + interval '1000 years'), source_hash, duplicate_of, temporary, output,
    output_bytes, first_row, rows, columns, bad_records, warnings, input, compression, bom, disposition, disposed_at, archived,
    archived_inode, seen_at, started_at, finished_at, changed_at, wait_s, convert_s, publish_s, error_code, error, line, byte,
    host
  FROM json_populate_recordset(NULL::job, $1::text::json)";

const FORGOTTEN: &str =
    "INSERT INTO forgotten(state, slot, files, rows, bad_records, bytes_in, bytes_out, last_changed_at)
  SELECT state, 'copied', files, rows, bad_records, bytes_in, bytes_out, last_changed_at
  FROM json_populate_recordset(NULL::forgotten, $1::text::json)";

/// Copies the SQLite ledger at `from` into the database that `to` names, and sets it aside.
pub fn copy(from: &Path, to: &config::Ledger) -> Result<Copied, LedgerError> {
    let address = Address::new(to)?;
    let leaving = Leaving::begin(from)?;
    let mut line = connect(&address)?;
    let jobs = copy_over(&leaving, &mut line, &address).map_err(|fault| fault.at(&address.shown))?;
    Ok(Copied { jobs, aside: leaving.finish()? })
}

fn copy_over(leaving: &Leaving, line: &mut Line, address: &Address) -> Result<u64, Fault> {
    schema::migrate(line, &place(address), MIGRATIONS)?;
    line.be_patient(LONG);
    line.batch(
        "SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0; SET synchronous_commit = on;
        SET h5inbox.slot = 'copied'",
    )?;
    line.transaction(|line| {
        line.batch("LOCK TABLE agent, job IN EXCLUSIVE MODE")?;
        if let Some(agent) = lease::agents(line)?.into_iter().find(|agent| agent.alive) {
            let said = format!(
                "the agent {} (process {} on {}) works with it; stop all agents first",
                agent.name, agent.pid, agent.host
            );
            return Err(refused(address, &said));
        }
        let there = count(line)?;
        if there > 0 {
            return already(leaving, line, there).map_err(|said| refused(address, &said));
        }
        fill(leaving, line)?;
        line.execute("UPDATE about SET value = $1 WHERE name = 'id'", &[&leaving.id()?])?;
        let copied = count(line)?;
        compare(leaving, line).map_err(|said| refused(address, &said))?;
        Ok(copied)
    })
}

fn fill(leaving: &Leaving, line: &mut Line) -> Result<(), Fault> {
    let mut behind = 0;
    loop {
        let jobs = leaving.jobs(behind, BATCH)?;
        let Some(last) = jobs.last().and_then(|job| job["id"].as_i64()) else { break };
        behind = last;
        line.execute(JOBS, &[&Value::Array(jobs).to_string()])?;
    }
    line.execute(FORGOTTEN, &[&Value::Array(leaving.forgotten()?).to_string()])?;
    // No number is given twice, that of a job that was forgotten neither.
    let last = leaving.last_number()?.max(behind).max(1);
    line.query("SELECT setval(pg_get_serial_sequence('job', 'id'), $1::bigint)", &[&last]).map(drop)
}

fn count(line: &mut Line) -> Result<u64, Fault> {
    Ok(get::<i64>(&one(line.row("SELECT count(*) AS jobs FROM job", &[])?)?, "jobs")?.cast_unsigned())
}

/// A copy whose last answer got lost is as good as any; anything else is another ledger.
fn already(leaving: &Leaving, line: &mut Line, there: u64) -> Result<u64, String> {
    let id = line.row("SELECT value FROM about WHERE name = 'id'", &[]).ok().flatten();
    let id = id.and_then(|row| get::<String>(&row, "value").ok());
    if id.is_some() && id == leaving.id().ok() && compare(leaving, line).is_ok() {
        return Ok(there);
    }
    Err(format!("it holds {there} jobs of another ledger; set `ledger.schema` to a schema of its own"))
}

/// What was copied amounts to what there was.
fn compare(leaving: &Leaving, line: &mut Line) -> Result<(), String> {
    let wanted = leaving.totals().map_err(|error| error.to_string())?;
    let rows = line.query(
        "SELECT state, sum(files)::bigint AS files, sum(rows)::bigint AS rows FROM (SELECT state, files, rows FROM tally
        UNION ALL SELECT state, files, rows FROM forgotten) AS both_of_them GROUP BY state",
        &[],
    );
    for row in rows.map_err(|error| error.to_string())? {
        let (word, files): (String, i64) = (row.get("state"), row.get("files"));
        let state = State::parse(&word).ok_or_else(|| format!("{word:?} is no state"))?;
        let running = if state == State::Ready { wanted.count(State::Running) } else { 0 };
        let was = if state == State::Running { 0 } else { wanted.count(state) + running };
        if files.cast_unsigned() != was
            || (state == State::Done && row.get::<_, i64>("rows").cast_unsigned() != wanted.rows)
        {
            return Err(format!("of {was} jobs that are {word} {files} were copied; nothing was changed"));
        }
    }
    Ok(())
}

fn refused(address: &Address, said: &str) -> Fault {
    let source =
        std::sync::Arc::from(Box::<dyn std::error::Error + Send + Sync>::from(format!("{}: {said}", address.shown)));
    Fault::Ours(LedgerError::Unavailable { doing: "be copied".to_owned(), passing: false, source })
}
