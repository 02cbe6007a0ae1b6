//! Is it healthy? If not: why, and what to do. In one sentence, which is the first thing that a person reads.

use crate::cli::human;
use crate::telemetry::status::Status;

/// How urgent it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mood {
    /// Nothing to do.
    Well,
    /// It works, and somebody should look at something.
    Look,
    /// Nothing is converted.
    Stuck,
}

/// The verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Health {
    pub(super) mood: Mood,
    /// In a word or two.
    pub(super) word: &'static str,
    /// Why, and what to do.
    pub(super) why: String,
}

/// Sources that are ready and older than that wait too long, in seconds.
const LONG: f64 = 600.0;

const UNREADABLE: &str =
    "the log names it (`journalctl -u h5inbox -g file.skipped`), and `h5inbox explain FILE` says what to do";

/// The verdict on an agent in this state: the worst that is true of it.
pub(super) fn health(status: &Status) -> Health {
    let said = |mood, word, why| Health { mood, word, why };
    if !status.running && status.agents.iter().any(|agent| agent.alive) {
        let why = "other agents that share its ledger are at work; start it with `systemctl start h5inbox`";
        return said(Mood::Look, "not running here", why.to_owned());
    }
    if !status.running {
        let why = "start it with `systemctl start h5inbox`; `journalctl -u h5inbox` says why it ended";
        return said(Mood::Stuck, "not running", why.to_owned());
    }
    if let Some(why) = &status.paused {
        return said(Mood::Stuck, "paused", format!("{why}; then it goes on by itself"));
    }
    if status.since.is_none() {
        let why = "it runs and does not answer: it is starting or stopping, or may not be asked by this user; wait a moment, \
                   then `journalctl -u h5inbox`";
        return said(Mood::Look, "no answer", why.to_owned());
    }
    let looks = concerns(status);
    if looks.is_empty() {
        return said(Mood::Well, "healthy", doing(status));
    }
    said(Mood::Look, "needs a look", looks.join("; and "))
}

/// What somebody should look at, the most important first.
fn concerns(status: &Status) -> Vec<String> {
    let mut looks = Vec::new();
    if let Some(seconds) = status.oldest_waiting_s.filter(|seconds| *seconds > LONG && status.backlog.retrying == 0) {
        let waits = human::span(seconds);
        looks.push(format!("a source has waited for {waits}; see whether `workers` and the machine suffice"));
    }
    for agent in status.agents.iter().filter(|agent| !agent.alive || agent.paused.is_some()) {
        let how = if agent.alive { "is paused" } else { "is not heard of any more" };
        looks.push(format!("the agent {} {how}; look at {}", agent.name, agent.host));
    }
    match status.files.quarantined {
        0 => {}
        1 => looks.push("1 source cannot be converted; see `h5inbox history --state quarantined`".to_owned()),
        many => looks.push(format!("{many} sources cannot be converted; see `h5inbox history --state quarantined`")),
    }
    match status.backlog.retrying {
        0 => {}
        many => looks.push(format!("{many} failed and will be tried again; see `h5inbox history --state failed`")),
    }
    match status.backlog.unreadable {
        0 => {}
        1 => looks.push(format!("1 file in the inbox cannot be opened; {UNREADABLE}")),
        many => looks.push(format!("{many} files in the inbox cannot be opened; {UNREADABLE}")),
    }
    if status.watch.unwatched > 0 {
        let what =
            "some folders are only listed now and then; raise fs.inotify.max_user_watches (`h5inbox check-config`)";
        looks.push(what.to_owned());
    }
    looks
}

fn doing(status: &Status) -> String {
    let (waiting, arriving) = (status.backlog.ready + status.backlog.running, status.backlog.settling);
    match waiting {
        0 if arriving > 0 => format!("{} arriving or waited for", human::count(arriving)),
        0 => "nothing waits".to_owned(),
        1 => "1 source is being converted or waits for it".to_owned(),
        many => format!("{} sources are being converted or wait for it", human::count(many)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::status::{Backlog, Files, Watch};

    #[test]
    fn the_worst_is_said_with_what_to_do() {
        let well = Status { running: true, since: Some("now".to_owned()), ..Status::default() };
        assert_eq!(health(&well).mood, Mood::Well);
        let quarantined = Files { quarantined: 2, ..Files::default() };
        let retrying = Backlog { retrying: 1, ..Backlog::default() };
        let cases = [
            (Status { running: false, ..well.clone() }, Mood::Stuck, "systemctl start"),
            (Status { paused: Some("disk full; make room".to_owned()), ..well.clone() }, Mood::Stuck, "make room"),
            (Status { since: None, ..well.clone() }, Mood::Look, "journalctl"),
            (Status { files: quarantined, ..well.clone() }, Mood::Look, "2 sources cannot"),
            (Status { backlog: retrying, ..well.clone() }, Mood::Look, "--state failed"),
            (
                Status { backlog: Backlog { settling: 1, unreadable: 1, ..Backlog::default() }, ..well.clone() },
                Mood::Look,
                "explain FILE",
            ),
            (Status { oldest_waiting_s: Some(3600.0), ..well.clone() }, Mood::Look, "1 h 0 min"),
            (
                Status { watch: Watch { unwatched: 1, ..Watch::default() }, ..well.clone() },
                Mood::Look,
                "max_user_watches",
            ),
        ];
        for (status, mood, why) in cases {
            let health = health(&status);
            assert!(health.mood == mood && health.why.contains(why), "{health:?}");
        }
    }
}
