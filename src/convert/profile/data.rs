//! The figures as the page wants them: small JSON, times in whole microseconds.

use serde::Serialize;

use super::icicle::{Node, icicle};
use super::rate::ratio;
use super::recorder::Window;
use super::report::Report;
use super::stage::Stage;
use super::sum::Slow;

/// Everything on the page.
#[derive(Debug, Serialize)]
pub(super) struct Data {
    version: &'static str,
    /// Whether this is one run, or the last files of an agent.
    kind: &'static str,
    made_at: String,
    sentence: String,
    workers: usize,
    wall_us: u64,
    files: u64,
    failed: u64,
    bytes: u64,
    rows: u64,
    stages: Vec<StageData>,
    idle_us: u64,
    lanes: Vec<LaneData>,
    listed: Listed,
    slowest: Vec<SlowData>,
    rate: RateData,
    icicle: Node,
    /// What is in the totals only: files, and spans.
    unlisted_files: u64,
    left_out_spans: u64,
}

#[derive(Debug, Serialize)]
struct StageData {
    name: &'static str,
    about: &'static str,
    /// Whether its time is part of the workers' time.
    counts: bool,
    us: u64,
}

#[derive(Debug, Serialize)]
struct LaneData {
    name: String,
    /// Files that it had as a worker, and how long.
    files: u64,
    in_files_us: u64,
    busy_us: u64,
    /// Four numbers a span: stage, start since the start of the span before, length, file since that of the span before.
    spans: Vec<i64>,
}

/// The files by name; `at` has five numbers for each: lane, start, length, bytes, rows (-1: not converted).
#[derive(Debug, Serialize)]
struct Listed {
    names: Vec<String>,
    at: Vec<i64>,
}

#[derive(Debug, Serialize)]
struct SlowData {
    name: String,
    bytes: u64,
    rows: Option<u64>,
    lane: usize,
    start_us: u64,
    us: u64,
    stages: Vec<u64>,
}

#[derive(Debug, Serialize)]
struct RateData {
    bin_us: f64,
    bytes: Vec<u64>,
    rows: Vec<u64>,
}

impl Data {
    /// The figures of `report`.
    pub(super) fn of(report: &Report) -> Self {
        let sum = &report.sum;
        Self {
            version: env!("CARGO_PKG_VERSION"),
            kind: if report.window == Window::Whole { "run" } else { "agent" },
            made_at: format!("{:.0}", jiff::Timestamp::now()),
            sentence: report.sentence(),
            workers: report.workers,
            wall_us: micros(report.wall),
            files: sum.files,
            failed: sum.failed,
            bytes: sum.bytes,
            rows: sum.rows,
            stages: Stage::ALL.into_iter().map(|stage| stage_data(report, stage)).collect(),
            idle_us: micros(report.idle),
            lanes: lanes(report),
            listed: listed(report),
            slowest: sum.slowest.entries().iter().map(|(_, slow)| slow_data(slow)).collect(),
            rate: rate(report),
            icicle: icicle(report),
            unlisted_files: sum.files - report.files.len() as u64,
            left_out_spans: sum.left_out,
        }
    }
}

/// Whole microseconds.
pub(super) fn micros(nanoseconds: u64) -> u64 {
    nanoseconds / 1000
}

fn stage_data(report: &Report, stage: Stage) -> StageData {
    let us = micros(report.sum.times().of(stage));
    StageData { name: stage.label(), about: stage.meaning(), counts: stage != Stage::Helpers, us }
}

/// One span on its way to the page.
struct Drawn {
    start: u64,
    us: u64,
    stage: Stage,
    file: usize,
}

fn lanes(report: &Report) -> Vec<LaneData> {
    let mut drawn: Vec<Vec<Drawn>> = Vec::new();
    drawn.resize_with(report.sum.lanes.len().max(report.workers), Vec::new);
    for (file, trace) in report.files.iter().enumerate() {
        for piece in &trace.pieces {
            drawn[piece.lane].extend(piece.stretches.iter().map(|stretch| {
                let start = micros(stretch.start - report.origin);
                let us = (micros(stretch.end - report.origin) - start).max(1);
                Drawn { start, us, stage: stretch.stage, file }
            }));
        }
    }
    drawn.into_iter().enumerate().map(|(number, drawn)| lane(report, number, drawn)).collect()
}

fn lane(report: &Report, number: usize, mut drawn: Vec<Drawn>) -> LaneData {
    // What lies inside another span comes after it, so that it is drawn over it.
    drawn.sort_by_key(|span| (span.start, std::cmp::Reverse(span.us)));
    let (mut spans, mut before) = (Vec::with_capacity(4 * drawn.len()), (0, 0));
    for Drawn { start, us, stage, file } in drawn {
        let file = signed(file as u64);
        spans.extend([stage as i64, signed(start - before.0), signed(us), file - before.1]);
        before = (start, file);
    }
    let sum = report.sum.lanes.get(number).cloned().unwrap_or_default();
    let (kind, place) = if number < report.workers { ("worker", number) } else { ("helper", number - report.workers) };
    LaneData {
        name: format!("{kind} {}", place + 1),
        files: sum.files,
        in_files_us: micros(sum.in_files),
        busy_us: micros(sum.times.busy()),
        spans,
    }
}

fn listed(report: &Report) -> Listed {
    let names = report.files.iter().map(|file| file.name.clone()).collect();
    let at = report.files.iter().flat_map(|file| {
        let start = micros(file.start - report.origin);
        let rows = file.rows.map_or(-1, signed);
        [signed(file.lane as u64), signed(start), signed(micros(file.took())), signed(file.bytes), rows]
    });
    Listed { names, at: at.collect() }
}

fn slow_data(slow: &Slow) -> SlowData {
    SlowData {
        name: slow.name.clone(),
        bytes: slow.bytes,
        rows: slow.rows,
        lane: slow.lane,
        start_us: micros(slow.start),
        us: micros(slow.end - slow.start),
        stages: Stage::ALL.into_iter().map(|stage| micros(slow.times.of(stage))).collect(),
    }
}

fn rate(report: &Report) -> RateData {
    let (width, bins) = report.sum.rate.bins();
    RateData {
        bin_us: ratio(width, 1000),
        bytes: bins.iter().map(|[bytes, _]| whole(*bytes)).collect(),
        rows: bins.iter().map(|[_, rows]| whole(*rows)).collect(),
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "figures for a chart, never negative")]
fn whole(amount: f64) -> u64 {
    amount.round() as u64
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
