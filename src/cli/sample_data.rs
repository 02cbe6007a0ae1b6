//! `h5inbox sample-data`: stock-like files to try things with.
//!
//! The same arguments give the same bytes, on every machine; a further file or day leaves the ones before it as they
//! were. Prices are whole thousandths throughout, so that nothing depends on how a machine rounds.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use jiff::ToSpan;
use jiff::civil::{Date, Weekday, date};

/// Trading begins on this day, a Tuesday, and goes on every weekday.
const FIRST_DAY: Date = date(2012, 2, 28);

/// Seconds after midnight of the first and the last moment of trading.
const OPENING: u32 = 9 * 3600;
const CLOSING: u32 = 17 * 3600;

/// Names of the first files; further ones are numbered.
const SYMBOLS: [&str; 29] = [
    "AAPL", "ABT", "ADBE", "AMGN", "AMZN", "BAC", "BA", "CAT", "CSCO", "CVX", "DIS", "GE", "GOOG", "HD", "IBM", "INTC",
    "JNJ", "JPM", "KO", "MCD", "MMM", "MRK", "MSFT", "ORCL", "PFE", "PG", "T", "WMT", "XOM",
];

/// Writes stock-like sample files: one JSON-lines file a symbol, records of timestamp, open, close, high and low
#[derive(Debug, clap::Args)]
pub(crate) struct SampleData {
    /// Folder for the files; made if missing. Files of the same names (AAPL.json, …) are replaced
    dir: PathBuf,

    /// Number of files
    #[arg(long, value_name = "N", default_value_t = 29, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    files: u32,

    /// Trading days in each file, Monday to Friday, from 2012-02-28 on
    #[arg(long, value_name = "N", default_value_t = 365, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    days: u32,

    /// Seconds between two records, from 09:00:00 to 17:00:00 each day
    #[arg(long, value_name = "SECS", default_value_t = 120, value_parser = clap::value_parser!(u32).range(1..=28_800))]
    step: u32,

    /// Another seed gives other prices
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
}

/// What was written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Summary {
    /// Number of files.
    pub(crate) files: usize,
    /// Records in all of them.
    pub(crate) records: u64,
    /// Bytes in all of them.
    pub(crate) bytes: u64,
}

impl SampleData {
    /// Writes the files one after the other, each under a temporary name first, so that a watched folder sees it only
    /// when it is whole.
    pub(crate) fn run(&self) -> io::Result<Summary> {
        fs::create_dir_all(&self.dir).map_err(|error| at(&self.dir, &error))?;
        let mut seeds = SplitMix(self.seed);
        let mut summary = Summary::default();
        for number in 1..=self.files {
            let name = format!("{}.json", symbol(number));
            let (records, bytes) =
                self.write_file(&name, SplitMix(seeds.next())).map_err(|e| at(&self.dir.join(&name), &e))?;
            summary =
                Summary { files: summary.files + 1, records: summary.records + records, bytes: summary.bytes + bytes };
        }
        Ok(summary)
    }

    fn write_file(&self, name: &str, random: SplitMix) -> io::Result<(u64, u64)> {
        let unfinished = self.dir.join(format!(".{name}.tmp"));
        let written = self.write_records(&unfinished, random).and_then(|counts| {
            fs::rename(&unfinished, self.dir.join(name))?;
            Ok(counts)
        });
        if written.is_err() {
            // The error that is told is the first one; a leftover under a temporary name harms nobody.
            let _ = fs::remove_file(&unfinished);
        }
        written
    }

    /// Returns how many records and bytes there were.
    fn write_records(&self, path: &Path, random: SplitMix) -> io::Result<(u64, u64)> {
        let mut file = BufWriter::new(File::create(path)?);
        let mut market = Market::open(random);
        let (mut records, mut bytes, mut line) = (0, 0, String::new());
        for day in trading_days(self.days) {
            for second in (OPENING..=CLOSING).step_by(self.step as usize) {
                line.clear();
                write_record(&mut line, day, second, market.next());
                file.write_all(line.as_bytes())?;
                (records, bytes) = (records + 1, bytes + line.len() as u64);
            }
        }
        file.flush()?;
        Ok((records, bytes))
    }
}

