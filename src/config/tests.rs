//! The contract, tried from outside: what is accepted, what is refused, and in which words.

use super::*;

const LEAST: &str = "[inbox]\npath = \"/srv/h5inbox/inbox\"\n[output]\npath = \"/srv/h5inbox/outbox\"\n";
const EXAMPLE: &str = include_str!("../../config.example.toml");

fn defaults() -> Config {
    Config::new("/srv/h5inbox/inbox".into(), "/srv/h5inbox/outbox".into())
}

fn problems(text: &str) -> Vec<Problem> {
    match Config::parse(text) {
        Err(ConfigError::Invalid { problems }) => problems,
        other => panic!("{text}: {other:?}"),
    }
}

/// The two required settings and one more.
fn with(section: &str, setting: &str) -> String {
    match section {
        "" => format!("{setting}\n{LEAST}"),
        "inbox" => LEAST.replace("[output]", &format!("{setting}\n[output]")),
        "output" => format!("{LEAST}{setting}\n"),
        other => format!("{LEAST}[{other}]\n{setting}\n"),
    }
}

/// What is said of one more setting.
fn refusal(section: &str, setting: &str) -> String {
    let found = problems(&with(section, setting));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].line.is_some() && !found[0].hint.is_empty(), "{found:?}");
    found[0].to_string()
}

/// Every key of the configuration with its value, as `section.name = value`.
fn settings(config: &Config) -> Vec<(String, String)> {
    let table: toml::Table = config.to_toml().parse().unwrap();
    let entries = table.iter().flat_map(|(section, value)| match value {
        toml::Value::Table(keys) => keys.iter().map(|(k, v)| (format!("{section}.{k}"), v.to_string())).collect(),
        plain => vec![(section.clone(), plain.to_string())],
    });
    entries.collect()
}

#[test]
fn two_paths_are_enough_and_everything_else_has_the_default_of_the_contract() {
    let config = Config::parse(LEAST).unwrap();
    assert_eq!(config, defaults());
    assert_eq!(config.source.archive, Path::new("/srv/h5inbox/archive"));
    assert_eq!(config.source.quarantine, Path::new("/srv/h5inbox/quarantine"));
    assert_eq!(config.ledger.file().as_deref(), Some(Path::new("/var/lib/h5inbox/ledger.sqlite")));
    assert!(config.worker_count() >= 1);
    assert_eq!(Config { workers: 7, ..config }.worker_count(), 7);
}

#[test]
fn the_effective_configuration_reads_back_as_itself() {
    let text = "workers = 3\n[inbox]\npath = '/a/in/'\nrecursive = true\ninclude = ['*.log']\nexclude = ['x*']\n\
        watch = 'poll'\nscan_interval_secs = 5\nsettle_ms = 0\ntruncated_grace_secs = 0\ndone_marker = '.ok'\nmanifest = ['*.sums']\norder = 'smallest-first'\nshard = '2/5'\n[source]\nafter = 'archive'\n\
        archive = '/a//old'\nquarantine = '/a/bad'\n[output]\npath = '/a/out'\nkey = '/g/d'\non_existing = 'refuse'\n\
        durable = false\ngather = ['*.json', 'a/*']\ngather_files = 5\ngather_bytes = 6\ngather_secs = 7\n\
        gather_source_column = 'from'\n[records]\ninput = 'document'\n[limits]\nfile_bytes = 1_000\nrecord_bytes = 0xff\ndepth = 9\n\
        columns = 8\ndecompression_ratio = 20\nconvert_secs = 7\n[retry]\nmax_attempts = 1\nbackoff_secs = 2\nbackoff_max_secs = 2\n\
        [ledger]\nurl = 'sqlite:///l/x.db'\n[status]\nlisten = ''\n[profile]\npath = '/p/x.html'\nfiles = 7\n[log]\nformat = 'json'\nlevel = 'trace'\n";
    let config = Config::parse(text).unwrap();
    assert_eq!(Config::parse(&config.to_toml()).unwrap(), config);
    assert_eq!(Config::parse(&defaults().to_toml()).unwrap(), defaults());
    assert_eq!(config.inbox.path.to_str(), Some("/a/in"));
    assert_eq!((config.limits.file_bytes, config.limits.record_bytes), (1000, 255));
    assert_eq!(config.ledger.file().as_deref(), Some(Path::new("/l/x.db")));
}

