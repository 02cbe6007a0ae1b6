//! Killed at each call that changes anything on disk while several sources become one output, the next run brings each source
//! into exactly one output, or refuses all of them, and no neighbour is to blame.
//!
//! What was in hand together is converted alone after a kill, so that not the same files come out as without one. So it is
//! not the bytes that are compared: every row is in one output, where the ledger says.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::gather::{ALL, assert_as_the_reference, give};
use super::harness::{Site, h5inbox, said};
use super::traced::{killed_at, recorded, steps};

/// Runs at a time: each waits most of its time for a quiet inbox.
const AT_A_TIME: usize = 4;

/// The agent's folders.
const FOLDERS: [&str; 5] = ["inbox", "outbox", "archive", "quarantine", "state"];

const SKIP: &str = "records.on_bad_record = \"skip\"";

/// A moment to die at: a thread's `nth` such call on this path, relative to the site.
type Moment = (String, PathBuf, usize);

/// Three sources and a name that is taken. A single kill is too many for one that is to blame for it.
fn stage(config: &str) -> Site {
    let site = Site::new(&format!("{ALL}output.gather_source_column = \"from\"\nretry.max_attempts = 1\n{config}"));
    // The ledger is there: it takes calls to make one.
    assert!(site.once().status.success());
    std::fs::write(site.path("outbox/f0+2.h5"), "of somebody else").unwrap();
    for number in 0..3 {
        give(&site, &format!("f{number}.json"), format!("{{\"a\": {number}}}\n").repeat(number + 1).as_bytes());
    }
    if config.contains(SKIP) {
        // What is left out is not among what was given.
        site.drop_in("f1.json", b"{\"a\": 1}\nbad\n{\"a\": 1}\n");
    }
    site
}

/// The moments of a run that nobody disturbs; `once` if each call on a path is to count once.
fn moments(site: &Site) -> Vec<Moment> {
    let log = site.path("calls");
    site.once_by(recorded(&log));
    let roots = FOLDERS.map(|folder| site.path(folder));
    let roots: Vec<&Path> = roots.iter().map(PathBuf::as_path).collect();
    let relative = |path: &Path| path.strip_prefix(site.path("")).unwrap().to_path_buf();
    let all = steps(&log, &roots).into_iter().map(|step| (step.call.clone(), relative(step.path()), step.nth));
    let mut all: Vec<Moment> = all.filter(|(call, path, _)| counts(call, path)).collect();
    // A row of equal calls is one moment.
    all.dedup_by(|now, before| (&now.0, &now.1) == (&before.0, &before.1));
    all
}

/// Of the ledger's calls those count that begin a commit, and its syncs.
fn counts(call: &str, path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let own = ["in-hand", "ledger.sqlite.lock", "ledger.sqlite-shm", "ledger.sqlite.sock"].contains(&name.as_ref());
    !own && (!path.starts_with("state") || call == "fsync" || name.ends_with("-wal"))
}

fn kill_at(site: &Site, (call, path, nth): &Moment) -> bool {
    let path = site.path("").join(path).components().collect();
    site.once_by(killed_at(call, *nth, &[path])).status.code().is_none()
}

/// Runs until nothing is left to do: each source is in one output, or all are refused.
fn assert_finished(site: &Site, refused: bool, what: &str) {
    let again = site.once();
    let what = format!("{what}: {}", said(&again));
    let history = site.history();
    let states: BTreeSet<&str> = history.iter().map(|job| job["state"].as_str().unwrap()).collect();
    assert_eq!(history.len(), 3, "{what}");
    assert!(states == [if refused { "quarantined" } else { "done" }].into(), "{states:?} {what}");
    assert_eq!((site.unfinished(), site.unfinished_in("quarantine")), (0, 0), "{what}");
    if !refused {
        let left_out = history.iter().any(|job| job["bad_records"] == 1);
        assert_eq!(site.names("quarantine"), ["f1.bad.ndjson"][..usize::from(left_out)], "{what}");
    }
    assert_eq!(std::fs::read(site.path("outbox/f0+2.h5")).unwrap(), b"of somebody else", "{what}");
    site.once();
    assert_eq!(site.history(), history, "a second run did something; {what}");
}

fn each<T: Sync>(all: &[T], work: impl Fn(&T) + Sync) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..AT_A_TIME.min(all.len()) {
            scope.spawn(|| {
                while let Some(one) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                    work(one);
                }
            });
        }
    });
}

