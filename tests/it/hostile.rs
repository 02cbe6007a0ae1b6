//! Hostile things in the inbox, all at once and beside good sources: each has its clear outcome, the good ones come out, memory
//! and descriptors stay bounded, and nothing outside the agent's folders is touched.
//!
//! Defects of JSON are in `bad_input`, limits in `limits`, what is packed wrongly in `compressed`.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use flate2::write::GzEncoder;
use rustix::process::Signal;

use super::harness::{Site, said, wait_until};

const GOOD: &[u8] = b"{\"a\": 1, \"b\": \"x\"}\n";
const SECRET: &[u8] = b"{\"secret\": \"not yours\"}\n";
const CONFIG: &str = "inbox.recursive = true\ninbox.scan_interval_secs = 1\nsource.after = \"archive\"\n\
                      limits.decompression_ratio = 100\nlimits.memory_bytes = 268435456\n";

/// What is refused once it is read: name, content, error code, and a part of what is told.
fn refused() -> Vec<(&'static str, Vec<u8>, &'static str, &'static str)> {
    let long = vec![b'x'; 64 << 20];
    let mut gzip = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&long).unwrap();
    let keys: Vec<String> = (0..100_001).map(|key| format!("\"k{key}\": 1")).collect();
    vec![
        ("bomb.json.gz", gzip.finish().unwrap(), "limit_decompression_ratio", "expands more than 100:1"),
        ("bomb.json", zstd::encode_all(&long[..], 1).unwrap(), "limit_decompression_ratio", "expands more than 100:1"),
        ("unclosed.json", [&b"{\"a\": \""[..], &long[..5 << 20]].concat(), "truncated", "ends too early"),
        ("brackets.json", vec![b'['; 5 << 20], "limit_depth", "deeper than 512"),
        ("objects.json", b"{\"a\": ".repeat(100_000), "limit_depth", "deeper than 512"),
        ("keys.json", format!("{{{}}}\n", keys.join(", ")).into_bytes(), "limit_columns", "more than 100000 columns"),
        ("minus.json", [&b"{\"a\": -"[..], &vec![b'9'; 5000], b"}\n"].concat(), "bad_json", "4300 digits"),
    ]
}

/// Names that a shell, a terminal or a format string would stumble over.
fn names() -> Vec<Vec<u8>> {
    let longest = [vec![b'n'; 250], b".json".to_vec()].concat();
    let names: [&[u8]; 9] = [
        b"new\nline.json",
        b"\x1b[31mred\x07.json",
        "right\u{202e}nosj.json".as_bytes(),
        b"not\xffutf8.json",
        b"-rf.json",
        b"$(touch pwned).json",
        b"`touch pwned`;touch pwned&.json",
        b"%s%n{}{0}.json",
        b"a..json",
    ];
    names.iter().map(|name| name.to_vec()).chain([longest]).collect()
}

/// What is converted, however odd.
fn odd() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("infinite.json", b"{\"a\": 1e99999, \"b\": -1e99999, \"c\": 1e-99999}\n".to_vec()),
        ("digits.json", [&b"{\"a\": "[..], &vec![b'7'; 4300], b"}\n"].concat()),
        ("key.json", format!("{{\"{}\": 1}}\n", "k".repeat(70_000)).into_bytes()),
        ("keys-of-paths.json", b"{\"../../x\": 1, \"/abs\": 2, \".\": 3, \"\": 4, \"a/b\": 5}\n".to_vec()),
    ]
}

/// All files of a folder with content and times.
fn snapshot(folder: &Path) -> BTreeMap<PathBuf, (Vec<u8>, i64, i64)> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let look = |path: PathBuf| {
        let metadata = fs::symlink_metadata(&path).unwrap();
        let content = if metadata.is_file() { fs::read(&path).unwrap() } else { Vec::new() };
        let seen = (content, metadata.mtime_nsec(), metadata.ctime_nsec());
        (path, seen)
    };
    entries.map(look).collect()
}

/// Every file below `folder`; links are not followed.
fn below(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let entries = entries.map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() && !path.is_symlink() { below(&path) } else { vec![path] }).collect()
}

fn is_small(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.len() < 1 << 20)
}

/// Whether a part of the secret is anywhere in the agent's own folders.
fn leaked(site: &Site) -> Vec<PathBuf> {
    let ours = ["outbox", "archive", "quarantine", "state"].iter().flat_map(|folder| below(&site.path(folder)));
    let holds = |path: &PathBuf| {
        let held = if is_small(path) { fs::read(path).unwrap_or_default() } else { Vec::new() };
        path.is_symlink() || held.windows(6).any(|part| part == b"secret")
    };
    ours.filter(holds).collect()
}

