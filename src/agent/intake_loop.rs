//! Drives the intake: takes the watcher's hints, lists the inbox when it is time, looks where a look is due, and
//! answers with the sources that are ready.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;

use super::AgentError;
use super::told::{Told, tell_change, tell_waiting};
use crate::config::{Config, Watch};
use crate::intake::{
    Entry, Hint, Kind, Listed, Lister, Manifests, NameFilter, Remembered, Rules, ScanError, ScanSummary, Schedule,
    Settle, Signs, Verdict, WatchError, Watcher, look,
};
use crate::ledger::{Arrival, Ledger, LedgerError};
use crate::source::{Identity, Shown};
use crate::telemetry::metrics::Metrics;
use crate::telemetry::status::Live;

/// Hints that may wait; more become one listing.
const HINTS: usize = 16_384;
/// Looks at a time, so that hints and reports get their turn.
const LOOKS: usize = 64;
/// How long folders that could not be watched are only listed, until watching them is tried again.
const WATCH_ALL_AGAIN: Duration = Duration::from_secs(300);
/// How long to wait before trying to watch an inbox again that could not be watched.
const WATCH_AGAIN: Duration = Duration::from_secs(5);

/// The intake of one inbox.
pub(super) struct IntakeLoop {
    inbox: PathBuf,
    recursive: bool,
    poll_only: bool,
    filter: Arc<NameFilter>,
    signs: Signs,
    /// How long a source waits for its marker or manifest before that is told.
    patience: Duration,
    settle: Settle,
    schedule: Schedule,
    lister: Lister,
    /// As long as not everything is known that the ledger remembers: what was released meanwhile, which it still has.
    remembering: Option<Vec<(PathBuf, Identity)>>,
    /// When the listing that runs was begun.
    listing_since: Option<Duration>,
    watcher: Option<Watcher>,
    watch_again: Duration,
    nobody: Receiver<Hint>,
    told: Told,
    /// Why the inbox cannot be listed, and why it cannot be watched, as long as that is so.
    unlistable: Option<String>,
    unwatchable: Option<String>,
    overflows_seen: u64,
    watched_since: Duration,
    unwatched_told: bool,
    live: Arc<Live>,
    metrics: Arc<Metrics>,
    start: Instant,
    /// Why the inbox has not been listed, until it has.
    unlisted: Option<String>,
}

impl IntakeLoop {
    /// The intake of the configured inbox, knowing what `ledger` remembers and what `manifests` say, if there are any. A
    /// source that has waited for the time `patience` for its marker or manifest is told of.
    pub(super) fn new(
        config: &Config,
        ledger: &Arc<dyn Ledger>,
        (live, metrics): (Arc<Live>, Arc<Metrics>),
        manifests: Option<Arc<Manifests>>,
        patience: Duration,
    ) -> Result<Self, AgentError> {
        let inbox = &config.inbox;
        let filter = name_filter(config)?;
        let signs = Signs::new(&inbox.path, &inbox.done_marker, manifests);
        let memory = Arc::clone(ledger);
        let remembered: Remembered = Box::new(move |each| memory.handled(each));
        let mut intake = Self {
            inbox: inbox.path.clone(),
            recursive: inbox.recursive,
            poll_only: inbox.watch == Watch::Poll,
            lister: Lister::start(&inbox.path, inbox.recursive, Arc::clone(&filter), remembered)?,
            remembering: Some(Vec::new()),
            listing_since: None,
            filter,
            signs,
            patience,
            settle: Settle::new(Rules::new(Duration::from_millis(inbox.settle_ms))),
            schedule: Schedule::new(Duration::from_secs(inbox.scan_interval_secs), Duration::ZERO),
            watcher: None,
            watch_again: Duration::ZERO,
            nobody: crossbeam_channel::never(),
            told: Told::default(),
            unlistable: None,
            unwatchable: None,
            overflows_seen: 0,
            watched_since: Duration::ZERO,
            unwatched_told: false,
            live,
            metrics,
            start: Instant::now(),
            unlisted: Some("it has not been listed".to_owned()),
        };
        // Before the first listing: what comes in between is then seen by the one or the other.
        intake.watch();
        Ok(intake)
    }

    /// Where hints arrive.
    pub(super) fn hints(&self) -> Receiver<Hint> {
        self.watcher.as_ref().map_or_else(|| self.nobody.clone(), |watcher| watcher.hints().clone())
    }

    /// Where listings arrive.
    pub(super) fn listings(&self) -> Receiver<Listed> {
        self.lister.listed().clone()
    }

    /// A part of a listing arrived, or of what the ledger remembers.
    pub(super) fn listed(&mut self, part: Listed) -> Result<(), LedgerError> {
        match part {
            Listed::Known(some) => some.into_iter().for_each(|known| self.settle.prime(known)),
            Listed::Remembered(all) => return all.map(|()| self.note_remembered()),
            Listed::Entries(entries) => entries.into_iter().for_each(|entry| self.entry(entry)),
            Listed::End(end) => self.note_listing(end),
        }
        Ok(())
    }

