//! `h5inbox explain`: every reason for which a file is not processed is told, with what to do.

use std::fs::{self, File};
use std::os::unix::fs::symlink;

use serde_json::Value;

use super::harness::{Site, said};

const GOOD: &[u8] = b"{\"a\": 1}\n";

/// What is said of the file `path` of the site.
fn explained(site: &Site, path: &str) -> Value {
    let done = site.verb("explain", &["--json", site.path(path).to_str().unwrap()]);
    serde_json::from_slice(&done.stdout).unwrap_or_else(|_| panic!("{}", said(&done)))
}

#[test]
fn each_rule_by_which_a_file_is_left_alone_is_named_with_what_to_do() {
    let site = Site::new("inbox.exclude = [\"old*\"]\ninbox.manifest = [\"*.sums\"]\ninbox.done_marker = \".ok\"");
    let put = |name: &str| fs::write(site.path("inbox").join(name), GOOD).unwrap();
    fs::create_dir(site.path("inbox/sub")).unwrap();
    let names =
        [".hidden.json", "a.json.tmp", "a.json.ok", "x.sums", "a.csv", "old.json", "sub/a.json", "a.json", "b.json"];
    names.into_iter().for_each(put);
    symlink("a.json", site.path("inbox/link.json")).unwrap();
    fs::create_dir(site.path("inbox/folder.json")).unwrap();
    for (name, rule, because, todo) in [
        (".hidden.json", "hidden", "hidden", "rename"),
        ("a.json.tmp", "unfinished_name", "not finished", "rename"),
        ("a.json.ok", "marker", "inbox.done_marker", ""),
        ("x.sums", "manifest", "inbox.manifest", ""),
        ("a.csv", "not_included", "*.ndjson", "inbox.include"),
        ("old.json", "excluded", "old*", "inbox.exclude"),
        ("sub/a.json", "not_recursive", "inbox.recursive", "inbox.recursive = true"),
        ("link.json", "link", "symbolic link", "never followed"),
        ("folder.json", "not_a_file", "directory", "regular files"),
        ("absent.json", "absent", "does not exist", "history"),
        ("b.json", "no_marker", "no marker b.json.ok", "touch"),
        ("a.json", "no_manifest", "no manifest", "producer"),
        ("../elsewhere.json", "outside", "not in the inbox", "files are taken from"),
    ] {
        let found = explained(&site, &format!("inbox/{name}"));
        assert_eq!(found["rule"], rule, "{name}: {found}");
        assert!(found["because"].as_str().unwrap().contains(because), "{name}: {found}");
        assert!(found["todo"].as_str().unwrap_or_default().contains(todo), "{name}: {found}");
    }
}

#[test]
fn what_became_of_a_file_is_told_by_its_name_anywhere_and_a_newer_version_is_another() {
    let mut site = Site::new("source.after = \"archive\"\ninbox.recursive = true");
    let rule = |site: &Site, path: &str| explained(site, path)["rule"].as_str().unwrap().to_owned();
    site.drop_in("good.json", GOOD);
    assert_eq!(rule(&site, "inbox/good.json"), "no_agent");
    site.drop_in("sub/bad.json", b"{\"a\": 1}\nbad\n");
    assert_eq!(site.once().status.code(), Some(1));
    let bad = explained(&site, "inbox/sub/bad.json");
    assert_eq!((&bad["rule"], &bad["line"], &bad["state"]), (&"quarantined".into(), &2.into(), &"quarantined".into()));
    assert!(bad["todo"].as_str().unwrap().ends_with("h5inbox retry sub/bad.json"), "{bad}");
    assert_eq!(explained(&site, "quarantine/sub/bad.json")["job"], bad["job"]);
    for path in ["inbox/good.json", "outbox/good.h5"] {
        let good = explained(&site, path);
        assert_eq!(
            (&good["rule"], &good["source"], &good["rows"]),
            (&"done".into(), &"good.json".into(), &1.into()),
            "{path}"
        );
    }
    let people = site.verb("explain", &["good.json", "sub/bad.json"]);
    let text = String::from_utf8(people.stdout).unwrap();
    assert!(text.contains("good.json: it was converted: 1 rows in"), "{text}");
    assert!(text.contains("  error    line 2: ") && text.contains("  to do    correct it"), "{text}");
    // Another version of it.
    site.drop_in("good.json", b"{\"a\": 1}\n{\"a\": 2}\n");
    assert_eq!(rule(&site, "inbox/good.json"), "no_agent");
    site.start();
    site.wait_for("done", 2);
    let written = File::create(site.path("inbox/open.json")).unwrap();
    assert_eq!(rule(&site, "inbox/open.json"), "being_written");
    drop(written);
    assert_eq!(rule(&site, "outbox/nothing.h5"), "outside");
    fs::write(site.path("outbox/foreign.h5"), "no HDF5").unwrap();
    assert_eq!(rule(&site, "outbox/foreign.h5"), "foreign");
}
