//! What is wrong with a source itself: permanent, told with line, byte, excerpt and what to do next.

use std::fmt;

/// A reason for which a source can never be converted as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Defect {
    /// Stable name of the kind of defect, for programs: `bad_json`, `limit_depth` …
    pub code: &'static str,
    /// What is wrong, as a fragment that fits behind "line 3, byte 170: ".
    pub what: String,
    /// One-based line of the source.
    pub line: Option<u64>,
    /// Byte of the source at which the defect was found, counted from 0.
    pub byte: Option<u64>,
    /// The text around that byte, shortened and made safe to print.
    pub excerpt: Option<String>,
    /// The record at fault as its number in the source, blank lines and records that were left out counted, too, from 0;
    /// where its place is not known yet: several records of a document may stand on one line.
    pub(crate) record: Option<u64>,
    /// The column at fault, where the record is JSON and one of its values is wrong.
    pub column: Option<String>,
    /// What to do next: a command or a setting.
    pub hint: String,
    /// Whether the source only ends too early: it may just not be finished yet.
    pub truncated: bool,
    /// Whether lines that follow could complete the record: it ends between two tokens of an array or object.
    pub(crate) goes_on: bool,
}

impl Defect {
    fn new(code: &'static str, what: impl Into<String>, hint: impl Into<String>) -> Self {
        let (what, hint) = (what.into(), hint.into());
        let (line, byte, excerpt, column) = (None, None, None, None);
        Self { code, what, line, byte, excerpt, record: None, column, hint, truncated: false, goes_on: false }
    }

    /// The record is not JSON as Python's `json.loads` has it.
    pub(crate) fn bad_json(what: impl Into<String>) -> Self {
        Self::new("bad_json", what, "correct the line, then retry the file")
    }

    /// The bytes from `offset` of `line` on are not UTF-8. One alone among plain letters is likely to be of an 8-bit
    /// encoding, which is then named.
    pub(crate) fn bad_utf8(line: &[u8], offset: usize) -> Self {
        let what = "these bytes are not UTF-8";
        let defect = if stands_alone(line, offset) {
            let what = format!("{what}; 0x{:02x} alone may be Windows-1252 or Latin-1", line[offset]);
            Self::new("bad_utf8", what, "convert it, for example with `iconv -f WINDOWS-1252 -t UTF-8`, then retry it")
        } else {
            Self::new("bad_utf8", what, "save the file as UTF-8, then retry it")
        };
        defect.at_byte(line, offset)
    }

    /// A compressed stream that its decoder refuses, or that something else follows.
    pub(crate) fn bad_compression(what: impl Into<String>) -> Self {
        Self::new("bad_compression", what, "transfer or compress the file again, then retry it")
    }

    /// A compressed source over `limits.decompression_ratio`.
    pub(crate) fn expands_too_much(ratio: u64) -> Self {
        let what = format!("expands more than {ratio}:1");
        Self::limit("limit_decompression_ratio", &what, "limits.decompression_ratio")
    }

    /// A frame over `limits.decompression_ratio`.
    pub(crate) fn output_too_large(rows: u64, columns: u64, bytes: u64, ratio: u64) -> Self {
        let what = format!(
            "{rows} records of {columns} different keys make {bytes} bytes of almost only missing values, more than {ratio} \
             for each byte of text"
        );
        Self::limit("limit_decompression_ratio", &what, "limits.decompression_ratio")
    }

    /// The source ends before what it holds does.
    pub(crate) fn ends_too_early(what: impl Into<String>) -> Self {
        let what = format!("the file ends too early: {}", what.into());
        let hint = "wait until it is whole, or deliver it again; then retry it";
        Self { truncated: true, ..Self::new("truncated", what, hint) }
    }

    /// The file is in another encoding, or compressed.
    pub(crate) fn not_json_text(what: &str, hint: &str) -> Self {
        Self::new("not_json_text", what, hint)
    }

    /// The file is one document spread over lines.
    pub(crate) fn one_document() -> Self {
        let what = "looks like one JSON document spread over lines, not JSON lines (one whole record a line)";
        Self::new("not_json_lines", what, "set `records.input` to \"auto\" or \"document\", then retry the file")
    }

