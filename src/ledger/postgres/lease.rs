//! Who is alive: agents register, renew their lease by the database's clock, and are reaped once it has run out.
//!
//! One row is renewed, however many jobs an agent has. Whoever ends an agent locks its row first; a claim locks it, too, so that
//! no agent claims anything once it has ended.

use std::time::{Duration, Instant};

use super::claim::one;
use super::fault::Fault;
use super::line::Line;
use super::rows::get;
use super::schema::Place;
use super::store::Me;
use crate::ledger::{Agent, LedgerError};

/// How long the server may take to notice that a process has ended which had the name.
const LINGERS: Duration = Duration::from_secs(3);

/// What an agent says of itself.
pub(super) struct Applicant<'a> {
    pub(super) name: &'a str,
    pub(super) host: &'a str,
    pub(super) lease: Duration,
}

/// Registers an agent on the connection that will keep its lease: from now on nobody else has its name.
pub(super) fn register(line: &mut Line, place: &Place<'_>, applicant: &Applicant<'_>) -> Result<Me, Fault> {
    let until = Instant::now() + LINGERS;
    while !take_name(line, place.schema, applicant.name)? {
        let other = named(line, applicant.name)?;
        match other {
            Some(other) if other.expired => reap(line, place.schema, other.instance)?,
            Some(other) if Instant::now() > until => {
                return Err(Fault::Ours(LedgerError::NameTaken { name: other.name, host: other.host, pid: other.pid }));
            }
            None if Instant::now() > until => return Err(Fault::Silent(LINGERS)),
            _ => drop(line.listen(Duration::from_millis(100))?),
        }
    }
    // Nobody else has the name, so that whoever had it has ended, whatever its lease says.
    if let Some(before) = named(line, applicant.name)? {
        reap(line, place.schema, before.instance)?;
    }
    let sql = "INSERT INTO agent(name, host, pid, version, lease_until)
        VALUES($1, $2, $3, $4, now() + $5::bigint * interval '1 millisecond') RETURNING instance";
    let (pid, version) = (i64::from(std::process::id()), env!("CARGO_PKG_VERSION"));
    let row = one(line.row(sql, &[&applicant.name, &applicant.host, &pid, &version, &millis(applicant.lease)])?)?;
    Ok(Me { name: applicant.name.to_owned(), instance: get(&row, "instance")? })
}

/// Takes the name for this session, and whether it is free.
pub(super) fn take_name(line: &mut Line, schema: &str, name: &str) -> Result<bool, Fault> {
    let sql = "SELECT pg_try_advisory_lock(hashtextextended('h5inbox agent ' || $1 || ' ' || $2, 0)) AS taken";
    get(&one(line.row(sql, &[&schema, &name])?)?, "taken")
}

/// Leads from now on for as long as this session lasts, if no other does.
pub(super) fn take_lead(line: &mut Line, schema: &str) -> Result<bool, Fault> {
    let sql = "SELECT pg_try_advisory_lock(hashtextextended('h5inbox lead ' || $1, 0)) AS taken";
    get(&one(line.row(sql, &[&schema])?)?, "taken")
}

/// Whoever led before does not any more, whether it knows that or not.
pub(super) fn others_follow(line: &mut Line, me: &Me) -> Result<(), Fault> {
    line.execute("UPDATE agent SET leads = false WHERE leads AND instance <> $1", &[&me.instance]).map(drop)
}

struct Other {
    instance: i64,
    name: String,
    host: String,
    pid: u32,
    expired: bool,
}

/// The agent of this name that has not ended.
fn named(line: &mut Line, name: &str) -> Result<Option<Other>, Fault> {
    let sql = "SELECT instance, name, host, pid, lease_until < now() AS expired FROM agent WHERE name = $1 AND ended_at IS NULL";
    let Some(row) = line.row(sql, &[&name])? else { return Ok(None) };
    let pid = u32::try_from(get::<i64>(&row, "pid")?).unwrap_or(0);
    let (instance, name, host) = (get(&row, "instance")?, get(&row, "name")?, get(&row, "host")?);
    Ok(Some(Other { instance, name, host, pid, expired: get(&row, "expired")? }))
}

/// Says that the agent lives; whether it does, as far as the others know.
pub(super) fn renew(
    line: &mut Line,
    me: &Me,
    lease: Duration,
    leads: bool,
    about: Option<&str>,
) -> Result<bool, Fault> {
    let sql =
        "UPDATE agent SET lease_until = now() + $2::bigint * interval '1 millisecond', seen_at = now(), leads = $3,
        about = coalesce($4::text::json, about) WHERE instance = $1 AND ended_at IS NULL";
    Ok(line.execute(sql, &[&me.instance, &millis(lease), &leads, &about])? > 0)
}

