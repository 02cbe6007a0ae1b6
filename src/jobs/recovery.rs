//! What an earlier run left half done, finished before anything new begins.
//!
//! Decided by the ledger and by facts on disk: whether the temporary file of a job still exists, and what was
//! [in hand](super::in_hand). The temporary file of a job that was running is removed.
//!
//! | the ledger says | on disk | then |
//! |---|---|---|
//! | running | a worker had it in hand with others | it is tried again, alone, at most one of these at a time |
//! | running | a worker had it in hand | it is tried again, at most one of these at a time, or set aside after the agent came down too many times |
//! | running | no worker had it in hand | it is tried again |
//! | publishing | temporary file | it gets its name, as if nothing had happened |
//! | publishing | no temporary file | it has its name: the job is done, even if the output was taken away since |
//! | decided, disposition pending | | the source is disposed of |

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs;
use std::path::Path;

use super::attempt::{Outcome, Workshop};
use super::in_hand::{self, Blame};
use super::mark;
use super::retry::plain;
use super::staging::is_agents;
use crate::convert::output::publish::STAGING;
use crate::ledger::{Disposition, Failure, Job, JobId, LedgerError, State};
use crate::source::Shown;

/// What recovery found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Attempts that had been cut off.
    pub cut_off: usize,
    /// Outputs that were decided and not finished.
    pub published: usize,
    /// Sources that had still to be disposed of.
    pub disposed: usize,
    /// Temporary files that belonged to nothing.
    pub removed: usize,
    /// Jobs that are tried again and may have brought the agent down.
    pub suspects: Vec<JobId>,
}

impl Workshop {
    /// Finishes what an earlier run left, or other agents that are no more. Does nothing the second time.
    pub fn recover(&self) -> Result<Recovered, LedgerError> {
        if let Some(shared) = self.ledger.shared() {
            return self.adopt(shared, true);
        }
        let in_hand = in_hand::left(&self.outbox, "");
        self.finish_unfinished(|job| match &in_hand {
            Some(in_hand) => in_hand.get(&job.id).copied(),
            None => Some(Blame::Alone),
        })
    }

    /// Finishes what this same process left when it could not use the ledger: nothing has brought it down.
    pub fn take_up(&self) -> Result<Recovered, LedgerError> {
        self.ledger.unfinished()?.iter().filter(|job| job.state == State::Running).try_for_each(|job| {
            self.remove_made(job);
            self.ledger.postponed(job.id)
        })?;
        if self.ledger.shared().is_some() { self.recover() } else { self.finish_unfinished(|_| None) }
    }

    fn finish_unfinished(&self, blame: impl Fn(&Job) -> Option<Blame>) -> Result<Recovered, LedgerError> {
        let mut found = Recovered::default();
        let unfinished = self.ledger.unfinished()?;
        let mark = OsString::from(mark::NAME);
        let kept: HashSet<OsString> = unfinished.iter().filter_map(publishing_name).chain([mark]).collect();
        let publishing = unfinished.iter().filter(|job| job.state == State::Publishing);
        let kept_bad =
            publishing.filter_map(|job| Some(self.temporary_bad_records(job).file_name()?.to_owned())).collect();
        for job in &unfinished {
            self.finish_one(job, blame(job), &mut found)?;
        }
        in_hand::forget(&self.outbox, "");
        found.removed = remove_strays(&self.outbox, &kept) + remove_strays(&self.quarantine, &kept_bad);
        Ok(found)
    }

    /// Finishes one job that was left. Answers how its publication ended, if that was to be done.
    pub(super) fn finish_one(
        &self,
        job: &Job,
        blame: Option<Blame>,
        found: &mut Recovered,
    ) -> Result<Option<Outcome>, LedgerError> {
        match job.state {
            State::Running => {
                found.cut_off += 1;
                let suspect = self.recover_cut_off(job, blame)?;
                found.suspects.extend(suspect.then_some(job.id));
            }
            State::Publishing => {
                found.published += 1;
                return self.resume_publishing(job).map(Some);
            }
            // What would go no better is tried again later.
            _ if self.undisposed.is_noted() => {}
            _ => {
                found.disposed += 1;
                self.dispose_pending(job)?;
            }
        }
        Ok(None)
    }

    /// Tries once more to dispose of the sources for which that failed, up to a fault of ours: see [`Workshop::undisposed`].
    pub fn dispose_all_pending(&self) -> Result<(), LedgerError> {
        let unfinished = self.ledger.unfinished()?;
        let pending = unfinished.iter().filter(|job| !matches!(job.state, State::Running | State::Publishing));
        let mut pending = pending.filter(|job| job.disposition == Disposition::Pending);
        pending.try_for_each(|job| if self.undisposed.is_noted() { Ok(()) } else { self.dispose_pending(job) })
    }

