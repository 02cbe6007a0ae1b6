//! docs/install.md does what it says: its commands, drop-ins and files, in order, on a machine of its own.

use std::fs;
use std::path::Path;

use super::harness::{said, wait_until};
use super::machine::{Machine, VERSION};
use super::pages::{Block, STAND_INS, blocks};

fn obey(machine: &Machine, block: &Block) {
    match (&block.language[..], &block.whose[..]) {
        ("sh", "build") => {}
        ("sh", "alice") => {
            // The group is given to those who log in after it was.
            block.text.lines().for_each(|line| drop(machine.run(&format!("runuser -u alice -- {line}"))));
        }
        ("sh", _) => drop(machine.run(&format!("set -e\n{}", block.text))),
        ("ini", unit) => {
            let folder = machine.file(&format!("/etc/systemd/system/{unit}.service.d"));
            fs::create_dir_all(&folder).unwrap();
            let number = fs::read_dir(&folder).unwrap().count();
            fs::write(folder.join(format!("{number}.conf")), &block.text).unwrap();
            machine.run("systemctl daemon-reload");
        }
        ("toml", unit) => {
            let name = unit.split('@').nth(1).unwrap();
            fs::write(machine.file(&format!("/etc/h5inbox/{name}.toml")), &block.text).unwrap();
        }
        (language, _) => panic!("what to do with {language}?"),
    }
}

#[test]
fn every_command_and_drop_in_of_the_page_does_what_it_says() {
    let Some(machine) = Machine::booted() else { return };
    let installed = machine.install(VERSION);
    assert!(installed.status.success(), "{}", said(&installed));
    machine.run(STAND_INS);
    let with_package = blocks("install.md").into_iter().filter(|block| block.whose != "by-hand");
    let (removing, using): (Vec<_>, Vec<_>) = with_package.partition(|block| block.whose == "remove");
    assert!(using.len() > 8 && removing.len() == 2);
    using.iter().for_each(|block| obey(&machine, block));

    // All drop-ins together.
    machine.run("install -d -o alice -g h5inbox -m 2770 /home/alice /home/alice/inbox && systemctl restart h5inbox");
    let capability = machine.run("grep CapEff /proc/$(systemctl show --value --property=MainPID h5inbox)/status");
    assert_eq!(capability.trim(), "CapEff:\t0000000010000000", "CAP_LEASE and no other");
    machine.write_as("alice", "/data/inbox/a.json", b"{\"a\": 1}\n");
    wait_until("it is converted", || machine.file("/data/outbox/a.h5").exists());
    for folder in ["/home/alice/inbox", "/data/inbox", "/srv/h5inbox/inbox"] {
        let touch =
            format!("nsenter --mount --target $(pgrep -fx '.*run --config /etc/h5inbox/config.toml') touch {folder}/x");
        machine.run(&touch);
    }
    machine.write_as("alice", "/srv/h5inbox/trades/inbox/b.json", b"{\"a\": 1}\n");
    wait_until("it is converted", || machine.file("/srv/h5inbox/trades/outbox/b.h5").exists());

    removing.iter().for_each(|block| obey(&machine, block));
    assert!(!machine.holds("id h5inbox") && !machine.file("/srv/h5inbox").exists());
}

#[test]
fn it_is_installed_without_the_package_as_the_page_says() {
    let Some(machine) = Machine::booted() else { return };
    machine.run(STAND_INS);
    // The sources, and what `make build` would give.
    let package = Machine::package(VERSION);
    machine.run(&format!(
        "mkdir -p /root/h5inbox/target/release /root/h5inbox/systemd; dpkg-deb --extract {package} /root/x"
    ));
    machine.run("mv /root/x/usr/bin/h5inbox /root/h5inbox/target/release");
    for file in [
        "config.example.toml",
        "systemd/h5inbox.service",
        "systemd/h5inbox@.service",
        "systemd/sysusers.conf",
        "systemd/tmpfiles.conf",
    ] {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        fs::write(machine.file(&format!("/root/h5inbox/{file}")), fs::read(source).unwrap()).unwrap();
    }
    for block in blocks("install.md").iter().filter(|block| block.whose == "by-hand") {
        machine.run(&format!("set -e; cd /root/h5inbox\n{}", block.text));
    }
    machine.run("systemctl start h5inbox && usermod -aG h5inbox alice");
    machine.write_as("alice", "/srv/h5inbox/inbox/a.json", b"{\"a\": 1}\n");
    wait_until("it is converted", || machine.file("/srv/h5inbox/outbox/a.h5").exists());
}
