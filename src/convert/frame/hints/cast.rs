//! The cells of a column as a hint wants them.

use super::super::column::{Cell, Column, Tag};
use super::super::{pickled, warnings::is_exact};
use super::moment;
use crate::config::{Moment, TypeHint};

/// What became of a column.
pub(super) struct Cast {
    /// The cells as the hint wants them; where one does not fit, an absent one.
    pub(super) column: Column,
    /// The rows that do not fit.
    pub(super) misfits: Vec<Unfit>,
    /// The first row whose integer is no float exactly.
    pub(super) rounded: Option<usize>,
    /// Whether every row is told that only lacks a value, and whether one was.
    all_absent: bool,
    told_absent: bool,
}

/// A cell that does not fit.
pub(super) struct Unfit {
    pub(super) row: usize,
    /// Whether it is one without a value, as the rows have that lack the column.
    pub(super) absent: bool,
    pub(super) why: String,
}

/// A cell as the hint wants it.
enum Fitting {
    Word(Tag, u64),
    Text(Vec<u8>),
}

/// `None` if the value does not fit.
type Fit = Option<Fitting>;

/// Makes `rows` cells of `column` what `hint` says. With a `zone`, points in time must be of that kind. Of the rows that
/// only lack a value where one must be, the first is told, or `all_absent`.
pub(super) fn column(
    column: &Column,
    rows: usize,
    absent: Tag,
    hint: &TypeHint,
    zone: Option<Tag>,
    all_absent: bool,
) -> Cast {
    let room = Column::with_capacity(column.stored_count());
    let mut cast = Cast { column: room, misfits: Vec::new(), rounded: None, all_absent, told_absent: false };
    let mut next = 0;
    for (row, tag, cell) in column.stored() {
        cast.lack(next..row, absent, hint);
        cast.cell(row, tag, &cell, absent, hint, zone);
        next = row + 1;
    }
    cast.lack(next..rows, absent, hint);
    cast
}

impl Cast {
    /// The next cell, in row `row`.
    fn cell(&mut self, row: usize, tag: Tag, cell: &Cell<'_>, absent: Tag, hint: &TypeHint, zone: Option<Tag>) {
        if *hint == TypeHint::Float64 && self.rounded.is_none() && is_rounded(cell, tag) {
            self.rounded = Some(row);
        }
        let advice = match fit(cell, tag, hint) {
            Some(Fitting::Word(tag, word)) if in_zone(tag, zone) => return self.column.push_word(tag, word),
            Some(Fitting::Text(utf8)) => {
                return match kept(tag) {
                    Tag::Text => self.column.push_text(&utf8, utf8.len()),
                    wild => self.column.push_heap(wild, |heap| pickled::text(heap, &utf8)),
                };
            }
            Some(Fitting::Word(..)) => other_zone(zone),
            None => advice(cell, hint),
        };
        self.column.push_word(absent, 0);
        let is_absent = tag == absent;
        if self.all_absent || !(is_absent && self.told_absent) {
            let why = format!("{} does not fit {hint}{advice}", shown(cell, tag));
            self.misfits.push(Unfit { row, absent: is_absent, why });
        }
        self.told_absent |= is_absent;
    }

    /// The next cells, of `rows`, are not stored.
    fn lack(&mut self, rows: std::ops::Range<usize>, absent: Tag, hint: &TypeHint) {
        if !takes_absent(hint) {
            let told = if self.all_absent { rows.len() } else { usize::from(!rows.is_empty() && !self.told_absent) };
            let cell = Cell::absent(absent);
            let why = format!("{} does not fit {hint}{}", shown(&cell, absent), advice(&cell, hint));
            self.misfits.extend(rows.clone().take(told).map(|row| Unfit { row, absent: true, why: why.clone() }));
            self.told_absent |= told > 0;
        }
        self.column.pad(rows.end, absent);
    }
}

