//! Several sources as one frame, and one output: what `pandas.DataFrame` would make of the records of all of them, one
//! source behind the other.
//!
//! Each source is read and judged by itself first: a defect is its own, whatever the others hold. Only then its rows come
//! behind theirs. A source that is good by itself and does not go with the others is [`Unfit`] for them, which is no defect:
//! it makes an output of its own.

use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};

use super::deadline::Deadline;
use super::defect::Defect;
use super::frame::hints::Hints;
use super::frame::join::Joiner;
use super::frame::part::Part;
use super::frame::{Frame, JoinError, Warning};
use super::input::Taken;
use super::memory::{Joined, LEAST, Pieces};
use super::output;
use super::output::provenance::{Origin, Provenance};
use super::output::shares::{Share, hash_of_all};
use super::parts::{Passed, Reading, SourceColumn};
use super::read::{again, expands_no_more, most_bytes, one_array, plan, something_good};
use super::{ConvertError, Options, Summary};
use crate::source::Identity;

/// Why a source does not go with others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfit(String);

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why an output was not written.
#[derive(Debug)]
pub enum Unwritten {
    /// This one of the sources, counted from 0, does not go with the others.
    Unfit(usize, Unfit),
    /// They do not go together.
    AllUnfit(Unfit),
    /// Something went wrong that has nothing to do with them.
    Failed(ConvertError),
}

/// The output of several sources.
#[derive(Debug)]
pub struct Gathered {
    /// SHA-256 over the SHA-256 of the sources, if they were asked for.
    pub hash: Option<[u8; 32]>,
    /// For each source where its rows begin, and what it gave. The first tells the length of the output.
    pub sources: Vec<(u64, Summary)>,
}

/// Sources that become one output.
pub struct Gathering<'o> {
    options: &'o Options,
    /// What the column is called that tells where rows come from; empty: there is none.
    column: &'o str,
    folder: PathBuf,
    hints: Hints,
    deadline: Deadline,
    pieces: Pieces,
    sources: Vec<Source>,
    text_bytes: u64,
}

/// The rows of a source that was read.
pub struct Rows {
    parts: Vec<Part>,
    own: Joiner,
    text_bytes: u64,
    source: Source,
}

/// What is known of a source.
struct Source {
    /// What it tells of itself, but for its columns.
    told: Provenance,
    taken: Taken,
    hash: Option<[u8; 32]>,
    bad_file: Option<PathBuf>,
    warnings: Vec<Warning>,
    /// Rows, and records of any kind, that come before it.
    first_row: u64,
    first_record: u64,
}

impl<'o> Gathering<'o> {
    /// No sources yet, for an output in `folder`. A `column` that tells where rows come from is the last one.
    #[must_use]
    pub fn new(folder: &Path, column: &'o str, options: &'o Options) -> Self {
        let pieces = Pieces::new(folder, options.memory_bytes, options.columns, column);
        let deadline = Deadline::of(options);
        let (folder, hints) = (folder.into(), Hints::new(&options.records.types));
        Self { options, column, folder, hints, deadline, pieces, sources: Vec::new(), text_bytes: 0 }
    }

    /// Reads `source`, which is open at its start and was `identity` then, and judges it by itself; its bad records go to the
    /// new file `bad_path`. `skip_truncated` is as in [`Options`].
    pub fn read(
        &self,
        source: &File,
        identity: Identity,
        origin: Origin<'_>,
        bad_path: Option<&Path>,
        skip_truncated: bool,
    ) -> Result<Result<Rows, Unfit>, ConvertError> {
        let options = Options { skip_truncated, ..self.options.clone() };
        let name = origin.source.to_string_lossy();
        let column = (!self.column.is_empty()).then_some(SourceColumn { name: self.column, source: &name });
        let reading = Reading { source, identity, deadline: self.deadline, bad_path, column, options: &options };
        let mut plan = plan(&options);
        loop {
            let (parts, passed) = match self.parts(&reading, &mut plan)? {
                Ok(read) => read,
                Err(unfit) => return Ok(Err(unfit)),
            };
            let placed = |defect: Defect| reading.placed(defect, passed.taken.compression);
            let mut own = Joiner::with_source_column(self.column);
            parts.iter().try_for_each(|part| own.look_at(part, options.columns)).map_err(placed)?;
            match Frame::join(own.clone(), Vec::new(), None, &plan.hints, plan.skip_bad) {
                Ok(_) => return rows(&reading, origin, parts, own, passed).map(Ok),
                Err(JoinError::Defect(defect)) => return Err(placed(defect).into()),
                Err(JoinError::Again(columns)) => again(&reading, &mut plan, columns)?,
            }
        }
    }

