//! docs/operations.md does what it says: an agent under a real systemd is broken in the usual ways, and the commands of the page
//! say what is wrong and mend it.

use std::fs;

use super::harness::{said, wait_until};
use super::machine::{Machine, NEXT, VERSION};
use super::pages::{Block, STAND_INS, blocks};

const GOOD: &[u8] = b"{\"a\": 1, \"b\": \"x\"}\n";

/// A machine with an agent that runs, and the page.
struct Patient {
    machine: Machine,
    page: Vec<Block>,
}

impl Patient {
    fn new() -> Option<Self> {
        let machine = Machine::booted()?;
        let installed = machine.install(VERSION);
        assert!(installed.status.success(), "{}", said(&installed));
        machine.run(STAND_INS);
        // Who waits for ten restarts should not have to wait for long.
        let quick = machine.file("/etc/systemd/system/h5inbox.service.d");
        fs::create_dir_all(&quick).unwrap();
        fs::write(quick.join("quick.conf"), "[Service]\nRestartSec=100ms\n").unwrap();
        machine.run("usermod -aG h5inbox alice && systemctl daemon-reload && systemctl start h5inbox");
        Some(Self { machine, page: blocks("operations.md") })
    }

    /// What the commands of a block say, whatever they answer.
    fn told(&mut self, name: &str) -> String {
        let found = self.page.iter().position(|block| block.language == "sh" && block.whose == name);
        let block = self.page.remove(found.unwrap_or_else(|| panic!("the page has no block `{name}`")));
        let done = self.machine.command("sh").args(["-c", &block.text]).output().unwrap();
        format!("{}{}", String::from_utf8_lossy(&done.stdout), said(&done))
    }

    /// The commands of a block say all of `wanted`, sooner or later.
    fn tells(&mut self, name: &str, wanted: &[&str]) {
        let told = self.told(name);
        wanted
            .iter()
            .for_each(|wanted| assert!(told.contains(wanted), "`{wanted}` is not in what `{name}` says:\n{told}"));
    }

    fn drop_in(&self, name: &str, content: &[u8]) {
        self.machine.write_as("alice", &format!("/srv/h5inbox/inbox/{name}"), content);
    }

    fn wait_for_output(&self, name: &str) {
        wait_until("it is converted", || self.machine.file(&format!("/srv/h5inbox/outbox/{name}")).exists());
    }

    /// Waits until the first line of the status says so.
    fn wait_until_status(&self, says: &str) {
        wait_until(says, || self.machine.run("h5inbox status").lines().next().unwrap().contains(says));
    }
}

#[test]
fn whatever_is_broken_the_commands_of_the_page_say_what_and_mend_it() {
    let Some(mut patient) = Patient::new() else { return };
    patient.drop_in("AAPL.json", GOOD);
    patient.wait_for_output("AAPL.h5");
    patient.tells("look", &["healthy", "AAPL.json", "done", "active (running)", "file.published"]);

    wrong_rights(&mut patient);
    bad_file(&mut patient);
    full_disk(&mut patient);
    killed(&mut patient);
    network(&mut patient);
    wrong_configuration(&mut patient);
    lost_ledger(&mut patient);

    patient.tells("backup", &[]);
    assert!(patient.machine.file("/var/backups/h5inbox-ledger/ledger.sqlite").exists());
    patient.tells("upgrade", &["healthy"]);
    assert!(patient.machine.run("dpkg-query --show h5inbox").contains(NEXT));
    patient.drop_in("last.json", GOOD);
    patient.wait_for_output("last.h5");
    let left: Vec<&str> = patient.page.iter().map(|block| &block.whose[..]).collect();
    assert!(left.is_empty(), "no test obeys {left:?}");
}

fn wrong_rights(patient: &mut Patient) {
    patient.machine.run("cd /srv/h5inbox/inbox && echo '{}' >.secret && chmod 600 .secret && mv .secret secret.json");
    patient.wait_until_status("cannot be opened");
    patient.tells("rights", &["secret.json", "ermission", "chmod"]);
    patient.tells("rights-mend", &[]);
    patient.wait_for_output("secret.h5");
}

