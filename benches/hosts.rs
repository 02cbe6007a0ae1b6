//! How a ledger that agents share scales: `make bench-hosts`. It starts a PostgreSQL of its own.
//!
//! First the ledger alone, as many agents as there are threads taking jobs through all their steps without converting
//! anything, with few jobs waiting and with a million; then real agents on an inbox, each a process with one worker.

#![expect(clippy::print_stdout, clippy::cast_precision_loss, reason = "it prints a table of what it measured")]

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use h5inbox::config::{Ledger as Config, Order};
use h5inbox::ledger::{Arrival, Disposition, JobId, Ledger, PostgresLedger, Publication, Published};
use h5inbox::source::Identity;

#[path = "../tests/it/postgres_server.rs"]
#[expect(clippy::unwrap_used, reason = "shared with the tests")]
mod postgres_server;
use postgres_server::PostgresServer;

/// Jobs that an agent claims at a time.
const CLAIM: usize = 64;

type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    let server = PostgresServer::new();
    // What a server on a host of its own would have; fsync stays on.
    server.set("shared_buffers = 512MB\nmax_wal_size = 4GB\n");
    server.restart();
    println!("the ledger alone: claim {CLAIM}, begin, publish, done, in one statement each\n");
    println!("| waiting | agents | jobs/s | a claim, median | 99 % | log a job |\n|---:|---:|---:|---:|---:|---:|");
    let waiting = number("WAITING", 1_000_000);
    // Each line takes so many of them.
    for (backlog, schema) in [(40_000, "few"), (waiting, "many")] {
        let config = Config { url: server.tcp_url(), schema: schema.to_owned(), ..Config::default() };
        let arrived = fill(&config, backlog)?;
        for agents in [1, 2, 4, 8, 16] {
            let before = log_bytes(&server)?;
            let (rate, claims, jobs) = ledger_alone(&config, agents, number("JOBS", 6000))?;
            let log = (log_bytes(&server)? - before) as f64 / jobs as f64;
            let at = |percent: usize| claims[(claims.len() - 1) * percent / 100].as_secs_f64() * 1e3;
            println!("| {backlog} | {agents} | {rate:.0} | {:.1} ms | {:.1} ms | {log:.0} B |", at(50), at(99));
        }
        println!("| {backlog} arrived | 1 | {arrived:.0} | | | |");
    }
    println!("\nagents of one worker each on one inbox, all on this machine\n");
    println!("| files | agents | files/s | MB/s |\n|---|---:|---:|---:|");
    for (what, files, rows) in [("1 kB", number("SMALL", 4000), 20), ("2 MB", number("LARGE", 120), 40_000)] {
        for agents in [1, 2, 4, 8] {
            let (seconds, bytes) = agents_at_work(&server, agents, files, rows)?;
            let rate = |amount: f64| amount / seconds;
            println!("| {files} of {what} | {agents} | {:.0} | {:.1} |", rate(files as f64), rate(bytes as f64 / 1e6));
        }
    }
    Ok(())
}

fn number(name: &str, usual: usize) -> usize {
    std::env::var(name).ok().and_then(|number| number.parse().ok()).unwrap_or(usual)
}

/// Bytes that the server has written to its log since it was made.
fn log_bytes(server: &PostgresServer) -> Result<u64, Failure> {
    Ok(server.psql("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint").parse()?)
}

/// Sources recorded a second.
fn fill(config: &Config, jobs: usize) -> Result<f64, Failure> {
    let begun = Instant::now();
    let ledger = PostgresLedger::open(&Config { agent: "scanner".to_owned(), ..config.clone() })?;
    let arrival = |number: usize| {
        let time = i64::try_from(number).unwrap_or(i64::MAX);
        let identity = Identity { device: 1, inode: number as u64, size: 1000, mtime_ns: time, ctime_ns: time };
        Arrival { path: format!("{}/f{number}.json", number % 1000).into(), identity }
    };
    for first in (0..jobs).step_by(5000) {
        ledger.arrive(&(first..jobs.min(first + 5000)).map(arrival).collect::<Vec<_>>())?;
    }
    Ok(jobs as f64 / begun.elapsed().as_secs_f64())
}

