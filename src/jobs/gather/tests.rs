use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::ledger::{Disposition, JobId};
use crate::source::Identity;

const S: fn(u64) -> Duration = Duration::from_secs;

fn job(id: i64, path: &str, size: u64) -> Job {
    Job {
        id: JobId(id),
        path: path.into(),
        identity: Identity { device: 1, inode: id.cast_unsigned(), size, mtime_ns: id, ctime_ns: 0 },
        state: State::Ready,
        attempts: 0,
        run_at: jiff::Timestamp::UNIX_EPOCH,
        hash: None,
        output: None,
        temporary: None,
        disposition: Disposition::None,
        previous: None,
        first_row: None,
        alone: false,
        epoch: 0,
    }
}

fn patterns(globs: &[&str]) -> Patterns {
    Patterns::new(&globs.iter().map(ToString::to_string).collect::<Vec<_>>()).unwrap()
}

fn windows(files: usize, bytes: u64, secs: u64) -> Windows {
    let output = Output { gather_files: files, gather_bytes: bytes, gather_secs: secs, ..Output::to("/o".into()) };
    Windows::new(patterns(&["*.json", "sub/*.log"]), &output)
}

fn numbers(tasks: &[Task]) -> Vec<Vec<i64>> {
    tasks.iter().map(|task| task.iter().map(|job| job.id.0).collect()).collect()
}

#[test]
fn the_first_pattern_that_names_a_source_counts_packed_or_not() {
    let all = patterns(&["a*.json", "*.json", "/sub/*.ndjson"]);
    let of = |path: &str| all.first(Path::new(path));
    assert_eq!(["a.json", "x/a.json.gz", "b.json", "sub/b.ndjson.zst"].map(of), [Some(0), Some(0), Some(1), Some(2)]);
    assert_eq!(["b.ndjson", "sub/x/b.ndjson", "a.json.gz.gz", "a"].map(of), [None; 4]);
    assert_eq!(Patterns::default().first(Path::new("a.json")), None);
}

#[test]
fn a_window_closes_with_the_last_file_the_last_byte_or_its_time() {
    let mut all = windows(3, 100, 10);
    assert!(all.add(job(1, "b.json", 10), S(0)).is_empty() && all.add(job(2, "a.json", 10), S(5)).is_empty());
    assert_eq!((all.waiting(), all.next_due()), (2, Some(S(10))));
    assert_eq!(numbers(&all.add(job(3, "c.json", 10), S(6))), [[2, 1, 3]], "so many files, by their paths");
    assert_eq!((all.waiting(), all.next_due()), (0, None));
    all.add(job(4, "a.json", 60), S(7));
    assert_eq!(numbers(&all.add(job(5, "b.json", 60), S(8))), [[4]], "the next would be too much");
    assert_eq!(numbers(&all.add(job(6, "c.json", 40), S(9))), [[5, 6]], "full to the byte");
    all.add(job(7, "a.json", 1), S(20));
    assert_eq!(numbers(&all.due(S(29))), Vec::<Vec<i64>>::new());
    assert_eq!(numbers(&all.due(S(30))), [[7]]);
    all.add(job(8, "a.json", 1), S(31));
    assert_eq!((numbers(&all.close()), all.waiting()), (vec![vec![8]], 0));
}

#[test]
fn folders_and_patterns_have_windows_of_their_own() {
    let mut all = windows(9, 100, 10);
    for (id, path) in [(1, "a.json"), (2, "sub/a.json"), (3, "sub/a.log"), (4, "b.json"), (5, "sub/b.log")] {
        assert!(all.add(job(id, path, 1), S(0)).is_empty());
    }
    assert_eq!(numbers(&all.close()), [vec![1, 4], vec![2], vec![3, 5]]);
}

#[test]
fn what_does_not_wait_for_others_goes_on_at_once() {
    let mut all = windows(9, 100, 10);
    let alone = Job { alone: true, ..job(1, "a.json", 1) };
    let decided = Job { state: State::Publishing, ..job(2, "b.json", 1) };
    for job in [alone, decided, job(3, "c.json", 101), job(4, "c.txt", 1), job(5, "c.log", 1)] {
        assert_eq!(numbers(&all.add(job.clone(), S(0))), [[job.id.0]]);
    }
    assert_eq!((all.waiting(), windows(9, 100, 0).add(job(6, "a.json", 1), S(0)).len()), (0, 1));
}

#[test]
fn of_two_versions_of_a_source_the_newer_one_waits() {
    let mut all = windows(9, 100, 10);
    all.add(job(1, "a.json", 5), S(0));
    all.add(job(2, "b.json", 5), S(0));
    assert_eq!(numbers(&all.add(job(3, "a.json", 5), S(1))), [[1]]);
    assert_eq!((numbers(&all.close()), all.waiting()), (vec![vec![3, 2]], 0));
}

proptest! {
    #[test]
    fn every_job_comes_out_once_in_time_and_no_window_holds_too_much(
        jobs in prop::collection::vec((0_u32..40, 0_u64..50, 0_u64..7), 0..120),
        (files, bytes, secs) in (2_usize..6, 1_u64..120, 0_u64..20),
    ) {
        let mut all = windows(files, bytes, secs);
        let (mut now, mut came, mut left) = (S(0), BTreeMap::new(), Vec::new());
        for (number, (name, size, wait)) in jobs.iter().enumerate() {
            now += S(*wait);
            left.extend(all.due(now).into_iter().map(|task| (now, task)));
            let path = format!("{}{name}.json", if name % 2 == 0 { "" } else { "sub/" });
            let id = i64::try_from(number).unwrap() + 1;
            came.insert(id, now);
            left.extend(all.add(job(id, &path, *size), now).into_iter().map(|task| (now, task)));
            prop_assert_eq!(all.waiting() + left.iter().map(|(_, task)| task.len()).sum::<usize>(), came.len());
            prop_assert!(all.next_due().is_none_or(|due| due <= now + S(secs)));
        }
        left.extend(all.close().into_iter().map(|task| (now, task)));
        for (at, task) in &left {
            prop_assert!(!task.is_empty() && task.len() <= files);
            prop_assert!(task.len() == 1 || task.iter().map(|job| job.identity.size).sum::<u64>() <= bytes);
            prop_assert!(task.is_sorted_by(|a, b| a.path < b.path));
            prop_assert!(task.iter().all(|job| job.path.parent() == task[0].path.parent()));
            for job in task {
                // Looked at every seven seconds at least.
                prop_assert!(*at <= came.remove(&job.id.0).unwrap() + S(secs + 7));
            }
        }
        prop_assert!(came.is_empty());
    }
}
