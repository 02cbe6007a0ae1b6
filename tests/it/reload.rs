//! HUP, USR1, USR2 and the second TERM: the agent goes on by a new configuration, or by the old one where that is wrong, and
//! whatever it is told and when, each file comes out once.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command};

use rustix::process::Signal;

use super::harness::{Site, h5inbox, wait_until};

const GOOD: &[u8] = b"{\"a\": 1}\n";

/// Changes the configuration as an operator does, whole keys at a time.
fn edit(site: &Site, changes: &[(&str, &str)]) {
    let mut text = fs::read_to_string(site.config()).unwrap();
    for (key, value) in changes {
        let set = format!("{key} = ");
        let others: Vec<&str> = text.lines().filter(|line| !line.starts_with(&set)).collect();
        text = format!("{set}{value}\n{}\n", others.join("\n"));
    }
    // Whole, whenever it is read.
    let beside = site.path("config.new");
    fs::write(&beside, text).unwrap();
    fs::rename(beside, site.config()).unwrap();
}

fn told(site: &Site, event: &str) -> usize {
    site.log().matches(&format!(" {event}: ")).count()
}

/// HUP, until the log says `event` so many times more.
fn reload(site: &Site, event: &str, times: usize) {
    let before = told(site, event);
    site.signal(Signal::HUP);
    wait_until(&format!("{event} is told"), || told(site, event) >= before + times);
}

/// Syncing the output of a job takes until this is dropped: its conversion is in hand.
struct Holding(Child);

impl Holding {
    fn start(site: &Site, job: u32) -> Self {
        let (pid, path) = (site.pid().to_string(), site.path(&format!("outbox/.h5inbox/{job}.tmp")));
        let mut strace = Command::new("strace");
        strace.args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync", "-e", "inject=fsync:delay_enter=600s"]);
        let this = Self(strace.args(["-p", &pid, "-P"]).arg(path).spawn().expect("strace; `make test` installs it"));
        wait_until("every thread is traced", || {
            let threads = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
            let status = |thread: fs::DirEntry| fs::read_to_string(thread.path().join("status")).unwrap_or_default();
            threads.map(|thread| status(thread.unwrap())).all(|status| !status.contains("TracerPid:\t0"))
        });
        this
    }

