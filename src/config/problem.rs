//! What is wrong with a configuration, told so that it can be put right in one go.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file could not be read.
    #[error("cannot read the configuration {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The text was read and is wrong in all these ways; shown one a line.
    #[error("{}", one_a_line(problems))]
    Invalid {
        /// Everything that is wrong, in the order of the text.
        problems: Vec<Problem>,
    },
}

fn one_a_line(problems: &[Problem]) -> String {
    problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n")
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The key with its section, such as `inbox.settle_ms`; empty when the text is not TOML at all.
    pub key: String,
    /// The line it is written on, counted from 1; `None` for what is missing or follows from a default.
    pub line: Option<usize>,
    /// What is wrong, naming the key and the value.
    pub what: String,
    /// What to write instead.
    pub hint: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        f.write_str(&self.what)?;
        if self.hint.is_empty() { Ok(()) } else { write!(f, "; {}", self.hint) }
    }
}

/// What is wrong with a value, said by code that does not know its key: `what` continues a sentence that begins with it.
#[derive(Debug, PartialEq)]
pub(super) struct Complaint {
    pub(super) what: String,
    pub(super) hint: String,
}

impl Complaint {
    pub(super) fn new(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { what: what.into(), hint: hint.into() }
    }
}
