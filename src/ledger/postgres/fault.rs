//! What PostgreSQL and the way to it can say, as the ledger's errors: what passes, what somebody has to change.

use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::ledger::LedgerError;

/// Why a call on a connection did not succeed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    /// Nothing was heard in time: the server, or the way to it, does not work.
    #[error("no answer within {:.0} s", .0.as_secs_f64())]
    Silent(Duration),
    /// What the server or the library said.
    #[error(transparent)]
    Said(#[from] tokio_postgres::Error),
    /// An operation of this machine failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// What we make of an answer.
    #[error(transparent)]
    Ours(#[from] LedgerError),
}

/// An error, and what to do about it.
#[derive(Debug, thiserror::Error)]
#[error("{said}; {todo}")]
struct Advice {
    said: Fault,
    todo: &'static str,
}

impl Fault {
    /// Whether the connection is of no use any more.
    pub(super) fn is_of_the_line(&self) -> bool {
        match self {
            Self::Silent(_) | Self::Io(_) => true,
            Self::Ours(_) => false,
            // A plan that a migration made invalid belongs to the connection, too.
            Self::Said(error) => error.code().is_none_or(|code| {
                let code = code.code();
                ["08", "57P", "25P"].iter().any(|class| code.starts_with(class)) || code == "0A000"
            }),
        }
    }

    /// Whether the same may succeed later without anybody changing anything of ours.
    pub(super) fn passes(&self) -> bool {
        match self {
            Self::Silent(_) | Self::Io(_) => true,
            Self::Ours(error) => error.is_transient(),
            Self::Said(error) => match error.code() {
                Some(code) => code_passes(code.code()),
                None => error.is_closed() || is_of_the_network(error),
            },
        }
    }

    /// Whether two did the same thing at once, and one has to do it again.
    pub(super) fn is_collision(&self) -> bool {
        matches!(self, Self::Said(error) if error.code().is_some_and(|code| {
            matches!(code.code(), "23505" | "40001" | "40P01")
        }))
    }

    /// Whether the server says that this user may not.
    pub(super) fn is_denied(&self) -> bool {
        matches!(self, Self::Said(error) if error.code().is_some_and(|code| code.code() == "42501"))
    }

    /// The ledger's error, `place` saying which database it is.
    pub(super) fn at(self, place: &str) -> LedgerError {
        if let Self::Ours(error) = self {
            return error;
        }
        let passing = self.passes();
        let doing = if self.is_of_the_line() { "be reached" } else { "be read or written" };
        let source: Arc<dyn Error + Send + Sync> = match self.todo() {
            Some(todo) => Arc::new(Advice { said: self, todo }),
            None => Arc::new(self),
        };
        LedgerError::Unavailable { doing: format!("{doing} at {place}"), passing, source }
    }

    fn todo(&self) -> Option<&'static str> {
        let Self::Said(error) = self else { return None };
        let Some(code) = error.code() else {
            return is_of_tls(error).then_some(
                "set `ledger.tls_ca` to a file with the certificate of the authority that signed the server's, or add \
                 sslmode=disable to `ledger.url` where nobody can listen",
            );
        };
        match code.code() {
            code if code.starts_with("28") => Some(
                "check the user in `ledger.url`, its password (`ledger.password_file`), and the server's pg_hba.conf",
            ),
            "3D000" => Some("create the database (createdb), or correct its name in `ledger.url`"),
            "42501" => Some("grant the user in `ledger.url` all rights in the schema, or let it own it"),
            "53100" => Some("the database's disk is full"),
            "53300" => Some("raise max_connections of the server: an agent takes up to nine"),
            code if code.starts_with("XX") => Some("the database is damaged; restore a backup of it"),
            _ => None,
        }
    }
}

/// By the SQLSTATE, see appendix A of PostgreSQL's manual.
fn code_passes(code: &str) -> bool {
    let classes = ["08", "25P", "40", "53", "57", "58"];
    classes.iter().any(|class| code.starts_with(class))
        // Locked; read-only, as a server is that is about to be the first one; a plan made invalid; another did it at once.
        || matches!(code, "55P03" | "25006" | "0A000" | "23505")
}

fn is_of_the_network(error: &tokio_postgres::Error) -> bool {
    io_error(error).is_some() && !is_of_tls(error)
}

fn is_of_tls(error: &tokio_postgres::Error) -> bool {
    let inner = io_error(error).and_then(io::Error::get_ref);
    inner.and_then(|inner| inner.downcast_ref::<rustls::Error>()).is_some()
}

fn io_error(error: &tokio_postgres::Error) -> Option<&io::Error> {
    error.source().and_then(|source| source.downcast_ref::<io::Error>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_back_by_itself_passes_and_what_needs_a_person_does_not() {
        for code in ["08006", "57P01", "57P03", "57014", "53300", "53100", "40001", "40P01", "55P03", "25P03"] {
            assert!(code_passes(code), "{code}");
        }
        for code in ["28P01", "28000", "3D000", "42501", "42P01", "22001", "XX001"] {
            assert!(!code_passes(code), "{code}");
        }
        assert!(Fault::Silent(Duration::from_secs(3)).at("postgres://a@b/c").is_transient());
    }
}
