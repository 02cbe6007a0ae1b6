//! Killed at any moment, the agent loses nothing, tears nothing, and does nothing twice.

use std::fs;
use std::process::Command;

use super::harness::{Site, h5inbox, sha256, wait_until};
use super::traced::{injected, killed_at};

const AFTER: [&str; 3] = ["keep", "archive", "delete"];

fn records(number: usize) -> Vec<u8> {
    (0..50).map(|row| format!("{{\"file\": {number}, \"row\": {row}}}\n")).collect::<Vec<_>>().concat().into_bytes()
}

/// Every source has exactly one output, and every job is settled.
fn assert_each_once(site: &Site, files: usize, after: &str) {
    let expected: std::collections::BTreeSet<String> = (0..files).map(|number| format!("f{number}.h5")).collect();
    assert_eq!(site.names("outbox").into_iter().collect::<std::collections::BTreeSet<_>>(), expected);
    assert_eq!(site.unfinished(), 0);
    let in_place = match after {
        "keep" => site.names("inbox").len(),
        "archive" => site.names("archive").len(),
        _ => files - site.names("inbox").len(),
    };
    assert_eq!(in_place, files, "sources after `{after}`");
    let done = site.history().iter().filter(|job| job["state"] == "done").count();
    assert_eq!(done, files);
}

#[test]
fn killed_again_and_again_under_load_each_source_has_one_output() {
    for after in AFTER {
        let mut site = Site::new(&format!("source.after = \"{after}\"\nretry.max_attempts = 100"));
        let files = 120;
        for round in 0..12_usize {
            for number in round * 10..round * 10 + 10 {
                site.drop_in(&format!("f{number}.json"), &records(number));
            }
            site.spawn(h5inbox());
            // A different moment each time, from before it is ready to the middle of the work.
            std::thread::sleep(std::time::Duration::from_millis(15 * round as u64 + 5));
            site.kill();
        }
        site.start();
        wait_until("all are done", || site.history().iter().filter(|job| job["state"] == "done").count() >= files);
        site.stop();
        assert!(site.once().status.success());
        assert_each_once(&site, files, after);
    }
}

/// Kills at the n-th call of a kind, as the kernel sees it, then starts again. The calls are those of the attempt:
/// syncing the output, giving it its name, syncing folders, moving or deleting the source, and the ledger's own.
#[test]
fn killed_at_each_step_of_an_attempt_it_is_finished_by_the_next_run() {
    assert!(Command::new("strace").arg("-V").output().is_ok(), "strace is missing; `make test` installs it");
    for after in AFTER {
        for call in ["fsync", "renameat2", "pwrite64", "unlink", "unlinkat", "write"] {
            for when in 1..=3 {
                let mut site = Site::new(&format!("source.after = \"{after}\"\nretry.max_attempts = 100"));
                site.drop_in("f0.json", &records(0));
                site.spawn(killed_at(call, when, &[]));
                wait_until("it was killed, or was never going to be", || {
                    site.has_ended() || site.status()["files"]["done"] == 1
                });
                site.kill_if_running();
                let again = site.once();
                assert!(again.status.success(), "{after} {call} {when}: {}", super::harness::said(&again));
                assert_each_once(&site, 1, after);
            }
        }
    }
}

/// The program on a disk that takes 20 ms for a sync, killed at a thread's n-th call of another kind.
fn killed_on_a_slow_disk_at(call: &str, when: usize) -> Command {
    let kill = format!("{call}:signal=KILL:when={when}");
    let mut traced = injected(&["fsync", call], &[kill, "fsync:delay_enter=20000".to_owned()]);
    traced.arg(env!("CARGO_BIN_EXE_h5inbox"));
    traced
}

/// Where bad records are left out: calls on files of the second version of a source, in this order, and how many of them are
/// made. A small output is written in one go, a large one in pieces: the second version is the records so many times.
const CALLS: [(&str, &str, usize, usize); 10] = [
    ("write", "quarantine/.h5inbox/2.bad.tmp", 1, 1),
    ("fsync", "quarantine/.h5inbox/2.bad.tmp", 1, 1),
    ("write", "outbox/.h5inbox/2.tmp", 1, 1),
    ("pwrite64", "outbox/.h5inbox/2.tmp", 3, LARGE),
    ("fsync", "outbox/.h5inbox/2.tmp", 1, 1),
    ("renameat2", "outbox/.h5inbox/2.tmp", 1, 1),
    ("renameat2", "quarantine/.h5inbox/2.bad.tmp", 1, 1),
    ("fsync", "outbox", 1, 1),
    ("fsync", "quarantine", 1, 1),
    ("fsync", "archive", 1, 1),
];
const LARGE: usize = 1000;

