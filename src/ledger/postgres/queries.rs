//! What the ledger answers. Long answers are read a page at a time, so that none takes longer than a line waits.

use std::collections::HashSet;
use std::hash::BuildHasher;
use std::ops::ControlFlow;
use std::path::Path;

use foldhash::fast::RandomState;
use jiff::Timestamp;
use tokio_postgres::types::ToSql;

use super::fault::Fault;
use super::line::Line;
use super::rows::{self, JOB, PREVIOUS, RECORD, absolute, bytes, get};
use super::store::Store;
use crate::ledger::{HistoryFilter, Job, LedgerError, Record, State, Totals};
use crate::source::Identity;

/// Rows read at a time.
const PAGE: i64 = 5000;

/// Of jobs that were begun and are not over.
const OPEN: &str = "(j.state IN ('running', 'publishing') OR j.disposition = 'pending')";

/// What this agent has begun, or has still to dispose of.
pub(super) fn unfinished(store: &Store) -> Result<Vec<Job>, LedgerError> {
    let sql = format!("{JOB} FROM job AS j {PREVIOUS} WHERE {OPEN} AND j.owner = $1 ORDER BY j.id");
    store.ask(&|line, _| line.query(&sql, &[&store.instance()])?.iter().map(rows::job).collect())
}

/// The statement that finds jobs by the temporary name of their output.
pub(super) fn sharing_statement() -> String {
    format!(
        "{JOB} FROM job AS j {PREVIOUS} WHERE {OPEN} AND j.state = 'publishing' AND j.temporary = $1
        ORDER BY j.first_row NULLS FIRST, j.rows, j.id"
    )
}

pub(super) fn sharing(store: &Store, temporary: &Path) -> Result<Vec<Job>, LedgerError> {
    store.ask(&|line, _| line.query(&sharing_statement(), &[&bytes(temporary)])?.iter().map(rows::job).collect())
}

/// In the order of the table, the latest first: to look up the latest row of each path would read it at random.
const HANDLED: &str = "SELECT id, path, device, inode, size, mtime_ns, ctime_ns, state FROM job WHERE id < $1
    ORDER BY id DESC LIMIT $2";

pub(super) fn handled(store: &Store, each: &mut dyn FnMut(&Path, Identity)) -> Result<(), LedgerError> {
    // Of two paths that share a hash one is not told of: that costs a look at its file, which then turns out to be known.
    let (hasher, mut seen) = (RandomState::default(), HashSet::new());
    let mut before = i64::MAX;
    loop {
        let page = store.ask(&|line, _| line.query(HANDLED, &[&before, &PAGE]))?;
        let mut read = || -> Result<(), Fault> {
            for row in &page {
                before = get(row, "id")?;
                let path = rows::path(row, "path")?;
                if seen.insert(hasher.hash_one(&path)) && rows::state(row)? != State::Gone {
                    each(&path, rows::identity(row)?);
                }
            }
            Ok(())
        };
        read().map_err(|fault| fault.at(&store.address.shown))?;
        if page.len() < usize::try_from(PAGE).unwrap_or(usize::MAX) {
            return Ok(());
        }
    }
}

const TALLY: &str = "SELECT state, sum(files)::bigint AS files, sum(rows)::bigint AS rows, sum(bad_records)::bigint AS bad_records,
      sum(bytes_in)::bigint AS bytes_in, sum(bytes_out)::bigint AS bytes_out, max(last_changed_at) AS last_changed_at
    FROM (SELECT state, files, rows, bad_records, bytes_in, bytes_out, NULL::timestamptz AS last_changed_at FROM tally
      UNION ALL SELECT state, files, rows, bad_records, bytes_in, bytes_out, last_changed_at FROM forgotten) AS all_of_them
    GROUP BY state";

/// When the last job was done that is still remembered.
pub(super) const LAST_SUCCESS: &str =
    "SELECT changed_at AS at FROM job WHERE state = 'done' ORDER BY changed_at DESC, id DESC LIMIT 1";

/// When the oldest waiting source was found ready.
pub(super) const OLDEST_WAITING: &str = "SELECT least((SELECT min(seen_at) FROM job WHERE state = 'ready'),
    (SELECT min(seen_at) FROM job WHERE state = 'failed')) AS at";