#[test]
fn every_word_is_read_as_it_is_written() {
    let settings = [
        ("inbox", "watch", "auto native poll"),
        ("inbox", "order", "oldest-first newest-first name smallest-first"),
        ("source", "after", "keep archive delete"),
        ("output", "format", "hdf5 feather parquet"),
        ("output", "layout", "fixed table plain"),
        ("output", "compression", "none zlib:1 zlib:9"),
        ("output", "on_unfit", "refuse text"),
        ("output", "name", "{name} {date:%Y/%m}/{name}-{hash:8}"),
        ("output", "on_existing", "version replace refuse"),
        ("records", "input", "auto lines document"),
        ("records", "on_bad_record", "reject-file skip"),
        ("records", "nested", "object json flatten"),
        ("log", "format", "auto text json"),
        ("log", "level", "error warn info debug trace"),
    ];
    for (section, key, words) in settings {
        for word in words.split(' ') {
            let setting = format!("{key} = \"{word}\"");
            let written = Config::parse(&with(section, &setting)).unwrap().to_toml();
            assert!(written.contains(&format!("{setting}\n")), "{written}");
        }
    }
}

#[test]
fn a_database_that_agents_share_is_named_by_its_url_and_its_password_is_not_shown() {
    let urls = [
        "postgres://user:secret@host:5432/db?sslmode=require",
        "postgresql://user@host/db?password=secret",
        "postgres://user@/db?host=/run/postgresql",
        "postgres:///db?host=/run/postgresql&user=h5inbox",
    ];
    for url in urls {
        let config = Config::parse(&with("ledger", &format!("url = '{url}'"))).unwrap();
        assert_eq!((config.ledger.kind(), config.ledger.file()), (LedgerKind::Postgres, None));
        assert!(!config.shown().contains("secret"), "{}", config.shown());
        assert_eq!(Config::parse(&config.to_toml()).unwrap(), config);
    }
    let keys = "url = 'postgres://u@h/d'\nschema = 'line_2'\nagent = 'node-7.a'\nlease_secs = 9\npassword_file = '/etc/p'\ntls_ca = '/etc/c'";
    let config = Config::parse(&with("ledger", keys)).unwrap();
    assert_eq!(Config::parse(&config.to_toml()).unwrap(), config);
    assert_eq!((config.ledger.schema.as_str(), config.ledger.lease_secs), ("line_2", 9));
}

#[test]
fn layout_and_compression_have_to_be_some_of_the_format() {
    let fits = |settings: &str| Config::parse(&with("output", settings));
    for good in ["format = 'feather'\ncompression = 'lz4'", "format = 'parquet'\ncompression = 'zstd:19'"] {
        assert!(fits(good).is_ok(), "{good}");
    }
    for (bad, said) in [
        ("format = 'feather'\nlayout = 'table'", "`output.layout` is a layout of HDF5, and `output.format` is Feather"),
        ("format = 'parquet'\ncompression = 'zlib:4'", "\"zlib:4\" is none that every reader of Parquet knows"),
        ("compression = 'zstd'", "\"zstd:1\" is none that every reader of HDF5 knows; write \"zlib:4\""),
        ("compression = 'zlib:10'", "is not one of its values; write \"none\", \"zlib:1\""),
        ("name = 'out'", "`output.name` would give every output the same name"),
    ] {
        let found = refusal("output", bad);
        assert!(found.contains(said), "{found}");
    }
}

#[test]
fn a_slip_of_the_pen_is_met_with_a_suggestion() {
    assert_eq!(refusal("inbox", "pth = '/x'"), "line 3: unknown key `inbox.pth`; did you mean `path`?");
    assert_eq!(refusal("", "worker = 4"), "line 1: unknown key `worker`; did you mean `workers`?");
    assert_eq!(refusal("limit", "depth = 4"), "line 5: unknown key `limit`; did you mean `limits`?");
    assert!(refusal("inbox", "workers = 4").ends_with("`workers` stands at the top, before the first [section]"));
    assert!(refusal("output", "archive = '/x'").ends_with("`archive` belongs in [source]"));
    assert!(refusal("log", "colour = 'red'").ends_with("known here: format, level"));
    assert!(refusal("", "\"inbox.path\" = 4").contains("unknown key"));
    assert!(refusal("", "[\"\"]\nworkers = 4").contains("unknown key"));
    assert!(refusal("", "log = 'debug'").contains("`log` is not a section"));
}