    /// Answers whether the source is tried again though it may be what has brought the agent down.
    fn recover_cut_off(&self, job: &Job, blame: Option<Blame>) -> Result<bool, LedgerError> {
        self.remove_made(job);
        if blame == Some(Blame::Together) {
            // Any of them may be at fault: that does not count against it until it was in hand alone.
            log::warn!(event = "file.cut_off", job = job.id.0, attempt = job.attempts, path:% = Shown(&job.path);
                "An earlier run stopped while it had this source and others in hand; it is tried again, alone.");
            return self.ledger.apart(&[job.id])?.into_iter().collect::<Result<(), _>>().map(|()| true);
        }
        if blame.is_none() {
            log::info!(event = "file.cut_off", job = job.id.0, attempt = job.attempts, path:% = Shown(&job.path);
                "An earlier run stopped while this source waited in line; it is tried again.");
            return self.ledger.release(job.id).map(|()| false);
        }
        // Attempts that failed are not counted: a full disk and one kill behind it are no fault of the source.
        let (crashes, _) = self.ledger.crashed(job.id)?;
        if crashes < self.max_attempts {
            log::warn!(event = "file.cut_off", job = job.id.0, attempt = job.attempts, path:% = Shown(&job.path);
                "An earlier run stopped while it had this source in hand; it is tried again.");
            return self.ledger.release(job.id).map(|()| true);
        }
        let message = format!(
            "the agent stopped {crashes} times while it had this source in hand; look at the source and the log, then \
             retry it"
        );
        self.quarantine_now(job, &plain("crash_loop", &message), job.attempts).map(|_| false)
    }

    fn dispose_pending(&self, job: &Job) -> Result<(), LedgerError> {
        if job.state == State::Quarantined {
            let record = self.ledger.find(&job.path)?;
            let failure = record.filter(|record| record.id == job.id).map(|record| Failure {
                code: record.error_code.unwrap_or_default(),
                message: record.error.unwrap_or_default(),
                line: record.line,
                byte: record.byte,
            });
            return self.set_aside(job, &failure.unwrap_or_else(|| plain("unknown", &"see `h5inbox history`")));
        }
        self.dispose(job)
    }
}

/// Removes from the staging folder inside `folder` what is the agent's, but for the files in `kept`.
fn remove_strays(folder: &Path, kept: &HashSet<OsString>) -> usize {
    let Ok(entries) = fs::read_dir(folder.join(STAGING)) else { return 0 };
    let is_stray = |name: OsString| is_agents(&name) && !kept.contains(&name);
    let strays = entries.flatten().filter(|entry| is_stray(entry.file_name()));
    strays.filter(|entry| fs::remove_file(entry.path()).is_ok()).count()
}

