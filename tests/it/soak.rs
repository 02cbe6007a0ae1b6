//! For a long time everything at once: producers of all kinds, a consumer that takes outputs away, and one agent that is
//! killed, stopped, paused, flooded with events and started again, on a disk that is full now and then. Then the books are
//! opened: each source has exactly one output that equals it, or one report, and ledger, status and disk agree.
//!
//! `make soak` plays for minutes or hours: `SOAK_SECS`, `SEED`.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

use super::dice::{Dice, Over, number, seed};
use super::harness::{Site, another_file_system, h5inbox, said, wait_until};
use super::random_producers::{Producer, Told, files, hash, latest};
use super::snapshot::{below, digests};

const PRODUCERS: u64 = 4;

/// How many outputs hold the same, by what they hold.
type Outputs = BTreeMap<String, usize>;

/// One agent with all that it needs.
struct Soak {
    site: Site,
    after: &'static str,
    /// Every complete content, by its hash.
    truth: TempDir,
    /// Where a consumer takes outputs.
    taken: TempDir,
    /// An archive on another file system.
    elsewhere: Option<TempDir>,
    /// Whether the outbox is a small disk of its own.
    small_disk: bool,
    /// What sets the agent's clock, if that can be done here.
    clock: Option<PathBuf>,
    seed: u64,
}

/// What stands between a program and its clock, where Debian puts it.
fn faketime() -> PathBuf {
    PathBuf::from(format!("/usr/lib/{}-linux-gnu/faketime/libfaketime.so.1", std::env::consts::ARCH))
}

impl Soak {
    fn set_up(seed: u64) -> Self {
        let after = ["archive", "keep", "delete"][usize::try_from(seed % 3).unwrap()];
        let elsewhere = (seed / 3).is_multiple_of(2).then(another_file_system);
        let archive = elsewhere
            .as_ref()
            .map_or(String::new(), |folder| format!("source.archive = \"{}/archive\"\n", folder.path().display()));
        // Where the clock is years ahead, what was just done is old, and would leave the books.
        let site = Site::new(&format!(
            "source.after = \"{after}\"\n{archive}inbox.recursive = true\ninbox.scan_interval_secs = 5\n\
             retry.max_attempts = 1000\nretry.backoff_max_secs = 2\nledger.keep_days = 0"
        ));
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", "size=16m", "tmpfs"]).arg(site.path("outbox")).status();
        let small_disk = mounted.is_ok_and(|status| status.success());
        if !small_disk {
            eprintln!("without full disks: this user may not mount a file system");
        }
        let clock = faketime().exists().then(|| site.path("clock"));
        if clock.is_none() {
            eprintln!("without steps of the clock: there is no libfaketime");
        }
        eprintln!("sources: {after}, archive elsewhere: {}", elsewhere.is_some());
        let soak = Self {
            site,
            after,
            truth: tempfile::tempdir().unwrap(),
            taken: tempfile::tempdir().unwrap(),
            elsewhere,
            small_disk,
            clock,
            seed,
        };
        soak.set_clock("+0");
        soak
    }

    /// The agent's clock is so far off from now on.
    fn set_clock(&self, offset: &str) {
        self.clock.iter().for_each(|clock| fs::write(clock, offset).unwrap());
    }

    /// The agent, with a clock that can be set.
    fn agent(&self) -> Command {
        let mut agent = h5inbox();
        if let Some(clock) = &self.clock {
            agent
                .env("LD_PRELOAD", faketime())
                .env("FAKETIME_TIMESTAMP_FILE", clock)
                .env("FAKETIME_CACHE_DURATION", "1");
            agent.env("FAKETIME_DONT_FAKE_MONOTONIC", "1").env("NO_FAKE_STAT", "1");
        }
        agent
    }

    fn start(&mut self) {
        let agent = self.agent();
        self.site.spawn(agent);
        wait_until("the agent answers", || self.site.status()["running"] == true);
    }

    fn archive(&self) -> PathBuf {
        self.elsewhere.as_ref().map_or_else(|| self.site.path("archive"), |folder| folder.path().join("archive"))
    }

    /// Producers and a consumer at work until `over`, while `meanwhile` is done to the agent.
    fn load(&mut self, first: u64, over: &AtomicBool, meanwhile: impl FnOnce(&mut Self)) -> Told {
        let (outbox, keeps) = (self.site.path("outbox"), self.truth.path().to_owned());
        let taken = self.taken.path().join(first.to_string());
        fs::create_dir(&taken).unwrap();
        let player = |number| Producer::new(&self.site, first + number, self.seed, Some(keeps.clone()));
        let players: Vec<Producer> = (0..PRODUCERS).map(player).collect();
        let dice = Dice::new(self.seed ^ first);
        std::thread::scope(|scope| {
            // Also if something fails here, or the others would never end.
            let _end = Over(over);
            let consumer = scope.spawn(move || consume(&outbox, &taken, dice, over));
            let play = |producer: Producer| scope.spawn(move || producer.play(|_| over.load(Ordering::Relaxed)));
            let producers: Vec<_> = players.into_iter().map(play).collect();
            meanwhile(self);
            over.store(true, Ordering::Relaxed);
            let mut told = Told::default();
            producers.into_iter().for_each(|producer| told.add(producer.join().unwrap()));
            consumer.join().unwrap();
            told
        })
    }

