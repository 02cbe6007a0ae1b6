//! Where words go: data to standard output, everything else to standard error. Nothing else in the program prints.

use std::io::{self, Write};

use super::ExitCode;

/// Writes data to standard output. A reader that has gone away (`| head`) is the end of the work, not an error.
pub(super) fn data(text: &str) -> Result<(), ExitCode> {
    match io::stdout().lock().write_all(text.as_bytes()) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(ExitCode::Success),
        Err(error) => {
            self::error(&format!("cannot write to standard output: {error}"));
            Err(ExitCode::Internal)
        }
    }
}

/// Says something on standard error.
pub(super) fn note(text: &str) {
    // Nobody is left to be told if standard error is gone.
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Says what went wrong on standard error.
pub(super) fn error(text: &str) {
    note(&format!("error: {text}"));
}
