//! The Python module, built as a wheel and installed: what it promises, in threads, in processes and on a cluster.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use tempfile::TempDir;

use super::harness::{run, said};
use super::pages::blocks;

/// The folder of installed tools and environments.
fn tools() -> PathBuf {
    std::env::var_os("H5INBOX_READERS").expect("H5INBOX_READERS is set by `make test`; see CONTRIBUTING.md").into()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The module, made as `make wheel` makes it but for the optimisation, and installed into a folder of its own.
fn installed() -> &'static Path {
    static INSTALLED: OnceLock<PathBuf> = OnceLock::new();
    INSTALLED.get_or_init(|| {
        let folder = root_of_builds().join("python");
        let wheel = succeed(Command::new(root().join(".ci/wheel")).arg("dev").arg(&folder));
        let site = folder.join("site");
        let _ = fs::remove_dir_all(&site);
        let mut pip = python();
        pip.args(["-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target"]).arg(&site);
        succeed(pip.arg(wheel.trim()));
        site
    })
}

/// A folder of this build, which is there again next time.
fn root_of_builds() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
}

/// A Python with pandas and Dask.
fn python() -> Command {
    Command::new(tools().join("batch/bin/python"))
}

fn succeed(command: &mut Command) -> String {
    let done = command.output().unwrap();
    let told = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(done.status.success(), "{command:?}:\n{told}{}", said(&done));
    told
}

/// Runs a script of `tests/python/` with the module, in an empty folder.
fn script(name: &str, arguments: &[&str], sources: &[PathBuf]) {
    let folder = tempfile::tempdir().unwrap();
    let mut command = python();
    command.env("PYTHONPATH", installed()).arg(root().join("tests/python").join(name));
    let (promise, more) = arguments.split_at(arguments.len().min(1));
    succeed(command.args(promise).arg(folder.path()).args(more).args(sources));
}

/// Stock data: so many files, each of two days, in the folder `data`.
fn stock(files: u32) -> (TempDir, Vec<PathBuf>) {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let done = run(&["sample-data", data.to_str().unwrap(), "--files", &files.to_string(), "--days", "2"]);
    assert!(done.status.success(), "{}", said(&done));
    let mut sources: Vec<PathBuf> = fs::read_dir(data).unwrap().map(|entry| entry.unwrap().path()).collect();
    sources.sort();
    (folder, sources)
}

#[test]
fn a_call_reports_what_it_did_or_raises_what_is_wrong_and_both_can_be_pickled() {
    for promise in ["reports", "options", "schemas", "exceptions"] {
        script("module.py", &[promise], &[]);
    }
    script("module.py", &["flags", env!("CARGO_BIN_EXE_h5inbox")], &[]);
}

#[test]
fn a_second_call_finds_its_output_and_takes_no_other_files_place() {
    script("module.py", &["again"], &[]);
}

#[test]
fn ctrl_c_leaves_nothing_half_done_and_other_threads_run_meanwhile() {
    let (_folder, sources) = stock(20);
    script("module.py", &["interrupted"], &sources);
    script("module.py", &["unlocked"], &sources);
}

#[test]
fn threads_and_processes_forked_or_spawned_give_what_pandas_gives() {
    let (_folder, sources) = stock(24);
    script("module_pools.py", &["threads"], &sources);
    script("module_pools.py", &["processes"], &sources);
}

#[test]
fn calls_that_race_for_one_output_all_end_well_with_one_whole_output() {
    let (_folder, sources) = stock(8);
    script("module_pools.py", &["raced"], &sources);
}

#[test]
fn a_killed_conversion_leaves_no_output_and_what_it_left_goes_with_the_next() {
    let (_folder, sources) = stock(20);
    script("module_pools.py", &["killed"], &sources);
}

#[test]
fn a_process_forked_in_the_middle_of_a_conversion_never_hangs() {
    let (_folder, sources) = stock(3);
    script("module_pools.py", &["forked"], &sources);
}

#[test]
fn dask_runs_the_tasks_of_a_killed_worker_again_and_outputs_are_whole_and_equal() {
    let (_folder, sources) = stock(60);
    script("module_dask.py", &[], &sources);
}

#[test]
fn the_stubs_and_the_types_are_those_of_the_module_and_its_version_is_ours() {
    let mut stubtest = python();
    stubtest.env("MYPYPATH", installed()).env("PYTHONPATH", installed()).current_dir(installed());
    succeed(stubtest.args(["-m", "mypy.stubtest", "h5inbox"]));
    let mut types = python();
    let cache = tempfile::tempdir().unwrap();
    types.args(["-m", "mypy", "--strict", "--cache-dir"]).arg(cache.path());
    succeed(types.arg(root().join("src/python/h5inbox")));
    let version = "import h5inbox; print(h5inbox.__version__, end='')";
    let told = succeed(python().env("PYTHONPATH", installed()).args(["-c", version]));
    assert_eq!(told, env!("CARGO_PKG_VERSION"));
}

#[test]
fn what_the_page_shows_for_pools_dask_and_slurm_runs() {
    for block in blocks("python.md").iter().filter(|block| block.language == "python" && block.whose != "ray") {
        let (folder, sources) = stock(6);
        let program = folder.path().join("program.py");
        fs::write(&program, &block.text).unwrap();
        // As one of two tasks of an array, and then as the other.
        for task in ["0", "1"] {
            let mut python = python();
            python.env("SLURM_ARRAY_TASK_ID", task).env("SLURM_ARRAY_TASK_COUNT", "2");
            succeed(python.env("PYTHONPATH", installed()).current_dir(folder.path()).arg(&program));
        }
        let outputs = ["data", "h5"].map(|name| fs::read_dir(folder.path().join(name)).into_iter().flatten());
        let made = outputs.into_iter().flatten().filter(|entry| {
            entry.as_ref().is_ok_and(|entry| entry.path().extension().is_some_and(|ending| ending == "h5"))
        });
        let wanted = if block.text.contains("glob") { sources.len() } else { 1 };
        assert_eq!(made.count(), wanted, "{}", block.text);
    }
}
