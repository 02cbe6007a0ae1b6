//! `inbox.shard`: which part of the sources an agent takes where several agents divide an inbox among them by name.

use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use serde::{Serialize, Serializer};
use toml::de::DeValue;

use super::problem::Complaint;
use super::values::text;

/// Parts at most.
const MOST: u32 = 10_000;

/// A part of all sources: number `number` of `of` parts, or all of them. Each source is in exactly one, which its path decides
/// and nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    number: u32,
    of: u32,
}

impl Default for Shard {
    /// All sources.
    fn default() -> Self {
        Self { number: 1, of: 1 }
    }
}

impl Shard {
    /// The part that `written` is: `""` for all, or as `"2/5"`.
    #[must_use]
    pub fn parse(written: &str) -> Option<Self> {
        if written.is_empty() {
            return Some(Self::default());
        }
        let (number, of) = written.split_once('/')?;
        let (number, of) = (number.parse().ok()?, of.parse().ok()?);
        (of <= MOST && (1..=of).contains(&number)).then_some(Self { number, of })
    }

    /// Whether the source at `relative` (to the inbox) is in it: the first eight bytes of the BLAKE3 hash of its path, as a
    /// little-endian number, leave `number - 1` when divided by `of`.
    #[must_use]
    pub fn takes(self, relative: &Path) -> bool {
        if self.of == 1 {
            return true;
        }
        let hash = blake3::hash(relative.as_os_str().as_bytes());
        let first = hash.as_bytes().first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        first % u64::from(self.of) == u64::from(self.number - 1)
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.of == 1 { Ok(()) } else { write!(f, "{}/{}", self.number, self.of) }
    }
}

impl Serialize for Shard {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

pub(super) fn shard(value: &DeValue) -> Result<Shard, Complaint> {
    let written = text(value, "a part of all files, as \"2/5\"")?;
    Shard::parse(written).ok_or_else(|| {
        Complaint::new(
            format!("= \"{written}\" is no part of a whole"),
            "write \"2/5\" for the second of five parts, or \"\" for all",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_source_is_in_one_part_and_parts_are_about_equal() {
        let parts: Vec<Shard> = (1..=5).map(|number| Shard::parse(&format!("{number}/5")).unwrap()).collect();
        let mut taken = [0; 5];
        for file in 0..5000 {
            let path = format!("sub/f{file}.json");
            let by: Vec<usize> = (0..5).filter(|part| parts[*part].takes(Path::new(&path))).collect();
            assert_eq!(by.len(), 1, "{path}");
            taken[by[0]] += 1;
        }
        assert!(taken.iter().all(|taken| (800..1200).contains(taken)), "{taken:?}");
        assert!(Shard::default().takes(Path::new("a")));
        // The rule is a promise: agents of different versions divide an inbox in the same way.
        let part = |path: &str| parts.iter().position(|part| part.takes(Path::new(path)));
        assert_eq!(["a.json", "b.json", "sub/c.json"].map(part), [Some(0), Some(3), Some(3)]);
    }

    #[test]
    fn what_is_no_part_is_refused() {
        for (written, part) in [("", Some((1, 1))), ("1/1", Some((1, 1))), ("2/5", Some((2, 5))), ("5/5", Some((5, 5)))]
        {
            assert_eq!(Shard::parse(written), part.map(|(number, of)| Shard { number, of }), "{written}");
        }
        for written in ["0/5", "6/5", "1/0", "1", "/", "a/b", "1/2/3", "-1/2", "1/99999"] {
            assert_eq!(Shard::parse(written), None, "{written}");
        }
        assert_eq!(Shard::parse("2/5").unwrap().to_string(), "2/5");
    }
}
