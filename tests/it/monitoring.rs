//! What monitors see: metrics that say what was done, readiness that says why not, and rules and pictures made of them.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use super::disks::{Disk, Wrong};
use super::harness::{Site, get, said, wait_until};

const MONITORING: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/monitoring");

fn promtool() -> Command {
    let readers = std::env::var_os("H5INBOX_READERS").expect("H5INBOX_READERS is set by `make test`");
    let ours = Path::new(&readers).join("promtool/usr/bin/promtool");
    Command::new(if ours.exists() { ours } else { PathBuf::from("promtool") })
}

fn told(done: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&done.stdout), said(done))
}

/// promtool's opinion of metrics.
fn assert_good_metrics(text: &str) {
    let mut child = promtool();
    let child = child.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = child.spawn().expect("promtool is missing; `make test` gets it");
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let done = child.wait_with_output().unwrap();
    assert!(done.status.success() && told(&done).is_empty(), "{}\n{text}", told(&done));
}

/// The value of one metric, named with its labels.
fn value(text: &str, name: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("{name} is missing in\n{text}")).parse().unwrap()
}

fn metrics(address: SocketAddr) -> String {
    let (status, text) = get(address, "/metrics");
    assert_eq!(status, 200);
    text
}

#[test]
fn the_metrics_say_what_the_history_says_and_promtool_has_nothing_against_them() {
    let mut site = Site::new("source.after = \"archive\"\nrecords.on_bad_record = \"skip\"");
    let address = site.listen();
    site.start();
    assert_good_metrics(&metrics(address));
    for (name, content) in [
        ("a.json", "{\"a\": 1}\n{\"a\": 2}\n"),
        ("b.json", "{\"a\": 1}\n{\"a\": }\n{\"a\": 3}\n"),
        ("bad.json", "no JSON\n"),
    ] {
        site.drop_in(name, content.as_bytes());
    }
    site.wait_for("done", 2);
    site.wait_for("quarantined", 1);
    site.drop_in("a.json", b"{\"a\": 1}\n{\"a\": 2}\n");
    site.wait_for("duplicate", 1);
    wait_until("all of it is counted", || {
        value(&metrics(address), "h5inbox_files_total{outcome=\"duplicate\"}") >= 1.0
    });
    let text = metrics(address);
    assert_good_metrics(&text);
    let (status, history) = (site.status(), site.history());
    let sum = |field: &str| {
        history.iter().filter(|job| job["state"] == "done").map(|job| job[field].as_f64().unwrap()).sum::<f64>()
    };
    for (name, wanted) in [
        ("h5inbox_files_total{outcome=\"done\"}", 2.0),
        ("h5inbox_files_total{outcome=\"quarantined\"}", 1.0),
        ("h5inbox_files_total{outcome=\"failed\"}", 0.0),
        ("h5inbox_rows_total{kind=\"out\"}", sum("rows")),
        ("h5inbox_rows_total{kind=\"bad\"}", sum("bad_records")),
        ("h5inbox_rows_total{kind=\"in\"}", sum("rows") + sum("bad_records")),
        ("h5inbox_input_bytes_total", sum("source_bytes")),
        ("h5inbox_output_bytes_total", sum("output_bytes")),
        ("h5inbox_end_to_end_seconds_count", 2.0),
        ("h5inbox_stage_seconds_count{stage=\"parse\"}", 2.0),
        ("h5inbox_stage_seconds_count{stage=\"ledger\"}", 2.0),
        ("h5inbox_workers{state=\"idle\"}", status["workers"].as_f64().unwrap()),
        ("h5inbox_backlog_files{state=\"ready\"}", 0.0),
        ("h5inbox_paused{reason=\"output\"}", 0.0),
    ] {
        assert!((value(&text, name) - wanted).abs() < 1e-9, "{name} is not {wanted} in\n{text}");
    }
    let whole = sum("wait_s") + sum("convert_s") + sum("publish_s");
    assert!((value(&text, "h5inbox_end_to_end_seconds_sum") - whole).abs() < 1e-6);
    assert!(value(&text, "h5inbox_scan_seconds_count") >= 1.0 && value(&text, "h5inbox_output_free_bytes") > 0.0);
    let last: jiff::Timestamp = status["last_success_at"].as_str().unwrap().parse().unwrap();
    let told = value(&text, "h5inbox_last_success_timestamp_seconds");
    assert!((told - last.as_duration().as_secs_f64()).abs() < 1e-3);
    // A restart begins to count anew, as Prometheus expects it; what the ledger knows stays.
    site.stop();
    site.start();
    let text = metrics(address);
    assert!(value(&text, "h5inbox_files_total{outcome=\"done\"}").abs() < 1e-9);
    assert!((value(&text, "h5inbox_last_success_timestamp_seconds") - told).abs() < 1e-9);
}

