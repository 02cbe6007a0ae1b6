//! What systemd is told: ready, stopping, and that the agent still decides things.

use std::time::{Duration, Instant};

use sd_notify::NotifyState;

use crate::telemetry::logging;

/// Talks to the service manager; silent without one.
#[derive(Debug)]
pub(super) struct Supervisor {
    watchdog: Option<Duration>,
    last: Instant,
}

impl Supervisor {
    /// Learns from the environment whether a watchdog waits for us.
    pub(super) fn new() -> Self {
        let watchdog = sd_notify::watchdog_enabled().map(|timeout| timeout / 3);
        Self { watchdog, last: Instant::now() }
    }

    /// The agent works.
    pub(super) fn ready(status: &str) {
        notify(&[NotifyState::Ready, NotifyState::Status(status)]);
    }

    /// An agent that was ready builds its parts anew, and tells the watchdog nothing meanwhile; that may take so long.
    pub(super) fn rebuilding(patience: Duration) {
        notify(&[NotifyState::Watchdog, more_time(patience)]);
    }

    /// How things stand, for `systemctl status`.
    pub(super) fn says(status: &str) {
        notify(&[NotifyState::Status(status)]);
    }

    /// The configuration is read again; [`Supervisor::ready`] ends it.
    pub(super) fn reloading() {
        // Without the time, which there always is, newer service managers take it for a failure.
        if let Ok(now) = NotifyState::monotonic_usec_now() {
            notify(&[NotifyState::Reloading, now, NotifyState::Status("reading the configuration again")]);
        }
    }

    /// What is in hand is finished, to stop or to go on with a new configuration; that may take so long.
    pub(super) fn finishing(patience: Duration, to_stop: bool) {
        let more = more_time(patience);
        if to_stop {
            notify(&[NotifyState::Stopping, more]);
        } else {
            notify(&[more, NotifyState::Status("finishing what is in hand, to go on with a new configuration")]);
        }
    }

    /// Called from the loop that decides; tells the watchdog, and of what was not logged, when it is time.
    pub(super) fn alive(&mut self) {
        logging::tell_repeats();
        if let Some(interval) = self.watchdog.filter(|interval| self.last.elapsed() >= *interval) {
            self.last = Instant::now();
            log::trace!("Watchdog told, every {interval:?}.");
            notify(&[NotifyState::Watchdog]);
        }
    }

    /// How long the loop may sleep at most.
    pub(super) fn longest_sleep(&self) -> Duration {
        self.watchdog.unwrap_or(Duration::from_secs(3600))
    }
}

fn more_time(patience: Duration) -> NotifyState<'static> {
    NotifyState::ExtendTimeoutUsec(u32::try_from(patience.as_micros()).unwrap_or(u32::MAX))
}

fn notify(states: &[NotifyState<'_>]) {
    // Without a service manager there is nobody to tell.
    let _ = sd_notify::notify(states);
}
