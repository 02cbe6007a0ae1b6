//! The program's calls to the kernel, as strace sees them: recorded in one run, and in another stopped at one of them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Calls that change what is on disk, or make it last.
const CHANGES: &str = "openat,write,writev,pwrite64,fsync,fdatasync,ftruncate,fallocate,copy_file_range,sendfile,\
                       mkdir,rename,renameat2,linkat,unlink,unlinkat,rmdir,fchmod,utimensat";

/// One call of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) call: String,
    /// The paths among its arguments, descriptors told by what they are of.
    pub(crate) paths: Vec<PathBuf>,
    /// Which call of this kind it is in its thread that has the first of these paths, from 1.
    pub(crate) nth: usize,
    /// As strace writes it.
    pub(crate) text: String,
}

impl Step {
    pub(crate) fn path(&self) -> &Path {
        &self.paths[0]
    }

    /// Whether it changed anything, as far as is known.
    fn changes(&self) -> bool {
        let opens = self.call == "openat" && !self.text.contains("O_CREAT") && !self.text.contains("O_TRUNC");
        !opens && !self.text.contains(") = -1 ")
    }
}

/// The program, killed at a thread's n-th call of a kind, which does not happen any more; if files are named, at a call
/// on one of these.
pub(crate) fn killed_at(call: &str, when: usize, on: &[PathBuf]) -> Command {
    let mut traced = injected(&[call], &[format!("{call}:signal=KILL:when={when}")]);
    for file in on {
        traced.arg("-P").arg(file);
    }
    traced.arg(env!("CARGO_BIN_EXE_h5inbox"));
    traced
}

/// strace, yet without a program, that does something at these `calls`.
pub(crate) fn injected(calls: &[&str], injections: &[String]) -> Command {
    let mut traced = Command::new("strace");
    traced.args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={}", calls.join(","))]);
    for injection in injections {
        traced.args(["-e", &format!("inject={injection}")]);
    }
    traced
}

/// The program, its calls written to `log`.
pub(crate) fn recorded(log: &Path) -> Command {
    let mut traced = Command::new("strace");
    traced.args(["-f", "-qq", "-y", "-s", "4096", "-e", &format!("trace={CHANGES}"), "-o"]).arg(log);
    traced.arg(env!("CARGO_BIN_EXE_h5inbox"));
    traced
}

/// As [`recorded`], with all that is written.
pub(crate) fn recorded_whole(log: &Path) -> Command {
    let mut traced = Command::new("strace");
    traced.args(["-f", "-qq", "-y", "-x", "-s", "1000000", "-e", &format!("trace={CHANGES}"), "-o"]).arg(log);
    traced.arg(env!("CARGO_BIN_EXE_h5inbox"));
    traced
}

/// The calls in `log` that went well, in the order in which they ended: name, arguments, and the paths of these below `root`.
pub(crate) fn complete(log: &Path, root: &Path) -> Vec<(String, String, Vec<PathBuf>)> {
    const UNFINISHED: &str = " <unfinished ...>";
    let text = std::fs::read_to_string(log).unwrap();
    let mut begun: HashMap<&str, String> = HashMap::new();
    let mut calls = Vec::new();
    for line in text.lines() {
        let Some((thread, rest)) = line.split_once(' ') else { continue };
        let rest = rest.trim_start();
        if let Some(start) = rest.strip_suffix(UNFINISHED) {
            begun.insert(thread, start.to_owned());
            continue;
        }
        let resumed = rest.strip_prefix("<... ").and_then(|rest| rest.split_once(" resumed>"));
        let whole = match resumed {
            Some((_, end)) => begun.remove(thread).unwrap_or_default() + end,
            None => rest.to_owned(),
        };
        let Some((call, rest)) = whole.split_once('(') else { continue };
        let Some((arguments, result)) = rest.rsplit_once(" = ") else { continue };
        if result.starts_with("-1") || result.starts_with('?') {
            continue;
        }
        let arguments = arguments.trim_end();
        let arguments = arguments.strip_suffix(')').unwrap_or(arguments);
        let named = if call.contains("write") { arguments.split('"').next().unwrap_or_default() } else { arguments };
        let found = whole_paths(named).into_iter().filter(|path| path.starts_with(root)).collect();
        calls.push((call.to_owned(), arguments.to_owned(), found));
    }
    calls
}

/// The calls in `log` that change something below one of `roots`, in order.
pub(crate) fn steps(log: &Path, roots: &[&Path]) -> Vec<Step> {
    let text = std::fs::read_to_string(log).unwrap();
    let mut counted: HashMap<(&str, &str, PathBuf), usize> = HashMap::new();
    let mut steps = Vec::new();
    for (thread, call, arguments) in text.lines().filter_map(parts) {
        // What is written may look like anything.
        let named = if call.contains("write") { arguments.split('"').next().unwrap_or_default() } else { arguments };
        let paths: Vec<PathBuf> = paths(named).filter(|path| roots.iter().any(|root| path.starts_with(root))).collect();
        let mut count = |path: &PathBuf| {
            let count = counted.entry((thread, call, path.clone())).or_default();
            *count += 1;
            *count
        };
        let numbers: Vec<usize> = paths.iter().map(&mut count).collect();
        if let Some(nth) = numbers.first() {
            steps.push(Step { call: call.to_owned(), nth: *nth, paths, text: arguments.to_owned() });
        }
    }
    steps.retain(Step::changes);
    steps
}

/// Thread, call and the rest of a line; none of a line that only tells how a call ended.
fn parts(line: &str) -> Option<(&str, &str, &str)> {
    let (thread, line) = line.split_once(' ')?;
    let (call, arguments) = line.trim_start().split_once('(')?;
    call.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_').then_some((thread, call, arguments))
}

/// Absolute paths in quotes or, behind a descriptor, in angle brackets.
fn paths(arguments: &str) -> impl Iterator<Item = PathBuf> {
    let ends = |start: usize| {
        let close = if arguments.as_bytes()[start] == b'"' { '"' } else { '>' };
        arguments[start + 1..].find(close).map(|length| PathBuf::from(&arguments[start + 1..start + 1 + length]))
    };
    let starts = arguments.match_indices(['"', '<']).map(|(start, _)| start);
    starts.filter_map(ends).filter(|path| path.is_absolute())
}

/// The paths that arguments name: a name behind an open folder is one in it.
fn whole_paths(arguments: &str) -> Vec<PathBuf> {
    let (mut found, mut rest) = (Vec::new(), arguments);
    while let Some(start) = rest.find(['"', '<']) {
        let quoted = |text: &str| {
            text.strip_prefix('"').and_then(|text| text.split_once('"')).map(|(a, b)| (a.to_owned(), b.to_owned()))
        };
        let at = &rest[start..];
        if let Some((name, behind)) = quoted(at) {
            found.push(PathBuf::from(name));
            rest = &rest[rest.len() - behind.len()..];
            continue;
        }
        let Some((folder, behind)) = at[1..].split_once('>') else { break };
        if let Some((name, end)) = behind.strip_prefix(", ").and_then(quoted) {
            found.push(Path::new(folder).join(name));
            rest = &rest[rest.len() - end.len()..];
        } else {
            found.push(PathBuf::from(folder));
            rest = behind;
        }
    }
    found
}
