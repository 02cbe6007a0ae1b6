//! Random producers on a real folder against a running agent that is stopped, killed and flooded meanwhile. In the end
//! every file that is there has its output, and nothing that was ever published is less than a whole version.
//!
//! Each file name belongs to one producer, who notes every content that was complete: whole and closed.
//! `H5INBOX_SEED=7` plays another game; the seed stands in the log of a failure.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File, FileTimes};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::time::SystemTime;

use rustix::process::Signal;
use serde_json::Value;

use super::dice::{Dice, seed};
use super::harness::{Site, sha256, wait_until};

const PRODUCERS: u64 = 4;
const ACTIONS: usize = 30;
const NAMES: u64 = 5;

/// One producer, and what it has to tell.
pub(super) struct Producer {
    inbox: PathBuf,
    outside: PathBuf,
    number: u64,
    /// Whether each complete content is marked as such, and only then.
    marks: bool,
    dice: Dice,
    rows: u64,
    /// Where each complete content is kept, by its hash; sources that cannot be converted come only then.
    keeps: Option<PathBuf>,
    told: Told,
}

/// What producers tell of their work.
#[derive(Default)]
pub(super) struct Told {
    /// By name, the hashes of every complete content that it ever had.
    pub(super) complete: HashMap<String, HashSet<String>>,
    /// By name, the hashes that the last one may have; the agent may have taken away what was to be appended to.
    pub(super) last: HashMap<String, Vec<String>>,
    /// Names of sources that cannot be converted.
    pub(super) bad: HashSet<String>,
}

impl Told {
    pub(super) fn add(&mut self, other: Told) {
        self.complete.extend(other.complete);
        self.last.extend(other.last);
        self.bad.extend(other.bad);
    }
}

impl Producer {
    pub(super) fn new(site: &Site, number: u64, seed: u64, keeps: Option<PathBuf>) -> Self {
        let (inbox, outside) = (site.path("inbox"), site.path("").join(format!("beside{number}")));
        let dice = Dice::new(seed.wrapping_mul(31).wrapping_add(number));
        Self { inbox, outside, number, marks: false, dice, rows: 0, keeps, told: Told::default() }
    }

    /// Plays its part until it is `over`, which is asked with the number of things done.
    pub(super) fn play(mut self, over: impl Fn(usize) -> bool) -> Told {
        for done in 0.. {
            if over(done) {
                break;
            }
            let name = self.name();
            self.act(&name);
            self.dice.rest(250);
        }
        self.told
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
        if self.keeps.is_some() && self.dice.roll(12) == 0 {
            return self.broken();
        }
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
            _ => {
                self.told.last.remove(name);
                return drop(fs::remove_file(&path));
            }
        }
        if self.marks {
            self.dice.rest(300);
            fs::write(marker(&path), b"").unwrap();
        }
    }

    /// What no agent can convert.
    fn broken(&mut self) {
        let (content, name) = (self.content(), format!("p{}-bad{}.json", self.number, self.rows));
        fs::write(&self.outside, [&content[..], b"bad\n"].concat()).unwrap();
        self.told.bad.insert(name.clone());
        fs::rename(&self.outside, self.inbox.join(name)).unwrap();
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
                let alone = self.complete(name, &more);
                self.told.last.get_mut(name).unwrap().push(alone);
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
            // Where it is when its turn comes does not count.
            self.complete(&format!("{second}/in.json"), &content);
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
        let hash = self.complete(name, content);
        self.told.last.insert(name.to_owned(), vec![hash]);
    }

    fn complete(&mut self, name: &str, content: &[u8]) -> String {
        let hash = hash(content);
        if let Some(keeps) = &self.keeps {
            fs::write(keeps.join(format!("{hash}.json")), content).unwrap();
        }
        self.told.complete.entry(name.to_owned()).or_default().insert(hash.clone());
        hash
    }
}

fn marker(path: &Path) -> PathBuf {
    path.with_extension("json.done")
}

pub(super) fn hash(content: &[u8]) -> String {
    sha256(content)
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
pub(super) fn files(folder: &Path, below: &str) -> Vec<String> {
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
pub(super) fn latest(history: &[Value]) -> HashMap<&str, &str> {
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
    let seed = seed();
    let marker = if marks { "inbox.done_marker = \".done\"" } else { "" };
    let often = "inbox.recursive = true\ninbox.scan_interval_secs = 5\nretry.max_attempts = 1000";
    let mut site = Site::new(&format!("{often}\n{marker}"));
    site.start();
    let inbox = site.path("inbox");
    let play = |number| {
        let producer = Producer { marks, ..Producer::new(&site, number, seed, None) };
        std::thread::spawn(move || producer.play(|done| done == ACTIONS))
    };
    let producers: Vec<_> = (1..=PRODUCERS).map(play).collect();
    disturb(&mut site, &mut Dice::new(seed), || producers.iter().all(std::thread::JoinHandle::is_finished));
    let mut told = Told::default();
    producers.into_iter().for_each(|producer| told.add(producer.join().unwrap()));
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
    reconcile(&site, &told.complete);
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
