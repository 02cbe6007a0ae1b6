//! Compressed sources, whatever their name; and sources that end too early, which may just not be finished.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use super::harness::{Site, h5inbox, said, sha256, wait_until};
use super::readback::{assert_equal_in, random_cases};

const KINDS: [(&str, &str); 4] = [("gzip", "gz"), ("zstd", "zst"), ("xz", "xz"), ("bzip2", "bz2")];

fn pack(kind: &str, text: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    match kind {
        "gzip" => flate2::write::GzEncoder::new(&mut packed, flate2::Compression::fast()).write_all(text).unwrap(),
        "zstd" => zstd::stream::copy_encode(text, &mut packed, 1).unwrap(),
        "xz" => liblzma::write::XzEncoder::new(&mut packed, 0).write_all(text).unwrap(),
        _ => bzip2::write::BzEncoder::new(&mut packed, bzip2::Compression::fast()).write_all(text).unwrap(),
    }
    packed
}

#[test]
fn compressed_sources_of_every_kind_equal_the_reference_of_their_text() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    random_cases(&path("plain"), "11", "80");
    fs::create_dir(path("packed")).unwrap();
    for (number, entry) in fs::read_dir(path("plain")).unwrap().enumerate() {
        let source = entry.unwrap().path();
        let name = source.file_name().unwrap().to_str().unwrap();
        let (kind, ending) = KINDS[number % KINDS.len()];
        if source.extension().is_some_and(|ending| ending == "json") {
            let text = fs::read(&source).unwrap();
            let (first, second) = text.split_at(text.len() / 2);
            fs::write(
                path("packed").join(format!("{name}.{ending}")),
                [pack(kind, first), pack(kind, second)].concat(),
            )
            .unwrap();
        }
    }
    h5inbox().arg("convert").arg(path("packed")).arg("--outdir").arg(path("out")).output().unwrap();
    assert_equal_in("3.1", &path("plain"), &path("out"));
}

#[test]
fn the_agent_takes_them_by_their_content_and_records_what_they_were() {
    let mut site = Site::new("");
    site.start();
    let text = b"[\n{\"a\": 1},\n{\"a\": 2}\n]\n";
    for (kind, ending) in KINDS {
        site.drop_in(&format!("{kind}.json.{ending}"), &pack(kind, text));
        // By content, whatever the name says.
        site.drop_in(&format!("{kind}-bare.json"), &pack(kind, text));
    }
    site.drop_in("plain.ndjson.gz", b"{\"a\": 1}\n");
    site.drop_in("not.json.zip", text);
    site.wait_for("done", 9);
    assert_eq!(site.names("outbox").len(), 9);
    let history = site.history();
    assert_eq!(history.len(), 9);
    let job = |name: &str| history.iter().find(|job| job["path"] == name).unwrap();
    for (kind, ending) in KINDS {
        for name in [format!("{kind}.json.{ending}"), format!("{kind}-bare.json")] {
            let (job, packed) = (job(&name), pack(kind, text));
            assert_eq!((&job["compression"], &job["input"], &job["rows"]), (&kind.into(), &"array".into(), &2.into()));
            assert_eq!(job["source_bytes"], packed.len());
            assert_eq!(job["source_hash"], sha256(&packed));
        }
    }
    assert_eq!(job("plain.ndjson.gz")["compression"], "none");
    assert!(site.log().contains("input=array compression=xz"));
}

#[test]
fn compressed_sources_that_cannot_be_taken_are_quarantined_with_the_reason() {
    let mut site = Site::new("limits.decompression_ratio = 50\nsource.after = \"archive\"");
    site.start();
    let text = b"{\"a\": 1}\n".repeat(20_000);
    let bomb = b"{\"a\": 1}\n".repeat(2_000_000);
    let mut damaged = pack("gzip", &(0..20_000).flat_map(|n| format!("{n}\n").into_bytes()).collect::<Vec<u8>>());
    let middle = damaged.len() / 2;
    damaged[middle..middle + 9].fill(0xaa);
    let cases: [(&str, Vec<u8>, &str, &str); 6] = [
        (
            "bomb.json.gz",
            pack("gzip", &bomb),
            "limit_decompression_ratio",
            "expands more than 50:1 (`limits.decompression_ratio`); raise",
        ),
        ("bomb.json.zst", pack("zstd", &bomb), "limit_decompression_ratio", "expands more than 50:1"),
        ("damaged.json.gz", damaged, "bad_compression", "the gzip stream is damaged"),
        ("followed.json.xz", [pack("xz", &text), b"{}".to_vec()].concat(), "bad_compression", "something else follows"),
        ("twice.json.gz", pack("gzip", &pack("bzip2", &text)), "not_json_text", "another compressed stream (bzip2)"),
        (
            "inside.json.gz",
            pack("gzip", b"{\"a\": 1}\n{\"a\": }\n"),
            "bad_json",
            "line and byte are those of the unpacked text",
        ),
    ];
    for (name, content, ..) in &cases {
        site.drop_in(name, content);
    }
    site.wait_for("quarantined", cases.len());
    let history = site.history();
    for (name, content, code, message) in &cases {
        let job = history.iter().find(|job| job["path"] == *name).unwrap();
        assert_eq!(job["error_code"], *code, "{job}");
        assert!(job["error"].as_str().unwrap().contains(message), "{job}");
        wait_until("the source is in the quarantine", || site.path("quarantine").join(name).exists());
        assert!(fs::read(site.path("quarantine").join(name)).unwrap() == *content, "{name} was changed");
    }
    assert!(site.names("outbox").is_empty());
    assert_eq!(site.unfinished(), 0);
}

