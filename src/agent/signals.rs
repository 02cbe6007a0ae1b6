//! Signals as messages: stop, look again, read the configuration again, say how things stand.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use signal_hook::consts::{SIGHUP, SIGINT, SIGPIPE, SIGTERM, SIGUSR1, SIGUSR2, SIGXFSZ};
use signal_hook::iterator::Signals as Iterator;
use signal_hook::low_level::{emulate_default_handler, exit};

use super::supervisor::Supervisor;
use crate::config::Config;
use crate::intake::ignore_lease_signal;

/// A configuration that was read again and checked, or everything that is wrong with it.
pub type Reread = Result<Box<Config>, Vec<String>>;

/// Reads the configuration again, and checks it.
pub type Rereader = Box<dyn Fn() -> Reread + Send>;

/// What a signal asks for.
#[derive(Debug)]
pub(super) enum Request {
    /// TERM or INT: take no new jobs, finish those in hand. A second one ends the process at once, which is safe.
    Stop,
    /// HUP: go on with the configuration as it is now.
    Reload(Reread),
    /// USR1: the state to the log.
    Report,
    /// USR2: list the inbox and ask the ledger now.
    Scan,
}

/// The signals of this process.
#[derive(Debug)]
pub(super) struct Signals {
    requests: Receiver<Request>,
    stop_asked: Arc<AtomicBool>,
}

impl Signals {
    /// Takes over the signals of the process, once in its life. What HUP wants read, `rereader` reads, on a thread of its
    /// own: a disk that does not answer is to stall nobody.
    pub(super) fn install(rereader: Rereader) -> io::Result<Self> {
        ignore_lease_signal()?;
        ignore(SIGPIPE)?;
        // A file size limit is then an error of the write, and not the end of the process.
        ignore(SIGXFSZ)?;
        let signals = Iterator::new([SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2])?;
        let (sender, requests) = unbounded();
        let stop_asked = Arc::new(AtomicBool::new(false));
        let asked = Arc::clone(&stop_asked);
        // Another HUP while one waits to be served asks for nothing more.
        let (hang_up, hang_ups) = bounded(1);
        let answers = sender.clone();
        thread::Builder::new().name("reload".to_owned()).spawn(move || reread_all(&hang_ups, &rereader, &answers))?;
        thread::Builder::new().name("signals".to_owned()).spawn(move || listen(signals, &sender, &hang_up, &asked))?;
        Ok(Self { requests, stop_asked })
    }

    /// Whether a stop has been asked for.
    pub(super) fn stop_asked(&self) -> bool {
        self.stop_asked.load(Ordering::Relaxed)
    }

    /// Where requests arrive.
    pub(super) fn requests(&self) -> &Receiver<Request> {
        &self.requests
    }
}

fn listen(mut signals: Iterator, requests: &Sender<Request>, hang_up: &Sender<()>, stop_asked: &AtomicBool) {
    for signal in signals.forever() {
        let request = match signal {
            SIGHUP => {
                let _ = hang_up.try_send(());
                continue;
            }
            SIGUSR1 => Request::Report,
            SIGUSR2 => Request::Scan,
            _ if stop_asked.swap(true, Ordering::Relaxed) => abandon(signal),
            _ => Request::Stop,
        };
        if requests.send(request).is_err() {
            return;
        }
    }
}

/// Ends the process as the signal would without us: no library's clean-up, which could wait for a thread that is at work.
fn abandon(signal: i32) -> ! {
    let _ = emulate_default_handler(signal);
    exit(128 + signal)
}

fn reread_all(hang_ups: &Receiver<()>, rereader: &Rereader, answers: &Sender<Request>) {
    while hang_ups.recv().is_ok() {
        Supervisor::reloading();
        if answers.send(Request::Reload(rereader())).is_err() {
            return;
        }
    }
}

fn ignore(signal: i32) -> io::Result<()> {
    signal_hook::flag::register(signal, Arc::default()).map(drop)
}