    /// A document that is neither an array nor objects.
    pub(crate) fn not_a_document(found: &str) -> Self {
        let what = format!("expected an array or an object, found {found}");
        Self::new("bad_json", what, "correct the file, or set `records.input` to \"lines\"; then retry it")
    }

    /// Records of different kinds.
    pub(crate) fn mixed_lines(line: u64, expected: super::frame::LineKind, found: super::frame::LineKind) -> Self {
        let what = format!("expected {} as in the first record, found {}", expected.name(), found.name());
        Self::new("mixed_lines", what, "make all records of the same kind, then retry the file").at_line(line)
    }

    /// A lone surrogate in a key, which is the name of a column.
    pub(crate) fn lone_surrogate_in_key(line: u64, key: &str) -> Self {
        Self::half_a_pair(&format!("the key `{}`", escape(key.as_bytes(), 60)), line, key)
    }

    /// A lone surrogate in a text column.
    pub(crate) fn lone_surrogate(line: u64, column: &str) -> Self {
        Self::half_a_pair(&format!("text in column `{}`", escape(column.as_bytes(), 60)), line, column)
    }

    fn half_a_pair(what: &str, line: u64, column: &str) -> Self {
        let what = format!("{what} holds half of a surrogate pair (\\ud800 to \\udfff), no Unicode");
        let hint = "correct the escape sequence, then retry the file";
        Self::new("lone_surrogate", what, hint).at_line(line).in_column(column)
    }

    /// A value that is not of the dtype which `records.types` gives its column.
    pub(crate) fn misfit(line: u64, column: &str, why: &str) -> Self {
        let what = format!("column `{}`: {why}", escape(column.as_bytes(), 60));
        let hint = "correct the value, or change `records.types`, then retry the file";
        Self::new("type_misfit", what, hint).at_line(line).in_column(column)
    }

    /// A value that the format has no type for beside those before it.
    pub(crate) fn unfit(line: u64, column: &str, why: &str) -> Self {
        let what = format!("column `{}`: {why}", escape(column.as_bytes(), 60));
        let hint = "set `output.on_unfit` to \"text\" (`--on-unfit text`) to have such columns as text, or choose another \
                    format or layout; then retry the file";
        Self::new("unfit_column", what, hint).at_line(line).in_column(column)
    }

    /// A text that the format would give back otherwise than it was.
    pub(crate) fn lossy_text(line: u64, column: &str, why: &str) -> Self {
        let what = format!("column `{}`: {why}", escape(column.as_bytes(), 60));
        let hint = "correct the value, or choose another format or layout; then retry the file";
        Self::new("unfit_text", what, hint).at_line(line).in_column(column)
    }

    /// A table whose rows are all as wide as the longest text of `column`, and too wide together.
    pub(crate) fn padded_too_far(rows: u64, row_bytes: u64, column: &str, longest: usize) -> Self {
        let what = format!(
            "{rows} rows of {row_bytes} bytes each, because column `{}` has a text of {longest} bytes and a table gives \
             every row as much",
            escape(column.as_bytes(), 60)
        );
        let defect = Self::limit("limit_decompression_ratio", &what, "limits.decompression_ratio");
        let hint = format!("choose another layout, or {}", defect.hint);
        Self { hint, ..defect }.in_column(column)
    }

    /// Records without any key, for a format that has no rows without columns.
    pub(crate) fn no_columns(format: &str) -> Self {
        let what = format!("no record has a key, and {format} has no rows without columns");
        Self::new("no_columns", what, "choose another format, then retry the file")
    }

    /// Two columns whose flattened names are the same.
    pub(crate) fn label_clash(line: u64, label: &str) -> Self {
        let what = format!("two different members are flattened to the column `{}`", escape(label.as_bytes(), 60));
        let hint = "rename one of the keys, or set `records.nested` to \"object\" or \"json\"";
        Self::new("label_clash", what, hint).at_line(line).in_column(label)
    }

    /// Records that are not objects have no names of columns, so that there is no place for one more.
    pub(crate) fn no_source_column(line: u64, name: &str, kind: super::frame::LineKind) -> Self {
        let what = format!("a column `{name}` cannot stand beside records each of which is {}", kind.name());
        Self::new("source_column", what, "set `output.gather_source_column` to \"\", then retry the file").at_line(line)
    }

