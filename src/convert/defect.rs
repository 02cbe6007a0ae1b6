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
    /// The column at fault, where the record is JSON and one of its values is wrong.
    pub column: Option<String>,
    /// What to do next: a command or a setting.
    pub hint: String,
}

impl Defect {
    fn new(code: &'static str, what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { code, what: what.into(), line: None, byte: None, excerpt: None, column: None, hint: hint.into() }
    }

    /// The line is not JSON as Python's `json.loads` has it.
    pub(crate) fn bad_json(what: impl Into<String>) -> Self {
        Self::new("bad_json", what, "correct the line, then retry the file")
    }

    /// The line's bytes are not UTF-8.
    pub(crate) fn bad_utf8() -> Self {
        Self::new("bad_utf8", "these bytes are not UTF-8", "save the file as UTF-8, then retry it")
    }

    /// The file is in another encoding, or compressed.
    pub(crate) fn not_json_text(what: &str, hint: &str) -> Self {
        Self::new("not_json_text", what, hint)
    }

    /// The file is one document spread over lines.
    pub(crate) fn one_document() -> Self {
        let what = "looks like one JSON document spread over lines, not JSON lines (one whole record a line)";
        Self::new(
            "not_json_lines",
            what,
            "write one record a line, for example with `jq -c '.[]' FILE` or `jq -c . FILE`",
        )
    }

    /// Lines of different kinds.
    pub(crate) fn mixed_lines(line: u64, expected: super::frame::LineKind, found: super::frame::LineKind) -> Self {
        let what = format!("expected {} as on the first line, found {}", expected.name(), found.name());
        Self::new("mixed_lines", what, "make every line the same kind of record, then retry the file").at_line(line)
    }

    /// A lone surrogate in a text column or key.
    pub(crate) fn lone_surrogate(line: u64, column: &str) -> Self {
        let shown = escape(column.as_bytes(), 60);
        let what = format!("text in column `{shown}` holds half of a surrogate pair (\\ud800 to \\udfff), no Unicode");
        let hint = "correct the escape sequence, then retry the file";
        Self::new("lone_surrogate", what, hint).at_line(line).in_column(column)
    }

    /// A value that is not of the dtype which `records.types` gives its column.
    pub(crate) fn misfit(line: u64, column: &str, why: &str) -> Self {
        let what = format!("column `{}`: {why}", escape(column.as_bytes(), 60));
        let hint = "correct the value, or change `records.types`, then retry the file";
        Self::new("type_misfit", what, hint).at_line(line).in_column(column)
    }

    /// Two columns whose flattened names are the same.
    pub(crate) fn label_clash(line: u64, label: &str) -> Self {
        let what = format!("two different members are flattened to the column `{}`", escape(label.as_bytes(), 60));
        let hint = "rename one of the keys, or set `records.nested` to \"object\" or \"json\"";
        Self::new("label_clash", what, hint).at_line(line).in_column(label)
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
    pub(crate) fn colliding_labels(label: &str) -> Self {
        let what = format!("two keys differ only by NUL characters at their end: `{}`", escape(label.as_bytes(), 60));
        Self::new("colliding_labels", what, "rename one of the keys, then retry the file")
    }

    /// Deeper than `limits.depth`.
    pub(crate) fn too_deep(limit: usize) -> Self {
        Self::limit("limit_depth", format!("nesting deeper than {limit}"), "limits.depth")
    }

    /// More than `limits.columns`.
    pub(crate) fn too_many_columns(line: u64, limit: usize) -> Self {
        Self::limit("limit_columns", format!("more than {limit} columns"), "limits.columns").at_line(line)
    }

    /// A record over `limits.record_bytes`.
    pub(crate) fn record_too_long(line: u64, limit: u64) -> Self {
        Self::limit("limit_record_bytes", format!("record of more than {limit} bytes"), "limits.record_bytes")
            .at_line(line)
    }

    /// A file over `limits.file_bytes`.
    pub(crate) fn file_too_long(size: u64, limit: u64) -> Self {
        let what = format!("file of {size} bytes is over the limit of {limit}");
        Self::limit("limit_file_bytes", what, "limits.file_bytes")
    }

    /// A conversion over `limits.convert_secs`.
    pub(crate) fn too_slow(limit: u64) -> Self {
        Self::limit("limit_convert_secs", format!("conversion took longer than {limit} s"), "limits.convert_secs")
    }

    /// An output that its format cannot hold.
    pub(crate) fn too_large_for_format(what: String) -> Self {
        Self::new("limit_format", what, "split the file into smaller ones")
    }

    fn limit(code: &'static str, what: String, key: &str) -> Self {
        let what = format!("{what} (`{key}`)");
        Self::new(code, what, format!("raise `{key}` in the configuration if this is meant, then retry the file"))
    }

    /// The same defect, known to be on `line`, unless its line is known already.
    #[must_use]
    pub(crate) fn at_line(mut self, line: u64) -> Self {
        self.line = self.line.or(Some(line));
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
            _ => {}
        }
        f.write_str(&self.what)?;
        match &self.excerpt {
            Some(excerpt) => write!(f, ", near `{excerpt}`"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Defect {}

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
