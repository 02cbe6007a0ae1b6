//! What monitors count, in Prometheus' conventions: base units, `_total` for what only grows, no label whose values are
//! without bound (paths are for the log).
//!
//! Counters and histograms are of this process and begin at 0 with it, as Prometheus expects it; what was done before is in
//! the ledger. Numbers of the moment are put in when they are asked for.

use std::time::Duration;

use jiff::Timestamp;
use prometheus::core::Collector;
use prometheus::{
    Encoder, Gauge, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry, TextEncoder,
};

use super::hour::{Hour, Minutes};
use super::status::{Cause, Status};

/// The content type of [`Metrics::text`].
pub const CONTENT_TYPE: &str = prometheus::TEXT_FORMAT;

/// Seconds from 1 ms to an hour, three steps for each power of ten: an end-to-end time and the time of a stage fall between
/// the same bounds, so that they can be set against each other.
const SECONDS: [f64; 19] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 60.0, 180.0, 600.0, 1800.0,
    3600.0,
];

/// How an attempt on a source ended, for `h5inbox_files_total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Its output is published.
    Done,
    /// Its content was converted before.
    Duplicate,
    /// It will be tried again.
    Failed,
    /// It needs a person.
    Quarantined,
}

impl Ended {
    const ALL: [Self; 4] = [Self::Done, Self::Duplicate, Self::Failed, Self::Quarantined];

    const fn label(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Duplicate => "duplicate",
            Self::Failed => "failed",
            Self::Quarantined => "quarantined",
        }
    }
}

/// What time is spent on, for `h5inbox_stage_seconds`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Reading, unpacking, hashing and splitting the source.
    Read,
    /// Text to values.
    Parse,
    /// Joining columns and deciding their dtypes.
    Frame,
    /// Values to the bytes of the output, and writing them.
    Encode,
    /// Syncing, naming, and what becomes of the source.
    Publish,
    /// Waiting for the ledger.
    Ledger,
}

impl Phase {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Read, Self::Parse, Self::Frame, Self::Encode, Self::Publish, Self::Ledger];

    const fn label(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Parse => "parse",
            Self::Frame => "frame",
            Self::Encode => "encode",
            Self::Publish => "publish",
            Self::Ledger => "ledger",
        }
    }
}

/// What one source gave.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Given {
    /// Rows of the output.
    pub rows: u64,
    /// Records that were left out.
    pub bad_records: u64,
    /// Bytes of the source.
    pub bytes_in: u64,
    /// Bytes of the output.
    pub bytes_out: u64,
    /// Seconds from ready to published.
    pub took_s: f64,
}

/// All metrics of one process.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    files: IntCounterVec,
    rows: IntCounterVec,
    bytes_in: IntCounter,
    bytes_out: IntCounter,
    retries: IntCounterVec,
    end_to_end: Histogram,
    phases: [Histogram; Phase::ALL.len()],
    listings: Histogram,
    overflows: IntCounter,
    moment: Moment,
    hour: Hour,
}

/// Numbers of the moment.
#[derive(Debug)]
struct Moment {
    backlog: IntGaugeVec,
    oldest: Gauge,
    unreadable: IntGauge,
    last_success: Gauge,
    workers: IntGaugeVec,
    paused: IntGaugeVec,
    free: IntGauge,
    agents: IntGaugeVec,
}

impl Metrics {
    /// All at 0; the process began at `since`.
    ///
    /// # Errors
    /// None that can happen: names and labels stand here.
    pub fn new(version: &str, since: Timestamp) -> prometheus::Result<Self> {
        let registry = Registry::new();
        let new = Factory(&registry);
        let about =
            new.add(IntGaugeVec::new(Opts::new("h5inbox_build_info", "The program; always 1."), &["version"])?)?;
        about.with_label_values(&[version]).set(1);
        let start = "When the agent started, in seconds since 1970.";
        new.add(Gauge::new("h5inbox_start_time_seconds", start)?)?.set(seconds_since_1970(since));
        let stages = new.add(HistogramVec::new(
            seconds("h5inbox_stage_seconds", "Time that a converted source spent in each stage, over all threads."),
            &["stage"],
        )?)?;
        let metrics = Self {
            files: new.counters("h5inbox_files_total", "Attempts on sources, by how they ended.", "outcome")?,
            rows: new.counters("h5inbox_rows_total", "Records read (in), written (out) and left out (bad).", "kind")?,
            bytes_in: new
                .counter("h5inbox_input_bytes_total", "Bytes of the sources converted, as they lie on disk.")?,
            bytes_out: new.counter("h5inbox_output_bytes_total", "Bytes of the outputs published.")?,
            retries: new.counters(
                "h5inbox_retries_total",
                "Failures that are tried again, by error code.",
                "reason",
            )?,
            end_to_end: new.add(Histogram::with_opts(seconds(
                "h5inbox_end_to_end_seconds",
                "Time from a source being ready to its output being published.",
            ))?)?,
            phases: Phase::ALL.map(|phase| stages.with_label_values(&[phase.label()])),
            listings: new.add(Histogram::with_opts(seconds(
                "h5inbox_scan_seconds",
                "Time that a full listing of the inbox takes.",
            ))?)?,
            overflows: new.counter("h5inbox_watch_overflows_total", "Overflows of the kernel's event queue.")?,
            moment: Moment::new(&new)?,
            hour: Hour::new(),
            registry: registry.clone(),
        };
        metrics.begin();
        Ok(metrics)
    }