fn at(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// The name of the file with this number, counted from 1.
fn symbol(number: u32) -> String {
    let known = SYMBOLS.get(number as usize - 1);
    known.map_or_else(|| format!("SYM{number:03}"), |name| (*name).to_owned())
}

fn trading_days(count: u32) -> impl Iterator<Item = Date> {
    let is_trading = |day: &Date| !matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday);
    FIRST_DAY.series(1.day()).filter(is_trading).take(count as usize)
}

/// Appends one record as Python's `json.dumps` writes it.
fn write_record(line: &mut String, day: Date, second: u32, quote: Quote) {
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let [open, close, high, low] = [quote.open, quote.close, quote.high, quote.low].map(Thousandths);
    // Writing to a String cannot fail.
    let _ = writeln!(
        line,
        "{{\"timestamp\": \"{day} {hour:02}:{minute:02}:{second:02}\", \
         \"open\": {open}, \"close\": {close}, \"high\": {high}, \"low\": {low}}}"
    );
}

/// A number of thousandths, shown as Python shows that float: no zeros at the end but for one after the point.
struct Thousandths(i64);

impl std::fmt::Display for Thousandths {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (whole, fraction) = (self.0 / 1000, self.0 % 1000);
        match (fraction % 10, fraction % 100) {
            (_, 0) => write!(f, "{whole}.{}", fraction / 100),
            (0, _) => write!(f, "{whole}.{:02}", fraction / 10),
            _ => write!(f, "{whole}.{fraction:03}"),
        }
    }
}

/// Prices within one step, in thousandths.
#[derive(Clone, Copy, Debug)]
struct Quote {
    open: i64,
    close: i64,
    high: i64,
    low: i64,
}

/// A price that walks at random: a few trades a step, each a little above or below the one before.
struct Market {
    random: SplitMix,
    price: i64,
}

impl Market {
    /// Lowest and highest price, in thousandths; the walk is held between them.
    const PRICES: (i64, i64) = (100, 10_000_000);

    /// Trades within one step.
    const TRADES: usize = 5;

    fn open(mut random: SplitMix) -> Self {
        let price = random.between(5_000, 500_000);
        Self { random, price }
    }

    fn next(&mut self) -> Quote {
        let trades = [(); Self::TRADES].map(|()| self.trade());
        let (high, low) = trades.iter().fold((i64::MIN, i64::MAX), |(high, low), &p| (high.max(p), low.min(p)));
        Quote { open: trades[0], close: trades[Self::TRADES - 1], high, low }
    }

    fn trade(&mut self) -> i64 {
        let reach = self.price / 2000 + 1;
        self.price = (self.price + self.random.between(-reach, reach)).clamp(Self::PRICES.0, Self::PRICES.1);
        self.price
    }
}

