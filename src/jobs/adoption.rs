//! What agents left that are no more, on this host or another, is finished by those that live.
//!
//! The ledger hands over jobs of which it is certain that nobody takes a step with them any more: whoever had them would be
//! refused. Then the rules of [recovery](super::recovery) hold for each of them. What an agent had in hand when it ended it
//! has written down in the outbox, which all of them share.
//!
//! Files under temporary names are told apart by the claim that made them ([`Job::claim_name`](crate::ledger::Job)): what a
//! claim that is over has left is removed, and what belongs to one that goes on is never touched.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use super::attempt::{Outcome, Workshop};
use super::in_hand::{self, Blame};
use super::recovery::Recovered;
use crate::convert::output::publish::STAGING;
use crate::ledger::{Adopted, JobId, LedgerError, Shared};
use crate::source::Shown;

/// Jobs adopted at a time: others may want to help.
const SOME: usize = 64;

/// What agents had in hand, by their names; none where that is not known.
type InHand = HashMap<String, Option<HashMap<JobId, Blame>>>;

impl Workshop {
    /// Finishes what is left behind, until there is no more, or it would go no better with the next. Then, or whenever this is
    /// to `tidy` up, what claims that are over have left under temporary names is removed.
    pub fn adopt(&self, shared: &dyn Shared, tidy: bool) -> Result<Recovered, LedgerError> {
        let (mut found, mut in_hand) = (Recovered::default(), InHand::new());
        loop {
            let left = shared.adopt(SOME)?;
            let (more, mut hindered) = (left.len() == SOME, false);
            for adopted in left {
                hindered |= self.finish_adopted(shared, &adopted, &mut in_hand, &mut found)?;
            }
            if hindered || !more {
                break;
            }
        }
        if tidy || found != Recovered::default() {
            found.removed = self.remove_left(shared)?;
        }
        Ok(found)
    }

    /// Returns true if our own side is at fault that it could not be finished.
    fn finish_adopted(
        &self,
        shared: &dyn Shared,
        Adopted { job, left_by }: &Adopted,
        in_hand: &mut InHand,
        found: &mut Recovered,
    ) -> Result<bool, LedgerError> {
        log::info!(event = "file.adopted", job = job.id.0, path:% = Shown(&job.path), agent = left_by.as_deref(),
            state = job.state.as_str(); "Another agent left this behind, or an earlier run; it is finished here.");
        let hindered = match self.finish_one(job, self.blame(job.id, left_by.as_deref(), in_hand), found) {
            // Somebody has asked for it, or taken it, in between.
            Err(LedgerError::Conflict { .. }) => false,
            Ok(Some(Outcome::Blocked(..))) => true,
            // What has still to leave the inbox stays with this agent, which tries that again and again.
            outcome => return outcome.map(|_| false),
        };
        shared.let_go(&[job.id])?;
        Ok(hindered)
    }

    /// Where it is not known what was in hand, everything is to blame.
    fn blame(&self, job: JobId, left_by: Option<&str>, in_hand: &mut InHand) -> Option<Blame> {
        let Some(agent) = left_by else { return Some(Blame::Alone) };
        let left = in_hand.entry(agent.to_owned()).or_insert_with(|| in_hand::left(&self.outbox, agent));
        left.as_ref().map_or(Some(Blame::Alone), |left| left.get(&job).copied())
    }

    /// Removes what claims that are over have left in the staging folders, and answers how many files that were.
    fn remove_left(&self, shared: &dyn Shared) -> Result<usize, LedgerError> {
        // Listed before the ledger is asked: a claim that is made in between has files that are not in the lists.
        let files: Vec<(PathBuf, (JobId, u64))> =
            [&self.outbox, &self.quarantine].into_iter().flat_map(|folder| claims_in(folder)).collect();
        let claims: Vec<(JobId, u64)> = files.iter().map(|(_, claim)| *claim).collect();
        let over = if claims.is_empty() { Vec::new() } else { shared.are_over(&claims)? };
        let removed = files.iter().zip(over).filter(|((file, _), over)| *over && fs::remove_file(file).is_ok());
        Ok(removed.count())
    }
}

/// The files of claims in the staging folder inside `folder`.
fn claims_in(folder: &Path) -> Vec<(PathBuf, (JobId, u64))> {
    let Ok(entries) = fs::read_dir(folder.join(STAGING)) else { return Vec::new() };
    entries.flatten().filter_map(|entry| Some((entry.path(), claim_of(&entry.file_name())?))).collect()
}

/// The claim that has made the file of this name, if one has: `7.tmp`, `7.3.tmp`, `7.3.bad.tmp`.
fn claim_of(name: &OsStr) -> Option<(JobId, u64)> {
    let name = name.to_str()?.strip_suffix(".tmp")?;
    let name = name.strip_suffix(".bad").unwrap_or(name);
    let (job, epoch) = name.split_once('.').unwrap_or((name, "0"));
    Some((JobId(job.parse().ok()?), epoch.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_claims_are_told_from_those_of_others() {
        for (name, claim) in [("7.tmp", (7, 0)), ("7.3.tmp", (7, 3)), ("7.3.bad.tmp", (7, 3)), ("8.bad.tmp", (8, 0))] {
            assert_eq!(claim_of(OsStr::new(name)), Some((JobId(claim.0), claim.1)), "{name}");
        }
        for name in ["ledger", "in-hand-a", "convert-1-1.tmp", "7.3", "7.x.tmp", "x.3.tmp", "7.3.4.tmp"] {
            assert_eq!(claim_of(OsStr::new(name)), None, "{name}");
        }
    }
}
