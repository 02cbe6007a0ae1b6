//! The state of an agent on a screen: the verdict first, then the numbers.

use anstyle::{AnsiColor, Style};
use jiff::Timestamp;

use super::health::{Health, Mood, health};
use crate::cli::human;
use crate::telemetry::status::{Backlog, Peer, Status};

/// Text with colours, which whoever prints it leaves out where they are not wanted.
pub(super) fn glance(status: &Status) -> String {
    let mut lines = vec![verdict(&health(status)), line("agent", &agent(status))];
    lines.push(line("inbox", &status.inbox));
    lines.push(line("outbox", &status.outbox));
    if status.since.is_some() {
        lines.push(line("workers", &format!("{} of {} busy", status.busy_workers, status.workers)));
        lines.push(line("watch", &watch(status)));
    }
    let label = |number| if number == 0 { "agents" } else { "" };
    lines.extend(status.agents.iter().enumerate().map(|(number, agent)| line(label(number), &peer(agent))));
    lines.push(line("backlog", &backlog(&status.backlog)));
    if let Some(seconds) = status.oldest_waiting_s {
        lines.push(line("oldest", &format!("waits for {}", human::span(seconds))));
    }
    lines.push(line("files", &files(status)));
    let (rows, bad) = (human::count(status.rows), human::count(status.bad_records));
    lines.push(line("rows", &format!("{rows}, {bad} bad records left out")));
    lines.push(line("bytes", &format!("{} in, {} out", human::bytes(status.bytes_in), human::bytes(status.bytes_out))));
    let last = status.last_success_at.as_deref().map(since);
    let last = last.map_or("nothing converted yet".to_owned(), |(time, age)| format!("{time}, {age} ago"));
    lines.push(line("last", &last));
    lines.join("\n") + "\n"
}

fn verdict(health: &Health) -> String {
    let style = colour(match health.mood {
        Mood::Well => AnsiColor::Green,
        Mood::Look => AnsiColor::Yellow,
        Mood::Stuck => AnsiColor::Red,
    });
    format!("{style}{}{style:#}: {}", health.word, health.why)
}

fn colour(colour: AnsiColor) -> Style {
    colour.on_default().bold()
}

fn line(label: &str, value: &str) -> String {
    let dim = Style::new().dimmed();
    format!("{dim}{label:<12}{dim:#}{value}")
}

fn agent(status: &Status) -> String {
    let version = &status.version;
    let Some(pid) = status.pid.filter(|_| status.running) else { return format!("h5inbox {version}, not running") };
    let since = status.since.as_deref().map(since);
    let since = since.map_or_else(String::new, |(time, age)| format!(", since {time}, for {age}"));
    format!("h5inbox {version}, running, process {pid}{since}")
}

/// One of those that share the ledger.
fn peer(agent: &Peer) -> String {
    let Peer { name, host, pid, version, .. } = agent;
    if !agent.alive {
        let (time, age) = since(&agent.seen_at);
        return attention(&format!("{name}: not heard of since {time}, for {age} (process {pid} on {host})"));
    }
    let part = if agent.leads { ", lists the inbox" } else { "" };
    let paused = agent.paused.as_ref().map_or_else(String::new, |why| attention(&format!(", paused: {why}")));
    format!("{name}: {} jobs{part}, h5inbox {version}, process {pid} on {host}{paused}", human::count(agent.jobs))
}

fn watch(status: &Status) -> String {
    let watch = &status.watch;
    let unwatched = match watch.unwatched {
        0 => String::new(),
        folders => attention(&format!(", {folders} or more folders only listed")),
    };
    format!("{}, {} overflows{unwatched}", watch.mode, watch.overflows)
}

fn backlog(backlog: &Backlog) -> String {
    let Backlog { settling, ready, running, retrying, withheld, unreadable } = backlog;
    let withheld = if *withheld == 0 { String::new() } else { format!(" ({withheld} without marker or manifest)") };
    let unreadable =
        if *unreadable == 0 { String::new() } else { attention(&format!(" ({unreadable} cannot be opened)")) };
    let retrying = notable(*retrying, "retrying");
    format!("{settling} settling{withheld}{unreadable}, {} ready, {running} running, {retrying}", human::count(*ready))
}

fn files(status: &Status) -> String {
    let files = &status.files;
    let (failed, quarantined) = (notable(files.failed, "failed"), notable(files.quarantined, "quarantined"));
    format!("{} done, {} duplicate, {failed}, {quarantined}", human::count(files.done), human::count(files.duplicate))
}

/// A number that should be nothing.
fn notable(number: u64, what: &str) -> String {
    let text = format!("{} {what}", human::count(number));
    if number == 0 { text } else { attention(&text) }
}

fn attention(text: &str) -> String {
    let style = colour(AnsiColor::Yellow);
    format!("{style}{text}{style:#}")
}

/// A time, and how long ago that is.
fn since(time: &str) -> (String, String) {
    let Ok(moment) = time.parse::<Timestamp>() else { return (time.to_owned(), String::new()) };
    (format!("{moment:.0}"), human::span(Timestamp::now().duration_since(moment).as_secs_f64()))
}
