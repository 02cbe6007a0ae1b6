//! How long a conversion may take.

use std::time::{Duration, Instant};

use super::defect::Defect;

/// The end of the time that one conversion may take, however often it reads its source.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    begun: Instant,
    secs: u64,
}

impl Deadline {
    /// `secs` seconds from now on.
    pub(crate) fn in_secs(secs: u64) -> Self {
        Self { begun: Instant::now(), secs }
    }

    /// Refuses the source if its time is over.
    pub(crate) fn check(&self) -> Result<(), Defect> {
        let over = self.begun.elapsed() > Duration::from_secs(self.secs);
        if over { Err(Defect::too_slow(self.secs)) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_that_is_over_refuses_with_the_key_to_raise() {
        let deadline = Deadline { begun: Instant::now().checked_sub(Duration::from_secs(7)).unwrap(), secs: 6 };
        assert!(deadline.check().unwrap_err().to_string().contains("`limits.convert_secs`"));
        assert!(Deadline { secs: 3600, ..deadline }.check().is_ok());
    }
}
