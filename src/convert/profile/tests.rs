//! The recorder from its marks to the page, with real threads and a real conversion.

use std::fs::File as Source;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread::sleep;
use std::time::Duration;

use rayon::iter::{IntoParallelIterator, ParallelIterator};
use serde_json::Value;

use super::trace::{DETAIL, FileTrace};
use super::*;
use crate::config::Config;
use crate::convert::output::provenance::Origin;
use crate::convert::{Options, Target, to_file};
use crate::source::Identity;

fn kept(profile: &Profile) -> Vec<FileTrace> {
    profile.0.kept().files.into_files()
}

fn only_file(profile: &Profile) -> FileTrace {
    let mut kept = kept(profile);
    assert_eq!(kept.len(), 1);
    kept.remove(0)
}

const SOME_TIME: Duration = Duration::from_millis(2);

fn some_time() {
    sleep(SOME_TIME);
}

/// The figures in a page.
fn data(page: &str) -> Value {
    let (_, rest) = page.split_once("<script type=\"application/json\" id=\"data\">").unwrap();
    serde_json::from_str(rest.split_once("</script>").unwrap().0).unwrap()
}

#[test]
fn a_thread_that_takes_part_in_nothing_records_nothing() {
    let profile = Profile::whole(1);
    let file = file(Path::new("a.json"), 1);
    let _span = span(Stage::Parse);
    file.converted(1);
    drop(file);
    assert!(here().0.is_none() && kept(&profile).is_empty());
    let _attached = profile.worker(0);
    drop(span(Stage::Parse));
    assert!(kept(&profile).is_empty());
}

#[test]
fn a_file_that_its_worker_left_ends_elsewhere_and_what_is_done_for_many_counts_once() {
    let profile = Profile::whole(1);
    let attached = profile.worker(0);
    let left: Vec<Left> = ["a.json", "b.json"].map(|name| file(Path::new(name), 1).leave()).into();
    drop(attached);
    std::thread::spawn(move || {
        left[0].during(|| drop((span(Stage::Publish), some_time())));
        together(left.iter(), Stage::Fsync, some_time);
    })
    .join()
    .unwrap();
    let files = kept(&profile);
    let times = |file: &FileTrace| [Stage::Publish, Stage::Fsync].map(|stage| file.times().of(stage));
    let ([publish, first], [none, second]) = (times(&files[0]), times(&files[1]));
    assert!(publish > 0 && none == 0 && first == second && first > 0);
    assert!(files.iter().all(|file| file.lane == 0 && file.pieces.iter().any(|piece| piece.lane == 1)));
    assert!(first + second <= files[1].took());
}

#[test]
fn what_runs_inside_a_span_counts_once_and_all_times_make_up_the_file() {
    let profile = Profile::whole(1);
    let _attached = profile.worker(0);
    {
        let file = file(Path::new("a\n.json"), 7);
        let _split = span(Stage::Split);
        some_time();
        {
            let _read = span(Stage::Read);
            some_time();
        }
        file.converted(3);
    }
    let file = only_file(&profile);
    assert_eq!((file.name.as_str(), file.bytes, file.rows, file.lane), ("a\\n.json", 7, Some(3), 0));
    let times = file.times();
    assert_eq!(times.busy(), file.took());
    assert!(times.of(Stage::Read) >= 2_000_000 && times.of(Stage::Split) >= 2_000_000);
    let [read, split] = file.pieces[0].stretches[..] else { panic!("two stretches") };
    assert_eq!((read.stage, split.stage), (Stage::Read, Stage::Split));
    assert!(split.start <= read.start && read.end <= split.end);
    assert!(split.end - split.start > times.of(Stage::Split));
}

#[test]
fn a_panic_ends_what_was_open_and_the_next_file_begins_afresh() {
    let profile = Profile::whole(1);
    let _attached = profile.worker(0);
    let panicked = std::panic::catch_unwind(|| {
        let _file = file(Path::new("a.json"), 1);
        let _span = span(Stage::Frame);
        panic!("as bad sources do");
    });
    assert!(panicked.is_err());
    file(Path::new("b.json"), 1).converted(1);
    let files = kept(&profile);
    assert_eq!([files[0].rows, files[1].rows], [None, Some(1)]);
    assert!(files[0].times().of(Stage::Frame) > 0 && files[1].times().of(Stage::Frame) == 0);
}

