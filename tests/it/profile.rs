//! What a run cost: the page of `convert --profile` and of the agent, and the page in a real browser.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use super::harness::{Site, h5inbox, reader, said, wait_until};

const GOOD: &[u8] = b"{\"a\": 1, \"b\": \"x\"}\n";

fn convert(folder: &Path, page: &Path, more: &[&str]) -> Output {
    h5inbox().arg("convert").arg(folder).arg("--profile").arg(page).args(more).output().unwrap()
}

/// The figures in a page.
fn data(page: &Path) -> Value {
    let text = fs::read_to_string(page).unwrap();
    let (_, rest) = text.split_once("<script type=\"application/json\" id=\"data\">").unwrap();
    serde_json::from_str(rest.split_once("</script>").unwrap().0).unwrap()
}

fn us_of(data: &Value, stage: &str) -> u64 {
    let mut stages = data["stages"].as_array().unwrap().iter();
    stages.find(|entry| entry["name"] == stage).unwrap()["us"].as_u64().unwrap()
}

/// A record that makes a file of some size when repeated.
fn records(rows: u32) -> String {
    let record =
        |row: u32| format!("{{\"row\": {row}, \"text\": \"t{}\", \"half\": {}}}\n", row % 1000, f64::from(row) / 2.0);
    (0..rows).map(record).collect()
}

#[test]
fn the_page_tells_of_every_file_and_the_outputs_are_the_same_with_and_without_it() {
    let folder = tempfile::tempdir().unwrap();
    let (sources, page) = (folder.path().join("in"), folder.path().join("page.html"));
    fs::create_dir(&sources).unwrap();
    for (name, rows) in [("a.json", 4000), ("b.json", 2000), ("c.json", 1)] {
        fs::write(sources.join(name), records(rows)).unwrap();
    }
    fs::write(sources.join("bad.json"), "{\"a\": }\n").unwrap();
    let outputs = ["plain", "profiled"].map(|name| folder.path().join(name));
    let plain = h5inbox().arg("convert").arg(&sources).arg("--outdir").arg(&outputs[0]).output().unwrap();
    let done = convert(&sources, &page, &["--durable", "--workers", "2", "--outdir", outputs[1].to_str().unwrap()]);
    assert_eq!((plain.status.code(), done.status.code()), (Some(1), Some(1)), "{}", said(&done));
    for name in ["a.h5", "b.h5", "c.h5"] {
        assert!(fs::read(outputs[0].join(name)).unwrap() == fs::read(outputs[1].join(name)).unwrap(), "{name} differs");
    }
    let data = data(&page);
    assert_eq!((&data["files"], &data["failed"], &data["rows"]), (&4.into(), &1.into(), &6001.into()));
    let mut names: Vec<String> = serde_json::from_value(data["listed"]["names"].clone()).unwrap();
    names.sort();
    assert_eq!(names, ["a", "b", "bad", "c"].map(|name| format!("{}/{name}.json", sources.display())));
    ["read", "split", "parse", "frame", "encode", "hdf5", "write", "fsync", "publish"]
        .iter()
        .for_each(|stage| assert!(us_of(&data, stage) > 0, "{stage}: {data}"));
    let said = said(&done);
    let lines: Vec<&str> = said.lines().collect();
    let [.., sentence, summary] = lines[..] else { panic!("{said}") };
    assert_eq!(sentence, format!("profile: {}", data["sentence"].as_str().unwrap()));
    assert!(summary.starts_with("3 files, 6001 rows, "), "{summary}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 4);
}

#[test]
fn a_page_that_cannot_be_written_is_refused_before_anything_is_converted() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("a.json");
    fs::write(&source, GOOD).unwrap();
    // A pattern behind `--profile` puts a source there.
    let slip = h5inbox().arg("convert").arg("--profile").arg(&source).arg(&source).output().unwrap();
    assert_eq!(slip.status.code(), Some(2));
    assert!(said(&slip).contains("ends in .html"), "{}", said(&slip));
    let nowhere = convert(&source, &folder.path().join("missing/page.html"), &[]);
    assert_eq!(nowhere.status.code(), Some(1));
    assert!(said(&nowhere).contains("cannot create") && said(&nowhere).contains("hint: "), "{}", said(&nowhere));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    assert_eq!(fs::read(&source).unwrap(), GOOD);
}

#[test]
fn the_agents_page_tells_of_its_last_files_while_it_is_idle_and_when_it_stops() {
    let mut site = Site::new("profile.files = 2");
    let page = site.path("reports/profile.html");
    site.configure(&format!("profile.path = \"{}\"\nprofile.files = 2\nsource.after = \"delete\"", page.display()));
    site.start();
    site.drop_in("a.json", GOOD);
    wait_until("the page is there", || page.exists());
    assert_eq!(data(&page)["listed"]["names"], serde_json::json!(["a.json"]));
    for name in ["b.json", "<c>.json"] {
        site.drop_in(name, GOOD);
        wait_until("its source is gone", || site.names("inbox").is_empty());
    }
    assert!(site.stop().success());
    let data = data(&page);
    assert_eq!((&data["kind"], &data["files"], &data["rows"]), (&"agent".into(), &2.into(), &2.into()));
    assert_eq!(data["listed"]["names"], serde_json::json!(["b.json", "<c>.json"]));
    ["hash", "parse", "fsync", "ledger", "publish", "dispose"]
        .iter()
        .for_each(|stage| assert!(us_of(&data, stage) > 0, "{stage}: {data}"));
    assert_eq!(site.names("reports"), ["profile.html"]);
}

#[test]
fn a_page_that_cannot_be_written_stops_no_agent() {
    let mut site = Site::new("");
    let page = site.path("page.html");
    site.configure(&format!("profile.path = \"{}\"", page.display()));
    fs::create_dir(&page).unwrap();
    site.start();
    site.drop_in("a.json", GOOD);
    site.wait_for("done", 1);
    assert!(site.stop().success());
    assert_eq!(site.log().matches("profile.failed").count(), 1, "{}", site.log());
}

#[test]
fn the_page_works_in_a_real_browser_and_a_hostile_name_stays_text() {
    let folder = tempfile::tempdir().unwrap();
    let sources = folder.path().join("in<");
    fs::create_dir(&sources).unwrap();
    // With its folder, the first name closes a script; the last file is parsed by several threads at once.
    for name in ["script><img src=x onerror=pwned=1>.json", "<!--b-->&amp;\"'.json", "c\u{202e}\n.json"] {
        fs::write(sources.join(name), records(20_000)).unwrap();
    }
    fs::write(sources.join("z-large.json"), records(700_000)).unwrap();
    fs::write(sources.join("z-bad.json"), "{\n").unwrap();
    let page = folder.path().join("page.html");
    let done = convert(&sources, &page, &["--workers", "2"]);
    assert_eq!(done.status.code(), Some(1), "{}", said(&done));
    let data = data(&page);
    assert!(us_of(&data, "waits for helpers") > 0 && data["lanes"].as_array().unwrap().len() > 2, "{data}");
    let hostile = format!("{}/script><img src=x onerror=pwned=1>.json", sources.display());
    assert!(data["listed"]["names"].as_array().unwrap().contains(&hostile.into()));
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/profile_page.py");
    let looked = Command::new(reader("3.1")).arg(script).arg(&page).output().unwrap();
    assert!(looked.status.success(), "{}{}", String::from_utf8_lossy(&looked.stdout), said(&looked));
}