fn fit(cell: &Cell<'_>, tag: Tag, hint: &TypeHint) -> Fit {
    if matches!(cell, Cell::Null | Cell::Missing) {
        // Which of the two it is stays known.
        return takes_absent(hint).then_some(Fitting::Word(tag, 0));
    }
    match hint {
        TypeHint::Int64 | TypeHint::NullableInt => Some(Fitting::Word(Tag::Int, integer(cell, tag)?.cast_unsigned())),
        TypeHint::Uint64 => Some(Fitting::Word(Tag::Uint, unsigned(cell, tag)?)),
        TypeHint::Float64 => float(cell, tag),
        TypeHint::Bool => Some(Fitting::Word(Tag::Bool, u64::from(boolean(cell, tag)?))),
        TypeHint::String => string(cell, tag),
        TypeHint::Datetime(form) => time(cell, tag, form),
    }
}

fn takes_absent(hint: &TypeHint) -> bool {
    matches!(hint, TypeHint::Float64 | TypeHint::String | TypeHint::Datetime(_) | TypeHint::NullableInt)
}

/// The text of a cell that is one.
fn text_of<'c>(cell: &Cell<'c>, tag: Tag) -> Option<&'c str> {
    match (cell, tag) {
        (Cell::Pickled(pickle), Tag::Text) => std::str::from_utf8(pickled::text_in(pickle)).ok(),
        _ => None,
    }
}

fn integer(cell: &Cell<'_>, tag: Tag) -> Option<i64> {
    match cell {
        Cell::Int(value) => Some(*value),
        Cell::Float(value) => whole(*value),
        _ => text_of(cell, tag)?.parse().ok(),
    }
}

fn unsigned(cell: &Cell<'_>, tag: Tag) -> Option<u64> {
    match cell {
        Cell::Uint(value) => Some(*value),
        Cell::Int(value) => u64::try_from(*value).ok(),
        Cell::Float(value) => whole_unsigned(*value),
        _ => text_of(cell, tag)?.parse().ok(),
    }
}

/// The first float beyond `i64`.
const BEYOND: f64 = 9_223_372_036_854_775_808.0;

/// A float without a fraction, within `i64`.
#[expect(clippy::cast_possible_truncation, reason = "checked before")]
fn whole(value: f64) -> Option<i64> {
    (value.fract() == 0.0 && (-BEYOND..BEYOND).contains(&value)).then_some(value as i64)
}

/// A float without a fraction, within `u64`.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked before")]
fn whole_unsigned(value: f64) -> Option<u64> {
    (value.fract() == 0.0 && (0.0..2.0 * BEYOND).contains(&value)).then_some(value as u64)
}

#[expect(clippy::cast_precision_loss, reason = "as pandas does it; a warning tells of lost digits")]
fn float(cell: &Cell<'_>, tag: Tag) -> Fit {
    let value = match cell {
        Cell::Float(value) => *value,
        Cell::Int(value) => *value as f64,
        Cell::Uint(value) => *value as f64,
        Cell::Pickled(pickle) if tag == Tag::BigInt => big_float(pickle).filter(|value| value.is_finite())?,
        _ => text_of(cell, tag)?.parse().ok()?,
    };
    Some(if value.is_nan() { Fitting::Word(Tag::Missing, 0) } else { Fitting::Word(Tag::Float, value.to_bits()) })
}

/// The float nearest to a big integer: an infinity where no float is near, which Python refuses.
fn big_float(pickle: &[u8]) -> Option<f64> {
    decimal_of(pickle).parse().ok()
}

fn is_rounded(cell: &Cell<'_>, tag: Tag) -> bool {
    match cell {
        Cell::Int(value) => !is_exact(value.unsigned_abs()),
        Cell::Uint(value) => !is_exact(*value),
        // With a precision a float is written to its last digit.
        Cell::Pickled(pickle) if tag == Tag::BigInt => {
            big_float(pickle).is_none_or(|value| format!("{value:.0}") != decimal_of(pickle))
        }
        _ => false,
    }
}

