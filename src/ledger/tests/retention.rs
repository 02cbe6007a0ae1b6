//! Forgetting: what is still needed stays, and what was counted stays counted.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::{Bench, admit, arrival, failure, history, ids, mine, publication, waits};
use crate::ledger::{
    Admission, Arrival, Disposition, Finished, HistoryFilter, Job, JobId, Ledger, Place, Publication, State,
};
use crate::source::Identity;

pub(in crate::ledger) fn later() -> Timestamp {
    Timestamp::now() + SignedDuration::from_secs(60)
}

/// All that is finished and may go, `place` telling what is where, is forgotten; answers how many that were.
pub(in crate::ledger) fn sweep(ledger: &dyn Ledger, place: impl Fn(&Path) -> Place) -> u64 {
    sweep_by(3, ledger, place)
}

/// The same, so many at a time: each look begins behind the one before.
pub(in crate::ledger) fn sweep_by(most: usize, ledger: &dyn Ledger, place: impl Fn(&Path) -> Place) -> u64 {
    let (mut sum, mut behind) = (0, None::<Finished>);
    loop {
        let some = ledger.finished_before(later(), behind.as_ref(), most).unwrap();
        let Some(last) = some.last() else { return sum };
        behind = Some(last.clone());
        let gone: Vec<JobId> = some.iter().filter(|job| job.may_go(place(&job.path))).map(|job| job.id).collect();
        sum += ledger.forget(&gone, later()).unwrap();
    }
}

pub(in crate::ledger) fn convert(ledger: &dyn Ledger, path: &str, version: u64, disposition: Disposition) -> JobId {
    let id = admit(ledger, path, version).id;
    mine(ledger).begin(id).unwrap();
    mine(ledger).publishing(id, &publication(id)).unwrap();
    mine(ledger).done(id, 0.125, disposition).unwrap();
    id
}

pub(in crate::ledger) fn a_source_that_stands_in_the_inbox_is_never_forgotten_and_the_totals_are_those_of_all_time(
    bench: &impl Bench,
) {
    let ledger = bench.ledger();
    for (path, version) in [("kept.json", 1), ("kept.json", 2), ("left.json", 1), ("moving.json", 1)] {
        let moving = path == "moving.json";
        convert(ledger, path, version, if moving { Disposition::Pending } else { Disposition::None });
    }
    admit(ledger, "waiting.json", 1);
    let before = ledger.totals().unwrap();
    let early = Timestamp::now() - SignedDuration::from_secs(60);
    assert!(ledger.finished_before(early, None, 100).unwrap().is_empty());
    let stands = arrival("kept.json", 2).identity;
    let kept = |path: &Path| if path == Path::new("kept.json") { Place::Taken(stands) } else { Place::Empty };
    assert_eq!(sweep(ledger, kept), 2);
    let left = history(ledger, &HistoryFilter::default());
    let mut left = left.iter().map(|r| (r.path.to_str().unwrap(), r.source_bytes)).collect::<Vec<_>>();
    left.sort_unstable();
    assert_eq!(left, [("kept.json", 102), ("moving.json", 101), ("waiting.json", 101)]);
    assert_eq!(ledger.totals().unwrap(), before);
    assert_eq!(before.count(State::Done), 4);
    let seen_at = |path: &str, identity: &Identity| ledger.seen_at(Path::new(path), identity).unwrap();
    assert!(seen_at("kept.json", &Identity { device: 9, ..stands }).is_some());
    assert!(seen_at("left.json", &arrival("left.json", 1).identity).is_none());
}

pub(in crate::ledger) fn what_is_taken_up_again_meanwhile_is_not_forgotten_and_no_number_is_given_twice(
    bench: &impl Bench,
) {
    let ledger = bench.ledger();
    let gone = admit(ledger, "gone.json", 1).id;
    mine(ledger).gone(gone).unwrap();
    let stale = admit(ledger, "stale.json", 1).id;
    mine(ledger).quarantined(stale, &failure(), Disposition::None).unwrap();
    let done = convert(ledger, "done.json", 1, Disposition::None);
    let found = ledger.finished_before(later(), None, 9).unwrap();
    assert_eq!(found.iter().map(|job| job.id).collect::<Vec<_>>(), [gone, stale, done]);
    assert!(matches!(ledger.arrive(&[arrival("gone.json", 1)]).unwrap()[0], Admission::New(_)));
    assert_eq!(ids(&ledger.requeue(&[stale]).unwrap()), [stale]);
    assert_eq!(ledger.forget(&[gone, stale, done], Timestamp::now() - SignedDuration::from_secs(60)).unwrap(), 0);
    assert_eq!(ledger.forget(&[gone, stale, done, JobId(99)], later()).unwrap(), 1);
    assert_eq!(ids(&waits(ledger)).into_iter().collect::<BTreeSet<_>>(), BTreeSet::from([stale, gone]));
    let newest = convert(ledger, "newest.json", 1, Disposition::Done);
    assert_eq!(ledger.forget(&[newest], later()).unwrap(), 1);
    assert!(admit(ledger, "next.json", 1).id > newest);
}

pub(in crate::ledger) fn of_sources_that_share_an_output_those_left_keep_their_rows(bench: &impl Bench) {
    let ledger = bench.ledger();
    let all = ["a.json", "b.json", "c.json"].map(|path| admit(ledger, path, 1).id);
    assert!(mine(ledger).begin_all(&all).unwrap().iter().all(Result::is_ok));
    let share = |id, first_row| (id, Publication { first_row: Some(first_row), ..publication(all[0]) });
    mine(ledger).publishing_together(&[share(all[0], 0), share(all[1], 10), share(all[2], 20)]).unwrap();
    all.iter().for_each(|id| mine(ledger).done(*id, 0.5, Disposition::None).unwrap());
    let stands = arrival("b.json", 1).identity;
    let place = |path: &Path| if path == Path::new("b.json") { Place::Taken(stands) } else { Place::Empty };
    assert_eq!(sweep(ledger, place), 2);
    let left = history(ledger, &HistoryFilter::default());
    assert_eq!((left.len(), left[0].first_row, &left[0].output), (1, Some(10), &Some(publication(all[0]).output)));
}

