//! The log: one event at a time, on standard error as text or as JSON lines, or as fields of the system's journal.
//!
//! An event is a fixed sentence with fields; the field `event` is a stable name for programs. `docs/logs.md` lists them all,
//! and a test holds it to what is in the code. Warnings that repeat are counted instead of written ([`repeats`]).

mod fields;
mod journal;
mod lines;
mod repeats;

use std::io::{self, Write as _};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use log::{Level, LevelFilter, Log, Metadata, Record};

use crate::config::{self, LevelName, LogFormat};
use fields::Entry;
use journal::Journal;
use repeats::Repeats;

static LOGGER: Logger = Logger { state: Mutex::new(State { to: To::Text, repeats: Repeats::new() }) };

/// Starts logging as `wanted`, or goes on so.
pub fn apply(wanted: &config::Log) {
    let (to, trouble) = To::choose(wanted.format);
    LOGGER.state().to = to;
    // Refused when it is the logger already.
    let _ = log::set_logger(&LOGGER);
    log::set_max_level(match wanted.level {
        LevelName::Error => LevelFilter::Error,
        LevelName::Warn => LevelFilter::Warn,
        LevelName::Info => LevelFilter::Info,
        LevelName::Debug => LevelFilter::Debug,
        LevelName::Trace => LevelFilter::Trace,
    });
    if let Some(error) = trouble {
        log::warn!(event = "log.no_journal", error:% = error;
            "The journal does not answer; the log goes to standard error. Set `log.format` to \"text\" or \"json\".");
    }
}

/// Says how many warnings were counted instead of written, where the minute for that is over. To be called now and then.
pub fn tell_repeats() {
    LOGGER.state().tell_repeats();
}

/// Where events go, and how they are written.
#[derive(Debug)]
enum To {
    /// Standard error: time, level, event, sentence, fields.
    Text,
    /// Standard error: one JSON object a line.
    Json,
    /// The journal, with its fields.
    Journal(Journal),
    /// Standard error, which leads to the journal: as text, with the level as the journal reads it, and without the time.
    JournalStream,
}

impl To {
    /// What `format` stands for here, and why the journal cannot be used if it was asked for.
    fn choose(format: LogFormat) -> (Self, Option<io::Error>) {
        let is_journal = journal::is_standard_error();
        match format {
            LogFormat::Text => (Self::Text, None),
            LogFormat::Json => (Self::Json, None),
            LogFormat::Auto if !is_journal => (Self::Text, None),
            LogFormat::Auto | LogFormat::Journal => match Journal::connect() {
                Ok(journal) => (Self::Journal(journal), None),
                Err(error) => (if is_journal { Self::JournalStream } else { Self::Text }, Some(error)),
            },
        }
    }

    fn write(&self, entry: &Entry) {
        let line = match self {
            // What the journal does not take is not lost.
            Self::Journal(journal) => match journal.send(entry) {
                Ok(()) => return,
                Err(_) => lines::stream(entry),
            },
            Self::JournalStream => lines::stream(entry),
            Self::Text => lines::text(entry),
            Self::Json => lines::json(entry),
        };
        // Nobody is left to be told if standard error is gone.
        let _ = io::stderr().lock().write_all((line + "\n").as_bytes());
    }
}

#[derive(Debug)]
struct State {
    to: To,
    repeats: Repeats,
}

#[derive(Debug)]
struct Logger {
    state: Mutex<State>,
}

impl Logger {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Tells of what was counted instead of written, where the time for that has come.
    fn tell_repeats(&mut self) {
        let over = self.repeats.over(Instant::now());
        self.tell(over);
    }

    fn tell(&self, repeats: Vec<(String, u64)>) {
        repeats.into_iter().for_each(|(event, more)| self.to.write(&Entry::of_repeats(&event, more)));
    }
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // What libraries say below a warning is not for operators.
        metadata.target().starts_with("h5inbox") || metadata.level() <= Level::Warn
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let entry = Entry::of(record);
        let mut state = self.state();
        state.tell_repeats();
        if state.repeats.is_to_be_written(entry.level, entry.event(), Instant::now()) {
            state.to.write(&entry);
        }
    }

    /// What was counted is told now.
    fn flush(&self) {
        let mut state = self.state();
        let all = state.repeats.all();
        state.tell(all);
    }
}
