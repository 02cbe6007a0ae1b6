//! What the tests share: the program, an agent with folders of its own, and patience.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

/// The program under test.
pub(crate) fn h5inbox() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_h5inbox"));
    command.env_remove("H5INBOX_CONFIG").env("NO_COLOR", "1");
    command
}

/// Runs the program to its end.
pub(crate) fn run(arguments: &[&str]) -> Output {
    h5inbox().args(arguments).output().unwrap()
}

/// What a run said on standard error.
pub(crate) fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The Python of a pinned reader, installed by `make test`.
pub(crate) fn reader(version: &str) -> PathBuf {
    let folder =
        std::env::var_os("H5INBOX_READERS").expect("H5INBOX_READERS is set by `make test`; see CONTRIBUTING.md");
    Path::new(&folder).join(format!("pandas-{version}/bin/python"))
}

/// SHA-256 in hexadecimal.
pub(crate) fn sha256(content: &[u8]) -> String {
    blake3::Hash::from_bytes(Sha256::digest(content).into()).to_string()
}

/// Waits until `done`, or fails with what was waited for. No test asserts how long anything takes.
pub(crate) fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() {
        assert!(begun.elapsed() < Duration::from_secs(600), "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// What is answered at `path` over HTTP: status and content.
pub(crate) fn get(address: SocketAddr, path: &str) -> (u16, String) {
    // The status is answered a moment before.
    let mut listening = None;
    wait_until("somebody listens", || {
        listening = TcpStream::connect(address).ok();
        listening.is_some()
    });
    let mut stream = listening.unwrap();
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, content) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), content.to_owned())
}

/// A folder on another file system than temporary files are on, if there is one.
pub(crate) fn another_file_system() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

/// Folders and configuration of one agent, and the agent while it runs.
pub(crate) struct Site {
    root: TempDir,
    /// Where some of them are instead.
    apart: Option<Apart>,
    child: Option<Child>,
}

/// What of a site is not on the file system of the rest.
struct Apart {
    root: TempDir,
    names: &'static [&'static str],
}

impl Site {
    /// Folders with a configuration: a short settle time, no listener, and `more` at its end.
    pub(crate) fn new(more: &str) -> Self {
        Self { root: tempfile::tempdir().unwrap(), apart: None, child: None }.furnished(more)
    }