fn boolean(cell: &Cell<'_>, tag: Tag) -> Option<bool> {
    match cell {
        Cell::Bool(value) => Some(*value),
        Cell::Int(0) => Some(false),
        Cell::Int(1) => Some(true),
        _ => match text_of(cell, tag)? {
            "true" | "True" | "1" => Some(true),
            "false" | "False" | "0" => Some(false),
            _ => None,
        },
    }
}

fn string(cell: &Cell<'_>, tag: Tag) -> Fit {
    let text = match cell {
        Cell::Pickled(pickle) if matches!(tag, Tag::Text | Tag::WildText) => pickled::text_in(pickle).to_vec(),
        Cell::Pickled(pickle) if tag == Tag::BigInt => decimal_of(pickle).as_bytes().to_vec(),
        Cell::Null | Cell::Missing | Cell::Pickled(_) => return None,
        Cell::Bool(value) => value.to_string().into_bytes(),
        Cell::Int(value) => value.to_string().into_bytes(),
        Cell::Uint(value) => value.to_string().into_bytes(),
        Cell::Float(value) => pickled::float_text(*value).into_bytes(),
    };
    Some(Fitting::Text(text))
}

/// A text that is no Unicode stays known as such.
fn kept(tag: Tag) -> Tag {
    if tag == Tag::WildText { Tag::WildText } else { Tag::Text }
}

fn time(cell: &Cell<'_>, tag: Tag, form: &Moment) -> Fit {
    let (nanoseconds, zoned) = match (form, cell) {
        (Moment::Epoch(unit), Cell::Int(count)) => (count.checked_mul(*unit)?, false),
        (Moment::Epoch(unit), Cell::Float(count)) => (moment::of_float(*count, *unit)?, false),
        _ => moment::of_text(text_of(cell, tag)?, form)?,
    };
    // The least of all stands for no time at all.
    let fits = nanoseconds != i64::MIN;
    fits.then_some(Fitting::Word(if zoned { Tag::TimeUtc } else { Tag::Time }, nanoseconds.cast_unsigned()))
}

fn in_zone(tag: Tag, zone: Option<Tag>) -> bool {
    !matches!(tag, Tag::Time | Tag::TimeUtc) || zone.is_none_or(|zone| zone == tag)
}

fn other_zone(zone: Option<Tag>) -> &'static str {
    if zone == Some(Tag::Time) {
        "; the first point in time has no zone"
    } else {
        "; the first point in time has a zone"
    }
}

/// A pickled big integer is `L`, its decimal digits, and `L` with a line feed.
fn decimal_of(pickle: &[u8]) -> &str {
    let digits = pickle.strip_prefix(b"L").and_then(|rest| rest.strip_suffix(b"L\n")).unwrap_or_default();
    std::str::from_utf8(digits).unwrap_or_default()
}

/// The value for a message, shortened.
fn shown(cell: &Cell<'_>, tag: Tag) -> String {
    let whole = match cell {
        Cell::Missing => "a missing value".to_owned(),
        Cell::Null => "null".to_owned(),
        Cell::Bool(value) => value.to_string(),
        Cell::Int(value) => value.to_string(),
        Cell::Uint(value) => value.to_string(),
        Cell::Float(value) => pickled::float_text(*value),
        Cell::Pickled(pickle) if tag == Tag::BigInt => decimal_of(pickle).to_owned(),
        Cell::Pickled(_) if tag == Tag::Nested => "a list or object".to_owned(),
        Cell::Pickled(pickle) => format!("the text {:?}", String::from_utf8_lossy(pickled::text_in(pickle))),
    };
    match whole.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &whole[..end]),
        None => whole,
    }
}

fn advice(cell: &Cell<'_>, hint: &TypeHint) -> &'static str {
    match (cell, hint) {
        (Cell::Null | Cell::Missing, TypeHint::Int64) => "; nullable-int and float64 take it",
        (Cell::Null | Cell::Missing, TypeHint::Uint64) => "; float64 takes it",
        (Cell::Pickled(_), TypeHint::String) => "; `records.nested` = \"json\" makes text of it",
        _ => "",
    }
}
