//! A small world of files, writers, hints and scans, played at random. The world knows nothing of the machine's states;
//! it checks each verdict against the history of what the machine was told.

use proptest::prelude::*;

use super::super::*;

const SETTLE: Duration = Duration::from_millis(500);
const PATHS: [&str; 3] = ["a", "b", "c"];

#[derive(Clone, Debug)]
enum Step {
    Wait(u64),
    Write { path: usize, size: u64 },
    Open(usize),
    Close { path: usize, hinted: bool },
    Replace { path: usize, size: u64, hinted: bool },
    Remove(usize),
    Created(usize),
    Scan,
    Look { answered: bool },
    Release(usize),
    Unseen(Writer),
    Readable(bool),
    Sign { path: usize, consent: Consent, hinted: bool },
}

fn consent() -> impl Strategy<Value = Consent> {
    prop_oneof![Just(Consent::Usual), Just(Consent::Complete), Just(Consent::Withheld(Lack::Marker))]
}

fn step() -> impl Strategy<Value = Step> {
    let path = 0..PATHS.len();
    prop_oneof![
        4 => prop_oneof![0_u64..50, 400_u64..600, 1500_u64..3000, 20_000_u64..40_000].prop_map(Step::Wait),
        3 => (path.clone(), 0_u64..3).prop_map(|(path, size)| Step::Write { path, size }),
        2 => path.clone().prop_map(Step::Open),
        3 => (path.clone(), any::<bool>()).prop_map(|(path, hinted)| Step::Close { path, hinted }),
        2 => (path.clone(), 0_u64..3, any::<bool>()).prop_map(|(path, size, hinted)| Step::Replace { path, size, hinted }),
        1 => path.clone().prop_map(Step::Remove),
        1 => path.clone().prop_map(Step::Created),
        2 => Just(Step::Scan),
        6 => prop::bool::weighted(0.9).prop_map(|answered| Step::Look { answered }),
        1 => path.clone().prop_map(Step::Release),
        3 => (path, consent(), any::<bool>()).prop_map(|(path, consent, hinted)| Step::Sign { path, consent, hinted }),
        1 => prop_oneof![Just(Writer::None), Just(Writer::Unknown), Just(Writer::Elsewhere)].prop_map(Step::Unseen),
        1 => any::<bool>().prop_map(Step::Readable),
    ]
}

/// A file as it is, and what the machine was told of its path, newest last.
#[derive(Default)]
struct File {
    current: Option<Identity>,
    writers: usize,
    told: Vec<(Duration, Told)>,
    /// How much of that the machine was done with when the path last stopped waiting: what a hint promised then is over.
    done: usize,
    /// What its marker or manifest says.
    consent: Consent,
    handed_out: Vec<Identity>,
}

#[derive(Clone, Copy, PartialEq)]
enum Told {
    Renamed,
    Closed,
    Created,
    Seen(Identity, Writer),
    Unreadable,
}

struct World {
    settle: Settle,
    now: Duration,
    files: [File; 3],
    versions: i64,
    /// What is said of a file without a writer; of one with a writer, if that cannot be seen.
    unseen: Writer,
    readable: bool,
}

impl World {
    fn new() -> Self {
        let settle = Settle::new(Rules::new(SETTLE));
        Self {
            settle,
            now: Duration::ZERO,
            files: Default::default(),
            versions: 0,
            unseen: Writer::None,
            readable: true,
        }
    }

    fn play(&mut self, step: &Step) {
        match *step {
            Step::Wait(milliseconds) => self.now += Duration::from_millis(milliseconds),
            Step::Write { path, size } => self.write(path, size),
            Step::Open(path) => self.files[path].writers += usize::from(self.files[path].current.is_some()),
            Step::Close { path, hinted } => self.close(path, hinted),
            Step::Replace { path, size, hinted } => self.replace(path, size, hinted),
            Step::Remove(path) => (self.files[path].current, self.files[path].writers) = (None, 0),
            Step::Created(path) => self.tell(path, Kind::Created, Told::Created),
            Step::Scan => self.scan(),
            Step::Look { answered } => self.look(answered),
            Step::Release(path) => self.release(path),
            Step::Unseen(unseen) => self.unseen = unseen,
            Step::Readable(readable) => self.readable = readable,
            Step::Sign { path, consent, hinted } => self.sign(path, consent, hinted),
        }
    }

    fn new_version(&mut self, size: u64) -> Identity {
        self.versions += 1;
        Identity { device: 1, inode: 7, size, mtime_ns: self.versions, ctime_ns: self.versions }
    }

    fn write(&mut self, path: usize, size: u64) {
        if self.files[path].writers > 0 {
            self.files[path].current = Some(self.new_version(size));
        }
    }

    fn close(&mut self, path: usize, hinted: bool) {
        if self.files[path].writers > 0 {
            self.files[path].writers -= 1;
            if hinted {
                self.tell(path, Kind::Closed, Told::Closed);
            }
        }
    }

    fn replace(&mut self, path: usize, size: u64, hinted: bool) {
        self.files[path].current = Some(self.new_version(size));
        self.files[path].writers = 0;
        if hinted {
            self.tell(path, Kind::Renamed, Told::Renamed);
        }
    }

    fn sign(&mut self, path: usize, consent: Consent, hinted: bool) {
        self.files[path].consent = consent;
        if hinted {
            self.settle.wake(Path::new(PATHS[path]), self.now);
        }
    }

