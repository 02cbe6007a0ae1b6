//! The ledger of one host moves to a database, goes on there, is lost there and made anew; and its password is not shown.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Output;

use super::harness::{Site, h5inbox, said};
use super::postgres_server::PostgresServer;

const BAD: &[u8] = b"{\"a\": 1}\nnot json\n";

/// A site whose ledger is the database from now on; `settings` are of `[ledger]`.
fn move_to(site: &Site, url: &str, settings: &str) {
    let text = fs::read_to_string(site.config()).unwrap();
    let file = format!("sqlite:{}", site.path("state/ledger.sqlite").display());
    let socket = format!("status.socket = \"{}\"\n", site.path("sock").display());
    fs::write(site.config(), text.replace(&file, url) + &socket + settings).unwrap();
}

fn ledger(site: &Site, arguments: &[&str]) -> Output {
    h5inbox().arg("ledger").args(arguments).arg("--config").arg(site.config()).output().unwrap()
}

/// What is known of jobs, in the order of their numbers.
fn jobs(site: &Site) -> Vec<String> {
    let mut jobs = site.history();
    jobs.sort_by_key(|job| job["id"].as_i64());
    jobs.iter().map(|job| format!("{} {} {} {}", job["id"], job["path"], job["state"], job["rows"])).collect()
}

#[test]
fn a_ledger_moves_to_a_database_with_all_that_it_knows_and_is_made_anew_there_if_it_is_lost() {
    let site = Site::new("source.after = \"archive\"\ninbox.recursive = true");
    (0..5).for_each(|n| site.drop_in(&format!("f{n}.json"), format!("{{\"a\": {n}}}\n").as_bytes()));
    site.drop_in("sub/bad.json", BAD);
    assert_eq!(site.once().status.code(), Some(1));
    let (before, file) = (jobs(&site), site.path("state/ledger.sqlite"));
    let refused = ledger(&site, &["copy", file.to_str().unwrap()]);
    assert!(said(&refused).contains("set it to the database"), "{}", said(&refused));
    let server = PostgresServer::new();
    move_to(&site, &server.url(), "ledger.agent = \"here\"\n");
    let copied = ledger(&site, &["copy", &format!("sqlite:{}", file.display())]);
    assert!(copied.status.success() && said(&copied).contains("6 jobs are in postgres://"), "{}", said(&copied));
    assert!(!file.exists() && site.path("state/ledger.sqlite.copied-1").exists());
    assert_eq!(jobs(&site), before);
    site.drop_in("more.json", b"{\"a\": 1}\n");
    let once = site.once();
    assert!(once.status.success(), "{}", said(&once));
    assert_eq!(site.names("outbox").len(), 6);
    assert!(site.verb("retry", &["--failed"]).status.success());
    assert!(site.path("inbox/sub/bad.json").exists(), "retry knows where it rests");
    fs::write(site.path("inbox/sub/bad.json"), "{\"a\": 7}\n").unwrap();
    assert!(site.once().status.success());
    let (before, outputs) = (jobs(&site), site.names("outbox"));
    let explained = h5inbox().args(["explain", "--config"]).arg(site.config()).arg("more.json").output().unwrap();
    let explained = String::from_utf8_lossy(&explained.stdout).into_owned();
    assert!(explained.contains("it was converted: 1 rows"), "{explained}");
    server.psql("DROP SCHEMA h5inbox CASCADE");
    let refused = site.once();
    assert_eq!(refused.status.code(), Some(78), "{}", said(&refused));
    assert!(said(&refused).contains("h5inbox ledger rebuild"), "{}", said(&refused));
    let rebuilt = ledger(&site, &["rebuild"]);
    assert!(rebuilt.status.success(), "{}", said(&rebuilt));
    let done = |jobs: &[String]| jobs.iter().filter(|job| job.contains("done")).cloned().collect::<Vec<_>>();
    assert_eq!(done(&jobs(&site)), done(&before));
    let again = site.once();
    assert!(again.status.success(), "{}", said(&again));
    assert_eq!(site.names("outbox"), outputs, "nothing is converted again");
}

#[test]
fn no_command_shows_the_password_of_the_database() {
    let server = PostgresServer::new();
    let site = Site::new("");
    let url = server.url().replace("h5inbox@", "h5inbox:se%20cret@");
    let password = site.path("password");
    fs::write(&password, "se cret\n").unwrap();
    fs::set_permissions(&password, fs::Permissions::from_mode(0o644)).unwrap();
    move_to(&site, &url, &format!("ledger.password_file = \"{}\"\n", password.display()));
    let checked = h5inbox().arg("check-config").arg(site.config()).output().unwrap();
    assert!(said(&checked).contains("there is no ledger") || checked.status.success(), "{}", said(&checked));
    assert!(said(&checked).contains("chmod o= "), "{}", said(&checked));
    let once = site.once();
    assert!(once.status.success(), "{}", said(&once));
    server.stop();
    let failing = [site.verb("history", &[]), site.verb("status", &[]), site.verb("retry", &["--failed"])];
    let checked_again = h5inbox().arg("check-config").arg(site.config()).output().unwrap();
    for output in failing.iter().chain([&checked, &once, &checked_again]) {
        let all = format!("{}{}", said(output), String::from_utf8_lossy(&output.stdout));
        assert!(!all.contains("cret"), "{all}");
    }
    assert!(said(&failing[0]).contains("h5inbox:***@"), "{}", said(&failing[0]));
}
