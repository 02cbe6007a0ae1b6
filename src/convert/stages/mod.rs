//! The stages of a conversion one by one, each on a text made for it: what `benches/stages.rs` measures.
//!
//! Compiled only for the tests, which run every stage once, and with the feature `bench`. Each stage is what a conversion
//! calls; where a part of a stage is measured by itself, [`alone`](super::parse::alone) opens it. What counts is the time
//! of the processor. Nothing is read from or written to a disk but the small outputs.

mod columns;
mod input;
mod parsers;
#[cfg(test)]
mod tests;
mod texts;

use std::hint::black_box;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// One stage, ready to be run as often as somebody wants.
pub struct Stage {
    name: &'static str,
    bytes: usize,
    run: Box<dyn FnMut() -> Duration>,
}

impl Stage {
    /// A stage that works on so many bytes of text (or of what becomes of it). `ready` makes what one run needs, `work`
    /// is what counts; its result is dropped outside the measurement.
    fn new<R: 'static, T: 'static>(
        name: &'static str,
        bytes: usize,
        mut ready: impl FnMut() -> R + 'static,
        work: fn(R) -> T,
    ) -> Self {
        let run = move || {
            let input = ready();
            let begun = processor_time();
            let output = black_box(work(black_box(input)));
            let took = processor_time().saturating_sub(begun);
            drop(output);
            took
        };
        Self { name, bytes, run: Box::new(run) }
    }

    /// What it is called.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// How many bytes of text one run goes through.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes as u64
    }

    /// Runs it so many times and tells what time of the processor that took.
    pub fn time(&mut self, times: u64) -> Duration {
        (0..times).map(|_| (self.run)()).sum()
    }
}

/// What this thread has had of the processor, its system calls included: what other programs take makes no difference.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.cast_unsigned(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// All stages in the order in which a file meets them, on texts of about so many bytes.
#[must_use]
pub fn all(bytes: usize) -> Vec<Stage> {
    let mut stages = input::stages(bytes);
    stages.extend(parsers::stages(bytes));
    stages.extend(columns::stages(bytes));
    stages
}
