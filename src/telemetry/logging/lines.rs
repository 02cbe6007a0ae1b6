//! Events as lines on standard error. Values are escaped, so that a line stays a line whatever a file is called.

use std::fmt::Write as _;

use jiff::Timestamp;
use log::Level;
use serde_json::{Map, Value as Json};

use super::fields::Entry;

/// Time, level, event, sentence, fields.
pub(super) fn text(entry: &Entry) -> String {
    format!("{:.3} {:<5} {}", Timestamp::now(), entry.level, plain(entry))
}

/// For a stream that leads to the journal, which notes the time itself and reads the level from the start of the line.
pub(super) fn stream(entry: &Entry) -> String {
    let priority = match entry.level {
        Level::Error => 3,
        Level::Warn => 4,
        Level::Info => 6,
        Level::Debug | Level::Trace => 7,
    };
    format!("<{priority}>{}", plain(entry))
}

/// One JSON object.
pub(super) fn json(entry: &Entry) -> String {
    let mut object = Map::new();
    object.insert("time".into(), format!("{:.3}", Timestamp::now()).into());
    object.insert("level".into(), entry.level.as_str().to_lowercase().into());
    object.insert("message".into(), entry.message.clone().into());
    object.extend(entry.fields.iter().cloned());
    Json::Object(object).to_string()
}

/// Event, sentence, fields.
pub(super) fn plain(entry: &Entry) -> String {
    let mut line = match entry.event() {
        "" => one_line(&entry.message),
        event => format!("{}: {}", one_line(event), one_line(&entry.message)),
    };
    for (key, value) in entry.fields.iter().filter(|(key, _)| key != "event") {
        let value = value.as_str().map_or_else(|| value.to_string(), quoted);
        // Writing into memory cannot fail.
        let _ = write!(line, " {key}={value}");
    }
    line
}

fn quoted(text: &str) -> String {
    let plain = !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || c == '"' || c == '=');
    if plain { one_line(text) } else { format!("\"{}\"", one_line(text).replace('"', "\\\"")) }
}

fn one_line(text: &str) -> String {
    if text.contains(char::is_control) { text.escape_default().to_string() } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_stays_a_line_whatever_a_file_is_called() {
        let fields: [(&str, Json); 3] =
            [("event", "file.done".into()), ("path", "a b\n\u{1b}[31m".into()), ("rows", 3.into())];
        let fields = fields.map(|(key, value)| (key.to_owned(), value)).to_vec();
        let entry = Entry { level: Level::Info, message: "Done.".to_owned(), fields };
        assert_eq!(plain(&entry), "file.done: Done. path=\"a b\\n\\u{1b}[31m\" rows=3");
        assert_eq!(stream(&entry), format!("<6>{}", plain(&entry)));
        let object: Json = serde_json::from_str(&json(&entry)).unwrap();
        assert_eq!((&object["rows"], &object["path"]), (&3.into(), &"a b\n\u{1b}[31m".into()));
        assert!(!json(&entry).contains('\n'));
    }
}
