//! What was found, and how urgent it is.

use crate::cli::output;

/// Everything that is to be said, in the order in which it was found.
#[derive(Debug, Default)]
pub(super) struct Findings {
    errors: Vec<String>,
    warnings: Vec<String>,
    notes: Vec<String>,
}

impl Findings {
    /// The agent would not start, or not work, and that does not pass.
    pub(super) fn error(&mut self, what: impl Into<String>) {
        self.errors.push(what.into());
    }

    /// It works, but not as somebody will expect, or not for long.
    pub(super) fn warning(&mut self, what: impl Into<String>) {
        self.warnings.push(what.into());
    }

    /// Good to know.
    pub(super) fn note(&mut self, what: impl Into<String>) {
        self.notes.push(what.into());
    }

    /// Whether the agent can work.
    pub(super) fn is_fit(&self) -> bool {
        self.errors.is_empty()
    }

    /// Why the agent cannot work; empty if it can.
    pub(super) fn into_errors(self) -> Vec<String> {
        self.errors
    }

    /// Says it all; notes only to those who want to know.
    pub(super) fn tell(&self, quiet: bool) {
        self.errors.iter().for_each(|what| output::error(what));
        self.warnings.iter().for_each(|what| output::note(&format!("warning: {what}")));
        if !quiet {
            self.notes.iter().for_each(|what| output::note(&format!("note: {what}")));
        }
    }

    /// In a few words.
    pub(super) fn sum(&self) -> String {
        let count = |number: usize, what: &str| format!("{number} {what}{}", if number == 1 { "" } else { "s" });
        match (self.errors.len(), self.warnings.len()) {
            (0, 0) => "all well".to_owned(),
            (0, warnings) => format!("works, with {}", count(warnings, "warning")),
            (errors, warnings) => format!("{}, {}", count(errors, "error"), count(warnings, "warning")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_errors_make_it_unfit() {
        let mut found = Findings::default();
        found.note("a");
        assert!(found.is_fit() && found.sum() == "all well");
        found.warning("b");
        assert!(found.is_fit() && found.sum() == "works, with 1 warning");
        found.error("c");
        found.error("d");
        assert!(!found.is_fit() && found.sum() == "2 errors, 1 warning");
    }
}