    /// A hint arrived; `None` means that the watcher has ended.
    pub(super) fn hint(&mut self, hint: Option<Hint>) {
        let now = self.now();
        match hint {
            Some(Hint::Renamed(path)) => self.settle.hint(&path, Kind::Renamed, now),
            Some(Hint::Closed(path)) => self.settle.hint(&path, Kind::Closed, now),
            Some(Hint::Created(path)) => self.settle.hint(&path, Kind::Created, now),
            Some(Hint::Sign(path)) => self.sign(&path, now),
            Some(Hint::Rescan) => self.schedule.want(now),
            Some(Hint::Lost) | None => self.lost(now),
        }
        if self.watcher.as_ref().is_some_and(Watcher::missed) {
            self.schedule.want(now);
        }
    }

    /// Does what is due and returns the sources that are ready.
    pub(super) fn tick(&mut self) -> Vec<Arrival> {
        let now = self.now();
        if self.watcher.is_none() && now >= self.watch_again {
            self.watch();
        }
        if self.listing_since.is_none() && self.schedule.is_due(now) {
            self.list(now);
        }
        let ready = self.looks();
        self.publish_counters();
        ready
    }

    /// How long nothing will be due.
    pub(super) fn next_due(&self) -> Duration {
        // While a listing runs, its end is waited for.
        let mut next = if self.listing_since.is_some() { Duration::MAX } else { self.schedule.next_due() };
        if let Some(due) = self.settle.next_due() {
            next = next.min(due);
        }
        if self.watcher.is_none() && !self.poll_only {
            next = next.min(self.watch_again);
        }
        next.saturating_sub(self.now())
    }

    /// The version of a source that was handed out was not taken: it settles again.
    pub(super) fn release(&mut self, path: &Path, identity: &Identity) {
        if let Some(released) = &mut self.remembering {
            released.push((path.to_owned(), *identity));
            return;
        }
        let now = self.now();
        self.settle.release(path, identity, Duration::from_millis(100), now);
    }

    /// The inbox is to be listed now.
    pub(super) fn want_scan(&mut self) {
        let now = self.now();
        self.schedule.want(now);
    }

    /// How many sources have not settled yet. What only misses its marker or manifest may wait for ever.
    pub(super) fn settling(&self) -> usize {
        self.settle.settling_count() - self.settle.withheld_count()
    }

    /// Why the inbox has not been listed; none if it has.
    pub(super) fn unlisted(&self) -> Option<AgentError> {
        let what = self.unlisted.clone()?;
        Some(AgentError::Folder { key: "inbox.path", path: self.inbox.clone(), what })
    }

    fn now(&self) -> Duration {
        self.start.elapsed()
    }

    fn looks(&mut self) -> Vec<Arrival> {
        let mut ready = Vec::new();
        for path in self.settle.due(self.now(), LOOKS) {
            let (seen, refused) = look(&self.inbox, &path, &self.signs);
            if let Some(error) = refused {
                self.told.skipped(&path, &error.to_string());
            }
            match self.settle.looked(&path, seen, self.now()) {
                Verdict::Ready(identity) => {
                    log::debug!(event = "file.ready", path:% = Shown(&path), size_bytes = identity.size; "Ready.");
                    ready.push(Arrival { path: path.to_path_buf(), identity });
                }
                Verdict::Withheld(lack, since) => {
                    let waited = self.now().saturating_sub(since);
                    if waited >= self.patience {
                        self.told.withheld(&path, lack, since, waited);
                    }
                }
                Verdict::Waiting => tell_waiting(&path, seen),
                Verdict::Forgotten => {}
            }
        }
        ready
    }

    fn note_remembered(&mut self) {
        for (path, identity) in self.remembering.take().into_iter().flatten() {
            self.release(&path, &identity);
        }
        // The first listing was begun, and comes only now.
        self.settle.scan_started();
        log::debug!(event = "intake.remembered", versions = self.settle.handled_count(); "Knows what was dealt with.");
    }

    fn list(&mut self, now: Duration) {
        self.check_watcher();
        self.settle.scan_started();
        self.listing_since = Some(now);
        self.lister.begin();
    }

    fn entry(&mut self, entry: Entry) {
        let now = self.now();
        match entry {
            Entry::Source(path, identity) => self.settle.hint(&path, Kind::Scanned(identity), now),
            Entry::Sign(path) => self.sign(&path, now),
            Entry::Refused(path, why) => self.told.skipped(&path, &why),
        }
    }

    /// A marker or a manifest is there: what it speaks of may be taken now.
    fn sign(&mut self, path: &Path, now: Duration) {
        if let Some(source) = self.filter.marked(path) {
            self.settle.wake(&source, now);
        }
        let Some(manifests) = self.signs.manifests().filter(|_| self.filter.is_manifest(path)) else { return };
        match manifests.renew(path) {
            Ok(named) => named.iter().for_each(|source| self.settle.wake(source, now)),
            Err(error) => self.told.skipped(path, &error.to_string()),
        }
    }