    /// The same inside `folder`, but for what has these `names`, which is where temporary files are.
    pub(crate) fn within(folder: &Path, names: &'static [&'static str], more: &str) -> Self {
        let apart = Apart { root: tempfile::tempdir().unwrap(), names };
        Self { root: TempDir::new_in(folder).unwrap(), apart: Some(apart), child: None }.furnished(more)
    }

    fn furnished(self, more: &str) -> Self {
        for folder in ["inbox", "outbox"] {
            fs::create_dir(self.path(folder)).unwrap();
        }
        self.configure(more);
        self
    }

    /// Writes the configuration anew. `more` may set keys of any table as `table.key = value` lines.
    pub(crate) fn configure(&self, more: &str) {
        let root = self.root.path().display();
        // Damaged sources are decided at once, unless a test is about the time that they have.
        let grace = if more.contains("truncated_grace_secs") { "" } else { "inbox.truncated_grace_secs = 0" };
        let text = format!(
            "{more}\n{grace}\ninbox.path = \"{root}/inbox\"\ninbox.settle_ms = 100\noutput.path = \"{root}/outbox\"\n\
             ledger.url = \"sqlite:{}\"\nstatus.listen = \"\"\nworkers = 2\n\
             log.level = \"debug\"\nretry.backoff_secs = 1\n",
            self.path("state/ledger.sqlite").display()
        );
        fs::write(self.config(), text).unwrap();
    }

    /// Another quiet time than the short one of tests.
    pub(crate) fn set_settle_ms(&self, milliseconds: u32) {
        let text = fs::read_to_string(self.config()).unwrap();
        fs::write(self.config(), text.replace("settle_ms = 100", &format!("settle_ms = {milliseconds}"))).unwrap();
    }

    /// The agent is to listen on a free port, which is answered.
    pub(crate) fn listen(&self) -> SocketAddr {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let text = fs::read_to_string(self.config()).unwrap();
        fs::write(self.config(), text.replace("status.listen = \"\"", &format!("status.listen = \"{address}\"")))
            .unwrap();
        address
    }

    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        let is_apart = |apart: &&Apart| apart.names.iter().any(|name| Path::new(relative).starts_with(name));
        self.apart.as_ref().filter(is_apart).map_or(&self.root, |apart| &apart.root).path().join(relative)
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.path("config.toml")
    }

    /// Starts the agent and waits until it answers.
    pub(crate) fn start(&mut self) {
        self.spawn(h5inbox());
        // That it runs is known before it can be asked; since when, only it knows.
        wait_until("the agent answers", || self.status()["since"].is_string());
    }

    /// Starts the agent by `command`, which stands for the program.
    pub(crate) fn spawn(&mut self, mut command: Command) {
        let log = fs::File::options().create(true).append(true).open(self.path("log")).unwrap();
        command.args(["run", "--config"]).arg(self.config());
        self.child = Some(command.stdout(Stdio::null()).stderr(log).spawn().unwrap());
    }

    /// Runs the agent once, as cron would, and returns how it ended.
    pub(crate) fn once(&self) -> Output {
        self.once_by(h5inbox())
    }

    /// The same by `command`, which stands for the program.
    pub(crate) fn once_by(&self, mut command: Command) -> Output {
        command.args(["run", "--once", "--config"]).arg(self.config()).output().unwrap()
    }

    /// Lets any user work with the folders.
    pub(crate) fn open_to_everybody(&self) {
        for folder in ["", "inbox", "outbox"] {
            fs::set_permissions(self.path(folder), fs::Permissions::from_mode(0o777)).unwrap();
        }
    }

    /// The program as another user: root may do everything. Needs [`Site::open_to_everybody`].
    pub(crate) fn as_somebody_else(&self) -> Command {
        let program = self.path("h5inbox");
        // Not by this process: what another thread starts meanwhile would hold the copy open for writing, and it could not run.
        assert!(Command::new("cp").arg(env!("CARGO_BIN_EXE_h5inbox")).arg(&program).status().unwrap().success());
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(&program);
        command.env_remove("H5INBOX_CONFIG");
        command
    }

    pub(crate) fn pid(&self) -> i32 {
        i32::try_from(self.child.as_ref().unwrap().id()).unwrap()
    }

    pub(crate) fn signal(&self, signal: rustix::process::Signal) {
        rustix::process::kill_process(rustix::process::Pid::from_raw(self.pid()).unwrap(), signal).unwrap();
    }

    /// Stops the agent by TERM and returns how it ended.
    pub(crate) fn stop(&mut self) -> ExitStatus {
        self.signal(rustix::process::Signal::TERM);
        self.child.take().unwrap().wait().unwrap()
    }

    /// Kills the agent: no clean-up of any kind.
    pub(crate) fn kill(&mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Kills the agent and what it was started by, if they still run.
    pub(crate) fn kill_if_running(&mut self) {
        if let Some(pid) = h5inbox_holder(&self.path("state/ledger.sqlite.lock")) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
        self.kill();
    }

    /// Whether the agent has ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.as_mut().unwrap().try_wait().unwrap().is_some()
    }

    /// The exit code of an agent that has ended by itself.
    pub(crate) fn end(&mut self) -> Option<i32> {
        self.child.take().unwrap().wait().unwrap().code()
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

    /// The states of all jobs of a source, newest first.
    pub(crate) fn states(&self, source: &str) -> Vec<String> {
        let jobs = self.history().into_iter().filter(|job| job["path"] == source);
        jobs.map(|job| job["state"].as_str().unwrap().to_owned()).collect()
    }

    /// Waits until the ledger holds so many jobs in `state`.
    pub(crate) fn wait_for(&self, state: &str, count: usize) {
        wait_until(&format!("{count} jobs are {state}"), || {
            self.history().iter().filter(|job| job["state"] == state).count() >= count
        });
    }

    /// Drops a file as a careful producer does: written elsewhere, renamed in.
    pub(crate) fn drop_in(&self, name: &str, content: &[u8]) {
        let beside = self.path("being-written");
        fs::write(&beside, content).unwrap();
        let target = self.path("inbox").join(name);
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::rename(beside, target).unwrap();
    }

    /// Names in a folder, dot files left out, sorted.
    pub(crate) fn names(&self, folder: &str) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.path(folder)) else { return Vec::new() };
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.retain(|name| !name.starts_with('.'));
        names.sort();
        names
    }

    /// What the agent has open.
    pub(crate) fn open_files(&self) -> Vec<String> {
        let open = fs::read_dir(format!("/proc/{}/fd", self.pid())).unwrap();
        open.filter_map(|file| Some(fs::read_link(file.ok()?.path()).ok()?.to_string_lossy().into_owned())).collect()
    }

    /// How many outputs have no name yet.
    pub(crate) fn unfinished(&self) -> usize {
        self.unfinished_in("outbox")
    }

    /// How many files of `folder` have no name yet.
    pub(crate) fn unfinished_in(&self, folder: &str) -> usize {
        let Ok(entries) = fs::read_dir(self.path(folder).join(".h5inbox")) else { return 0 };
        entries.filter(|entry| entry.as_ref().unwrap().path().extension().is_some_and(|ending| ending == "tmp")).count()
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }
}

/// The process id in a lock file.
fn h5inbox_holder(lock: &Path) -> Option<rustix::process::Pid> {
    rustix::process::Pid::from_raw(fs::read_to_string(lock).ok()?.trim().parse().ok()?)
}

impl Drop for Site {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        if std::thread::panicking() {
            eprintln!("--- log of the agent ---\n{}", self.log());
        }
    }
}
