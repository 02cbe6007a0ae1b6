//! What the page shows: the status, the last hour, what each worker has in hand, and the last sources that were converted,
//! wait for another attempt, or need a person.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;

use super::answer::{Answer, AtWork};
use crate::ledger::{HistoryFilter, JobId, Record, State};
use crate::source::{Quoted, Shown};

/// Sources of each kind that are listed.
const LISTED: usize = 20;

/// What a worker has in hand.
#[derive(Serialize)]
struct Desk {
    path: String,
    job: i64,
    for_s: f64,
}

/// A source, and the command that tries it again, if that is to be.
#[derive(Serialize)]
struct Listed {
    #[serde(flatten)]
    record: Record,
    retry: Option<String>,
}

/// The answer as JSON.
pub(super) fn json(answer: &Arc<Answer>) -> String {
    let status = answer.status();
    let hindrances = answer.hindrances();
    let listed =
        answer.at_work(|at_work| (desks(at_work), lists(at_work, (&answer.config().inbox.path, answer.retry()))));
    let (desks, lists) = listed.unwrap_or_default();
    let [done, retrying, quarantined] = lists;
    let all = json!({
        "now": format!("{:.3}", Timestamp::now()),
        "status": status,
        "why_not_ready": hindrances,
        "output_free_bytes": answer.probe.found().and_then(Result::ok),
        "hour": answer.metrics.hour(),
        "workers": desks,
        "done": done,
        "retrying": retrying,
        "quarantined": quarantined,
    });
    all.to_string()
}

fn desks(at_work: &AtWork) -> Vec<Option<Desk>> {
    let desk = |(job, path, since): (JobId, PathBuf, Duration)| Desk {
        path: Shown(&path).to_string(),
        job: job.0,
        for_s: since.as_secs_f64(),
    };
    at_work.desks.in_hand().into_iter().map(|taken| taken.map(desk)).collect()
}

/// The last sources that are done, wait for another attempt (also those whose output only misses its name), or need a person;
/// a ledger that cannot be asked tells of none.
fn lists(at_work: &AtWork, how: (&Path, &str)) -> [Vec<Listed>; 3] {
    let of = |state| list(at_work, how, state);
    let hindered = of(State::Publishing).into_iter().filter(|listed| listed.record.error.is_some());
    [of(State::Done), hindered.chain(of(State::Failed)).collect(), of(State::Quarantined)]
}

fn list(at_work: &AtWork, (inbox, retry): (&Path, &str), state: State) -> Vec<Listed> {
    let filter = HistoryFilter { state: Some(state), limit: Some(LISTED), ..HistoryFilter::default() };
    let mut found = Vec::new();
    if !at_work.answers() {
        return found;
    }
    let _ = at_work.ledger.history(&filter, &mut |record| {
        let wanted = matches!(state, State::Failed | State::Quarantined);
        let command = wanted.then(|| format!("{retry} {}", Quoted(&inbox.join(&record.path))));
        found.push(Listed { record, retry: command });
        ControlFlow::Continue(())
    });
    found
}
