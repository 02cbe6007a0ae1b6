//! The sections of the configuration, one struct each, with the contract's defaults.

use std::path::{Path, PathBuf};

use serde::{Serialize, Serializer};

use super::choices::{
    After, Format, Input, Layout, LevelName, LogFormat, Nested, OnBadRecord, OnExisting, OnUnfit, Order, Watch,
};
use super::compression::Compression;
use super::name_template::NameTemplate;
use super::postgres_url::masked;
use super::shard::Shard;
use super::types::TypeHints;

/// `[inbox]`: which files are taken, and when.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Inbox {
    /// The watched folder, absolute.
    pub path: PathBuf,
    /// Whether folders inside it are watched too.
    pub recursive: bool,
    /// Globs, at least one; a file is taken when one of them matches its name, with or without `.gz`, `.zst`, `.xz` or
    /// `.bz2` behind.
    pub include: Vec<String>,
    /// Globs; a file that one of them matches is left alone.
    pub exclude: Vec<String>,
    /// How new files are noticed.
    pub watch: Watch,
    /// Seconds between two full listings.
    pub scan_interval_secs: u64,
    /// Milliseconds of quiet after which a file counts as finished.
    pub settle_ms: u64,
    /// Seconds that a file which ends too early has to be finished, before it is refused.
    pub truncated_grace_secs: u64,
    /// What stands behind a source's name in the name of its marker, without which it is not taken; empty: no markers.
    pub done_marker: String,
    /// Globs of manifests, one of which must name a source for it to be taken; none: no manifests.
    pub manifest: Vec<String>,
    /// Which of the waiting files is taken next.
    pub order: Order,
    /// Which part of the files is taken, where several agents divide the inbox among them.
    pub shard: Shard,
}

impl Inbox {
    /// The defaults for the inbox at `path`.
    #[must_use]
    pub fn at(path: PathBuf) -> Self {
        Self {
            path,
            recursive: false,
            include: ["*.json", "*.jsonl", "*.ndjson"].map(String::from).to_vec(),
            exclude: Vec::new(),
            watch: Watch::Auto,
            scan_interval_secs: 60,
            settle_ms: 500,
            truncated_grace_secs: 60,
            done_marker: String::new(),
            manifest: Vec::new(),
            order: Order::OldestFirst,
            shard: Shard::default(),
        }
    }
}

/// `[source]`: what becomes of a source.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Source {
    /// After its output and the record of it are durable.
    pub after: After,
    /// Where sources go when `after` is [`After::Archive`], absolute.
    pub archive: PathBuf,
    /// Days that sources stay there; 0 stands for ever.
    pub archive_keep_days: u64,
    /// Where sources go that cannot be converted, absolute.
    pub quarantine: PathBuf,
}

impl Source {
    /// The defaults for sources in `inbox`: the other folders stand beside it.
    #[must_use]
    pub fn beside(inbox: &Path) -> Self {
        let parent = inbox.parent().unwrap_or(inbox);
        let (archive, quarantine) = (parent.join("archive"), parent.join("quarantine"));
        Self { after: After::Keep, archive, archive_keep_days: 0, quarantine }
    }
}

/// `[output]`: where outputs go and what they look like.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Output {
    /// The outbox, absolute.
    pub path: PathBuf,
    /// File format.
    pub format: Format,
    /// Layout inside HDF5.
    pub layout: Layout,
    /// Path of the frame inside the file: `/` and one or more names.
    pub key: String,
    /// Compression inside the file.
    pub compression: Compression,
    /// What happens to a column that the format has no type for.
    pub on_unfit: OnUnfit,
    /// What outputs are called, apart from their ending and the mirrored folder they are in.
    pub name: NameTemplate,
    /// What happens when an output of that name is there already.
    pub on_existing: OnExisting,
    /// Whether file and folder are synced to disk before the record says done.
    pub durable: bool,
    /// Globs; sources of one folder that one of them matches become one output together; none: each becomes its own.
    pub gather: Vec<String>,
    /// So many sources at most become one output.
    pub gather_files: usize,
    /// So many bytes of sources at most; a larger source becomes an output of its own.
    pub gather_bytes: u64,
    /// Seconds that the first of them waits for others.
    pub gather_secs: u64,
    /// The column that tells for each row which source it came from; empty: none.
    pub gather_source_column: String,
}

impl Output {
    /// The defaults for the outbox at `path`.
    #[must_use]
    pub fn to(path: PathBuf) -> Self {
        Self {
            path,
            format: Format::Hdf5,
            layout: Layout::Fixed,
            key: "/data".to_owned(),
            compression: Compression::None,
            on_unfit: OnUnfit::Refuse,
            name: NameTemplate::default(),
            on_existing: OnExisting::Version,
            durable: true,
            gather: Vec::new(),
            gather_files: 1000,
            gather_bytes: 64 << 20,
            gather_secs: 60,
            gather_source_column: String::new(),
        }
    }
}

/// `[records]`: how the text of a source becomes records.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Records {
    /// What the text of a source is.
    pub input: Input,
    /// What a record that cannot be read does to its file.
    pub on_bad_record: OnBadRecord,
    /// What becomes of arrays and objects inside a record.
    pub nested: Nested,
    /// Which dtypes columns are to have: a column's name, or a glob of several, and the dtype.
    #[serde(serialize_with = "as_table")]
    pub types: TypeHints,
}

fn as_table<S: Serializer>(types: &TypeHints, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(types.iter().map(|(name, hint)| (name, hint)))
}

