//! Several agents on one inbox, with their ledger in a real PostgreSQL: whatever happens to an agent, to its line or to the
//! database, each source has one output.

use std::fs;
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;

use super::cluster::{Cluster, LEASE, Member, exists, rows};
use super::harness::{Site, reader, said, wait_until};

const ARCHIVE: &str = "source.after = \"archive\"\n";

/// Longer than an agent may be silent.
const SILENCE: Duration = Duration::from_secs(2 * LEASE + 1);

/// Whether a worker of `member` has a job in hand.
fn has_in_hand(cluster: &Cluster, member: &Member) -> bool {
    let held = fs::read(cluster.path(&format!("outbox/.h5inbox/in-hand-{}", member.name))).unwrap_or_default();
    held.iter().any(|byte| *byte != 0)
}

/// The agent that lists the inbox.
fn leader(members: &[Member]) -> Option<usize> {
    let status =
        members.iter().find_map(|member| Some(member.status()).filter(|status| status["agents"].is_array()))?;
    let agents = status["agents"].as_array()?;
    let leader =
        agents.iter().find(|agent| agent["leads"] == true && agent["alive"] == true)?["name"].as_str()?.to_owned();
    members.iter().position(|member| member.name == leader)
}

#[test]
fn three_agents_one_killed_one_stopped_one_cut_off_and_the_database_restarted_make_one_output_of_each_source() {
    const FILES: usize = 5000;
    let cluster = Cluster::new(ARCHIVE);
    let mut members: Vec<Member> = ["a", "b", "c"].map(|name| cluster.member(name)).into();
    members.iter_mut().for_each(Member::start);
    wait_until("one of them lists the inbox", || leader(&members).is_some());
    let drop_in = |from: usize, to: usize| {
        // Large ones among small ones, so that some are in hand whenever something happens.
        (from..to).for_each(|file| {
            cluster.drop_in(&format!("f{file}.json"), &rows(file, if file % 100 == 0 { 60_000 } else { 3 }));
        });
    };
    drop_in(0, 1500);
    members[2].wait_for_done(200);
    let mut large = 0;
    wait_until("it has something in hand", || {
        cluster.drop_in(&format!("large{large}.json"), &rows(FILES + large, 300_000));
        large += 1;
        (0..50).any(|_| {
            std::thread::sleep(Duration::from_millis(20));
            has_in_hand(&cluster, &members[0])
        })
    });
    members[0].kill();
    drop_in(1500, 2500);
    members[2].wait_for_done(700);
    members[1].signal(Signal::STOP);
    drop_in(2500, 3500);
    std::thread::sleep(SILENCE);
    members[1].signal(Signal::CONT);
    members[0].start();
    members[2].line.cut();
    drop_in(3500, 4500);
    std::thread::sleep(SILENCE);
    members[2].line.mend();
    cluster.server.restart();
    (4500..FILES).for_each(|file| cluster.drop_in(&format!("f{file}.json"), &rows(file, 3)));
    members[0].wait_for_done(FILES + large);
    wait_until("all have left the inbox", || cluster.names("archive").len() == FILES + large);
    wait_until("nothing is pending", || members[0].history().iter().all(|job| job["disposition"] != "pending"));
    for member in &mut members {
        wait_until("it is at work again", || {
            member.status()["paused"].is_null() && member.status()["since"].is_string()
        });
        assert!(member.stop().success(), "{}", member.name);
    }
    cluster.assert_each_is_there_once(&members[0]);
    assert!(members.iter().all(|member| !member.log().contains("ERROR")), "nothing that happened is an error");
    let told = |event: &str| members.iter().map(|member| member.told(event)).collect::<Vec<_>>();
    assert!(told("file.published").into_iter().all(|files| files > 100), "all of them have worked");
    assert!(
        told("file.adopted").into_iter().sum::<usize>() > 0,
        "something was in hand when an agent was taken for dead"
    );
    assert!(members[1].log().contains("others have taken what it had"), "the one that was stopped has noticed");
}

/// Stopped at this call of one of its threads, and continued when others have taken over what it had.
fn stopped_at(call: &str, when: usize) {
    let what = format!("{call} {when}");
    let cluster = Cluster::new(ARCHIVE);
    let (mut one, mut other) = (cluster.member("one"), cluster.member("other"));
    (0..3).for_each(|file| cluster.drop_in(&format!("f{file}.json"), &rows(file, 20)));
    let (trace, inject) = (format!("trace={call}"), format!("inject={call}:signal=STOP:when={when}"));
    one.spawn(&["strace", "-f", "-qq", "-o", "/dev/null", "-e", &trace, "-e", &inject]);
    wait_until(&format!("it is stopped: {what}"), || one.is_stopped());
    other.start();
    other.wait_for_done(3);
    wait_until(&format!("all have left the inbox: {what}"), || cluster.names("archive").len() == 3);
    assert!(one.is_stopped(), "{what}");
    one.signal(Signal::CONT);
    // Other threads come to such a call, too.
    let go_on = |one: &Member| {
        if one.is_stopped() {
            one.signal(Signal::CONT);
        }
    };
    wait_until(&format!("it has begun anew: {what}"), || {
        go_on(&one);
        one.told("agent.ready") >= 1 && one.status()["since"].is_string() && one.status()["paused"].is_null()
    });
    wait_until(&format!("nothing is left over: {what}"), || {
        go_on(&one);
        cluster.left_over().is_empty() && other.history().iter().all(|job| job["disposition"] != "pending")
    });
    one.signal(Signal::TERM);
    wait_until(&format!("it has ended: {what}"), || {
        go_on(&one);
        one.has_ended()
    });
    assert!(other.stop().success(), "{what}");
    cluster.assert_each_is_there_once(&other);
}

