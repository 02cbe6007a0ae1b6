//! Points in time: from text, or from a count of units, to nanoseconds since 1970-01-01.
//!
//! All of `datetime64[ns]` is between 1677-09-21 and 2262-04-11; what is beyond does not fit.

use jiff::Timestamp;
use jiff::civil::{DateTime, Time};
use jiff::fmt::strtime::BrokenDownTime;
use jiff::fmt::temporal::Pieces;
use jiff::tz::Offset;

use crate::config::Moment;

/// The nanoseconds that `text` stands for, and whether it names a zone.
pub(super) fn of_text(text: &str, form: &Moment) -> Option<(i64, bool)> {
    match form {
        Moment::Iso => iso(text),
        Moment::Format(format) => formatted(text, format),
        Moment::Epoch(unit) => match text.parse::<i64>() {
            Ok(count) => Some((count.checked_mul(*unit)?, false)),
            Err(_) => Some((of_float(text.parse().ok()?, *unit)?, false)),
        },
    }
}

/// `count` units of `unit` nanoseconds, rounded to the nearest nanosecond.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "units are small; the range is checked"
)]
pub(super) fn of_float(count: f64, unit: i64) -> Option<i64> {
    const BOUND: f64 = 9_223_372_036_854_775_808.0;
    // Whole units exactly, so that only their fraction is rounded.
    let (whole, fraction) = (count.trunc() * unit as f64, (count.fract() * unit as f64).round());
    let inside = |value: f64| (-BOUND..BOUND).contains(&value);
    (inside(whole) && inside(whole + fraction)).then(|| whole as i64 + fraction as i64)
}

fn iso(text: &str) -> Option<(i64, bool)> {
    let pieces = Pieces::parse(text).ok()?;
    let civil = pieces.date().to_datetime(pieces.time().unwrap_or(Time::midnight()));
    match pieces.to_numeric_offset() {
        Some(offset) => Some((since_epoch(civil, offset)?, true)),
        // A zone by name alone would need the rules of that zone.
        None if pieces.time_zone_annotation().is_some() => None,
        None => Some((since_epoch(civil, Offset::UTC)?, false)),
    }
}

fn formatted(text: &str, format: &str) -> Option<(i64, bool)> {
    let parsed = BrokenDownTime::parse(format, text).ok()?;
    if let Some(timestamp) = parsed.timestamp() {
        return Some((i64::try_from(timestamp.as_nanosecond()).ok()?, true));
    }
    let civil = parsed.to_datetime().ok()?;
    let offset = parsed.offset();
    Some((since_epoch(civil, offset.unwrap_or(Offset::UTC))?, offset.is_some()))
}

fn since_epoch(civil: DateTime, offset: Offset) -> Option<i64> {
    let timestamp: Timestamp = offset.to_timestamp(civil).ok()?;
    i64::try_from(timestamp.as_nanosecond()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;

    #[test]
    fn iso_8601_is_read_with_and_without_a_zone() {
        for (text, nanoseconds, zoned) in [
            ("1970-01-02", 86_400 * SECOND, false),
            ("1970-01-01 00:00:01", SECOND, false),
            ("1970-01-01T00:00:01.000000005", SECOND + 5, false),
            ("1970-01-01T01:00:00+01:00", 0, true),
            ("1970-01-01T00:00:00Z", 0, true),
            ("1969-12-31T23:59:59.5Z", -SECOND / 2, true),
        ] {
            assert_eq!(of_text(text, &Moment::Iso), Some((nanoseconds, zoned)), "{text}");
        }
        for text in ["", "yesterday", "1970-13-01", "2300-01-01", "1970-01-01T00:00[Europe/Berlin]", "19700101x"] {
            assert_eq!(of_text(text, &Moment::Iso), None, "{text}");
        }
    }

    #[test]
    fn a_format_of_ones_own_is_read() {
        let form = Moment::Format("%d.%m.%Y %H:%M".to_owned());
        assert_eq!(of_text("02.01.1970 00:01", &form), Some(((86_400 + 60) * SECOND, false)));
        assert_eq!(of_text("1970-01-02", &form), None);
        let day = Moment::Format("%Y%m%d".to_owned());
        assert_eq!(of_text("19700102", &day), Some((86_400 * SECOND, false)));
        let zoned = Moment::Format("%Y-%m-%d %H:%M %z".to_owned());
        assert_eq!(of_text("1970-01-01 02:00 +0200", &zoned), Some((0, true)));
    }

    #[test]
    fn counts_of_units_are_exact_but_for_their_fraction() {
        assert_eq!(of_float(1_330_419_600.5, SECOND), Some(1_330_419_600 * SECOND + SECOND / 2));
        assert_eq!(of_text("1330419600", &Moment::Epoch(SECOND)), Some((1_330_419_600 * SECOND, false)));
        assert_eq!(of_float(1e300, 1), None);
        assert_eq!(of_float(f64::NAN, 1), None);
    }
}