#[test]
fn values_out_of_place_are_refused() {
    let refused = [
        ("", "workers = 1025", "from 0 to 1024"),
        ("", "workers = -1", "out of range"),
        ("", "workers = 99999999999999999999", "out of range"),
        ("", "workers = '4'", "is a string"),
        ("", "workers = 4.0", "is a number with a fraction"),
        ("inbox", "recursive = 'yes'", "is a string"),
        ("inbox", "include = []", "is empty"),
        ("inbox", "include = '*.json'", "is a string"),
        ("inbox", "include = ['a', 3]", "has an item that is a whole number"),
        ("inbox", "exclude = ['ok', 'a[', '{b']", "\"a[\", which is not a glob"),
        ("inbox", "watch = 'inotify'", "write \"auto\" or \"native\" or \"poll\""),
        ("inbox", "settle_ms = 3600001", "from 0 to 3600000"),
        ("inbox", "scan_interval_secs = 0", "from 1 to 86400"),
        ("source", "archive = 'old'", "not an absolute path"),
        ("source", "archive = '~/old'", "not an absolute path"),
        ("source", "archive = '/'", "root of the file system"),
        ("source", "archive = \"/a\\nb\"", "\"/a\\nb\" contains a control character"),
        ("source", "quarantine = '/a/../b'", "contains .."),
        ("output", "key = 'data'", "does not begin with /"),
        ("output", "key = '/a//b'", "empty name"),
        ("output", "key = '/'", "empty name"),
        ("output", "key = '/a/_v_b'", "PyTables"),
        ("output", "key = '/a/..'", ". or .."),
        ("output", "gather = ['a[']", "\"a[\", which is not a glob"),
        ("output", "gather_files = 1", "from 2 to 10000"),
        ("output", "gather_source_column = 'from'", "`output.gather` gathers none"),
        ("output", "gather = ['*']\ngather_source_column = \"a\\nb\"", "has a control character"),
        ("limits", "decompression_ratio = 0", "from 1 to 1000000"),
        ("limits", "decompression_ratio = 1000001", "from 1 to 1000000"),
        ("inbox", "truncated_grace_secs = 86401", "from 0 to 86400"),
        ("inbox", "done_marker = 'sub/.done'", "not the ending of a name"),
        ("inbox", "done_marker = '.json'", "every file that \"*.json\""),
        ("inbox", "manifest = '*.sha256'", "is a string"),
        ("inbox", "manifest = ['*.sha256', '*.jsonl']", "has \"*.jsonl\", as `inbox.include` has"),
        ("retry", "backoff_secs = 901", "is more than `retry.backoff_max_secs` = 900"),
        ("retry", "max_attempts = 0", "from 1 to 1000"),
        ("ledger", "url = 'sqlite:ledger.sqlite'", "not an absolute path"),
        ("ledger", "url = 'sqlite://host/x'", "more or less in it"),
        ("ledger", "url = '/var/lib/x'", "does not begin with sqlite: or postgres:"),
        ("ledger", "url = 'postgres://u:secret@h'", "does not name a database"),
        ("ledger", "url = 'postgres://u:secret@/d'", "does not say where"),
        ("ledger", "url = 'postgres://h/d?password=secret'", "as which user"),
        ("ledger", "url = 'postgres:u:secret@h/d'", "no // behind"),
        ("ledger", "url = 'postgres://u:secret #@h/d'", "%20"),
        ("ledger", "schema = 'Jobs'", "no name of a schema"),
        ("ledger", "schema = 'pg_x'", "no name of a schema"),
        ("ledger", "agent = \"a'b\"", "no name of an agent"),
        ("ledger", "lease_secs = 2", "from 3 to 86400"),
        ("ledger", "password_file = 'p'", "not an absolute path"),
        ("ledger", "tls_ca = '~/ca.pem'", "not an absolute path"),
        ("ledger", "url = 'mysql://a:secret@b'", "does not begin with sqlite:"),
        ("ledger", "url = 'sqlite:/srv/h5inbox/inbox/l'", "inside the inbox"),
        ("status", "listen = ':9815'", "not an address"),
        ("profile", "path = 'profile.html'", "not an absolute path"),
        ("profile", "path = '/var/lib/profile.json'", "does not end in .html"),
        ("profile", "path = '/srv/h5inbox/inbox/p.html'", "inside the inbox"),
        ("profile", "path = '/srv/h5inbox/outbox/.h5inbox/p.html'", "only unfinished outputs belong there"),
        ("profile", "files = 0", "from 1 to 10000"),
        ("records", "types = 3", "is a whole number"),
        ("records", "types = { a = 'int' }", "= \"int\" is no dtype"),
        ("records", "types = { 'a[' = 'int64' }", "which is not a glob"),
    ];
    for (section, setting, part) in refused {
        let said = refusal(section, setting);
        assert!(said.contains(part), "{said}");
        assert!(!said.contains("secret"), "{said}");
    }
}

