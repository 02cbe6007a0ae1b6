//! What is relied on has been synced before: the calls of a run, held against the least that a file system must keep when
//! the power fails. Real file systems keep more, and hide a sync that is missing; here each is missed.
//!
//! The least is what the manuals say: content lasts once its file is synced, and a name, made or changed, once its folder
//! is, whatever else was synced meanwhile. Points of no return are the commits of the ledger, and the calls by which a
//! source leaves the inbox: at each, nothing that has a name in the other folders may be there for a moment only.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::harness::{Site, another_file_system, said};
use super::traced::{Step, recorded, steps};

/// What a power cut would take, and which call did it.
#[derive(Default)]
struct Unsynced {
    /// Changed names, by path.
    names: BTreeMap<PathBuf, String>,
    /// Files whose content was written to.
    contents: BTreeMap<PathBuf, String>,
}

impl Unsynced {
    fn take(&mut self, step: &Step) {
        let (path, told) = (step.path().to_path_buf(), format!("{}({}", step.call, step.text));
        match step.call.as_str() {
            "fsync" => self.sync(&path),
            "openat" | "mkdir" => drop(self.names.insert(path, told)),
            "rename" | "renameat2" | "linkat" => self.rename(&path, &step.paths[1], told),
            // What has no name any more can lose nothing; that it has none is for the next sync to keep.
            "unlink" | "unlinkat" | "rmdir" => {
                self.contents.remove(&path);
                self.names.insert(path, told);
            }
            "fchmod" | "utimensat" => {}
            _ => drop(self.contents.insert(path, told)),
        }
    }

    fn sync(&mut self, path: &Path) {
        self.contents.remove(path);
        self.names.retain(|name, _| name.parent() != Some(path));
    }

    fn rename(&mut self, from: &Path, to: &Path, told: String) {
        if let Some(written) = self.contents.remove(from) {
            self.contents.insert(to.to_owned(), written);
        }
        self.names.remove(from);
        self.names.insert(to.to_owned(), told);
    }

    /// What would be gone that is below one of `folders`. Removals there may come again: recovery repeats them.
    fn below(&self, folders: &[PathBuf]) -> Vec<&String> {
        let is_below = |path: &Path| {
            folders.iter().any(|folder| path.starts_with(folder))
                && path.file_name().is_some_and(|name| name != "in-hand")
        };
        let kept = |(path, told): &(&PathBuf, &String)| {
            is_below(path) && !told.starts_with("unlink") && !told.starts_with("rmdir")
        };
        self.names.iter().chain(&self.contents).filter(kept).map(|(_, told)| told).collect()
    }
}

/// Whether what follows relies on all that was done before.
fn is_point_of_no_return(step: &Step, inbox: &Path) -> bool {
    let name = step.path().file_name().unwrap_or_default();
    let in_inbox = step.path().starts_with(inbox);
    match step.call.as_str() {
        "fsync" => name == "ledger.sqlite-wal",
        "unlink" => in_inbox,
        "rename" | "renameat2" => in_inbox && !step.paths[1].starts_with(inbox),
        _ => false,
    }
}

/// Follows a run with one source: the calls for others would come in between.
fn assert_in_order(config: &str, elsewhere: bool, name: &str, content: &str) {
    let there = another_file_system();
    let at = there.path().display();
    let apart = format!("source.archive = \"{at}/archive\"\nsource.quarantine = \"{at}/quarantine\"\n");
    let site =
        Site::new(&format!("{config}\ninbox.recursive = true\n{}", if elsewhere { apart } else { String::new() }));
    // All folders are made by the agent.
    fs::remove_dir(site.path("outbox")).unwrap();
    site.drop_in(name, content.as_bytes());
    let log = site.path("calls");
    let run = site.once_by(recorded(&log));
    let own = ["outbox", "archive", "quarantine"]
        .map(|name| if elsewhere && name != "outbox" { there.path().join(name) } else { site.path(name) });
    let inbox = site.path("inbox");
    let mut unsynced = Unsynced::default();
    let mut returns = 0;
    for step in steps(&log, &[&site.path(""), there.path()]) {
        if is_point_of_no_return(&step, &inbox) {
            returns += 1;
            let lost = unsynced.below(&own);
            assert!(lost.is_empty(), "{config}: {}({} relies on {lost:#?}\n{}", step.call, step.text, said(&run));
        }
        unsynced.take(&step);
    }
    assert!(returns >= 2, "{config}: only {returns} points of no return\n{}", said(&run));
    let lost = unsynced.below(&own);
    assert!(lost.is_empty(), "{config}: left for a power cut to take: {lost:#?}\n{}", said(&run));
}

const GOOD: &str = "{\"a\": 1}\n";
const BAD: &str = "bad\n";

#[test]
fn nothing_is_relied_on_before_it_is_synced() {
    for elsewhere in [false, true] {
        for after in ["keep", "archive", "delete"] {
            let config = format!("source.after = \"{after}\"");
            assert_in_order(&config, elsewhere, "sub/deeper/f0.json", GOOD);
            assert_in_order(&config, elsewhere, "sub/deeper/f0.json", BAD);
        }
        let skip = "source.after = \"archive\"\nrecords.on_bad_record = \"skip\"";
        assert_in_order(skip, elsewhere, "sub/f0.json", "{\"a\": 1}\nbad\n");
    }
}
