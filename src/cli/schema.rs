//! `h5inbox schema`: what a file would give, without converting it.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::encoding::FormatOptions;
use super::records::RecordOptions;
use super::{ExitCode, output};
use crate::convert::{self, ConvertError, Options, Schema};
use crate::source::{Shown, open_named};

/// Options of `h5inbox schema`.
#[derive(Debug, Args)]
pub(super) struct SchemaVerb {
    /// Files to look at
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    format: FormatOptions,
    #[command(flatten)]
    records: RecordOptions,
    /// One JSON object a file and line: path, input, compression, rows, `bad_records`, columns (name, dtype, stored, values,
    /// null, missing), warnings (code, column, line, message)
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Line<'a> {
    path: String,
    #[serde(flatten)]
    schema: &'a Schema,
}

impl SchemaVerb {
    pub(super) fn run(&self) -> Result<ExitCode, ExitCode> {
        let options = self.records.options(1)?;
        let options = Options { encoding: self.format.over(options.encoding)?, ..options };
        let mut code = ExitCode::Success;
        for path in &self.paths {
            let read = open_named(path).map_err(|error| error.to_string()).and_then(|(file, identity)| {
                convert::schema(&file, identity, &options).map_err(|error| with_hint(&error))
            });
            match read {
                Ok(schema) => output::data(&self.text(path, &schema))?,
                Err(what) => {
                    output::error(&format!("{}: {what}", Shown(path)));
                    code = ExitCode::Failed;
                }
            }
        }
        Ok(code)
    }

    fn text(&self, path: &std::path::Path, schema: &Schema) -> String {
        let path = Shown(path).to_string();
        if self.json {
            return serde_json::to_string(&Line { path, schema }).unwrap_or_default() + "\n";
        }
        let mut out = format!("{path}: {} rows, {} columns", schema.rows, schema.columns.len());
        if schema.bad_records > 0 {
            let _ = write!(out, ", {} bad records left out", schema.bad_records);
        }
        out.push('\n');
        let name = |column: &convert::ColumnSchema| column.name.escape_debug().to_string();
        let width = schema.columns.iter().map(|column| name(column).chars().count()).max().unwrap_or(0).clamp(6, 40);
        if !schema.columns.is_empty() {
            let _ = writeln!(
                out,
                "  {:<width$}  {:<19}  {:>12}  {:>12}  {:>12}{}",
                "column",
                "dtype",
                "values",
                "null",
                "missing",
                schema.columns[0].stored.as_ref().map_or("", |_| "  stored as")
            );
        }
        for column in &schema.columns {
            let convert::ColumnSchema { dtype, values, null, missing, .. } = column;
            let counts = format!("{values:>12}  {null:>12}  {missing:>12}");
            let stored = column.stored.as_ref().map_or_else(String::new, |stored| format!("  {stored}"));
            let _ = writeln!(out, "  {:<width$}  {dtype:<19}  {counts}{stored}", name(column));
        }
        for warning in &schema.warnings {
            let _ = writeln!(out, "  warning: {}", warning.message);
        }
        out
    }
}

fn with_hint(error: &ConvertError) -> String {
    match error {
        ConvertError::Defect(defect) => format!("{defect}\n  hint: {}", defect.hint),
        other => other.to_string(),
    }
}
