//! `h5inbox explain`: why this file is, or is not, processed; and what to do.

use std::fs;
use std::path::{Component, Path, PathBuf};

use clap::Args;
use serde::Serialize;

use super::{ConfigFile, ExitCode, output, refuse_ledger_of, user};
use crate::agent::name_filter;
use crate::config::{After, Config};
use crate::convert::output::provenance_of;
use crate::intake::{Consent, Lack, Manifests, Refusal, Signs, Writer, ignore_lease_signal, writer_present};
use crate::jobs::quarantine::{reported_job, resting_place};
use crate::ledger::{HistoryFilter, JobId, Ledger, LedgerError, Record, Shared, SqliteLedger, State, open_beside};
use crate::source::{Identity, OpenError, Shown, open_beneath};

/// Options of `h5inbox explain`.
#[derive(Debug, Args)]
pub(super) struct Explain {
    #[command(flatten)]
    config: ConfigFile,
    /// A file: a path in the inbox, the quarantine or the outbox, or relative to the inbox
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<PathBuf>,
    /// One JSON object a file and line: path, source, rule, because, todo, state, job, attempts, rows, output, `run_at`,
    /// `error_code`, error, line, byte
    #[arg(long)]
    json: bool,
}

/// What is said of a file.
#[derive(Debug, Default, Serialize)]
struct Explanation {
    /// The file as it was named.
    path: String,
    /// Its name in the inbox.
    source: Option<String>,
    /// The rule that applies, as a stable word.
    rule: &'static str,
    /// The same as a sentence.
    because: String,
    /// What to do, if anything.
    todo: Option<String>,
    state: Option<State>,
    job: Option<JobId>,
    attempts: Option<u32>,
    rows: Option<u64>,
    output: Option<String>,
    run_at: Option<String>,
    error_code: Option<String>,
    error: Option<String>,
    line: Option<u64>,
    byte: Option<u64>,
}

impl Explain {
    pub(super) fn run(&self) -> Result<ExitCode, ExitCode> {
        let config = self.config.load()?;
        let ledger = match open_beside(&config.ledger) {
            Ok(ledger) => Some(ledger),
            // The agent has never run: nothing was done yet.
            Err(LedgerError::Missing(_)) => None,
            Err(error) => return Err(refuse_ledger_of(&config, &error)),
        };
        let _ = ignore_lease_signal();
        let desk = Desk { config: &config, ledger: ledger.as_deref() };
        for path in &self.paths {
            let explained = Explanation { path: Shown(path).to_string(), ..desk.explain(path)? };
            output::data(&if self.json {
                serde_json::to_string(&explained).unwrap_or_default() + "\n"
            } else {
                text(&explained)
            })?;
        }
        Ok(ExitCode::Success)
    }
}

/// What is needed to know about a file.
struct Desk<'a> {
    config: &'a Config,
    ledger: Option<&'a dyn Ledger>,
}

