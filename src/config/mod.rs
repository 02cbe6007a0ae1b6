//! What the operator wrote: plain data, checked.
//!
//! A leaf: it holds numbers, paths and enums and knows no other room. One TOML text becomes one [`Config`] with every
//! default filled in, or a list of *all* that is wrong with it, each with its line and what to write instead. Nothing
//! here touches the disk beyond reading that text: whether folders exist and can be written is for the agent to try.
//!
//! * `sections`, `choices`, `compression`, `name_template`, `shard` and `types`: the values, section by section, and their defaults
//! * `load`: which key fills which value, and its range
//! * `reader`, `values`, `paths`, `postgres_url`, `folders`: finding keys, checking one value, checking folders against each other
//! * `differences`: which keys two configurations differ in
//! * `problem`: how all that is wrong is told

mod choices;
mod compression;
mod differences;
mod folders;
mod load;
mod name_template;
mod paths;
mod postgres_url;
mod problem;
mod reader;
mod sections;
mod shard;
mod types;
mod values;

use std::path::{Path, PathBuf};

use serde::Serialize;

pub use choices::{
    After, Choice, Format, Input, Layout, LevelName, LogFormat, Nested, OnBadRecord, OnExisting, OnUnfit, Order, Watch,
    choose,
};
pub use compression::Compression;
pub use name_template::{NameTemplate, Piece};
pub use paths::{key, refuse_key};
pub use problem::{ConfigError, Problem};
pub use sections::{Inbox, Ledger, LedgerKind, Limits, Log, Output, Profile, Records, Retry, Source, Status};
pub use shard::Shard;
pub use types::{Moment, TypeHint, TypeHints, hint_for};

/// The whole configuration, every default filled in.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Config {
    /// Worker threads as written: 0 stands for one per core. [`Config::worker_count`] tells how many that is here.
    pub workers: usize,
    /// Which files are taken, and when.
    pub inbox: Inbox,
    /// What becomes of a source.
    pub source: Source,
    /// Where outputs go and what they look like.
    pub output: Output,
    /// How the text of a source becomes records.
    pub records: Records,
    /// What one source may cost.
    pub limits: Limits,
    /// What is tried again, and when.
    pub retry: Retry,
    /// Where the record of all jobs is kept.
    pub ledger: Ledger,
    /// Where monitors may ask.
    pub status: Status,
    /// What the last files cost.
    pub profile: Profile,
    /// The log.
    pub log: Log,
}

/// Where the socket of an agent is whose ledger is no file.
const SOCKETS: &str = "/var/lib/h5inbox";

impl Config {
    /// The socket on which `h5inbox status` asks the agent.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        if !self.status.socket.as_os_str().is_empty() {
            return self.status.socket.clone();
        }
        let mut name = match self.ledger.kind() {
            LedgerKind::Sqlite(path) => path.into_os_string(),
            LedgerKind::Postgres => Path::new(SOCKETS).join(&self.ledger.schema).into_os_string(),
        };
        name.push(".sock");
        name.into()
    }

    /// Everything at its default for this inbox and this outbox.
    #[must_use]
    pub fn new(inbox: PathBuf, outbox: PathBuf) -> Self {
        Self {
            workers: 0,
            source: Source::beside(&inbox),
            inbox: Inbox::at(inbox),
            output: Output::to(outbox),
            records: Records::default(),
            limits: Limits::default(),
            retry: Retry::default(),
            ledger: Ledger::default(),
            status: Status::default(),
            profile: Profile::default(),
            log: Log::default(),
        }
    }

    /// Reads and checks the file at `path`.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text =
            std::fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.to_path_buf(), source })?;
        Self::parse(&text)
    }

    /// Reads and checks a TOML text.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        load::config(text)
    }

    /// How many workers to start here: as configured, or one for each core that this process may use.
    #[must_use]
    pub fn worker_count(&self) -> usize {
        match self.workers {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            n => n,
        }
    }

    /// What [`Config::to_toml`] writes, for people: a password in it is not shown.
    ///
    /// # Panics
    /// As [`Config::to_toml`].
    #[must_use]
    pub fn shown(&self) -> String {
        let mut shown = self.clone();
        shown.ledger.url = self.ledger.shown_url();
        shown.to_toml()
    }

    /// The effective configuration as TOML; [`Config::parse`] turns it into an equal `Config`.
    ///
    /// # Panics
    /// On what TOML cannot write: a path that is not UTF-8, a number above `i64::MAX`. A parsed `Config` holds neither.
    #[must_use]
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("a parsed configuration holds only what TOML can write")
    }
}

#[cfg(test)]
mod tests;
