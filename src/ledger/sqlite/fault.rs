//! SQLite's result codes as the ledger's errors: what passes, what is damage, what must stop the agent.

use std::io;
use std::path::Path;
use std::sync::Arc;

use rusqlite::ErrorCode;
use rusqlite::ffi::{SQLITE_IOERR_DIR_FSYNC, SQLITE_IOERR_FSYNC};

use crate::ledger::LedgerError;
use crate::source::Shown;

impl From<rusqlite::Error> for LedgerError {
    fn from(error: rusqlite::Error) -> Self {
        storage("be read or written", error)
    }
}

/// What `error`, met while `doing`, means.
pub(super) fn storage(doing: impl Into<String>, error: rusqlite::Error) -> LedgerError {
    if is_failed_flush(&error) {
        return LedgerError::Broken(Arc::new(error));
    }
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => LedgerError::Damaged(error.to_string()),
        code => {
            LedgerError::Unavailable { doing: doing.into(), passing: code.is_some_and(passes), source: Arc::new(error) }
        }
    }
}

/// A file operation on `path` beside the database failed.
pub(super) fn file(doing: &str, path: &Path, error: io::Error) -> LedgerError {
    let doing = format!("{doing} {}", Shown(path));
    LedgerError::Unavailable { doing, passing: true, source: Arc::new(error) }
}

// After a failed fsync the kernel may call the lost pages clean, and the next fsync succeeds without them.
fn is_failed_flush(error: &rusqlite::Error) -> bool {
    let extended = error.sqlite_error().map(|e| e.extended_code);
    matches!(extended, Some(SQLITE_IOERR_FSYNC | SQLITE_IOERR_DIR_FSYNC))
}

fn passes(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::DiskFull
            | ErrorCode::OutOfMemory
            | ErrorCode::SystemIoFailure
            | ErrorCode::CannotOpen
            | ErrorCode::ReadOnly
            | ErrorCode::PermissionDenied
            | ErrorCode::OperationInterrupted
            | ErrorCode::FileLockingProtocolFailed
    )
}

#[cfg(test)]
mod tests {
    use rusqlite::ffi;

    use super::*;

    fn said(code: i32) -> LedgerError {
        rusqlite::Error::SqliteFailure(ffi::Error::new(code), None).into()
    }

    #[test]
    fn a_full_disk_passes_a_failed_flush_and_damage_do_not() {
        for code in [ffi::SQLITE_FULL, ffi::SQLITE_BUSY, ffi::SQLITE_IOERR_WRITE, ffi::SQLITE_READONLY] {
            assert!(said(code).is_transient(), "{code}");
        }
        assert!(matches!(said(SQLITE_IOERR_FSYNC), LedgerError::Broken(_)));
        assert!(matches!(said(ffi::SQLITE_CORRUPT), LedgerError::Damaged(_)));
        assert!(!said(ffi::SQLITE_CONSTRAINT).is_transient());
    }
}
