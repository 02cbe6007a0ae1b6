//! When the power fails, what was synced survives and nothing else: the agent under load on a real file system whose power
//! is cut at a random moment, mounted again, and started again. A file system on a loop device is told to forget what it
//! has not written (`FS_IOC_SHUTDOWN`), the agent is killed, and the journal is replayed at the next mount.
//!
//! With the ledger on another file system, which loses nothing, every sync that was forgotten shows: the ledger then tells
//! of what is not there. `H5INBOX_SEED=7` plays another game, `H5INBOX_ROUNDS=100` a longer one.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::process::Signal;
use tempfile::TempDir;

use super::dice::{Dice, Over, rounds, seed};
use super::harness::{Site, h5inbox, reader, said};
use super::snapshot::{below, digests};

/// A file system on a loop device.
struct Disk {
    folder: TempDir,
    mkfs: &'static [&'static str],
    options: &'static str,
}

/// How file systems are made, with which options they are mounted, and how large they are.
const EXT4: (&[&str], &str, u64) = (&["mkfs.ext4", "-q", "-F"], "loop", 96 << 20);
const WRITEBACK: (&[&str], &str, u64) = (&["mkfs.ext4", "-q", "-F"], "loop,data=writeback", 96 << 20);
const XFS: (&[&str], &str, u64) = (&["mkfs.xfs", "-q", "-f"], "loop", 320 << 20);

impl Disk {
    /// A new file system, mounted; none if that is not allowed here.
    fn new((mkfs, options, bytes): (&'static [&'static str], &'static str, u64)) -> Option<Self> {
        let disk = Self { folder: tempfile::tempdir().unwrap(), mkfs, options };
        fs::create_dir(disk.at()).unwrap();
        File::create(disk.image()).unwrap().set_len(bytes).unwrap();
        let made = system(mkfs[0]).args(&mkfs[1..]).arg(disk.image()).status();
        let made = made.is_ok_and(|status| status.success());
        if !made || !disk.mount() {
            eprintln!("skipped: no {} on a loop device here", disk.mkfs[0]);
            return None;
        }
        Some(disk)
    }

    fn image(&self) -> PathBuf {
        self.folder.path().join("image")
    }

    /// Where it is mounted.
    fn at(&self) -> PathBuf {
        self.folder.path().join("disk")
    }

    fn mount(&self) -> bool {
        let status = Command::new("mount").args(["-o", self.options]).arg(self.image()).arg(self.at()).status();
        status.is_ok_and(|status| status.success())
    }

    /// From now on nothing reaches the disk.
    fn cut_power(&self) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/power_cut.py");
        assert!(Command::new(reader("3.1")).arg(script).arg(self.at()).status().unwrap().success());
    }

    /// Mounted again: the journal is replayed.
    fn power_on(&self) {
        assert!(Command::new("umount").arg(self.at()).status().unwrap().success(), "somebody has a file open there");
        assert!(self.mount());
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(self.at()).status();
    }
}

/// A program that may be where only root looks.
fn system(program: &str) -> Command {
    let mut command = Command::new("env");
    let path = std::env::var("PATH").unwrap_or_default();
    command.arg(format!("PATH={path}:/usr/sbin:/sbin")).arg(program);
    command
}

/// Sources that a producer has made durable, by name, and what becomes of them if nobody disturbs that.
#[derive(Default)]
struct Truth {
    durable: BTreeMap<String, Vec<u8>>,
    /// What their outputs hold.
    outputs: BTreeMap<String, String>,
}

impl Truth {
    /// Notes more sources, and converts them in peace.
    fn note(&mut self, sources: Vec<(String, Vec<u8>)>) {
        let more = tempfile::tempdir().unwrap();
        for (name, content) in &sources {
            fs::write(more.path().join(name), content).unwrap();
        }
        if !sources.is_empty() {
            let converted = h5inbox().arg("convert").arg(more.path()).output().unwrap();
            assert!(converted.status.success(), "{}", said(&converted));
        }
        self.outputs.extend(digests(more.path()));
        self.durable.extend(sources);
    }
}

/// Makes sources and makes them durable, until `over` or until the power is gone; tells which are durable.
fn produce(site: &Site, round: u64, mut dice: Dice, over: &AtomicBool) -> Vec<(String, Vec<u8>)> {
    let (inbox, beside, mut durable) = (site.path("inbox"), site.path("being-written"), Vec::new());
    for number in 0.. {
        if over.load(Ordering::Relaxed) {
            break;
        }
        let (name, content) = (format!("r{round}-{number}.json"), content(&mut dice));
        let written = || {
            let mut file = File::create(&beside)?;
            file.write_all(&content)?;
            file.sync_all()?;
            fs::rename(&beside, inbox.join(&name))?;
            File::open(&inbox)?.sync_all()
        };
        // Of what was synced while the power was cut nobody knows.
        if written().is_err() || over.load(Ordering::Relaxed) {
            break;
        }
        durable.push((name, content));
        dice.rest(30);
    }
    durable
}

/// Records of a number of shapes and lengths, up to some hundred kilobytes.
fn content(dice: &mut Dice) -> Vec<u8> {
    let rows = [1, 3, 50, 1000][usize::try_from(dice.roll(4)).unwrap()];
    let text = |row| format!("{{\"row\": {row}, \"x\": {}.5, \"s\": \"s{}\"}}\n", dice.roll(1 << 40), dice.roll(99));
    (0..rows).map(text).collect::<String>().into_bytes()
}

