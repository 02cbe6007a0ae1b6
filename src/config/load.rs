//! Which key fills which value, and what it may be: the contract, key by key.

use std::path::PathBuf;

use super::choices::{Format, Layout};
use super::name_template::name_template;
use super::paths::{absolute_path, ledger_url, object_path, page_path, path_or_none, textfile_path};
use super::problem::{Complaint, ConfigError};
use super::reader::Reader;
use super::sections::{Inbox, Ledger, Limits, Log, Output, Profile, Records, Retry, Source, Status};
use super::shard::shard;
use super::types::type_hints;
use super::values::{
    agent_name, choice, column_name, compression, flag, globs, listen_address, marker_ending, number, schema_name,
    some_globs,
};
use super::{Config, folders};

/// Seconds.
const DAY: i64 = 86_400;

/// Parsers count the bytes of one record in 32 bits.
const RECORD_BYTES: i64 = u32::MAX as i64;

/// Nested values are walked by recursion, so that a worker's stack bounds how deep they may be.
const DEPTH: i64 = 4096;

/// Reads and checks a TOML text; everything that it leaves out has its default.
pub(super) fn config(text: &str) -> Result<Config, ConfigError> {
    let mut reader = Reader::new(text)?;
    let mut config = defaults(&mut reader);
    sections(&mut reader, &mut config);
    folders::check(&mut reader, &config);
    reader.finish().map(|()| config)
}

/// The two folders that must be given come first, because other defaults follow from them. One that is missing or
/// wrong stays empty: by then the reader holds a problem, so that the `Config` is never handed out.
fn defaults(reader: &mut Reader) -> Config {
    let (mut inbox, mut outbox) = (PathBuf::new(), PathBuf::new());
    reader.read("inbox.path", &mut inbox, absolute_path);
    reader.require("inbox.path", "name the folder to watch, as path = \"/srv/h5inbox/inbox\" in [inbox]");
    reader.read("output.path", &mut outbox, absolute_path);
    reader.require("output.path", "name the folder for outputs, as path = \"/srv/h5inbox/outbox\" in [output]");
    Config::new(inbox, outbox)
}

fn sections(reader: &mut Reader, to: &mut Config) {
    reader.read("workers", &mut to.workers, number(0..=1024));
    inbox(reader, &mut to.inbox);
    source(reader, &mut to.source);
    output(reader, &mut to.output);
    records(reader, &mut to.records);
    limits(reader, &mut to.limits);
    retry(reader, &mut to.retry);
    ledger(reader, &mut to.ledger);
    status(reader, &mut to.status);
    profile(reader, &mut to.profile);
    log(reader, &mut to.log);
}

fn inbox(reader: &mut Reader, to: &mut Inbox) {
    reader.read("inbox.recursive", &mut to.recursive, flag);
    reader.read("inbox.include", &mut to.include, some_globs);
    reader.read("inbox.exclude", &mut to.exclude, globs);
    reader.read("inbox.watch", &mut to.watch, choice);
    reader.read("inbox.scan_interval_secs", &mut to.scan_interval_secs, number(1..=DAY));
    reader.read("inbox.settle_ms", &mut to.settle_ms, number(0..=3_600_000));
    reader.read("inbox.truncated_grace_secs", &mut to.truncated_grace_secs, number(0..=DAY));
    reader.read("inbox.done_marker", &mut to.done_marker, marker_ending);
    reader.read("inbox.manifest", &mut to.manifest, globs);
    reader.read("inbox.order", &mut to.order, choice);
    reader.read("inbox.shard", &mut to.shard, shard);
    signs(reader, to);
}

/// Markers and manifests are no sources: a pattern of both would leave no source at all.
fn signs(reader: &mut Reader, inbox: &Inbox) {
    let marker = inbox.done_marker.as_str();
    if let Some(glob) = inbox.include.iter().find(|glob| !marker.is_empty() && glob.ends_with(marker)) {
        let what = format!("= {marker:?} would make a marker of every file that {glob:?} in `inbox.include` takes");
        reader.complain("inbox.done_marker", Complaint::new(what, "choose an ending that no source has, as \".done\""));
    }
    if let Some(glob) = inbox.manifest.iter().find(|glob| inbox.include.contains(glob)) {
        let what = format!("has {glob:?}, as `inbox.include` has, so that no file would ever be taken");
        reader
            .complain("inbox.manifest", Complaint::new(what, "name the manifests, as [\"*.sha256\", \"SHA256SUMS\"]"));
    }
}

fn source(reader: &mut Reader, to: &mut Source) {
    reader.read("source.after", &mut to.after, choice);
    reader.read("source.archive", &mut to.archive, absolute_path);
    reader.read("source.archive_keep_days", &mut to.archive_keep_days, number(0..=36_500));
    reader.read("source.quarantine", &mut to.quarantine, absolute_path);
}