/// Sebastiano Vigna's splitmix64.
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from `low` to `high`, both included and less than 2³² apart.
    fn between(&mut self, low: i64, high: i64) -> i64 {
        let upper = i64::from(self.next().to_be_bytes()[..4].iter().fold(0_u32, |n, &byte| n << 8 | u32::from(byte)));
        low + ((upper * (high - low + 1)) >> 32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use clap::Parser as _;

    #[derive(Debug, clap::Parser)]
    struct Line {
        #[command(flatten)]
        verb: SampleData,
    }

    fn parsed(arguments: &str) -> Result<SampleData, clap::Error> {
        let words = ["sample-data", "unused"].into_iter().chain(arguments.split_whitespace());
        Line::try_parse_from(words).map(|line| line.verb)
    }

    /// The names and texts of the files that `arguments` give, sorted, and the summary.
    fn made(arguments: &str) -> (Vec<(String, String)>, Summary) {
        let folder = tempfile::tempdir().unwrap();
        let verb = SampleData { dir: folder.path().join("made"), ..parsed(arguments).unwrap() };
        let summary = verb.run().unwrap();
        let entries = fs::read_dir(&verb.dir).unwrap().map(|entry| entry.unwrap());
        let named = entries.map(|e| (e.file_name().into_string().unwrap(), fs::read_to_string(e.path()).unwrap()));
        let mut files: Vec<_> = named.collect();
        files.sort();
        (files, summary)
    }

    #[test]
    fn the_same_arguments_give_the_same_bytes_and_another_seed_gives_others() {
        let arguments = "--files 2 --days 3 --step 3600";
        assert_eq!(made(arguments), made(arguments));
        assert_ne!(made(arguments).0, made(&format!("{arguments} --seed 1")).0);
        assert_ne!(made(arguments).0[0].1, made(arguments).0[1].1);
    }

    #[test]
    fn more_files_and_days_leave_the_first_ones_as_they_were() {
        let (less, _) = made("--files 1 --days 1 --step 600");
        let (more, _) = made("--files 2 --days 2 --step 600");
        assert!(more[0].1.starts_with(&less[0].1));
    }

    #[test]
    fn the_default_is_the_size_of_the_benchmark() {
        let verb = parsed("").unwrap();
        assert_eq!((verb.files, verb.days, verb.step, verb.seed), (29, 365, 120, 0));
        let (files, summary) = made("--files 1");
        assert_eq!(summary, Summary { files: 1, records: 365 * 241, bytes: files[0].1.len() as u64 });
        assert_eq!(files[0].1.lines().count(), 365 * 241);
        assert!((8_000_000..9_500_000).contains(&files[0].1.len()));
    }

    #[test]
    fn every_line_is_a_record_with_the_low_and_the_high_around_the_rest() {
        let (files, _) = made("--files 3 --days 30 --step 7200");
        for line in files.iter().flat_map(|(_, text)| text.lines()) {
            let record: serde_json::Map<String, serde_json::Value> = serde_json::from_str(line).unwrap();
            assert_eq!(record.keys().collect::<Vec<_>>(), ["timestamp", "open", "close", "high", "low"]);
            let [open, close, high, low] = ["open", "close", "high", "low"].map(|name| record[name].as_f64().unwrap());
            assert!(low > 0.0 && low <= open.min(close) && high >= open.max(close), "{line}");
        }
    }

    #[test]
    fn records_stand_at_the_step_from_opening_to_closing_on_weekdays() {
        let (files, _) = made("--files 1 --days 5 --step 14400");
        let times: Vec<_> = files[0].1.lines().map(|line| &line[15..34]).collect();
        assert_eq!(
            times[..4],
            ["2012-02-28 09:00:00", "2012-02-28 13:00:00", "2012-02-28 17:00:00", "2012-02-29 09:00:00"]
        );
        // Friday's last record is followed by Monday's first.
        assert_eq!(times[11..13], ["2012-03-02 17:00:00", "2012-03-05 09:00:00"]);
    }

    #[test]
    fn lines_look_as_python_writes_them() {
        let mut line = String::new();
        write_record(&mut line, FIRST_DAY, OPENING, Quote { open: 10_136, close: 10_130, high: 11_000, low: 9_005 });
        let wanted =
            r#"{"timestamp": "2012-02-28 09:00:00", "open": 10.136, "close": 10.13, "high": 11.0, "low": 9.005}"#;
        assert_eq!(line, format!("{wanted}\n"));
        for (number, shown) in
            [(1, "0.001"), (10, "0.01"), (100, "0.1"), (1000, "1.0"), (1050, "1.05"), (500_500, "500.5")]
        {
            assert_eq!(Thousandths(number).to_string(), shown);
        }
    }

    #[test]
    fn symbols_are_distinct_and_numbered_after_the_known_ones() {
        assert_eq!([symbol(1), symbol(29), symbol(30), symbol(1000)], ["AAPL", "XOM", "SYM030", "SYM1000"]);
        let (files, summary) = made("--files 31 --days 1 --step 28800");
        assert_eq!((files.len(), summary.files, summary.records), (31, 31, 62));
        assert!(files.iter().all(|(name, _)| !name.starts_with('.')));
    }

    #[test]
    fn nonsense_is_refused() {
        for arguments in ["--step 0", "--step 28801", "--files 0", "--days 0", "--seed -1"] {
            assert!(parsed(arguments).is_err(), "{arguments}");
        }
        let blocked = SampleData { dir: "/dev/null/x".into(), ..parsed("").unwrap() };
        assert!(blocked.run().unwrap_err().to_string().starts_with("/dev/null/x: "));
    }
}