    /// The source has a column of the name that the one which tells where rows come from is to have.
    pub(crate) fn source_column_taken(line: u64, name: &str) -> Self {
        let what = format!(
            "column `{}` is to tell where rows come from, and the records have it",
            escape(name.as_bytes(), 60)
        );
        let hint = "set `output.gather_source_column` to another name, then retry the file";
        Self::new("source_column", what, hint).at_line(line).in_column(name)
    }

    /// The program contradicts itself.
    pub(crate) fn internal(what: &str) -> Self {
        Self::new("internal", format!("internal error: {what}"), "please report it, with the source")
    }

    /// Every record is bad: there is nothing to convert.
    pub(crate) fn nothing_good(self) -> Self {
        Self { what: format!("no record can be read; the first: {}", self.what), ..self }
    }

    /// Two labels that HDF5 cannot tell apart.
    pub(crate) fn colliding_labels(line: u64, label: &str) -> Self {
        let what = format!("two keys differ only by NUL characters at their end: `{}`", escape(label.as_bytes(), 60));
        Self::new("colliding_labels", what, "rename one of the keys, then retry the file")
            .at_line(line)
            .in_column(label)
    }

    /// Deeper than `limits.depth`.
    pub(crate) fn too_deep(limit: usize) -> Self {
        Self::limit("limit_depth", &format!("nesting deeper than {limit}"), "limits.depth")
    }

    /// More than `limits.columns`.
    pub(crate) fn too_many_columns(line: u64, limit: usize) -> Self {
        Self::limit("limit_columns", &format!("more than {limit} columns"), "limits.columns").at_line(line)
    }

    /// A record over `limits.record_bytes`.
    pub(crate) fn record_too_long(line: u64, limit: u64) -> Self {
        Self::limit("limit_record_bytes", &format!("record of more than {limit} bytes"), "limits.record_bytes")
            .at_line(line)
    }

    /// A file over `limits.file_bytes`.
    pub(crate) fn file_too_long(size: u64, limit: u64) -> Self {
        let what = format!("file of {size} bytes is over the limit of {limit}");
        Self::limit("limit_file_bytes", &what, "limits.file_bytes")
    }

    /// Records that need more than `limits.memory_bytes` allows.
    pub(crate) fn too_much_memory(line: u64, bytes: u64) -> Self {
        let what =
            format!("the records from here on need {bytes} bytes of memory at once, more than one worker may take");
        Self::limit("limit_memory_bytes", &what, "limits.memory_bytes").at_line(line)
    }

    /// A conversion over `limits.convert_secs`.
    pub(crate) fn too_slow(limit: u64) -> Self {
        Self::limit("limit_convert_secs", &format!("conversion took longer than {limit} s"), "limits.convert_secs")
    }

    /// Somebody who waited for the conversion does so no more.
    pub(crate) fn interrupted() -> Self {
        Self::new("interrupted", "the conversion was interrupted", "convert the file again")
    }

    /// An output that its format cannot hold.
    pub(crate) fn too_large_for_format(what: String) -> Self {
        Self::new("limit_format", what, "split the file into smaller ones")
    }

    fn limit(code: &'static str, what: &str, key: &str) -> Self {
        let what = format!("{what} (`{key}`)");
        Self::new(code, what, format!("raise `{key}` in the configuration if this is meant, then retry the file"))
    }

    /// The same defect, known to be on `line`, unless its line is known already.
    #[must_use]
    pub(crate) fn at_line(mut self, line: u64) -> Self {
        self.line = self.line.or(Some(line));
        self
    }

    /// The same defect, known to be in record number `record` of the source, blank lines and records left out counted, from 0.
    #[must_use]
    pub(crate) fn in_record(mut self, record: u64) -> Self {
        self.record = self.record.or(Some(record));
        self
    }

    #[must_use]
    fn in_column(mut self, column: &str) -> Self {
        self.column = Some(column.to_owned());
        self
    }

