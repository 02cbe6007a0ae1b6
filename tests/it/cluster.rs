//! Several agents that share an inbox and a ledger in PostgreSQL, each with a host name and a connection of its own.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use super::harness::{h5inbox, said, wait_until};
use super::postgres_server::PostgresServer;
use super::snapshot::{below, digests};

/// How long an agent may be silent before it is taken for dead, in seconds.
pub(crate) const LEASE: u64 = 3;

/// The folders and the ledger that agents share, and a copy of each source.
pub(crate) struct Cluster {
    root: TempDir,
    pub(crate) server: PostgresServer,
    more: String,
}

/// One of the agents.
pub(crate) struct Member {
    pub(crate) name: String,
    root: PathBuf,
    child: Option<Child>,
    /// What its connection to the ledger goes through.
    pub(crate) line: Line,
}

impl Cluster {
    /// With a server of its own; `more` is what all of them are configured with.
    pub(crate) fn new(more: &str) -> Self {
        let root = tempfile::tempdir().unwrap();
        for folder in ["inbox", "outbox", "sources", "agents"] {
            fs::create_dir(root.path().join(folder)).unwrap();
        }
        Self { root, server: PostgresServer::new(), more: more.to_owned() }
    }

    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.root.path().join(relative)
    }

    /// An agent called `name`, which does not run yet.
    pub(crate) fn member(&self, name: &str) -> Member {
        let line = Line::to(SocketAddr::from(([127, 0, 0, 1], self.server.port())));
        let member = Member { name: name.to_owned(), root: self.root.path().join("agents"), child: None, line };
        let (root, more) = (self.root.path().display(), &self.more);
        let url = format!("postgres://h5inbox@{}/postgres", member.line.address);
        let text = format!(
            "{more}\ninbox.path = \"{root}/inbox\"\ninbox.settle_ms = 100\ninbox.truncated_grace_secs = 0\n\
             output.path = \"{root}/outbox\"\nledger.url = \"{url}\"\nledger.agent = \"{name}\"\n\
             ledger.lease_secs = {LEASE}\nstatus.listen = \"\"\nstatus.socket = \"{}\"\nworkers = 2\n\
             log.level = \"debug\"\nretry.backoff_secs = 1\nretry.max_attempts = 100\n",
            member.path("sock").display()
        );
        fs::write(member.config(), text).unwrap();
        member
    }

    /// A source, as a careful producer brings it; a copy is kept.
    pub(crate) fn drop_in(&self, name: &str, content: &[u8]) {
        fs::write(self.path("sources").join(name), content).unwrap();
        let beside = self.path("being-written");
        fs::write(&beside, content).unwrap();
        fs::rename(beside, self.path("inbox").join(name)).unwrap();
    }

    /// The names in one of the folders, but for hidden ones.
    pub(crate) fn names(&self, folder: &str) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.path(folder)) else { return Vec::new() };
        let names = entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
        let mut names: Vec<String> = names.filter(|name| !name.starts_with('.')).collect();
        names.sort();
        names
    }

    /// Each source has the one output that `convert` makes of it and one job, nothing is unfinished anywhere, and what was
    /// archived is what came.
    pub(crate) fn assert_each_is_there_once(&self, by: &Member) {
        let expected = self.path("expected");
        let converted =
            h5inbox().arg("convert").arg(self.path("sources")).arg("--outdir").arg(&expected).output().unwrap();
        assert!(converted.status.success(), "{}", said(&converted));
        assert_eq!(digests(&self.path("outbox")), digests(&expected));
        let mut jobs: BTreeMap<String, usize> = BTreeMap::new();
        for job in by.history().iter().filter(|job| job["state"] != "gone") {
            assert_eq!((&job["state"], &job["disposition"]), (&"done".into(), &"done".into()), "{job}");
            *jobs.entry(job["path"].as_str().unwrap().to_owned()).or_default() += 1;
        }
        let sources: BTreeMap<String, usize> = self.names("sources").into_iter().map(|name| (name, 1)).collect();
        assert_eq!(jobs, sources);
        assert_eq!((self.names("inbox"), self.names("archive")), (vec![], self.names("sources")));
        let same = |name: &String| {
            let content = |folder: &str| fs::read(self.path(folder).join(name)).unwrap();
            content("archive") == content("sources")
        };
        assert!(self.names("sources").iter().all(same));
        let left = self.left_over();
        assert!(left.is_empty(), "{left:?}");
    }

    /// Files under temporary names, in whatever folder, but for those that tell what living agents have in hand.
    pub(crate) fn left_over(&self) -> Vec<PathBuf> {
        let hidden = |path: &PathBuf| {
            let inside = path.strip_prefix(self.root.path()).unwrap();
            let names: Vec<&str> = inside.iter().map(|name| name.to_str().unwrap()).collect();
            names.iter().any(|name| name.starts_with('.')) && !names.iter().any(|name| name.starts_with("in-hand-"))
        };
        ["inbox", "outbox", "archive", "quarantine"]
            .iter()
            .flat_map(|folder| below(&self.path(folder)))
            .filter(hidden)
            .collect()
    }
}

impl Member {
    pub(crate) fn path(&self, what: &str) -> PathBuf {
        self.root.join(format!("{}.{what}", self.name))
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.path("toml")
    }

    /// It is to answer on a free port, which is answered.
    pub(crate) fn listen(&self) -> SocketAddr {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let text = fs::read_to_string(self.config()).unwrap();
        fs::write(self.config(), text.replace("status.listen = \"\"", &format!("status.listen = \"{address}\"")))
            .unwrap();
        address
    }

