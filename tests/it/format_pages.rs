//! The pages on formats tell the truth: their Python and R is run on what their commands make.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::harness::{h5inbox, said};

/// The code in `language` on the page `page` of the docs.
fn code(page: &str, language: &str) -> Vec<String> {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(page)).unwrap();
    let opening = format!("```{language}\n");
    page.split(&opening).skip(1).map(|block| block.split("```").next().unwrap().to_owned()).collect()
}

/// A folder in which the commands at the beginning of `page` have run.
fn prepared(page: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(page)).unwrap();
    let commands: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("    h5inbox ")).collect();
    assert_eq!(commands.len(), 2, "{page}");
    for command in commands {
        let done = h5inbox().args(command.split(' ')).current_dir(folder.path()).output().unwrap();
        assert!(done.status.success(), "{command}: {}", said(&done));
    }
    folder
}

fn run(command: &mut Command, code: &str, folder: &Path) {
    let done = command.arg(code).current_dir(folder).output().unwrap();
    assert!(done.status.success(), "{code}\n{}", said(&done));
    assert!(!done.stdout.is_empty(), "{code}");
}

fn code_of_a_page_runs(page: &str, python: usize, r: usize) {
    let folder = prepared(page);
    let readers = std::env::var_os("H5INBOX_READERS").expect("H5INBOX_READERS is set by `make test`");
    let (pythons, rs) = (code(page, "python"), code(page, "r"));
    assert_eq!((pythons.len(), rs.len()), (python, r), "{page}");
    for code in pythons {
        run(Command::new(Path::new(&readers).join("plain/bin/python")).arg("-c"), &code, folder.path());
    }
    for code in rs {
        run(Command::new("Rscript").arg("-e"), &code, folder.path());
    }
}

#[test]
fn the_code_of_the_page_on_the_plain_layout_runs() {
    code_of_a_page_runs("format-plain.md", 3, 1);
}

#[test]
fn the_code_of_the_page_on_the_fixed_layout_runs() {
    code_of_a_page_runs("format-fixed.md", 2, 1);
}