/// Kills once at each of the moments, and looks at every row at the end.
fn killed_at_each(config: &str, refused: bool) {
    let undisturbed = stage(config);
    let moments = moments(&undisturbed);
    assert_finished(&undisturbed, refused, "undisturbed");
    let shared = undisturbed.path("outbox/f0+2~2.h5").exists();
    assert!(shared != refused, "three sources are one output");
    let (killed, sites) = (AtomicUsize::new(0), Mutex::new(vec![undisturbed]));
    each(&moments, |moment| {
        let site = stage(config);
        killed.fetch_add(usize::from(kill_at(&site, moment)), Ordering::Relaxed);
        // A kill while an output is refused leaves single ones, whose names are free.
        if refused {
            site.once();
            let states: BTreeSet<String> = site.history().iter().map(|job| job["state"].to_string()).collect();
            let decided =
                states.len() == 1 && ["\"done\"", "\"quarantined\""].contains(&states.first().unwrap().as_str());
            assert!(decided, "all or none: {moment:?} {states:?}");
        } else {
            assert_finished(&site, refused, &format!("{config}, killed at {moment:?}"));
        }
        sites.lock().unwrap().push(site);
    });
    let (killed, sites) = (killed.into_inner(), sites.into_inner().unwrap());
    eprintln!("killed at {killed} of {} moments", moments.len());
    assert!(killed * 10 >= moments.len() * 9, "only {killed} of {} moments came", moments.len());
    let sites: Vec<&Site> = sites.iter().collect();
    let (_, sources) = assert_as_the_reference("3.1", "from", &sites);
    assert!(refused || sources == 3 * sites.len());
}

#[test]
fn killed_at_any_change_on_disk_each_gathered_source_is_in_one_output() {
    killed_at_each("source.after = \"archive\"", false);
}

#[test]
fn killed_while_gathered_sources_with_bad_records_are_deleted_each_is_in_one_output() {
    killed_at_each(&format!("source.after = \"delete\"\n{SKIP}"), false);
}

#[test]
fn killed_while_an_output_of_several_is_refused_its_name_all_are_refused_or_none() {
    killed_at_each("source.after = \"archive\"\noutput.on_existing = \"refuse\"", true);
}

#[test]
fn killed_again_and_again_under_load_each_gathered_source_is_in_one_output() {
    let config =
        "output.gather = [\"*.json\"]\noutput.gather_files = 7\noutput.gather_secs = 1\nsource.after = \"archive\"\n";
    let mut site = Site::new(&format!("{config}output.gather_source_column = \"from\"\nretry.max_attempts = 100"));
    for round in 0..12_usize {
        for number in round * 10..round * 10 + 10 {
            give(&site, &format!("f{number}.json"), format!("{{\"a\": {number}}}\n").repeat(number % 4 + 1).as_bytes());
        }
        site.spawn(h5inbox());
        // A different moment each time, from before they are ready to the middle of the work.
        std::thread::sleep(std::time::Duration::from_millis(40 * round as u64 + 20));
        site.kill();
    }
    assert!(site.once().status.success());
    assert!(site.history().iter().all(|job| job["state"] == "done"));
    assert_eq!(assert_as_the_reference("3.1", "from", &[&site]).1, 120);
    assert_eq!((site.names("archive").len(), site.unfinished()), (120, 0));
}

/// The first kill leaves a decided output to recovery, which is killed at each of its own calls.
#[test]
fn killed_during_recovery_of_a_shared_output_too_each_source_is_in_one_output() {
    let config = "source.after = \"archive\"";
    let firsts = [("renameat2", "outbox/.h5inbox/1.tmp"), ("fsync", "outbox"), ("renameat2", "inbox")];
    let mut all = Vec::new();
    for (call, path) in firsts {
        let site = stage(config);
        let first = (call.to_owned(), PathBuf::from(path), 1);
        assert!(kill_at(&site, &first), "{first:?}");
        all.extend(moments(&site).into_iter().map(|second| (first.clone(), second)));
    }
    let (killed, sites) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    each(&all, |(first, second)| {
        let site = stage(config);
        kill_at(&site, first);
        killed.fetch_add(usize::from(kill_at(&site, second)), Ordering::Relaxed);
        assert_finished(&site, false, &format!("killed at {first:?}, then at {second:?}"));
        sites.lock().unwrap().push(site);
    });
    let sites = sites.into_inner().unwrap();
    let sites: Vec<&Site> = sites.iter().collect();
    assert_eq!(assert_as_the_reference("3.1", "from", &sites).1, 3 * sites.len());
    let killed = killed.into_inner();
    eprintln!("{killed} times killed during recovery");
    assert!(killed > 10, "recovery was hardly ever disturbed");
}
