//! The watcher on real folders.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::time::{Duration, Instant};

use super::*;

const PATIENCE: Duration = Duration::from_secs(10);

struct Watched {
    inbox: tempfile::TempDir,
    outside: tempfile::TempDir,
    watcher: Watcher,
}

fn watched(recursive: bool) -> Watched {
    let parent = tempfile::tempdir().unwrap();
    let filter = Arc::new(NameFilter::new(&["*.json".to_owned()], &[]).unwrap());
    let watcher = Watcher::start(parent.path(), recursive, filter, 1000).unwrap();
    Watched { inbox: parent, outside: tempfile::tempdir().unwrap(), watcher }
}

impl Watched {
    fn at(&self, name: &[u8]) -> PathBuf {
        self.inbox.path().join(OsStr::from_bytes(name))
    }

    fn move_in(&self, name: &[u8]) {
        let from = self.outside.path().join("moving");
        fs::write(&from, b"{}").unwrap();
        fs::rename(from, self.at(name)).unwrap();
    }

    /// All hints up to that of a last file, which is not among them.
    fn hints(&self) -> Vec<Hint> {
        self.move_in(b"last.json");
        let last = Hint::Renamed("last.json".into());
        std::iter::from_fn(|| self.watcher.hints().recv_timeout(PATIENCE).ok())
            .take_while(|hint| *hint != last)
            .collect()
    }

    fn is_lost(&self) -> bool {
        let until = Instant::now() + PATIENCE;
        std::iter::from_fn(|| self.watcher.hints().recv_deadline(until).ok()).any(|hint| hint == Hint::Lost)
    }
}

fn path(name: &[u8]) -> PathBuf {
    PathBuf::from(OsStr::from_bytes(name))
}

#[test]
fn each_way_of_delivering_has_its_hint() {
    let watched = watched(false);
    watched.move_in(b"moved.json");
    fs::write(watched.at(b"written.json"), b"{}").unwrap();
    fs::hard_link(watched.at(b"written.json"), watched.at(b"linked.json")).unwrap();
    fs::write(watched.at(b".rsync.json.x1"), b"{}").unwrap();
    fs::rename(watched.at(b".rsync.json.x1"), watched.at(b"rsync.json")).unwrap();
    let expected = [
        Hint::Renamed("moved.json".into()),
        Hint::Created("written.json".into()),
        Hint::Closed("written.json".into()),
        Hint::Created("linked.json".into()),
        Hint::Renamed("rsync.json".into()),
    ];
    assert_eq!(watched.hints(), expected);
}

