//! Bad input: a clear outcome each, nothing lost, and the next file goes on.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use super::harness::{Site, wait_until};

const GOOD: &[u8] = b"{\"a\": 1}\n";

/// Sources that are refused: name, content, error code, and a part of the message.
fn refused() -> Vec<(&'static str, Vec<u8>, &'static str, &'static str)> {
    let deep = [b"{\"a\": ".to_vec(), vec![b'['; 100_000]].concat();
    let closed = [b"{\"a\": ".to_vec(), vec![b'['; 100_000], vec![b']'; 100_000], b"}\n".to_vec()].concat();
    vec![
        ("malformed.json", b"{\"a\": 1}\n{\"a\" 2}\n".to_vec(), "bad_json", "expected `:` after the key"),
        ("utf8.json", b"{\"a\": \"\xff\"}\n".to_vec(), "bad_utf8", "not UTF-8"),
        ("truncated.json", b"{\"a\": 1}\n{\"a\": 2".to_vec(), "truncated", "ends too early: expected `,` or `}`"),
        ("list-after.json", b"{\"a\": 1}\n[1]\n".to_vec(), "mixed_lines", "expected an object as in the first record"),
        ("number-after.json", b"{\"a\": 1}\n1\n".to_vec(), "mixed_lines", "found a single value"),
        ("surrogate-key.json", b"{\"a\": 1}\n{\"\\ud800\": 2}\n".to_vec(), "lone_surrogate", "the key `"),
        ("nul-key.json", b"{\"a\": 1}\n{\"a\\u0000\": 2}\n".to_vec(), "colliding_labels", "differ only by NUL"),
        ("surrogate.json", b"{\"a\": \"x\"}\n{\"a\": \"\\ud800\"}\n".to_vec(), "lone_surrogate", "column `a`"),
        ("array.json", b"[\n{\"a\": 1},\n]\n".to_vec(), "bad_json", "expected a JSON value, found `]`"),
        ("latin1.json", b"{\"a\": \"caf\xe9\"}\n".to_vec(), "bad_utf8", "Windows-1252"),
        ("utf16.json", b"\xff\xfe{\0}\0".to_vec(), "not_json_text", "UTF-16"),
        ("utf32.json", b"\0\0\0{\0\0\0}".to_vec(), "not_json_text", "UTF-32"),
        ("nul.json", vec![0; 5_000_000], "bad_json", "found NUL"),
        ("deep.json", deep, "limit_depth", "deeper than 512"),
        ("deep-closed.json", closed, "limit_depth", "deeper than 512"),
        (
            "long-line.json",
            [&b"{\"a\": \""[..], &vec![b'x'; 3 << 20], b"\"}\n"].concat(),
            "limit_record_bytes",
            "2097152",
        ),
        ("digits.json", [&b"{\"a\": "[..], &vec![b'1'; 5000], b"}\n"].concat(), "bad_json", "4300 digits"),
    ]
}

#[test]
fn each_defect_is_quarantined_with_a_report_and_the_next_file_goes_on() {
    let mut site = Site::new("source.after = \"archive\"\nlimits.record_bytes = 2097152");
    site.start();
    let cases = refused();
    for (name, content, ..) in &cases {
        site.drop_in(name, content);
    }
    site.drop_in("good.json", GOOD);
    site.wait_for("quarantined", cases.len());
    site.wait_for("done", 1);
    assert_eq!(site.names("outbox"), ["good.h5"]);
    assert_eq!(site.unfinished(), 0);
    let history = site.history();
    for (name, content, code, message) in &cases {
        let job = history.iter().find(|job| job["path"] == *name).unwrap();
        assert_eq!(job["error_code"], *code, "{job}");
        assert!(job["error"].as_str().unwrap().contains(message), "{job}");
        assert!(job["line"].is_u64() && job["byte"].is_u64(), "{job}");
        assert!(job["error"].as_str().unwrap().contains(", near `"), "{job}");
        wait_until("the source is in the quarantine", || site.path("quarantine").join(name).exists());
        assert!(fs::read(site.path("quarantine").join(name)).unwrap() == *content, "{name} was changed");
        wait_until("the report is there", || site.path("quarantine").join(format!("{name}.reason.txt")).exists());
        let report = fs::read_to_string(site.path("quarantine").join(format!("{name}.reason.txt"))).unwrap();
        assert!(report.contains(message) && report.contains("h5inbox retry"), "{report}");
        assert!(report.contains(&format!("byte:     {}\n", job["byte"])) && report.contains(", near `"), "{report}");
        let told = |line: &&str| line.contains("file.quarantined") && line.contains(&format!(" path={name} "));
        let log = site.log();
        let line = log.lines().find(told).unwrap_or_else(|| panic!("{name} is not in the log"));
        assert!(line.contains(&format!(" byte={}", job["byte"])) && line.contains(" attempt=1 "), "{line}");
    }
}

