//! The units of the package under a real systemd: one machine for all of these, an instance of h5inbox@.service for each.

use std::fs;
use std::process::Output;
use std::sync::OnceLock;

use serde_json::Value;

use super::harness::{said, wait_until};
use super::machine::{Machine, VERSION};

const GOOD: &[u8] = b"{\"a\": 1, \"b\": \"x\"}\n{\"a\": 2, \"b\": \"y\"}\n";

/// With our package, and with alice, who is in the agent's group. It ends with this process.
fn machine() -> Option<&'static Machine> {
    static MACHINE: OnceLock<Option<Machine>> = OnceLock::new();
    let furnished = || {
        let machine = Machine::booted()?;
        let installed = machine.install(VERSION);
        assert!(installed.status.success(), "{}", said(&installed));
        machine.run("useradd alice && usermod -aG h5inbox alice");
        Some(machine)
    };
    MACHINE.get_or_init(furnished).as_ref()
}

/// An instance with folders, ledger and configuration of its own.
struct Instance {
    machine: &'static Machine,
    name: &'static str,
}

impl Instance {
    /// `config` are further keys, `drop_in` what the operator changed in the unit.
    fn new(name: &'static str, config: &str, drop_in: &str) -> Option<Self> {
        let this = Self { machine: machine()?, name };
        this.machine
            .run(&format!("install -d -o h5inbox -g h5inbox -m 2770 /srv/h5inbox/{name} {}", this.path("inbox")));
        this.configure(config);
        this.drop_in(drop_in);
        Some(this)
    }

    fn configure(&self, more: &str) {
        let (name, folder) = (self.name, self.path(""));
        let text = format!(
            "{more}\ninbox.path = \"{folder}inbox\"\noutput.path = \"{folder}outbox\"\ninbox.settle_ms = 100\n\
             status.listen = \"\"\nledger.url = \"sqlite:/var/lib/h5inbox/{name}.sqlite\"\n"
        );
        fs::write(self.machine.file(&self.config()), text).unwrap();
    }

    fn drop_in(&self, text: &str) {
        let folder = self.machine.file(&format!("/etc/systemd/system/{}.d", self.unit()));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("test.conf"), format!("[Service]\n{text}\n")).unwrap();
        self.machine.run("systemctl daemon-reload");
    }

    fn unit(&self) -> String {
        format!("h5inbox@{}.service", self.name)
    }

    fn config(&self) -> String {
        format!("/etc/h5inbox/{}.toml", self.name)
    }

    fn path(&self, name: &str) -> String {
        format!("/srv/h5inbox/{}/{name}", self.name)
    }

    /// Waits for what it asks for.
    fn systemctl(&self, verb: &str) -> Output {
        self.machine.command("systemctl").args([verb, &self.unit()]).output().unwrap()
    }

    fn start(&self) {
        let started = self.systemctl("start");
        assert!(started.status.success(), "{}", said(&started));
    }

    /// What systemd knows of the unit.
    fn property(&self, name: &str) -> String {
        let line = format!("systemctl show --value --property={name} {}", self.unit());
        self.machine.run(&line).trim().to_owned()
    }

    fn journal(&self) -> String {
        self.machine.run(&format!("journalctl --no-pager --output=cat --unit={}", self.unit()))
    }

    fn verb(&self, verb: &str) -> String {
        self.machine.run(&format!("h5inbox {verb} --config {}", self.config()))
    }

    fn status(&self) -> Value {
        serde_json::from_str(&self.verb("status --json")).unwrap()
    }

    /// The states of a source, newest first, with the attempts that they took.
    fn states(&self, source: &str) -> Vec<(String, u64)> {
        // There may be no ledger yet.
        let told =
            self.machine.command("h5inbox").args(["history", "--json", "--config", &self.config()]).output().unwrap();
        let told = String::from_utf8(told.stdout).unwrap();
        let jobs = told.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let of_source = jobs.filter(|job| job["path"] == source);
        of_source.map(|job| (job["state"].as_str().unwrap().to_owned(), job["attempts"].as_u64().unwrap())).collect()
    }

    fn drop_file(&self, name: &str, content: &[u8]) {
        self.machine.write_as("alice", &self.path(&format!("inbox/{name}")), content);
    }

    fn wait_for(&self, name: &str, state: &str) {
        wait_until(&format!("{name} is {state}"), || self.states(name).first().is_some_and(|(now, _)| now == state));
    }
}