#[test]
fn two_profiles_at_once_do_not_mix() {
    let profiles = [Profile::whole(2), Profile::whole(2)];
    std::thread::scope(|scope| {
        for (number, profile) in profiles.iter().enumerate() {
            scope.spawn(move || {
                let _attached = profile.worker(number);
                file(Path::new(&format!("{number}.json")), 1).converted(1);
            });
        }
    });
    let names = profiles.each_ref().map(|profile| only_file(profile).name.clone());
    assert_eq!(names, ["0.json", "1.json"]);
}

#[test]
fn what_helpers_do_is_told_of_the_file_and_of_their_own_threads() {
    let profile = Profile::whole(1);
    let _attached = profile.worker(0);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
    let large = file(Path::new("large.json"), 1);
    {
        let (here, _waits) = (here(), span(Stage::Helpers));
        pool.install(|| {
            (0..8).into_par_iter().for_each(|_| {
                let _helps = here.help();
                let _parse = span(Stage::Parse);
                some_time();
            });
        });
        // A worker that lends a hand itself does not wait meanwhile.
        let _helps = here.help();
        let _parse = span(Stage::Parse);
        some_time();
    }
    drop(large);
    drop(file(Path::new("small.json"), 1));
    let files = kept(&profile);
    let large = &files[0];
    let own = large.pieces.iter().find(|piece| piece.lane == 0).unwrap();
    assert!(own.times.of(Stage::Parse) >= 2_000_000);
    assert!(own.times.busy() + own.times.of(Stage::Helpers) <= large.took());
    let helpers: Vec<_> = large.pieces.iter().filter(|piece| piece.lane > 0).collect();
    assert_eq!(helpers.iter().map(|piece| piece.stretches.len()).sum::<usize>(), 8);
    assert!(helpers.iter().all(|piece| piece.lane <= 2 && piece.times.of(Stage::Helpers) == 0));
    assert_eq!(files[1].times().of(Stage::Parse), 0);
}

#[test]
fn memory_is_bounded_and_what_has_no_room_is_in_the_totals() {
    let profile = Profile::whole(1);
    let _attached = profile.worker(0);
    for number in 0..3 {
        let file = file(Path::new(&format!("{number}.json")), 10);
        for _ in 0..DETAIL / 2 {
            let begun = std::time::Instant::now();
            let _span = span(Stage::Write);
            while begun.elapsed() < Duration::from_micros(2) {}
        }
        file.converted(5);
    }
    let data = data(&profile.report().page());
    let shown = data["lanes"][0]["spans"].as_array().unwrap().len() / 4;
    assert!((DETAIL * 9 / 10..=DETAIL).contains(&shown), "{shown}");
    let left_out = usize::try_from(data["left_out_spans"].as_u64().unwrap()).unwrap();
    assert!(left_out > 0 && left_out + shown <= 3 * (DETAIL / 2));
    assert_eq!((&data["rows"], &data["bytes"]), (&15.into(), &30.into()));
    let write = data["stages"][Stage::Write as usize]["us"].as_u64().unwrap();
    assert!(write >= 3 * (DETAIL as u64 / 2) * 2, "{write}");
}

#[test]
fn more_files_than_are_listed_are_counted_and_the_slowest_is_found_among_them() {
    let profile = Profile::whole(1);
    let _attached = profile.worker(0);
    for number in 0..10_050 {
        let file = file(Path::new(&format!("{number}.json")), 10);
        if number == 10_030 {
            sleep(Duration::from_millis(300));
        }
        file.converted(1);
    }
    let data = data(&profile.report().page());
    assert_eq!((&data["files"], &data["rows"], &data["unlisted_files"]), (&10_050.into(), &10_050.into(), &50.into()));
    assert_eq!(data["listed"]["names"].as_array().unwrap().len(), 10_000);
    assert_eq!(data["slowest"][0]["name"], "10030.json");
}

#[test]
fn a_recording_of_the_last_files_forgets_older_ones() {
    let profile = Profile::of_last(3, 1, |_| {});
    let _attached = profile.worker(0);
    for number in 0..5 {
        some_time();
        file(Path::new(&format!("{number}.json")), 10).converted(number);
    }
    let data = data(&profile.report().page());
    assert_eq!((&data["kind"], &data["files"], &data["rows"]), (&"agent".into(), &3.into(), &9.into()));
    assert_eq!(data["listed"]["names"].as_array().unwrap()[..], ["2.json", "3.json", "4.json"]);
    assert_eq!((&data["listed"]["at"][1], &data["idle_us"]), (&0.into(), &0.into()));
    assert!(data["wall_us"].as_u64().unwrap() >= 4000);
}

