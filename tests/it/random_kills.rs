//! Killed at random moments under load, again and again, the agent loses nothing and does nothing twice. A test kills it
//! some sixty times, `make soak` a thousand times: `H5INBOX_ROUNDS`; `H5INBOX_SEED=7` finds other moments.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::dice::{Dice, rounds, seed};
use super::harness::{Site, another_file_system, h5inbox, said};
use super::snapshot::{below, digests};

/// Each time at another moment, from its first instruction on; a few sources come with each start.
fn kill_at_random(after: &str, elsewhere: bool, kills: u64, dice: &mut Dice) {
    let folder = another_file_system();
    let archive = if elsewhere { format!("source.archive = \"{}\"\n", folder.path().display()) } else { String::new() };
    let mut site = Site::new(&format!("source.after = \"{after}\"\n{archive}retry.max_attempts = 1000"));
    let mut sources = BTreeMap::new();
    for kill in 0..kills {
        for number in 0..dice.roll(12) {
            let name = format!("k{kill}-{number}.json");
            let content = format!("{{\"kill\": {kill}, \"number\": {number}}}\n")
                .repeat(usize::try_from(dice.roll(300)).unwrap() + 1);
            site.drop_in(&name, content.as_bytes());
            sources.insert(name, content.into_bytes());
        }
        site.spawn(h5inbox());
        dice.rest(600);
        site.kill();
    }
    let cut_off = site.log().matches("file.cut_off").count();
    let end = site.once();
    assert!(end.status.success(), "{}", said(&end));
    eprintln!(
        "{kills} kills, {} sources, {cut_off} attempts cut off, {after}, archive elsewhere: {elsewhere}",
        sources.len()
    );
    let archive = if elsewhere { folder.path().to_owned() } else { site.path("archive") };
    each_is_there_once(&site, &sources, after, &archive);
}

fn each_is_there_once(site: &Site, sources: &BTreeMap<String, Vec<u8>>, after: &str, archive: &Path) {
    let truth = tempfile::tempdir().unwrap();
    sources.iter().for_each(|(name, content)| fs::write(truth.path().join(name), content).unwrap());
    let converted = h5inbox().arg("convert").arg(truth.path()).arg("--outdir").arg(truth.path()).output().unwrap();
    assert!(converted.status.success(), "{}", said(&converted));
    let of = |folder: &Path| -> Vec<String> {
        below(folder).iter().map(|path| path.strip_prefix(folder).unwrap().display().to_string()).collect()
    };
    let sorted = |mut names: Vec<String>| {
        names.sort();
        names
    };
    assert_eq!(digests(&site.path("outbox")), digests(truth.path()));
    let names = || sorted(sources.keys().cloned().collect());
    let (inbox, archived) =
        (if after == "keep" { names() } else { vec![] }, if after == "archive" { names() } else { vec![] });
    assert_eq!((sorted(of(&site.path("inbox"))), sorted(of(archive))), (inbox, archived));
    assert!(site.history().iter().all(|job| job["state"] == "done" || job["state"] == "gone"));
}

#[test]
fn random_kills_under_load_lose_nothing_and_do_nothing_twice() {
    let (kills, seed) = (rounds(60), seed());
    let modes = [("keep", false), ("archive", false), ("delete", false), ("archive", true)];
    std::thread::scope(|scope| {
        for (number, (after, elsewhere)) in modes.into_iter().enumerate() {
            let mut dice = Dice::new(seed.wrapping_add(number as u64));
            scope.spawn(move || kill_at_random(after, elsewhere, kills / 4, &mut dice));
        }
    });
}
