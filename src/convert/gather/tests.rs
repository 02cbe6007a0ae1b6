use std::io::Write;

use super::*;
use crate::config::{Config, Nested};

struct Bench {
    folder: tempfile::TempDir,
    options: Options,
}

fn bench() -> Bench {
    let options =
        Options { hash: true, durable: false, ..Options::from_config(&Config::new("/i".into(), "/o".into()), 1) };
    Bench { folder: tempfile::tempdir().unwrap(), options }
}

fn opened(text: &str) -> (File, Identity) {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    std::io::Seek::rewind(&mut file).unwrap();
    let identity = Identity::of(&file.metadata().unwrap());
    // The times of two runs are not the same.
    (file, Identity { mtime_ns: identity.mtime_ns, ..identity })
}

fn read(gathering: &Gathering<'_>, number: i64, text: &str) -> Result<Result<Rows, Unfit>, ConvertError> {
    let (file, identity) = opened(text);
    let name = format!("f{number}.json");
    let origin = Origin { source: name.as_ref(), job: Some(number), modified_ns: 0 };
    gathering.read(&file, identity, origin, None, true)
}

fn add(gathering: &mut Gathering<'_>, number: i64, text: &str) -> Result<(), Unfit> {
    let rows = read(gathering, number, text).unwrap()?;
    gathering.add(rows).unwrap()
}

impl Bench {
    fn gathering<'o>(&'o self, column: &'o str) -> Gathering<'o> {
        Gathering::new(self.folder.path(), column, &self.options)
    }

    fn write(&self, gathering: Gathering<'_>) -> (Gathered, Vec<u8>) {
        let path = self.folder.path().join("output");
        let (gathered, _) = gathering.write(&path).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        (gathered, bytes)
    }
}

#[test]
fn rows_come_one_source_behind_the_other_and_each_keeps_what_is_its() {
    let bench = bench();
    let mut all = bench.gathering("from");
    add(&mut all, 1, "{\"a\": 1}\n{\"a\": 2}\n").unwrap();
    add(&mut all, 2, "").unwrap();
    add(&mut all, 3, "\n{\"b\": 1, \"b\": 2}\n").unwrap();
    let (gathered, _) = bench.write(all);
    let told: Vec<_> =
        gathered.sources.iter().map(|(first, summary)| (*first, summary.rows, summary.columns)).collect();
    assert_eq!(told, [(0, 2, 3), (2, 0, 3), (2, 1, 3)]);
    let of = |source: usize| &gathered.sources[source].1;
    assert!(of(0).output_bytes > 0 && of(1).output_bytes == 0);
    let warned: Vec<_> = of(2).warnings.iter().map(|warning| (warning.code, warning.line)).collect();
    assert_eq!(warned, [("duplicate_key", 2)], "the line is that of its own source");
    assert!(of(0).warnings.is_empty() && of(1).warnings.is_empty());
    assert_eq!(gathered.hash, hash_of_all((0..3).map(|source| of(source).source_hash)));
}

#[test]
fn a_defect_is_that_of_its_source_and_leaves_no_trace_in_the_others() {
    let bench = bench();
    let (mut with, mut without) = (bench.gathering(""), bench.gathering(""));
    for (number, text) in
        [(1, "{\"a\": 1}\n"), (2, "{\"a\": 1}\n{\"b\": 1}\nx\n"), (3, "{\"a\": 1.5}\n"), (4, "[1]\n{}\n")]
    {
        match read(&with, number, text) {
            Ok(rows) => {
                with.add(rows.unwrap()).unwrap().unwrap();
                add(&mut without, number, text).unwrap();
            }
            Err(ConvertError::Defect(defect)) => {
                let expected = if number == 2 { ("bad_json", Some(3)) } else { ("mixed_lines", Some(2)) };
                assert_eq!((defect.code, defect.line), expected);
            }
            Err(other) => panic!("{other}"),
        }
    }
    assert!(bench.write(with).1 == bench.write(without).1);
}

#[test]
fn what_is_good_alone_and_not_together_is_no_defect() {
    let mut bench = bench();
    bench.options.columns = 3;
    bench.options.records.nested = Nested::Flatten;
    bench.options.records.types = vec![("k".to_owned(), crate::config::TypeHint::parse("int64").unwrap())];
    let mut all = bench.gathering("");
    add(&mut all, 1, "{\"a\": {\"b\": 1}}\n").unwrap();
    for (number, text) in [(2, "[1, 2]\n"), (3, "{\"k\": 1}\n"), (4, "{\"x\": 1, \"y\": 2, \"z\": 3}\n")] {
        let unfit = add(&mut all, number, text).unwrap_err();
        assert!(!unfit.to_string().is_empty(), "{number}");
    }
    // Two members with one label: seen only when all are there.
    add(&mut all, 5, "{\"a.b\": 1}\n").unwrap();
    let Err(Unwritten::Unfit(1, unfit)) = all.write(&bench.folder.path().join("x")) else { panic!("must be unfit") };
    assert!(unfit.to_string().contains("a.b"), "{unfit}");
}

#[test]
fn the_column_that_tells_the_source_is_the_last_and_is_no_other() {
    let bench = bench();
    let mut all = bench.gathering("from");
    add(&mut all, 1, "{\"a\": 1}\n").unwrap();
    for (text, line) in [("{\"a\": 1}\n{\"from\": 2}\n", 2), ("[1]\n", 1), ("\n7\n", 2)] {
        let Err(ConvertError::Defect(defect)) = read(&all, 2, text) else { panic!("{text} must be refused") };
        assert_eq!((defect.code, defect.line), ("source_column", Some(line)), "{text}");
    }
    add(&mut all, 3, "{\"late\": \"x\", \"a\": 2}\n").unwrap();
    let Joined { joiner, pieces, spill } = all.pieces.into_inner();
    let frame = Frame::join(joiner, pieces, spill, &Hints::default(), false).unwrap();
    assert_eq!([0, 1, 2].map(|column| frame.label(column)), ["a", "late", "from"]);
    let text = |piece: usize| {
        frame.cells_of(piece).unwrap().column(2).unwrap().cells(0..1, super::super::frame::column::Tag::Missing).count()
    };
    assert_eq!((text(0), text(1)), (1, 1));
}

#[test]
fn columns_are_put_aside_across_sources_and_give_the_same_bytes() {
    let mut bench = bench();
    let record = |number: usize, row: usize| {
        format!("{{\"n\": {row}, \"t\": \"{number} {row}\", \"c{}\": {row}}}\n", number % 3)
    };
    let text = |number: usize| (0..4000).map(|row| record(number, row)).collect::<Vec<_>>().concat();
    let mut bytes = Vec::new();
    for memory in [1 << 30, 0] {
        bench.options.memory_bytes = memory;
        let mut all = bench.gathering("from");
        (0..90).for_each(|number| add(&mut all, i64::try_from(number).unwrap(), &text(number)).unwrap());
        bytes.push(bench.write(all).1);
    }
    assert!(bytes[0] == bytes[1]);
}

#[test]
fn a_source_that_needs_much_memory_is_not_for_others() {
    let mut bench = bench();
    bench.options.memory_bytes = 0;
    let all = bench.gathering("");
    let long = "{\"n\": 1, \"m\": 2}\n".repeat(100_000);
    assert!(read(&all, 1, &long).unwrap().is_err());
}
