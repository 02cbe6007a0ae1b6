//! A database as the ledger: who can read its password, and whether the service gets there.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::findings::Findings;
use crate::config::{Config, LedgerKind};
use crate::source::Shown;

/// How hosts begin that are this machine.
const HERE: [&str; 5] = ["/", "localhost", "127.", "[::1]", "?"];

/// Looks at it, where there is one.
pub(super) fn check(config: &Config, found: &mut Findings) {
    let ledger = &config.ledger;
    if ledger.kind() != LedgerKind::Postgres {
        return;
    }
    let mode = fs::metadata(&ledger.password_file).map_or(0, |file| file.permissions().mode());
    if mode & 0o007 != 0 {
        let file = Shown(&ledger.password_file);
        let mode = mode & 0o777;
        found.warning(format!("ledger.password_file: everybody may read {file} (mode {mode:o}): `chmod o= {file}`"));
    }
    if is_elsewhere(&ledger.shown_url()) {
        let what = "the database is on another machine, which the unit's IPAddressDeny=any forbids";
        let todo = "IPAddressAllow= and its address (`systemctl edit h5inbox`)";
        found.note(format!("ledger.url: {what}; under systemd add {todo}"));
    }
}

/// Whether the host in `url` is another one.
fn is_elsewhere(url: &str) -> bool {
    let place = url.split_once("://").map_or(url, |(_, place)| place);
    let host = place.split_once('@').map_or(place, |(_, host)| host);
    !HERE.iter().any(|here| host.starts_with(here))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_on_another_machine_is_told_from_one_here() {
        for here in
            ["postgres://u@/d?host=/run/postgresql", "postgres://u:***@localhost:5432/d", "postgres://u@127.0.0.1/d"]
        {
            assert!(!is_elsewhere(here), "{here}");
        }
        assert!(is_elsewhere("postgres://u@db.example.org/d"));
    }
}
