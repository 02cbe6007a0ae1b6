//! Very many files at once, more than the kernel has events for.
//!
//! `H5INBOX_BURST=50000 cargo test --release burst` drops that many.

use std::fs;
use std::time::Instant;

use rustix::process::Signal;

use super::harness::{Site, wait_until};

/// Enough to overflow the kernel's queue of events, of which each file fills two.
const FILES: usize = 20_000;
/// Bytes of memory that no burst may take the agent over.
const MOST_MEMORY: u64 = 200 << 20;

/// The most memory that the agent has had.
fn peak(site: &Site) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", site.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

#[test]
fn a_burst_that_overflows_the_kernels_queue_comes_out_whole_and_in_bounded_memory() {
    let files: usize = std::env::var("H5INBOX_BURST").map_or(FILES, |number| number.parse().unwrap());
    let mut site = Site::new("output.durable = false\ninbox.scan_interval_secs = 86400");
    site.start();
    let begun = Instant::now();
    for number in 0..files {
        if number == files / 10 {
            // What comes from here on nobody takes out of the queue.
            site.signal(Signal::STOP);
        }
        fs::write(site.path(&format!("inbox/{number}.json")), format!("{{\"n\": {number}}}\n")).unwrap();
    }
    site.signal(Signal::CONT);
    let dropped = begun.elapsed();
    wait_until("all are done", || site.status()["files"]["done"].as_u64() == Some(files as u64));
    eprintln!("{files} files: dropped in {dropped:?}, all done after {:?}, {} MiB", begun.elapsed(), peak(&site) >> 20);
    assert!(site.status()["watch"]["overflows"].as_u64() >= Some(1));
    assert!(peak(&site) < MOST_MEMORY, "{} bytes", peak(&site));
    assert_eq!(site.names("outbox").len(), files);
    site.stop();
    let rows: u64 = site.status()["rows"].as_u64().unwrap();
    assert_eq!(rows, files as u64);
}
