//! The way to the database: it is lost, it swallows what is sent, it is guarded.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::postgres_server::PostgresServer;
use super::{agent, until};
use crate::config::{Ledger as Config, Order};
use crate::ledger::postgres::PostgresLedger;
use crate::ledger::tests::{admit, failure, publication};
use crate::ledger::{Disposition, JobId, Ledger, Shared, State};

/// A way to a server that a test can spoil.
#[derive(Default)]
struct Way {
    /// What arrives goes nowhere.
    swallows: AtomicBool,
    /// Connections with a lower number lose what the server says next, and end.
    cut_below: AtomicU32,
    next: AtomicU32,
}

impl Way {
    /// Leads to `port`; answers on which port it begins.
    fn to(port: u16) -> (Arc<Self>, u16) {
        let (way, listener) = (Arc::new(Self::default()), TcpListener::bind("127.0.0.1:0").unwrap());
        let (from, ours) = (listener.local_addr().unwrap().port(), Arc::clone(&way));
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let number = ours.next.fetch_add(1, Ordering::SeqCst);
                let Ok(server) = TcpStream::connect(("127.0.0.1", port)) else { continue };
                let (back, forth) = (Arc::clone(&ours), Arc::clone(&ours));
                let (to_client, to_server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                thread::spawn(move || forth.carry(client, to_server, || false));
                thread::spawn(move || {
                    let cut = Arc::clone(&back);
                    back.carry(server, to_client, || number < cut.cut_below.load(Ordering::SeqCst));
                });
            }
        });
        (way, from)
    }

    fn carry(&self, mut from: TcpStream, mut to: TcpStream, is_cut: impl Fn() -> bool) {
        let mut buffer = [0; 8192];
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            if is_cut() {
                break;
            }
            if !self.swallows.load(Ordering::SeqCst) && to.write_all(&buffer[..length]).is_err() {
                break;
            }
        }
        let _ = from.shutdown(Shutdown::Both);
        let _ = to.shutdown(Shutdown::Both);
    }

    /// What the server says next, on each connection that there is, is lost with the connection.
    fn lose_the_next_answer(&self) {
        self.cut_below.store(self.next.load(Ordering::SeqCst), Ordering::SeqCst);
    }
}

fn through(port: u16) -> Config {
    Config { url: format!("postgres://h5inbox@127.0.0.1:{port}/postgres"), ..Config::default() }
}

fn claimed(agent: &PostgresLedger, names: &str, count: u64) -> Vec<JobId> {
    (0..count).for_each(|n| drop(admit(agent, format!("{names}{n}.json"), n)));
    let mut jobs = agent.claim(100, u64::MAX, Order::OldestFirst).unwrap();
    jobs.sort_by_key(|job| job.id);
    jobs.iter().map(|job| job.id).collect()
}

#[test]
fn while_the_database_is_away_steps_wait_and_questions_do_not_and_nothing_is_lost() {
    let server = PostgresServer::new();
    let config = Config { url: server.url(), ..Config::default() };
    let a = agent(&config, "a");
    let id = claimed(&a, "a", 1)[0];
    a.begin(id).unwrap();
    let (epoch, wakes) = (a.store.held.epochs(&[id]), a.wakes());
    server.stop();
    let asked = a.totals().unwrap_err();
    assert!(asked.is_transient() && asked.to_string().contains("postgres://h5inbox@"), "{asked}");
    thread::scope(|scope| {
        let step = scope.spawn(|| a.publishing(id, &publication(id)));
        until("it is told", || a.away().is_some());
        until("whoever leads loses that", || !a.leads());
        assert!(!step.is_finished());
        server.start();
        step.join().unwrap().unwrap();
    });
    a.done(id, 0.1, Disposition::None).unwrap();
    until("the keeper is back", || a.leads() && a.away().is_none());
    wakes.recv_timeout(Duration::from_secs(10)).unwrap();
    assert_eq!((epoch, a.totals().unwrap().count(State::Done)), (vec![1], 1));
    assert_eq!(a.agents().unwrap().len(), 1, "it did not have to register again");
    server.stop();
    thread::scope(|scope| {
        let step = scope.spawn(|| a.try_out().and_then(|()| a.release(id)).unwrap_err());
        let waits = scope.spawn(|| a.crashed(id).unwrap_err());
        until("it is away again", || a.away().is_some());
        a.give_up();
        assert!(step.join().unwrap().is_transient() && waits.join().unwrap().is_transient());
    });
}

#[test]
fn a_step_whose_answer_was_lost_is_taken_once() {
    let server = PostgresServer::new();
    let (way, port) = Way::to(server.port());
    let a = agent(&through(port), "a");
    let jobs = claimed(&a, "a", 20);
    let lost = |step: &dyn Fn(JobId), warm: &[JobId], id: JobId| {
        // So that the step is prepared on each connection.
        warm.iter().for_each(|id| step(*id));
        way.lose_the_next_answer();
        step(id);
    };
    lost(&|id| assert_eq!(a.begin(id).unwrap(), 1), &jobs[..10], jobs[10]);
    assert_eq!(a.begin_all(&jobs[11..]).unwrap().len(), 9);
    lost(&|id| a.publishing(id, &publication(id)).unwrap(), &jobs[..6], jobs[6]);
    lost(&|id| a.done(id, 0.5, Disposition::Pending).unwrap(), &jobs[..5], jobs[5]);
    lost(&|id| a.disposed(id).unwrap(), &jobs[..5], jobs[5]);
    lost(&|id| a.deferred(id, &failure(), "2040-01-01T00:00:00Z".parse().unwrap()).unwrap(), &jobs[7..12], jobs[12]);
    lost(&|id| a.quarantined(id, &failure(), Disposition::None).unwrap(), &jobs[13..18], jobs[18]);
    let totals = a.totals().unwrap();
    let counts =
        [State::Done, State::Publishing, State::Failed, State::Quarantined, State::Running].map(|s| totals.count(s));
    assert_eq!(counts, [6, 1, 6, 6, 1]);
    assert_eq!(a.find(Path::new("a12.json")).unwrap().unwrap().attempts, 0);
    // A claim whose answer was lost is made again, and nothing stays behind that nobody knows of.
    let more: Vec<_> = (0..8).map(|n| admit(&a, format!("b{n}.json"), n).id).collect();
    (0..4).for_each(|_| drop(a.claim(1, u64::MAX, Order::Name).unwrap()));
    way.lose_the_next_answer();
    let mut rest = a.claim(100, u64::MAX, Order::Name).unwrap();
    rest.extend(a.claim(100, u64::MAX, Order::Name).unwrap());
    assert_eq!((rest.len(), more.len()), (4, 8));
    assert!(rest.iter().all(|job| a.begin(job.id).is_ok()));
}

