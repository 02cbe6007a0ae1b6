//! Where words go: data to standard output, everything else to standard error. Nothing else in the program prints.

use std::io::{self, Write};

use super::ExitCode;

/// Writes data to standard output. A reader that has gone away (`| head`) is the end of the work, not an error.
pub(super) fn data(text: &str) -> Result<(), ExitCode> {
    written(io::stdout().lock().write_all(text.as_bytes()))
}

/// As [`data`], for text with colours in it: these are for terminals, unless `NO_COLOR` or the like is set.
pub(super) fn styled(text: &str) -> Result<(), ExitCode> {
    let mut stdout = anstream::stdout().lock();
    written(stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()))
}

fn written(outcome: io::Result<()>) -> Result<(), ExitCode> {
    match outcome {
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
