//! `check-config` tries what an agent needs, tells all that is wrong at once with what to do, and fails for errors only.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};

use super::disks::{Disk, Wrong};
use super::harness::{Site, another_file_system, h5inbox, said};

fn checked(site: &Site) -> Output {
    checked_by(h5inbox(), site)
}

fn checked_by(mut command: Command, site: &Site) -> Output {
    command.arg("check-config").arg(site.config()).output().unwrap()
}

/// It can work, and is told all of these.
fn assert_warned(site: &Site, parts: &[&str]) {
    let output = checked(site);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let told = said(&output);
    parts.iter().for_each(|part| assert!(told.contains(part), "{part} is missing: {told}"));
}

/// It cannot work, and is told all of these.
fn assert_refused(output: &Output, parts: &[&str]) {
    assert_eq!(output.status.code(), Some(78), "{}", said(output));
    let told = said(output);
    parts.iter().for_each(|part| assert!(told.contains(part), "{part} is missing: {told}"));
}

#[test]
fn what_the_unit_hides_and_who_was_asked_is_told_and_nothing_is_left_behind() {
    let site = Site::new("");
    assert_warned(&site, &["warning: inbox.path, output.path", "PrivateTmp=yes", "works, with"]);
    assert_warned(&site, &["rights were tried as user", "sudo -u h5inbox h5inbox check-config"]);
    site.configure("source.quarantine = \"/home/somebody/quarantine\"");
    assert_warned(&site, &["source.quarantine: below /home", "ProtectHome"]);
    let quiet = h5inbox().args(["check-config", "--quiet"]).arg(site.config()).output().unwrap();
    assert!(quiet.stdout.is_empty() && !said(&quiet).contains("note: ") && said(&quiet).contains("warning: "));
    assert_eq!(fs::read_dir(site.path("")).unwrap().count(), 3, "configuration, inbox and outbox");
    assert_eq!(fs::read_dir(site.path("outbox")).unwrap().count(), 0);
}

#[test]
fn every_folder_that_cannot_be_used_is_named_with_the_user_and_what_to_do() {
    let site = Site::new("source.after = \"archive\"");
    site.open_to_everybody();
    if !site.as_somebody_else().arg("--version").output().unwrap().status.success() {
        eprintln!("not to be had here: to become another user takes root");
        return;
    }
    fs::remove_dir(site.path("outbox")).unwrap();
    fs::write(site.path("outbox"), "").unwrap();
    fs::set_permissions(site.path("inbox"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::create_dir(site.path("archive")).unwrap();
    fs::set_permissions(site.path("archive"), fs::Permissions::from_mode(0o700)).unwrap();
    let refused = checked_by(site.as_somebody_else(), &site);
    let parts = [
        "inbox.path:",
        "is not readable and writable for user nobody (Permission denied",
        "`chown nobody ",
        "output.path:",
        "is not a folder",
        "source.archive:",
    ];
    assert_refused(&refused, &parts);
    // Sources that are kept are only read.
    site.configure("");
    fs::remove_file(site.path("outbox")).unwrap();
    fs::set_permissions(site.path(""), fs::Permissions::from_mode(0o755)).unwrap();
    let refused = checked_by(site.as_somebody_else(), &site);
    assert_refused(&refused, &["does not exist and cannot be made", "`install -d -o nobody "]);
    assert!(!said(&refused).contains("inbox.path: is"), "{}", said(&refused));
}

#[test]
fn file_systems_that_do_not_suit_are_told() {
    let apart = another_file_system();
    let there = apart.path().display();
    let site = Site::new(&format!(
        "source.after = \"archive\"\nsource.archive = \"{there}/archive\"\nsource.quarantine = \"{there}/quarantine\"\n\
         output.durable = true"
    ));
    let parts =
        ["source.archive: is not on the mount of the inbox", "source.quarantine: is not on the mount", "copied"];
    assert_warned(&site, &parts);
    let text = fs::read_to_string(site.config()).unwrap();
    let ledger = site.path("state/ledger.sqlite");
    let text = text.replace(ledger.to_str().unwrap(), &format!("{there}/ledger.sqlite"));
    fs::write(site.config(), text.replace("source.after = \"archive\"", "source.after = \"delete\"")).unwrap();
    assert_warned(&site, &["ledger.url:", "is in memory (tmpfs)"]);
    site.configure("output.durable = false\nsource.after = \"delete\"");
    assert_warned(&site, &["output.durable: is false, and sources are deleted"]);
}

#[test]
fn disks_that_are_full_or_read_only_are_told_and_make_the_agent_wait_and_not_fail() {
    for wrong in Wrong::ALL {
        let site = Site::new("");
        let Some(disk) = Disk::mount(wrong, &site.path("outbox"), 8 << 20) else { continue };
        let told = said(&checked(&site));
        assert!(!told.contains("output.path: no file") && !told.contains("left of"), "{wrong:?}: {told}");
        disk.breaks();
        let output = checked(&site);
        let told = said(&output);
        if wrong == Wrong::ReadOnly {
            assert_refused(&output, &["output.path:", wrong.said(), "ReadWritePaths="]);
        } else {
            let room = ["no file can be made", "make room", "more files"];
            assert!(room.iter().any(|part| told.contains(part)) && output.status.success(), "{wrong:?}: {told}");
        }
    }
}

#[test]
fn ports_ledgers_and_agents_that_are_in_the_way_are_told() {
    let mut site = Site::new("");
    site.start();
    site.drop_in("a.json", b"{\"a\": 1}\n");
    site.wait_for("done", 1);
    assert_warned(&site, &[&format!("an agent runs with this ledger: process {}", site.pid())]);
    assert!(site.stop().success());
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let text = fs::read_to_string(site.config()).unwrap();
    fs::write(site.config(), text.replace("status.listen = \"\"", &format!("status.listen = \"{address}\""))).unwrap();
    assert_warned(&site, &["status.listen:", "is taken", "ss -ltnp"]);
    fs::rename(site.path("state/ledger.sqlite"), site.path("state/elsewhere.sqlite")).unwrap();
    assert_refused(&checked(&site), &["was filled with another ledger", "h5inbox ledger rebuild"]);
    fs::write(site.path("state/ledger.sqlite"), "no database, but long enough to be looked at".repeat(100)).unwrap();
    assert_refused(&checked(&site), &["ledger.url: the ledger is damaged", "h5inbox ledger rebuild"]);
}

#[test]
fn a_clock_that_is_behind_is_told() {
    let site = Site::new("");
    let tomorrow = std::time::SystemTime::now() + std::time::Duration::from_secs(86_400);
    fs::File::options().write(true).open(site.config()).unwrap().set_modified(tomorrow).unwrap();
    assert_warned(&site, &["and the clock says", "timedatectl"]);
}
