//! A source as a frame: batches are read, parsed (those of a large source by all cores at once) and joined.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::File;
use std::io::Seek;
use std::path::{Path, PathBuf};

use rayon::iter::{IntoParallelIterator, ParallelIterator};

use super::bad_records::BadRecords;
use super::deadline::Deadline;
use super::defect::Defect;
use super::frame::hints::Hints;
use super::frame::part::{Part, PlainKeys};
use super::frame::{BadColumns, Frame, JoinError, LineKind, Warning};
use super::input::{BATCH_BYTES, Batch, BatchReader, Compression, ReadOptions, Shape, Taken};
use super::locate::locate;
use super::memory::{Joined, Pieces};
use super::parse::{self, ParsePlan};
use super::profile::{self, Stage};
use super::{ConvertError, Options, PARALLEL_BYTES};
use crate::config::{Input, Layout, Nested, OnBadRecord};
use crate::source::Identity;

/// As [`PARALLEL_BYTES`], for compressed sources, of which more comes out than lies on disk.
const PARALLEL_PACKED_BYTES: u64 = PARALLEL_BYTES / 8;

/// Bytes that an output may have before the ratio counts.
const HARMLESS_OUTPUT: u64 = 1 << 30;

/// Batches of a large source that each core may have at hand.
const BATCHES_A_CORE: usize = 4;
/// Bytes of memory that a batch of a mebibyte takes for a while: its text, its cells, and what finds them.
const BATCH_MEMORY: u64 = 8 << 20;

/// A source that was read as a whole.
pub(super) struct Read {
    /// Its records.
    pub(super) frame: Frame,
    /// What it turned out to be.
    pub(super) taken: Taken,
    /// Records that were left out.
    pub(super) bad_records: u64,
    /// The file of these.
    pub(super) bad_file: Option<PathBuf>,
    /// BLAKE3 of the source, if it was asked for.
    pub(super) hash: Option<[u8; 32]>,
    /// What the user should know.
    pub(super) warnings: Vec<Warning>,
}

/// Reads `source`, which is open at its start and was `identity` then. Bad records go to the new file `bad_path`, columns
/// that memory does not hold to a temporary file in `spill_folder`.
pub(super) fn read(
    mut source: &File,
    identity: Identity,
    bad_path: Option<&Path>,
    spill_folder: &Path,
    options: &Options,
    deadline: Deadline,
) -> Result<Read, ConvertError> {
    let mut plan = plan(options);
    loop {
        let attempt = Attempt { source, deadline, identity, bad_path, spill_folder, options };
        match attempt.read(&mut plan)? {
            Ok(read) => return Ok(read),
            Err(BadColumns { text, needed, zones }) => {
                plan.text_columns.extend(text);
                plan.needed_columns.extend(needed);
                plan.zones.extend(zones);
                plan.kind = None;
                source.rewind().map_err(ConvertError::Read)?;
            }
        }
    }
}

fn plan(options: &Options) -> ParsePlan {
    let skip_bad = options.records.on_bad_record == OnBadRecord::Skip;
    ParsePlan {
        depth: options.depth,
        columns: options.columns,
        record_bytes: options.record_bytes,
        nested: options.records.nested,
        hints: Hints::new(&options.records.types),
        keep_starts: skip_bad || !options.records.types.is_empty(),
        skip_bad,
        skip_truncated: options.skip_truncated,
        kind: None,
        plain: PlainKeys::default(),
        text_columns: HashSet::new(),
        needed_columns: BTreeMap::new(),
        zones: HashMap::new(),
    }
}

/// One reading of a source from its start to its end.
struct Attempt<'a> {
    source: &'a File,
    deadline: Deadline,
    identity: Identity,
    bad_path: Option<&'a Path>,
    spill_folder: &'a Path,
    options: &'a Options,
}

