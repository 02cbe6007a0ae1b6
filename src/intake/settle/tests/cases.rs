//! Each case is a little story of one path: `milliseconds event [-> verdict]`. `look` says what the file is at that
//! moment (`A1`: version A of one byte, `gone`, `locked`) and who writes (`free`, `written`, `unsure`, `remote`), and demands
//! that the look was due then and not a millisecond before. A third word tells of its sign: `marked` (complete),
//! `unmarked` (withheld), none (as usual); `sign` is the news that one came. `scan` lists the same. `early` is a look overtaken by the
//! hint before it. Before each event nothing else may have come due.

use super::super::*;

const CASES: &[(&str, &str)] = &[
    ("moved into place: at once", "0 renamed; 0 look A1 free -> ready A1"),
    ("moved into place while its writer still has it open", "0 renamed; 0 look A1 written -> waiting; 500 look A1 written -> waiting; 900 closed; 1400 look B1 free -> ready B1"),
    ("moved into place where writers cannot be seen", "0 renamed; 0 look A1 unsure -> ready A1"),
    ("copied in place: created, closed, quiet", "0 created; 300 closed; 800 look A1 free -> ready A1"),
    ("three closes: the last one counts", "0 created; 10 closed; 400 closed; 800 closed; 1300 look A1 free -> ready A1"),
    ("a hard link: created and never closed", "0 created; 2000 look A1 free -> ready A1"),
    ("a writer that keeps the file open: longer and longer waits, half a minute at most",
     "0 created; 2000 look A1 written -> waiting; 2500 look A2 written -> waiting; 3500 look A3 written -> waiting;
      5500 look A4 written -> waiting; 9500 look A5 written -> waiting; 17500 look A6 written -> waiting;
      33500 look A7 written -> waiting; 63500 look A8 written -> waiting; 93500 look A9 free -> waiting; 94000 look A9 free -> ready A9"),
    ("a close ends the long wait", "0 created; 2000 look A1 written -> waiting; 2500 look A1 written -> waiting; 2600 closed; 3100 look A2 free -> ready A2"),
    ("a close starts the waits from the beginning", "0 closed; 500 look A1 written -> waiting; 1000 look A1 written -> waiting; 1100 closed; 1600 look A1 written -> waiting; 2100 look A1 free -> waiting; 2600 look A1 free -> ready A1"),
    ("closed where writers cannot be seen: two looks agree", "0 closed; 500 look A1 unsure -> waiting; 1000 look A1 unsure -> ready A1"),
    ("created where writers cannot be seen: no close, so it is still open", "0 created; 2000 look A1 unsure -> waiting; 32000 look A2 unsure -> waiting; 62000 look A2 unsure -> ready A2"),
    ("created where writers cannot be seen, and closed at last", "0 created; 2000 look A1 unsure -> waiting; 9000 closed; 9500 look A9 unsure -> waiting; 10000 look A9 unsure -> ready A9"),
    ("linked where writers cannot be seen: comes late", "0 created; 2000 look A1 unsure -> waiting; 32000 look A1 unsure -> ready A1"),
    ("found by a scan where writers cannot be seen", "0 scan A1; 500 look A1 unsure -> waiting; 2000 look A1 unsure -> ready A1"),
    ("found by a scan where writers cannot be seen: still growing", "0 scan A1; 500 look A2 unsure -> waiting; 2500 look A3 unsure -> waiting; 4500 look A3 unsure -> ready A3"),
    ("on a network mount: the listings and looks of ten seconds agree", "0 scan A1; 500 look A1 remote -> waiting; 10000 look A1 remote -> ready A1"),
    ("on a network mount: what another machine writes shows late", "0 scan A1; 500 look A1 remote -> waiting; 10000 look A5 remote -> waiting; 20000 look A5 remote -> ready A5"),
    ("on a network mount, by a process of this machine", "0 created; 100 closed; 600 look A1 remote -> waiting; 1100 look A1 remote -> ready A1"),
    ("a scan sees another version of a path handed out, where writers cannot be seen: its writer has not closed it",
     "0 renamed; 0 look A1 unsure -> ready A1; 1000 scan B1; 1500 look B1 unsure -> waiting; 31000 look B2 unsure -> waiting; 40000 closed; 40500 look B2 unsure -> waiting; 41000 look B2 unsure -> ready B2"),
    ("a scan sees another version of a path handed out, on a network mount",
     "0 renamed; 0 look A1 remote -> ready A1; 1000 scan B1; 1500 look B1 remote -> waiting; 11000 look B1 remote -> ready B1"),
    ("moved into place on a network mount", "0 renamed; 0 look A1 remote -> ready A1"),
    ("found by a scan: the look agrees", "0 scan A1; 500 look A1 free -> ready A1"),
    ("found by a scan, then changed", "0 scan A1; 500 look B1 free -> waiting; 1000 look B1 free -> ready B1"),
    ("scanned again while it waits: no difference", "0 scan A1; 100 scan A2; 200 scan A2; 500 look A2 free -> waiting; 1000 look A2 free -> ready A2"),
    ("found by a scan, then a close tells more", "0 scan A1; 100 closed; 600 look A2 free -> ready A2"),
    ("an empty file is waited for", "0 created; 10 closed; 510 look A0 free -> waiting; 2510 look A0 free -> ready A0"),
    ("an empty file that is filled", "0 created; 10 closed; 510 look A0 free -> waiting; 1000 closed; 1500 look B5 free -> ready B5"),
    ("an empty file moved into place is waited for too", "0 renamed; 0 look A0 free -> waiting; 2000 look A0 free -> ready A0"),
    ("an empty file found by a scan", "0 scan A0; 500 look A0 free -> waiting; 2000 look A0 free -> ready A0"),
    ("gone before the look", "0 closed; 500 look gone -> forgotten; 99000 nothing"),
    ("gone and back", "0 renamed; 0 look A1 free -> ready A1; 10 renamed; 10 look gone -> forgotten; 20 renamed; 20 look A1 free -> ready A1"),
    ("not readable: tried again, the promise kept", "0 renamed; 0 look locked -> waiting; 500 look locked -> waiting; 1500 look A1 free -> ready A1"),
    ("handed out once: hints and scans of the same version change nothing",
     "0 renamed; 0 look A1 free -> ready A1; 10 scan A1; 20 closed; 520 look A1 free -> forgotten; 600 created; 2600 look A1 free -> forgotten; 9000 nothing"),
    ("a new version of a path handed out", "0 renamed; 0 look A1 free -> ready A1; 1000 scan B1; 1500 look B1 free -> ready B1; 2000 scan B1; 9000 nothing"),
    ("released: waits again and is handed out again", "0 renamed; 0 look A1 free -> ready A1; 100 release A1; 1100 look A1 free -> waiting; 1600 look A1 free -> ready A1"),
    ("released after a newer version was handed out: nothing", "0 renamed; 0 look A1 free -> ready A1; 10 renamed; 10 look B1 free -> ready B1; 20 release A1; 9000 nothing"),
    ("released while a hint already waits: the hint stands", "0 renamed; 0 look A1 free -> ready A1; 10 closed; 20 release A1; 510 look A1 free -> ready A1"),
    ("a look that a hint overtook says nothing", "0 renamed; 0 due; 0 closed; 10 early A1 free -> waiting; 500 look A2 free -> ready A2"),
    ("a look that never comes back is asked for again", "0 renamed; 0 due; 30000 look A1 free -> ready A1"),
    ("known from the ledger", "0 prime A1; 0 scan A1; 10 renamed; 10 look A1 free -> forgotten; 20 scan B1; 520 look B1 free -> ready B1"),
    ("a marker that is there already: no quiet time", "0 renamed; 0 look A1 free marked -> ready A1"),
    ("the marker comes while the file settles: at once", "0 created; 10 closed; 20 sign; 20 look A1 free marked -> ready A1"),
    ("the marker of a file that is still written: the writer decides", "0 created; 20 sign; 20 look A1 written marked -> waiting; 520 look A2 written marked -> waiting; 600 closed; 1100 look A2 free marked -> ready A2"),
    ("a marker where writers cannot be seen, and on a network mount", "0 scan A1; 500 look A1 unsure -> waiting; 600 sign; 600 look A2 unsure marked -> ready A2; 700 scan B1; 800 sign; 800 look B1 remote marked -> ready B1"),
    ("an empty file with its marker is as complete as any", "0 closed; 1 sign; 1 look A0 free marked -> ready A0"),
    ("a sign that says nothing new brings no look forward", "0 closed; 10 sign; 10 look A1 free -> waiting; 500 look A1 free -> ready A1; 600 created; 700 sign; 700 look B1 free unmarked -> waiting; 2600 look B1 free unmarked -> withheld 600"),
    ("without its marker: rests, and is looked at when it comes", "0 renamed; 0 look A1 free unmarked -> withheld 0; 500 look A1 free unmarked -> withheld 0; 1500 look A1 free unmarked -> withheld 0; 1600 sign; 1600 look A1 free marked -> ready A1"),
    ("a sign on top of which it settles: the quiet while it rested counts", "0 scan A1; 500 look A1 unsure unmarked -> withheld 0; 1000 look A1 unsure unmarked -> withheld 0; 1700 sign; 1700 look A1 unsure -> waiting; 2000 look A1 unsure -> ready A1"),
    ("changed while it rested: what its rename promised is over", "0 renamed; 0 look A1 unsure unmarked -> withheld 0; 400 sign; 400 look B1 unsure -> waiting; 30400 look B1 unsure -> ready B1"),
    ("written again while it rests", "0 renamed; 0 look A1 free unmarked -> withheld 0; 100 closed; 600 look B1 free unmarked -> withheld 0; 700 sign; 700 look B1 written marked -> waiting; 1200 look B2 free marked -> ready B2"),
    ("the marker goes again: rests again", "0 closed; 500 look A1 written marked -> waiting; 1000 look A1 free unmarked -> withheld 0; 2000 look gone -> forgotten; 99000 nothing"),
    ("a sign of a path that does not wait", "0 sign; 0 renamed; 0 look A1 free marked -> ready A1; 100 sign; 9000 nothing"),
    ("a look nobody asked for", "0 early A1 free -> forgotten"),
];

#[test]
fn every_case_goes_as_told() {
    for (name, story) in CASES {
        let mut settle = Settle::new(Rules::new(Duration::from_millis(500)));
        for line in story.split(';') {
            Line::of(line).play(&mut settle, &format!("{name}: {}", line.trim()));
        }
    }
}

struct Line<'a> {
    now: Duration,
    event: &'a str,
    words: Vec<&'a str>,
    verdict: Vec<&'a str>,
}