#[test]
fn an_agent_that_cannot_convert_is_not_ready_says_why_and_becomes_ready_again() {
    let mut site = Site::new("");
    let address = site.listen();
    let Some(disk) = Disk::mount(Wrong::Full, &site.path("outbox"), 1 << 20) else { return };
    site.start();
    wait_until("it is ready", || get(address, "/readyz").0 == 200);
    assert_eq!(get(address, "/readyz").1, "{\"ready\":true,\"why_not\":[]}\n");
    disk.breaks();
    site.drop_in("a.json", b"{\"a\": 1}\n");
    wait_until("it is not ready", || get(address, "/readyz").0 == 503);
    let why: Value = serde_json::from_str(&get(address, "/readyz").1).unwrap();
    let said = why["why_not"][0].as_str().unwrap();
    assert!(said.starts_with("paused: ") && said.contains("No space left on device"), "{why}");
    let text = metrics(address);
    assert!((value(&text, "h5inbox_paused{reason=\"output\"}") - 1.0).abs() < 1e-9, "{text}");
    assert!(value(&text, "h5inbox_oldest_waiting_seconds") > 0.0);
    // It lives, and must not be killed for that.
    assert_eq!(get(address, "/healthz"), (200, "ok\n".to_owned()));
    disk.heals();
    site.wait_for("done", 1);
    wait_until("it is ready again", || get(address, "/readyz").0 == 200);
    assert!(value(&metrics(address), "h5inbox_paused{reason=\"output\"}").abs() < 1e-9);
}

#[test]
fn the_textfile_is_whole_whenever_it_is_there_and_another_user_can_read_it() {
    let mut site = Site::new("");
    let text = fs::read_to_string(site.config()).unwrap();
    let file = site.path("h5inbox.prom");
    fs::write(site.config(), format!("{text}status.textfile = \"{}\"\n", file.display())).unwrap();
    site.start();
    wait_until("the metrics are written", || file.exists());
    let text = fs::read_to_string(&file).unwrap();
    assert_good_metrics(&text);
    assert!((value(&text, "h5inbox_build_info{version=\"0.1.0\"}") - 1.0).abs() < 1e-9);
    wait_until("it may be read", || fs::metadata(&file).unwrap().permissions().mode() & 0o777 == 0o644);
}

fn read(name: &str) -> String {
    fs::read_to_string(Path::new(MONITORING).join(name)).unwrap()
}

/// Names of metrics that stand in a text, as they are declared.
fn named(text: &str) -> BTreeSet<String> {
    let names =
        text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| word.starts_with("h5inbox_"));
    names
        .map(|name| {
            ["_bucket", "_sum", "_count"]
                .iter()
                .fold(name, |name, end| name.strip_suffix(end).unwrap_or(name))
                .to_owned()
        })
        .collect()
}

/// Every query of the dashboard, its variables filled in.
fn queries(dashboard: &Value) -> Vec<String> {
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels.iter().flat_map(|panel| panel["targets"].as_array().unwrap());
    let more = dashboard["annotations"]["list"].as_array().unwrap();
    let expressions = targets.chain(more).map(|target| target["expr"].as_str().unwrap());
    expressions.map(|text| text.replace("$__rate_interval", "5m").replace("$instance", ".*")).collect()
}

#[test]
fn alert_rules_and_dashboard_are_valid_and_ask_for_metrics_that_there_are() {
    let mut site = Site::new("");
    let address = site.listen();
    // A file that fails makes the one metric that is there only once something happens.
    fs::write(site.path("outbox/sub"), "").unwrap();
    fs::write(site.config(), format!("inbox.recursive = true\n{}", fs::read_to_string(site.config()).unwrap()))
        .unwrap();
    fs::create_dir(site.path("inbox/sub")).unwrap();
    fs::write(site.path("inbox/sub/a.json"), "{\"a\": 1}\n").unwrap();
    site.start();
    wait_until("the failure is counted", || {
        metrics(address).contains("h5inbox_retries_total{reason=\"publish_error\"} ")
    });
    let there: BTreeSet<String> = metrics(address)
        .lines()
        .filter_map(|line| Some(line.strip_prefix("# TYPE ")?.split(' ').next()?.to_owned()))
        .collect();
    let dashboard: Value = serde_json::from_str(&read("dashboard.json")).unwrap();
    let queries = queries(&dashboard);
    let asked = named(&(read("alerts.yml") + &queries.join("\n")));
    assert!(asked.is_subset(&there), "{:?}", asked.difference(&there).collect::<Vec<_>>());
    assert!(there.is_subset(&asked), "nobody looks at {:?}", there.difference(&asked).collect::<Vec<_>>());

    let described: BTreeSet<String> = named(&read("README.md")).into_iter().filter(|name| name != "h5inbox_").collect();
    assert_eq!(described, there, "docs/monitoring/README.md tells of other metrics than there are");

    let rules = site.path("queries.yml");
    let rule = |(number, query): (usize, &String)| {
        format!("      - {{ record: 'q{number}', expr: {} }}\n", serde_json::to_string(query).unwrap())
    };
    let text: String = queries.iter().enumerate().map(rule).collect();
    fs::write(&rules, format!("groups:\n  - name: queries\n    rules:\n{text}")).unwrap();
    for arguments in [
        ["check", "rules", rules.to_str().unwrap()],
        ["check", "rules", "alerts.yml"],
        ["test", "rules", "alerts_test.yml"],
    ] {
        let done = promtool()
            .args(arguments)
            .current_dir(MONITORING)
            .output()
            .expect("promtool is missing; `make test` gets it");
        assert!(done.status.success(), "{arguments:?}: {}", told(&done));
    }
    // Every rule has a case in which it speaks.
    let alerts = read("alerts.yml").lines().filter(|line| line.contains("- alert: ")).count();
    assert_eq!(read("alerts_test.yml").matches("exp_labels").count(), alerts);
}