/// Sources that end too early, each with what follows.
fn halves() -> Vec<(String, Vec<u8>, Vec<u8>)> {
    let text = b"{\"a\": 1}\n".repeat(500);
    let packed = KINDS.map(|(kind, ending)| (format!("{kind}.json.{ending}"), pack(kind, &text)));
    let plain = [
        ("lines.json".to_owned(), b"{\"a\": 1}\n{\"a\": 2".to_vec()),
        ("array.json".to_owned(), b"[\n{\"a\": 1},\n{\"a\": 2}".to_vec()),
    ];
    let cut = |(name, whole): (String, Vec<u8>)| {
        let half = whole.len() * 9 / 10;
        (name, whole[..half].to_vec(), whole[half..].to_vec())
    };
    let ends = [&b"}\n"[..], b"]"];
    packed.into_iter().map(cut).chain(plain.into_iter().zip(ends).map(|((n, c), end)| (n, c, end.to_vec()))).collect()
}

#[test]
fn a_source_that_ends_too_early_is_waited_for_and_taken_when_it_is_whole() {
    let mut site = Site::new("inbox.truncated_grace_secs = 3600");
    site.start();
    for (name, half, _) in halves() {
        site.drop_in(&name, &half);
    }
    site.wait_for("failed", 6);
    for job in site.history() {
        assert_eq!((&job["error_code"], &job["attempts"]), (&"truncated".into(), &0.into()), "{job}");
    }
    for (name, _, rest) in halves() {
        File::options().append(true).open(site.path("inbox").join(name)).unwrap().write_all(&rest).unwrap();
    }
    site.wait_for("done", 6);
    assert_eq!(site.names("outbox").len(), 6);
    assert!(site.names("quarantine").is_empty());
    assert_eq!(site.log().matches("file.unfinished").count(), 6);
}

#[test]
fn a_source_that_stays_unfinished_is_quarantined_when_its_time_is_over_and_not_tried_in_between() {
    let mut site = Site::new("inbox.truncated_grace_secs = 2\nretry.max_attempts = 1");
    site.start();
    for (name, half, _) in halves() {
        site.drop_in(&name, &half);
    }
    site.wait_for("failed", 1);
    site.wait_for("quarantined", 6);
    for job in site.history() {
        assert_eq!((&job["error_code"], &job["attempts"]), (&"truncated".into(), &1.into()), "{job}");
        assert!(job["error"].as_str().unwrap().contains("the file ends too early"), "{job}");
    }
    let log = site.log();
    assert_eq!((log.matches("file.unfinished").count(), log.matches("file.quarantined").count()), (6, 6));
}

#[test]
fn a_restart_goes_on_waiting() {
    let mut site = Site::new("inbox.truncated_grace_secs = 2");
    site.start();
    site.drop_in("a.json", b"{\"a\": ");
    site.wait_for("failed", 1);
    site.kill();
    site.start();
    site.wait_for("quarantined", 1);
    assert_eq!(site.history().len(), 1);
}

#[test]
fn convert_and_once_tell_at_once() {
    let site = Site::new("inbox.truncated_grace_secs = 3600");
    let halves = halves();
    for (name, half, _) in &halves {
        site.drop_in(name, half);
    }
    let converted =
        h5inbox().arg("convert").arg(site.path("inbox")).arg("--outdir").arg(site.path("out")).output().unwrap();
    assert!(said(&converted).lines().last().unwrap().ends_with("6 failures"), "{}", said(&converted));
    assert_eq!(said(&converted).matches("the file ends too early").count(), 6, "{}", said(&converted));
    assert_eq!(site.once().status.code(), Some(1));
    assert_eq!(site.states(&halves[0].0), ["quarantined"]);
}

#[test]
fn two_names_of_one_output_are_told_apart_by_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &[u8]| fs::write(Path::new(folder.path()).join(name), content).unwrap();
    write("a.json", b"{}\n");
    write("a.json.gz", &pack("gzip", b"{}\n"));
    let done = h5inbox().arg("convert").arg(folder.path()).output().unwrap();
    assert!(said(&done).contains("its output would be that of"), "{}", said(&done));
}
