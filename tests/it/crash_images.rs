//! Whatever a power cut leaves, the next run ends well: from the calls of a run, every disk is built that a file system may
//! leave behind it, and the agent is started on each.
//!
//! Real power cuts (`power_loss`) find what one file system does at random moments; here a file system does its worst at
//! every moment. `H5INBOX_IMAGES=100000` tries all of them; otherwise some are taken, evenly.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::harness::{Site, said};
use super::images::{Changes, Image};
use super::snapshot::below;
use super::traced::{complete, recorded_whole};

/// Images of a scene that are tried, unless it is said otherwise.
const SOME: usize = 60;

/// What a run of a scene comes to.
struct Scene {
    config: &'static str,
    name: &'static str,
    content: &'static str,
    /// Where the source is at the end, if anywhere.
    source: Option<&'static str>,
    /// Whether there is an output.
    output: bool,
}

const GOOD: &str = "{\"a\": 1, \"b\": \"some text\"}\n{\"a\": 2, \"b\": null}\n";
const SCENES: [Scene; 5] = [
    Scene { config: "", name: "f.json", content: GOOD, source: Some("inbox/f.json"), output: true },
    Scene {
        config: "source.after = \"archive\"",
        name: "sub/f.json",
        content: GOOD,
        source: Some("archive/sub/f.json"),
        output: true,
    },
    Scene { config: "source.after = \"delete\"", name: "f.json", content: GOOD, source: None, output: true },
    Scene {
        config: "source.after = \"archive\"\nrecords.on_bad_record = \"skip\"",
        name: "f.json",
        content: "{\"a\": 1}\nbad\n",
        source: Some("archive/f.json"),
        output: true,
    },
    Scene {
        config: "source.after = \"archive\"",
        name: "f.json",
        content: "bad\n",
        source: Some("quarantine/f.json"),
        output: false,
    },
];

/// Everything below `root`, but for what no agent reads: the log of calls, and memory that the ledger shares.
fn image_of(root: &Path) -> Image {
    let mut image = Image { folders: vec![root.to_owned()], ..Image::default() };
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_dir() {
                image.folders.push(entry.path());
                folders.push(entry.path());
            } else if entry.file_type().unwrap().is_file() && is_looked_at(&entry.path()) {
                image.files.insert(entry.path(), fs::read(entry.path()).unwrap());
            }
        }
    }
    image.folders.sort();
    image
}

fn is_looked_at(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    !name.ends_with("-shm") && name != "calls" && name != "log"
}

/// Makes what is below `root` equal to `image`. A file that is right stays as it is: the agent knows a source by its inode.
fn lay_out(root: &Path, image: &Image) {
    let now = image_of(root);
    for entry in walk(root).into_iter().filter(|path| !image.files.contains_key(path)) {
        fs::remove_file(entry).unwrap();
    }
    for folder in now.folders.iter().rev().filter(|folder| !image.folders.contains(folder)) {
        fs::remove_dir_all(folder).unwrap();
    }
    for folder in &image.folders {
        fs::create_dir_all(folder).unwrap();
    }
    for (path, content) in &image.files {
        if now.files.get(path) != Some(content) {
            fs::write(path, content).unwrap();
        }
    }
}

fn walk(root: &Path) -> Vec<PathBuf> {
    let mut files = below(root);
    let mark = root.join("outbox/.h5inbox/ledger");
    files.extend(mark.exists().then_some(mark));
    files
}

/// The changes of a run of `scene`, behind as many as made what was there before it.
fn record(site: &Site, scene: &Scene) -> (usize, Changes) {
    fs::remove_dir(site.path("outbox")).unwrap();
    site.drop_in(scene.name, scene.content.as_bytes());
    let start = image_of(&site.path(""));
    let log = site.path("calls");
    let run = site.once_by(recorded_whole(&log));
    assert_eq!(run.status.code(), Some(i32::from(!scene.output)), "{}", said(&run));
    let mut changes = Changes::from(&start);
    let before = changes.len();
    for (call, text, paths) in complete(&log, &site.path("")) {
        if paths.first().is_some_and(|path| is_looked_at(path)) {
            changes.call(&call, &text, &paths);
        }
    }
    fs::remove_file(log).unwrap();
    (before, changes)
}

/// What is wrong with what a run on `image` came to.
fn wrong(site: &Site, scene: &Scene, image: &Image) -> Option<String> {
    lay_out(&site.path(""), image);
    // A failed job waits before it is tried again.
    let runs: Vec<_> = (0..2).map(|_| site.once()).collect();
    let told = || runs.iter().map(said).collect::<Vec<_>>().join("--- again\n");
    let sources: Vec<PathBuf> = ["inbox", "archive", "quarantine"]
        .iter()
        .flat_map(|folder| below(&site.path(folder)))
        .filter(|path| fs::read(path).unwrap() == scene.content.as_bytes())
        .collect();
    let wanted: Vec<PathBuf> = scene.source.map(|source| site.path(source)).into_iter().collect();
    let outputs: Vec<PathBuf> =
        below(&site.path("outbox")).into_iter().filter(|path| !path.ends_with("in-hand")).collect();
    let output = scene.output.then(|| site.path("outbox").join(scene.name).with_extension("h5"));
    if sources != wanted {
        return Some(format!("sources {sources:?}\n{}", told()));
    }
    (outputs != Vec::from_iter(output)).then(|| format!("outputs {outputs:?}\n{}", told()))
}

fn assert_that_every_image_ends_well(scene: &Scene) {
    let site = Site::new(&format!("{}\ninbox.recursive = true", scene.config));
    let (before, changes) = record(&site, scene);
    let images: BTreeSet<Image> = (before..=changes.len()).flat_map(|count| changes.images(count)).collect();
    let images: Vec<Image> = images.into_iter().collect();
    assert!(changes.len() > 20 && images.len() > 20, "{} changes, {} images", changes.len(), images.len());
    let most = std::env::var("H5INBOX_IMAGES").map_or(SOME, |number| number.parse().unwrap());
    let step = images.len().div_ceil(most);
    for (number, image) in images.iter().enumerate().step_by(step) {
        if let Some(wrong) = wrong(&site, scene, image) {
            let files: Vec<_> = image.files.iter().map(|(path, content)| (path, content.len())).collect();
            panic!("{}: image {number} of {}: {files:#?}\n{wrong}", scene.config, images.len());
        }
    }
    eprintln!("{} of {} images of {} changes", images.len().div_ceil(step), images.len(), changes.len());
}

#[test]
fn whatever_a_power_cut_leaves_each_source_is_converted_once_and_nothing_is_lost() {
    for scene in &SCENES {
        assert_that_every_image_ends_well(scene);
    }
}
