//! The log: one line an event on standard error, as text, as JSON lines, or as text with the journal's levels.
//!
//! A line is a fixed sentence with fields; the field `event` is a stable name for programs. Values are escaped, so that
//! a line stays a line whatever a file is called.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::os::fd::AsFd;
use std::sync::OnceLock;

use jiff::Timestamp;
use log::kv::{Error, Key, Value, VisitSource};
use log::{Level, LevelFilter, Log, Metadata, Record};
use serde_json::{Map, Value as Json};

/// How lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Time, level, event, sentence, fields.
    Text,
    /// One JSON object a line.
    Json,
    /// As text, with the level as `<N>` in front and without the time, which the journal notes itself.
    Journal,
}

impl Style {
    /// Text, or the journal's form if standard error is the journal.
    #[must_use]
    pub fn detect() -> Self {
        if is_journal() { Self::Journal } else { Self::Text }
    }
}

/// Starts logging to standard error; later calls change nothing.
pub fn start(style: Style, level: LevelFilter) {
    static LOGGER: OnceLock<Logger> = OnceLock::new();
    if log::set_logger(LOGGER.get_or_init(|| Logger { style })).is_ok() {
        log::set_max_level(level);
    }
}

/// systemd names device and inode of the stream that it connected to the journal.
fn is_journal() -> bool {
    let Ok(stream) = std::env::var("JOURNAL_STREAM") else { return false };
    rustix::fs::fstat(io::stderr().as_fd()).is_ok_and(|stat| stream == format!("{}:{}", stat.st_dev, stat.st_ino))
}

#[derive(Debug)]
struct Logger {
    style: Style,
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
        let mut line = match self.style {
            Style::Text => format!("{:.3} {:<5} {}", Timestamp::now(), record.level(), text(record)),
            Style::Journal => format!("<{}>{}", priority(record.level()), text(record)),
            Style::Json => json(record),
        };
        line.push('\n');
        // Nobody is left to be told if standard error is gone.
        let _ = io::stderr().lock().write_all(line.as_bytes());
    }

    fn flush(&self) {}
}

/// The level as the journal counts.
fn priority(level: Level) -> u8 {
    match level {
        Level::Error => 3,
        Level::Warn => 4,
        Level::Info => 6,
        Level::Debug | Level::Trace => 7,
    }
}

#[derive(Default)]
struct Fields(Vec<(String, Json)>);

impl<'kvs> VisitSource<'kvs> for Fields {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), Error> {
        let json = if let Some(number) = value.to_u64() {
            number.into()
        } else if let Some(number) = value.to_i64() {
            number.into()
        } else if let Some(number) = value.to_f64() {
            number.into()
        } else if let Some(flag) = value.to_bool() {
            flag.into()
        } else {
            value.to_string().into()
        };
        // An absent value is written as nothing at all.
        if json != "None" {
            self.0.push((key.to_string(), json));
        }
        Ok(())
    }
}

fn fields(record: &Record<'_>) -> Vec<(String, Json)> {
    let mut fields = Fields::default();
    // Visiting a vector cannot fail.
    let _ = record.key_values().visit(&mut fields);
    fields.0
}

fn text(record: &Record<'_>) -> String {
    let mut line = one_line(&record.args().to_string());
    let mut event = None;
    for (key, value) in fields(record) {
        match value {
            Json::String(text) if key == "event" => event = Some(text),
            Json::String(text) => {
                let _ = write!(line, " {key}={}", quoted(&text));
            }
            other => {
                let _ = write!(line, " {key}={other}");
            }
        }
    }
    match event {
        Some(event) => format!("{event}: {line}"),
        None => line,
    }
}

fn quoted(text: &str) -> String {
    let plain = !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || c == '"' || c == '=');
    if plain { one_line(text) } else { format!("\"{}\"", one_line(text).replace('"', "\\\"")) }
}

fn one_line(text: &str) -> String {
    if text.contains(char::is_control) { text.escape_default().to_string() } else { text.to_owned() }
}

fn json(record: &Record<'_>) -> String {
    let mut object = Map::new();
    object.insert("time".into(), format!("{:.3}", Timestamp::now()).into());
    object.insert("level".into(), record.level().as_str().to_lowercase().into());
    object.insert("message".into(), record.args().to_string().into());
    object.extend(fields(record));
    Json::Object(object).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_stays_a_line_and_absent_fields_are_left_out() {
        let pairs: [(&str, Value<'_>); 4] = [
            ("event", "file.done".into()),
            ("path", "a b\n\u{1b}[31m".into()),
            ("rows", 3.into()),
            ("line", Value::from_debug(&None::<u64>)),
        ];
        let record = Record::builder().args(format_args!("Done.")).key_values(&pairs).build();
        assert_eq!(text(&record), "file.done: Done. path=\"a b\\n\\u{1b}[31m\" rows=3");
        let object: Json = serde_json::from_str(&json(&record)).unwrap();
        assert_eq!((&object["rows"], &object["path"]), (&3.into(), &"a b\n\u{1b}[31m".into()));
        assert!(object.get("line").is_none());
    }
}