impl Default for Records {
    fn default() -> Self {
        Self {
            input: Input::Auto,
            on_bad_record: OnBadRecord::RejectFile,
            nested: Nested::Object,
            types: TypeHints::new(),
        }
    }
}

/// `[limits]`: what one source may cost before it is refused.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Limits {
    /// Memory for all workers together, bytes; 0 stands for a quarter of the machine's.
    pub memory_bytes: u64,
    /// Longest source, bytes as it lies on disk; 0 stands for any.
    pub file_bytes: u64,
    /// Longest record, bytes.
    pub record_bytes: u64,
    /// Deepest nesting of arrays and objects in one record.
    pub depth: usize,
    /// Most columns.
    pub columns: usize,
    /// How many times its size a compressed source may grow, and a text as a table.
    pub decompression_ratio: u64,
    /// Longest conversion, seconds.
    pub convert_secs: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_bytes: 0,
            file_bytes: 0,
            record_bytes: 256 * 1024 * 1024,
            depth: 512,
            columns: 100_000,
            decompression_ratio: 1000,
            convert_secs: 3600,
        }
    }
}

/// `[retry]`: what happens after a failure that is not the fault of the source.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Retry {
    /// Attempts that may bring the agent down, or run into an error of the program, the first one included.
    pub max_attempts: u32,
    /// Seconds before the second attempt; each further wait is twice as long.
    pub backoff_secs: u64,
    /// Longest wait, seconds; never below `backoff_secs`.
    pub backoff_max_secs: u64,
}

impl Default for Retry {
    fn default() -> Self {
        Self { max_attempts: 5, backoff_secs: 1, backoff_max_secs: 900 }
    }
}

/// `[ledger]`: where the record of all jobs is kept.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Ledger {
    /// `sqlite:` and an absolute path, or `postgres://` and the database that several agents share. May hold a password:
    /// [`Ledger::shown_url`] is for people.
    pub url: String,
    /// The schema of the database that all tables are in.
    pub schema: String,
    /// What this agent is called among those that share the database; empty: as its host.
    pub agent: String,
    /// Seconds after which an agent that was not heard of is taken for dead.
    pub lease_secs: u64,
    /// A file whose first line is the password of the database, absolute, or empty for none.
    pub password_file: PathBuf,
    /// A file with the certificates that the database's is to be signed by, absolute; empty: those of the system.
    pub tls_ca: PathBuf,
    /// Days that finished jobs stay in it at least; 0 stands for ever.
    pub keep_days: u64,
}

/// What kind of ledger it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LedgerKind {
    /// One agent's own, in this file.
    Sqlite(PathBuf),
    /// A database that several agents share.
    Postgres,
}

impl Ledger {
    /// What kind of ledger `url` names.
    #[must_use]
    pub fn kind(&self) -> LedgerKind {
        if self.url.starts_with("postgres") { LedgerKind::Postgres } else { LedgerKind::Sqlite(self.sqlite_path()) }
    }

    /// The file that `url` names, if it is one.
    #[must_use]
    pub fn file(&self) -> Option<PathBuf> {
        match self.kind() {
            LedgerKind::Sqlite(path) => Some(path),
            LedgerKind::Postgres => None,
        }
    }

    /// The file that `url` names.
    #[must_use]
    pub fn sqlite_path(&self) -> PathBuf {
        Path::new(self.url.strip_prefix("sqlite:").unwrap_or(&self.url)).components().collect()
    }

    /// `url`, a password in it replaced.
    #[must_use]
    pub fn shown_url(&self) -> String {
        masked(&self.url)
    }
}

impl Default for Ledger {
    fn default() -> Self {
        Self {
            url: "sqlite:/var/lib/h5inbox/ledger.sqlite".to_owned(),
            schema: "h5inbox".to_owned(),
            agent: String::new(),
            lease_secs: 60,
            password_file: PathBuf::new(),
            tls_ca: PathBuf::new(),
            keep_days: 365,
        }
    }
}

/// `[status]`: where monitors may ask.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Status {
    /// Address and port, or empty for none.
    pub listen: String,
    /// A file that the metrics are written to, absolute, or empty for none.
    pub textfile: PathBuf,
    /// Where `h5inbox status` asks the agent, absolute, or empty for the usual place.
    pub socket: PathBuf,
}

impl Status {
    /// The file that metrics are written to, if there is to be one.
    #[must_use]
    pub fn textfile(&self) -> Option<&Path> {
        (!self.textfile.as_os_str().is_empty()).then_some(self.textfile.as_path())
    }
}

impl Default for Status {
    fn default() -> Self {
        Self { listen: "127.0.0.1:9815".to_owned(), textfile: PathBuf::new(), socket: PathBuf::new() }
    }
}

/// `[profile]`: what the last files cost, on a page.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Profile {
    /// The page, absolute, or empty for none.
    pub path: PathBuf,
    /// Files that it tells of: the last ones to finish.
    pub files: usize,
}

impl Profile {
    /// The page, if there is to be one.
    #[must_use]
    pub fn page(&self) -> Option<&Path> {
        (!self.path.as_os_str().is_empty()).then_some(self.path.as_path())
    }
}

impl Default for Profile {
    fn default() -> Self {
        Self { path: PathBuf::new(), files: 100 }
    }
}

/// `[log]`: what is logged, and how.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Log {
    /// How log lines are written.
    pub format: LogFormat,
    /// The least important message that is still logged.
    pub level: LevelName,
}

impl Default for Log {
    fn default() -> Self {
        Self { format: LogFormat::Auto, level: LevelName::Info }
    }
}
