//! The house stays a house: imports point one way, and nothing prints but the room that may.

use std::fs;
use std::path::{Path, PathBuf};

/// Rooms by level, as in the tour in `lib.rs`: a room may use what is on a lower line.
const LEVELS: [&[&str]; 6] = [
    &["cli", "python"],
    &["agent"],
    &["intake", "jobs"],
    &["ledger", "convert"],
    &["telemetry"],
    &["source", "config"],
];

fn level(room: &str) -> usize {
    LEVELS.iter().position(|rooms| rooms.contains(&room)).unwrap_or_else(|| panic!("`{room}` is in no level"))
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

/// Every source file with the room it stands in.
fn rooms() -> Vec<(String, PathBuf, String)> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    sources(&src, &mut found);
    let rooms = found.into_iter().filter_map(|path| {
        let inside = path.strip_prefix(&src).unwrap();
        let room = inside.components().next()?.as_os_str().to_str()?.trim_end_matches(".rs").to_owned();
        let text = fs::read_to_string(&path).unwrap();
        (!matches!(room.as_str(), "main" | "lib")).then_some((room, path, text))
    });
    rooms.collect()
}

#[test]
fn imports_point_down_the_tour_and_siblings_do_not_know_each_other() {
    let mut wrong = Vec::new();
    for (room, path, text) in rooms() {
        for used in text.split("crate::").skip(1) {
            let name: String = used.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
            if !name.is_empty() && name != room && level(&name) <= level(&room) {
                wrong.push(format!("{} uses {name}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_room_has_its_place_in_the_tour() {
    let tour = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).unwrap();
    for (room, ..) in rooms() {
        assert!(tour.contains(&format!("//! * [`{room}`]")), "lib.rs does not tell of `{room}`");
    }
}

#[test]
fn unsafe_code_is_where_the_tour_says() {
    let places: Vec<String> = rooms()
        .into_iter()
        .filter(|(_, _, text)| text.contains("unsafe {") || text.contains("unsafe fn"))
        .map(|(_, path, _)| {
            path.iter().rev().take(2).map(|name| name.to_string_lossy()).collect::<Vec<_>>().join(" of ")
        })
        .collect();
    let mut sorted = places.clone();
    sorted.sort();
    let capi = ["chunked.rs of capi", "columns.rs of capi", "kept.rs of capi"];
    assert_eq!(
        sorted,
        [
            &capi[..],
            &["lease.rs of intake", "mod.rs of capi", "parked.rs of capi", "read.rs of capi", "table.rs of capi"]
        ]
        .concat()
    );
}

#[test]
fn no_source_file_outgrows_a_reader() {
    for (_, path, text) in rooms() {
        let lines = text.lines().take_while(|line| *line != "#[cfg(test)]").count();
        assert!(lines <= 400, "{} has {lines} lines before its tests: split it by noun", path.display());
    }
}
