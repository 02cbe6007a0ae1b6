//! Options that say how the text of a source becomes records: what `[records]` says for the agent.

use std::path::PathBuf;

use clap::Args;

use super::{ExitCode, load};
use crate::config::{Config, Input, Nested, OnBadRecord, TypeHint, choose, hint_for};
use crate::convert::Options;

/// Options of the verbs that read sources.
#[derive(Debug, Args)]
pub(super) struct RecordOptions {
    /// Take limits, what outputs look like and what `[records]` says from this configuration file; the options here go
    /// before it
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// What the files hold: lines, one record each; document, an array of records or objects; or auto, whichever the
    /// first line looks like [default: auto]
    #[arg(long, value_name = "SHAPE", value_parser = choose::<Input>)]
    input: Option<Input>,
    /// What a bad record does: reject-file refuses its file, skip leaves it out and writes it to NAME.bad.ndjson
    /// [default: reject-file]
    #[arg(long, value_name = "WHAT", value_parser = choose::<OnBadRecord>)]
    on_bad_record: Option<OnBadRecord>,
    /// What becomes of arrays and objects inside records: object, json (text) or flatten (columns named a.b)
    /// [default: object]
    #[arg(long, value_name = "WHAT", value_parser = choose::<Nested>)]
    nested: Option<Nested>,
    /// The dtype that a column (or a glob of columns) is to have: int64, uint64, float64, bool, string, datetime,
    /// datetime:s|ms|us|ns, datetime:FORMAT or nullable-int; may be given several times
    #[arg(long = "type", value_name = "COLUMN=DTYPE", value_parser = type_hint)]
    types: Vec<(String, TypeHint)>,
}

impl RecordOptions {
    /// The options of one of `workers` conversions at a time: those of the configuration file, if there is one, and these.
    pub(super) fn options(&self, workers: usize) -> Result<Options, ExitCode> {
        let config = match &self.config {
            Some(file) => load(file)?,
            None => Config::new(PathBuf::new(), PathBuf::new()),
        };
        let mut options = Options::from_config(&config, workers);
        let records = &mut options.records;
        records.input = self.input.unwrap_or(records.input);
        records.on_bad_record = self.on_bad_record.unwrap_or(records.on_bad_record);
        records.nested = self.nested.unwrap_or(records.nested);
        // The first hint that names a column decides.
        records.types = self.types.iter().cloned().chain(std::mem::take(&mut records.types)).collect();
        Ok(options)
    }
}

fn type_hint(text: &str) -> Result<(String, TypeHint), String> {
    let (column, word) = text.rsplit_once('=').ok_or("write COLUMN=DTYPE, as price=float64")?;
    hint_for(column, word)
}
