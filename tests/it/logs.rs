//! What `docs/logs.md` says of the log is what the code does: each event, its levels and its fields.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use super::harness::{Site, wait_until};

/// Levels and fields of each event.
type Events = BTreeMap<String, (BTreeSet<String>, BTreeSet<String>)>;

fn sources(folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(fs::read_to_string(path).unwrap());
        }
    }
}

/// The arguments of a macro whose text begins with `text`, up to the sentence: cut at commas that are in no bracket and no
/// string. None if it has no fields.
fn fields(text: &str) -> Option<Vec<String>> {
    let (mut depth, mut quoted, mut cut, mut part) = (0, false, Vec::new(), String::new());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' if quoted => drop(characters.next()),
            '"' => quoted = !quoted,
            _ if quoted => {}
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' if depth == 0 => return None,
            ')' | ']' | '}' => depth -= 1,
            ',' | ';' if depth == 0 => {
                cut.push(std::mem::take(&mut part));
                if character == ';' {
                    return Some(cut);
                }
                continue;
            }
            _ => {}
        }
        part.push(character);
    }
    None
}

fn name(field: &str) -> String {
    field.trim().chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect()
}

/// Everything that is logged. Below `debug` nothing has to have a name.
fn in_the_code() -> Events {
    let (mut texts, mut events) = (Vec::new(), Events::new());
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut texts);
    for text in &texts {
        for level in ["error", "warn", "info", "debug"] {
            for call in text.split(&format!("log::{level}!(")).skip(1) {
                let fields = fields(call).unwrap_or_else(|| panic!("has no event: log::{level}!({}", &call[..60]));
                let event = fields[0].trim().strip_prefix("event = \"").and_then(|rest| rest.strip_suffix('"'));
                let event = event.unwrap_or_else(|| panic!("does not begin with its event: {}", fields[0]));
                let (levels, names) = events.entry(event.to_owned()).or_default();
                levels.insert(level.to_owned());
                names.extend(fields[1..].iter().map(|field| name(field)).filter(|name| !name.is_empty()));
            }
        }
    }
    let repeats = |names: &[&str]| names.iter().map(ToString::to_string).collect();
    events.insert("log.repeats".to_owned(), (repeats(&["warn"]), repeats(&["of", "more"])));
    events
}

/// The rows of the page whose first cell is an event's name.
fn in_the_page() -> Events {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/logs.md")).unwrap();
    let mut events = Events::new();
    for row in page.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let event = cells[0].trim_matches('`');
        if let ([_, levels, fields, _], true) = (&cells[..], event.contains('.') && !event.contains(' ')) {
            let split = |cell: &str| {
                let names = cell.split(',').map(|name| name.trim().trim_matches('`').to_owned());
                names.filter(|name| !name.is_empty()).collect()
            };
            assert!(
                events.insert(event.to_owned(), (split(levels), split(fields))).is_none(),
                "{event} is there twice"
            );
        }
    }
    events
}

#[test]
fn the_page_of_the_log_tells_of_each_event_its_levels_and_its_fields() {
    let (code, page) = (in_the_code(), in_the_page());
    let names = |events: &Events| events.keys().cloned().collect::<BTreeSet<_>>();
    assert_eq!(names(&code), names(&page), "docs/logs.md and the code do not tell of the same events");
    for (event, in_code) in &code {
        assert_eq!(in_code, &page[event], "levels and fields of {event}");
    }
    // What others rely on.
    for event in [
        "file.ready",
        "file.published",
        "file.duplicate",
        "file.failed",
        "file.quarantined",
        "file.disposed",
        "scan.done",
        "watch.overflow",
        "agent.paused",
        "agent.ready",
        "agent.stopping",
    ] {
        assert!(code.contains_key(event), "{event}");
    }
}

#[test]
fn warnings_that_repeat_are_counted_and_the_outcome_of_each_file_is_told() {
    let mut site = Site::new("log.format = \"json\"");
    for number in 0..150 {
        std::os::unix::fs::symlink("nowhere", site.path(&format!("inbox/link{number}.json"))).unwrap();
        fs::write(site.path(&format!("inbox/bad{number}.json")), b"nonsense\n").unwrap();
    }
    site.start();
    site.wait_for("quarantined", 150);
    wait_until("they are listed once more", || site.log().matches("\"scan.done\"").count() >= 2);
    assert!(site.stop().success());
    let log = site.log();
    let told = |event: &str| log.matches(&format!("\"event\":\"{event}\"")).count();
    assert_eq!((told("file.skipped"), told("file.quarantined")), (100, 150));
    // The agent does not live long enough for the minute to be over; what was not written is told when it ends.
    assert!(log.contains("\"message\":\"50 more like this were not logged.\",\"event\":\"log.repeats\",\"of\":\"file.skipped\",\"more\":50"));
}