    /// Starts it, under a host name of its own, and waits until it answers.
    pub(crate) fn start(&mut self) {
        self.spawn(&[]);
        wait_until("the agent answers", || self.status()["since"].is_string());
    }

    /// Starts it by the command that `before` begins.
    pub(crate) fn spawn(&mut self, before: &[&str]) {
        let log = fs::File::options().create(true).append(true).open(self.path("log")).unwrap();
        let mut command = Command::new("unshare");
        // Each of these becomes the next: the process that is waited for is the agent, or what traces it.
        command.args(["--uts", "sh", "-c", "hostname \"$0\"; exec \"$@\"", &format!("host-{}", self.name)]);
        command.args(before).arg(env!("CARGO_BIN_EXE_h5inbox")).args(["run", "--config"]).arg(self.config());
        command.env_remove("H5INBOX_CONFIG").env("NO_COLOR", "1");
        self.child = Some(command.stdout(Stdio::null()).stderr(log).spawn().unwrap());
    }

    /// The process of the agent, also where something traces it.
    pub(crate) fn agent_pid(&self) -> Pid {
        let own = i32::try_from(self.child.as_ref().unwrap().id()).unwrap();
        let children = fs::read_to_string(format!("/proc/{own}/task/{own}/children")).unwrap_or_default();
        let traced = children.split_whitespace().next().and_then(|pid| pid.parse().ok());
        Pid::from_raw(traced.unwrap_or(own)).unwrap()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.agent_pid(), signal).unwrap();
    }

    /// Kills it: no clean-up of any kind.
    pub(crate) fn kill(&mut self) {
        self.signal(Signal::KILL);
        self.child.take().unwrap().wait().unwrap();
    }

    pub(crate) fn stop(&mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.child.take().unwrap().wait().unwrap()
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.as_mut().unwrap().try_wait().unwrap().is_some()
    }

    /// Whether the agent stands still, and not only for a moment, as each call of a process that is traced does.
    pub(crate) fn is_stopped(&self) -> bool {
        (0..8).all(|_| {
            std::thread::sleep(Duration::from_millis(25));
            let stat =
                fs::read_to_string(format!("/proc/{}/stat", self.agent_pid().as_raw_nonzero())).unwrap_or_default();
            stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with(['T', 't']))
        })
    }

    pub(crate) fn verb(&self, verb: &str, more: &[&str]) -> Output {
        h5inbox().arg(verb).arg("--config").arg(self.config()).args(more).output().unwrap()
    }

    pub(crate) fn status(&self) -> Value {
        serde_json::from_slice(&self.verb("status", &["--json"]).stdout).unwrap_or_default()
    }

    /// The ledger, newest job first.
    pub(crate) fn history(&self) -> Vec<Value> {
        let listed = self.verb("history", &["--json"]).stdout;
        String::from_utf8(listed).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    /// How often it told of `event`.
    pub(crate) fn told(&self, event: &str) -> usize {
        self.log().matches(&format!("{event}: ")).count()
    }

    /// Waits until so many jobs are done, by whomever.
    pub(crate) fn wait_for_done(&self, count: usize) {
        wait_until(&format!("{count} jobs are done"), || self.status()["files"]["done"].as_u64() >= Some(count as u64));
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = kill_process(Pid::from_child(&child), Signal::KILL);
            let _ = child.wait();
        }
        if std::thread::panicking() {
            let log = self.log();
            // What happens with each file is too much.
            let usual = ["file.ready", "file.published", "file.disposed", "scan.done"];
            let lines: Vec<&str> = log.lines().filter(|line| !usual.iter().any(|event| line.contains(event))).collect();
            eprintln!("the end of the log of {}:\n{}", self.name, lines[lines.len().saturating_sub(40)..].join("\n"));
        }
    }
}

/// A line to the database that can be cut: then nothing comes through, and neither side is told.
pub(crate) struct Line {
    pub(crate) address: SocketAddr,
    cut: Arc<AtomicBool>,
}

impl Line {
    fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, cut) = (listener.local_addr().unwrap(), Arc::new(AtomicBool::new(false)));
        let is_cut = Arc::clone(&cut);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let (client, is_cut) = (client.unwrap(), Arc::clone(&is_cut));
                std::thread::spawn(move || {
                    while is_cut.load(Ordering::Relaxed) {
                        std::thread::sleep(Duration::from_millis(50));
                    }
                    if let Ok(server) = TcpStream::connect(server) {
                        let (back, there) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                        let other = Arc::clone(&is_cut);
                        std::thread::spawn(move || copy(&server, &back, &other));
                        copy(&client, &there, &is_cut);
                    }
                });
            }
        });
        Self { address, cut }
    }

    pub(crate) fn cut(&self) {
        self.cut.store(true, Ordering::Relaxed);
    }

    pub(crate) fn mend(&self) {
        self.cut.store(false, Ordering::Relaxed);
    }
}

fn copy(mut from: &TcpStream, mut to: &TcpStream, is_cut: &AtomicBool) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        while is_cut.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(20));
        }
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
    let _ = from.shutdown(Shutdown::Both);
}

/// So many rows, told from those of other files.
pub(crate) fn rows(file: usize, count: usize) -> Vec<u8> {
    (0..count).map(|row| format!("{{\"file\": {file}, \"row\": {row}}}\n")).collect::<Vec<_>>().concat().into_bytes()
}

/// Whether `path` is there.
pub(crate) fn exists(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}
