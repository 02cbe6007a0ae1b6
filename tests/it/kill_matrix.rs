//! Killed at each call that changes anything on disk, during the work and again during recovery, the agent comes to the
//! very end that an undisturbed run comes to: the same files with the same bytes in the same places, the same ledger, and
//! nothing else. One more run then changes nothing.
//!
//! The calls are not listed here: an undisturbed run of each scene is recorded, and each call of it is a moment to die at.
//! `make soak` takes them all; a test takes those on the agent's folders, and of the ledger's calls the syncs.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, SystemTime};

use tempfile::TempDir;

use super::harness::{Site, another_file_system, said, wait_until};
use super::kill_scenes::{GOOD, NEWER, SCENES, Scene};
use super::snapshot::{Snapshot, below};
use super::traced::{Step, injected, killed_at, recorded, steps};

/// Runs at a time: each waits most of its time for a quiet inbox.
const AT_A_TIME: usize = 4;

/// A moment to die at: a thread's `nth` such call on this path, which is told by its folder, because each run has its own.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Moment {
    call: String,
    folder: &'static str,
    below: PathBuf,
    nth: usize,
}

/// A scene before its sources are processed under fire.
struct Stage {
    site: Site,
    elsewhere: Option<TempDir>,
}

impl Stage {
    fn set(scene: &Scene) -> Self {
        let elsewhere = scene.elsewhere.then(another_file_system);
        let folders = elsewhere.as_ref().map(|there| {
            let at = there.path().display();
            format!("source.archive = \"{at}/archive\"\nsource.quarantine = \"{at}/quarantine\"\n")
        });
        let config = format!("{}\nretry.max_attempts = 1000\n{}", scene.config, folders.unwrap_or_default());
        let stage = Self { site: Site::new(&config), elsewhere };
        for (name, content) in scene.before {
            stage.drop_in(name, content);
            stage.site.once();
        }
        scene.sources.iter().for_each(|(name, content)| stage.drop_in(name, content));
        stage
    }

    /// Outputs tell when their source was changed, and are to be the same in each run.
    fn drop_in(&self, name: &str, content: &str) {
        self.site.drop_in(name, content.as_bytes());
        let source = File::options().write(true).open(self.site.path("inbox").join(name)).unwrap();
        source.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000)).unwrap();
    }

    /// The agent's own folders.
    fn folders(&self) -> [(&'static str, PathBuf); 4] {
        let here = |name| (name, self.site.path(name));
        let there = |name| self.elsewhere.as_ref().map_or_else(|| here(name), |there| (name, there.path().join(name)));
        [here("inbox"), here("outbox"), there("archive"), there("quarantine")]
    }

    fn snapshot(&self) -> Snapshot {
        Snapshot::of(&self.site, &self.folders())
    }

    /// Runs undisturbed, and tells the moments of this run.
    fn record(&self, thorough: bool) -> Vec<Moment> {
        let log = self.site.path("calls");
        self.site.once_by(recorded(&log));
        let mut folders = self.folders().to_vec();
        folders.push(("state", self.site.path("state")));
        let roots: Vec<&Path> = folders.iter().map(|(_, folder)| folder.as_path()).collect();
        let moments = steps(&log, &roots).into_iter().map(|step| moment(&step, &folders));
        let mut moments: Vec<Moment> = moments.filter(|moment| moment.counts(thorough)).collect();
        // A row of equal calls is one moment.
        moments.dedup_by(|now, before| {
            (&now.call, now.folder, &now.below) == (&before.call, before.folder, &before.below)
        });
        moments
    }

    /// Whether a run was killed at this moment; now and then it goes another way.
    fn kill_at(&self, moment: &Moment) -> bool {
        let folders = self.folders();
        let folder = folders.iter().find(|(name, _)| *name == moment.folder).map(|(_, folder)| folder.clone());
        // By components: a slash at its end would make another path to strace.
        let folder = folder.unwrap_or_else(|| self.site.path(moment.folder));
        let path = folder.join(&moment.below).components().collect();
        self.site.once_by(killed_at(&moment.call, moment.nth, &[path])).status.code().is_none()
    }

    /// Runs until nothing is left to do, and once more, which must change nothing.
    fn finish(&self, what: &str) -> Snapshot {
        let again = self.site.once();
        let history = self.site.history();
        let end = self.snapshot();
        self.site.once();
        assert_eq!(history, self.site.history(), "{what}: a second run did something\n{}", said(&again));
        assert_eq!(end, self.snapshot(), "{what}: a second run did something\n{}", said(&again));
        end
    }
}

