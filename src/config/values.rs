//! One value at a time: from TOML to what the program uses, or what is wrong with it.

use std::net::SocketAddr;
use std::ops::RangeInclusive;

use globset::Glob;
use toml::de::DeValue;

use super::choices::{Choice, chosen};
use super::compression::Compression;
use super::problem::Complaint;

/// `true` or `false`.
pub(super) fn flag(value: &DeValue) -> Result<bool, Complaint> {
    value.as_bool().ok_or_else(|| wrong_kind(value, "true or false, without quotes"))
}

/// A whole number within `range`.
pub(super) fn number<N: TryFrom<i64>>(range: RangeInclusive<i64>) -> impl FnOnce(&DeValue) -> Result<N, Complaint> {
    move |value| {
        let wanted = format!("a whole number from {} to {}", range.start(), range.end());
        let written = value.as_integer().ok_or_else(|| wrong_kind(value, &wanted))?;
        let parsed = i64::from_str_radix(written.as_str(), written.radix()).ok();
        let fitting = parsed.filter(|number| range.contains(number)).and_then(|number| N::try_from(number).ok());
        fitting.ok_or_else(|| Complaint::new(format!("= {written} is out of range"), format!("write {wanted}")))
    }
}

/// One word out of a few.
pub(super) fn choice<C: Choice>(value: &DeValue) -> Result<C, Complaint> {
    let words = C::WORDS.iter().map(|(word, _)| format!("{word:?}")).collect::<Vec<_>>().join(" or ");
    let written = text(value, &words)?;
    let unknown = || Complaint::new(format!("= {written:?} is not one of its values"), format!("write {words}"));
    chosen(written).ok_or_else(unknown)
}

/// A compression, with or without a level.
pub(super) fn compression(value: &DeValue) -> Result<Compression, Complaint> {
    let written = text(value, Compression::WRITTEN)?;
    let unknown =
        || Complaint::new(format!("= {written:?} is not one of its values"), format!("write {}", Compression::WRITTEN));
    Compression::parse(written).ok_or_else(unknown)
}

/// A list of globs, at least one.
pub(super) fn some_globs(value: &DeValue) -> Result<Vec<String>, Complaint> {
    let patterns = globs(value)?;
    if patterns.is_empty() {
        return Err(Complaint::new("is empty, so that no file would ever be taken", "leave it out for the default"));
    }
    Ok(patterns)
}

/// A list of globs, maybe none.
pub(super) fn globs(value: &DeValue) -> Result<Vec<String>, Complaint> {
    let patterns = texts(value, "a list of patterns, as [\"*.json\", \"*.jsonl\"]")?;
    let faults: Vec<_> = patterns.iter().filter_map(|pattern| glob_fault(pattern)).collect();
    if !faults.is_empty() {
        return Err(Complaint::new(format!("has {}", faults.join(", and ")), "see glob(7); [[] stands for a plain ["));
    }
    Ok(patterns)
}

fn texts(value: &DeValue, wanted: &str) -> Result<Vec<String>, Complaint> {
    let items = value.as_array().ok_or_else(|| wrong_kind(value, wanted))?;
    let texts = items.iter().map(|item| text(item.get_ref(), wanted).map(str::to_owned)).collect::<Result<_, _>>();
    texts.map_err(|item: Complaint| Complaint::new(format!("has an item that {}", item.what), item.hint))
}

fn glob_fault(pattern: &str) -> Option<String> {
    match Glob::new(pattern) {
        Ok(_) if pattern.is_empty() => Some("an empty pattern".to_owned()),
        Ok(_) => None,
        Err(error) => Some(format!("{pattern:?}, which is not a glob ({})", error.kind())),
    }
}

/// What stands behind a source's name in that of its marker, or nothing.
pub(super) fn marker_ending(value: &DeValue) -> Result<String, Complaint> {
    const WANTED: &str = "what stands behind the name of a source, as \".done\"; \"\" turns it off";
    let written = text(value, WANTED)?;
    if written.len() > 100 || written.chars().any(|c| c == '/' || c.is_control()) {
        return Err(Complaint::new(format!("= {written:?} is not the ending of a name"), format!("write {WANTED}")));
    }
    Ok(written.to_owned())
}

/// The name of a column, or nothing.
pub(super) fn column_name(value: &DeValue) -> Result<String, Complaint> {
    const WANTED: &str = "the name of a column, as \"source\"; \"\" turns it off";
    let written = text(value, WANTED)?;
    if written.len() > 255 || written.chars().any(char::is_control) {
        return Err(Complaint::new(
            format!("= {written:?} is too long or has a control character"),
            format!("write {WANTED}"),
        ));
    }
    Ok(written.to_owned())
}

/// An address and a port, or nothing.
pub(super) fn listen_address(value: &DeValue) -> Result<String, Complaint> {
    const WANTED: &str = "an address and a port, as \"127.0.0.1:9815\" or \"[::1]:9815\"; \"\" turns it off";
    let written = text(value, WANTED)?;
    if !written.is_empty() && written.parse::<SocketAddr>().is_err() {
        return Err(Complaint::new(format!("= {written:?} is not an address and a port"), format!("write {WANTED}")));
    }
    Ok(written.to_owned())
}

/// Any string; `wanted` says what for.
pub(super) fn text<'v>(value: &'v DeValue, wanted: &str) -> Result<&'v str, Complaint> {
    value.as_str().ok_or_else(|| wrong_kind(value, wanted))
}

/// What is said of a value of another kind than `wanted`.
pub(super) fn wrong_kind(value: &DeValue, wanted: &str) -> Complaint {
    let kind = match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    };
    Complaint::new(format!("is {kind}"), format!("write {wanted}"))
}

/// A schema of a database, in letters that need no quotes there.
pub(super) fn schema_name(value: &DeValue) -> Result<String, Complaint> {
    let written = text(value, "the name of a schema, as \"h5inbox\"")?;
    let fits = (1..=40).contains(&written.len())
        && written.starts_with(|first: char| first.is_ascii_lowercase())
        && written.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        && !written.starts_with("pg_");
    let unfit = || {
        Complaint::new(
            format!("= {written:?} is no name of a schema"),
            "use up to 40 of a-z, 0-9 and _, a letter first",
        )
    };
    fits.then(|| written.to_owned()).ok_or_else(unfit)
}

/// What an agent is called among those that share a ledger; nothing: as its host.
pub(super) fn agent_name(value: &DeValue) -> Result<String, Complaint> {
    let written = text(value, "a name, as \"node7\"; \"\" is the host's name")?;
    let fits = written.len() <= 100 && written.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
    let unfit = || {
        Complaint::new(format!("= {written:?} is no name of an agent"), "use up to 100 of a-z, A-Z, 0-9, ., _ and -")
    };
    fits.then(|| written.to_owned()).ok_or_else(unfit)
}