    /// All parts of a source, if they are few.
    fn parts<'a>(
        &self,
        reading: &Reading<'a>,
        plan: &mut super::parse::ParsePlan,
    ) -> Result<Result<(Vec<Part>, Passed<'a>), Unfit>, ConvertError> {
        // What is held beside the rows of the others, and as batches.
        let room = self.options.memory_bytes.max(LEAST) / 4;
        let (mut parts, mut bytes) = (Vec::new(), 0);
        let passed = reading.parts(plan, |part| {
            bytes += part.memory() as u64;
            if bytes > room {
                return Err(Defect::too_much_memory(part.line_of(0), bytes).into());
            }
            parts.push(part);
            Ok(())
        });
        match passed {
            Ok(passed) => Ok(Ok((parts, passed))),
            Err(ConvertError::Defect(_)) if bytes > room => Ok(Err(Unfit("needs too much memory".to_owned()))),
            Err(ConvertError::Defect(_)) if self.deadline.check().is_err() => {
                Ok(Err(Unfit("comes behind others that have taken all the time (`limits.convert_secs`)".to_owned())))
            }
            Err(error) => Err(error),
        }
    }

    /// The rows of a source come behind those that are there; none of them if they do not go together.
    pub fn add(&mut self, rows: Rows) -> Result<Result<(), Unfit>, ConvertError> {
        if let Some(unfit) = self.hindrance(&rows) {
            return Ok(Err(unfit));
        }
        let Rows { parts, text_bytes, mut source, .. } = rows;
        (source.first_row, source.first_record) = (self.pieces.joiner().rows(), self.pieces.joiner().records());
        parts.into_iter().try_for_each(|part| self.pieces.add(part)).map_err(|e| e.spilling_in(&self.folder))?;
        self.text_bytes += text_bytes;
        self.sources.push(source);
        Ok(Ok(()))
    }

    fn hindrance(&self, rows: &Rows) -> Option<Unfit> {
        let (here, own) = (self.pieces.joiner(), &rows.own);
        if let (Some(kind), Some(other)) = (here.kind(), own.kind())
            && kind != other
        {
            return Some(Unfit(format!("has records each of which is {}, and the others' are not", other.name())));
        }
        let largest = rows.parts.iter().map(Part::memory).max().unwrap_or(0) as u64;
        if !self.pieces.has_room(largest, own) {
            let what =
                "has more columns, with those of the others, than `limits.columns` or `limits.memory_bytes` allows";
            return Some(Unfit(what.to_owned()));
        }
        let size = (here.rows() + own.rows(), here.width_with(own) as u64);
        let fits = expands_no_more(size, self.text_bytes + rows.text_bytes, self.options.decompression_ratio);
        fits.err()
            .map(|defect| Unfit(defect.what))
            .or_else(|| self.needed(here, own).or_else(|| self.needed(own, here)))
    }

    /// A column of `one` that has to have a value in every row, and that `other` has not.
    fn needed(&self, one: &Joiner, other: &Joiner) -> Option<Unfit> {
        if other.rows() == 0 || self.options.records.types.is_empty() {
            return None;
        }
        one.labels_without(other).find_map(|label| {
            let why = self.hints.absence(&label)?;
            Some(Unfit(format!("has, or has not, a column `{}`: {why}", String::from_utf8_lossy(&label))))
        })
    }

    /// Writes all rows into the new file `output`, and returns it open: nobody has synced it yet.
    pub fn write(self, output: &Path) -> Result<(Gathered, File), Unwritten> {
        let Self { options, hints, deadline, pieces, mut sources, text_bytes, .. } = self;
        let Joined { joiner, pieces, spill } = pieces.into_inner();
        let mut frame = match Frame::join(joiner, pieces, spill, &hints, false) {
            Ok(frame) => frame,
            Err(JoinError::Defect(defect)) => return Err(unfit(&sources, defect)),
            Err(JoinError::Again(_)) => return Err(Unwritten::AllUnfit(Unfit("have bad columns together".to_owned()))),
        };
        frame.most_bytes = most_bytes(text_bytes, options.decompression_ratio);
        for (record, warning) in frame.placed_warnings(&options.encoding) {
            let source = source_of(&sources, record);
            sources[source].warnings.push(warning);
        }
        let hash = hash_of_all(sources.iter().map(|source| source.hash));
        let columns = frame.columns.len() as u64;
        let provenance = provenance(&sources, columns, hash);
        let written = output::writer(&options.encoding).write(&frame, &provenance, output, deadline);
        let (file, bytes) = written.map_err(|error| match error {
            // What a format cannot hold is told of a record, and that is of one source.
            ConvertError::Defect(defect) => unfit(&sources, defect),
            other => Unwritten::Failed(other),
        })?;
        let mut sources: Vec<_> = sources.into_iter().map(|source| source.summary(columns)).collect();
        if let Some((_, first)) = sources.first_mut() {
            first.output_bytes = bytes;
        }
        Ok((Gathered { hash, sources }, file))
    }
}