impl<'a> Line<'a> {
    fn of(line: &'a str) -> Self {
        let (event, verdict) = line.split_once("->").unwrap_or((line, ""));
        let mut words = event.split_whitespace();
        let now = Duration::from_millis(words.next().unwrap().parse().unwrap());
        Self {
            now,
            event: words.next().unwrap(),
            words: words.collect(),
            verdict: verdict.split_whitespace().collect(),
        }
    }

    fn play(&self, settle: &mut Settle, place: &str) {
        let (path, now) = (Path::new("a.json"), self.now);
        let before = settle.next_due();
        let is_due = settle.next_due() == Some(now);
        match self.event {
            "renamed" => settle.hint(path, Kind::Renamed, now),
            "closed" => settle.hint(path, Kind::Closed, now),
            "created" => settle.hint(path, Kind::Created, now),
            "scan" => settle.hint(path, Kind::Scanned(identity(self.words[0])), now),
            "prime" => settle.prime(Known::of(path, &identity(self.words[0]))),
            "sign" => settle.wake(path, now),
            "release" => settle.release(path, &identity(self.words[0]), Duration::from_secs(1), now),
            "nothing" => assert_eq!(settle.settling_count(), 0, "{place}"),
            "early" => assert_eq!(settle.looked(path, self.look(), now), self.verdict(), "{place}"),
            "due" | "look" => {
                assert!(is_due, "{place}: due at {before:?}");
                assert_eq!(settle.due(now, 9).len(), 1, "{place}");
                if self.event == "look" {
                    assert_eq!(settle.looked(path, self.look(), now), self.verdict(), "{place}");
                }
            }
            other => panic!("{other}"),
        }
        assert!(is_due || before.is_none_or(|due| due > now), "{place}: a look was due at {before:?}");
    }