    /// Until the file of `job` is held.
    fn has(site: &Site, job: u32) {
        wait_until("it is made", || site.path(&format!("outbox/.h5inbox/{job}.tmp")).exists());
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        // Not by TERM, which it would heed when the time that it lets pass is over.
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// The agent has one file in hand, which it cannot finish yet.
fn with_one_in_hand(site: &mut Site) -> Holding {
    site.start();
    let holding = Holding::start(site, 1);
    site.drop_in("held.json", GOOD);
    Holding::has(site, 1);
    holding
}

#[test]
fn a_new_configuration_is_taken_over_by_the_same_process() {
    let mut site = Site::new("");
    site.start();
    let pid = site.status()["pid"].clone();
    site.drop_in("a.json", GOOD);
    site.wait_for("done", 1);
    let (inbox, outbox) = (site.path("second/inbox"), site.path("second/outbox"));
    fs::create_dir_all(&inbox).unwrap();
    let quoted = |path: &std::path::Path| format!("{:?}", path.to_str().unwrap());
    let changes = [
        ("inbox.path", quoted(&inbox)),
        ("output.path", quoted(&outbox)),
        ("output.format", "\"feather\"".to_owned()),
        ("workers", "3".to_owned()),
        ("inbox.settle_ms", "3600000".to_owned()),
    ];
    let changes: Vec<(&str, &str)> = changes.iter().map(|(key, value)| (*key, value.as_str())).collect();
    edit(&site, &changes);
    reload(&site, "agent.reloaded", 1);
    assert!(site.log().contains("changed=\"inbox.path, inbox.settle_ms, output.format, output.path, source.archive, source.quarantine, workers\""));
    let status = site.status();
    assert_eq!((&status["pid"], &status["workers"]), (&pid, &3.into()));
    assert_eq!(status["inbox"], inbox.to_str().unwrap());
    // One is closed and has to be quiet for an hour, one is renamed into place and is taken at once.
    fs::write(inbox.join("slow.json"), GOOD).unwrap();
    fs::write(site.path("quick.json"), GOOD).unwrap();
    fs::rename(site.path("quick.json"), inbox.join("quick.json")).unwrap();
    site.wait_for("done", 2);
    assert_eq!(site.names("second/outbox"), ["quick.feather"]);
    edit(&site, &[("inbox.settle_ms", "100"), ("log.level", "\"info\"")]);
    reload(&site, "agent.reloaded", 1);
    site.wait_for("done", 3);
    assert_eq!(site.names("second/outbox"), ["quick.feather", "slow.feather"]);
    assert_eq!(site.names("outbox"), ["a.h5"]);
    let debug = site.log().matches(" DEBUG ").count();
    site.drop_in("not-watched.json", GOOD);
    assert!(site.stop().success());
    assert_eq!(site.log().matches(" DEBUG ").count(), debug, "the level counts at once");
    assert_eq!(site.history().len(), 3);
}

/// Changes, how many problems that makes, and what is said of one.
type Wrong<'a> = (&'a [(&'a str, &'a str)], usize, &'a str);

#[test]
fn a_configuration_that_is_wrong_is_refused_with_all_its_problems_and_work_goes_on() {
    let (mut site, mut other) = (Site::new(""), Site::new(""));
    site.start();
    other.start();
    let good = fs::read_to_string(site.config()).unwrap();
    let elsewhere = format!("{:?}", other.path("outbox").to_str().unwrap());
    let a_file = format!("{:?}", site.config().to_str().unwrap());
    let wrong: [Wrong<'_>; 5] = [
        (
            &[("workers", "\"many\""), ("inbox.settle_ms", "-1"), ("inbox.setle_ms", "1")],
            3,
            "did you mean `settle_ms`?",
        ),
        (&[("workers", "= broken")], 1, "not valid TOML"),
        (&[("output.path", &elsewhere)], 1, "is in use by another agent"),
        (&[("source.quarantine", &a_file)], 1, "is not a folder"),
        (&[("ledger.url", "\"sqlite:/nowhere/ledger.sqlite\""), ("workers", "7")], 1, "restart it"),
    ];
    for (number, (changes, problems, said)) in wrong.into_iter().enumerate() {
        edit(&site, changes);
        let before = told(&site, "agent.reload_refused");
        reload(&site, "agent.reload_refused", problems);
        // For those who ask; the agent does not read it before it is told to.
        fs::write(site.config(), &good).unwrap();
        site.drop_in(&format!("f{number}.json"), GOOD);
        site.wait_for("done", number + 1);
        assert_eq!(told(&site, "agent.reload_refused"), before + problems, "{changes:?}");
        assert!(site.log().contains(said), "{said}: {}", site.log());
    }
    fs::remove_file(site.config()).unwrap();
    reload(&site, "agent.reload_refused", 1);
    fs::write(site.config(), &good).unwrap();
    // Nothing of a refused one has stayed.
    reload(&site, "agent.reloaded", 1);
    assert!(site.log().contains("changed=nothing"));
    assert_eq!((site.status()["workers"].clone(), told(&site, "agent.ready")), (2.into(), 1));
    assert!(site.stop().success() && other.stop().success());
}

#[test]
fn each_file_comes_out_once_while_the_configuration_changes_fifty_times() {
    const FILES: usize = 500;
    let mut site = Site::new("source.after = \"archive\"");
    site.start();
    for number in 0..FILES {
        site.drop_in(&format!("f{number}.json"), format!("{{\"n\": {number}}}\n").as_bytes());
        if number % 10 == 0 {
            edit(&site, &[("workers", &(1 + number / 10 % 3).to_string())]);
            site.signal(Signal::HUP);
        }
    }
    site.wait_for("done", FILES);
    wait_until("all have left the inbox", || site.names("inbox").is_empty());
    let takes = |workers: u64| {
        edit(&site, &[("workers", &workers.to_string())]);
        site.signal(Signal::HUP);
        wait_until("it is in effect", || site.status()["workers"] == workers);
    };
    let held = || (fs::read_dir(format!("/proc/{}/task", site.pid())).unwrap().count(), site.open_files().len());
    takes(5);
    let (threads, files) = held();
    (0..10).for_each(|_| [2, 5].into_iter().for_each(takes));
    // Those who read the ledger at the same time have some more of it open.
    wait_until("nothing is left of the parts before", || held().0 < threads + 10 && held().1 < files + 15);
    assert!(site.stop().success());
    let expected: BTreeSet<String> = (0..FILES).map(|number| format!("f{number}.h5")).collect();
    assert_eq!(site.names("outbox").into_iter().collect::<BTreeSet<_>>(), expected);
    let history = site.history();
    assert_eq!(history.len(), FILES);
    assert!(history.iter().all(|job| job["state"] == "done" && job["attempts"] == 1));
    assert_eq!(told(&site, "file.published"), FILES);
    assert!(told(&site, "agent.reloaded") >= 3, "{}", told(&site, "agent.reloaded"));
    assert!(!site.log().contains("ERROR"));
}

#[test]
fn a_reload_waits_for_what_is_in_hand_and_systemd_for_the_reload() {
    let mut site = Site::new("");
    let systemd = UnixDatagram::bind(site.path("notify")).unwrap();
    let hears = |what: &str| {
        let mut message = [0; 4096];
        loop {
            let length = systemd.recv(&mut message).unwrap();
            let said = String::from_utf8_lossy(&message[..length]).into_owned();
            if said.contains(what) {
                return said;
            }
        }
    };
    let mut service = h5inbox();
    service.env("NOTIFY_SOCKET", site.path("notify"));
    site.spawn(service);
    hears("READY=1");
    let holding = Holding::start(&site, 1);
    site.drop_in("held.json", GOOD);
    Holding::has(&site, 1);
    edit(&site, &[("workers", "1")]);
    site.signal(Signal::HUP);
    assert!(hears("RELOADING=1").contains("MONOTONIC_USEC="));
    let more = hears("EXTEND_TIMEOUT_USEC=");
    assert!(!more.contains("STOPPING") && !more.contains("READY"), "{more}");
    assert_eq!((told(&site, "agent.reloading"), told(&site, "agent.reloaded")), (1, 0));
    assert_eq!((site.status()["running"].clone(), site.names("outbox").len()), (true.into(), 0));
    drop(holding);
    hears("READY=1");
    assert_eq!((site.names("outbox"), told(&site, "agent.reloaded")), (vec!["held.h5".to_owned()], 1));
    // A refusal ends the waiting, too.
    edit(&site, &[("workers", "-1")]);
    site.signal(Signal::HUP);
    hears("RELOADING=1");
    assert!(hears("READY=1").contains("STATUS=the new configuration is refused, see the log; watching the inbox"));
    site.stop();
    hears("STOPPING=1");
}

#[test]
fn a_stop_comes_before_a_reload_whichever_was_asked_for_first() {
    for reload_first in [true, false] {
        let mut site = Site::new("");
        let holding = with_one_in_hand(&mut site);
        edit(&site, &[("workers", "1")]);
        let (first, second) = if reload_first { (Signal::HUP, Signal::TERM) } else { (Signal::TERM, Signal::HUP) };
        site.signal(first);
        let event = if reload_first { "agent.reloading" } else { "agent.stopping" };
        wait_until(event, || told(&site, event) == 1);
        site.signal(second);
        wait_until("it is to stop", || told(&site, "agent.stopping") == 1);
        drop(holding);
        assert_eq!(site.end(), Some(0));
        assert_eq!((told(&site, "agent.reloaded"), told(&site, "agent.stopped")), (0, 1), "{}", site.log());
        assert_eq!(
            (site.names("outbox"), site.history()[0]["attempts"].clone()),
            (vec!["held.h5".to_owned()], 1.into())
        );
    }
}

#[test]
fn a_second_term_ends_the_agent_at_once_and_the_file_in_hand_is_done_by_the_next() {
    let mut site = Site::new("");
    site.start();
    site.drop_in("large.json", "{\"n\": 1, \"m\": 0.5}\n".repeat(600_000).as_bytes());
    wait_until("a worker has it in hand", || {
        fs::read(site.path("outbox/.h5inbox/in-hand")).is_ok_and(|held| held.iter().any(|byte| *byte != 0))
    });
    site.signal(Signal::TERM);
    wait_until("it is about to stop", || told(&site, "agent.stopping") == 1);
    let ended = site.stop();
    assert_eq!((ended.code(), ended.signal()), (None, Some(Signal::TERM.as_raw())));
    assert!(site.names("outbox").is_empty());
    site.start();
    site.wait_for("done", 1);
    assert!(site.stop().success());
    assert_eq!((site.names("outbox"), site.history().len()), (vec!["large.h5".to_owned()], 1));
    assert_eq!(site.unfinished(), 0);
}

#[test]
fn usr1_tells_the_state_on_one_line_and_usr2_looks_at_once() {
    let mut site = Site::new("inbox.watch = \"poll\"\ninbox.scan_interval_secs = 86400\nlog.format = \"json\"");
    site.start();
    wait_until("the inbox is listed", || site.log().contains("\"scan.done\""));
    site.drop_in("a.json", GOOD);
    site.drop_in("bad.json", b"[");
    site.signal(Signal::USR2);
    site.wait_for("done", 1);
    site.wait_for("quarantined", 1);
    site.signal(Signal::USR1);
    wait_until("the state is told", || site.log().contains("\"agent.status\""));
    let log = site.log();
    let line = log.lines().find(|line| line.contains("\"agent.status\"")).unwrap();
    let state: serde_json::Value = serde_json::from_str(line).unwrap();
    let number = |key: &str| state[key].as_u64();
    assert_eq!([number("done"), number("quarantined"), number("rows"), number("workers")], [1, 1, 1, 2].map(Some));
    assert_eq!([number("settling"), number("ready"), number("running"), number("retrying")], [Some(0); 4]);
    assert_eq!((state["watch"].as_str(), state["inbox"].as_str()), (Some("poll"), site.path("inbox").to_str()));
    assert!(state.get("paused").is_none() && state["last_success_at"].is_string(), "{state}");
    assert!(site.stop().success());
}

/// What is answered at a port of this machine to a GET, if anybody listens there.
fn asked(port: u16, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.write_all(format!("GET {path} HTTP/1.1\r\n\r\n").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok().map(|_| answer)
}

#[test]
fn monitors_are_answered_where_the_new_configuration_says_and_counts_go_on() {
    let mut site = Site::new("");
    site.start();
    site.drop_in("a.json", GOOD);
    site.wait_for("done", 1);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = |listener: &TcpListener| listener.local_addr().unwrap().port();
    let free = || port(&TcpListener::bind("127.0.0.1:0").unwrap());
    let (first, second) = (free(), free());
    let listen = |port: u16| {
        edit(&site, &[("status.listen", &format!("\"127.0.0.1:{port}\""))]);
        reload(&site, "agent.ready", 1);
    };
    listen(first);
    let metrics = asked(first, "/metrics").unwrap();
    assert!(metrics.contains("h5inbox_files_total{outcome=\"done\"} 1\n"), "{metrics}");
    listen(second);
    assert!(asked(second, "/metrics").unwrap().contains("h5inbox_files_total{outcome=\"done\"} 1\n"));
    wait_until("the port is free", || asked(first, "/status").is_none());
    // Rather the one that there is than none.
    listen(port(&taken));
    assert!(site.log().contains("agent.listen: Cannot listen on 127.0.0.1:"), "{}", site.log());
    assert!(asked(second, "/status").is_some());
    edit(&site, &[("status.listen", "\"\"")]);
    reload(&site, "agent.ready", 1);
    wait_until("nobody listens", || asked(second, "/status").is_none());
    assert!(site.stop().success());
}
