//! A machine for tests: this one's files under an overlay in memory, with a real systemd as its process 1 (`tests/machine/boot`),
//! and our package, made of the program under test.

use std::fs;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;

use tempfile::TempDir;

use super::harness::{said, wait_until};

const HERE: &str = env!("CARGO_MANIFEST_DIR");

/// A machine, as long as this lives, and no longer than this process does.
pub(crate) struct Machine {
    /// Ends with its standard input.
    boot: Child,
    folder: TempDir,
    process_1: u32,
}

impl Machine {
    /// With systemd, which has started what it starts.
    ///
    /// Nothing, with the reason told, where the user is not root, unless everything has to be tested here (`CI`). Whatever else
    /// is in the way is an error.
    pub(crate) fn booted() -> Option<Self> {
        let machine = Self::start(&["/lib/systemd/systemd", "--log-target=journal"])?;
        let is_up = || machine.command("systemctl").args(["is-system-running", "--wait"]).output().unwrap();
        wait_until("systemd has booted", || matches!(&is_up().stdout[..], b"running\n" | b"degraded\n"));
        Some(machine)
    }

    /// Without: as images are built.
    pub(crate) fn asleep() -> Option<Self> {
        Self::start(&["sleep", "infinity"])
    }

    fn start(init: &[&str]) -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            assert!(std::env::var_os("CI").is_none(), "only root may boot a machine for tests");
            eprintln!("skipped: only root may boot a machine for tests");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let mut boot = Command::new(Path::new(HERE).join("tests/machine/boot"));
        // What a terminal says to this process is not meant for it.
        boot.arg(folder.path()).arg(packages()).args(init).process_group(0);
        let boot = boot.stdin(Stdio::piped()).spawn().unwrap();
        let mut machine = Self { boot, folder, process_1: 0 };
        wait_until("the machine is there", || {
            let ended = machine.boot.try_wait().unwrap();
            assert!(ended.is_none(), "the machine does not start; it takes mounts and namespaces, and overlayfs");
            let told = fs::read_to_string(machine.folder.path().join("pid")).unwrap_or_default();
            told.strip_suffix('\n').map(|pid| machine.process_1 = pid.parse().unwrap()).is_some()
        });
        Some(machine)
    }

    /// A program that runs in it, as root.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--all", "--target", &self.process_1.to_string(), "--", program]);
        command.env_clear().env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        command.env("LC_ALL", "C.UTF-8").env("DEBIAN_FRONTEND", "noninteractive");
        command
    }

    /// What a line of shell says that has to go well.
    pub(crate) fn run(&self, line: &str) -> String {
        let output = self.command("sh").args(["-c", line]).output().unwrap();
        assert!(output.status.success(), "{line}: {}{}", String::from_utf8_lossy(&output.stdout), said(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Whether a line of shell goes well.
    pub(crate) fn holds(&self, line: &str) -> bool {
        self.command("sh").args(["-c", line]).output().unwrap().status.success()
    }

    /// Writes a file of it, as `user`.
    pub(crate) fn write_as(&self, user: &str, path: &str, content: &[u8]) {
        let line = format!("cat >'{path}'");
        let mut shell = self.command("runuser");
        shell.args(["-u", user, "--", "sh", "-c", &line]);
        let mut shell = shell.stdin(Stdio::piped()).spawn().unwrap();
        shell.stdin.take().unwrap().write_all(content).unwrap();
        assert!(shell.wait().unwrap().success(), "{user} cannot write {path}");
    }

    /// A file of it, seen from here.
    pub(crate) fn file(&self, path: &str) -> PathBuf {
        Path::new(&format!("/proc/{}/root", self.process_1)).join(path.trim_start_matches('/'))
    }

    /// Where our package in `version` is.
    pub(crate) fn package(version: &str) -> String {
        format!("/mnt/h5inbox_{version}_{}.deb", architecture())
    }

    /// Installs our package in `version`.
    pub(crate) fn install(&self, version: &str) -> Output {
        let package = Self::package(version);
        // The index of manual pages of all packages is not at issue, and takes long.
        self.command("dpkg").args(["--no-triggers", "--install", &package]).output().unwrap()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if std::thread::panicking() && self.process_1 != 0 {
            let journal = self.command("journalctl").args(["--no-pager", "--boot"]).output().unwrap();
            eprintln!("--- journal of the machine ---\n{}", String::from_utf8_lossy(&journal.stdout));
        }
        drop(self.boot.stdin.take());
        let _ = self.boot.wait();
    }
}

/// The version of the package, and the one that an upgrade brings.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");
pub(crate) const NEXT: &str = "999.0";

/// The folder with our package in both versions, made once of the program under test.
fn packages() -> &'static Path {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    MADE.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("package");
        for version in [VERSION, NEXT] {
            let mut script = Command::new(Path::new(HERE).join(".ci/deb"));
            script.arg(env!("CARGO_BIN_EXE_h5inbox")).arg(&folder).arg(version).env("COMPRESSION", "none");
            let made = script.output().unwrap();
            assert!(made.status.success(), "{}", said(&made));
        }
        folder
    })
}

fn architecture() -> String {
    let told = Command::new("dpkg").arg("--print-architecture").output().unwrap();
    String::from_utf8(told.stdout).unwrap().trim().to_owned()
}
