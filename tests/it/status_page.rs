//! The page at `/` in a real browser: what it shows is what the ledger says, while files run through it.

use std::process::Command;

use super::harness::{Site, reader, said, wait_until};

/// Runs `tests/python/status_page.py`, which drops files and looks.
fn look(site: &Site, url: &str, more: &[&str]) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python/status_page.py");
    let mut python = Command::new(reader("3.1"));
    let done = python.args([script, url]).arg(site.path("inbox")).args(more).output().unwrap();
    let told = format!("{}{}", String::from_utf8_lossy(&done.stdout), said(&done));
    assert!(done.status.success(), "{told}\n{}", site.log());
}

#[test]
fn the_page_shows_what_the_ledger_says_while_files_run_through_and_names_stay_text() {
    let mut site = Site::new("source.after = \"archive\"");
    let address = site.listen();
    site.start();
    look(&site, &format!("http://{address}/"), &[]);
}

#[test]
fn the_page_says_why_nothing_happens_and_when_nobody_answers() {
    let mut site = Site::new("");
    let address = site.listen();
    let Some(disk) = super::disks::Disk::mount(super::disks::Wrong::Full, &site.path("outbox"), 1 << 20) else {
        return;
    };
    site.start();
    disk.breaks();
    site.drop_in("a.json", b"{\"a\": 1}\n");
    wait_until("it pauses", || !site.status()["paused"].is_null());
    let pid = site.pid().to_string();
    look(&site, &format!("http://{address}/"), &["--paused", "--then-kill", &pid]);
    site.kill();
    disk.heals();
}