#[test]
fn reading_removing_and_unwanted_names_are_not_hinted_at() {
    let watched = watched(false);
    watched.move_in(b"a.json");
    fs::read(watched.at(b"a.json")).unwrap();
    fs::set_permissions(watched.at(b"a.json"), std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    fs::rename(watched.at(b"a.json"), watched.outside.path().join("done.json")).unwrap();
    fs::write(watched.at(b"a.csv"), b"").unwrap();
    fs::write(watched.at(b"a.json.tmp"), b"").unwrap();
    fs::create_dir(watched.at(b"folder")).unwrap();
    assert_eq!(watched.hints(), [Hint::Renamed("a.json".into())]);
}

#[test]
fn names_are_bytes() {
    let watched = watched(false);
    let names = [&b"new\nline.json"[..], b"\xff\xfe.json", b"-rf $(x).json"];
    for name in names {
        fs::write(watched.at(name), b"1").unwrap();
    }
    let expected: Vec<_> =
        names.iter().flat_map(|name| [Hint::Created(path(name)), Hint::Closed(path(name))]).collect();
    assert_eq!(watched.hints(), expected);
}

#[test]
fn each_close_after_the_last_was_heard_of_is_hinted_at() {
    let watched = watched(false);
    fs::write(watched.at(b"a.json"), b"1").unwrap();
    assert_eq!(watched.hints().len(), 2);
    File::options().append(true).open(watched.at(b"a.json")).unwrap().write_all(b"2").unwrap();
    assert_eq!(watched.hints(), [Hint::Closed("a.json".into())]);
}

#[test]
fn a_folder_that_comes_asks_for_a_scan_and_is_then_watched() {
    let watched = watched(true);
    fs::create_dir(watched.outside.path().join("full")).unwrap();
    fs::write(watched.outside.path().join("full/a.json"), b"{}").unwrap();
    fs::rename(watched.outside.path().join("full"), watched.at(b"full")).unwrap();
    fs::create_dir_all(watched.at(b"made/deeper")).unwrap();
    fs::create_dir(watched.at(b".hidden")).unwrap();
    let hints = watched.hints();
    assert!(hints.len() >= 2 && hints.iter().all(|hint| *hint == Hint::Rescan), "{hints:?}");
    // Watches are armed after the events that led to them: wait until each folder answers.
    for folder in ["full", "made/deeper"] {
        let until = Instant::now() + PATIENCE;
        let expected = Hint::Closed(Path::new(folder).join("b.json"));
        while Instant::now() < until && !watched.hints().contains(&expected) {
            fs::write(watched.inbox.path().join(folder).join("b.json"), b"{}").unwrap();
        }
        assert!(Instant::now() < until, "{folder} is not watched");
    }
}

#[test]
fn markers_and_manifests_are_hinted_at_however_they_come() {
    let parent = tempfile::tempdir().unwrap();
    let filter = NameFilter::new(&["*.json".to_owned()], &[]).unwrap().with_signs(".done", &["SUMS".to_owned()]);
    let watcher = Watcher::start(parent.path(), false, Arc::new(filter.unwrap()), 1000).unwrap();
    let site = Watched { inbox: parent, outside: tempfile::tempdir().unwrap(), watcher };
    site.move_in(b"a.json.done");
    site.move_in(b"x.txt.done");
    fs::write(site.at(b"SUMS"), b"").unwrap();
    let sums = || Hint::Sign("SUMS".into());
    assert_eq!(site.hints(), [Hint::Sign("a.json.done".into()), sums(), sums()]);
}

#[test]
fn too_many_hints_become_one_wish_for_a_scan() {
    let inbox = tempfile::tempdir().unwrap();
    let filter = Arc::new(NameFilter::new(&["*".to_owned()], &[]).unwrap());
    let watcher = Watcher::start(inbox.path(), false, filter, 2).unwrap();
    for i in 0..100 {
        fs::write(inbox.path().join(i.to_string()), b"").unwrap();
    }
    let until = Instant::now() + PATIENCE;
    while !watcher.missed() && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(Instant::now() < until && watcher.hints().len() == 2);
}

#[test]
fn an_inbox_that_is_removed_or_moved_is_lost() {
    let removed = watched(false);
    assert!(removed.watcher.is_current());
    fs::remove_dir(removed.inbox.path()).unwrap();
    fs::create_dir(removed.inbox.path()).unwrap();
    assert!(removed.is_lost() && !removed.watcher.is_current());
    let moved = watched(true);
    fs::rename(moved.inbox.path(), moved.outside.path().join("elsewhere")).unwrap();
    assert!(moved.is_lost() && !moved.watcher.is_current());
}

#[test]
fn an_inbox_whose_parent_moved_is_not_current() {
    let parent = tempfile::tempdir().unwrap();
    let inbox = parent.path().join("x/inbox");
    fs::create_dir_all(&inbox).unwrap();
    let filter = Arc::new(NameFilter::new(&[], &[]).unwrap());
    let watcher = Watcher::start(&inbox, false, filter, 10).unwrap();
    fs::rename(parent.path().join("x"), parent.path().join("y")).unwrap();
    fs::create_dir_all(&inbox).unwrap();
    assert!(!watcher.is_current());
}

#[test]
fn what_cannot_be_watched_says_so() {
    let filter = Arc::new(NameFilter::new(&[], &[]).unwrap());
    let missing = Watcher::start(Path::new("/no/such/inbox"), false, filter, 10);
    assert!(matches!(missing, Err(WatchError::Refused { .. })));
    assert!(is_limit(&ErrorKind::MaxFilesWatch));
    assert!(is_limit(&ErrorKind::Io(io::Error::from_raw_os_error(libc::EMFILE))));
    assert!(!is_limit(&ErrorKind::PathNotFound));
}

#[test]
fn a_watcher_whose_thread_never_ran_is_dropped_quietly() {
    let Watched { inbox: _inbox, outside: _outside, mut watcher } = watched(false);
    drop(watcher.notify.take());
    let until = Instant::now() + PATIENCE;
    while watcher.hints().recv_deadline(until).is_ok() {}
    assert!(Instant::now() < until, "the channel closes with the thread");
}