#[test]
fn folders_that_would_feed_the_inbox_are_refused() {
    let text = |inbox: &str, rest: &str| format!("[inbox]\npath = '/a/in'\n{inbox}\n{rest}");
    let count = |inbox: &str, rest: &str| match Config::parse(&text(inbox, rest)) {
        Ok(_) => 0,
        Err(ConfigError::Invalid { problems }) => problems.len(),
        Err(other) => panic!("{other}"),
    };
    assert_eq!(count("", "[output]\npath = '/a/in/'"), 1);
    assert_eq!(count("", "[output]\npath = '/a/in/out'"), 0);
    assert_eq!(count("recursive = true", "[output]\npath = '/a/in/out'"), 1);
    assert_eq!(count("recursive = true", "[output]\npath = '/a/in-out'"), 0);
    assert_eq!(count("recursive = true", "[output]\npath = '/o'\n[source]\narchive = '/a/in/old'"), 1);
    assert_eq!(count("recursive = true", "[output]\npath = '/o'\n[source]\nquarantine = '/a'"), 1);
    assert_eq!(count("", "[output]\npath = '/o'\n[source]\nquarantine = '/a/in'"), 1);
    assert_eq!(count("", "[output]\npath = '/o'\n[source]\narchive = '/q'\nquarantine = '/q'"), 1);
    assert_eq!(count("", "[output]\npath = '/o'\n[source]\nquarantine = '/o/.h5inbox/q'"), 1);
    let called_archive = "[inbox]\npath = '/a/archive'\n[output]\npath = '/o'\n";
    assert!(Config::parse(called_archive).is_ok());
    assert_eq!(problems(&format!("{called_archive}[source]\nafter = 'archive'"))[0].line, None);
}

#[test]
fn everything_wrong_is_told_at_once_in_the_order_of_the_text() {
    let found = problems("workers = 'x'\n[inbox]\npath = 'in'\nbogus = 1\n[log]\nlevel = 'loud'\n");
    let told: Vec<_> = found.iter().map(|problem| (problem.key.as_str(), problem.line)).collect();
    let wanted = [
        ("workers", Some(1)),
        ("inbox.path", Some(3)),
        ("inbox.bogus", Some(4)),
        ("log.level", Some(6)),
        ("output.path", None),
    ];
    assert_eq!(told, wanted);
    let text = ConfigError::Invalid { problems: found }.to_string();
    assert_eq!(text.lines().count(), 5, "{text}");
}

#[test]
fn what_is_not_toml_is_refused_with_its_line() {
    let found = problems("[inbox]\npath = \"/a\nrecursive = true\n");
    assert_eq!((found[0].key.as_str(), found[0].line), ("", Some(2)));
    assert_eq!(problems("a = 1\n\na = 2\n")[0].line, Some(3));
    let missing = Config::load(Path::new("/nonexistent/config.toml")).unwrap_err();
    assert!(missing.to_string().contains("/nonexistent/config.toml: No such file"), "{missing}");
}

#[test]
fn the_example_reads_as_the_defaults_and_knows_every_key() {
    assert_eq!(Config::parse(EXAMPLE).unwrap(), defaults());
    let uncommented: String = EXAMPLE.lines().map(|line| uncomment(line).to_owned() + "\n").collect();
    assert_eq!(Config::parse(&uncommented).unwrap(), defaults());
    let written: toml::Table = uncommented.parse().unwrap();
    for (key, value) in settings(&defaults()) {
        let found = key.split('.').try_fold(None, |at: Option<&toml::Value>, name| {
            at.map_or_else(|| written.get(name), |value| value.get(name)).map(Some)
        });
        assert_eq!(found.flatten().map(ToString::to_string), Some(value), "{key}");
    }
}

/// A default that is commented out is `# name = value`; all other comments are prose.
fn uncomment(line: &str) -> &str {
    let setting = line.strip_prefix("# ").filter(|rest| {
        let name = rest.split(" = ").next().unwrap_or_default();
        name.len() < rest.len() && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
    });
    setting.unwrap_or(line)
}