#[test]
fn killed_at_each_step_a_file_of_bad_records_is_there_once_for_each_version() {
    for (call, file, times, large) in CALLS {
        for when in 1..=times {
            let site = killed_with_bad_records(call, when, file, large);
            let again = site.once();
            let what = format!("{call} {when} {file}: {}", super::harness::said(&again));
            assert!(again.status.success(), "{what}");
            assert_both_versions_once(&site, &what);
        }
    }
}

/// A site where the second version of a source, which has a bad record like the first, was in hand when the agent was killed.
fn killed_with_bad_records(call: &str, when: usize, file: &str, large: usize) -> Site {
    let mut site = Site::new("source.after = \"archive\"\nrecords.on_bad_record = \"skip\"\nretry.max_attempts = 9");
    site.drop_in("f0.json", &[&records(0)[..], b"bad\n"].concat());
    assert!(site.once().status.success());
    site.drop_in("f0.json", &[b"worse\n", &records(1).repeat(large)[..]].concat());
    site.spawn(killed_at(call, when, &[site.path(file)]));
    wait_until("it was killed", || site.has_ended());
    site.kill_if_running();
    site
}

fn assert_both_versions_once(site: &Site, what: &str) {
    assert_eq!(site.names("outbox"), ["f0.h5", "f0~2.h5"], "{what}");
    assert_eq!(site.names("quarantine"), ["f0.bad.ndjson", "f0.bad~2.ndjson"], "{what}");
    let kept = |name: &str| fs::read_to_string(site.path("quarantine").join(name)).unwrap();
    assert!(kept("f0.bad.ndjson").contains("\"text\":\"bad\""), "{what}");
    assert!(kept("f0.bad~2.ndjson").contains("\"text\":\"worse\""), "{what}");
    let unfinished = fs::read_dir(site.path("quarantine/.h5inbox")).unwrap().count();
    assert_eq!((site.unfinished(), unfinished), (0, 0), "{what}");
    let counted: Vec<_> = site.history().iter().map(|job| job["bad_records"].clone()).collect();
    assert_eq!(counted, [1, 1], "{what}");
}

/// Calls that many small files make together, or one after the other before any takes the next step: syncing outputs, the
/// ledger's commits, new names of outputs and of sources, removals of sources. At which of them, and after which
/// disposition.
const AMONG_MANY: [(&str, &[usize], &str); 8] = [
    ("fsync", &[1, 3], "archive"),
    ("commit", &[2, 4], "keep"),
    ("commit", &[3, 4], "archive"),
    ("commit", &[4], "delete"),
    ("renameat2", &[7, 38], "keep"),
    ("renameat2", &[20, 50, 90], "archive"),
    ("renameat2", &[60], "delete"),
    ("unlinkat", &[12], "delete"),
];

/// Syncing takes so long here that files come together, as on a slow disk.
#[test]
fn killed_in_the_midst_of_many_small_files_nothing_is_lost_or_done_twice() {
    let (files, mut among) = (60, 0);
    for (call, times, after) in AMONG_MANY {
        for when in times {
            let mut site = Site::new(&format!("source.after = \"{after}\"\nretry.max_attempts = 100"));
            // The ledger is there: it takes flushes to make one.
            assert!(site.once().status.success());
            (0..files).for_each(|number| site.drop_in(&format!("f{number}.json"), &records(number)));
            site.spawn(match call {
                "commit" => killed_at("fsync", *when, &[site.path("state/ledger.sqlite-wal")]),
                "fsync" => killed_at(call, *when, &[]),
                slow => killed_on_a_slow_disk_at(slow, *when),
            });
            wait_until("it was killed, or was never going to be", || {
                site.has_ended() || site.status()["files"]["done"] == files
            });
            site.kill_if_running();
            among +=
                usize::from(site.unfinished() > 1 || site.history().iter().any(|job| job["state"] == "publishing"));
            let again = site.once();
            assert!(again.status.success(), "{after} {call} {when}: {}", super::harness::said(&again));
            assert_each_once(&site, files, after);
            assert!(site.history().iter().all(|job| job["rows"] == 50), "{after} {call} {when}");
        }
    }
    assert!(among >= 6, "only {among} of the kills were in the midst of a batch");
}

