//! `output.name`: what outputs are called, apart from their ending and the mirrored folder they are in.

use std::fmt;

use jiff::Timestamp;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use serde::{Serialize, Serializer};
use toml::de::DeValue;

use super::problem::Complaint;
use super::values::text;

/// Hexadecimal digits of a whole hash.
const DIGITS: usize = 64;
/// Digits for those who name no number.
const USUAL_DIGITS: usize = 16;

const WANTED: &str = "text with {name} or {hash}, and {date:%Y-%m-%d} or the like, as \"{date:%Y/%m}/{name}\"";

/// The name of an output, with places to fill in. Never one that leads out of its folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameTemplate(Vec<Piece>);

/// One piece of a [`NameTemplate`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Written as it is.
    Text(String),
    /// `{name}`: the name of the source without `.json` and the like.
    Name,
    /// `{date:FORMAT}`: when the source was last modified, in UTC, in this `strftime` format.
    Date(String),
    /// `{hash:N}`: the first N hexadecimal digits of the SHA-256 of the source.
    Hash(usize),
}

impl NameTemplate {
    /// The template that `written` is, or what is wrong with it.
    pub fn parse(written: &str) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut rest = written;
        while let Some((before, behind)) = rest.split_once('{') {
            let (place, after) = behind.split_once('}').ok_or("has a { without a }")?;
            pieces.extend((!before.is_empty()).then(|| Piece::Text(before.to_owned())));
            pieces.push(Piece::parse(place)?);
            rest = after;
        }
        pieces.extend((!rest.is_empty()).then(|| Piece::Text(rest.to_owned())));
        let template = Self(pieces);
        template.check().map(|()| template)
    }

    /// What it is made of.
    #[must_use]
    pub fn pieces(&self) -> &[Piece] {
        &self.0
    }

    /// Two sources must be able to have two names, and every name be below the folder.
    fn check(&self) -> Result<(), String> {
        if !self.0.iter().any(|piece| matches!(piece, Piece::Name | Piece::Hash(_))) {
            return Err("would give every output the same name".to_owned());
        }
        let mut sample = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => sample.push_str(text),
                Piece::Name | Piece::Hash(_) => sample.push('x'),
                Piece::Date(format) => sample.push_str(&date(format, Timestamp::UNIX_EPOCH)?),
            }
        }
        let wrong = |name: &str| name.is_empty() || name.starts_with('.');
        if sample.chars().any(char::is_control) || sample.split('/').any(wrong) {
            return Err(format!("gives {sample:?}, which is no name for a file: empty, hidden or not printable"));
        }
        Ok(())
    }
}

impl Piece {
    fn parse(place: &str) -> Result<Self, String> {
        let (word, option) = place.split_once(':').map_or((place, None), |(word, option)| (word, Some(option)));
        match (word, option) {
            ("name", None) => Ok(Self::Name),
            ("date", Some(format)) => date(format, Timestamp::UNIX_EPOCH).map(|_| Self::Date(format.to_owned())),
            ("hash", None) => Ok(Self::Hash(USUAL_DIGITS)),
            ("hash", Some(digits)) => {
                let digits = digits.parse().ok().filter(|digits| (4..=DIGITS).contains(digits));
                digits.map(Self::Hash).ok_or_else(|| "has a {hash:N} with N not from 4 to 64".to_owned())
            }
            _ => Err(format!("has {{{place}}}, which is nothing to fill in")),
        }
    }
}

/// `moment` in UTC as `format` has it.
fn date(format: &str, moment: Timestamp) -> Result<String, String> {
    let written = strtime::format(format, &moment.to_zoned(TimeZone::UTC));
    written.map_err(|error| format!("has the date format {format:?}: {error}"))
}

impl Default for NameTemplate {
    fn default() -> Self {
        Self(vec![Piece::Name])
    }
}

impl fmt::Display for NameTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|piece| match piece {
            Piece::Text(text) => f.write_str(text),
            Piece::Name => f.write_str("{name}"),
            Piece::Date(format) => write!(f, "{{date:{format}}}"),
            Piece::Hash(digits) => write!(f, "{{hash:{digits}}}"),
        })
    }
}

impl Serialize for NameTemplate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

pub(super) fn name_template(value: &DeValue) -> Result<NameTemplate, Complaint> {
    NameTemplate::parse(text(value, WANTED)?).map_err(|what| Complaint::new(what, format!("write {WANTED}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        for text in ["{name}", "{date:%Y/%m}/{name}-{hash:8}", "all/{hash:64}", "a{name}b"] {
            assert_eq!(NameTemplate::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(NameTemplate::parse("{hash}").unwrap().pieces(), [Piece::Hash(16)]);
        assert_eq!(NameTemplate::default().to_string(), "{name}");
    }

    #[test]
    fn no_template_leads_out_of_its_folder_or_gives_all_outputs_one_name() {
        for (text, said) in [
            ("", "same name"),
            ("out", "same name"),
            ("{date:%Y}", "same name"),
            ("/{name}", "no name for a file"),
            ("../{name}", "no name for a file"),
            ("a//{name}", "no name for a file"),
            (".{name}", "no name for a file"),
            ("{name}/", "no name for a file"),
            ("{name}\n", "no name for a file"),
            ("{name}{date:%n}", "no name for a file"),
            ("{name", "without a }"),
            ("{nmae}", "nothing to fill in"),
            ("{date}{name}", "nothing to fill in"),
            ("{date:%!}{name}", "date format"),
            ("{hash:3}", "from 4 to 64"),
        ] {
            let refused = NameTemplate::parse(text).unwrap_err();
            assert!(refused.contains(said), "{text}: {refused}");
        }
    }
}