fn bad_file(patient: &mut Patient) {
    patient.drop_in("bad.json", b"{\"a\": false}\n{\"a\": tru}\n");
    patient.wait_until_status("cannot be converted");
    patient.tells("bad", &["bad.json", "line 2", "expected a JSON value", "tru}", "retry"]);
    patient.tells("bad-mend", &[]);
    patient.wait_for_output("bad.h5");
    patient.wait_until_status("healthy");
}

fn full_disk(patient: &mut Patient) {
    patient.machine.run("systemctl stop h5inbox && mount -t tmpfs -o size=2m,mode=2770,uid=$(id -u h5inbox),gid=$(id -g h5inbox) tmpfs /srv/h5inbox/outbox");
    patient
        .machine
        .run("systemctl start h5inbox; dd if=/dev/zero of=/srv/h5inbox/outbox/ballast bs=64k 2>/dev/null || true");
    patient.drop_in("more.json", GOOD);
    patient.wait_until_status("paused");
    patient.tells("full", &["paused", "No space left on device", "/srv/h5inbox/outbox", "100%"]);
    patient.tells("full-mend", &[]);
    patient.wait_for_output("more.h5");
    patient.wait_until_status("healthy");
    patient.machine.run("systemctl stop h5inbox && umount /srv/h5inbox/outbox && systemctl start h5inbox");
}

fn killed(patient: &mut Patient) {
    patient.machine.run("systemctl kill --signal=KILL h5inbox");
    patient.drop_in("after.json", GOOD);
    patient.wait_for_output("after.h5");
    patient.tells("killed", &["NRestarts=1", "ActiveState=active", "agent.recovered", "healthy"]);
}

/// A FUSE mount, which is to the agent what a network mount is.
fn network(patient: &mut Patient) {
    if !patient.machine.file("/dev/fuse").exists() {
        eprintln!("not to be had here: FUSE");
        patient.page.retain(|block| block.whose != "network");
        return;
    }
    patient.machine.run(
        "systemctl stop h5inbox && install -d -o h5inbox -g h5inbox -m 2770 /srv/far && bindfs -o nonempty /srv/far /srv/h5inbox/inbox \
         && systemctl start h5inbox",
    );
    // As another machine would, behind the mount.
    patient.machine.write_as("h5inbox", "/srv/far/far.json", GOOD);
    patient.tells("network", &["poll", "listing every 60 s"]);
    patient.wait_for_output("far.h5");
    patient.machine.run("systemctl stop h5inbox && umount /srv/h5inbox/inbox && systemctl start h5inbox");
}

fn wrong_configuration(patient: &mut Patient) {
    let config = patient.machine.file("/etc/h5inbox/config.toml");
    let right = fs::read_to_string(&config).unwrap();
    fs::write(&config, right.replace("path = \"/srv/h5inbox/inbox\"", "paht = \"/srv/h5inbox/inbox\"\nsettle_ms = -5"))
        .unwrap();
    patient.machine.run("systemctl stop h5inbox; systemctl start h5inbox || true");
    wait_until("systemd gives up", || patient.machine.holds("systemctl is-failed h5inbox"));
    patient.tells("wrong", &["failed", "paht", "inbox.path", "settle_ms"]);
    fs::write(&config, right).unwrap();
    patient.machine.run("systemctl reset-failed h5inbox; systemctl start h5inbox");
    patient.wait_until_status("healthy");
}

fn lost_ledger(patient: &mut Patient) {
    patient.machine.run("systemctl stop h5inbox; rm /var/lib/h5inbox/ledger.sqlite*; systemctl start h5inbox || true");
    assert!(patient.machine.run("journalctl --no-pager -u h5inbox -n 9").contains("ledger rebuild"));
    patient.tells("rebuild", &["healthy"]);
    let outputs = patient.machine.run("ls /srv/h5inbox/outbox");
    assert!(!outputs.contains('~'), "nothing is done twice: {outputs}");
}
