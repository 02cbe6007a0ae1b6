//! A PostgreSQL server of a test's own: Debian's programs, a temporary folder, a socket in it and a port.
//!
//! It and its folder go with the process of the test, however that ends.

use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

/// Waits for the end of the test's process, by its standard input; then ends the server and removes its folder.
const WATCHDOG: &str = r#"trap "" INT TERM HUP; cat >/dev/null; pid=$(head -n1 "$1/data/postmaster.pid" 2>/dev/null)
[ -z "$pid" ] || kill -QUIT "$pid"; for i in 1 2 3 4 5 6 7 8 9; do [ -e "$1/data/postmaster.pid" ] && sleep 0.1; done; rm -rf "$1""#;

/// A server, and what it needs to be started again.
pub(crate) struct PostgresServer {
    folder: PathBuf,
    programs: PathBuf,
    /// Whom it runs as: it refuses to be root.
    user: Option<String>,
    port: u16,
    server: Mutex<Option<Child>>,
    watchdog: Child,
}

impl PostgresServer {
    /// Makes a server and starts it. Everybody who reaches it may do everything.
    pub(crate) fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("h5inbox-postgres-").tempdir().unwrap().keep();
        let is_root = rustix::process::geteuid().is_root();
        let user = is_root.then(|| ["postgres", "nobody"].into_iter().find(|user| exists(user)).unwrap().to_owned());
        if let Some(user) = &user {
            run(Command::new("chown").arg(user).arg(&folder));
        }
        let mut watchdog = Command::new("sh");
        watchdog.args(["-c", WATCHDOG, "sh"]).arg(&folder).stdin(Stdio::piped());
        let watchdog = watchdog.spawn().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let server = Self { folder, programs: programs(), user, port, server: Mutex::default(), watchdog };
        let mut initdb = server.program("initdb");
        initdb.args(["-U", "h5inbox", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", "-D"]).arg(server.data());
        run(&mut initdb);
        let settings = format!(
            "listen_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = '{}'\nmax_connections = 300\n\
             shared_buffers = 64MB\n",
            server.folder.display()
        );
        server.set(&settings);
        server.start();
        server
    }

    /// Its url, by the socket.
    #[allow(dead_code, reason = "not every test that has a server needs each of these")]
    pub(crate) fn url(&self) -> String {
        format!("postgres://h5inbox@/postgres?host={}&port={}", self.folder.display(), self.port)
    }

    /// Its url, by TCP.
    #[allow(dead_code, reason = "not every test that has a server needs each of these")]
    pub(crate) fn tcp_url(&self) -> String {
        format!("postgres://h5inbox@127.0.0.1:{}/postgres", self.port)
    }

    /// Its port.
    #[allow(dead_code, reason = "not every test that has a server needs each of these")]
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Where it lives.
    #[allow(dead_code, reason = "not every test that has a server needs each of these")]
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Adds lines to its configuration: they count from the next start on.
    #[allow(dead_code, reason = "not every test that has a server needs each of these")]
    pub(crate) fn set(&self, lines: &str) {
        let mut file = fs::OpenOptions::new().append(true).open(self.data().join("postgresql.conf")).unwrap();
        file.write_all(lines.as_bytes()).unwrap();
    }

    /// Who may come in, and how: the whole `pg_hba.conf`, from the next start on.
    #[allow(dead_code, reason = "not every test that has a server needs each of these")]
    pub(crate) fn admit(&self, lines: &str) {
        fs::write(self.data().join("pg_hba.conf"), lines).unwrap();
    }

    /// Gives a file to the user that it runs as, for it alone.
    #[allow(dead_code, reason = "not every test that has a server needs each of these")]
    pub(crate) fn give(&self, file: &Path) {
        if let Some(user) = &self.user {
            run(Command::new("chown").arg(user).arg(file));
        }
        run(Command::new("chmod").arg("600").arg(file));
    }

    /// Starts it, and waits until it answers.
    pub(crate) fn start(&self) {
        let log = fs::OpenOptions::new().create(true).append(true).open(self.folder.join("log")).unwrap();
        let mut server = self.program("postgres");
        server.arg("-D").arg(self.data()).stdout(log.try_clone().unwrap()).stderr(log).stdin(Stdio::null());
        *self.server.lock().unwrap() = Some(server.spawn().unwrap());
        let until = Instant::now() + Duration::from_secs(60);
        while !self.answers() {
            let log = || fs::read_to_string(self.folder.join("log")).unwrap_or_default();
            assert!(Instant::now() < until, "the server does not start: {}", log());
            thread::sleep(Duration::from_millis(50));
        }
    }

    fn answers(&self) -> bool {
        let mut ready = Command::new(self.programs.join("pg_isready"));
        ready.arg("-q").arg("-h").arg(&self.folder).args(["-p", &self.port.to_string()]);
        ready.status().unwrap().success()
    }

    /// Stops it: all sessions end.
    #[allow(dead_code, reason = "not every test that has a server needs each of these")]
    pub(crate) fn stop(&self) {
        if let Some(mut server) = self.server.lock().unwrap().take() {
            let pid = rustix::process::Pid::from_child(&server);
            rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
            server.wait().unwrap();
        }
    }

    /// Stops and starts it.
    #[allow(dead_code, reason = "not every test that has a server needs each of these")]
    pub(crate) fn restart(&self) {
        self.stop();
        self.start();
    }

    /// What an administrator's statements print, a line a row.
    #[allow(dead_code, reason = "not every test that has a server needs each of these")]
    pub(crate) fn psql(&self, sql: &str) -> String {
        let mut psql = Command::new(self.programs.join("psql"));
        psql.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-U", "h5inbox", "-d", "postgres", "-h"]);
        psql.arg(&self.folder).args(["-p", &self.port.to_string(), "-c", sql]);
        let ran = psql.output().unwrap();
        assert!(ran.status.success(), "{sql}: {}", String::from_utf8_lossy(&ran.stderr));
        String::from_utf8(ran.stdout).unwrap().trim_end().to_owned()
    }

    /// One of its programs, as its user. The server itself has no parent but this process.
    fn program(&self, name: &str) -> Command {
        let path = self.programs.join(name);
        let Some(user) = &self.user else { return Command::new(path) };
        let mut as_user = Command::new("setpriv");
        as_user.args(["--reuid", user, "--regid", &group_of(user), "--clear-groups", "--"]).arg(path);
        as_user.current_dir(&self.folder);
        as_user
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        drop(self.watchdog.stdin.take());
        let _ = self.watchdog.wait();
        if let Some(mut server) = self.server.lock().unwrap().take() {
            let _ = server.wait();
        }
    }
}

/// Where Debian puts the programs, of the newest version that is installed; or where `pg_config` says.
fn programs() -> PathBuf {
    let mut found: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .map(|versions| versions.flatten().map(|version| version.path().join("bin")).collect())
        .unwrap_or_default();
    found.retain(|folder| folder.join("initdb").exists());
    found.sort();
    found.pop().unwrap_or_else(|| {
        let told =
            Command::new("pg_config").arg("--bindir").output().expect("PostgreSQL is not installed: .ci/setup test");
        PathBuf::from(String::from_utf8(told.stdout).unwrap().trim())
    })
}

fn exists(user: &str) -> bool {
    Command::new("id").arg(user).output().is_ok_and(|id| id.status.success())
}

fn group_of(user: &str) -> String {
    let id = Command::new("id").args(["-g", user]).output().unwrap();
    String::from_utf8(id.stdout).unwrap().trim().to_owned()
}

fn run(command: &mut Command) {
    let ran = command.output().unwrap();
    assert!(ran.status.success(), "{command:?}: {}", String::from_utf8_lossy(&ran.stderr));
}
