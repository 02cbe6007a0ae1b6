//! Ctrl-C, and the other ways to be told to stop: outputs that are finished stay, what is unfinished goes.

use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::iterator::Signals;

use crate::cli::output;
use crate::jobs::staging::remove_unfinished;

/// From now on, a signal to stop removes what this process has unfinished in `folders`, and ends it. Where the system
/// refuses, unfinished files wait in their own folder for the next run, which removes them.
pub(super) fn tidy_up_when_told_to_stop(folders: Vec<PathBuf>) {
    // A file size limit is then an error of the write, and not the end of the process.
    let _ = signal_hook::flag::register(SIGXFSZ, Arc::default());
    let Ok(mut signals) = Signals::new([SIGINT, SIGTERM, SIGHUP]) else { return };
    let wait = move || {
        let Some(signal) = signals.forever().next() else { return };
        folders.iter().for_each(|folder| remove_unfinished(folder));
        output::note("stopped; outputs that were finished are whole, nothing unfinished is left");
        std::process::exit(128 + signal);
    };
    let _ = thread::Builder::new().name("signals".to_owned()).spawn(wait);
}