impl Attempt<'_> {
    /// The source as a whole, or what makes records bad that were taken for good.
    fn read(&self, plan: &mut ParsePlan) -> Result<Result<Read, BadColumns>, ConvertError> {
        let mut reader = BatchReader::new(self.source, read_options(self.options, self.deadline), self.options.hash);
        let mut bad = BadRecords::to(self.bad_path);
        let mut pieces = Pieces::new(self.spill_folder, self.options.memory_bytes, self.options.columns);
        let parsed = self.parse_all(&mut reader, plan, &mut bad, &mut pieces);
        self.unchanged()?;
        let taken = reader.taken();
        let Self { source, identity, options, deadline, .. } = *self;
        let placed = |defect: Defect| placed(defect, source, identity, taken.compression, options, deadline);
        parsed.map_err(|error| error.map_defect(placed))?;
        if reader.bytes_read() != self.identity.size {
            return Err(ConvertError::Changed);
        }
        let Joined { joiner, pieces, spill } = pieces.into_inner();
        let mut frame = match Frame::join(joiner, pieces, spill, &plan.hints, plan.skip_bad) {
            Ok(frame) => frame,
            Err(JoinError::Defect(defect)) => return Err(placed(defect).into()),
            Err(JoinError::Again(columns)) => return Ok(Err(columns)),
        };
        frame.most_bytes = HARMLESS_OUTPUT.max(reader.text_bytes().saturating_mul(self.options.decompression_ratio));
        expands_no_more(&frame, self.options.decompression_ratio)?;
        self.finish(frame, taken, bad, reader.hash()).map(Ok)
    }

    fn finish(
        &self,
        frame: Frame,
        taken: Taken,
        bad: BadRecords<'_>,
        hash: Option<[u8; 32]>,
    ) -> Result<Read, ConvertError> {
        let bad_records = bad.count();
        if frame.rows == 0
            && let Some(first) = bad.first()
        {
            return Err(first.clone().nothing_good().into());
        }
        let mut warnings = frame.warnings(self.options.encoding.is_pandas());
        if self.options.encoding.layout == Layout::Table {
            // No name is cut there, and values of different kinds are refused, or wanted as text.
            warnings.retain(|warning| !matches!(warning.code, "lost_nul" | "mixed_types"));
        }
        warnings.extend(one_array(&frame, taken.shape, self.options.records.input));
        let bad_file = bad.finish(self.options.durable)?;
        Ok(Read { frame, taken, bad_records, bad_file, hash, warnings })
    }

    fn parse_all(
        &self,
        reader: &mut BatchReader<'_>,
        plan: &mut ParsePlan,
        bad: &mut BadRecords<'_>,
        pieces: &mut Pieces,
    ) -> Result<(), ConvertError> {
        let mut add = |parts: Vec<Result<Part, ConvertError>>| {
            parts.into_iter().try_for_each(|part| pieces.add(bad.take_from(part?)?))
        };
        // The first batch tells whether the source is compressed, and its first record what all must be.
        let mut batches = some_batches(reader, 1);
        let packed = reader.taken().compression != Compression::None;
        while plan.kind.is_none() && !batches.is_empty() {
            let parts: Vec<_> = batches.into_iter().map(|batch| parsed(batch, plan)).collect();
            if let Some(Ok(part)) = parts.first() {
                (plan.kind, plan.plain) = (part.kind(), part.plain_keys());
            }
            add(parts)?;
            batches = some_batches(reader, 1);
        }
        let large = self.identity.size >= if packed { PARALLEL_PACKED_BYTES } else { PARALLEL_BYTES };
        if large {
            return self.parse_together(batches, reader, plan, add);
        }
        while !batches.is_empty() {
            add(batches.into_iter().map(|batch| parsed(batch, plan)).collect())?;
            batches = some_batches(reader, 1);
        }
        Ok(())
    }

    /// Parses `batches` and all that come behind them, many at a time. While some are parsed, those before them are added,
    /// which may mean to put them aside, and those behind them are read, and unpacked.
    fn parse_together(
        &self,
        mut batches: Vec<Result<Batch, ConvertError>>,
        reader: &mut BatchReader<'_>,
        plan: &ParsePlan,
        mut add: impl FnMut(Vec<Result<Part, ConvertError>>) -> Result<(), ConvertError> + Send,
    ) -> Result<(), ConvertError> {
        let most = batches_at_once(self.options.memory_bytes);
        let mut before = Vec::new();
        while !batches.is_empty() {
            let failed = batches.last().is_some_and(Result::is_err);
            let (here, _waits) = (profile::here(), profile::span(Stage::Helpers));
            let parse = |batch| here.during(|| parsed(batch, plan));
            let around = || {
                add(std::mem::take(&mut before))?;
                Ok::<_, ConvertError>(if failed { Vec::new() } else { some_batches(reader, most) })
            };
            let (parts, behind) = rayon::join(|| batches.into_par_iter().map(parse).collect(), || here.during(around));
            (before, batches) = (parts, behind?);
        }
        add(before)
    }

    /// A source that grew, shrank or was written to while it was read would give a mixture of two versions, or a defect
    /// that is none.
    fn unchanged(&self) -> Result<(), ConvertError> {
        let now = Identity::of(&self.source.metadata().map_err(ConvertError::Read)?);
        let same = now.size == self.identity.size && now.mtime_ns == self.identity.mtime_ns;
        if same { Ok(()) } else { Err(ConvertError::Changed) }
    }
}