    /// Does to the agent what happens to agents, until it is `over`.
    fn disturb(&mut self, dice: &mut Dice, over: impl Fn() -> bool) {
        while !over() {
            dice.rest(900);
            match dice.roll(10) {
                0 => self.site.kill(),
                1 => assert!(self.site.stop().success(), "a stop in order"),
                2 => {
                    self.site.kill();
                    // Killed again while it starts and recovers.
                    let agent = self.agent();
                    self.site.spawn(agent);
                    dice.rest(120);
                    self.site.kill();
                }
                3 => {
                    self.site.signal(Signal::STOP);
                    dice.rest(1500);
                    self.site.signal(Signal::CONT);
                    continue;
                }
                4 => {
                    super::missed::overflow(&self.site);
                    continue;
                }
                5 => {
                    let steps = ["+0", "-10y", "+3650d", "-1h", "+1h", "-5"];
                    self.set_clock(steps[usize::try_from(dice.roll(6)).unwrap()]);
                    continue;
                }
                6 if self.small_disk => {
                    self.fill(dice);
                    continue;
                }
                _ => {
                    self.site.signal(Signal::USR2);
                    continue;
                }
            }
            dice.rest(400);
            self.start();
        }
    }

    /// The disk of the outbox is full for a while.
    fn fill(&self, dice: &mut Dice) {
        let filler = self.site.path("outbox/.filler");
        let mut file = File::create(&filler).unwrap();
        while file.write_all(&[0; 4096]).is_ok() {}
        dice.rest(2500);
        fs::remove_file(filler).unwrap();
    }

    /// Waits until the agent has nothing to do any more.
    fn settle(&self, told: &Told) {
        wait_until("everything that is there is dealt with", || {
            // The clock was set meanwhile: by number, not by time.
            let mut history = self.site.history();
            history.sort_by_key(|job| std::cmp::Reverse(job["id"].as_u64()));
            let ended =
                |job: &Value| !matches!(job["state"].as_str(), Some("ready" | "running" | "publishing" | "failed"));
            let settled = history.iter().all(|job| ended(job) && job["disposition"] != "pending");
            settled && self.all_taken(&history, told)
        });
    }

    fn all_taken(&self, history: &[Value], told: &Told) -> bool {
        let inbox = self.site.path("inbox");
        let there = files(&inbox, "");
        if self.after != "keep" {
            return there.is_empty();
        }
        let latest = latest(history);
        let taken = |name: &String| {
            let content = fs::read(inbox.join(name)).unwrap();
            told.bad.contains(name) || latest.get(name.as_str()).copied() == Some(&hash(&content))
        };
        there.iter().all(taken) && told.bad.iter().all(|name| history.iter().any(|job| job["path"] == **name))
    }

    /// Opens the books.
    fn reconcile(&self, told: &Told) {
        let history = self.site.history();
        let is = |state: &'static str| history.iter().filter(move |job| job["state"] == state);
        let mut outputs = Outputs::new();
        for folder in [self.taken.path(), &self.site.path("outbox")] {
            digests(folder).into_values().for_each(|output| *outputs.entry(output).or_default() += 1);
        }
        for job in is("done") {
            let whole = &told.complete[job["path"].as_str().unwrap()];
            assert!(whole.contains(job["source_hash"].as_str().unwrap()), "converted, and never whole: {job}");
        }
        assert_eq!(outputs, self.expected(is("done")), "outputs, and what the ledger's sources give in peace");
        self.nothing_is_missing(&history, told);
        self.nothing_is_left_over();
        self.status_agrees(&history, told);
    }