    fn note_listing(&mut self, listed: Result<ScanSummary, ScanError>) {
        let now = self.now();
        let began = self.listing_since.take().unwrap_or(now);
        match listed {
            Ok(summary) => {
                self.settle.scan_finished(summary.is_complete());
                if let Some(manifests) = self.signs.manifests().filter(|_| summary.is_complete()) {
                    manifests.sweep();
                }
                self.schedule.finished(began, now);
                self.unlisted = None;
                self.unlistable = None;
                let took = now.saturating_sub(began);
                self.live.listed.store(1, Ordering::Relaxed);
                self.metrics.listed(took);
                log::debug!(event = "scan.done", sources = summary.sources, folders = summary.folders,
                    scan_s = took.as_secs_f64(); "Listed the inbox.");
            }
            Err(error) => {
                self.settle.scan_finished(false);
                self.schedule.failed(now);
                self.live.listed.store(0, Ordering::Relaxed);
                self.unlisted = self.unlisted.take().map(|_| error.to_string());
                tell_change(&mut self.unlistable, error.to_string(), &self.inbox);
            }
        }
    }

    fn watch(&mut self) {
        self.live.native.store(0, Ordering::Relaxed);
        if self.poll_only {
            self.watch_again = Duration::MAX;
            return;
        }
        match Watcher::start(&self.inbox, self.recursive, Arc::clone(&self.filter), HINTS) {
            Ok(watcher) => {
                self.watcher = Some(watcher);
                self.unwatchable = None;
                self.overflows_seen = 0;
                self.watched_since = self.now();
                self.live.native.store(1, Ordering::Relaxed);
                self.schedule.want(self.now());
            }
            Err(error) => {
                let network = matches!(error, WatchError::Network { .. });
                self.watch_again = if network { Duration::MAX } else { self.now() + WATCH_AGAIN };
                let what = format!("{error}; the inbox is listed every so often instead");
                tell_change(&mut self.unwatchable, what, &self.inbox);
            }
        }
    }

    fn lost(&mut self, now: Duration) {
        self.watcher = None;
        self.watch_again = now + Duration::from_millis(200);
        self.schedule.want(now);
        log::warn!(event = "watch.lost", inbox:% = Shown(&self.inbox);
            "The inbox was removed, moved or unmounted; waiting for it to come back.");
    }

    /// Watches anew if another folder is at the inbox's path, or if it is time to try what could not be watched.
    fn check_watcher(&mut self) {
        let is_time = self.now() >= self.watched_since + WATCH_ALL_AGAIN;
        let renew = |watcher: &Watcher| !watcher.is_current() || (is_time && watcher.unwatched() > 0);
        if self.watcher.as_ref().is_some_and(renew) {
            self.watcher = None;
            self.watch();
        }
    }

    fn publish_counters(&mut self) {
        self.live.settling.store(self.settle.settling_count() as u64, Ordering::Relaxed);
        self.live.withheld.store(self.settle.withheld_count() as u64, Ordering::Relaxed);
        self.live.unreadable.store(self.settle.unreadable_count() as u64, Ordering::Relaxed);
        let unwatched = self.watcher.as_ref().map_or(0, Watcher::unwatched);
        self.live.unwatched.store(unwatched, Ordering::Relaxed);
        let Some(watcher) = &self.watcher else { return };
        // Each watcher counts from 0.
        let more = watcher.overflows().saturating_sub(self.overflows_seen);
        if more > 0 {
            self.overflows_seen += more;
            self.live.overflows.fetch_add(more, Ordering::Relaxed);
            self.metrics.overflowed(more);
            log::warn!(event = "watch.overflow", overflows = more;
                "The kernel's event queue overflowed; the inbox is listed instead, nothing is missed.");
        }
        if unwatched > 0 && !self.unwatched_told {
            log::warn!(event = "watch.incomplete", inbox:% = Shown(&self.inbox);
                "Some folders in the inbox cannot be watched and are only listed, every inbox.scan_interval_secs; raise \
                 fs.inotify.max_user_watches with sysctl, and let this user read them.");
        }
        self.unwatched_told = unwatched > 0;
    }
}

impl Drop for IntakeLoop {
    /// What reads the ledger comes to its end first, so that the ledger can be closed.
    fn drop(&mut self) {
        while self.remembering.is_some() {
            if let Ok(Listed::Remembered(_)) | Err(_) = self.lister.listed().recv() {
                self.remembering = None;
            }
        }
    }
}

/// Which names are sources, and which speak of sources.
pub(crate) fn name_filter(config: &Config) -> Result<Arc<NameFilter>, AgentError> {
    let inbox = &config.inbox;
    let filter = NameFilter::new(&inbox.include, &inbox.exclude)
        .and_then(|filter| filter.with_signs(&inbox.done_marker, &inbox.manifest));
    filter.map(|filter| Arc::new(filter.of_shard(inbox.shard))).map_err(|e| AgentError::Globs(e.to_string()))
}
