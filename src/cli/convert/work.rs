//! The work on each file: so many at a time, in the order in which they were named.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::tasks::Task;
use crate::convert::profile::Profile;

/// Does `work` on every task, so many at a time, in the order given; with a `profile`, the workers take part in it.
pub(super) fn in_parallel(
    workers: usize,
    tasks: &[Task],
    profile: Option<&Profile>,
    work: impl Fn(usize, &Task) + Sync,
) {
    let next = AtomicUsize::new(0);
    let worker = |number: usize| {
        let _recorded = profile.map(|profile| profile.worker(number));
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(task) = tasks.get(number) else { return };
            work(number, task);
        }
    };
    std::thread::scope(|scope| {
        for number in 1..workers.min(tasks.len()) {
            scope.spawn(move || worker(number));
        }
        worker(0);
    });
}