/// Jobs a second, how long each claim took, the shortest first, and how many jobs there were.
fn ledger_alone(config: &Config, agents: usize, jobs: usize) -> Result<(f64, Vec<Duration>, usize), Failure> {
    let open = |number: usize| PostgresLedger::open(&Config { agent: format!("agent-{number}"), ..config.clone() });
    let ledgers = (0..agents).map(open).collect::<Result<Vec<_>, _>>()?;
    let (done, claims, begun) = (AtomicUsize::new(0), Mutex::new(Vec::new()), Instant::now());
    let work = |ledger: &PostgresLedger| -> Result<(), Failure> {
        let shared = ledger.shared().ok_or("not shared")?;
        while done.load(Ordering::Relaxed) < jobs {
            let asked = Instant::now();
            let claimed = shared.claim(CLAIM, u64::MAX, Order::OldestFirst)?;
            let took = asked.elapsed();
            claims.lock().map_err(|_| "a thread panicked")?.push(took);
            let ids: Vec<JobId> = claimed.iter().map(|job| job.id).collect();
            ledger.begin_all(&ids)?;
            ledger.publishing_all(&ids.iter().map(|id| (*id, publication(*id))).collect::<Vec<_>>())?;
            let published = |id: &JobId| Published { id: *id, publish_s: 0.0, disposition: Disposition::None };
            ledger.done_all(&ids.iter().map(published).collect::<Vec<_>>())?;
            done.fetch_add(ids.len(), Ordering::Relaxed);
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = ledgers.iter().map(|ledger| scope.spawn(|| work(ledger))).collect();
        threads.into_iter().try_for_each(|thread| thread.join().map_err(|_| "a thread panicked")?)
    })?;
    let done = done.into_inner();
    let rate = done as f64 / begun.elapsed().as_secs_f64();
    let mut claims = claims.into_inner().map_err(|_| "a thread panicked")?;
    claims.sort();
    Ok((rate, claims, done))
}

fn publication(id: JobId) -> Publication {
    Publication {
        hash: [7; 32],
        temporary: format!("/srv/outbox/.h5inbox/{id}.1.tmp").into(),
        output: format!("/srv/outbox/{id}.h5").into(),
        output_bytes: 9000,
        first_row: None,
        rows: 20,
        columns: 3,
        bad_records: 0,
        warnings: None,
        input: "lines".to_owned(),
        compression: "none".to_owned(),
        bom: false,
        wait_s: 0.1,
        convert_s: 0.1,
    }
}

/// Seconds until all files are done, and their bytes.
fn agents_at_work(server: &PostgresServer, agents: usize, files: usize, rows: usize) -> Result<(f64, u64), Failure> {
    let root = tempfile::tempdir()?;
    let path = |name: &str| root.path().join(name);
    fs::create_dir(path("inbox"))?;
    let mut bytes = 0;
    for number in 0..files {
        let text = (0..rows).fold(String::new(), |text, row| {
            text + &format!("{{\"file\": {number}, \"row\": {row}, \"x\": {row}.25}}\n")
        });
        bytes += text.len() as u64;
        fs::write(path("inbox").join(format!("f{number}.json")), text)?;
    }
    let schema =
        format!("s{}", root.path().file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default());
    let schema: String = schema.chars().filter(char::is_ascii_alphanumeric).collect();
    let begun = Instant::now();
    let mut running =
        (0..agents).map(|number| agent(root.path(), server, &schema, number)).collect::<Result<Vec<_>, _>>()?;
    let outputs = || {
        fs::read_dir(path("outbox"))
            .map_or(0, |entries| entries.flatten().filter(|e| e.path().extension().is_some()).count())
    };
    while outputs() < files {
        std::thread::sleep(Duration::from_millis(10));
    }
    let seconds = begun.elapsed().as_secs_f64();
    for agent in &mut running {
        agent.kill()?;
        agent.wait()?;
    }
    Ok((seconds, bytes))
}

fn agent(root: &Path, server: &PostgresServer, schema: &str, number: usize) -> Result<Child, Failure> {
    let (at, config) = (root.display(), root.join(format!("{number}.toml")));
    let text = format!(
        "workers = 1\n[inbox]\npath = \"{at}/inbox\"\nsettle_ms = 0\n[output]\npath = \"{at}/outbox\"\n[ledger]\nurl = \"{}\"\n\
         schema = \"{schema}\"\nagent = \"agent-{number}\"\n[status]\nlisten = \"\"\nsocket = \"{at}/{number}.sock\"\n",
        server.tcp_url()
    );
    fs::write(&config, text)?;
    let mut agent = Command::new(env!("CARGO_BIN_EXE_h5inbox"));
    let log = fs::File::create(root.join(format!("{number}.log")))?;
    Ok(agent.args(["run", "--config"]).arg(config).stdout(Stdio::null()).stderr(log).spawn()?)
}