    fn tell(&mut self, path: usize, kind: Kind, told: Told) {
        self.settle.hint(Path::new(PATHS[path]), kind, self.now);
        self.files[path].told.push((self.now, told));
    }

    fn scan(&mut self) {
        self.settle.scan_started();
        for path in 0..PATHS.len() {
            if let Some(identity) = self.files[path].current {
                self.tell(path, Kind::Scanned(identity), Told::Seen(identity, Writer::Unknown));
            }
        }
        self.settle.scan_finished(true);
    }

    fn release(&mut self, path: usize) {
        if let Some(identity) = self.files[path].handed_out.pop() {
            self.settle.release(Path::new(PATHS[path]), &identity, SETTLE, self.now);
        }
    }

    fn look(&mut self, answered: bool) {
        for due in self.settle.due(self.now, usize::MAX) {
            let path = PATHS.iter().position(|name| Path::new(name) == &*due).unwrap();
            if answered {
                let look = self.seen(path);
                let verdict = self.settle.looked(&due, look, self.now);
                self.check(path, look, verdict);
            }
        }
    }

    fn seen(&mut self, path: usize) -> Look {
        let file = &mut self.files[path];
        let writer = match (self.unseen, file.writers) {
            (Writer::None, 1..) => Writer::Present,
            (unseen, _) => unseen,
        };
        let (look, told) = match file.current {
            None => (Look::Gone, Told::Unreadable),
            Some(_) if !self.readable => (Look::NotReadable, Told::Unreadable),
            Some(identity) => (Look::Found { identity, writer, consent: file.consent }, Told::Seen(identity, writer)),
        };
        file.told.push((self.now, told));
        look
    }

    fn check(&mut self, path: usize, look: Look, verdict: Verdict) {
        if verdict == Verdict::Forgotten {
            self.files[path].done = self.files[path].told.len();
        }
        let Verdict::Ready(identity) = verdict else { return };
        let Look::Found { identity: seen, writer, consent } = look else { panic!("ready without a file") };
        assert_eq!(identity, seen);
        assert_ne!(writer, Writer::Present);
        assert!(!self.files[path].handed_out.contains(&identity), "handed out twice");
        match consent {
            Consent::Withheld(_) => panic!("ready without its sign"),
            Consent::Complete => {}
            Consent::Usual => self.check_quiet(path, identity, writer),
        }
        self.files[path].handed_out.push(identity);
        self.files[path].done = self.files[path].told.len();
    }

    /// The promise of the last hint, or agreement of looks, carries every version handed out.
    fn check_quiet(&self, path: usize, identity: Identity, writer: Writer) {
        let told = &self.files[path].told;
        let hint = told.iter().rposition(|(_, told)| matches!(told, Told::Renamed | Told::Closed | Told::Created));
        let writer_since =
            told[hint.unwrap_or(0)..].iter().any(|(_, told)| matches!(told, Told::Seen(_, Writer::Present)));
        let waited = |needed: Duration| self.now >= told[hint.unwrap_or(0)].0 + needed;
        let promised = !writer_since
            && hint.is_some_and(|hint| match told[hint].1 {
                Told::Renamed => true,
                Told::Closed => writer == Writer::None && waited(SETTLE),
                _ => writer == Writer::None && waited(Duration::from_secs(2)),
            });
        let agreed = self.agreed(path, identity);
        let holds = |hint: &usize| !writer_since && *hint >= self.files[path].done;
        let promise = hint.filter(holds).map(|hint| told[hint].1);
        let needed = Duration::from_millis(match (promise, writer) {
            (Some(Told::Closed), _) | (_, Writer::None) => 500,
            (Some(Told::Created), _) => 30_000,
            (_, Writer::Elsewhere) => 10_000,
            _ => 2000,
        });
        assert!(promised || agreed >= needed, "{promised} {agreed:?} {needed:?}");
        assert!(identity.size > 0 || agreed >= Duration::from_secs(2), "empty for {agreed:?}");
    }

    /// For how long everything that was seen of the path was this version without a writer.
    fn agreed(&self, path: usize, identity: Identity) -> Duration {
        let is_same = |told: &Told| !matches!(told, Told::Seen(other, writer) if *other != identity || *writer == Writer::Present);
        let same = self.files[path].told.iter().rev().take_while(|(_, told)| is_same(told));
        same.filter(|(_, told)| matches!(told, Told::Seen(..)))
            .map(|(at, _)| self.now.saturating_sub(*at))
            .max()
            .unwrap_or_default()
    }

    /// Everybody closes, a scan runs, time passes: every file there is must have been handed out as it is.
    fn come_to_rest(&mut self) {
        (self.unseen, self.readable) = (Writer::None, true);
        self.files.iter_mut().for_each(|file| file.writers = 0);
        (0..PATHS.len()).for_each(|path| self.sign(path, Consent::Usual, true));
        self.scan();
        for _ in 0..100 {
            let Some(due) = self.settle.next_due() else { break };
            self.now = self.now.max(due);
            self.look(true);
        }
        assert_eq!(self.settle.settling_count(), 0);
        for file in &self.files {
            assert!(file.current.is_none_or(|identity| file.handed_out.contains(&identity)), "never handed out");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_each_version_is_handed_out_once_and_only_when_complete(steps in prop::collection::vec(step(), 0..60)) {
        let mut world = World::new();
        for step in &steps {
            world.play(step);
        }
        world.come_to_rest();
    }
}
