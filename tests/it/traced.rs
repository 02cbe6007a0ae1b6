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
