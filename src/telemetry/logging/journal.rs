//! Events in the system's journal, each field by itself, so that `journalctl EVENT=file.quarantined` finds them.
//!
//! Values go there with their lengths in front: whatever they hold, they end where they end. `MESSAGE` is the whole line as
//! a terminal would show it, because that is all that `journalctl` shows without being asked for more.

use std::fmt;
use std::io;

use log::{Level, Record};
use systemd_journal_logger::{JournalLog, connected_to_journal};

use super::fields::Entry;
use super::lines;

/// Whether standard error is the journal: systemd names device and inode of the stream that it made (`JOURNAL_STREAM`).
pub(super) fn is_standard_error() -> bool {
    connected_to_journal()
}

/// A connection.
pub(super) struct Journal(JournalLog);

impl Journal {
    /// Fails if nothing listens at `/run/systemd/journal/socket`.
    pub(super) fn connect() -> io::Result<Self> {
        Ok(Self(JournalLog::empty()?.with_syslog_identifier("h5inbox".to_owned())))
    }

    pub(super) fn send(&self, entry: &Entry) -> io::Result<()> {
        let text = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let fields: Vec<(&str, String)> = entry.fields.iter().map(|(key, value)| (key.as_str(), text(value))).collect();
        let (level, line) = (as_priority(entry.level), lines::plain(entry));
        self.0.journal_send(
            &Record::builder().level(level).target("h5inbox").args(format_args!("{line}")).key_values(&fields).build(),
        )
    }
}

/// The level that gets the priority which `entry`s of `level` have on a stream: the library would make "notice" of "info".
fn as_priority(level: Level) -> Level {
    match level {
        Level::Info => Level::Debug,
        Level::Debug => Level::Trace,
        other => other,
    }
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Journal")
    }
}
