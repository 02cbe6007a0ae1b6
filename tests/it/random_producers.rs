//! Random producers on a real folder against a running agent that is stopped, killed and flooded meanwhile. In the end
//! every file that is there has its output, and nothing that was ever published is less than a whole version.
//!
//! Each file name belongs to one producer, who notes every content that was complete: whole and closed.
//! `H5INBOX_SEED=7` plays another game; the seed stands in the log of a failure.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File, FileTimes};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustix::process::Signal;
use serde_json::Value;

use super::harness::{Site, wait_until};

const PRODUCERS: u64 = 4;
const ACTIONS: usize = 30;
const NAMES: u64 = 5;

/// A small random number generator (xorshift): the same game for the same seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % sides
    }

    fn rest(&mut self, most_ms: u64) {
        std::thread::sleep(Duration::from_millis(self.roll(most_ms)));
    }
}

/// One producer: its names, and the hashes of every complete content that each of them ever had.
struct Producer {
    inbox: PathBuf,
    outside: PathBuf,
    number: u64,
    /// Whether each complete content is marked as such, and only then.
    marks: bool,
    dice: Dice,
    rows: u64,
    complete: HashMap<String, HashSet<String>>,
}

impl Producer {
    /// Plays its part and tells what was complete.
    fn play(mut self) -> HashMap<String, HashSet<String>> {
        for _ in 0..ACTIONS {
            let name = self.name();
            self.act(&name);
            self.dice.rest(250);
        }
        self.complete
    }

    fn name(&mut self) -> String {
        let name = format!("p{}-{}.json", self.number, self.dice.roll(NAMES));
        match self.dice.roll(3) {
            0 => format!("p{}/sub{}/{name}", self.number, self.dice.roll(2)),
            _ => name,
        }
    }

    fn act(&mut self, name: &str) {
        let path = self.inbox.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        if self.marks {
            // What is written in the same tick of the clock as a marker before it may settle on top of that.
            std::thread::sleep(Duration::from_millis(20));
        }
        match self.dice.roll(10) {
            0 | 1 => self.renamed(name, &path),
            2 => self.written(name, &path, 1, 1),
            3 | 4 => self.written(name, &path, 4, 300),
            5 => self.appended(name, &path),
            6 => self.linked(name, &path),
            7 => self.with_an_old_time(name, &path),
            8 => self.in_a_folder(),
            _ => return drop(fs::remove_file(&path)),
        }
        if self.marks {
            self.dice.rest(300);
            fs::write(marker(&path), b"").unwrap();
        }
    }

    fn renamed(&mut self, name: &str, path: &Path) {
        let content = self.content();
        fs::write(&self.outside, &content).unwrap();
        self.note(name, &content);
        fs::rename(&self.outside, path).unwrap();
    }

    /// Written over what was there, in parts, with pauses while it is open.
    fn written(&mut self, name: &str, path: &Path, parts: usize, pause: u64) {
        let contents: Vec<_> = (0..parts).map(|_| self.content()).collect();
        self.note(name, &contents.concat());
        let mut file = File::create(path).unwrap();
        for part in &contents {
            self.dice.rest(pause);
            file.write_all(part).unwrap();
        }
    }

    /// Opened, written to and closed: whole each time.
    fn appended(&mut self, name: &str, path: &Path) {
        for step in 0..3 {
            let more = self.content();
            let whole = [fs::read(path).unwrap_or_default(), more.clone()].concat();
            // Where there are markers, only the last of these is complete.
            if step == 2 || !self.marks {
                self.note(name, &whole);
            }
            File::options().append(true).create(true).open(path).unwrap().write_all(&more).unwrap();
            self.dice.rest(150);
        }
    }

    fn linked(&mut self, name: &str, path: &Path) {
        let content = self.content();
        fs::write(&self.outside, &content).unwrap();
        let _ = fs::remove_file(path);
        self.note(name, &content);
        fs::hard_link(&self.outside, path).unwrap();
        fs::remove_file(&self.outside).unwrap();
    }

    fn with_an_old_time(&mut self, name: &str, path: &Path) {
        let content = self.content();
        self.note(name, &content);
        let mut file = File::create(path).unwrap();
        file.write_all(&content).unwrap();
        file.set_times(FileTimes::new().set_modified(SystemTime::UNIX_EPOCH)).unwrap();
    }

    /// A folder with a file in it, moved in as a whole, and sometimes given another name.
    fn in_a_folder(&mut self) {
        let (content, number) = (self.content(), self.rows);
        let full = self.outside.with_extension("folder");
        fs::create_dir(&full).unwrap();
        fs::write(full.join("in.json"), &content).unwrap();
        if self.marks {
            fs::write(full.join("in.json.done"), b"").unwrap();
        }
        let folder = |kind: &str| format!("p{}-{kind}{number}", self.number);
        let (first, second) = (folder("moved"), folder("again"));
        self.note(&format!("{first}/in.json"), &content);
        fs::rename(full, self.inbox.join(&first)).unwrap();
        self.dice.rest(200);
        if self.dice.roll(2) == 0 {
            self.note(&format!("{second}/in.json"), &content);
            fs::rename(self.inbox.join(first), self.inbox.join(second)).unwrap();
        }
    }