    fn look(&self) -> Look {
        let writer = match self.words.get(1) {
            Some(&"written") => Writer::Present,
            Some(&"unsure") => Writer::Unknown,
            Some(&"remote") => Writer::Elsewhere,
            _ => Writer::None,
        };
        match self.words[0] {
            "gone" => Look::Gone,
            "locked" => Look::NotReadable,
            version => Look::Found { identity: identity(version), writer, consent: self.consent() },
        }
    }

    fn consent(&self) -> Consent {
        match self.words.get(2) {
            Some(&"marked") => Consent::Complete,
            Some(&"unmarked") => Consent::Withheld(Lack::Marker),
            _ => Consent::Usual,
        }
    }

    fn verdict(&self) -> Verdict {
        match self.verdict[..] {
            ["withheld", since] => Verdict::Withheld(Lack::Marker, Duration::from_millis(since.parse().unwrap())),
            ["ready", version] => Verdict::Ready(identity(version)),
            ["waiting"] => Verdict::Waiting,
            ["forgotten"] => Verdict::Forgotten,
            _ => panic!("{:?}", self.verdict),
        }
    }
}

/// `A12`: version A, twelve bytes.
fn identity(text: &str) -> Identity {
    let (version, size) = text.split_at(1);
    let mtime_ns = i64::from(version.as_bytes()[0]);
    Identity { device: 1, inode: 1, size: size.parse().unwrap(), mtime_ns, ctime_ns: mtime_ns }
}