#[test]
fn what_was_unfinished_when_its_source_went_away_is_removed() {
    let mut site = Site::new("records.on_bad_record = \"skip\"");
    site.drop_in("f0.json", b"{\"a\": 1}\nbad\n");
    let on = [site.path("outbox/.h5inbox/1.tmp")];
    site.spawn(killed_at("fsync", 1, &on));
    wait_until("it was killed", || site.has_ended());
    site.kill_if_running();
    let unfinished = |folder: &str| site.unfinished_in(folder);
    assert_eq!((unfinished("outbox"), unfinished("quarantine")), (1, 1));
    fs::remove_file(site.path("inbox/f0.json")).unwrap();
    // Of a job that the ledger does not know any more.
    fs::write(site.path("outbox/.h5inbox/99.tmp"), "").unwrap();
    fs::write(site.path("quarantine/.h5inbox/99.bad.tmp"), "").unwrap();
    assert!(site.once().status.success());
    assert_eq!((unfinished("outbox"), unfinished("quarantine")), (0, 0));
    assert!(site.names("outbox").is_empty() && site.names("quarantine").is_empty());
}

#[test]
fn a_stop_finishes_what_is_in_hand_and_leaves_no_debris() {
    let mut site = Site::new("");
    for number in 0..40 {
        site.drop_in(&format!("f{number}.json"), &records(number).repeat(200));
    }
    site.start();
    site.wait_for("done", 1);
    assert!(site.stop().success());
    let left = fs::read_dir(site.path("outbox/.h5inbox")).unwrap().map(|entry| entry.unwrap().file_name());
    assert_eq!(left.collect::<Vec<_>>(), ["ledger"], "the mark, and no output");
    let states: Vec<_> = site.history().iter().map(|job| job["state"].as_str().unwrap().to_owned()).collect();
    assert!(states.iter().all(|state| state == "done" || state == "ready"), "{states:?}");
    assert!(site.once().status.success());
    assert_each_once(&site, 40, "keep");
}

#[test]
fn an_output_that_could_not_get_its_name_for_a_while_gets_the_one_that_the_ledger_has() {
    let mut site = Site::new("output.name = \"{name}-{hash:8}\"");
    site.drop_in("f0.json", &records(0));
    // Each thread counts for itself.
    let mut traced = injected(&["renameat2"], &["renameat2:error=EIO:when=1".to_owned()]);
    traced.arg("-P").arg(site.path("outbox/.h5inbox/1.tmp")).arg(env!("CARGO_BIN_EXE_h5inbox"));
    site.spawn(traced);
    site.wait_for("done", 1);
    site.kill_if_running();
    assert_eq!(site.names("outbox"), [format!("f0-{}.h5", &sha256(&records(0))[..8])]);
    let job = &site.history()[0];
    assert_eq!((&job["state"], &job["attempts"]), (&"done".into(), &1.into()), "it was converted once");
}

#[test]
fn an_output_that_can_get_its_name_neither_before_nor_after_a_crash_gets_it_later() {
    let mut site = Site::new("inbox.recursive = true\nretry.backoff_max_secs = 1");
    fs::write(site.path("outbox/sub"), "no folder can be here").unwrap();
    site.start();
    site.drop_in("sub/f0.json", &records(0));
    wait_until("it is hindered", || site.history().iter().any(|job| job["error_code"] == "publish_error"));
    site.kill();
    let again = site.once();
    assert_eq!(again.status.code(), Some(1), "{}", super::harness::said(&again));
    site.start();
    fs::remove_file(site.path("outbox/sub")).unwrap();
    site.wait_for("done", 1);
    assert!(site.path("outbox/sub/f0.h5").exists());
    assert_eq!((site.unfinished(), &site.history()[0]["attempts"]), (0, &1.into()), "it was converted once");
}
