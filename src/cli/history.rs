//! `h5inbox history`: jobs from the ledger.

use std::ops::ControlFlow;

use clap::Args;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

use super::{ConfigFile, ExitCode, output};
use crate::ledger::{HistoryFilter, Ledger, LedgerError, Record, SqliteLedger, State};
use crate::source::Shown;

/// Options of `h5inbox history`.
#[derive(Debug, Args)]
pub(super) struct History {
    #[command(flatten)]
    config: ConfigFile,
    /// Only jobs in this state: ready, running, publishing, done, failed, quarantined, duplicate or gone
    #[arg(long, value_parser = state)]
    state: Option<State>,
    /// Only jobs that changed since then: a time such as 2026-11-22T10:00:00Z (UTC if it does not say) or 2026-11-22, or
    /// an age such as 90s, 15m, 2h, 3d
    #[arg(long, value_name = "T", value_parser = since)]
    since: Option<Timestamp>,
    /// At most so many jobs
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// One JSON object a line, for programs
    #[arg(long)]
    json: bool,
}

impl History {
    pub(super) fn run(&self) -> Result<ExitCode, ExitCode> {
        let config = self.config.load()?;
        let ledger = SqliteLedger::open_shared(&config.ledger.sqlite_path()).map_err(|e| refuse(&e))?;
        let filter =
            HistoryFilter { state: self.state, since: self.since, limit: self.limit, ..HistoryFilter::default() };
        let mut written = Ok(());
        let listed = ledger.history(&filter, &mut |record| {
            written = output::data(&self.line(&record));
            if written.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        listed.map_err(|e| refuse(&e))?;
        written.map(|()| ExitCode::Success)
    }

    fn line(&self, record: &Record) -> String {
        if self.json {
            return serde_json::to_string(record).unwrap_or_default() + "\n";
        }
        let when = record.finished_at.unwrap_or(record.seen_at);
        let what = match (&record.error, record.state) {
            (Some(error), State::Failed | State::Quarantined | State::Publishing) => located(error, record),
            _ => converted(record),
        };
        format!("{when:.0}  {:<11}  {:>6}  {}  {what}\n", record.state.as_str(), record.id, Shown(&record.path))
    }
}

fn converted(record: &Record) -> String {
    let (rows, columns) = (record.rows.unwrap_or(0), record.columns.unwrap_or(0));
    match record.bad_records {
        Some(bad @ 1..) => format!("{rows} rows, {columns} columns, {bad} bad records left out"),
        _ => format!("{rows} rows, {columns} columns"),
    }
}

fn located(error: &str, record: &Record) -> String {
    match (record.line, record.byte) {
        (Some(line), Some(byte)) => format!("line {line}, byte {byte}: {error}"),
        (Some(line), None) => format!("line {line}: {error}"),
        (None, Some(byte)) => format!("byte {byte}: {error}"),
        _ => error.to_owned(),
    }
}

fn refuse(error: &LedgerError) -> ExitCode {
    output::error(&error.to_string());
    ExitCode::Ledger
}

fn state(word: &str) -> Result<State, String> {
    State::parse(word).ok_or_else(|| {
        let words: Vec<&str> = State::ALL.iter().map(|state| state.as_str()).collect();
        format!("states are {}", words.join(", "))
    })
}

fn since(text: &str) -> Result<Timestamp, String> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time);
    }
    if let Ok(time) = text.parse::<DateTime>() {
        return time.to_zoned(TimeZone::UTC).map(|time| time.timestamp()).map_err(|e| e.to_string());
    }
    let age: Span = text
        .parse()
        .map_err(|_| "a time is 2026-11-22T10:00:00Z or 2026-11-22, an age is 90s, 15m, 2h or 3d".to_owned())?;
    let seconds =
        age.total((jiff::Unit::Second, jiff::SpanRelativeTo::days_are_24_hours())).map_err(|e| e.to_string())?;
    let age = jiff::SignedDuration::try_from_secs_f64(seconds).map_err(|e| e.to_string())?;
    Timestamp::now().checked_sub(age).map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_given_as_such_or_as_ages() {
        assert_eq!(since("2026-01-02T03:04:05Z").unwrap().to_string(), "2026-01-02T03:04:05Z");
        for (text, time) in [("2026-01-02", "2026-01-02T00:00:00Z"), ("2026-01-02T03:04", "2026-01-02T03:04:00Z")] {
            assert_eq!(since(text).unwrap().to_string(), time);
        }
        let day = since("1d").unwrap();
        let ago = Timestamp::now().duration_since(day).as_secs();
        assert!((86_399..86_402).contains(&ago), "{ago}");
        assert!(since("yesterday").is_err());
    }
}
