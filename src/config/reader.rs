//! Finds keys in a TOML text, remembers which keys were asked for, and collects what is wrong.

use std::collections::BTreeSet;

use toml::de::{DeTable, DeValue};

use super::problem::{Complaint, ConfigError, Problem};

/// How alike (0 to 1) an unknown key and a known one must be for the one to be suggested for the other.
const ALIKE: f64 = 0.8;

/// A TOML text being read. Every key asked for is known; at the end, every other key is a problem.
pub(super) struct Reader<'t> {
    text: &'t str,
    root: DeTable<'t>,
    known: Vec<&'static str>,
    problems: Vec<Problem>,
}

impl<'t> Reader<'t> {
    /// Parses `text`; all syntax errors at once, the first of each line.
    pub(super) fn new(text: &'t str) -> Result<Self, ConfigError> {
        let (root, errors) = DeTable::parse_recoverable(text);
        let mut problems: Vec<_> = errors.iter().map(|error| syntax_problem(text, error)).collect();
        problems.dedup_by_key(|problem| problem.line);
        if !problems.is_empty() {
            return Err(ConfigError::Invalid { problems });
        }
        Ok(Self { text, root: root.into_inner(), known: Vec::new(), problems })
    }

    /// Fills `to` with what `convert` makes of the value of `key` (`name` or `section.name`), if the text has one.
    pub(super) fn read<T>(
        &mut self,
        key: &'static str,
        to: &mut T,
        convert: impl FnOnce(&DeValue) -> Result<T, Complaint>,
    ) {
        self.known.push(key);
        match self.find(key).map(|(_, value)| convert(value)) {
            Some(Ok(value)) => *to = value,
            Some(Err(complaint)) => self.complain(key, complaint),
            None => {}
        }
    }

    /// Notes that `key` must be there.
    pub(super) fn require(&mut self, key: &'static str, hint: &str) {
        if !self.has(key) {
            self.complain(key, Complaint::new("is missing", hint));
        }
    }

    /// Whether the text sets `key`.
    pub(super) fn has(&self, key: &str) -> bool {
        self.find(key).is_some()
    }

    /// Notes that something is wrong with the value of `key`.
    pub(super) fn complain(&mut self, key: &str, complaint: Complaint) {
        let line = self.find(key).map(|(start, _)| line_at(self.text, start));
        let what = format!("`{key}` {}", complaint.what);
        self.problems.push(Problem { key: key.to_owned(), line, what, hint: complaint.hint });
    }

    /// Adds the keys that nothing asked for, then tells whether all is well.
    pub(super) fn finish(self) -> Result<(), ConfigError> {
        let unknown = self.unknown_keys();
        let mut problems = self.problems;
        problems.extend(unknown);
        problems.sort_by_key(|problem| (problem.line.is_none(), problem.line));
        if problems.is_empty() { Ok(()) } else { Err(ConfigError::Invalid { problems }) }
    }

    fn find(&self, key: &str) -> Option<(usize, &DeValue<'t>)> {
        match key.split_once('.') {
            None => entry(&self.root, key),
            Some((section, name)) => match entry(&self.root, section)?.1 {
                DeValue::Table(table) => entry(table, name),
                _ => None,
            },
        }
    }

    fn unknown_keys(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (key, value) in &self.root {
            let (name, line) = (key.get_ref().as_ref(), line_at(self.text, key.span().start));
            match value.get_ref() {
                _ if self.names_in("").contains(&name) => {}
                _ if !self.sections().contains(&name) => problems.push(self.unknown("", name, line)),
                DeValue::Table(table) => problems.extend(self.unknown_in(name, table)),
                _ => problems.push(not_a_section(name, line)),
            }
        }
        problems
    }

    fn unknown_in(&self, section: &str, table: &DeTable) -> Vec<Problem> {
        let known = self.names_in(section);
        let keys = table.keys().filter(|key| !known.contains(&key.get_ref().as_ref()));
        keys.map(|key| self.unknown(section, key.get_ref(), line_at(self.text, key.span().start))).collect()
    }

    fn unknown(&self, section: &str, name: &str, line: usize) -> Problem {
        let key = if section.is_empty() { name.to_owned() } else { format!("{section}.{name}") };
        let what = format!("unknown key `{}`", key.escape_debug());
        Problem { key, line: Some(line), what, hint: self.suggestion(section, name) }
    }

    /// What was probably meant: the same name in another place, one like it in this place, or any that exists here.
    fn suggestion(&self, section: &str, name: &str) -> String {
        let mut here = self.names_in(section);
        if section.is_empty() {
            here.extend(self.sections());
        }
        match (self.home_of(name), nearest(name, &here)) {
            (Some(""), _) => format!("`{name}` stands at the top, before the first [section]"),
            (Some(home), _) => format!("`{name}` belongs in [{home}]"),
            (None, Some(nearest)) => format!("did you mean `{nearest}`?"),
            (None, None) => format!("known here: {}", here.join(", ")),
        }
    }

    fn home_of(&self, name: &str) -> Option<&'static str> {
        self.known.iter().map(|key| split(key)).find(|(_, known)| *known == name).map(|(section, _)| section)
    }

    fn sections(&self) -> Vec<&'static str> {
        let homes: BTreeSet<_> = self.known.iter().map(|key| split(key).0).collect();
        homes.into_iter().filter(|home| !home.is_empty()).collect()
    }

    fn names_in(&self, section: &str) -> Vec<&'static str> {
        self.known.iter().map(|key| split(key)).filter(|(home, _)| *home == section).map(|(_, name)| name).collect()
    }
}

fn nearest(name: &str, known: &[&'static str]) -> Option<&'static str> {
    let ranked = known.iter().map(|other| (strsim::jaro_winkler(name, other), *other));
    let best = ranked.max_by(|(a, _), (b, _)| a.total_cmp(b));
    best.filter(|(likeness, _)| *likeness >= ALIKE).map(|(_, other)| other)
}

fn split(key: &'static str) -> (&'static str, &'static str) {
    key.split_once('.').unwrap_or(("", key))
}

fn entry<'a, 't>(table: &'a DeTable<'t>, name: &str) -> Option<(usize, &'a DeValue<'t>)> {
    table.iter().find(|(key, _)| key.get_ref() == name).map(|(key, value)| (key.span().start, value.get_ref()))
}

fn not_a_section(name: &str, line: usize) -> Problem {
    let what = format!("`{name}` is not a section");
    Problem { key: name.to_owned(), line: Some(line), what, hint: format!("write [{name}] and its keys below") }
}

fn syntax_problem(text: &str, error: &toml::de::Error) -> Problem {
    let line = error.span().map(|span| line_at(text, span.start));
    Problem { key: String::new(), line, what: format!("not valid TOML: {}", error.message()), hint: String::new() }
}

fn line_at(text: &str, start: usize) -> usize {
    text.bytes().take(start).filter(|byte| *byte == b'\n').count() + 1
}
