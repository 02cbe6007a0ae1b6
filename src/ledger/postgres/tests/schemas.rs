//! Migrations, which any agent runs, once; and whether each frequent question has its index.

use super::{agent, config, server, until};
use crate::config::{Ledger as Config, Order};
use crate::ledger::postgres::arrival::known;
use crate::ledger::postgres::schema::{MIGRATIONS, Migration, settings};
use crate::ledger::postgres::{PostgresLedger, claim, queries, retention};
use crate::ledger::tests::{admit, arrival, ids, publication};
use crate::ledger::{Disposition, Ledger, LedgerError, Shared, State};

#[test]
fn agents_that_start_at_once_make_the_schema_once() {
    let config = config();
    let agents: Vec<_> = std::thread::scope(|scope| {
        let config = &config;
        let start = |n| scope.spawn(move || agent(config, &format!("agent-{n}")));
        (0..6).map(start).collect::<Vec<_>>().into_iter().map(|agent| agent.join().unwrap()).collect()
    });
    until("one leads", || agents.iter().filter(|agent| agent.leads()).count() == 1);
    assert_eq!(agents[0].agents().unwrap().len(), 6);
}

/// A later version's: it adds what this one does not know.
const LATER: Migration = Migration {
    sql: "ALTER TABLE job ADD COLUMN mood text NOT NULL DEFAULT 'good'; CREATE INDEX job_mood ON job(mood)",
    oldest: 1,
};

#[test]
fn an_agent_of_the_version_before_works_on_while_others_are_upgraded() {
    let config = config();
    let old = agent(&config, "old");
    let first = admit(&old, "a.json", 1).id;
    assert_eq!(ids(&old.claim(9, u64::MAX, Order::Name).unwrap()), [first]);
    old.begin(first).unwrap();
    let with = |name: &str, more: Migration| {
        let config = Config { agent: name.to_owned(), ..config.clone() };
        PostgresLedger::open_with(&config, &[MIGRATIONS, &[more]].concat())
    };
    let new = with("new", LATER).unwrap();
    // What was in hand, and what comes, on connections that have statements prepared; and an old one that starts again.
    old.publishing(first, &publication(first)).unwrap();
    old.done(first, 0.1, Disposition::None).unwrap();
    let second = admit(&new, "b.json", 1).id;
    assert_eq!(ids(&old.claim(9, u64::MAX, Order::Name).unwrap()), [second]);
    old.begin(second).unwrap();
    drop(old);
    let old = agent(&config, "old");
    assert_eq!(old.adopt(9).unwrap().len(), 1);
    assert_eq!(new.totals().unwrap().count(State::Done), 1);
    assert!(PostgresLedger::open_shared(&config).is_ok());
    drop(new);
    // One that breaks with it is refused by name.
    drop(with("newest", Migration { oldest: 2, sql: "UPDATE about SET value = value" }).unwrap());
    server().psql(&format!("UPDATE {}.about SET value = '2' WHERE name = 'oldest'", config.schema));
    let refused = PostgresLedger::open(&Config { agent: "x".to_owned(), ..config.clone() }).err().unwrap();
    assert!(matches!(refused, LedgerError::SchemaNewer { found: 2, known: 1 }), "{refused}");
    // And nobody but an agent makes anything.
    let beside = PostgresLedger::open_shared(&Config { schema: "nothing_there".to_owned(), ..config }).err().unwrap();
    assert!(matches!(beside, LedgerError::Missing(_)), "{beside}");
    server().psql("CREATE SCHEMA other_tables; CREATE TABLE other_tables.job(id int)");
    let foreign = PostgresLedger::open(&Config { schema: "other_tables".to_owned(), ..super::config() }).err().unwrap();
    assert!(matches!(foreign, LedgerError::Foreign(_)), "{foreign}");
}