#[test]
fn a_kept_source_that_failed_is_not_tried_again_until_it_changes() {
    let mut site = Site::new("");
    site.start();
    site.drop_in("a.json", b"nonsense\n");
    site.wait_for("quarantined", 1);
    assert_eq!(site.names("inbox"), ["a.json"]);
    assert_eq!(site.names("quarantine"), ["a.json.reason.txt"]);
    site.stop();
    site.start();
    site.drop_in("b.json", GOOD);
    site.wait_for("done", 1);
    assert_eq!(site.states("a.json"), ["quarantined"]);
    site.drop_in("a.json", GOOD);
    site.wait_for("done", 2);
    wait_until("what the report said is past", || site.names("quarantine").is_empty());
}

#[test]
fn the_longest_name_has_a_report_too() {
    for after in ["keep", "archive"] {
        let mut site = Site::new(&format!("source.after = \"{after}\""));
        site.start();
        let name = format!("{}.json", "x".repeat(250));
        site.drop_in(&name, b"nonsense\n");
        let reports = || site.names("quarantine").into_iter().filter(|name| name.ends_with(".reason.txt")).count();
        wait_until("the report is there", || reports() == 1);
        site.stop();
        assert!(!site.log().contains("ERROR"), "{after}");
        assert_eq!(site.once().status.code(), Some(0), "{after}: nothing is left to do");
    }
}

#[test]
fn empty_files_and_blank_lines_are_empty_frames() {
    let mut site = Site::new("");
    site.start();
    fs::write(site.path("inbox/empty.json"), "").unwrap();
    site.drop_in("blank.json", b"\n  \n\t\r\n");
    site.wait_for("done", 2);
    assert_eq!(site.names("outbox"), ["blank.h5", "empty.h5"]);
}

#[test]
fn a_hundred_megabyte_line_is_converted() {
    let mut site = Site::new("");
    site.start();
    site.drop_in("long.json", &[&b"{\"a\": \""[..], &vec![b'x'; 100 << 20], b"\"}\n"].concat());
    site.wait_for("done", 1);
    assert_eq!(site.history()[0]["rows"], 1);
}

#[test]
fn links_pipes_and_folders_are_left_alone_and_told_of() {
    let mut site = Site::new("");
    fs::write(site.path("secret"), GOOD).unwrap();
    std::os::unix::fs::symlink(site.path("secret"), site.path("inbox/link.json")).unwrap();
    fs::create_dir(site.path("inbox/folder.json")).unwrap();
    assert!(Command::new("mkfifo").arg(site.path("inbox/pipe.json")).status().unwrap().success());
    site.start();
    site.drop_in("good.json", GOOD);
    site.wait_for("done", 1);
    assert_eq!(site.names("outbox"), ["good.h5"]);
    assert_eq!(site.history().len(), 1);
    let log = site.log();
    for what in ["symbolic link", "named pipe", "directory"] {
        assert!(log.contains(what), "{what} is not told of");
    }
}

#[test]
fn an_unreadable_file_waits_until_it_can_be_read() {
    let mut site = Site::new("");
    site.open_to_everybody();
    let command = site.as_somebody_else();
    site.drop_in("locked.json", GOOD);
    fs::set_permissions(site.path("inbox/locked.json"), fs::Permissions::from_mode(0o0)).unwrap();
    site.drop_in("good.json", b"{\"b\": 2}\n");
    site.spawn(command);
    wait_until("the other file is done", || site.path("outbox/good.h5").exists());
    assert!(!site.path("outbox/locked.h5").exists() && site.names("quarantine").is_empty());
    fs::set_permissions(site.path("inbox/locked.json"), fs::Permissions::from_mode(0o644)).unwrap();
    wait_until("it is done too", || site.path("outbox/locked.h5").exists());
}