/// What it is told when the test fails.
impl Drop for Instance {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- journal of {} ---\n{}", self.name, self.journal());
        } else {
            self.systemctl("stop");
        }
    }
}

#[test]
fn it_is_ready_when_it_says_so_and_converts_in_its_sandbox_what_another_user_drops() {
    let Some(instance) = Instance::new("ready", "", "") else { return };
    instance.start();
    // Started means that it watches: no other wait is needed before this.
    assert_eq!((instance.status()["running"].as_bool(), instance.property("SubState")), (Some(true), "running".into()));
    assert_eq!(instance.property("WatchdogUSec"), "1min");
    let locked_in = instance.machine.run(&format!("cat /proc/{}/status", instance.property("MainPID")));
    for line in ["CapBnd:\t0000000000000000\n", "NoNewPrivs:\t1\n", "Seccomp:\t2\n"] {
        assert!(locked_in.contains(line), "{line}{locked_in}");
    }
    assert!(instance.property("StatusText").contains("watching"), "{}", instance.property("StatusText"));
    instance.drop_file("a.json", GOOD);
    instance.drop_file("broken.json", b"{\"a\": 1}\nnonsense\n");
    instance.wait_for("a.json", "done");
    instance.wait_for("broken.json", "quarantined");
    let alice = |line: String| instance.machine.holds(&format!("runuser -u alice -- {line}"));
    assert!(
        alice(format!("h5inbox verify {}", instance.path("outbox"))),
        "what is not right cannot be read by the group"
    );
    wait_until("the report is there", || {
        alice(format!("grep -q nonsense {}", instance.path("quarantine/broken.json.reason.txt")))
    });
    assert!(alice(format!("h5inbox status --config {}", instance.config())));
    assert_eq!(instance.machine.run(&format!("stat -c %a {}", instance.path("outbox/a.h5"))), "640\n");
    assert!(
        !instance.machine.holds(&format!("setpriv --reuid=nobody --clear-groups cat {}", instance.path("outbox/a.h5")))
    );
}

#[test]
fn a_hung_one_is_killed_by_the_watchdog_and_started_again() {
    let Some(instance) = Instance::new("hung", "", "WatchdogSec=3\nRestartSec=100ms") else { return };
    instance.start();
    instance.drop_file("before.json", GOOD);
    instance.wait_for("before.json", "done");
    let hung = instance.property("MainPID");
    instance.machine.run(&format!("kill -STOP {hung}"));
    wait_until("it is another one", || {
        let now = instance.property("MainPID");
        now != hung && now != "0" && instance.property("ActiveState") == "active"
    });
    assert!(instance.journal().contains("Watchdog timeout") && instance.property("NRestarts") == "1");
    instance.drop_file("after.json", GOOD);
    instance.wait_for("after.json", "done");
    assert_eq!(instance.states("before.json"), [("done".to_owned(), 1)]);
}

#[test]
fn a_stop_finishes_what_is_in_hand() {
    let Some(instance) = Instance::new("stop", "", "") else { return };
    instance.start();
    // Each read of this one takes its time, as on a slow disk.
    let (pid, path) = (instance.property("MainPID"), instance.path("inbox/slow.json"));
    let mut strace = instance.machine.command("strace");
    strace.args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=read", "-e", "inject=read:delay_enter=1000000"]);
    let mut strace = strace.args(["-p", &pid, "-P", &path]).spawn().unwrap();
    instance.machine.run(&format!("until grep -q 'TracerPid:.[1-9]' /proc/{pid}/status; do sleep 0.05; done"));
    instance.drop_file("slow.json", GOOD);
    wait_until("it is in hand", || instance.status()["busy_workers"] == 1);
    let stopped = instance.systemctl("stop");
    assert!(stopped.status.success(), "{}", said(&stopped));
    strace.wait().unwrap();
    assert_eq!((instance.property("Result"), instance.property("ExecMainStatus")), ("success".into(), "0".into()));
    assert_eq!(instance.states("slow.json"), [("done".to_owned(), 1)]);
}