    /// The same defect, found at the zero-based `offset` in `line`.
    #[must_use]
    pub(crate) fn at_byte(mut self, line: &[u8], offset: usize) -> Self {
        self.byte = Some(offset as u64);
        self.excerpt = Some(excerpt(line, offset));
        self
    }

    /// The same limit, which a line that begins with `text` may be over because it is an array of records.
    #[must_use]
    pub(crate) fn or_one_array(mut self, text: &[u8]) -> Self {
        if text.trim_ascii_start().starts_with(b"[") {
            self.hint.push_str("; if the file is one array of records, set `records.input` to \"document\" instead");
        }
        self
    }

    /// The same defect, which is only that the source ends too early.
    #[must_use]
    pub(crate) fn ended_too_early(self) -> Self {
        let Self { line, byte, excerpt, what, .. } = self;
        Self { line, byte, excerpt, ..Self::ends_too_early(what) }
    }

    /// The same defect of a source that had to be unpacked.
    #[must_use]
    pub(crate) fn in_unpacked_text(mut self) -> Self {
        if self.line.is_some() {
            self.hint.push_str(" (line and byte are those of the unpacked text)");
        }
        self
    }

    /// The same defect, its byte counted from so many bytes earlier.
    #[must_use]
    pub(crate) fn offset_by(mut self, bytes: u64) -> Self {
        self.byte = self.byte.map(|byte| byte + bytes);
        self
    }
}

impl fmt::Display for Defect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.line, self.byte) {
            (Some(line), Some(byte)) => write!(f, "line {line}, byte {byte}: ")?,
            (Some(line), None) => write!(f, "line {line}: ")?,
            (None, Some(byte)) => write!(f, "byte {byte}: ")?,
            (None, None) => {}
        }
        f.write_str(&self.what)?;
        match &self.excerpt {
            Some(excerpt) => write!(f, ", near `{excerpt}`"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Defect {}

/// What stands where something else was expected, in words; `None` is the end of the text.
pub(crate) fn found(byte: Option<u8>) -> String {
    match byte {
        None => "the end of the line".to_owned(),
        Some(0) => "NUL".to_owned(),
        Some(byte @ 0x21..=0x7e) => format!("`{}`", byte as char),
        Some(byte) => format!("byte 0x{byte:02x}"),
    }
}

/// Whether the byte at `offset` has ASCII around it, as a letter of an 8-bit encoding in plain text has.
fn stands_alone(line: &[u8], offset: usize) -> bool {
    let before = offset.checked_sub(1).and_then(|at| line.get(at));
    before.is_some_and(u8::is_ascii) && line.get(offset + 1).is_some_and(u8::is_ascii)
}

/// Up to 40 bytes before and 20 after `offset`, cut at characters.
fn excerpt(line: &[u8], offset: usize) -> String {
    let from = offset.min(line.len()).saturating_sub(40);
    let to = offset.saturating_add(20).min(line.len());
    let mut window = &line[from..to];
    while from > 0 && window.first().is_some_and(|b| b & 0xc0 == 0x80) {
        window = &window[1..];
    }
    escape(window, 240)
}

/// Bytes as printable text of at most `limit` characters.
pub(super) fn escape(bytes: &[u8], limit: usize) -> String {
    use std::os::unix::ffi::OsStrExt;
    let path = std::path::Path::new(std::ffi::OsStr::from_bytes(bytes));
    let shown = crate::source::Shown(path).to_string();
    match shown.char_indices().nth(limit) {
        Some((end, _)) => format!("{}…", &shown[..end]),
        None => shown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_defect_says_where_and_shows_only_printable_text() {
        let defect = Defect::bad_json("expected a value").at_line(3).at_byte(b"{\"a\": \x1b[31m}", 6);
        assert_eq!(defect.to_string(), "line 3, byte 6: expected a value, near `{\"a\": \\x1b[31m}`");
    }

    #[test]
    fn an_excerpt_of_a_long_line_is_short_and_cut_at_characters() {
        let line = "é".repeat(1000);
        let shown = excerpt(line.as_bytes(), 1001);
        assert!(shown.chars().count() <= 40, "{shown}");
        assert!(!shown.contains("\\x") || shown.ends_with("\\xc3"), "{shown}");
    }
}