/// `defect` with its place in the text of `source`, which was `identity` when it was read first and is compressed so.
pub(super) fn placed(
    defect: Defect,
    source: &File,
    identity: Identity,
    compression: Compression,
    options: &Options,
    deadline: Deadline,
) -> Defect {
    let flatten = options.records.nested == Nested::Flatten;
    let defect = locate(source, identity, read_options(options, deadline), flatten, defect);
    if compression == Compression::None { defect } else { defect.in_unpacked_text() }
}

fn parsed(batch: Result<Batch, ConvertError>, plan: &ParsePlan) -> Result<Part, ConvertError> {
    Ok(parse::batch(&batch?, plan)?)
}

/// How many batches are read and parsed together, if half of `memory` is for them.
fn batches_at_once(memory: u64) -> usize {
    let fit = usize::try_from(memory / BATCH_MEMORY).unwrap_or(usize::MAX);
    (BATCHES_A_CORE * rayon::current_num_threads()).min(fit).max(1)
}

/// So many batches; fewer at the end of the source, and up to an error, which is the last then: a defect in a batch
/// before it comes first.
fn some_batches(reader: &mut BatchReader<'_>, most: usize) -> Vec<Result<Batch, ConvertError>> {
    let mut batches = Vec::new();
    while batches.len() < most {
        match reader.next_batch() {
            Ok(Some(batch)) => batches.push(Ok(batch)),
            Ok(None) => break,
            Err(error) => {
                batches.push(Err(error));
                break;
            }
        }
    }
    batches
}

fn read_options(options: &Options, deadline: Deadline) -> ReadOptions {
    let Options { record_bytes, file_bytes, depth, decompression_ratio, .. } = *options;
    let (input, batch_bytes) = (options.records.input, BATCH_BYTES);
    let skip_long = options.records.on_bad_record == OnBadRecord::Skip;
    ReadOptions { input, batch_bytes, record_bytes, skip_long, file_bytes, depth, decompression_ratio, deadline }
}

/// Somebody who wrote an array on one line may have meant its items as records.
fn one_array(frame: &Frame, shape: Shape, input: Input) -> Option<Warning> {
    let list = frame.kind == Some(LineKind::List);
    let array = list && frame.rows == 1 && shape == Shape::Lines && input == Input::Auto;
    let message =
        "one array on one line is one row, as in pandas; set `records.input` to \"document\" for a row an item";
    array.then(|| Warning { code: "one_array", column: String::new(), line: 1, message: message.to_owned() })
}

/// Refuses a frame that is almost nothing but absent cells: every record has a cell in every column, so that a small text of
/// very many different keys would fill any disk.
fn expands_no_more(frame: &Frame, ratio: u64) -> Result<(), Defect> {
    let (rows, columns) = (frame.rows as u64, frame.columns.len() as u64);
    let bytes = rows.saturating_mul(columns).saturating_mul(8);
    if bytes <= frame.most_bytes {
        return Ok(());
    }
    Err(Defect::output_too_large(rows, columns, bytes, ratio))
}