/// Links, pipes, sockets, devices, folders: what is left where it is, and what is told of it.
fn special(site: &Site) -> Vec<(&'static str, &'static str)> {
    let inbox = site.path("inbox");
    let links = [
        ("to-file.json", site.path("outside/secret.json")),
        ("to-zero.json", "/dev/zero".into()),
        ("to-nothing.json", "/nowhere".into()),
        ("to-itself.json", inbox.join("to-itself.json")),
        ("to-folder", site.path("outside")),
    ];
    links.iter().for_each(|(name, to)| symlink(to, inbox.join(name)).unwrap());
    fs::create_dir(inbox.join("folder.json")).unwrap();
    drop(std::os::unix::net::UnixListener::bind(inbox.join("socket.json")).unwrap());
    let mut told = links.map(|(name, _)| (name, "symbolic link")).to_vec();
    told.extend([("pipe.json", "named pipe"), ("socket.json", "socket")]);
    assert!(Command::new("mkfifo").arg(inbox.join("pipe.json")).status().unwrap().success());
    if Command::new("mknod").arg(inbox.join("device.json")).args(["c", "1", "5"]).status().unwrap().success() {
        told.push(("device.json", "device"));
    } else {
        eprintln!("not to be had here: this user may not make a device");
    }
    told
}

fn most_memory(site: &Site) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", site.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10
}

/// A file that grows until this is dropped.
struct Growing(Arc<AtomicBool>, Option<JoinHandle<()>>);

impl Growing {
    fn start(path: PathBuf) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let (mut file, is_over) = (File::create(path).unwrap(), Arc::clone(&over));
        let grow = move || {
            while !is_over.load(Ordering::Relaxed) {
                file.write_all(GOOD).unwrap();
                std::thread::sleep(Duration::from_millis(20));
            }
        };
        Self(over, Some(std::thread::spawn(grow)))
    }
}

impl Drop for Growing {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
        self.1.take().unwrap().join().unwrap();
    }
}

/// A hard link is a way to deliver; both names are sources.
fn put_everything(site: &Site) {
    let inbox = site.path("inbox");
    refused().into_iter().for_each(|(name, content, ..)| site.drop_in(name, &content));
    odd().into_iter().for_each(|(name, content)| site.drop_in(name, &content));
    for name in names() {
        let beside = site.path("beside");
        fs::write(&beside, GOOD).unwrap();
        fs::rename(beside, inbox.join(OsStr::from_bytes(&name))).unwrap();
    }
    File::create(inbox.join("sparse.json")).unwrap().set_len(10 << 30).unwrap();
    fs::write(inbox.join("linked.json"), GOOD).unwrap();
    fs::hard_link(inbox.join("linked.json"), inbox.join("linked-too.json")).unwrap();
    fs::create_dir(inbox.join("folder.json/inside")).unwrap();
    (0..20).for_each(|number| site.drop_in(&format!("good{number}.json"), GOOD));
    site.drop_in("folder.json/inside/good.json", GOOD);
}

#[test]
fn each_hostile_thing_has_its_outcome_and_good_sources_come_out_beside_it() {
    let mut site = Site::new(CONFIG);
    fs::create_dir(site.path("outside")).unwrap();
    fs::write(site.path("outside/secret.json"), SECRET).unwrap();
    let outside = snapshot(&site.path("outside"));
    let special = special(&site);
    let growing = Growing::start(site.path("inbox/growing.json"));
    site.start();
    put_everything(&site);
    let good = 20 + 1 + 2 + names().len() + odd().len();
    wait_until("the good ones are done, and the bad ones refused", || {
        let files = &site.status()["files"];
        files["done"] == good && files["quarantined"] == refused().len() + 1
    });
    assert_outcomes(&site, &special);
    assert_bounded(&site);
    drop(growing);
    assert_eq!(snapshot(&site.path("outside")), outside);
    assert!(site.stop().success());
    assert_eq!((leaked(&site), site.unfinished()), (vec![], 0));
    assert!(!site.path("pwned").exists() && !Path::new("pwned").exists());
}