#[test]
fn an_agent_that_comes_back_after_others_took_over_publishes_nothing_twice_wherever_it_was_stopped() {
    // The outputs get their names, the sources leave the inbox; what comes before and between is flushed.
    let moments = [("renameat2", 1), ("renameat2", 3), ("renameat2", 5), ("fsync", 1), ("fsync", 4), ("fsync", 6)];
    std::thread::scope(|scope| {
        moments.into_iter().for_each(|(call, when)| drop(scope.spawn(move || stopped_at(call, when))));
    });
}

#[test]
fn who_lists_the_inbox_is_followed_by_another_when_it_dies() {
    let cluster = Cluster::new(ARCHIVE);
    let mut members: Vec<Member> = ["a", "b"].map(|name| cluster.member(name)).into();
    members.iter_mut().for_each(Member::start);
    wait_until("one of them lists the inbox", || leader(&members).is_some());
    let first = leader(&members).unwrap();
    assert_eq!(members.iter().map(|member| member.told("agent.leads")).sum::<usize>(), 1);
    cluster.drop_in("f0.json", &rows(0, 3));
    members[first].wait_for_done(1);
    members[first].kill();
    cluster.drop_in("f1.json", &rows(1, 3));
    members[1 - first].wait_for_done(2);
    wait_until("the other leads", || leader(&members) == Some(1 - first));
    wait_until("all have left the inbox", || cluster.names("archive").len() == 2);
    assert!(members[1 - first].stop().success());
    cluster.assert_each_is_there_once(&members[first]);
}

#[test]
fn the_page_of_one_agent_shows_all_of_them_and_which_is_not_heard_of_any_more() {
    let cluster = Cluster::new(ARCHIVE);
    let (mut one, mut other) = (cluster.member("a"), cluster.member("b"));
    let address = one.listen();
    one.start();
    other.start();
    let look = |more: &[&str]| {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python/status_page.py");
        let (url, mut python) = (format!("http://{address}/"), Command::new(reader("3.1")));
        let done = python.args([script, &url]).arg(cluster.path("inbox")).args(["--agents", "a,b"]).args(more).output();
        let done = done.unwrap();
        assert!(done.status.success(), "{}{}", String::from_utf8_lossy(&done.stdout), said(&done));
    };
    look(&[]);
    other.kill();
    look(&["--silent", "b"]);
    let glance = String::from_utf8(one.verb("status", &[]).stdout).unwrap();
    assert!(glance.contains("b: not heard of since") && glance.contains("the agent b is not heard of"), "{glance}");
    let metrics = super::harness::get(address, "/metrics").1;
    assert!(metrics.contains("h5inbox_agents{state=\"alive\"} 1\nh5inbox_agents{state=\"silent\"} 1"), "{metrics}");
}

#[test]
fn an_inbox_that_is_divided_by_name_is_converted_by_each_agent_in_its_part_and_nothing_twice() {
    const FILES: usize = 60;
    let mut sites: Vec<Site> = (1..=3).map(|part| Site::new(&format!("inbox.shard = \"{part}/3\""))).collect();
    let inbox = sites[0].path("inbox");
    for site in &sites[1..] {
        let text = fs::read_to_string(site.config()).unwrap();
        let own = site.path("inbox").display().to_string();
        fs::write(site.config(), text.replace(&own, inbox.to_str().unwrap())).unwrap();
    }
    sites.iter_mut().for_each(Site::start);
    (0..FILES).for_each(|file| sites[0].drop_in(&format!("f{file}.json"), &rows(file, 3)));
    let outputs = |sites: &[Site]| sites.iter().flat_map(|site| site.names("outbox")).collect::<Vec<_>>();
    wait_until("all are converted", || outputs(&sites).len() == FILES);
    assert!(sites.iter().all(|site| site.names("outbox").len() > FILES / 10));
    let explained = sites.iter().filter(|site| {
        let explained = site.verb("explain", &["--json", "f0.json"]);
        String::from_utf8_lossy(&explained.stdout).contains("other_shard")
    });
    assert_eq!(explained.count(), 2, "those whose part it is not say so");
    assert!(sites.iter_mut().all(|site| site.stop().success()));
    assert_eq!(outputs(&sites).into_iter().collect::<std::collections::BTreeSet<_>>().len(), FILES);
}

