//! When the next attempt starts, and whether there is one: transient or permanent is decided by the type of the error.

use std::time::Duration;

use super::fault::Fault;
use crate::convert::{ConvertError, Defect, output};
use crate::ledger::Failure;
use crate::source::OpenError;

/// Why an attempt did not succeed, by what is to be done about it.
#[derive(Clone, Debug)]
pub enum Trouble {
    /// The source is at fault: a person has to look at it.
    Permanent(Failure),
    /// Something about this file passes: it is tried again, for as long as it takes.
    Transient(Failure),
    /// Our own side is at fault, and would be with any other source.
    Ours(Fault),
    /// The source ends too early: perhaps it is not finished yet, and has a while to become so.
    Unfinished(Failure),
    /// The source changed while it was read, or is another version than the job's: it settles again.
    Changed,
    /// The source is not there any more.
    Gone,
}

/// How long to wait between attempts.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    /// The first wait.
    pub first: Duration,
    /// The longest wait.
    pub longest: Duration,
}

impl Backoff {
    /// The wait after attempt number `attempt` (the first is 1): doubles, up to the longest, and then takes between
    /// half and all of it, so that files which failed together do not come back together. `jitter` is any number that
    /// differs from file to file.
    #[must_use]
    pub fn after(&self, attempt: u32, jitter: u64) -> Duration {
        let doubled = self.first.saturating_mul(2_u32.saturating_pow(attempt.saturating_sub(1).min(31)));
        let full = doubled.min(self.longest);
        // Fibonacci hashing spreads neighbouring numbers over the whole range.
        let spread = jitter.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 54;
        full / 2 + full.mul_f64(0.5) * u32::try_from(spread).unwrap_or(0) / 1023
    }
}

impl From<ConvertError> for Trouble {
    fn from(error: ConvertError) -> Self {
        match error {
            ConvertError::Defect(defect) if defect.truncated => Self::Unfinished(failure_of(&defect)),
            ConvertError::Defect(defect) => Self::Permanent(failure_of(&defect)),
            ConvertError::Changed => Self::Changed,
            ConvertError::Read(ref why) => unless_ours(Fault::at_source(why), || plain("read_error", &error)),
            ConvertError::Output(ref why) => {
                unless_ours(Fault::in_staging(why), || unwritten("output_error", &error, why.hint()))
            }
            ConvertError::Spill(ref why) => Self::Transient(unwritten("output_error", &error, output::hint(why))),
        }
    }
}

impl From<OpenError> for Trouble {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Gone | OpenError::Link | OpenError::NotAFile(_) => Self::Gone,
            OpenError::Io(ref why) => unless_ours(Fault::at_source(why), || plain("open_error", &error)),
        }
    }
}

fn unless_ours(fault: Option<Fault>, failure: impl FnOnce() -> Failure) -> Trouble {
    fault.map_or_else(|| Trouble::Transient(failure()), Trouble::Ours)
}

/// A failure with nothing but a code and a sentence.
pub(super) fn plain(code: &str, error: &dyn std::fmt::Display) -> Failure {
    Failure { code: code.to_owned(), message: error.to_string(), line: None, byte: None }
}

/// A failure to write what is ours, with what to do about it.
pub(super) fn unwritten(code: &str, error: &dyn std::fmt::Display, hint: &str) -> Failure {
    plain(code, &format!("{error}; {hint}"))
}

fn failure_of(defect: &Defect) -> Failure {
    let near = defect.excerpt.as_ref().map(|excerpt| format!(", near `{excerpt}`")).unwrap_or_default();
    Failure {
        code: defect.code.to_owned(),
        message: format!("{}{near}; {}", defect.what, defect.hint),
        line: defect.line,
        byte: defect.byte,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_refuses_to_write_is_no_fault_of_the_source() {
        use rustix::io::Errno;
        for errno in [Errno::NOSPC, Errno::DQUOT, Errno::ROFS, Errno::IO, Errno::MFILE, Errno::FBIG, Errno::ISDIR] {
            let written = output::OutputError::io("write", "/out/a.tmp")(errno.into());
            let said = match Trouble::from(ConvertError::Output(written)) {
                Trouble::Ours(fault) if !matches!(errno, Errno::FBIG | Errno::ISDIR) => fault.to_string(),
                Trouble::Transient(failure) if matches!(errno, Errno::FBIG | Errno::ISDIR) => failure.message,
                other => panic!("{errno}: {other:?}"),
            };
            assert!(said.contains(&std::io::Error::from(errno).to_string()), "{said}");
            assert!(said.ends_with(output::hint(&errno.into())), "{said}");
        }
    }

    #[test]
    fn waits_double_up_to_the_longest_and_differ_from_file_to_file() {
        let backoff = Backoff { first: Duration::from_secs(1), longest: Duration::from_secs(900) };
        for attempt in 1..40 {
            let full = Duration::from_secs(1 << (attempt - 1).min(20)).min(backoff.longest);
            for file in 0..50 {
                let wait = backoff.after(attempt, file);
                assert!(wait >= full / 2 && wait <= full, "{attempt} {file} {wait:?}");
            }
        }
        let waits: std::collections::BTreeSet<_> = (0..100).map(|file| backoff.after(10, file)).collect();
        assert!(waits.len() > 50);
    }
}
