//! `status` as a person sees it: on a real terminal (a pseudo-terminal made by script(1)), in a pipe, once and for ever.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};

use super::harness::{Site, h5inbox, said, wait_until};

/// Takes the other screen, and gives it back.
const ENTER: &str = "\x1b[?1049h";
const LEAVE: &str = "\x1b[?1049l";

/// The program on a terminal; what it writes comes out of the pipe, and at the end how it ended. (What script(1) itself
/// returns is not always that, on a busy machine.)
fn on_terminal(site: &Site, arguments: &str) -> Command {
    let program = env!("CARGO_BIN_EXE_h5inbox");
    // The shell stays, whatever is typed.
    let line = format!("trap : INT; {program} status --config {} {arguments}; echo code $?", site.config().display());
    let mut script = Command::new("script");
    script.args(["--quiet", "--flush", "--command", &line, "/dev/null"]);
    script.env("TERM", "xterm").env_remove("NO_COLOR").stdin(Stdio::piped()).stdout(Stdio::piped());
    script
}

fn text(site: &Site, more: &[&str]) -> String {
    let output = site.verb("status", more);
    assert!(output.status.success(), "{}", said(&output));
    String::from_utf8(output.stdout).unwrap()
}

fn first_line(site: &Site) -> String {
    text(site, &[]).lines().next().unwrap().to_owned()
}

#[test]
fn the_first_line_says_whether_it_is_healthy_and_if_not_why_and_what_to_do() {
    let mut site = Site::new("");
    let line = first_line(&site);
    assert!(line.starts_with("not running: ") && line.contains("systemctl start"), "{line}");
    site.start();
    assert_eq!(first_line(&site), "healthy: nothing waits");
    site.drop_in("bad.json", b"oops\n");
    site.wait_for("quarantined", 1);
    let line = first_line(&site);
    assert!(line.starts_with("needs a look: 1 source cannot be converted"), "{line}");
    assert!(line.contains("h5inbox history --state quarantined"), "{line}");
}

#[test]
fn colours_are_for_terminals_that_want_them() {
    let site = Site::new("");
    let seen = |variable: Option<&str>| {
        let mut command = on_terminal(&site, "");
        variable.map(|value| command.env("NO_COLOR", value));
        let output = command.output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let coloured = seen(None);
    assert!(coloured.contains("\x1b[31m") && coloured.contains("not running"), "{coloured:?}");
    assert!(!seen(Some("1")).contains('\x1b'));
    let piped = h5inbox().env_remove("NO_COLOR").arg("status").arg("--config").arg(site.config()).output().unwrap();
    assert!(piped.status.success() && !piped.stdout.contains(&0x1b));
}

/// Reads from the terminal until `enough`; everything that was read.
fn read_until(child: &mut Child, enough: impl Fn(&str) -> bool) -> String {
    let mut seen = Vec::new();
    let stdout = child.stdout.as_mut().unwrap();
    let mut some = [0; 4096];
    while !enough(&String::from_utf8_lossy(&seen)) {
        let length = stdout.read(&mut some).unwrap();
        assert!(length > 0, "it ended: {:?}", String::from_utf8_lossy(&seen));
        seen.extend_from_slice(&some[..length]);
    }
    String::from_utf8_lossy(&seen).into_owned()
}

#[test]
fn a_terminal_that_was_watched_on_is_given_back_and_shows_what_was_seen_last() {
    let mut site = Site::new("");
    let mut child = on_terminal(&site, "--watch").spawn().unwrap();
    let before = read_until(&mut child, |seen| seen.contains("not running") && seen.contains("nothing converted yet"));
    assert!(before.contains(ENTER) && before.contains("\x1b[?25l"), "{before:?}");
    site.start();
    read_until(&mut child, |seen| seen.contains("healthy"));
    site.drop_in("a.json", b"{\"a\": 1}\n");
    read_until(&mut child, |seen| seen.contains("1 done"));
    // Ctrl-C, typed.
    child.stdin.as_mut().unwrap().write_all(b"\x03").unwrap();
    let after = read_until(&mut child, |seen| seen.contains(LEAVE));
    let mut rest = String::new();
    child.stdout.as_mut().unwrap().read_to_string(&mut rest).unwrap();
    child.wait().unwrap();
    let end = after + &rest;
    assert!(end.trim_end().ends_with("code 0"), "{end:?}");
    let (_, kept) = end.split_once(LEAVE).unwrap();
    assert!(end.contains("\x1b[?25h") && kept.contains("1 done") && !kept.contains(ENTER), "{end:?}");
}

#[test]
fn a_watch_ends_when_nobody_reads_it_any_more() {
    let site = Site::new("");
    let watch = |more: &[&str]| {
        let mut command = h5inbox();
        command.arg("status").arg("--config").arg(site.config()).args(more).stdout(Stdio::piped()).spawn().unwrap()
    };
    let mut programs = watch(&["--json", "--watch", "1"]);
    let lines: Vec<String> =
        BufReader::new(programs.stdout.take().unwrap()).lines().take(2).map(Result::unwrap).collect();
    for line in lines {
        let status: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(status["running"], false);
    }
    let mut people = watch(&["--watch"]);
    drop(people.stdout.take());
    for child in [&mut programs, &mut people] {
        wait_until("it has ended", || child.try_wait().unwrap().is_some());
        assert!(child.wait().unwrap().success());
    }
}

#[test]
fn a_watch_that_was_not_asked_for_well_is_refused() {
    let site = Site::new("");
    for wrong in ["0", "soon"] {
        assert_eq!(site.verb("status", &["--watch", wrong]).status.code(), Some(2), "{wrong}");
    }
}
