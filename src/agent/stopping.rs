//! How the dispatcher comes to its end: in order, or without its ledger.

use std::time::Duration;

use crossbeam_channel::{RecvTimeoutError, after, select};

use super::AgentError;
use super::dispatcher::Dispatcher;
use super::parts::Parts;
use super::signals::Signals;
use super::supervisor::Supervisor;

/// What is in hand may take so long more, as systemd is told again and again.
const FINISHING: Duration = Duration::from_secs(60);
/// How often it is looked whether what is in hand can be finished.
const FINISH_LOOK: Duration = Duration::from_secs(1);

impl Dispatcher {
    /// Stops in order: no new jobs, those in hand are finished and recorded.
    pub(super) fn finish(&mut self, signals: &Signals, parts: &Parts) -> Result<(), AgentError> {
        if self.next.is_none() {
            self.tell_stopping();
        }
        self.queue.close();
        while self.queue.in_hand() > 0 {
            Supervisor::finishing(FINISHING, self.next.is_none());
            self.give_up_if_away();
            select! {
                recv(parts.reports) -> report => report.ok().map_or(Ok(()), |report| self.report(report))?,
                recv(signals.requests()) -> request => {
                    request.ok().map_or(Ok(()), |request| self.request(request, parts))?;
                }
                recv(after(self.supervisor.longest_sleep().min(FINISH_LOOK))) -> _ => {}
            }
            self.alive(parts);
        }
        self.let_go_waiting();
        Ok(())
    }

    pub(super) fn tell_stopping(&self) {
        Supervisor::finishing(FINISHING, true);
        log::info!(event = "agent.stopping", in_hand = self.queue.in_hand(); "Finishing what is in hand.");
    }

    /// Stops without the ledger: no new jobs, and nothing of ours is at work any more when it returns. How far each job in
    /// hand has come is found out from the ledger later.
    pub(super) fn wind_down(&mut self, parts: &Parts) {
        self.queue.close();
        let patience = self.supervisor.longest_sleep().min(Duration::from_secs(20));
        loop {
            match parts.reports.recv_timeout(patience) {
                Ok(report) => drop(self.report(report)),
                Err(RecvTimeoutError::Timeout) => {}
                // The last worker has ended.
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.alive(parts);
        }
    }
}
