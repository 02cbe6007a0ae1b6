//! What becomes of a configuration that was read again: it is refused, or what is in hand is finished, and everything is
//! built anew by it. The process, its number and what it holds stay; what is counted and answered does, too.

use std::sync::Arc;

use super::dispatcher::Dispatcher;
use super::holds::Holds;
use super::parts::Parts;
use super::pausing::WATCHING;
use super::signals::Reread;
use super::supervisor::Supervisor;
use crate::config::Config;
use crate::telemetry::logging;

/// What takes a restart: whatever says which ledger this is and what the agent is called there, and the socket that it is asked on.
fn takes_a_restart(key: &str) -> bool {
    (key.starts_with("ledger.") && key != "ledger.keep_days") || key == "status.socket"
}

/// A new configuration.
pub(super) struct New {
    pub(super) config: Arc<Config>,
    /// The keys that are not what they were.
    pub(super) changed: String,
    /// Whether it concerns more than the log.
    concerns_parts: bool,
}

/// What the parts that are built next begin with.
pub(super) struct Next {
    pub(super) holds: Holds,
    pub(super) changed: String,
}

impl Dispatcher {
    /// The configuration was `read` again. If it is good, and concerns the parts, they end.
    pub(super) fn reload(&mut self, read: Reread, parts: &Parts) {
        if self.stopping && self.next.is_none() {
            return;
        }
        let taken = accept(&self.config, read).and_then(|new| self.take_over(new, parts));
        if let Err(problems) = &taken {
            refuse(problems);
        }
        if self.next.is_none() {
            let state = self.live.paused().map_or_else(|| WATCHING.to_owned(), |why| format!("paused: {why}"));
            let prefix = if taken.is_err() { "the new configuration is refused, see the log; " } else { "" };
            Supervisor::ready(&format!("{prefix}{state}"));
        }
    }

    fn take_over(&mut self, new: New, parts: &Parts) -> Result<(), Vec<String>> {
        if new.concerns_parts {
            // Taken before anything ends: what cannot be had is refused like what is wrong.
            let next = self.next.as_ref().map(|next| &next.holds);
            let held: Vec<&Holds> = next.into_iter().chain([&parts.holds]).collect();
            let holds = Holds::renewed(&held, &new.config).map_err(|error| vec![error.to_string()])?;
            self.next = Some(Next { holds, changed: new.changed.clone() });
            self.stopping = true;
        }
        new.begin_log();
        self.config = new.config;
        Ok(())
    }
}

impl New {
    /// Logs by it from now on.
    pub(super) fn begin_log(&self) {
        logging::apply(&self.config.log);
        if self.concerns_parts {
            log::info!(event = "agent.reloading", changed = self.changed;
                "The new configuration is good; it is taken over when what is in hand is finished.");
        } else {
            tell_reloaded(&self.changed);
        }
    }
}

/// The configuration that was `read`, if it is good, and can be had without a restart.
pub(super) fn accept(now: &Config, read: Reread) -> Result<New, Vec<String>> {
    let config = read?;
    let keys = now.differences(&config);
    let fixed: Vec<String> = keys.iter().filter(|key| takes_a_restart(key)).map(takes_restart).collect();
    if !fixed.is_empty() {
        return Err(fixed);
    }
    let changed = if keys.is_empty() { "nothing".to_owned() } else { keys.join(", ") };
    let concerns_parts = !keys.iter().all(|key| key.starts_with("log."));
    Ok(New { config: Arc::new(*config), changed, concerns_parts })
}

fn takes_restart(key: &String) -> String {
    format!("`{key}` cannot change while the agent runs; restart it, which is safe at any moment, or set it back")
}

/// Says why the configuration stays as it was.
pub(super) fn refuse(problems: &[String]) {
    for problem in problems {
        log::error!(event = "agent.reload_refused", error = problem;
            "The new configuration is not taken over; the agent goes on with the one before.");
    }
}

/// The new configuration is in effect.
pub(super) fn tell_reloaded(changed: &str) {
    log::info!(event = "agent.reloaded", changed = changed; "The configuration is in effect.");
}