/// What happens around an agent.
#[derive(Clone, Debug)]
enum Event {
    /// A file of this content comes to this path, in place of another that is there.
    Drop(u8, u8),
    /// It stays what it is, but for its times.
    Touch(u8),
    /// Somebody takes it away.
    Remove(u8),
    /// The agent lists the inbox and does what is to be done.
    Work,
    /// The inbox is unmounted, or mounted again.
    Mount,
    Sweep,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let event = prop_oneof![
        3 => (0..3_u8, 0..3_u8).prop_map(|(path, content)| Event::Drop(path, content)),
        1 => (0..3_u8).prop_map(Event::Touch),
        1 => (0..3_u8).prop_map(Event::Remove),
        5 => Just(Event::Work),
        1 => Just(Event::Mount),
        4 => Just(Event::Sweep),
    ];
    prop::collection::vec(event, 1..60)
}

/// The inbox, and which of the contents that stand in it were converted.
struct World<'l> {
    ledger: &'l dyn Ledger,
    files: BTreeMap<u8, (u8, Identity)>,
    converted: BTreeMap<u8, u8>,
    mounted: bool,
    clock: u64,
    moves: bool,
}

fn name(path: u8) -> PathBuf {
    format!("{path}.json").into()
}

impl World<'_> {
    fn take(&mut self, event: &Event) {
        self.clock += 1;
        match *event {
            Event::Drop(path, content) if self.mounted => {
                let identity = Identity { size: content.into(), ..arrival("", self.clock).identity };
                if self.files.insert(path, (content, identity)).is_none_or(|(before, _)| before != content) {
                    self.converted.remove(&path);
                }
            }
            Event::Touch(path) if self.mounted => {
                let now = arrival("", self.clock).identity;
                if let Some((_, identity)) = self.files.get_mut(&path) {
                    (identity.mtime_ns, identity.ctime_ns) = (now.mtime_ns, now.ctime_ns);
                }
            }
            Event::Remove(path) if self.mounted => {
                self.files.remove(&path);
                self.converted.remove(&path);
            }
            Event::Work if self.mounted => self.work(),
            Event::Mount => self.mounted = !self.mounted,
            Event::Sweep => drop(sweep(self.ledger, |path| self.place(path))),
            _ => {}
        }
    }

    /// As the housekeeper would see it: an empty inbox may be one that is not mounted.
    fn place(&self, path: &Path) -> Place {
        let known = |(path, (_, identity)): (&u8, &(u8, Identity))| {
            self.ledger.seen_at(&name(*path), identity).unwrap().is_some()
        };
        match self.files.iter().find(|(number, _)| name(**number) == path) {
            Some((_, (_, identity))) if self.mounted => Place::Taken(*identity),
            None if self.mounted && self.files.iter().any(known) => Place::Empty,
            _ => Place::Bare,
        }
    }

    fn work(&mut self) {
        let there: Vec<_> = self.files.iter().map(|(path, file)| (*path, *file)).collect();
        for (path, (content, identity)) in there {
            let admitted = self.ledger.arrive(&[Arrival { path: name(path), identity }]).unwrap().remove(0);
            if let Admission::New(job) = admitted {
                self.attempt(path, content, &job);
            }
        }
    }

    fn attempt(&mut self, path: u8, content: u8, job: &Job) {
        let disposition = if self.moves { Disposition::Pending } else { Disposition::None };
        mine(self.ledger).begin(job.id).unwrap();
        if job.previous.as_ref().is_some_and(|previous| previous.hash == [content; 32]) {
            let of = job.previous.as_ref().map(|previous| previous.id);
            mine(self.ledger).duplicate(job.id, [content; 32], of, disposition).unwrap();
        } else {
            let again = self.converted.insert(path, content);
            assert_ne!(again, Some(content), "{path} was converted again, and had never left the inbox");
            mine(self.ledger).publishing(job.id, &Publication { hash: [content; 32], ..publication(job.id) }).unwrap();
            mine(self.ledger).done(job.id, 0.5, disposition).unwrap();
        }
        if self.moves {
            self.files.remove(&path);
            self.converted.remove(&path);
            mine(self.ledger).disposed(job.id).unwrap();
        }
    }
}

pub(in crate::ledger) fn no_content_that_stays_in_the_inbox_is_converted_again_however_much_is_forgotten<B: Bench>(
    cases: u32,
    bench: impl Fn() -> B,
) {
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    let played = TestRunner::new(config).run(&(events(), any::<bool>()), |(events, moves)| {
        let bench = bench();
        let (files, converted) = (BTreeMap::new(), BTreeMap::new());
        let mut world = World { ledger: bench.ledger(), files, converted, mounted: true, clock: 0, moves };
        events.iter().for_each(|event| world.take(event));
        // And once all is there again, and everything was forgotten that may be.
        world.mounted = true;
        world.work();
        sweep(world.ledger, |path| world.place(path));
        world.work();
        // An inbox with nothing in it that is known may be an empty mount point.
        if moves || !world.files.is_empty() {
            let jobs = history(world.ledger, &HistoryFilter::default()).len();
            prop_assert!(jobs <= 3 * world.files.len(), "{} jobs stay for {} files", jobs, world.files.len());
        }
        Ok(())
    });
    played.unwrap();
}