#[test]
fn a_way_that_swallows_what_is_sent_costs_seconds_and_no_thread() {
    let server = PostgresServer::new();
    let (way, port) = Way::to(server.port());
    let a = agent(&through(port), "a");
    let id = claimed(&a, "a", 1)[0];
    a.begin(id).unwrap();
    way.swallows.store(true, Ordering::SeqCst);
    let before = Instant::now();
    assert!(a.totals().unwrap_err().is_transient());
    assert!(PostgresLedger::open(&Config { agent: "b".to_owned(), ..through(port) }).err().unwrap().is_transient());
    assert!(before.elapsed() < Duration::from_secs(60));
    way.swallows.store(false, Ordering::SeqCst);
    a.publishing(id, &publication(id)).unwrap();
    until("it is there again", || a.away().is_none());
}

fn openssl(folder: &Path, arguments: &str) {
    let ran = Command::new("openssl").args(arguments.split(' ')).current_dir(folder).output().unwrap();
    assert!(ran.status.success(), "{arguments}: {}", String::from_utf8_lossy(&ran.stderr));
}

/// A server that speaks TLS, as `localhost`, and asks for a password; answers where its authority's certificate is.
fn guarded(folder: &Path) -> (PostgresServer, std::path::PathBuf) {
    let server = PostgresServer::new();
    server.psql("CREATE ROLE clerk LOGIN PASSWORD 'open sesame'; CREATE SCHEMA filed AUTHORIZATION clerk");
    let new = "req -nodes -newkey ec -pkeyopt ec_paramgen_curve:prime256v1";
    openssl(folder, &format!("{new} -x509 -days 2 -subj /CN=authority -keyout ca.key -out ca.pem"));
    openssl(folder, &format!("{new} -subj /CN=localhost -keyout server.key -out server.csr"));
    std::fs::write(folder.join("names"), "subjectAltName=DNS:localhost\n").unwrap();
    openssl(
        folder,
        "x509 -req -in server.csr -days 2 -CA ca.pem -CAkey ca.key -CAcreateserial -extfile names -out server.crt",
    );
    for file in ["server.crt", "server.key"] {
        std::fs::copy(folder.join(file), server.data().join(file)).unwrap();
        server.give(&server.data().join(file));
    }
    server.set("ssl = on\n");
    server.admit("local all all trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n");
    server.restart();
    (server, folder.join("ca.pem"))
}

#[test]
fn a_password_by_file_and_a_certificate_by_its_authority_open_the_way_and_nothing_else_does() {
    let folder = tempfile::tempdir().unwrap();
    let (server, ca) = guarded(folder.path());
    let (right, wrong) = (folder.path().join("right"), folder.path().join("wrong"));
    std::fs::write(&right, "open sesame\n").unwrap();
    std::fs::write(&wrong, "swordfish\n").unwrap();
    let url = |user: &str, host: &str| format!("postgres://{user}@{host}:{}/postgres?sslmode=require", server.port());
    let config = Config {
        url: url("clerk", "localhost"),
        schema: "filed".to_owned(),
        password_file: right.clone(),
        tls_ca: ca.clone(),
        ..Config::default()
    };
    drop(agent(&config, "a"));
    drop(agent(
        &Config { url: url("clerk:open%20sesame", "localhost"), password_file: "".into(), ..config.clone() },
        "a",
    ));
    let refused = |config: Config| {
        let error = PostgresLedger::open(&config).err().unwrap();
        let said = format!("{error} {error:?}");
        assert!(!error.is_transient(), "{said}");
        assert!(!said.contains("sesame") && !said.contains("swordfish"), "{said}");
        said
    };
    let said = refused(Config { password_file: wrong, ..config.clone() });
    assert!(said.contains("ledger.password_file") && said.contains("clerk"), "{said}");
    let said = refused(Config { url: url("clerk:swordfish", "localhost"), password_file: "".into(), ..config.clone() });
    assert!(said.contains("clerk:***@localhost"), "{said}");
    assert!(
        refused(Config { password_file: folder.path().join("none"), ..config.clone() })
            .contains("let the agent's user read it")
    );
    assert!(refused(Config { tls_ca: "".into(), ..config.clone() }).contains("ledger.tls_ca"));
    assert!(refused(Config { url: url("clerk", "127.0.0.1"), ..config.clone() }).contains("ledger.tls_ca"));
    assert!(refused(Config { tls_ca: right, ..config.clone() }).contains("ledger.tls_ca"));
    let said = refused(Config { schema: "other".to_owned(), ..config.clone() });
    assert!(said.contains("CREATE SCHEMA other AUTHORIZATION"), "{said}");
    let said = refused(Config { url: config.url.replace("/postgres?", "/nowhere?"), ..config });
    assert!(said.contains("createdb"), "{said}");
}
