//! Signals as messages: stop, look again, say how things stand.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crossbeam_channel::Receiver;
use signal_hook::consts::{SIGHUP, SIGINT, SIGPIPE, SIGTERM, SIGUSR1, SIGUSR2, SIGXFSZ};
use signal_hook::iterator::Signals as Iterator;

use crate::intake::ignore_lease_signal;

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// TERM or INT: take no new jobs, finish those in hand. A second one ends the process at once, which is safe.
    Stop,
    /// USR1: the state to the log.
    Report,
    /// USR2: list the inbox and ask the ledger now.
    Scan,
}

/// The signals of this process.
#[derive(Debug)]
pub struct Signals {
    requests: Receiver<Request>,
    stop_asked: Arc<AtomicBool>,
}

impl Signals {
    /// Takes over the signals of the process; once in its life.
    pub fn install() -> io::Result<Self> {
        ignore_lease_signal()?;
        ignore(SIGPIPE)?;
        // A file size limit is then an error of the write, and not the end of the process.
        ignore(SIGXFSZ)?;
        let mut signals = Iterator::new([SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2])?;
        let (sender, requests) = crossbeam_channel::unbounded();
        let stop_asked = Arc::new(AtomicBool::new(false));
        let asked = Arc::clone(&stop_asked);
        let listen = move || {
            for signal in signals.forever() {
                let request = match signal {
                    SIGUSR1 => Request::Report,
                    SIGUSR2 => Request::Scan,
                    SIGHUP => {
                        log::warn!(event = "agent.reload"; "This version does not reload its configuration; restart it.");
                        continue;
                    }
                    _ if asked.swap(true, Ordering::Relaxed) => std::process::exit(128 + signal),
                    _ => Request::Stop,
                };
                if sender.send(request).is_err() {
                    return;
                }
            }
        };
        thread::Builder::new().name("signals".to_owned()).spawn(listen)?;
        Ok(Self { requests, stop_asked })
    }

    /// Whether a stop has been asked for.
    #[must_use]
    pub fn stop_asked(&self) -> bool {
        self.stop_asked.load(Ordering::Relaxed)
    }

    /// Where requests arrive.
    #[must_use]
    pub fn requests(&self) -> &Receiver<Request> {
        &self.requests
    }
}

fn ignore(signal: i32) -> io::Result<()> {
    signal_hook::flag::register(signal, Arc::default()).map(drop)
}