impl Desk<'_> {
    fn explain(&self, path: &Path) -> Result<Explanation, ExitCode> {
        let absolute = std::path::absolute(path).unwrap_or_else(|_| path.into());
        let within = |folder: &Path| absolute.strip_prefix(folder).ok().map(Path::to_path_buf);
        if let Some(job) = within(&self.config.source.quarantine).and_then(|_| reported_job(&absolute))
            && let Some(record) = self.record(&HistoryFilter { id: Some(job), ..HistoryFilter::default() })?
        {
            return Ok(self.of_record(&record));
        }
        if within(&self.config.output.path).is_some() && absolute.is_file() {
            return self.of_output(&absolute);
        }
        let source = match within(&self.config.inbox.path) {
            Some(within) => within,
            None if path.is_relative() => path.to_path_buf(),
            None => return Ok(outside(&self.config.inbox.path)),
        };
        if !source.components().all(|part| matches!(part, Component::Normal(_))) {
            return Ok(outside(&self.config.inbox.path));
        }
        let explained = self.of_source(&source)?;
        Ok(Explanation { source: Some(Shown(&source).to_string()), ..explained })
    }

    /// An output tells from what it was made.
    fn of_output(&self, path: &Path) -> Result<Explanation, ExitCode> {
        let told = provenance_of(path).ok().flatten();
        let job = told.as_ref().and_then(|told| told.job).map(JobId);
        let record = match job {
            Some(id) => self.record(&HistoryFilter { id: Some(id), ..HistoryFilter::default() })?,
            None => None,
        };
        Ok(match (record, told) {
            (Some(record), _) => self.of_record(&record),
            (None, Some(told)) => {
                said("output", format!("it is an output, made of {} ({} rows)", Shown(&told.path()), told.rows), None)
            }
            (None, None) => said("foreign", "it is in the outbox, and was not written by h5inbox".to_owned(), None),
        })
    }

    fn of_source(&self, source: &Path) -> Result<Explanation, ExitCode> {
        let inbox = &self.config.inbox;
        let found = open_beneath(&inbox.path, source);
        let record =
            self.record(&HistoryFilter { path: Some(source.into()), limit: Some(1), ..HistoryFilter::default() })?;
        // What the ledger knows of the very version that is there goes before every rule.
        if let Some(record) = record.filter(|record| is_current(record, found.as_ref().ok().map(|(_, now)| now))) {
            return Ok(self.of_record(&record));
        }
        if let Some(refused) = self.refused_by_name(source)? {
            return Ok(refused);
        }
        let (file, identity) = match found {
            Ok(found) => found,
            Err(error) => return Ok(self.not_opened(&error)),
        };
        if let Some(user) = self.config.ledger.file().and_then(|ledger| user::kept_out(&ledger, &file)) {
            let because = format!("it cannot be opened by the agent's user, {user}: Permission denied");
            let todo =
                format!("let {user} read it, as `chmod g+r {}` does for its group", Shown(&inbox.path.join(source)));
            return Ok(said("unreadable", because, Some(todo)));
        }
        let writer = writer_present(&file);
        self.waits(source, identity, writer)
    }

    fn refused_by_name(&self, source: &Path) -> Result<Option<Explanation>, ExitCode> {
        let inbox = &self.config.inbox;
        let filter = name_filter(self.config).map_err(|error| {
            output::error(&error.to_string());
            ExitCode::Configuration
        })?;
        if !inbox.recursive && source.parent().is_some_and(|folder| !folder.as_os_str().is_empty()) {
            let todo = "move it into the inbox itself, or set `inbox.recursive = true`";
            let because = "it is in a folder inside the inbox, and `inbox.recursive` is false";
            return Ok(Some(said("not_recursive", because.to_owned(), Some(todo.to_owned()))));
        }
        let Some(refusal) = filter.refusal(source) else { return Ok(None) };
        let (rule, because, todo) = match refusal {
            Refusal::Hidden => ("hidden", "it is hidden, or in a hidden folder".to_owned(), "rename it"),
            Refusal::Unfinished => (
                "unfinished_name",
                "its name is one that programs give to files which they have not finished".to_owned(),
                "rename it when it is complete",
            ),
            Refusal::Marker => {
                ("marker", format!("it is a marker (`inbox.done_marker` = {:?})", inbox.done_marker), "")
            }
            Refusal::Manifest => {
                ("manifest", format!("it is a manifest (`inbox.manifest` = {:?})", inbox.manifest), "")
            }
            Refusal::NotIncluded => (
                "not_included",
                format!("no pattern of `inbox.include` = {:?} matches its name", inbox.include),
                "rename it, or add a pattern to `inbox.include`",
            ),
            Refusal::Excluded => (
                "excluded",
                format!("a pattern of `inbox.exclude` = {:?} matches its name", inbox.exclude),
                "rename it, or take the pattern out of `inbox.exclude`",
            ),
            Refusal::OtherShard => (
                "other_shard",
                format!("it is not in `inbox.shard` = \"{}\"", inbox.shard),
                "ask on the host whose agent takes its part",
            ),
        };
        Ok(Some(said(rule, because, (!todo.is_empty()).then(|| todo.to_owned()))))
    }

    fn not_opened(&self, error: &OpenError) -> Explanation {
        let (rule, todo) = match error {
            OpenError::Gone => ("absent", "drop it into the inbox; `h5inbox history` lists what was there before"),
            OpenError::Link => ("link", "put the file itself there: links are never followed"),
            OpenError::NotAFile(_) => ("not_a_file", "only regular files are sources"),
            OpenError::Io(_) => ("unreadable", "let the agent's user read it"),
        };
        let where_to = if matches!(error, OpenError::Gone) {
            format!(" in {}", Shown(&self.config.inbox.path))
        } else {
            String::new()
        };
        said(rule, format!("it {error}{where_to}"), Some(todo.to_owned()))
    }

    /// A source that no job is of yet.
    fn waits(&self, source: &Path, identity: Identity, writer: Writer) -> Result<Explanation, ExitCode> {
        let inbox = &self.config.inbox;
        if let Consent::Withheld(lack) = self.signs()?.of(source, &identity) {
            let (rule, because) = match lack {
                Lack::Marker => ("no_marker", format!("there is no marker {}{}", Shown(source), inbox.done_marker)),
                Lack::NewerMarker => ("old_marker", "its marker is older than its last change".to_owned()),
                Lack::Manifest => ("no_manifest", format!("no manifest ({:?}) in its folder names it", inbox.manifest)),
            };
            let todo = "its producer has to write that when the file is complete (`touch` renews a marker)";
            return Ok(said(rule, because, Some(todo.to_owned())));
        }
        if writer == Writer::Present {
            return Ok(said(
                "being_written",
                "a program has it open for writing".to_owned(),
                Some("wait until it is closed".to_owned()),
            ));
        }
        let running = self.an_agent_runs();
        let (because, todo) = if running {
            let because = format!(
                "it is taken once it was left alone for `inbox.settle_ms` = {} ms (longer where the kernel does not tell who \
                 writes), at the latest at the next listing (`inbox.scan_interval_secs` = {})",
                inbox.settle_ms, inbox.scan_interval_secs
            );
            (because, None)
        } else {
            (
                "it is a source, and no agent runs that would take it".to_owned(),
                Some("start the agent: systemctl start h5inbox".to_owned()),
            )
        };
        Ok(said(if running { "settling" } else { "no_agent" }, because, todo))
    }

    fn signs(&self) -> Result<Signs, ExitCode> {
        let inbox = &self.config.inbox;
        let filter = name_filter(self.config).map_err(|_| ExitCode::Configuration)?;
        let manifests = (!inbox.manifest.is_empty()).then(|| std::sync::Arc::new(Manifests::new(&inbox.path, filter)));
        Ok(Signs::new(&inbox.path, &inbox.done_marker, manifests))
    }

    /// What became of a job.
    fn of_record(&self, record: &Record) -> Explanation {
        let output = record.output.as_ref().map(|output| Shown(output).to_string());
        let (rule, because, todo) = match record.state {
            State::Ready => ("ready", "it waits for a worker".to_owned(), self.start_the_agent()),
            State::Running => ("running", "a worker has it in hand".to_owned(), None),
            State::Publishing => {
                ("publishing", "its output is made, and about to get its name".to_owned(), self.start_the_agent())
            }
            State::Done => ("done", self.done(record, output.as_deref()), None),
            State::Duplicate => {
                let of = record.duplicate_of.map_or_else(String::new, |id| format!(" by job {id}"));
                ("duplicate", format!("the same content was converted before{of}"), None)
            }
            State::Failed => {
                let because = format!("attempt {} failed; the next is at {:.0}", record.attempts, record.run_at);
                ("failed", because, Some(format!("h5inbox retry {} tries it at once", Shown(&record.path))))
            }
            State::Quarantined => {
                let place = resting_place(&self.config.source.quarantine, &record.path, record.id);
                let place = place
                    .map_or_else(|| "it stays in the inbox".to_owned(), |place| format!("it is {}", Shown(&place)));
                let todo = format!("correct it, then: h5inbox retry {}", Shown(&record.path));
                ("quarantined", format!("it cannot be converted; {place}"), Some(todo))
            }
            State::Gone => ("gone", "it was gone, or changed, before it was read".to_owned(), None),
        };
        Explanation {
            source: Some(Shown(&record.path).to_string()),
            rule,
            because,
            todo,
            state: Some(record.state),
            job: Some(record.id),
            attempts: Some(record.attempts),
            rows: record.rows,
            output,
            run_at: (record.state == State::Failed).then(|| format!("{:.3}", record.run_at)),
            error_code: record.error_code.clone(),
            error: record.error.clone(),
            line: record.line,
            byte: record.byte,
            ..Explanation::default()
        }
    }

    fn done(&self, record: &Record, output: Option<&str>) -> String {
        let rows = record.rows.unwrap_or_default();
        let output = output.unwrap_or("its output");
        let there = record.output.as_ref().is_none_or(|output| fs::symlink_metadata(output).is_ok());
        let taken = if there { "" } else { " (somebody has taken it away since)" };
        let kept = if self.config.source.after == After::Keep { "; sources are kept in the inbox" } else { "" };
        format!("it was converted: {rows} rows in {output}{taken}{kept}")
    }

    /// On this host, or, where hosts share the ledger, on any of them.
    fn an_agent_runs(&self) -> bool {
        if let Some(file) = self.config.ledger.file() {
            return SqliteLedger::holder(&file).is_some();
        }
        let agents = self.ledger.and_then(Ledger::shared).map(Shared::agents);
        agents.is_some_and(|agents| agents.is_ok_and(|agents| agents.iter().any(|agent| agent.alive)))
    }

    fn start_the_agent(&self) -> Option<String> {
        let running = self.an_agent_runs();
        (!running).then(|| "no agent runs: systemctl start h5inbox".to_owned())
    }

    /// The newest job that `filter` lets through.
    fn record(&self, filter: &HistoryFilter) -> Result<Option<Record>, ExitCode> {
        let Some(ledger) = self.ledger else { return Ok(None) };
        let mut found: Option<Record> = None;
        let listed = ledger.history(filter, &mut |record| {
            found.get_or_insert(record);
            std::ops::ControlFlow::Break(())
        });
        listed.map_err(|error| refuse_ledger_of(self.config, &error))?;
        Ok(found)
    }
}

