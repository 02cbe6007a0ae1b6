//! A process that was forked while another of its threads converted: the locks that this thread held stay taken in the
//! child for ever, because the thread is not there to give them back. Such a child is refused before it would hang. A
//! fork at any other time does no harm: no thread of ours outlives the call that it works for.

use std::sync::atomic::{AtomicU64, Ordering};

/// The process, and how many calls are at work in it, as one number, so that both are always of the same moment.
static AT_WORK: AtomicU64 = AtomicU64::new(0);

const CALLS: u64 = 1 << 32;

/// A call at work, until dropped.
pub(super) struct AtWork(());

impl AtWork {
    /// Another call in this process; none if the process was forked in the middle of one.
    pub(super) fn begin() -> Option<Self> {
        let here = u64::from(std::process::id()) * CALLS;
        let next = |found: u64| match found % CALLS {
            calls if found - calls == here => Some(found + 1),
            0 => Some(here + 1),
            _ => None,
        };
        AT_WORK.fetch_update(Ordering::SeqCst, Ordering::SeqCst, next).ok().map(|_| Self(()))
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        AT_WORK.fetch_sub(1, Ordering::SeqCst);
    }
}
