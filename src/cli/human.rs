//! Numbers as people read them. Programs have `--json`.

/// `1234567` as `1,234,567`.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() * 4 / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// Three digits and a unit.
pub(super) fn bytes(number: u64) -> String {
    const UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];
    if number < 1000 {
        return format!("{number} bytes");
    }
    let (mut whole, mut thousandths, mut unit) = (number, 0, 0);
    while whole >= 1000 {
        (whole, thousandths, unit) = (whole / 1000, whole % 1000, unit + 1);
    }
    let fraction = match whole {
        0..10 => format!(".{:02}", thousandths / 10),
        10..100 => format!(".{}", thousandths / 100),
        _ => String::new(),
    };
    format!("{whole}{fraction} {}", UNITS[unit - 1])
}

/// The two largest units of a time in seconds.
pub(super) fn span(seconds: f64) -> String {
    if seconds < 10.0 {
        return format!("{:.1} s", seconds.max(0.0));
    }
    let whole = std::time::Duration::try_from_secs_f64(seconds).map_or(u64::MAX, |time| time.as_secs());
    let (days, hours, minutes) = (whole / 86_400, whole / 3600 % 24, whole / 60 % 60);
    match whole {
        0..60 => format!("{whole} s"),
        60..3600 => format!("{minutes} min {} s", whole % 60),
        3600..86_400 => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_and_measures_have_the_unit_that_suits_them() {
        let counts = [0, 7, 999, 1000, 1_234_567].map(count);
        assert_eq!(counts, ["0", "7", "999", "1,000", "1,234,567"]);
        let sizes = [999, 1000, 1999, 12_345, 999_999, 4_506_938, u64::MAX].map(bytes);
        assert_eq!(sizes, ["999 bytes", "1.00 kB", "1.99 kB", "12.3 kB", "999 kB", "4.50 MB", "18.4 EB"]);
        let spans = [-1.0, 0.44, 12.7, 61.0, 3600.0, 90_000.0, 1e7].map(span);
        assert_eq!(spans, ["0.0 s", "0.4 s", "12 s", "1 min 1 s", "1 h 0 min", "1 d 1 h", "115 d 17 h"]);
    }
}