/// Whether the newest job of a path is of what has that path now: another version is longer, or was changed after the job
/// came to be.
fn is_current(record: &Record, now: Option<&Identity>) -> bool {
    let Some(now) = now else { return true };
    let changed_ns = i128::from(now.mtime_ns.max(now.ctime_ns));
    let decided = matches!(record.state, State::Done | State::Duplicate | State::Quarantined | State::Gone);
    record.state != State::Gone
        && now.size == record.source_bytes
        && (!decided || changed_ns <= record.finished_at.unwrap_or(record.seen_at).as_nanosecond())
}

fn said(rule: &'static str, because: String, todo: Option<String>) -> Explanation {
    Explanation { rule, because, todo, ..Explanation::default() }
}

fn outside(inbox: &Path) -> Explanation {
    let todo = format!("files are taken from {}", Shown(inbox));
    said("outside", "it is not in the inbox".to_owned(), Some(todo))
}

fn text(explained: &Explanation) -> String {
    let Explanation { path, because, todo, state, error, line, .. } = explained;
    let mut lines = vec![format!("{path}: {because}")];
    if let Some(state) = state {
        let job = explained.job.map_or_else(String::new, |job| format!(" (job {job})"));
        lines.push(format!("  state    {}{job}", state.as_str()));
    }
    if let Some(error) = error {
        let place = line.map_or_else(String::new, |line| format!("line {line}: "));
        lines.push(format!("  error    {place}{error}"));
    }
    lines.extend(todo.as_ref().map(|todo| format!("  to do    {todo}")));
    lines.join("\n") + "\n"
}
