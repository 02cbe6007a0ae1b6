//! What came of a conversion, as plain values: what `h5inbox.Report` is made of.

use std::ffi::OsString;
use std::path::Path;

use pyo3::prelude::*;

use crate::convert::output::provenance::Provenance;
use crate::convert::{Summary, Warning};
use crate::jobs::bad_records::bad_records_beside;
use crate::jobs::named::Once;
use crate::source::hex;

/// A dictionary of the fields of `h5inbox.Report` but for the two paths and the time.
#[derive(IntoPyObject)]
pub(super) struct Reported {
    converted: bool,
    input: String,
    compression: String,
    rows: u64,
    columns: u64,
    bad_records: u64,
    source_bytes: u64,
    output_bytes: u64,
    source_sha256: Option<String>,
    bad_records_file: Option<OsString>,
    warnings: Vec<(&'static str, String, u64, String)>,
}

impl Reported {
    /// What came of a conversion into `output`.
    pub(super) fn of(done: Once, output: &Path) -> Self {
        let reported = match done {
            Once::Made(summary) => Self::made(*summary),
            Once::There(told, output_bytes) => Self::there(*told, output_bytes),
        };
        let bad_records_file = (reported.bad_records > 0).then(|| bad_records_beside(output).into_os_string());
        Self { bad_records_file, ..reported }
    }

    fn made(summary: Summary) -> Self {
        let warning = |Warning { code, column, line, message }| (code, column, line, message);
        Self {
            converted: true,
            input: summary.input.shape.as_str().to_owned(),
            compression: summary.input.compression.as_str().to_owned(),
            rows: summary.rows,
            columns: summary.columns,
            bad_records: summary.bad_records,
            source_bytes: summary.source_bytes,
            output_bytes: summary.output_bytes,
            source_sha256: summary.source_hash.as_ref().map(hex),
            bad_records_file: None,
            warnings: summary.warnings.into_iter().map(warning).collect(),
        }
    }

    fn there(told: Provenance, output_bytes: u64) -> Self {
        Self {
            converted: false,
            input: told.input,
            compression: told.compression,
            rows: told.rows,
            columns: told.columns,
            bad_records: told.bad_records,
            source_bytes: told.size,
            output_bytes,
            source_sha256: told.sha256,
            bad_records_file: None,
            warnings: Vec::new(),
        }
    }
}