#[test]
fn looks_are_asked_for_in_order_and_within_the_limit() {
    let mut settle = Settle::new(Rules::new(Duration::from_millis(500)));
    for (name, at) in [("late", 20), ("early", 10), ("middle", 15)] {
        settle.hint(Path::new(name), Kind::Renamed, Duration::from_millis(at));
    }
    let names = |due: Vec<Arc<Path>>| due.iter().map(|path| path.display().to_string()).collect::<Vec<_>>();
    let now = Duration::from_millis(30);
    assert_eq!(names(settle.due(now, 2)), ["early", "middle"]);
    assert_eq!(names(settle.due(now, 2)), ["late"]);
    assert!(settle.due(now, 2).is_empty());
    assert_eq!(settle.oldest_waiting(now), Some((Path::new("early"), Duration::from_millis(20))));
}

#[test]
fn what_only_misses_its_sign_is_counted_and_looked_at_less_and_less_often() {
    let mut settle = Settle::new(Rules::new(Duration::from_millis(500)));
    let path = Path::new("a");
    settle.hint(path, Kind::Renamed, Duration::ZERO);
    let (mut now, mut looks) = (Duration::ZERO, 0);
    while now < Duration::from_secs(7200) {
        now = settle.next_due().unwrap();
        assert_eq!(settle.due(now, 1).len(), 1);
        let consent = Consent::Withheld(Lack::Manifest);
        let verdict = settle.looked(path, Look::Found { identity: identity("A1"), writer: Writer::None, consent }, now);
        assert_eq!(verdict, Verdict::Withheld(Lack::Manifest, Duration::ZERO));
        assert_eq!((settle.settling_count(), settle.withheld_count()), (1, 1));
        looks += 1;
    }
    assert!(looks < 25, "{looks} looks in two hours");
    settle.wake(path, now);
    settle.due(now, 1);
    let look = Look::Found { identity: identity("A1"), writer: Writer::None, consent: Consent::Usual };
    assert_eq!(settle.looked(path, look, now), Verdict::Ready(identity("A1")));
    assert_eq!((settle.settling_count(), settle.withheld_count()), (0, 0));
}

#[test]
fn only_a_complete_scan_forgets_and_only_what_is_gone() {
    let mut settle = Settle::new(Rules::new(Duration::from_millis(500)));
    for name in ["kept", "gone"] {
        settle.prime(Known::of(Path::new(name), &identity("A1")));
    }
    for complete in [false, true] {
        settle.scan_started();
        settle.hint(Path::new("kept"), Kind::Scanned(identity("A1")), Duration::ZERO);
        settle.scan_finished(complete);
        assert_eq!(settle.handled_count(), if complete { 1 } else { 2 });
    }
    assert_eq!(settle.settling_count(), 0);
}