fn output(reader: &mut Reader, to: &mut Output) {
    reader.read("output.format", &mut to.format, choice);
    reader.read("output.layout", &mut to.layout, choice);
    reader.read("output.key", &mut to.key, object_path);
    reader.read("output.compression", &mut to.compression, compression);
    reader.read("output.on_unfit", &mut to.on_unfit, choice);
    reader.read("output.name", &mut to.name, name_template);
    reader.read("output.on_existing", &mut to.on_existing, choice);
    reader.read("output.durable", &mut to.durable, flag);
    fitting(reader, to);
    gather(reader, to);
}

fn gather(reader: &mut Reader, to: &mut Output) {
    reader.read("output.gather", &mut to.gather, globs);
    reader.read("output.gather_files", &mut to.gather_files, number(2..=10_000));
    reader.read("output.gather_bytes", &mut to.gather_bytes, number(1..=1 << 30));
    reader.read("output.gather_secs", &mut to.gather_secs, number(0..=DAY));
    reader.read("output.gather_source_column", &mut to.gather_source_column, column_name);
    if to.gather.is_empty() && !to.gather_source_column.is_empty() {
        let what = "says which source a row came from, and `output.gather` gathers none";
        let hint = "set `output.gather`, as [\"*.json\"], or leave it out";
        reader.complain("output.gather_source_column", Complaint::new(what, hint));
    }
}

/// A layout is one of HDF5, and each format has compressions of its own.
fn fitting(reader: &mut Reader, output: &Output) {
    let name = output.format.name();
    if output.format != Format::Hdf5 && output.layout != Layout::Fixed {
        let what = format!("is a layout of HDF5, and `output.format` is {name}");
        reader.complain("output.layout", Complaint::new(what, "leave it out"));
    }
    if !output.compression.is_in(output.format) {
        let what = format!("= \"{}\" is none that every reader of {name} knows", output.compression);
        let hint = if output.format == Format::Hdf5 { "write \"zlib:4\"" } else { "write \"lz4\" or \"zstd:1\"" };
        reader.complain("output.compression", Complaint::new(what, format!("{hint}, or \"none\"")));
    }
}

fn records(reader: &mut Reader, to: &mut Records) {
    reader.read("records.input", &mut to.input, choice);
    reader.read("records.on_bad_record", &mut to.on_bad_record, choice);
    reader.read("records.nested", &mut to.nested, choice);
    reader.read("records.types", &mut to.types, type_hints);
}

fn limits(reader: &mut Reader, to: &mut Limits) {
    reader.read("limits.memory_bytes", &mut to.memory_bytes, number(0..=i64::MAX));
    reader.read("limits.file_bytes", &mut to.file_bytes, number(0..=i64::MAX));
    reader.read("limits.record_bytes", &mut to.record_bytes, number(1..=RECORD_BYTES));
    reader.read("limits.depth", &mut to.depth, number(1..=DEPTH));
    reader.read("limits.columns", &mut to.columns, number(1..=1_000_000));
    reader.read("limits.decompression_ratio", &mut to.decompression_ratio, number(1..=1_000_000));
    reader.read("limits.convert_secs", &mut to.convert_secs, number(1..=7 * DAY));
}

fn retry(reader: &mut Reader, to: &mut Retry) {
    reader.read("retry.max_attempts", &mut to.max_attempts, number(1..=1000));
    reader.read("retry.backoff_secs", &mut to.backoff_secs, number(1..=DAY));
    reader.read("retry.backoff_max_secs", &mut to.backoff_max_secs, number(1..=7 * DAY));
    if to.backoff_secs > to.backoff_max_secs {
        let what = format!("= {} is more than `retry.backoff_max_secs` = {}", to.backoff_secs, to.backoff_max_secs);
        reader.complain("retry.backoff_secs", Complaint::new(what, "the first wait cannot be above the longest"));
    }
}

fn ledger(reader: &mut Reader, to: &mut Ledger) {
    reader.read("ledger.url", &mut to.url, ledger_url);
    reader.read("ledger.schema", &mut to.schema, schema_name);
    reader.read("ledger.agent", &mut to.agent, agent_name);
    reader.read("ledger.lease_secs", &mut to.lease_secs, number(3..=DAY));
    reader.read("ledger.password_file", &mut to.password_file, path_or_none);
    reader.read("ledger.tls_ca", &mut to.tls_ca, path_or_none);
    reader.read("ledger.keep_days", &mut to.keep_days, number(0..=36_500));
}

fn status(reader: &mut Reader, to: &mut Status) {
    reader.read("status.listen", &mut to.listen, listen_address);
    reader.read("status.textfile", &mut to.textfile, textfile_path);
    reader.read("status.socket", &mut to.socket, path_or_none);
}

fn profile(reader: &mut Reader, to: &mut Profile) {
    reader.read("profile.path", &mut to.path, page_path);
    reader.read("profile.files", &mut to.files, number(1..=10_000));
}

fn log(reader: &mut Reader, to: &mut Log) {
    reader.read("log.format", &mut to.format, choice);
    reader.read("log.level", &mut to.level, choice);
}