    /// What has not happened yet is 0 and not missing: a rate over it is then right from the first time on.
    fn begin(&self) {
        Ended::ALL.iter().for_each(|ended| drop(self.files.with_label_values(&[ended.label()])));
        ["in", "out", "bad"].iter().for_each(|kind| drop(self.rows.with_label_values(&[*kind])));
    }

    /// An attempt ended; of one that did well, [`Metrics::done`] tells.
    pub fn ended(&self, ended: Ended) {
        if ended == Ended::Quarantined {
            self.hour.quarantined();
        }
        self.files.with_label_values(&[ended.label()]).inc();
    }

    /// An attempt failed with the error `code`, and is made again.
    pub fn failed(&self, code: &str) {
        self.ended(Ended::Failed);
        self.retries.with_label_values(&[code]).inc();
    }

    /// An output is published; `given` is not known of one that an earlier run had made.
    pub fn done(&self, given: Option<Given>) {
        self.ended(Ended::Done);
        let Some(given) = given else { return };
        for (kind, rows) in [("in", given.rows + given.bad_records), ("out", given.rows), ("bad", given.bad_records)] {
            self.rows.with_label_values(&[kind]).inc_by(rows);
        }
        self.bytes_in.inc_by(given.bytes_in);
        self.bytes_out.inc_by(given.bytes_out);
        self.end_to_end.observe(given.took_s);
        self.hour.done(given.rows, given.bytes_in);
    }

    /// What was done in the last hour.
    #[must_use]
    pub fn hour(&self) -> Minutes {
        self.hour.minutes()
    }

    /// A source that was converted cost so much in `phase`.
    pub fn spent(&self, phase: Phase, took: Duration) {
        self.phases[phase as usize].observe(took.as_secs_f64());
    }

    /// The inbox was listed.
    pub fn listed(&self, took: Duration) {
        self.listings.observe(took.as_secs_f64());
    }

    /// The kernel's event queue overflowed so many times.
    pub fn overflowed(&self, times: u64) {
        self.overflows.inc_by(times);
    }

    /// Everything in Prometheus' text format, with the numbers of the moment from `status`, from why the agent has paused,
    /// and from how many bytes the outbox has free.
    #[must_use]
    pub fn text(&self, status: &Status, paused: Option<Cause>, free: Option<u64>) -> String {
        self.moment.set(status, paused, free);
        let mut text = Vec::new();
        // Writing to memory cannot fail, and what is collected is complete.
        let _ = TextEncoder::new().encode(&self.registry.gather(), &mut text);
        String::from_utf8(text).unwrap_or_default()
    }
}

impl Moment {
    fn new(new: &Factory<'_>) -> prometheus::Result<Self> {
        Ok(Self {
            backlog: new.gauges(
                "h5inbox_backlog_files",
                "Sources not converted yet, by what they wait for.",
                "state",
            )?,
            oldest: new
                .gauge("h5inbox_oldest_waiting_seconds", "Age of the oldest source that waits; 0 if none does.")?,
            unreadable: new.add(IntGauge::new(
                "h5inbox_unreadable_files",
                "Files in the inbox that cannot be opened; they are among those that settle.",
            )?)?,
            last_success: new.gauge(
                "h5inbox_last_success_timestamp_seconds",
                "When the last source was converted, in seconds since 1970; 0 if none was ever.",
            )?,
            workers: new.gauges("h5inbox_workers", "Worker threads.", "state")?,
            paused: new.gauges("h5inbox_paused", "1 while nothing is converted, by what keeps it.", "reason")?,
            free: new.add(IntGauge::new(
                "h5inbox_output_free_bytes",
                "Bytes free for outputs; -1 while the outbox cannot be looked at.",
            )?)?,
            agents: new.gauges(
                "h5inbox_agents",
                "Agents that share the ledger, this one among them; 0 where it has one for itself.",
                "state",
            )?,
        })
    }