fn assert_outcomes(site: &Site, special: &[(&'static str, &'static str)]) {
    let history = site.history();
    let sparse = [("sparse.json", Vec::new(), "bad_json", "found NUL")];
    for (name, _, code, told) in refused().into_iter().chain(sparse) {
        let job = history.iter().find(|job| job["path"] == name).unwrap();
        assert_eq!((job["state"].as_str(), job["error_code"].as_str()), (Some("quarantined"), Some(code)), "{job}");
        assert!(job["error"].as_str().unwrap().contains(told), "{job}");
        let report = site.path("quarantine").join(format!("{name}.reason.txt"));
        wait_until("its report is there", || report.exists());
        assert!(fs::read_to_string(&report).unwrap().contains(told));
    }
    let sparse = history.iter().find(|job| job["path"] == "sparse.json").unwrap();
    assert_eq!((&sparse["line"], &sparse["byte"]), (&1.into(), &0.into()), "{sparse}");
    let log = site.log();
    for (name, what) in special {
        assert!(site.path("inbox").join(name).symlink_metadata().is_ok(), "{name} is gone");
        let is_told = |line: &str| line.contains("file.skipped") && line.contains(name) && line.contains(what);
        assert!(*name == "to-folder" || log.lines().any(is_told), "{name} is not told of");
        assert!(history.iter().all(|job| job["path"] != *name), "{name}");
    }
    assert!(history.iter().all(|job| job["path"] != "growing.json"), "it was taken while it grows");
    assert!(log.chars().all(|letter| letter == '\n' || !letter.is_control()), "a terminal would obey the log");
    let outputs = below(&site.path("outbox"));
    for name in names() {
        let output = [&name[..name.len() - 5], b".h5"].concat();
        assert!(outputs.contains(&site.path("outbox").join(OsStr::from_bytes(&output))), "{outputs:?}");
    }
}

/// Listing again and again leaves nothing open, and what was read left no memory behind that grows with it.
fn assert_bounded(site: &Site) {
    let open = site.open_files().len();
    for round in 0..10 {
        site.signal(Signal::USR2);
        site.drop_in(&format!("late{round}.json"), GOOD);
        wait_until("it is done", || site.path("outbox").join(format!("late{round}.h5")).exists());
    }
    wait_until("no more is open than before", || site.open_files().len() <= open + 2);
    let most = most_memory(site);
    assert!(most < 768 << 20, "{} MiB at most", most >> 20);
}

/// Somebody swaps a source for a link to a secret, and a folder for a link to where that lies, again and again.
#[test]
fn what_is_exchanged_for_a_link_meanwhile_leads_nowhere() {
    for after in ["archive", "delete"] {
        let mut site =
            Site::new(&format!("inbox.recursive = true\ninbox.scan_interval_secs = 1\nsource.after = \"{after}\""));
        let (inbox, outside) = (site.path("inbox"), site.path("outside"));
        fs::create_dir(&outside).unwrap();
        (0..300).for_each(|number| fs::write(outside.join(format!("f{number}.json")), SECRET).unwrap());
        fs::create_dir(inbox.join("sub")).unwrap();
        let before = snapshot(&outside);
        site.start();
        symlink(&outside, site.path("way-out")).unwrap();
        for number in 0..300 {
            let name = format!("f{number}.json");
            fs::write(site.path("beside"), GOOD).unwrap();
            fs::rename(site.path("beside"), inbox.join("sub").join(&name)).unwrap();
            // A file: for an instant its name is a link.
            fs::write(site.path("beside"), GOOD).unwrap();
            fs::rename(site.path("beside"), inbox.join("swapped.json")).unwrap();
            symlink(outside.join(&name), site.path("beside")).unwrap();
            fs::rename(site.path("beside"), inbox.join("swapped.json")).unwrap();
            // A folder: exchanged with a link, and back.
            for _ in 0..2 {
                exchange(&inbox.join("sub"), &site.path("way-out"));
                std::thread::sleep(Duration::from_millis(2));
            }
        }
        fs::remove_file(inbox.join("swapped.json")).unwrap();
        // A source whose folder was a link just then stays where it is.
        wait_until("what is really there is done", || {
            let made = site.names("outbox/sub");
            (0..300).all(|number| made.contains(&format!("f{number}.h5")))
        });
        assert!(site.stop().success());
        assert!(snapshot(&outside) == before, "{after}: a file outside was touched");
        assert_eq!(leaked(&site), Vec::<PathBuf>::new(), "{after}");
    }
}

fn exchange(one: &Path, other: &Path) {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE).unwrap();
}

/// The operator, who may write where the producer may not.
#[test]
fn a_retry_is_not_led_out_of_the_inbox() {
    let site = Site::new("inbox.recursive = true\nsource.after = \"archive\"");
    site.drop_in("sub/deep/a.json", b"nonsense\n");
    assert_eq!(site.once().status.code(), Some(1));
    fs::create_dir(site.path("outside")).unwrap();
    fs::remove_dir_all(site.path("inbox/sub")).unwrap();
    symlink(site.path("outside"), site.path("inbox/sub")).unwrap();
    let refused = site.verb("retry", &["--failed"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(said(&refused).contains("not a folder"), "{}", said(&refused));
    assert!(site.path("quarantine/sub/deep/a.json").exists() && below(&site.path("outside")).is_empty());
    fs::remove_file(site.path("inbox/sub")).unwrap();
    assert!(site.verb("retry", &["--failed"]).status.success());
    assert_eq!(fs::read(site.path("inbox/sub/deep/a.json")).unwrap(), b"nonsense\n");
}
