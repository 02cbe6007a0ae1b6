//! One path that waits: what was promised of it, what the looks saw, when the next look is due.

use std::time::Duration;

use crate::intake::handled::Version;
use crate::intake::lease::Writer;

/// The times that decide.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// How long a file must be left alone after a close, and between two looks that must agree.
    pub settle: Duration,
    /// How long a name that appeared may take until a look, if no close is reported.
    pub quiet_open: Duration,
    /// How long a file found by a scan must be left alone, if writers cannot be seen.
    pub quiet_unseen: Duration,
    /// The same where other machines write: they send what they have written seconds later, or at the end.
    pub quiet_elsewhere: Duration,
    /// How long a file must be left alone whose writer was seen to come and not to close it, if writers cannot be seen.
    pub quiet_unclosed: Duration,
    /// How long a file must have been empty.
    pub quiet_empty: Duration,
    /// The longest time between two looks.
    pub longest: Duration,
    /// The same of a file whose marker or manifest is awaited, which is looked at when that comes.
    pub rest: Duration,
}

impl Rules {
    /// The usual times around the operator's `settle`, which is at least a millisecond: two looks at the same moment
    /// would be one.
    #[must_use]
    pub fn new(settle: Duration) -> Self {
        let settle = settle.max(Duration::from_millis(1));
        let at_least = |seconds| settle.max(Duration::from_secs(seconds));
        Self {
            settle,
            quiet_open: at_least(2),
            quiet_unseen: at_least(2),
            quiet_elsewhere: at_least(10),
            quiet_unclosed: at_least(30),
            quiet_empty: Duration::from_secs(2),
            longest: at_least(30),
            rest: at_least(600),
        }
    }

    /// For how long looks must have agreed on the version.
    pub(super) fn agreement(&self, claim: Claim, writer: Writer, size: u64) -> Duration {
        let needed = match (claim, writer) {
            (Claim::Renamed, _) | (Claim::Closed | Claim::Created, Writer::None) => Duration::ZERO,
            (Claim::Closed, _) | (_, Writer::None | Writer::Present) => self.settle,
            // A link that will never be closed looks the same; it only comes later.
            (Claim::Created, _) | (Claim::Changed, Writer::Unknown) => self.quiet_unclosed,
            (Claim::None, Writer::Unknown) => self.quiet_unseen,
            (_, Writer::Elsewhere) => self.quiet_elsewhere,
        };
        if size == 0 { needed.max(self.quiet_empty) } else { needed }
    }
}

/// The last hint, reduced to what it promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Claim {
    Renamed,
    Closed,
    Created,
    /// A scan saw a new version of a path that was handed out, and nobody has heard of a close.
    Changed,
    /// No promise: the looks must show it.
    None,
}

#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) since: Duration,
    pub(super) due: Duration,
    pub(super) claim: Claim,
    /// The version at the last look, and when it was first seen.
    pub(super) seen: Option<(Version, Duration)>,
    /// The next wait after a disappointing look.
    pub(super) backoff: Duration,
    /// A look was asked for and nothing was hinted since: its answer counts.
    pub(super) looking: bool,
    /// Before this time only a file that is said to be complete is taken.
    pub(super) quiet_until: Duration,
    /// Only a marker or a manifest is missing, as far as the last look saw.
    pub(super) withheld: bool,
    /// The last look could not open it.
    pub(super) unreadable: bool,
}

impl Waiting {
    /// Takes in the version of a look at a file that has to wait for a sign, which may take long: what the last hint
    /// promised of another version is over.
    pub(super) fn rest(&mut self, version: Version, now: Duration) {
        self.outlive(version);
        let first = self.seen.filter(|(before, _)| *before == version).map_or(now, |(_, first)| first);
        self.seen = Some((version, first));
        self.withheld = true;
    }

    fn outlive(&mut self, version: Version) {
        if self.withheld && self.seen.is_some_and(|(before, _)| before != version) {
            self.claim = Claim::Changed;
        }
    }

    /// What a look at `version` without a writer needs; see [`Rules::agreement`].
    pub(super) fn needed(&mut self, rules: &Rules, writer: Writer, version: Version, size: u64) -> Duration {
        self.outlive(version);
        rules.agreement(self.claim, writer, size)
    }

    /// Takes in the version of a look; says when to look again if looks have not agreed for the time `needed`.
    pub(super) fn observe(
        &mut self,
        version: Version,
        needed: Duration,
        now: Duration,
        longest: Duration,
    ) -> Option<Duration> {
        let changed = self.seen.is_some_and(|(before, _)| before != version);
        let first = self.seen.filter(|(before, _)| *before == version).map_or(now, |(_, first)| first);
        self.seen = Some((version, first));
        let agreed_at = first + needed;
        if now >= agreed_at {
            return None;
        }
        // A file that keeps changing is looked at less and less often, and must then be still for that long.
        Some(if changed { agreed_at.max(now + self.back_off(longest)) } else { agreed_at })
    }

    pub(super) fn back_off(&mut self, longest: Duration) -> Duration {
        let wait = self.backoff.min(longest);
        self.backoff = wait.saturating_mul(2).min(longest);
        wait
    }
}