/// Ends agents whose lease has run out, and those that are forgotten; answers how many had ended.
pub(super) fn reap_expired(line: &mut Line, schema: &str) -> Result<usize, Fault> {
    let sql = "SELECT instance FROM agent WHERE ended_at IS NULL AND lease_until < now()";
    let expired = line.query(sql, &[])?;
    for row in &expired {
        reap_if(line, schema, get(row, "instance")?, "AND lease_until < now()")?;
    }
    let forgotten = line.execute("DELETE FROM agent WHERE ended_at < now() - interval '1 day'", &[])?;
    if forgotten > 0 {
        merge_slots(line)?;
    }
    Ok(expired.len())
}

/// What agents counted that are no more is added up: their slots would stay for ever.
fn merge_slots(line: &mut Line) -> Result<(), Fault> {
    let sums = "files, rows, bad_records, bytes_in, bytes_out";
    for (table, more, sum, greatest) in [
        ("tally", "", "", ""),
        (
            "forgotten",
            ", last_changed_at",
            ", max(last_changed_at)",
            ", last_changed_at = greatest(t.last_changed_at, excluded.last_changed_at)",
        ),
    ] {
        let sql = format!(
            "WITH old AS (DELETE FROM {table} WHERE slot <> '' AND NOT EXISTS (SELECT 1 FROM agent AS a
              WHERE a.name = split_part(slot, '/', 1)) RETURNING state, {sums}{more})
            INSERT INTO {table} AS t (state, slot, {sums}{more})
            SELECT state, '', sum(files), sum(rows), sum(bad_records), sum(bytes_in), sum(bytes_out){sum} FROM old GROUP BY state
            ON CONFLICT (state, slot) DO UPDATE SET files = t.files + excluded.files, rows = t.rows + excluded.rows,
              bad_records = t.bad_records + excluded.bad_records, bytes_in = t.bytes_in + excluded.bytes_in,
              bytes_out = t.bytes_out + excluded.bytes_out{greatest}"
        );
        line.execute(&sql, &[])?;
    }
    Ok(())
}

/// Ends an agent: nothing that it had is its own, and its sessions are closed.
pub(super) fn reap(line: &mut Line, schema: &str, instance: i64) -> Result<(), Fault> {
    reap_if(line, schema, instance, "")
}

fn reap_if(line: &mut Line, schema: &str, instance: i64, condition: &str) -> Result<(), Fault> {
    let ended = line.transaction(|line| {
        let lock = format!(
            "SELECT name FROM agent WHERE instance = $1 AND ended_at IS NULL {condition} FOR UPDATE SKIP LOCKED"
        );
        let Some(row) = line.row(&lock, &[&instance])? else { return Ok(false) };
        let name: String = get(&row, "name")?;
        line.execute("UPDATE agent SET ended_at = now(), leads = false WHERE instance = $1", &[&instance])?;
        let free = "UPDATE job SET owner = NULL, epoch = epoch + 1, left_by = $2 WHERE owner = $1";
        line.execute(free, &[&instance, &name])?;
        Ok(true)
    })?;
    if ended {
        close_sessions(line, schema, instance)?;
    }
    Ok(())
}

/// What the sessions of an agent are called, in `pg_stat_activity`.
pub(super) fn called(schema: &str, instance: i64) -> String {
    format!("h5inbox {schema} {instance}")
}

/// Ends the sessions of an agent, but not this one: a stopped process would hold what it has locked.
pub(super) fn close_sessions(line: &mut Line, schema: &str, instance: i64) -> Result<(), Fault> {
    let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND usename = current_user AND application_name = $1 AND pid <> pg_backend_pid()";
    line.query(sql, &[&called(schema, instance)]).map(drop)
}

/// All agents that are alive, and those that were until a day ago, the latest of each name.
pub(super) fn agents(line: &mut Line) -> Result<Vec<Agent>, Fault> {
    let sql =
        "SELECT DISTINCT ON (a.name) a.name, a.host, a.pid, a.version, a.since, a.seen_at, a.about::text AS about,
          a.ended_at IS NULL AND a.lease_until >= now() AS alive, a.leads,
          (SELECT count(*) FROM job AS j WHERE j.owner = a.instance) AS jobs
        FROM agent AS a WHERE a.ended_at IS NULL OR a.ended_at > now() - interval '1 day'
        ORDER BY a.name, a.instance DESC";
    let agent = |row: &tokio_postgres::Row| {
        let (alive, about): (bool, Option<String>) = (get(row, "alive")?, get(row, "about")?);
        Ok(Agent {
            name: get(row, "name")?,
            host: get(row, "host")?,
            pid: u32::try_from(get::<i64>(row, "pid")?).unwrap_or(0),
            version: get(row, "version")?,
            alive,
            leads: alive && get(row, "leads")?,
            since: get(row, "since")?,
            seen_at: get(row, "seen_at")?,
            jobs: get::<i64>(row, "jobs")?.cast_unsigned(),
            about: about.and_then(|about| serde_json::from_str(&about).ok()),
        })
    };
    line.query(sql, &[])?.iter().map(agent).collect()
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}