#[test]
fn while_the_database_is_away_an_agent_says_so_holds_what_it_has_and_goes_on_when_it_is_back() {
    let cluster = Cluster::new(ARCHIVE);
    let mut member = cluster.member("a");
    member.start();
    cluster.drop_in("f0.json", &rows(0, 3));
    member.wait_for_done(1);
    // It is read when the database goes, and has to be published when it is away.
    cluster.drop_in("large.json", &rows(1, 400_000));
    wait_until("it is in hand", || has_in_hand(&cluster, &member));
    cluster.server.stop();
    cluster.drop_in("f1.json", &rows(2, 3));
    wait_until("it says so", || member.status()["paused"].as_str().is_some_and(|why| why.contains("ledger")));
    wait_until("its output is made", || fs::read_dir(cluster.path("outbox/.h5inbox")).unwrap().count() > 2);
    assert_eq!(cluster.names("outbox"), ["f0.h5"]);
    cluster.server.start();
    member.wait_for_done(3);
    wait_until("all have left the inbox", || cluster.names("archive").len() == 3);
    wait_until("it is not paused any more", || member.status()["paused"].is_null());
    // Nor does one keep those waiting who ask, or the agent from ending, to which nothing comes through.
    member.line.cut();
    wait_until("it says so", || member.status()["paused"].is_string());
    assert_eq!(member.status()["files"]["done"], 3, "what was known last is told still");
    member.line.mend();
    cluster.server.stop();
    wait_until("it says so", || member.status()["paused"].is_string());
    member.stop();
    cluster.server.start();
    cluster.assert_each_is_there_once(&member);
    assert_eq!(member.told("agent.stopped"), 1);
}

#[test]
fn what_is_wrong_is_retried_from_any_host_and_history_and_explain_know_it_everywhere() {
    let cluster = Cluster::new(ARCHIVE);
    let (mut one, mut other) = (cluster.member("one"), cluster.member("other"));
    one.start();
    other.start();
    let beside = cluster.path("bad");
    fs::write(&beside, b"nonsense\n").unwrap();
    fs::rename(&beside, cluster.path("inbox/f0.json")).unwrap();
    wait_until("it is set aside", || exists(&cluster.path("quarantine/f0.json.reason.txt")));
    wait_until("both know", || [&one, &other].iter().all(|member| member.status()["files"]["quarantined"] == 1));
    cluster.drop_in("good.json", &rows(1, 3));
    fs::write(cluster.path("quarantine/f0.json"), rows(0, 3)).unwrap();
    fs::write(cluster.path("sources/f0.json"), rows(0, 3)).unwrap();
    let retried = other.verb("retry", &["f0.json"]);
    assert!(retried.status.success(), "{}", said(&retried));
    one.wait_for_done(2);
    wait_until("all have left the inbox", || cluster.names("archive").len() == 2);
    let hosts: Vec<String> = one.history().iter().map(|job| job["host"].as_str().unwrap().to_owned()).collect();
    assert!(hosts.iter().all(|host| host.starts_with("host-")), "{hosts:?}");
    let explained = one.verb("explain", &["good.json"]);
    assert!(explained.status.success(), "{}", said(&explained));
    wait_until("nothing is pending", || one.history().iter().all(|job| job["disposition"] != "pending"));
    assert!(one.stop().success() && other.stop().success());
    assert!(exists(&cluster.path("outbox/f0.h5")) && exists(&cluster.path("outbox/good.h5")));
}

#[test]
fn small_sources_are_gathered_by_each_agent_and_an_output_that_one_left_is_finished_by_the_other() {
    let cluster = Cluster::new(
        "source.after = \"archive\"\noutput.gather = [\"*.json\"]\noutput.gather_files = 20\noutput.gather_secs = 1\n",
    );
    let (mut one, mut other) = (cluster.member("one"), cluster.member("other"));
    (0..60).for_each(|file| cluster.drop_in(&format!("f{file:02}.json"), &rows(file, 3)));
    one.spawn(&[
        "strace",
        "-f",
        "-qq",
        "-o",
        "/dev/null",
        "-e",
        "trace=renameat2",
        "-e",
        "inject=renameat2:signal=KILL:when=1",
    ]);
    wait_until("it was killed", || one.has_ended());
    other.start();
    other.wait_for_done(60);
    wait_until("all have left the inbox", || cluster.names("archive").len() == 60);
    wait_until("nothing is pending", || other.history().iter().all(|job| job["disposition"] == "done"));
    assert!(other.stop().success());
    assert!(cluster.names("outbox").len() < 60 && cluster.left_over().is_empty(), "{:?}", cluster.left_over());
    let history = other.history();
    let rows: u64 = history.iter().map(|job| job["rows"].as_u64().unwrap()).sum();
    assert_eq!((history.len(), rows), (60, 180));
}

#[test]
fn a_name_that_another_agent_has_is_refused_and_free_at_once_when_that_was_killed() {
    let cluster = Cluster::new(ARCHIVE);
    let (mut one, twin) = (cluster.member("a"), cluster.member("a"));
    one.start();
    let refused = twin.verb("run", &[]);
    assert_eq!(refused.status.code(), Some(69), "{}", said(&refused));
    assert!(said(&refused).contains("ledger.agent"), "{}", said(&refused));
    one.kill();
    one.start();
    cluster.drop_in("f0.json", &rows(0, 3));
    one.wait_for_done(1);
}