    /// Some rows that no other file has.
    fn content(&mut self) -> Vec<u8> {
        let count = self.dice.roll(4) + 1;
        let row = |number| format!("{{\"producer\": {}, \"row\": {number}}}\n", self.number);
        let text: String = (self.rows..self.rows + count).map(row).collect();
        self.rows += count;
        text.into_bytes()
    }

    /// Before it is so: the agent may be quicker than we are.
    fn note(&mut self, name: &str, content: &[u8]) {
        self.complete.entry(name.to_owned()).or_default().insert(hash(content));
    }
}

fn marker(path: &Path) -> PathBuf {
    path.with_extension("json.done")
}

fn hash(content: &[u8]) -> String {
    blake3::hash(content).to_hex().to_string()
}

/// Disturbs the agent until `over`.
fn disturb(site: &mut Site, dice: &mut Dice, over: impl Fn() -> bool) {
    while !over() {
        dice.rest(700);
        match dice.roll(5) {
            0 => {
                site.kill();
                dice.rest(300);
                site.start();
            }
            1 => {
                site.signal(Signal::STOP);
                dice.rest(600);
                site.signal(Signal::CONT);
            }
            2 => super::missed::overflow(site),
            _ => site.signal(Signal::USR2),
        }
    }
}

/// Every file below `folder`, relative to it.
fn files(folder: &Path, below: &str) -> Vec<String> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder.join(below)).unwrap().map(Result::unwrap) {
        let name = Path::new(below).join(entry.file_name()).to_str().unwrap().to_owned();
        if entry.file_type().unwrap().is_dir() {
            all.extend(files(folder, &name));
        } else {
            all.push(name);
        }
    }
    all
}

/// The newest job of each path that is not gone, and the hash that it was made from.
fn latest(history: &[Value]) -> HashMap<&str, &str> {
    let finished = history.iter().rev().filter(|job| job["state"] == "done" || job["state"] == "duplicate");
    finished.map(|job| (job["path"].as_str().unwrap(), job["source_hash"].as_str().unwrap())).collect()
}

#[test]
fn whatever_producers_do_each_file_has_its_output_and_none_is_less_than_whole() {
    game(false);
}

#[test]
fn whatever_producers_do_only_what_was_complete_when_it_was_marked_is_taken() {
    game(true);
}

fn game(marks: bool) {
    let seed: u64 = std::env::var("H5INBOX_SEED").map_or(20_261_124, |seed| seed.parse().unwrap());
    eprintln!("H5INBOX_SEED={seed}");
    let marker = if marks { "inbox.done_marker = \".done\"" } else { "" };
    let often = "inbox.recursive = true\ninbox.scan_interval_secs = 5\nretry.max_attempts = 1000";
    let mut site = Site::new(&format!("{often}\n{marker}"));
    site.start();
    let (inbox, root) = (site.path("inbox"), site.path(""));
    let producers: Vec<_> = (1..=PRODUCERS)
        .map(|number| {
            let (inbox, outside) = (inbox.clone(), root.join(format!("beside{number}")));
            let dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ number);
            let producer = Producer { inbox, outside, number, marks, dice, rows: 0, complete: HashMap::new() };
            std::thread::spawn(move || producer.play())
        })
        .collect();
    disturb(&mut site, &mut Dice(seed | 1), || producers.iter().all(std::thread::JoinHandle::is_finished));
    let complete: HashMap<_, _> = producers.into_iter().flat_map(|producer| producer.join().unwrap()).collect();
    wait_until("every file that is there has its output", || {
        let history = site.history();
        let latest = latest(&history);
        let is_done =
            |name: &String| latest.get(name.as_str()).copied() == Some(&hash(&fs::read(inbox.join(name)).unwrap()));
        files(&inbox, "")
            .iter()
            .filter(|name| Path::new(name).extension().is_none_or(|ending| ending != "done"))
            .all(is_done)
    });
    site.stop();
    reconcile(&site, &complete);
}

fn reconcile(site: &Site, complete: &HashMap<String, HashSet<String>>) {
    let history = site.history();
    let mut outputs = HashSet::new();
    for job in &history {
        let (state, name) = (job["state"].as_str().unwrap(), job["path"].as_str().unwrap());
        match state {
            "done" => {
                assert!(complete[name].contains(job["source_hash"].as_str().unwrap()), "not whole: {job}");
                let output = PathBuf::from(job["output"].as_str().unwrap());
                assert!(output.exists(), "no output: {job}");
                assert!(outputs.insert(output), "an output of two jobs: {job}");
            }
            "duplicate" | "gone" => {}
            _ => panic!("neither done nor gone: {job}"),
        }
    }
    let visible = files(&site.path("outbox"), "").into_iter().filter(|name| !name.starts_with(".h5inbox"));
    assert_eq!(visible.count(), outputs.len(), "outputs without a job");
    assert_eq!((site.unfinished(), site.names("quarantine")), (0, vec![]));
    assert!(outputs.len() > 20, "too little happened");
}
