//! What the page shows: the status, the last hour, what each worker has in hand, and the last sources that were converted,
//! wait for another attempt, or need a person.

use std::ops::ControlFlow;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;

use super::answer::{Answer, AtWork};
use crate::ledger::{HistoryFilter, JobId, Record, State};
use crate::source::Shown;

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
    let listed = answer.at_work(|at_work| (desks(at_work), lists(at_work, &answer.config().inbox.path)));
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
fn lists(at_work: &AtWork, inbox: &Path) -> [Vec<Listed>; 3] {
    let of = |state| list(at_work, inbox, state);
    let hindered = of(State::Publishing).into_iter().filter(|listed| listed.record.error.is_some());
    [of(State::Done), hindered.chain(of(State::Failed)).collect(), of(State::Quarantined)]
}

fn list(at_work: &AtWork, inbox: &Path, state: State) -> Vec<Listed> {
    let filter = HistoryFilter { state: Some(state), limit: Some(LISTED), ..HistoryFilter::default() };
    let mut found = Vec::new();
    let _ = at_work.ledger.history(&filter, &mut |record| {
        let wanted = matches!(state, State::Failed | State::Quarantined);
        let retry = wanted.then(|| format!("h5inbox retry {}", quoted(&inbox.join(&record.path))));
        found.push(Listed { record, retry });
        ControlFlow::Continue(())
    });
    found
}

/// `path` as a shell takes it: as it is between quotes, or with escapes where it has what cannot be typed.
fn quoted(path: &Path) -> String {
    let bytes = path.as_os_str().as_bytes();
    let typed = str::from_utf8(bytes).ok().filter(|text| !text.chars().any(char::is_control));
    if let Some(text) = typed {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+,:@%".contains(&byte);
        return if bytes.iter().copied().all(plain) {
            text.to_owned()
        } else {
            format!("'{}'", text.replace('\'', r"'\''"))
        };
    }
    let escaped = bytes.iter().fold(String::new(), |text, byte| match byte {
        b'\'' | b'\\' => format!("{text}\\{}", char::from(*byte)),
        b' '..=b'~' => format!("{text}{}", char::from(*byte)),
        _ => format!("{text}\\x{byte:02x}"),
    });
    format!("$'{escaped}'")
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::process::Command;

    use super::*;

    #[test]
    fn whatever_a_file_is_called_a_shell_takes_the_command_as_it_is_meant() {
        let names: [&[u8]; 8] = [
            b"/in/plain-1.json",
            b"/in/two words.json",
            b"/in/it's.json",
            b"/in/$(touch x);`y`.json",
            b"/in/new\nline.json",
            b"/in/\xff\x01'\\.json",
            "/in/über \u{202e}.json".as_bytes(),
            b"/in/--a*?~!.json",
        ];
        for name in names {
            let path = Path::new(OsStr::from_bytes(name));
            let shell = Command::new("bash").args(["-c", &format!("printf %s {}", quoted(path))]).output().unwrap();
            assert_eq!(shell.stdout, name, "{}", quoted(path));
        }
    }
}
