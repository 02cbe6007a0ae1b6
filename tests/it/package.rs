//! The Debian package, really installed, on a machine of its own: what it brings, what it takes away, and that data stay.

use std::fs;
use std::process::Output;

use super::harness::{said, wait_until};
use super::machine::{Machine, NEXT, VERSION};

const GOOD: &[u8] = b"{\"a\": 1, \"b\": \"x\"}\n{\"a\": 2, \"b\": \"y\"}\n";

fn assert_went_well(output: &Output) {
    assert!(output.status.success(), "{}{}", String::from_utf8_lossy(&output.stdout), said(output));
}

/// A file in each of these places, whatever the agent did.
fn what_is_ours(machine: &Machine) -> String {
    machine.run("cd / && find srv/h5inbox var/lib/h5inbox ! -type s ! -name '*-wal' ! -name '*-shm' | LC_ALL=C sort; id h5inbox")
}

/// As somebody in the agent's group does it, and waits for the output.
fn convert(machine: &Machine, name: &str) {
    machine.write_as("alice", &format!("/srv/h5inbox/inbox/{name}.json"), GOOD);
    wait_until("it is converted", || machine.file(&format!("/srv/h5inbox/outbox/{name}.h5")).exists());
    wait_until("it is archived", || machine.file(&format!("/srv/h5inbox/archive/{name}.json")).exists());
}

fn add_alice(machine: &Machine) {
    machine.run("useradd alice && usermod -aG h5inbox alice");
}

#[test]
fn one_file_is_edited_and_one_unit_started_and_no_upgrade_removal_or_purge_touches_data() {
    let Some(machine) = Machine::booted() else { return };
    assert_went_well(&machine.install(VERSION));
    let state = |unit: &str| machine.run(&format!("systemctl is-enabled {unit}; systemctl is-active {unit} || true"));
    assert!(!machine.holds("systemctl is-enabled h5inbox || systemctl is-active h5inbox"), "it starts by itself");
    add_alice(&machine);
    let config = machine.file("/etc/h5inbox/config.toml");
    let edited = fs::read_to_string(&config).unwrap().replace("# after = \"keep\"", "after = \"archive\"");
    fs::write(&config, &edited).unwrap();
    machine.run("systemctl enable --now h5inbox");
    convert(&machine, "first");

    machine.run("chgrp users /srv/h5inbox/inbox && chmod 2777 /srv/h5inbox/inbox");
    let pid = || machine.run("systemctl show --property=MainPID h5inbox");
    let before = pid();
    assert_went_well(&machine.install(NEXT));
    assert!(pid() != before && state("h5inbox") == "enabled\nactive\n", "{}", state("h5inbox"));
    assert_eq!(fs::read_to_string(&config).unwrap(), edited);
    assert_eq!(machine.run("stat -c '%U:%G %a' /srv/h5inbox/inbox"), "h5inbox:users 2777\n");
    convert(&machine, "second");

    let (files, history) = (machine.run("dpkg --listfiles h5inbox"), machine.run("h5inbox history --json"));
    assert_eq!(history.lines().count(), 2, "{history}");
    assert_went_well(&machine.command("dpkg").args(["--no-triggers", "--remove", "h5inbox"]).output().unwrap());
    let ours = what_is_ours(&machine);
    assert!(ours.contains("archive/second.json") && ours.contains("ledger.sqlite") && ours.contains("gid="), "{ours}");
    assert!(!machine.holds("pgrep -x h5inbox || systemctl is-active h5inbox"), "it runs");
    assert_eq!(fs::read_to_string(&config).unwrap(), edited);

    assert_went_well(&machine.command("dpkg").args(["--no-triggers", "--purge", "h5inbox"]).output().unwrap());
    assert_eq!(what_is_ours(&machine), ours);
    let left = files.lines().filter(|path| !machine.file(path).is_dir() && machine.file(path).exists());
    assert_eq!(left.collect::<Vec<_>>(), [""; 0]);
    assert_eq!(machine.run("find /etc /usr/lib/systemd /var/lib/systemd -name '*h5inbox*'"), "");

    assert_went_well(&machine.install(VERSION));
    fs::write(&config, &edited).unwrap();
    machine.run("systemctl start h5inbox");
    convert(&machine, "third");
    assert_eq!(machine.run("h5inbox history --json").lines().skip(1).collect::<Vec<_>>().join("\n") + "\n", history);
}

#[test]
fn it_installs_and_goes_where_no_systemd_runs() {
    let Some(machine) = Machine::asleep() else { return };
    assert_went_well(&machine.install(VERSION));
    let owned = machine.run("stat -c '%U:%G %a %n' /srv/h5inbox /srv/h5inbox/*");
    for folder in ["", "/inbox", "/outbox", "/archive", "/quarantine"] {
        assert!(owned.contains(&format!("h5inbox:h5inbox 2770 /srv/h5inbox{folder}\n")), "{owned}");
    }
    assert_went_well(&machine.install(NEXT));
    assert_went_well(&machine.command("dpkg").args(["--no-triggers", "--purge", "h5inbox"]).output().unwrap());
    assert!(machine.file("/srv/h5inbox/inbox").exists());
}

#[test]
fn it_brings_pages_completions_and_the_licences_of_what_is_compiled_in() {
    let Some(machine) = Machine::asleep() else { return };
    assert_went_well(&machine.install(VERSION));
    for (page, text) in [("h5inbox", "check-config"), ("h5inbox.toml", "settle_ms = 500")] {
        let shown = machine.command("man").args(["--warnings=w", page]).output().unwrap();
        assert!(shown.stderr.is_empty(), "{page}: {}", said(&shown));
        assert!(String::from_utf8_lossy(&shown.stdout).contains(text), "{page}");
    }
    // Each shell reads its own.
    machine.run("bash -n /usr/share/bash-completion/completions/h5inbox");
    let completed = machine.run(
        "bash -c '. /usr/share/bash-completion/completions/h5inbox; COMP_WORDS=(h5inbox ver); COMP_CWORD=1; \
         _h5inbox h5inbox ver h5inbox; echo ${COMPREPLY[*]}'",
    );
    assert_eq!(completed, "verify\n");
    for file in ["zsh/vendor-completions/_h5inbox", "fish/vendor_completions.d/h5inbox.fish"] {
        let script = fs::read_to_string(machine.file(&format!("/usr/share/{file}"))).unwrap();
        assert!(script.contains("check-config"), "{file}");
    }
    let copyright = fs::read_to_string(machine.file("/usr/share/doc/h5inbox/copyright")).unwrap();
    for text in ["h5inbox: MIT or Apache-2.0", "The HDF Group", "Apache License", "arrow-array 60"] {
        assert!(copyright.contains(text), "{text}");
    }
    let needs = machine.run("dpkg-query -W -f '${Depends}' h5inbox");
    let names = needs.split(", ").map(|need| need.split(' ').next().unwrap()).collect::<Vec<_>>();
    assert_eq!(names, ["libc6", "libgcc-s1", "procps", "systemd", "systemd"]);
}
