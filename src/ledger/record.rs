//! What the ledger tells people and their programs: history and totals.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use crate::source::Shown;

use super::{Disposition, JobId, State};

/// Everything about one job. Serialises to one object of `history --json`: that contract is this order and these
/// names, paths escaped as [`Shown`] does, times in RFC 3339 UTC with milliseconds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Record {
    /// The job's number.
    pub id: JobId,
    /// The source, relative to the inbox.
    #[serde(serialize_with = "path")]
    pub path: PathBuf,
    /// Where it stands.
    pub state: State,
    /// Attempts begun.
    pub attempts: u32,
    /// Rows in the output that are of this source.
    pub rows: Option<u64>,
    /// Columns in the output.
    pub columns: Option<u64>,
    /// Records that were left out.
    pub bad_records: Option<u64>,
    /// Length of the source, as it lies on disk.
    pub source_bytes: u64,
    /// SHA-256 of the source, in hexadecimal.
    #[serde(serialize_with = "hash")]
    pub source_hash: Option<[u8; 32]>,
    /// The output.
    #[serde(serialize_with = "optional_path")]
    pub output: Option<PathBuf>,
    /// Length of the output; of one that several sources share, the first says it, and the others say 0.
    pub output_bytes: Option<u64>,
    /// When the source was found ready.
    #[serde(serialize_with = "time")]
    pub seen_at: Timestamp,
    /// When the latest attempt began.
    #[serde(serialize_with = "optional_time")]
    pub started_at: Option<Timestamp>,
    /// When the latest attempt ended.
    #[serde(serialize_with = "optional_time")]
    pub finished_at: Option<Timestamp>,
    /// Seconds from ready to the start of the attempt.
    pub wait_s: Option<f64>,
    /// Seconds of reading and converting.
    pub convert_s: Option<f64>,
    /// Seconds of publishing.
    pub publish_s: Option<f64>,
    /// The last error, as a stable word.
    pub error_code: Option<String>,
    /// The last error, as a sentence.
    pub error: Option<String>,
    /// Line of the source, from 1.
    pub line: Option<u64>,
    /// Byte of the source, from 0.
    pub byte: Option<u64>,
    /// The host that last worked on it.
    pub host: String,
    /// What becomes of the source.
    pub disposition: Disposition,
    /// When the next attempt may start.
    #[serde(serialize_with = "time")]
    pub run_at: Timestamp,
    /// The job that converted the same bytes.
    pub duplicate_of: Option<JobId>,
    /// What the conversion warned of: a list of objects with `code`, `column`, `line` and `message`.
    #[serde(serialize_with = "json_text")]
    pub warnings: Option<String>,
    /// How the records stood in the source: lines, array, object or objects.
    pub input: Option<String>,
    /// How the source was compressed, or `none`.
    pub compression: Option<String>,
    /// Whether a byte order mark was stripped from its text.
    pub bom: Option<bool>,
    /// Where its rows begin in an output that it shares with others; null where it has its own.
    pub first_row: Option<u64>,
    /// When the source left the inbox.
    #[serde(serialize_with = "optional_time")]
    pub disposed_at: Option<Timestamp>,
    /// Where it is in the archive, relative to that; null if it is not there.
    #[serde(serialize_with = "optional_path")]
    pub archived: Option<PathBuf>,
}

/// Which jobs `history` shows; the default is all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HistoryFilter {
    /// In this state.
    pub state: Option<State>,
    /// That changed at this time or later.
    pub since: Option<Timestamp>,
    /// So many.
    pub limit: Option<usize>,
    /// Versions of this path, relative to the inbox.
    pub path: Option<PathBuf>,
    /// The job of this number.
    pub id: Option<JobId>,
}

/// The ledger in a few numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Jobs in each state; every state is present.
    pub files: BTreeMap<State, u64>,
    /// Rows of the jobs that are done.
    pub rows: u64,
    /// Records that were left out of them.
    pub bad_records: u64,
    /// Bytes of their sources.
    pub bytes_in: u64,
    /// Bytes of their outputs.
    pub bytes_out: u64,
    /// When the last of them was done.
    pub last_success_at: Option<Timestamp>,
    /// When the oldest waiting source was found ready.
    pub oldest_waiting: Option<Timestamp>,
}

