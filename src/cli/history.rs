//! `h5inbox history`: jobs from the ledger.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use anstyle::{AnsiColor, Style};
use clap::Args;
use globset::{Glob, GlobSet, GlobSetBuilder};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

use super::{ConfigFile, ExitCode, open_ledger, output, refuse_ledger_of};
use crate::ledger::{HistoryFilter, Record, State};
use crate::source::Shown;

const EXAMPLES: &str = "\
Examples:
  h5inbox history --limit 10
  h5inbox history --state failed,quarantined --since 2h
  h5inbox history --since 2026-11-24 'AA*' sub/b.json
  h5inbox history --json | jq .error_code";

/// Options of `h5inbox history`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct History {
    #[command(flatten)]
    config: ConfigFile,
    /// Only jobs of these sources: a path, in the inbox or relative to it, or a pattern (* ? [a-z] {one,other}) of paths or names
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Only jobs in this state: ready, running, publishing, done, failed, quarantined, duplicate or gone; several with
    /// commas between
    #[arg(long, value_parser = state, value_delimiter = ',')]
    state: Vec<State>,
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
        let ledger = open_ledger(&config)?;
        let wanted = self.wanted(&config.inbox.path)?;
        let (mut left, mut written) = (self.limit.unwrap_or(usize::MAX), Ok(()));
        let listed = ledger.history(&self.filter(&wanted), &mut |record| {
            if left > 0 && self.is_in_state(&record) && wanted.takes(&record.path) {
                left -= 1;
                written = self.show(&record);
            }
            if written.is_ok() && left > 0 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        listed.map_err(|e| refuse_ledger_of(&config, &e))?;
        written?;
        if left == self.limit.unwrap_or(usize::MAX) && !self.json {
            output::note("no such job; `h5inbox explain PATH` says what becomes of a file");
        }
        Ok(ExitCode::Success)
    }

    /// What the ledger can look up by itself.
    fn filter(&self, wanted: &Wanted) -> HistoryFilter {
        let state = self.state.first().filter(|_| self.state.len() == 1).copied();
        HistoryFilter { state, since: self.since, path: wanted.only().cloned(), ..HistoryFilter::default() }
    }

    fn is_in_state(&self, record: &Record) -> bool {
        self.state.is_empty() || self.state.contains(&record.state)
    }

    fn wanted(&self, inbox: &Path) -> Result<Wanted, ExitCode> {
        Wanted::new(inbox, &self.paths).map_err(|error| {
            output::error(&format!("{error}; see glob(7); [[] stands for a plain ["));
            ExitCode::Usage
        })
    }

    fn show(&self, record: &Record) -> Result<(), ExitCode> {
        if self.json {
            return output::data(&(serde_json::to_string(record).unwrap_or_default() + "\n"));
        }
        let when = record.finished_at.unwrap_or(record.seen_at);
        let what = match (&record.error, record.state) {
            (Some(error), State::Failed | State::Quarantined | State::Publishing) => located(error, record),
            _ => converted(record),
        };
        let (style, state) = (style_of(record.state), record.state.as_str());
        let line =
            format!("{when:.0}  {style}{state:<11}{style:#}  {:>6}  {}  {what}\n", record.id, Shown(&record.path));
        output::styled(&line)
    }
}

fn style_of(state: State) -> Style {
    match state {
        State::Quarantined => AnsiColor::Red.on_default(),
        State::Failed => AnsiColor::Yellow.on_default(),
        State::Gone | State::Duplicate => Style::new().dimmed(),
        _ => Style::new(),
    }
}

/// Which sources are asked for.
#[derive(Debug)]
struct Wanted {
    paths: Vec<PathBuf>,
    patterns: GlobSet,
}

impl Wanted {
    fn new(inbox: &Path, asked: &[PathBuf]) -> Result<Self, globset::Error> {
        let (mut paths, mut patterns) = (Vec::new(), GlobSetBuilder::new());
        for path in asked {
            let path = path.strip_prefix(inbox).unwrap_or(path);
            if let Some(pattern) = path.to_str().filter(|text| text.contains(['*', '?', '[', '{'])) {
                patterns.add(Glob::new(pattern)?);
            }
            // A name may look like a pattern.
            paths.push(path.to_owned());
        }
        Ok(Self { paths, patterns: patterns.build()? })
    }

    fn is_all(&self) -> bool {
        self.paths.is_empty()
    }

    /// The one path that is asked for, if there is no other.
    fn only(&self) -> Option<&PathBuf> {
        self.paths.first().filter(|_| self.paths.len() == 1 && self.patterns.is_empty())
    }

    fn takes(&self, path: &Path) -> bool {
        let named = |name: &std::ffi::OsStr| self.patterns.is_match(name);
        self.is_all()
            || self.paths.iter().any(|wanted| wanted == path)
            || self.patterns.is_match(path)
            || path.file_name().is_some_and(named)
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
    fn sources_are_asked_for_by_path_by_name_and_by_pattern() {
        let takes =
            |asked: &str, path: &str| Wanted::new(Path::new("/in"), &[asked.into()]).unwrap().takes(Path::new(path));
        for asked in ["sub/a.json", "/in/sub/a.json", "a.*", "sub/*", "*.json", "/in/*/a.json"] {
            assert!(takes(asked, "sub/a.json"), "{asked}");
        }
        assert!(takes("[a].json", "[a].json") && takes("[a].json", "a.json"));
        for asked in ["a.json", "b*", "/elsewhere/sub/a.json"] {
            assert!(!takes(asked, "sub/a.json"), "{asked}");
        }
        assert!(Wanted::new(Path::new("/in"), &["[".into()]).is_err());
    }

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