#[test]
fn a_file_that_kills_the_agent_is_quarantined_and_the_restarts_end() {
    // Each read of it is the end, with the numbers of attempts and restarts that are shipped.
    let poison = "/srv/h5inbox/crash/inbox/poison.json";
    let run = format!(
        "ExecStart=\nExecStart=/usr/bin/strace -D -f -qq -o /dev/null -e trace=read -e inject=read:signal=KILL -P {poison} \
         /usr/bin/h5inbox run --config /etc/h5inbox/crash.toml\nSystemCallFilter=@debug @setuid\nRestartSec=100ms"
    );
    let Some(instance) = Instance::new("crash", "", &run) else { return };
    instance.drop_file("poison.json", GOOD);
    instance.drop_file("other.json", GOOD);
    // The first start may be the first to die.
    instance.systemctl("start");
    instance.wait_for("poison.json", "quarantined");
    instance.wait_for("other.json", "done");
    let running = || (instance.property("ActiveState"), instance.property("NRestarts"));
    wait_until("it is up", || running() == ("active".to_owned(), "5".to_owned()));
    let report = instance.machine.file(&instance.path("quarantine/poison.json.reason.txt"));
    wait_until("the report is there", || report.exists());
    assert!(fs::read_to_string(report).unwrap().contains("crash_loop"));
    instance.drop_file("next.json", GOOD);
    instance.wait_for("next.json", "done");
    assert_eq!(running(), ("active".to_owned(), "5".to_owned()));
}

#[test]
fn a_wrong_configuration_is_told_in_the_journal_and_ends_as_failed() {
    let Some(instance) = Instance::new("wrong", "workers = -1\ninbox.pth = \"/x\"", "RestartSec=100ms") else { return };
    let started = instance.systemctl("start");
    assert!(!started.status.success());
    for problem in ["workers", "did you mean `path`"] {
        assert!(instance.journal().contains(problem), "{problem}: {}", instance.journal());
    }
    wait_until("systemd gives up", || instance.property("ActiveState") == "failed");
}

#[test]
fn a_reload_takes_a_new_configuration_and_refuses_a_wrong_one_in_the_same_process() {
    let Some(instance) = Instance::new("reload", "", "") else { return };
    instance.start();
    let process = instance.property("MainPID");
    instance.configure("source.after = \"arkive\"");
    assert!(!instance.systemctl("reload").status.success());
    wait_until("the journal tells why", || instance.journal().contains("arkive"));
    assert_eq!(instance.property("ActiveState"), "active");

    instance.configure("source.after = \"archive\"");
    assert!(instance.systemctl("reload").status.success());
    // A file that comes before that may still be kept.
    wait_until("it is in effect", || instance.journal().contains("The configuration is in effect."));
    instance.drop_file("a.json", GOOD);
    wait_until("it is archived", || instance.machine.file(&instance.path("archive/a.json")).exists());
    assert_eq!((instance.property("ActiveState"), instance.property("MainPID")), ("active".into(), process));
    assert_eq!(instance.states("a.json"), [("done".to_owned(), 1)]);
}

#[test]
fn an_inbox_that_the_unit_hides_is_refused_and_the_journal_says_what_hides_it() {
    for (name, folder, what) in [
        ("tmp", "/tmp/inbox", "PrivateTmp=yes"),
        ("home", "/home/alice/inbox", "ProtectHome=yes"),
        ("elsewhere", "/data/elsewhere", "ReadWritePaths="),
    ] {
        let Some(instance) = Instance::new(name, "source.after = \"archive\"", "RestartSec=100ms") else { return };
        instance
            .machine
            .run(&format!("install -d -o h5inbox -g h5inbox {folder} {folder}/../archive {folder}/../quarantine"));
        let config = instance.machine.file(&instance.config());
        let text = fs::read_to_string(&config).unwrap().replace(&instance.path("inbox"), folder);
        fs::write(&config, text).unwrap();
        assert!(!instance.systemctl("start").status.success(), "{name}");
        assert!(instance.journal().contains(what), "{name}: {}", instance.journal());
    }
}

#[test]
fn the_journal_of_the_unit_is_asked_for_one_kind_of_event_and_has_its_fields() {
    let Some(instance) = Instance::new("fields", "", "") else { return };
    instance.start();
    instance.drop_file("bad.json", b"nonsense\n");
    let unit = instance.unit();
    let ask = format!("journalctl --no-pager --output=json --unit={unit} EVENT=file.quarantined");
    wait_until("it is told", || !instance.machine.run(&ask).is_empty());
    let told: Value = serde_json::from_str(&instance.machine.run(&ask)).unwrap();
    let fields =
        ["PATH", "ERROR_CODE", "LINE", "PRIORITY", "SYSLOG_IDENTIFIER", "_TRANSPORT"].map(|field| &told[field]);
    assert_eq!(fields, ["bad.json", "bad_json", "1", "4", "h5inbox", "journal"], "{told}");
}
