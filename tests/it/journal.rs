//! The log in a real journal: a journal of its own, in namespaces of its own, is read back with `journalctl`.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::harness::Site;

/// Starts a journal that nobody else sees, does `$WORK` with it, and writes what it holds to `$KEPT`.
const WITH_A_JOURNAL: &str = r#"
set -eu
mount --make-rprivate /
mount -t tmpfs none /run
mkdir -p /run/systemd/journal /run/log/journal
journald=/usr/lib/systemd/systemd-journald
[ -x "$journald" ] || journald=/lib/systemd/systemd-journald
"$journald" &
until [ -S /run/systemd/journal/socket ] && [ -S /run/systemd/journal/stdout ]; do sleep 0.02; done
in_journal() { journalctl -q -D /run/log/journal --all "$@"; }
until_told() { until in_journal -o cat "$@" | grep -q .; do sleep 0.05; done; }
eval "$WORK"
journalctl --sync || sleep 1
in_journal -o json > "$KEPT"
"#;

/// What the journal holds after `work`, or none where this machine has no such thing.
fn journal_of(site: &Site, work: &str) -> Option<Vec<Value>> {
    let kept = site.path("kept.json");
    let mut shell = Command::new("unshare");
    shell.args([
        "--mount",
        "--pid",
        "--fork",
        "--kill-child",
        "--mount-proc",
        "timeout",
        "120",
        "sh",
        "-c",
        WITH_A_JOURNAL,
    ]);
    shell.env("WORK", work).env("KEPT", &kept).env("H5INBOX", env!("CARGO_BIN_EXE_h5inbox"));
    shell.env("CONFIG", site.config()).env("SITE", site.path(""));
    let ran = shell.output().unwrap();
    if !ran.status.success() && !rustix::process::geteuid().is_root() {
        eprintln!("not to be had here: a journal of one's own: {}", String::from_utf8_lossy(&ran.stderr));
        return None;
    }
    assert!(ran.status.success(), "{} {}", ran.status, String::from_utf8_lossy(&ran.stderr));
    let lines = fs::read_to_string(&kept).unwrap();
    Some(lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

/// What is in a field: `journalctl` writes as numbers what is not printable.
fn text(entry: &Value, field: &str) -> String {
    match &entry[field] {
        Value::Array(bytes) => {
            let bytes: Vec<u8> = bytes.iter().map(|byte| u8::try_from(byte.as_u64().unwrap()).unwrap()).collect();
            String::from_utf8(bytes).unwrap()
        }
        value => value.as_str().unwrap_or_default().to_owned(),
    }
}

fn of<'a>(journal: &'a [Value], event: &str) -> Vec<&'a Value> {
    journal.iter().filter(|entry| entry["EVENT"] == event).collect()
}

fn drop_odd_names(site: &Site) -> &'static str {
    use std::os::unix::ffi::OsStrExt;
    // Would end a line, begin a field, and a message of another level.
    let name = std::ffi::OsStr::from_bytes(b"odd\nEVENT=file.forged\nPRIORITY=0\n\x1b[31m\xff \"=.json");
    fs::write(site.path("inbox").join(Path::new(name)), b"{\"a\": 1}\n").unwrap();
    r#"odd\nEVENT=file.forged\nPRIORITY=0\n\x1b[31m\xff "=.json"#
}

#[test]
fn events_are_found_in_the_journal_by_their_fields_whatever_files_are_called() {
    let site = Site::new("log.format = \"journal\"");
    site.drop_in("good.json", b"{\"secret\": \"of the record\"}\n");
    site.drop_in("bad.json", b"{\"a\": 1}\n{\"a\": nonsense}\n");
    let odd = drop_odd_names(&site);
    // A problem that is longer than a datagram may be goes another way.
    let long = "x".repeat(300_000);
    fs::write(site.path("long.toml"), format!("{long} = 1\n")).unwrap();
    let work = r#"
        "$H5INBOX" run --config "$CONFIG" 2> "$SITE/stderr" & agent=$!
        until_told EVENT=file.quarantined
        until [ "$(in_journal -o cat EVENT=file.published | wc -l)" = 2 ]; do sleep 0.05; done
        cp "$SITE/long.toml" "$CONFIG"
        kill -HUP $agent
        until_told EVENT=agent.reload_refused
        kill $agent
        wait $agent
    "#;
    let Some(journal) = journal_of(&site, work) else { return };
    assert_eq!(fs::read_to_string(site.path("stderr")).unwrap(), "", "nothing is told twice");
    let quarantined = of(&journal, "file.quarantined")[0];
    let fields = ["PATH", "ERROR_CODE", "LINE", "PRIORITY", "SYSLOG_IDENTIFIER", "ATTEMPT", "SIZE_BYTES", "_TRANSPORT"];
    let values = fields.map(|field| text(quarantined, field));
    assert_eq!(values, ["bad.json", "bad_json", "2", "4", "h5inbox", "1", "25", "journal"]);
    assert!(text(quarantined, "ERROR").starts_with("expected a JSON value"), "{quarantined}");
    assert!(text(quarantined, "MESSAGE").starts_with("file.quarantined: Cannot be converted. job="), "{quarantined}");
    let published = of(&journal, "file.published");
    let mut paths: Vec<String> = published.iter().map(|entry| text(entry, "PATH")).collect();
    paths.sort();
    assert_eq!(paths, ["good.json", odd]);
    assert!(published.iter().all(|entry| entry["PRIORITY"] == "6" && entry["ROWS"] == "1"), "{published:?}");
    assert!(of(&journal, "file.forged").is_empty());
    assert!(!journal.iter().any(|entry| entry.to_string().contains("of the record")), "no content");
    let refused = text(of(&journal, "agent.reload_refused")[0], "ERROR");
    assert!(refused.contains(&long), "{} bytes", refused.len());
    let levels = |event: &str| of(&journal, event).iter().map(|entry| text(entry, "PRIORITY")).collect::<Vec<_>>();
    assert_eq!((levels("agent.reload_refused")[0].as_str(), levels("scan.done")[0].as_str()), ("3", "7"));
}

#[test]
fn auto_is_the_journal_where_standard_error_leads_there_and_text_where_not() {
    let site = Site::new("log.format = \"auto\"");
    site.drop_in("a.json", b"{\"a\": 1}\n");
    let work = r#"
        # What systemd does for a service.
        systemd-cat -t as-a-service sh -c 'JOURNAL_STREAM=$(stat -L -c %d:%i /proc/self/fd/2) exec "$H5INBOX" run --once --config "$CONFIG"'
        cp "$SITE/inbox/a.json" "$SITE/inbox/b.json"
        "$H5INBOX" run --once --config "$CONFIG" 2> "$SITE/stderr"
        until_told EVENT=agent.stopped
    "#;
    let Some(journal) = journal_of(&site, work) else { return };
    let published = of(&journal, "file.published");
    assert_eq!((published.len(), text(published[0], "PATH")), (1, "a.json".to_owned()));
    assert!(fs::read_to_string(site.path("stderr")).unwrap().contains("INFO  file.published: Published. "));
}

/// The journal may be missing, as in a container: what was to go there is on standard error.
#[test]
fn without_a_journal_nothing_is_lost() {
    let site = Site::new("log.format = \"journal\"");
    site.drop_in("a.json", b"{\"a\": 1}\n");
    if Path::new("/run/systemd/journal/socket").exists() {
        return eprintln!("not to be had here: a machine without a journal");
    }
    let log = super::harness::said(&site.once());
    assert!(log.contains("WARN  log.no_journal: ") && log.contains("file.published: "), "{log}");
}
