//! Compressed sources of every kind: whole, in several streams, cut, damaged, and bombs.

use super::*;

type Pack = fn(&[u8]) -> Vec<u8>;

const KINDS: [(Compression, Pack); 4] = [
    (Compression::Gzip, gzip),
    (Compression::Zstd, zstd_frame),
    (Compression::Xz, xz),
    (Compression::Bzip2, bzip2_stream),
];

/// Small batches: these tests read thousands of small files.
static SMALL: LazyLock<ReadOptions> = LazyLock::new(|| ReadOptions { batch_bytes: 4096, ..*OPTIONS });

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn zstd_frame(text: &[u8]) -> Vec<u8> {
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 3).unwrap();
    encoder.include_checksum(true).unwrap();
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn xz(text: &[u8]) -> Vec<u8> {
    let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 1);
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn bzip2_stream(text: &[u8]) -> Vec<u8> {
    let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn lines(count: u32) -> Vec<u8> {
    let line = |n: u32| format!("{{\"n\": {n}, \"t\": \"{:x}\"}}\n", n.wrapping_mul(2_654_435_761));
    (0..count).map(line).collect::<Vec<_>>().concat().into_bytes()
}

fn taken(content: &[u8], expected: &[u8], compression: Compression) {
    for batch_bytes in [7, 4096, BATCH_BYTES] {
        let options = ReadOptions { batch_bytes, ..*OPTIONS };
        let (frame, taken) = read(content, options).unwrap();
        assert_eq!(taken.compression, compression);
        assert!(frame == read(expected, options).unwrap().0, "{compression:?} {batch_bytes}");
    }
}

#[test]
fn a_compressed_source_gives_what_its_text_gives_in_one_stream_or_several() {
    let text = lines(3000);
    let (first, second) = text.split_at(text.len() / 3);
    for (kind, pack) in KINDS {
        taken(&pack(&text), &text, kind);
        // Cut in the middle of a line, and with an empty stream between.
        taken(&[pack(first), pack(b""), pack(second)].concat(), &text, kind);
        assert_eq!(read(&pack(b""), *OPTIONS).unwrap().0, "None\n0");
    }
}

#[test]
fn skippable_frames_and_padding_are_part_of_their_formats() {
    let text = lines(100);
    let skippable = b"\x53\x2a\x4d\x18\x05\0\0\0hello";
    taken(&[skippable, &zstd_frame(&text)[..], skippable].concat(), &text, Compression::Zstd);
    taken(&[&xz(&text)[..], &[0; 8], &xz(b"\n")[..], &[0; 4]].concat(), &text, Compression::Xz);
}

#[test]
fn a_document_may_be_compressed_and_begin_with_a_mark() {
    let text = "\u{feff}[\n{\"a\": 1},\n{\"a\": 2}\n]";
    for (kind, pack) in KINDS {
        let (frame, found) = read(&pack(text.as_bytes()), *OPTIONS).unwrap();
        assert_eq!((found.shape, found.compression), (Shape::Array, kind));
        assert!(frame.ends_with('2'));
    }
}

#[test]
fn every_cut_is_known_as_such() {
    let text = lines(40);
    for (kind, pack) in KINDS {
        let whole = [pack(&text), pack(b"{}\n")].concat();
        let boundary = pack(&text).len();
        for end in (1..whole.len()).filter(|end| *end != boundary) {
            let defect = read(&whole[..end], *SMALL).unwrap_err();
            assert!(defect.truncated && defect.code == "truncated", "{kind:?} {end}: {defect}");
            assert!(defect.byte.is_some_and(|byte| byte <= end as u64), "{kind:?} {end}: {defect}");
        }
        assert!(read(&whole[..boundary], *OPTIONS).is_ok());
    }
}

#[test]
fn no_damage_goes_unnoticed() {
    let text = lines(30);
    for (kind, pack) in KINDS {
        let whole = pack(&text);
        let expected = read(&whole, *OPTIONS).unwrap().0;
        for at in 0..whole.len() {
            for bit in [0x01, 0x10, 0x80] {
                let mut damaged = whole.clone();
                damaged[at] ^= bit;
                match read(&damaged, *SMALL) {
                    // A file name or a time in a header.
                    Ok((frame, _)) => assert!(frame == expected, "{kind:?} {at}"),
                    Err(defect) => assert!(
                        ["bad_compression", "truncated", "bad_json", "not_json_text", "bad_utf8"]
                            .contains(&defect.code),
                        "{kind:?} {at}: {defect}"
                    ),
                }
            }
        }
    }
}

#[test]
fn damage_is_told_with_its_place_in_the_source() {
    let text = lines(20_000);
    for (kind, pack) in KINDS {
        let mut damaged = pack(&text);
        let middle = damaged.len() / 2;
        damaged[middle..middle + 8].fill(0x55);
        let defect = read(&damaged, *OPTIONS).unwrap_err();
        let told = defect.to_string();
        assert!(defect.code == "bad_compression" && told.starts_with("byte "), "{kind:?}: {told}");
        assert!(told.contains(&format!("the {} stream is damaged", kind.as_str())), "{told}");
    }
}

#[test]
fn what_follows_the_end_of_a_stream_is_refused() {
    for (kind, pack) in KINDS {
        for garbage in [&b"x"[..], b"\0", b"{\"a\": 1}\n", b"\0\0\0\0\0"] {
            let defect = read(&[&pack(b"{}\n")[..], garbage].concat(), *OPTIONS).unwrap_err();
            assert!(defect.what.contains("something else follows the end") && !defect.truncated, "{kind:?}: {defect}");
        }
    }
    let two = [gzip(b"{}\n"), xz(b"{}\n")].concat();
    assert!(read(&two, *OPTIONS).unwrap_err().what.contains("something else follows the end of the gzip stream"));
}

#[test]
fn other_encodings_and_compressed_streams_inside_a_compressed_stream_are_refused_by_name() {
    for (_, outer) in KINDS {
        for (kind, inner) in KINDS {
            let defect = read(&outer(&inner(b"{}\n")), *OPTIONS).unwrap_err();
            assert!(defect.what.contains(&format!("another compressed stream ({})", kind.as_str())), "{defect}");
        }
        let defect = read(&outer(b"\xff\xfe{\0}\0"), *OPTIONS).unwrap_err();
        assert!(defect.what.contains("UTF-16"), "{defect}");
    }
}

#[test]
fn a_bomb_is_stopped_and_a_small_file_of_one_repeated_record_is_none() {
    let bomb = b"{\"a\": 1}\n".repeat(1_200_000);
    let small = b"{\"a\": 1}\n".repeat(100_000);
    let tight = ReadOptions { decompression_ratio: 20, ..*OPTIONS };
    for (kind, pack) in KINDS {
        let defect = read(&pack(&bomb), tight).unwrap_err();
        assert_eq!(defect.code, "limit_decompression_ratio", "{kind:?}");
        assert!(defect.what.starts_with("expands more than 20:1"), "{kind:?}: {defect}");
        assert!(defect.hint.contains("`limits.decompression_ratio`"), "{}", defect.hint);
        assert!(read(&pack(&small), tight).is_ok(), "{kind:?}");
    }
}

#[test]
fn the_limits_of_a_file_and_a_record_hold() {
    let text = lines(2000);
    for (kind, pack) in KINDS {
        let packed = pack(&text);
        let defect = read(&packed, ReadOptions { file_bytes: 500, ..*OPTIONS }).unwrap_err();
        assert_eq!(defect.code, "limit_file_bytes", "{kind:?}");
        assert!(read(&packed, ReadOptions { file_bytes: packed.len() as u64, ..*OPTIONS }).is_ok(), "{kind:?}");
        let long = pack(&[b"\"", &b"x".repeat(300_000)[..], b"\""].concat());
        let tight = ReadOptions { record_bytes: 100_000, batch_bytes: 1 << 16, ..*OPTIONS };
        assert_eq!(read(&long, tight).unwrap_err().code, "limit_record_bytes", "{kind:?}");
    }
}