impl Totals {
    /// Jobs in `state`.
    #[must_use]
    pub fn count(&self, state: State) -> u64 {
        self.files.get(&state).copied().unwrap_or(0)
    }

    /// Jobs that a worker has in hand.
    #[must_use]
    pub fn running(&self) -> u64 {
        self.count(State::Running) + self.count(State::Publishing)
    }

    /// Jobs that wait for another attempt.
    #[must_use]
    pub fn retrying(&self) -> u64 {
        self.count(State::Failed)
    }
}

/// A time as it is written everywhere: of one width, so that text sorts as time does.
pub(super) fn written(time: Timestamp) -> String {
    format!("{time:.3}")
}

fn path<S: Serializer>(path: &Path, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(&Shown(path))
}

#[expect(clippy::ref_option, reason = "serde hands over a reference to the field")]
fn optional_path<S: Serializer>(path: &Option<PathBuf>, to: S) -> Result<S::Ok, S::Error> {
    path.as_deref().map(|path| Shown(path).to_string()).serialize(to)
}

#[expect(clippy::ref_option, reason = "serde hands over a reference to the field")]
fn hash<S: Serializer>(hash: &Option<[u8; 32]>, to: S) -> Result<S::Ok, S::Error> {
    let digits = |hash: &[u8; 32]| hash.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
    hash.as_ref().map(digits).serialize(to)
}

/// JSON that is text in the ledger is JSON again.
#[expect(clippy::ref_option, reason = "serde hands over a reference to the field")]
fn json_text<S: Serializer>(text: &Option<String>, to: S) -> Result<S::Ok, S::Error> {
    let value = text.as_ref().and_then(|text| serde_json::from_str::<serde_json::Value>(text).ok());
    value.unwrap_or(serde_json::Value::Array(Vec::new())).serialize(to)
}

pub(super) fn time<S: Serializer>(time: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&written(*time))
}

#[expect(clippy::ref_option, reason = "serde hands over a reference to the field")]
fn optional_time<S: Serializer>(time: &Option<Timestamp>, to: S) -> Result<S::Ok, S::Error> {
    time.map(written).serialize(to)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_record_is_written_as_the_contract_says() {
        let record = Record {
            id: JobId(7),
            path: PathBuf::from("a\nb.json"),
            state: State::Done,
            attempts: 1,
            rows: Some(3),
            columns: Some(2),
            bad_records: Some(0),
            source_bytes: 40,
            source_hash: Some([0xab; 32]),
            output: Some(PathBuf::from("a.h5")),
            output_bytes: Some(900),
            seen_at: at("2026-01-02T03:04:05.678901Z"),
            started_at: Some(at("2026-01-02T03:04:06Z")),
            finished_at: None,
            wait_s: Some(0.5),
            convert_s: None,
            publish_s: None,
            error_code: None,
            error: None,
            line: None,
            byte: None,
            host: "here".to_owned(),
            disposition: Disposition::Pending,
            run_at: at("2026-01-02T03:04:05Z"),
            duplicate_of: None,
            warnings: Some(r#"[{"code":"all_null"}]"#.to_owned()),
            input: Some("lines".to_owned()),
            compression: Some("none".to_owned()),
            bom: Some(false),
            first_row: None,
            disposed_at: None,
            archived: Some(PathBuf::from("sub/a~2.json")),
        };
        let expected = format!(
            concat!(
                r#"{{"id":7,"path":"a\\nb.json","state":"done","attempts":1,"rows":3,"columns":2,"bad_records":0,"#,
                r#""source_bytes":40,"source_hash":"{}","output":"a.h5","output_bytes":900,"#,
                r#""seen_at":"2026-01-02T03:04:05.678Z","started_at":"2026-01-02T03:04:06.000Z","finished_at":null,"#,
                r#""wait_s":0.5,"convert_s":null,"publish_s":null,"error_code":null,"error":null,"line":null,"#,
                r#""byte":null,"host":"here","disposition":"pending","run_at":"2026-01-02T03:04:05.000Z","#,
                r#""duplicate_of":null,"warnings":[{{"code":"all_null"}}],"input":"lines","compression":"none","bom":false,"first_row":null,"#,
                r#""disposed_at":null,"archived":"sub/a~2.json"}}"#
            ),
            "ab".repeat(32)
        );
        assert_eq!(serde_json::to_string(&record).unwrap(), expected);
    }
}