impl Source {
    fn summary(self, columns: u64) -> (u64, Summary) {
        let Provenance { rows, bad_records, size, .. } = self.told;
        let summary = Summary {
            input: self.taken,
            rows,
            columns,
            bad_records,
            bad_file: self.bad_file,
            source_bytes: size,
            source_hash: self.hash,
            output_bytes: 0,
            warnings: self.warnings,
        };
        (self.first_row, summary)
    }
}

/// A source that was read and is good by itself.
fn rows(
    reading: &Reading<'_>,
    origin: Origin<'_>,
    parts: Vec<Part>,
    own: Joiner,
    passed: Passed<'_>,
) -> Result<Rows, ConvertError> {
    let Passed { taken, bad, hash, text_bytes } = passed;
    let (rows, bad_records) = (own.rows(), bad.count());
    something_good(rows, &bad)?;
    let warnings = one_array(own.kind(), rows, taken.shape, reading.options.records.input).into_iter().collect();
    let bad_file = bad.finish(reading.options.durable)?;
    let told = Provenance::of(origin, reading.identity.size, taken, hash, reading.options);
    let told = Provenance { rows, bad_records, ..told }.with_source_column(reading.column);
    let source = Source { told, taken, hash, bad_file, warnings, first_row: 0, first_record: 0 };
    Ok(Rows { parts, own, text_bytes, source })
}

/// Which of the sources record number `record` of all is of.
fn source_of(sources: &[Source], record: u64) -> usize {
    // One without any records has the number of the one behind it.
    sources.partition_point(|source| source.first_record <= record).saturating_sub(1)
}

/// What is wrong only because there are other sources: it is that of the one whose record it is, if that is known.
fn unfit(sources: &[Source], defect: Defect) -> Unwritten {
    let why = Unfit(defect.what);
    match defect.record {
        Some(record) => Unwritten::Unfit(source_of(sources, record), why),
        None => Unwritten::AllUnfit(why),
    }
}

fn provenance(sources: &[Source], columns: u64, hash: Option<[u8; 32]>) -> Provenance {
    let first = sources.first().map(|source| source.told.clone()).unwrap_or_default();
    let first = Provenance { columns, ..first };
    if sources.len() < 2 {
        return first;
    }
    let shares = sources.iter().map(|source| Share::of(source.told.clone(), source.first_row)).collect();
    Provenance::of_all(first, shares, hash)
}

#[cfg(test)]
mod tests;