    fn set(&self, status: &Status, paused: Option<Cause>, free: Option<u64>) {
        let backlog = &status.backlog;
        for (state, files) in [
            ("settling", backlog.settling),
            ("ready", backlog.ready),
            ("running", backlog.running),
            ("retrying", backlog.retrying),
        ] {
            self.backlog.with_label_values(&[state]).set(files.cast_signed());
        }
        self.unreadable.set(backlog.unreadable.cast_signed());
        self.oldest.set(status.oldest_waiting_s.unwrap_or(0.0));
        self.last_success.set(status.last_success_at.as_deref().map_or(0.0, told));
        let idle = status.workers.saturating_sub(status.busy_workers);
        self.workers.with_label_values(&["busy"]).set(status.busy_workers.cast_signed());
        self.workers.with_label_values(&["idle"]).set(idle.cast_signed());
        for cause in Cause::ALL {
            self.paused.with_label_values(&[cause.label()]).set(i64::from(paused == Some(cause)));
        }
        self.free.set(free.map_or(-1, |bytes| i64::try_from(bytes).unwrap_or(i64::MAX)));
        for (state, alive) in [("alive", true), ("silent", false)] {
            let agents = status.agents.iter().filter(|agent| agent.alive == alive).count() as u64;
            self.agents.with_label_values(&[state]).set(agents.cast_signed());
        }
    }
}

/// A time as the status tells it.
fn told(time: &str) -> f64 {
    time.parse().map_or(0.0, seconds_since_1970)
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 are exact in 53 bits")]
fn seconds_since_1970(time: Timestamp) -> f64 {
    time.as_millisecond() as f64 / 1e3
}

fn seconds(name: &str, help: &str) -> HistogramOpts {
    HistogramOpts::new(name, help).buckets(SECONDS.to_vec())
}

/// Makes metrics that are told of.
struct Factory<'r>(&'r Registry);

impl Factory<'_> {
    fn add<C: Collector + Clone + 'static>(&self, metric: C) -> prometheus::Result<C> {
        self.0.register(Box::new(metric.clone()))?;
        Ok(metric)
    }

    fn counter(&self, name: &str, help: &str) -> prometheus::Result<IntCounter> {
        self.add(IntCounter::new(name, help)?)
    }

    fn counters(&self, name: &str, help: &str, label: &str) -> prometheus::Result<IntCounterVec> {
        self.add(IntCounterVec::new(Opts::new(name, help), &[label])?)
    }

    fn gauge(&self, name: &str, help: &str) -> prometheus::Result<Gauge> {
        self.add(Gauge::new(name, help)?)
    }

    fn gauges(&self, name: &str, help: &str, label: &str) -> prometheus::Result<IntGaugeVec> {
        self.add(IntGaugeVec::new(Opts::new(name, help), &[label])?)
    }
}

#[cfg(test)]
mod tests {
    use super::super::status::Backlog;
    use super::*;

    #[test]
    fn every_metric_is_there_from_the_start_and_counts_what_it_says() {
        let metrics = Metrics::new("1.2.3", Timestamp::from_millisecond(1_700_000_000_250).unwrap()).unwrap();
        let status = Status {
            workers: 4,
            busy_workers: 1,
            backlog: Backlog { ready: 7, ..Backlog::default() },
            last_success_at: Some("2026-01-02T03:04:05.500Z".to_owned()),
            ..Status::default()
        };
        let first = metrics.text(&status, None, Some(10));
        for line in [
            "h5inbox_build_info{version=\"1.2.3\"} 1",
            "h5inbox_start_time_seconds 1700000000.25",
            "h5inbox_files_total{outcome=\"quarantined\"} 0",
            "h5inbox_rows_total{kind=\"bad\"} 0",
            "h5inbox_backlog_files{state=\"ready\"} 7",
            "h5inbox_workers{state=\"idle\"} 3",
            "h5inbox_paused{reason=\"ledger\"} 0",
            "h5inbox_last_success_timestamp_seconds 1767323045.5",
            "h5inbox_output_free_bytes 10",
            "h5inbox_agents{state=\"silent\"} 0",
            "h5inbox_stage_seconds_count{stage=\"encode\"} 0",
        ] {
            assert!(first.lines().any(|told| told == line), "{line}\n{first}");
        }
        metrics.done(Some(Given { rows: 3, bad_records: 2, bytes_in: 50, bytes_out: 90, took_s: 0.02 }));
        metrics.done(None);
        metrics.failed("read_error");
        metrics.spent(Phase::Ledger, Duration::from_secs(7200));
        let then = metrics.text(&status, Some(Cause::Ledger), None);
        for line in [
            "h5inbox_files_total{outcome=\"done\"} 2",
            "h5inbox_files_total{outcome=\"failed\"} 1",
            "h5inbox_retries_total{reason=\"read_error\"} 1",
            "h5inbox_rows_total{kind=\"in\"} 5",
            "h5inbox_input_bytes_total 50",
            "h5inbox_end_to_end_seconds_bucket{le=\"0.025\"} 1",
            "h5inbox_end_to_end_seconds_bucket{le=\"0.01\"} 0",
            "h5inbox_stage_seconds_bucket{stage=\"ledger\",le=\"3600\"} 0",
            "h5inbox_stage_seconds_count{stage=\"ledger\"} 1",
            "h5inbox_paused{reason=\"ledger\"} 1",
            "h5inbox_output_free_bytes -1",
        ] {
            assert!(then.lines().any(|told| told == line), "{line}\n{then}");
        }
    }
}
