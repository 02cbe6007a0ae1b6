//! The work of a call: without the interpreter's lock, on threads of its own that end with it, given up on Ctrl-C.
//!
//! Threads that stayed would not survive a fork, and a conversion in the child would wait for them for ever.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use pyo3::prelude::*;

use super::forked::AtWork;
use super::raised;
use crate::convert::Options;

/// How long Ctrl-C may wait.
const PATIENCE: Duration = Duration::from_millis(50);

/// Set while the work of the interpreter's main thread is to end: signals are handled there and nowhere else, so that there is
/// one such work at most.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// A number for temporary files that no other conversion has, here or in a process of the same number on another machine.
pub(super) fn number() -> usize {
    usize::try_from(RandomState::new().hash_one(std::process::id())).unwrap_or_default()
}

/// Does `work` with `options` on so many threads.
pub(super) fn run<T: Send>(
    py: Python<'_>,
    threads: usize,
    options: &mut Options,
    work: impl FnOnce(&Options) -> T + Send,
) -> PyResult<T> {
    let _at_work = AtWork::begin().ok_or_else(|| raised::forked(py))?;
    if is_main_thread(py)? {
        INTERRUPTED.store(false, Ordering::Relaxed);
        options.interrupted = Some(&INTERRUPTED);
    }
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).thread_name(|_| "h5inbox".to_owned()).build();
    let (pool, options) = (pool.map_err(|error| raised::no_threads(py, &error))?, &*options);
    py.detach(|| {
        let (sender, receiver) = channel();
        pool.in_place_scope(|scope| {
            scope.spawn(move |_| tell(&sender, work(options)));
            wait(&receiver)
        })
    })
}

/// What the work comes to; a signal that Python makes an exception of ends it.
fn wait<T>(receiver: &Receiver<T>) -> PyResult<T> {
    loop {
        match receiver.recv_timeout(PATIENCE) {
            Ok(done) => return Ok(done),
            Err(RecvTimeoutError::Disconnected) => return Err(Python::attach(raised::lost)),
            Err(RecvTimeoutError::Timeout) => Python::attach(look_for_signals)?,
        }
    }
}

fn look_for_signals(py: Python<'_>) -> PyResult<()> {
    let signals = py.check_signals();
    if signals.is_err() {
        INTERRUPTED.store(true, Ordering::Relaxed);
    }
    signals
}

fn tell<T>(sender: &Sender<T>, done: T) {
    // Nobody listens any more when the call was interrupted.
    let _ = sender.send(done);
}

fn is_main_thread(py: Python<'_>) -> PyResult<bool> {
    let threading = py.import("threading")?;
    let idents = (threading.call_method0("get_ident")?, threading.call_method0("main_thread")?.getattr("ident")?);
    idents.0.eq(idents.1)
}
