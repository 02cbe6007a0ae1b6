//! Records that were left out, and the file in which they are kept: one JSON object a line, as
//!
//! ```json
//! {"line": 3, "byte": 170, "column": null, "position": 12, "code": "bad_json", "reason": "…", "text": "{\"a\" 1}"}
//! ```
//!
//! `line` counts from 1 and `byte` from 0 in the source, `position` from 1 in the record; `column` names the column where
//! the record is JSON and a value in it is wrong. `text` is the record; where it is not UTF-8, `base64` is it instead.
//! Of a record that is far too long both are only the beginning, and `"cut": true` tells.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use base64::prelude::{BASE64_STANDARD, Engine};
use serde::Serialize;

use super::defect::Defect;
use super::frame::part::Part;
use super::output::OutputError;
use super::profile::{self, Stage};

/// A record that was left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BadRecord {
    /// What is wrong with it, and where in the source.
    pub(crate) defect: Defect,
    /// The byte of the source at which the record begins.
    pub(crate) start: u64,
    /// The record as it stands in the source.
    pub(crate) text: Vec<u8>,
    /// Whether that is its beginning only.
    pub(crate) cut: bool,
}

#[derive(Serialize)]
struct Written<'a> {
    line: Option<u64>,
    byte: u64,
    column: Option<&'a str>,
    position: Option<u64>,
    code: &'a str,
    reason: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    cut: bool,
}

/// Collects bad records in a file that is made with the first one.
pub(crate) struct BadRecords<'p> {
    path: Option<&'p Path>,
    file: Option<BufWriter<File>>,
    count: u64,
    /// What was wrong first.
    first: Option<Defect>,
}

impl<'p> BadRecords<'p> {
    /// Bad records for the new file `path`; without one they are only counted.
    pub(crate) fn to(path: Option<&'p Path>) -> Self {
        Self { path, file: None, count: 0, first: None }
    }

    /// Number of bad records.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// What was wrong with the first of them.
    pub(crate) fn first(&self) -> Option<&Defect> {
        self.first.as_ref()
    }

    /// Takes the bad records out of `part`.
    pub(crate) fn take_from(&mut self, mut part: Part) -> Result<Part, OutputError> {
        part.take_bad().iter().try_for_each(|record| self.add(record))?;
        Ok(part)
    }

    fn add(&mut self, record: &BadRecord) -> Result<(), OutputError> {
        self.count += 1;
        self.first.get_or_insert_with(|| record.defect.clone());
        let Some(path) = self.path else { return Ok(()) };
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(BufWriter::new(File::create(path).map_err(OutputError::io("create", path))?)),
        };
        write_line(file, record).map_err(OutputError::io("write", path))
    }

    /// Ends the file and returns its path, if there is one; with `durable` it is on disk then.
    pub(crate) fn finish(self, durable: bool) -> Result<Option<PathBuf>, OutputError> {
        let (Some(file), Some(path)) = (self.file, self.path) else { return Ok(None) };
        let file = file.into_inner().map_err(|e| OutputError::io("write", path)(e.into_error()))?;
        if durable {
            let _sync = profile::span(Stage::Fsync);
            file.sync_all().map_err(OutputError::io("sync", path))?;
        }
        Ok(Some(path.into()))
    }
}

/// Keys that every line has.
const KEYS: [&str; 6] = ["line", "byte", "column", "position", "code", "reason"];

/// The longest first line that is looked at: a record of any length may be in it, and the keys stand before that.
const FIRST_LINE: u64 = 64 << 10;

/// Returns true if and only if `path` is a regular file that begins as a file of bad records does.
#[must_use]
pub fn is_file_of_bad_records(path: &Path) -> bool {
    if !std::fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_file()) {
        return false;
    }
    let mut first = Vec::new();
    let read = File::open(path).and_then(|file| BufReader::new(file.take(FIRST_LINE)).read_until(b'\n', &mut first));
    let mut from = 0;
    let mut stands_next = |key: &&str| {
        let wanted = format!("\"{key}\":");
        let found = memchr::memmem::find(&first[from..], wanted.as_bytes());
        from += found.unwrap_or(0);
        found.is_some()
    };
    read.is_ok() && first.starts_with(b"{\"line\":") && KEYS.iter().all(&mut stands_next)
}

fn write_line(out: &mut impl Write, BadRecord { defect, start, text, cut }: &BadRecord) -> io::Result<()> {
    let utf8 = std::str::from_utf8(text).ok();
    let at = defect.byte.unwrap_or(*start);
    let line = Written {
        line: defect.line,
        byte: at,
        column: defect.column.as_deref(),
        position: defect.byte.and_then(|byte| byte.checked_sub(*start)).map(|offset| offset + 1),
        code: defect.code,
        reason: &defect.what,
        text: utf8,
        base64: utf8.is_none().then(|| BASE64_STANDARD.encode(text)),
        cut: *cut,
    };
    serde_json::to_writer(&mut *out, &line)?;
    out.write_all(b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_begins_as_our_files_do_is_taken_for_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.bad.ndjson");
        let long = "x".repeat(100_000);
        let ours = format!(
            "{{\"line\":1,\"byte\":0,\"column\":null,\"position\":null,\"code\":\"c\",\"reason\":\"r\",\"text\":\"{long}\"}}\n"
        );
        for (text, is_ours) in [
            (ours.as_str(), true),
            ("{\"line\":1,\"byte\":0,\"code\":\"c\"}\n", false),
            ("{\"line\":1}\n{\"byte\":0,\"column\":1,\"position\":1,\"code\":1,\"reason\":1}", false),
            ("", false),
        ] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(is_file_of_bad_records(&path), is_ours);
        }
        let link = folder.path().join("b.bad.ndjson");
        std::fs::write(&path, ours).unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(!is_file_of_bad_records(&link) && !is_file_of_bad_records(folder.path()));
    }

    #[test]
    fn a_bad_record_is_written_with_its_place_and_reason_and_no_file_is_made_without_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bad");
        let mut none = BadRecords::to(Some(&path));
        none.take_from(Part::new(1, None)).unwrap();
        assert_eq!(none.finish(true).unwrap(), None);
        assert!(!path.exists());
        let defect = Defect::bad_json("expected a value").at_line(3).at_byte(b"{\"a\" 1}", 5).offset_by(165);
        let mut bad = BadRecords::to(Some(&path));
        bad.add(&BadRecord { defect, start: 165, text: b"{\"a\" 1}".to_vec(), cut: false }).unwrap();
        bad.add(&BadRecord { defect: Defect::bad_utf8(b"\xff", 0), start: 180, text: b"\xff".to_vec(), cut: true })
            .unwrap();
        assert_eq!(bad.count(), 2);
        assert_eq!(bad.finish(true).unwrap().as_deref(), Some(path.as_path()));
        assert!(is_file_of_bad_records(&path));
        let written = std::fs::read_to_string(&path).unwrap();
        let (line, other) = written.split_once('\n').unwrap();
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let expected = serde_json::json!({"line": 3, "byte": 170, "column": null, "position": 6, "code": "bad_json",
            "reason": "expected a value", "text": "{\"a\" 1}"});
        assert_eq!(line, expected);
        assert!(
            other.contains("\"base64\":\"/w==\"") && !other.contains("\"text\"") && other.contains("\"cut\":true"),
            "{other}"
        );
    }
}