#[test]
fn what_each_stage_of_a_converted_file_cost_is_observed_also_where_no_file_is_kept() {
    for kept in [0, 1] {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let observed = Arc::clone(&seen);
        let profile = Profile::of_last(kept, 1, move |cost| observed.lock().unwrap().extend_from_slice(cost));
        let _attached = profile.worker(0);
        for converted in [true, false] {
            let file = file(Path::new("a.json"), 10);
            for stage in [Stage::Parse, Stage::Write, Stage::Parse] {
                let _span = span(stage);
                some_time();
            }
            if converted {
                file.converted(1);
            }
        }
        let mut seen = seen.lock().unwrap().clone();
        seen.retain(|(stage, _)| *stage != Stage::Rest);
        assert!(
            matches!(seen[..], [(Stage::Parse, parse), (Stage::Write, write)] if parse >= SOME_TIME * 2 && write >= SOME_TIME)
        );
        assert_eq!(data(&profile.report().page())["files"], kept);
    }
}

#[test]
fn the_page_of_a_real_conversion_tells_what_it_did() {
    let folder = tempfile::tempdir().unwrap();
    let (source, target) = (folder.path().join("a.json"), folder.path().join("a.h5"));
    std::fs::write(&source, "{\"number\": 1.5, \"text\": \"x\"}\n".repeat(50_000)).unwrap();
    let options =
        Options { hash: true, durable: true, ..Options::from_config(&Config::new("/i".into(), "/o".into()), 1) };
    let origin = Origin { source: Path::new("a.json"), job: None, modified_ns: 0 };
    let target = Target { output: &target, bad_records: None, origin };
    let opened = Source::open(&source).unwrap();
    let identity = Identity::of(&opened.metadata().unwrap());
    let profile = Profile::whole(1);
    let attached = profile.worker(0);
    let recorded = file(&source, identity.size);
    recorded.converted(to_file(&opened, identity, target, &options).unwrap().rows);
    drop(recorded);
    drop(attached);
    let report = profile.report();
    let data = data(&report.page());
    assert_eq!((&data["rows"], &data["bytes"], &data["files"]), (&50_000.into(), &identity.size.into(), &1.into()));
    assert_eq!(data["sentence"], report.sentence());
    for stage in ["read", "split", "hash", "parse", "frame", "encode", "hdf5", "write", "fsync"] {
        let listed = data["stages"].as_array().unwrap();
        let found = listed.iter().find(|entry| entry["name"] == stage).unwrap();
        assert!(found["us"].as_u64().unwrap() > 0, "{stage}: {data}");
    }
    let rates = data["rate"]["rows"].as_array().unwrap();
    let spread: u64 = rates.iter().map(|rows| rows.as_u64().unwrap()).sum();
    assert!(spread.abs_diff(50_000) <= rates.len() as u64, "{spread}");
    let icicle = data["icicle"]["us"].as_u64().unwrap();
    let of_stages: u64 = data["stages"].as_array().unwrap().iter().map(|stage| stage["us"].as_u64().unwrap()).sum();
    assert_eq!(icicle, of_stages + data["idle_us"].as_u64().unwrap());
}

#[test]
fn a_name_stays_text_in_the_page() {
    let profile = Profile::whole(1);
    let _attached = profile.worker(0);
    let hostile = "</script><img src=x onerror=alert(1)><!--style-->&amp;\u{2028}\"'.json";
    file(Path::new(hostile), 1).converted(1);
    let page = profile.report().page();
    assert_eq!(page.matches("</script>").count(), 2);
    assert!(!page.contains("<img") && !page.contains("&amp;"));
    assert_eq!(data(&page)["listed"]["names"][0], hostile.replace('\u{2028}', "\\u{2028}"));
    for mark in ["<!--style-->", "<!--script-->", "<!--data-->"] {
        assert!(!page.contains(mark), "{mark} is left");
    }
}

#[test]
fn every_stage_has_a_colour_by_day_and_by_night() {
    let style = include_str!("page/page.css");
    (0..Stage::COUNT).for_each(|stage| assert_eq!(style.matches(&format!("--s{stage}: #")).count(), 2, "{stage}"));
}

#[test]
fn a_page_replaces_an_older_one_whole_or_leaves_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("page.html");
    std::fs::write(&path, "old").unwrap();
    drop(PageFile::create(&path).unwrap());
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "old");
    PageFile::create(&path).unwrap().publish("new").unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "new");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    assert!(PageFile::create(folder.path()).is_err() && PageFile::create(&path.join("in/a.html")).is_err());
}