impl Moment {
    /// What is not `thorough` leaves to SQLite what the ledger writes between two syncs.
    fn counts(&self, thorough: bool) -> bool {
        let name = self.below.file_name().unwrap_or_default().to_string_lossy();
        !["in-hand", "ledger.sqlite.lock", "ledger.sqlite-shm", "ledger.sqlite.sock"].contains(&name.as_ref())
            && (thorough || self.folder != "state" || self.call == "fsync")
    }
}

fn moment(step: &Step, folders: &[(&'static str, PathBuf)]) -> Moment {
    let inside =
        |(name, folder): &(&'static str, PathBuf)| Some((*name, step.path().strip_prefix(folder).ok()?.to_owned()));
    let (folder, below) = folders.iter().find_map(inside).unwrap();
    Moment { call: step.call.clone(), folder, below, nth: step.nth }
}

/// The end of a run of `scene` that nobody disturbs, which must be as it says, and the moments of that run.
fn undisturbed(scene: &Scene, thorough: bool) -> (Snapshot, Vec<Moment>) {
    let stage = Stage::set(scene);
    let moments = stage.record(thorough);
    let end = stage.finish(scene.name);
    let files: Vec<&String> = end.files.keys().collect();
    assert_eq!(files, scene.files, "{}", scene.name);
    let states = end.jobs.iter().map(|job| job.split('"').nth(3).unwrap());
    assert_eq!(states.collect::<Vec<_>>(), scene.states, "{}", scene.name);
    (end, moments)
}

/// Does `work` with each of `all`, several at a time.
fn each<'a, T: Sync>(all: &'a [T], work: impl Fn(&'a T) + Sync) {
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

/// Whether to take all moments: `make soak` does, a test has no time.
fn thorough() -> bool {
    std::env::var_os("H5INBOX_THOROUGH").is_some()
}

/// A moment of a scene, and the end that the scene comes to.
type Death = (&'static Scene, Arc<Snapshot>, Moment);

/// Every moment of every scene; found once for all tests.
fn deaths() -> &'static [Death] {
    static ALL: OnceLock<Vec<Death>> = OnceLock::new();
    ALL.get_or_init(|| {
        let found = Mutex::new(Vec::new());
        each(SCENES, |scene| {
            let (end, moments) = undisturbed(scene, thorough());
            let end = Arc::new(end);
            found.lock().unwrap().extend(moments.into_iter().map(|moment| (scene, Arc::clone(&end), moment)));
        });
        found.into_inner().unwrap()
    })
}

#[test]
fn killed_at_any_change_on_disk_the_next_run_comes_to_the_same_end() {
    let killed = AtomicUsize::new(0);
    each(deaths(), |(scene, end, moment)| {
        let stage = Stage::set(scene);
        let what = format!("{}, killed at {moment:?}", scene.name);
        if stage.kill_at(moment) {
            killed.fetch_add(1, Ordering::Relaxed);
        } else {
            eprintln!("not {what}");
        }
        assert_eq!(stage.finish(&what), **end, "{what}");
    });
    let (killed, moments) = (killed.into_inner(), deaths().len());
    eprintln!("killed at {killed} of {moments} moments");
    assert!(killed * 10 >= moments * 9, "only {killed} of {moments} moments came");
}

/// The first kill leaves work to recovery, at the moments from which on the output or the fate of the source is decided.
/// Of a recovery's moments, a test takes one or two.
#[test]
fn killed_during_recovery_too_the_run_after_comes_to_the_same_end() {
    let killed = AtomicUsize::new(0);
    let decisive = |(_, _, moment): &&Death| {
        let some = ["renameat2", "unlink"].contains(&moment.call.as_str());
        moment.folder != "state" && (thorough() || some)
    };
    let firsts: Vec<&Death> = deaths().iter().filter(decisive).collect();
    each(&firsts, |(scene, end, first)| {
        let recovered = Stage::set(scene);
        recovered.kill_at(first);
        let seconds = recovered.record(false);
        let apart = if thorough() { 1 } else { seconds.len().div_ceil(2).max(1) };
        for second in seconds.iter().skip(first.below.as_os_str().len() % apart).step_by(apart) {
            let stage = Stage::set(scene);
            stage.kill_at(first);
            killed.fetch_add(usize::from(stage.kill_at(second)), Ordering::Relaxed);
            let what = format!("{}, killed at {first:?}, then at {second:?}", scene.name);
            assert_eq!(stage.finish(&what), **end, "{what}");
        }
    });
    let killed = killed.into_inner();
    eprintln!("{killed} times killed during recovery");
    assert!(killed > 20, "recovery was hardly ever disturbed");
}

/// Where a file system knows no rename that replaces nothing, a file gets its new name by a link, and then loses the old.
#[test]
fn killed_between_the_two_names_of_a_file_where_renames_are_not_to_be_had_it_is_still_there_once() {
    // Names in the inbox are looked up in its open folder, and so they are told by that: first the source's, then the hidden.
    let names = [("outbox/.h5inbox/1.tmp", 1), ("inbox", 1), ("inbox", 2), ("archive/.h5inbox-1", 1)];
    let ways: Vec<_> = ["archive", "delete"].into_iter().flat_map(|after| names.map(|name| (after, name))).collect();
    let killed = AtomicUsize::new(0);
    each(&ways, |(after, (name, when))| {
        let site = Site::new(&format!("source.after = \"{after}\"\nretry.max_attempts = 1000"));
        let no_rename = "renameat2:error=EINVAL".to_owned();
        site.drop_in("f0.json", GOOD.as_bytes());
        let mut traced =
            injected(&["renameat2", "unlinkat"], &[no_rename.clone(), format!("unlinkat:signal=KILL:when={when}")]);
        for file in [name, &"outbox/f0.h5", &"archive/f0.json"] {
            traced.arg("-P").arg(site.path(file));
        }
        traced.arg(env!("CARGO_BIN_EXE_h5inbox"));
        killed.fetch_add(usize::from(site.once_by(traced).status.code().is_none()), Ordering::Relaxed);
        let mut traced = injected(&["renameat2"], &[no_rename]);
        traced.arg(env!("CARGO_BIN_EXE_h5inbox"));
        let again = site.once_by(traced);
        assert!(again.status.success(), "{after} {name}: {}", said(&again));
        let archived = if *after == "archive" { vec!["f0.json"] } else { vec![] };
        let left = |folder: &str| below(&site.path(folder)).len();
        assert_eq!(
            (site.names("outbox"), site.names("archive")),
            (vec!["f0.h5".to_owned()], archived.iter().map(ToString::to_string).collect()),
            "{after} {name}"
        );
        assert_eq!((left("outbox"), left("inbox"), left("archive")), (1, 0, archived.len()), "{after} {name}");
    });
    let killed = killed.into_inner();
    assert_eq!(killed, 6, "kills");
}

/// The agent, which takes so long to give names to the source of its first job that others can come in between.
fn slow_to_rename(site: &Site, at: &Path) -> Command {
    let mut traced = injected(&["renameat2"], &["renameat2:delay_enter=1500000".to_owned()]);
    traced.arg("-P").arg(at).arg(env!("CARGO_BIN_EXE_h5inbox"));
    assert!(!site.path("state").exists(), "its first job");
    traced
}

/// Versions that are done; one that was away for a moment may have been found gone.
fn done(site: &Site) -> usize {
    site.states("f0.json").iter().filter(|state| *state == "done").count()
}

/// Just before the source is moved or deleted another version takes its place; then the agent is killed just behind that.
#[test]
fn a_version_that_comes_just_before_the_old_one_is_disposed_of_is_converted_even_if_the_agent_is_killed() {
    // The folder where the source has the hidden name at which it is looked at once more.
    let ways = [
        ("archive", "archive", false),
        ("archive", "archive", true),
        ("delete", "inbox", false),
        ("delete", "inbox", true),
    ];
    each(&ways, |(after, folder, killed)| {
        let mut site = Site::new(&format!("source.after = \"{after}\"\nretry.max_attempts = 1000"));
        let hidden = site.path(folder).join(".h5inbox-1");
        site.drop_in("f0.json", GOOD.as_bytes());
        // Names in the inbox are looked up in its open folder.
        let looked_up = if *folder == "inbox" { site.path(folder) } else { hidden.clone() };
        site.spawn(slow_to_rename(&site, &looked_up));
        wait_until("the first version is done", || site.states("f0.json") == ["done"]);
        site.drop_in("f0.json", NEWER.as_bytes());
        wait_until("the other version has the hidden name", || hidden.exists());
        if !killed {
            wait_until("it has its own again and is done", || done(&site) == 2);
        }
        site.kill_if_running();
        assert!(site.once().status.success());
        let archived = if *after == "archive" { vec!["f0.json"] } else { vec![] };
        assert_eq!(site.names("outbox"), ["f0.h5", "f0~2.h5"], "{after} {killed}");
        assert_eq!(done(&site), 2, "{after} {killed}");
        assert_eq!(below(&site.path("inbox")), Vec::<PathBuf>::new(), "{after} {killed}");
        assert_eq!(site.names("archive"), archived, "{after} {killed}");
    });
}
