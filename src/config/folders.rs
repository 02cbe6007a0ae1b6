//! Checks the folders against each other: nothing the agent writes may come back to it as a new source, or be taken
//! for something else.
//!
//! By name only. Two names can lead to one folder through a link or a mount; that is for the agent to find at start.

use std::path::Path;

use super::choices::After;
use super::problem::Complaint;
use super::reader::Reader;
use super::{Config, Inbox};

/// The folder inside the outbox that holds unfinished outputs and is ours alone.
const OURS: &str = ".h5inbox";

/// Reports every pair of folders that must not meet.
pub(super) fn check(reader: &mut Reader, config: &Config) {
    let (inbox, source, outbox) = (&config.inbox, &config.source, &config.output.path);
    let ledger = config.ledger.file();
    let ledger = ledger.as_deref();
    // An archive that is neither used nor written down need not fit: its default is only a guess.
    let archive = (source.after == After::Archive || reader.has("source.archive")).then_some(source.archive.as_path());
    report(reader, "output.path", apart_from_inbox(outbox, inbox));
    report(reader, "source.archive", archive.and_then(|archive| apart_from_inbox(archive, inbox)));
    report(reader, "source.archive", archive.and_then(|archive| apart_from_quarantine(archive, &source.quarantine)));
    report(reader, "source.quarantine", apart_from_inbox(&source.quarantine, inbox));
    report(reader, "ledger.url", ledger.and_then(|ledger| outside_inbox(ledger, &inbox.path, "the ledger")));
    let page = config.profile.page();
    report(reader, "profile.path", page.and_then(|page| outside_inbox(page, &inbox.path, "the page")));
    let places = [("inbox.path", Some(inbox.path.as_path())), ("source.archive", archive)];
    let others =
        [("source.quarantine", Some(source.quarantine.as_path())), ("ledger.url", ledger), ("profile.path", page)];
    for (key, place) in places.into_iter().chain(others) {
        report(reader, key, place.and_then(|place| outside_ours(place, outbox)));
    }
}

fn report(reader: &mut Reader, key: &str, complaint: Option<Complaint>) {
    if let Some(complaint) = complaint {
        reader.complain(key, complaint);
    }
}

/// Also refuses an inbox inside `folder`: mirrored sub-folders could lead back into it.
fn apart_from_inbox(folder: &Path, inbox: &Inbox) -> Option<Complaint> {
    let relation = match () {
        () if is_unknown(folder) || is_unknown(&inbox.path) => return None,
        () if folder == inbox.path => "is the inbox itself",
        () if inbox.recursive && folder.starts_with(&inbox.path) => "is inside the inbox, which is recursive",
        () if inbox.recursive && inbox.path.starts_with(folder) => "holds the inbox, which is recursive",
        () => return None,
    };
    let hint = "what is put there could be taken for a new source: name a folder apart from it";
    Some(Complaint::new(format!("= \"{}\" {relation}", folder.display()), hint))
}

fn apart_from_quarantine(archive: &Path, quarantine: &Path) -> Option<Complaint> {
    let hint = "what was done and what could not be done would be mixed up: name two folders";
    let what = || format!("= \"{}\" is the quarantine too", archive.display());
    (archive == quarantine).then(|| Complaint::new(what(), hint))
}

fn outside_inbox(file: &Path, inbox: &Path, what: &str) -> Option<Complaint> {
    let inside = !is_unknown(inbox) && file.starts_with(inbox);
    inside.then(|| Complaint::new("names a file inside the inbox", format!("keep {what} elsewhere")))
}

fn outside_ours(place: &Path, outbox: &Path) -> Option<Complaint> {
    let ours = outbox.join(OURS);
    let inside = !is_unknown(outbox) && place.starts_with(&ours);
    inside.then(|| Complaint::new(format!("is inside \"{}\"", ours.display()), "only unfinished outputs belong there"))
}

/// Whether a path could not be read; the reader holds a problem for it already.
fn is_unknown(path: &Path) -> bool {
    path.as_os_str().is_empty()
}