pub(super) fn totals(store: &Store) -> Result<Totals, LedgerError> {
    store.ask(&|line, _| {
        let mut totals = Totals::default();
        totals.files.extend(State::ALL.map(|state| (state, 0)));
        for row in line.query(TALLY, &[])? {
            let number = |column: &str| get::<i64>(&row, column).map(i64::cast_unsigned);
            let state = rows::state(&row)?;
            totals.files.insert(state, number("files")?);
            if state == State::Done {
                totals.rows = number("rows")?;
                totals.bytes_in = number("bytes_in")?;
                totals.bytes_out = number("bytes_out")?;
                totals.bad_records = number("bad_records")?;
                totals.last_success_at = get(&row, "last_changed_at")?;
            }
        }
        totals.last_success_at = totals.last_success_at.max(moment(line, LAST_SUCCESS)?);
        totals.oldest_waiting = moment(line, OLDEST_WAITING)?;
        Ok(totals)
    })
}

fn moment(line: &mut Line, sql: &str) -> Result<Option<Timestamp>, Fault> {
    line.row(sql, &[])?.map_or(Ok(None), |row| get(&row, "at"))
}

/// Where a page of the history begins: behind the job that changed then.
type Behind = Option<(Timestamp, i64)>;

pub(super) fn history(
    store: &Store,
    filter: &HistoryFilter,
    each: &mut dyn FnMut(Record) -> ControlFlow<()>,
) -> Result<(), LedgerError> {
    let mut left = filter.limit.and_then(|limit| i64::try_from(limit).ok()).unwrap_or(i64::MAX);
    let mut behind: Behind = None;
    // Few want more than a few.
    let mut size = 100;
    while left > 0 {
        let most = left.min(size);
        let (page, last) = store.ask(&|line, _| history_page(line, filter, behind, most))?;
        let whole = i64::try_from(page.len()).unwrap_or(i64::MAX) >= most;
        for record in page {
            left -= 1;
            if each(record).is_break() {
                return Ok(());
            }
        }
        if !whole {
            return Ok(());
        }
        (behind, size) = (last, PAGE);
    }
    Ok(())
}

/// So many records behind `behind`, and where the next page begins.
fn history_page(
    line: &mut Line,
    filter: &HistoryFilter,
    behind: Behind,
    most: i64,
) -> Result<(Vec<Record>, Behind), Fault> {
    let state = filter.state.map(State::as_str);
    let since = filter.since.map(absolute);
    let path = filter.path.as_deref().map(bytes);
    let id = filter.id.map(|id| id.0);
    // Only the conditions that are asked for: the server finds no index for an optional one.
    let conditions: [(&str, Option<&(dyn ToSql + Sync)>); 4] = [
        ("state =", state.as_ref().map(|value| value as _)),
        ("changed_at >=", since.as_ref().map(|value| value as _)),
        ("path_key = sha256", path.as_ref().map(|value| value as _)),
        ("id =", id.as_ref().map(|value| value as _)),
    ];
    let (mut sql, mut values) = (format!("{RECORD} WHERE true"), Vec::<&(dyn ToSql + Sync)>::new());
    for (condition, value) in conditions {
        let Some(value) = value else { continue };
        values.push(value);
        sql = format!("{sql} AND {condition}(${})", values.len());
    }
    let (changed_at, last) = behind.unzip();
    if let (Some(changed_at), Some(last)) = (&changed_at, &last) {
        values.extend([changed_at as &(dyn ToSql + Sync), last]);
        sql = format!("{sql} AND (changed_at, id) < (${}, ${})", values.len() - 1, values.len());
    }
    values.push(&most);
    sql = format!("{sql} ORDER BY changed_at DESC, id DESC LIMIT ${}", values.len());
    let rows = line.query(&sql, &values)?;
    let next = rows.last().map(|row| Ok::<_, Fault>((get(row, "changed_at")?, get(row, "id")?))).transpose()?;
    Ok((rows.iter().map(rows::record).collect::<Result<_, _>>()?, next))
}

/// The latest job of the path `$1`.
pub(super) fn find_statement() -> String {
    format!("{RECORD} WHERE path_key = sha256($1) ORDER BY id DESC LIMIT 1")
}

pub(super) fn find(store: &Store, path: &Path) -> Result<Option<Record>, LedgerError> {
    let sql = find_statement();
    store.ask(&|line, _| line.row(&sql, &[&bytes(path)])?.map(|row| rows::record(&row)).transpose())
}