    /// What the sources of these jobs give in peace.
    fn expected<'a>(&self, jobs: impl Iterator<Item = &'a Value>) -> Outputs {
        let converted = self.truth.path().join("converted");
        let run = h5inbox().arg("convert").arg(self.truth.path()).arg("--outdir").arg(&converted).output().unwrap();
        assert!(run.status.success(), "{}", said(&run));
        let given = digests(&converted);
        let mut expected = Outputs::new();
        for job in jobs {
            let output = &given[&format!("{}.h5", job["source_hash"].as_str().unwrap())];
            *expected.entry(output.clone()).or_default() += 1;
        }
        expected
    }

    fn nothing_is_missing(&self, history: &[Value], told: &Told) {
        let done: HashSet<&str> =
            history.iter().filter(|job| job["state"] == "done").filter_map(|job| job["source_hash"].as_str()).collect();
        for (name, hashes) in &told.last {
            assert!(hashes.iter().any(|hash| done.contains(hash.as_str())), "{name}: {hashes:?} was not converted");
        }
        let mut states: HashMap<&str, Vec<&str>> = HashMap::new();
        for job in history {
            states.entry(job["path"].as_str().unwrap()).or_default().push(job["state"].as_str().unwrap());
        }
        for name in &told.bad {
            assert_eq!(states[name.as_str()], ["quarantined"], "{name}");
            let report = self.site.path("quarantine").join(format!("{name}.reason.txt"));
            assert!(report.exists(), "{name} has no report");
            let place = if self.after == "keep" { "inbox" } else { "quarantine" };
            assert!(self.site.path(place).join(name).exists(), "{name} is not in the {place}");
        }
        if self.after == "archive" {
            let archived: HashSet<String> =
                below(&self.archive()).iter().map(|path| hash(&fs::read(path).unwrap())).collect();
            let last = told.last.values().flatten().filter(|hash| done.contains(hash.as_str()));
            last.for_each(|hash| assert!(archived.contains(hash), "a source is not in the archive"));
            let finished = history.iter().filter(|job| job["state"] == "done" || job["state"] == "duplicate");
            assert!(below(&self.archive()).len() <= finished.count(), "a source is in the archive twice");
        }
    }

    fn nothing_is_left_over(&self) {
        let folders = ["inbox", "outbox", "quarantine"].map(|name| self.site.path(name));
        let all = folders.iter().chain([&self.archive()]).flat_map(|folder| below(folder)).collect::<Vec<_>>();
        let hidden = |path: &&PathBuf| {
            path.file_name().unwrap().as_encoded_bytes().starts_with(b".")
                || path.extension().is_some_and(|ending| ending == "tmp")
        };
        let left: Vec<&PathBuf> = all.iter().filter(hidden).filter(|path| !path.ends_with("ignored.tmp")).collect();
        assert!(left.is_empty(), "{left:?}");
    }

    fn status_agrees(&self, history: &[Value], told: &Told) {
        let (status, count) =
            (self.site.status(), |state: &str| history.iter().filter(|job| job["state"] == state).count() as u64);
        for state in ["done", "quarantined", "duplicate", "failed"] {
            assert_eq!(status["files"][state], count(state), "{state}: {status}");
        }
        let rows: u64 =
            history.iter().filter(|job| job["state"] == "done").filter_map(|job| job["rows"].as_u64()).sum();
        assert_eq!((&status["rows"], count("quarantined")), (&rows.into(), told.bad.len() as u64));
        for waits in ["settling", "ready", "running", "retrying"] {
            assert_eq!(status["backlog"][waits], 0, "{status}");
        }
    }

    /// Resident kilobytes and open files of the agent.
    fn size(&self) -> (u64, usize) {
        let status = fs::read_to_string(format!("/proc/{}/status", self.site.pid())).unwrap();
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        (resident.trim().trim_end_matches(" kB").parse().unwrap(), self.site.open_files().len())
    }
}

impl Drop for Soak {
    fn drop(&mut self) {
        if self.small_disk {
            let _ = Command::new("umount").arg("--lazy").arg(self.site.path("outbox")).status();
        }
    }
}

/// Outputs in `outbox` that can be seen there.
fn outputs(outbox: &Path) -> Vec<PathBuf> {
    let is_hidden =
        |path: &PathBuf| path.strip_prefix(outbox).unwrap().as_os_str().as_encoded_bytes().starts_with(b".");
    below(outbox).into_iter().filter(|path| !is_hidden(path)).collect()
}

/// Takes some outputs away into `taken`, as consumers do, until it is `over`.
fn consume(outbox: &Path, taken: &Path, mut dice: Dice, over: &AtomicBool) {
    let mut number = 0;
    while !over.load(Ordering::Relaxed) {
        dice.rest(800);
        for path in outputs(outbox).iter().filter(|_| dice.roll(3) > 0) {
            number += 1;
            fs::copy(path, taken.join(format!("{number}.h5"))).unwrap();
            fs::remove_file(path).unwrap();
        }
    }
}

#[test]
fn after_all_that_can_happen_at_once_each_source_has_one_equal_output_or_one_report() {
    let length = Duration::from_secs(number("SOAK_SECS").unwrap_or(15));
    let seed = seed();
    let mut soak = Soak::set_up(seed);
    soak.start();
    let begun = Instant::now();
    let over = AtomicBool::new(false);
    let mut told = soak.load(1, &over, |soak| soak.disturb(&mut Dice::new(seed), || begun.elapsed() > length * 2 / 3));
    soak.settle(&told);
    let before = soak.size();
    // In the last third nobody disturbs it, so that it lives long enough to grow.
    let over = AtomicBool::new(false);
    let more = soak.load(1 + PRODUCERS, &over, |_| std::thread::sleep(length / 3));
    told.add(more);
    soak.settle(&told);
    let after = soak.size();
    soak.reconcile(&told);
    let jobs = soak.site.history().len();
    eprintln!("{jobs} jobs; kB and open files {before:?}, at the end {after:?}");
    assert!(after.1 <= before.1 + 4, "it holds more and more files open: {:?}", soak.site.open_files());
    assert!(after.0 < before.0 * 2 + 32_768, "it grows: from {} to {} kB", before.0, after.0);
}
