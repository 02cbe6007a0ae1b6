//! Points in time: from text, or from a count of units, to nanoseconds since 1970-01-01.
//!
//! All of `datetime64[ns]` is between 1677-09-21 and 2262-04-11; what is beyond does not fit.

use jiff::Timestamp;
use jiff::civil::{DateTime, Time};
use jiff::fmt::strtime::BrokenDownTime;
use jiff::fmt::temporal::Pieces;
use jiff::tz::Offset;

use crate::config::Moment;

/// The seconds of a day: no zone is that far off.
const DAY: i32 = 86_400;

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

/// `count` units of `unit` nanoseconds: whole units exactly, their fraction rounded to the nearest nanosecond.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "units are small; the range is checked"
)]
pub(super) fn of_float(count: f64, unit: i64) -> Option<i64> {
    const BEYOND: f64 = 9_223_372_036_854_775_808.0;
    if !(-BEYOND..BEYOND).contains(&count) {
        return None;
    }
    let fraction = (count.fract() * unit as f64).round() as i64;
    (count.trunc() as i64).checked_mul(unit)?.checked_add(fraction)
}

fn iso(text: &str) -> Option<(i64, bool)> {
    // Behind a bracket stands a zone by name, whose rules would be needed, or a calendar.
    let pieces = Pieces::parse(text).ok().filter(|_| !text.contains('['))?;
    let clock = pieces.time().unwrap_or(Time::midnight());
    if clock.second() == 59 && is_leap(text, |text| Some(Pieces::parse(text).ok()?.time()?.second())) {
        return None;
    }
    let civil = pieces.date().to_datetime(clock);
    match pieces.to_numeric_offset() {
        Some(offset) if offset.seconds().abs() >= DAY => None,
        Some(offset) => Some((since_epoch(civil, offset)?, true)),
        None => Some((since_epoch(civil, Offset::UTC)?, false)),
    }
}

fn formatted(text: &str, format: &str) -> Option<(i64, bool)> {
    in_form(text, format, false).or_else(|| {
        // As for pandas, a zone is +0200, +02:00 or Z; the parser has a directive for each.
        let (colon, zulu) = (with_zone(format, "%:z")?, with_zone(format, "Z")?);
        in_form(text, &colon, false).or_else(|| in_form(text, &zulu, true))
    })
}

/// `format` with `zone` in the place of `%z`; `None` if it has none.
fn with_zone(format: &str, zone: &str) -> Option<String> {
    // A percent sign of its own, written `%%`, may stand before a `z`.
    let parts: Vec<String> = format.split("%%").map(|part| part.replace("%z", zone)).collect();
    let changed = parts.join("%%");
    (changed != format).then_some(changed)
}

/// The nanoseconds that `text` stands for in one `format`, and whether it names a zone; with `zulu`, `format` says that it
/// is UTC.
fn in_form(text: &str, format: &str, zulu: bool) -> Option<(i64, bool)> {
    let parsed = BrokenDownTime::parse(format, text).ok()?;
    let second = |text: &str| BrokenDownTime::parse(format, text).ok()?.second();
    if parsed.iana_time_zone().is_some() || (parsed.second() == Some(59) && is_leap(text, second)) {
        return None;
    }
    if let Some(timestamp) = parsed.timestamp() {
        return Some((i64::try_from(timestamp.as_nanosecond()).ok()?, true));
    }
    let civil = parsed.to_datetime().ok()?;
    match parsed.offset() {
        // pandas loses the seconds of such a zone, so that nothing right could be said.
        Some(offset) if offset.seconds() % 60 != 0 || offset.seconds().abs() >= DAY => None,
        Some(offset) => Some((since_epoch(civil, offset)?, true)),
        None => Some((since_epoch(civil, Offset::UTC)?, zulu)),
    }
}

/// The parser takes the second 60 for 59, which is another one. `text` has the second 60 if it has another where 60 is
/// replaced.
fn is_leap(text: &str, second: impl Fn(&str) -> Option<i8>) -> bool {
    text.match_indices("60").any(|(at, found)| {
        let (before, behind) = (&text[..at], &text[at + found.len()..]);
        second(&format!("{before}58{behind}")) == Some(58)
    })
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
        for text in ["", "yesterday", "1970-13-01", "2300-01-01", "19700101x", "1970-01-02T00:00+24:00"] {
            assert_eq!(of_text(text, &Moment::Iso), None, "{text}");
        }
        for text in
            ["1970-01-01T00:00[Europe/Berlin]", "1970-01-01T00:00+05:00[Europe/Berlin]", "1970-01-01[u-ca=hebrew]"]
        {
            assert_eq!(of_text(text, &Moment::Iso), None, "{text}");
        }
    }

    #[test]
    fn a_leap_second_is_not_taken_for_the_one_before() {
        for text in ["2016-12-31T23:59:60Z", "20161231T235960", "1960-12-31 23:59:60.5"] {
            assert_eq!(of_text(text, &Moment::Iso), None, "{text}");
        }
        assert!(of_text("1960-12-31T23:59:59.60Z", &Moment::Iso).is_some());
        let form = Moment::Format("%H:%M:%S %d.%m.%Y".to_owned());
        assert_eq!(of_text("23:59:60 31.12.1960", &form), None);
        assert!(of_text("23:59:59 31.12.1960", &form).is_some());
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
        for (text, minutes) in [("+02:00", -120), ("-0230", 150), ("-02:30", 150), ("Z", 0), ("+23:59", -1439)] {
            let expected = Some((minutes * 60 * SECOND, true));
            assert_eq!(of_text(&format!("1970-01-01 00:00 {text}"), &zoned), expected, "{text}");
        }
        for text in ["+02", "z", "UTC", "+2:00", "+02:0", "+24:00", "+2400", "+02:00:30", "+020030", "+02:60", ""] {
            assert_eq!(of_text(&format!("1970-01-01 00:00 {text}"), &zoned), None, "{text}");
        }
        let percent = Moment::Format("%%z %Y-%m-%d".to_owned());
        assert_eq!(of_text("%z 1970-01-01", &percent), Some((0, false)));
        assert_eq!(of_text("%Z 1970-01-01", &percent), None);
        // A zone by name would need the rules of that zone.
        let named = Moment::Format("%Y-%m-%d %Q".to_owned());
        assert_eq!(of_text("1970-01-01 Europe/Berlin", &named), None);
    }

    #[test]
    fn counts_of_units_are_exact_but_for_their_fraction() {
        assert_eq!(of_float(1_330_419_600.5, SECOND), Some(1_330_419_600 * SECOND + SECOND / 2));
        assert_eq!(of_text("1330419600", &Moment::Epoch(SECOND)), Some((1_330_419_600 * SECOND, false)));
        assert_eq!(of_float(5_000_000_001.0, SECOND), Some(5_000_000_001 * SECOND));
        assert_eq!(of_float(1_330_419_600_123.0, 1_000_000), Some(1_330_419_600_123_000_000));
        assert_eq!(of_float(-0.25, SECOND), Some(-SECOND / 4));
        assert_eq!(of_float(1e300, 1), None);
        assert_eq!(of_float(f64::NAN, 1), None);
    }
}