/// A ledger with a backlog and a past, of which there are no statistics.
fn full() -> (PostgresLedger, String) {
    let config = config();
    let (a, schema) = (agent(&config, "a"), config.schema);
    a.arrive(&[arrival("first.json", 1)]).unwrap();
    server().psql(&format!(
        "SET search_path = {schema};
        INSERT INTO job(path, path_text, device, inode, size, mtime_ns, ctime_ns, host, state, changed_at, archived, disposed_at,
          archived_inode, disposition, run_at)
        SELECT convert_to('d/' || n, 'UTF8'), 'd/' || n, 1, n, n % 977, n, n, 'h',
          CASE WHEN n % 2 = 0 THEN 'ready' WHEN n % 20 = 1 THEN 'failed' WHEN n % 500 = 3 THEN 'quarantined' ELSE 'done' END,
          now() - n * interval '1 s', CASE n % 10 WHEN 3 THEN 'x'::bytea END, now() - n * interval '1 s', n,
          CASE n % 10 WHEN 3 THEN 'done' ELSE 'none' END, now() + interval '1 day'
        FROM generate_series(1, 120000) AS n;
        UPDATE job SET run_at = now() WHERE state = 'ready';
        UPDATE job SET state = 'publishing', temporary = 't' WHERE id % 10000 = 5"
    ));
    (a, schema)
}

/// How the server goes about `sql`, set as our sessions are, and what it reads for it; nothing stays changed.
fn plan(schema: &str, sql: &str, values: &str) -> String {
    let run = if values.is_empty() { sql.to_owned() } else { format!("EXECUTE asked({values})") };
    let prepare = if values.is_empty() { String::new() } else { format!("PREPARE asked AS {sql};") };
    server().psql(&format!(
        "{} {prepare}
        BEGIN; EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) {run}; ROLLBACK",
        settings(schema, "plans")
    ))
}

/// The most rows that one of the plan's parts has read, those that it left out included.
fn most_rows(plan: &str) -> u64 {
    let number = |text: &str| text.chars().take_while(char::is_ascii_digit).collect::<String>().parse::<u64>().unwrap();
    let read = plan.split("actual rows=").skip(1).map(|part| {
        let (rows, loops) = part.split_once(" loops=").unwrap();
        number(rows) * number(loops)
    });
    let left_out = plan.split("Rows Removed by Filter: ").skip(1).map(number);
    read.chain(left_out).max().unwrap_or(0)
}

#[test]
fn no_frequent_question_reads_or_sorts_the_whole_table() {
    let (a, schema) = full();
    let none =
        server().psql(&format!("SELECT count(*) FROM pg_stats WHERE schemaname = '{schema}' AND tablename = 'job'"));
    assert_eq!(none, "0", "as after the first burst");
    ask_all(&schema);
    server().psql(&format!("ANALYZE {schema}.job"));
    ask_all(&schema);
    let claimed = a.claim(20, u64::MAX, Order::OldestFirst).unwrap();
    assert_eq!(claimed.len(), 20);
    let mut handled = 0;
    a.handled(&mut |_, _| handled += 1).unwrap();
    assert_eq!(handled, 120_001);
}

fn ask_all(schema: &str) {
    let claims = [Order::OldestFirst, Order::NewestFirst, Order::Name, Order::SmallestFirst]
        .map(|order| (claim::statement(order), "1, 20, 1000000"));
    let adopt = format!("{}job.id) SELECT * FROM j", claim::ADOPT);
    let others = [
        (adopt, "1, 20"),
        (queries::sharing_statement(), "'t'"),
        (queries::LAST_SUCCESS.to_owned(), ""),
        (queries::OLDEST_WAITING.to_owned(), ""),
        (retention::OLD.to_owned(), "-1000000, '2020-01-01', 5, 100"),
        (retention::ARCHIVED.to_owned(), "-1000000, '2020-01-01', 5, 100"),
        (retention::KNOWN.to_owned(), "'d/1', 1, 2, 3, 4"),
        (queries::find_statement(), "'d/1'"),
        (known(), "ARRAY['d/1', 'd/2']::bytea[], ARRAY[1, 2], ARRAY[1, 2], ARRAY[1, 2], ARRAY[1, 2]"),
    ];
    for (sql, values) in claims.into_iter().chain(others) {
        let plan = plan(schema, &sql, values);
        assert!(!plan.contains("Seq Scan on job"), "{sql}: {plan}");
        assert!(most_rows(&plan) < 1000, "{sql}: {plan}");
    }
}