fn publishing_name(job: &Job) -> Option<OsString> {
    let publishing = job.state == State::Publishing;
    job.temporary.as_ref().filter(|_| publishing)?.file_name().map(OsString::from)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::config::{After, Config, Format, OnExisting};
    use crate::convert::Options;
    use crate::convert::output::publish::staging;
    use crate::jobs::attempt::Attempted;
    use crate::jobs::batch::Going;
    use crate::jobs::in_hand::InHand;
    use crate::jobs::naming::Naming;
    use crate::jobs::pool::Report;
    use crate::jobs::retry::Backoff;
    use crate::ledger::{Admission, Arrival, Publication, SqliteLedger};
    use crate::source::{Identity, open_beneath};
    use crate::telemetry::metrics::Metrics;

    fn workshop(root: &Path) -> Workshop {
        let at = |name: &str| root.join(name);
        let config = Config::new(at("inbox"), at("outbox"));
        let second = std::time::Duration::from_secs(1);
        Workshop {
            inbox: at("inbox"),
            outbox: at("outbox"),
            archive: at("archive"),
            quarantine: at("quarantine"),
            after: After::Archive,
            naming: Naming::as_sources(Format::Hdf5),
            on_existing: OnExisting::Version,
            options: Options { hash: true, ..Options::from_config(&config, 1) },
            max_attempts: 2,
            backoff: Backoff { first: second, longest: second },
            unfinished: crate::jobs::unfinished::Unfinished::new(std::time::Duration::ZERO),
            undisposed: crate::jobs::fault::Undisposed::default(),
            ledger: Arc::new(SqliteLedger::open(&at("ledger")).unwrap()),
            metrics: Arc::new(Metrics::new("test", jiff::Timestamp::now()).unwrap()),
            marker: String::new(),
            sums_of: None,
            gather: crate::jobs::gathering::GatherRules::default(),
            has_writer: |_| false,
        }
    }

    /// A workshop with one source that is a job.
    fn with_a_job(root: &Path) -> (Workshop, Job) {
        fs::create_dir(root.join("inbox")).unwrap();
        fs::write(root.join("inbox/a.json"), "{\"a\": 1}\n").unwrap();
        let workshop = workshop(root);
        let identity: Identity = open_beneath(&workshop.inbox, Path::new("a.json")).unwrap().1;
        let arrival = Arrival { path: "a.json".into(), identity };
        let Admission::New(job) = workshop.ledger.arrive(&[arrival]).unwrap().remove(0) else { panic!("known") };
        (workshop, job)
    }

    fn state(workshop: &Workshop) -> State {
        workshop.ledger.find(Path::new("a.json")).unwrap().unwrap().state
    }

    #[test]
    fn only_attempts_that_brought_the_agent_down_count_against_a_source() {
        let root = tempfile::tempdir().unwrap();
        let (workshop, job) = with_a_job(root.path());
        for _ in 0..10 {
            workshop.ledger.begin(job.id).unwrap();
            workshop.fail(&job, &plain("output_error", &"the disk is full"), 1).unwrap();
        }
        workshop.ledger.begin(job.id).unwrap();
        workshop.recover().unwrap();
        assert_eq!(state(&workshop), State::Ready, "one kill after ten failures");
        workshop.ledger.begin(job.id).unwrap();
        workshop.recover().unwrap();
        assert_eq!(state(&workshop), State::Quarantined, "the second kill");
        assert!(root.path().join("quarantine/a.json").exists());
    }

    #[test]
    fn a_source_that_somebody_writes_to_when_its_turn_comes_settles_again() {
        let root = tempfile::tempdir().unwrap();
        let (workshop, job) = with_a_job(root.path());
        let written = Workshop { has_writer: |_| true, ..workshop };
        let number = written.begin(std::slice::from_ref(&job)).remove(0).unwrap();
        assert!(matches!(written.attempt(&job, number).unwrap(), Attempted::Ended(Outcome::Changed)));
        assert!(!written.temporary(&job).exists() && !root.path().join("outbox/a.h5").exists());
        assert_eq!(state(&written), State::Gone);
        let back = Arrival { path: job.path.clone(), identity: job.identity };
        let Admission::New(job) = written.ledger.arrive(&[back]).unwrap().remove(0) else { panic!("not taken back") };
        let workshop = Workshop { has_writer: |_| false, ..written };
        let number = workshop.begin(std::slice::from_ref(&job)).remove(0).unwrap();
        let Attempted::Made(made, trace) = workshop.attempt(&job, number).unwrap() else { panic!("no output") };
        let reports = workshop.publish(vec![Going { job, trace, what: *made }]);
        assert!(matches!(reports.as_slice(), [Report { outcome: Ok(Outcome::Done), .. }]), "{reports:?}");
        assert!(root.path().join("outbox/a.h5").exists());
    }

    #[test]
    fn what_was_converted_and_waited_for_others_is_not_to_blame_when_the_agent_comes_down() {
        let root = tempfile::tempdir().unwrap();
        let (workshop, job) = with_a_job(root.path());
        staging(&workshop.outbox).unwrap();
        for _ in 0..5 {
            let in_hand = InHand::start(&workshop.outbox, "", 2, 1);
            let number = workshop.begin(std::slice::from_ref(&job)).remove(0).unwrap();
            in_hand.take(1, job.id, &job.path);
            let Attempted::Made(made, _) = workshop.attempt(&job, number).unwrap() else { panic!("no output") };
            in_hand.lay_down(1);
            assert!(made.temporary.exists());
            workshop.recover().unwrap();
            assert!(!made.temporary.exists());
            assert_eq!(state(&workshop), State::Ready);
        }
        for (time, then) in [("the first time", State::Ready), ("the second", State::Quarantined)] {
            workshop.ledger.begin(job.id).unwrap();
            InHand::start(&workshop.outbox, "", 2, 1).take(0, job.id, &job.path);
            workshop.recover().unwrap();
            assert_eq!(state(&workshop), then, "{time}");
        }
    }

    #[test]
    fn a_panic_counts_as_being_brought_down_and_never_undoes_a_decided_output() {
        let root = tempfile::tempdir().unwrap();
        let (workshop, job) = with_a_job(root.path());
        workshop.ledger.begin(job.id).unwrap();
        workshop.panicked(&job, "first").unwrap();
        assert_eq!(state(&workshop), State::Failed);
        workshop.ledger.begin(job.id).unwrap();
        let temporary = workshop.temporary(&job);
        fs::create_dir_all(temporary.parent().unwrap()).unwrap();
        fs::write(&temporary, "the output").unwrap();
        let publication = Publication {
            hash: [0; 32],
            temporary: temporary.clone(),
            output: root.path().join("outbox/a.h5"),
            output_bytes: 10,
            first_row: None,
            rows: 1,
            columns: 1,
            bad_records: 0,
            warnings: None,
            input: "lines".to_owned(),
            compression: "none".to_owned(),
            bom: false,
            wait_s: 0.0,
            convert_s: 0.0,
        };
        workshop.ledger.publishing(job.id, &publication).unwrap();
        let Outcome::Failed(again) = workshop.panicked(&job, "second").unwrap() else { panic!("not tried again") };
        assert!(temporary.exists() && state(&workshop) == State::Publishing);
        assert!(matches!(workshop.attempt(&again, 2).unwrap(), Attempted::Ended(Outcome::Done)));
        assert_eq!(fs::read_to_string(root.path().join("outbox/a.h5")).unwrap(), "the output");
    }
}