/// How a game is set up.
struct Game {
    disk: (&'static [&'static str], &'static str, u64),
    /// What is not on that disk.
    apart: &'static [&'static str],
    after: &'static str,
}

/// The ledger loses nothing when the power is cut: it must never have been ahead.
const LEDGER_APART: &[&str] = &["log", "state"];
const ALL_ON_DISK: &[&str] = &["log"];

/// Plays `rounds` cuts; false if this machine cannot.
fn play(game: &Game, rounds: u64, seed: u64) -> bool {
    let Some(disk) = Disk::new(game.disk) else { return false };
    let mut dice = Dice::new(seed);
    let config = format!("source.after = \"{}\"\nretry.max_attempts = 1000\nretry.backoff_max_secs = 1", game.after);
    let mut site = Site::within(&disk.at(), game.apart, &config);
    rustix::fs::sync();
    let mut truth = Truth::default();
    for round in 0..rounds {
        let durable = one_cut(&disk, &mut site, round, &mut dice);
        truth.note(durable);
        look(&site, &truth, &format!("round {round}"));
    }
    site.start();
    site.wait_for("done", truth.durable.len());
    assert!(site.stop().success());
    let end = site.once();
    assert!(end.status.success(), "{}", said(&end));
    reconcile(&site, &truth, game);
    eprintln!(
        "{} durable sources through {rounds} power cuts: {} {} {:?}",
        truth.durable.len(),
        game.disk.0[0],
        game.disk.1,
        game.apart
    );
    true
}

/// Runs the agent under load until the power is cut at some moment; returns the sources that are durable.
fn one_cut(disk: &Disk, site: &mut Site, round: u64, dice: &mut Dice) -> Vec<(String, Vec<u8>)> {
    site.spawn(h5inbox());
    let (over, more) = (AtomicBool::new(false), Dice::new(dice.roll(u64::MAX)));
    let durable = std::thread::scope(|scope| {
        let _end = Over(&over);
        let producer = scope.spawn(|| produce(site, round, more, &over));
        // Half of the time while it starts and recovers, or soon after.
        let most = if dice.roll(2) == 0 { 200 } else { 1000 };
        dice.rest(most);
        // Nothing runs any more without power: after the cut, file systems tell what is not so.
        site.signal(Signal::STOP);
        over.store(true, Ordering::Relaxed);
        disk.cut_power();
        producer.join().unwrap()
    });
    site.kill();
    disk.power_on();
    durable
}

/// Before the agent has started again: nothing is lost, nothing is torn, and the ledger does not lie.
fn look(site: &Site, truth: &Truth, when: &str) {
    let there: Vec<Vec<u8>> = ["inbox", "archive", "quarantine"]
        .iter()
        .flat_map(|folder| below(&site.path(folder)))
        .map(|path| fs::read(path).unwrap())
        .collect();
    let outputs = digests(&site.path("outbox"));
    for (name, content) in &truth.durable {
        let name = name.replace(".json", ".h5");
        let output = outputs.get(&name);
        assert!(output.is_some() || there.contains(content), "{when}: {name} is lost");
        assert!(output.is_none() || output == truth.outputs.get(&name), "{when}: {name} is torn");
    }
    for job in site.history().iter().filter(|job| job["state"] == "done") {
        assert!(Path::new(job["output"].as_str().unwrap()).exists(), "{when}: the ledger is ahead: {job}");
    }
}

/// After the last run: each durable source once.
fn reconcile(site: &Site, truth: &Truth, game: &Game) {
    look(site, truth, "at the end");
    for (name, content) in &truth.durable {
        assert_eq!(site.states(name), ["done"], "{name}");
        let stem = name.trim_end_matches(".json");
        let outputs = site
            .names("outbox")
            .into_iter()
            .filter(|output| output.starts_with(&format!("{stem}.")) || output.starts_with(&format!("{stem}~")));
        assert_eq!(outputs.count(), 1, "outputs of {name}");
        let found = |folder| fs::read(site.path(folder).join(name)).ok();
        let (inbox, archive) = match game.after {
            "keep" => (Some(content), None),
            "archive" => (None, Some(content)),
            _ => (None, None),
        };
        assert_eq!((found("inbox").as_ref(), found("archive").as_ref()), (inbox, archive), "{name}");
    }
    let hidden =
        |folder: &str| below(&site.path(folder)).into_iter().filter(|path| path.to_string_lossy().contains(".h5inbox"));
    let left: Vec<PathBuf> =
        ["inbox", "outbox", "archive", "quarantine"].iter().flat_map(|folder| hidden(folder)).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn when_the_power_fails_each_durable_source_has_one_whole_output_and_the_ledger_was_never_ahead() {
    let games = [
        Game { disk: EXT4, apart: LEDGER_APART, after: "archive" },
        Game { disk: EXT4, apart: ALL_ON_DISK, after: "delete" },
        Game { disk: XFS, apart: LEDGER_APART, after: "delete" },
        Game { disk: XFS, apart: ALL_ON_DISK, after: "archive" },
        Game { disk: WRITEBACK, apart: LEDGER_APART, after: "keep" },
    ];
    let (rounds, seed) = (rounds(2), seed());
    std::thread::scope(|scope| {
        (seed..).zip(&games).for_each(|(seed, game)| drop(scope.spawn(move || play(game, rounds, seed))));
    });
}
