//! How long a conversion may take.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::defect::Defect;
use super::options::Options;

/// The end of the time that one conversion may take, however often it reads its source.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    begun: Instant,
    secs: u64,
    interrupted: Option<&'static AtomicBool>,
}

impl Deadline {
    /// `secs` seconds from now on.
    pub(crate) fn in_secs(secs: u64) -> Self {
        Self { begun: Instant::now(), secs, interrupted: None }
    }

    /// What `options` allow, from now on.
    pub(crate) fn of(options: &Options) -> Self {
        Self { interrupted: options.interrupted, ..Self::in_secs(options.convert_secs) }
    }

    /// Refuses the source if its time is over, or if the conversion was interrupted.
    pub(crate) fn check(&self) -> Result<(), Defect> {
        if self.interrupted.is_some_and(|flag| flag.load(Ordering::Relaxed)) {
            return Err(Defect::interrupted());
        }
        let over = self.begun.elapsed() > Duration::from_secs(self.secs);
        if over { Err(Defect::too_slow(self.secs)) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_that_is_over_refuses_with_the_key_to_raise() {
        let begun = Instant::now().checked_sub(Duration::from_secs(7)).unwrap();
        let deadline = Deadline { begun, secs: 6, interrupted: None };
        assert!(deadline.check().unwrap_err().to_string().contains("`limits.convert_secs`"));
        assert!(Deadline { secs: 3600, ..deadline }.check().is_ok());
    }

    #[test]
    fn what_is_interrupted_ends_at_the_next_look() {
        static FLAG: AtomicBool = AtomicBool::new(false);
        let deadline = Deadline { interrupted: Some(&FLAG), ..Deadline::in_secs(3600) };
        assert!(deadline.check().is_ok());
        FLAG.store(true, Ordering::Relaxed);
        assert_eq!(deadline.check().unwrap_err().code, "interrupted");
    }
}
