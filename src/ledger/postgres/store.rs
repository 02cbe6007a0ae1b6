//! What an agent does while the database is away, and that it is no more once it was declared dead.
//!
//! Steps of workers wait until the database answers: what they record is decided, and nothing but the record is missing. All
//! other calls fail fast, and whoever calls asks again.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use super::address::Address;
use super::fault::Fault;
use super::held::Held;
use super::line::Line;
use super::pool::Pool;
use super::schema;
use crate::ledger::LedgerError;

/// How long a step waits before it is tried again: longer and longer, between these.
const SHORT: Duration = Duration::from_millis(100);
const LONG: Duration = Duration::from_secs(2);

/// Who this is among the agents.
#[derive(Clone, Debug)]
pub(super) struct Me {
    pub(super) name: String,
    /// Which of the agents that there ever were.
    pub(super) instance: i64,
}

/// The database, as one agent, or one person, uses it.
pub(super) struct Store {
    pub(super) address: Address,
    /// None: a person beside the agents.
    pub(super) me: Option<Me>,
    pub(super) host: String,
    pub(super) held: Held,
    /// Something was claimed, perhaps, and the answer did not arrive.
    pub(super) in_doubt: AtomicBool,
    dead: AtomicBool,
    away: Mutex<Option<String>>,
    given_up: Mutex<bool>,
    end_of_patience: Condvar,
    durable: Pool,
    lazy: Pool,
}

impl Store {
    /// For `me`, whose sessions are called `called`.
    pub(super) fn new(address: Address, me: Option<Me>, host: &str, called: &str) -> Self {
        let slot = me.as_ref().map_or("beside", |me| me.name.as_str());
        let pool = |kind: &str, settings: &str| {
            Pool::new(format!("{}{settings}", schema::settings(&address.schema, called)), format!("{slot}/{kind}"))
        };
        let (durable, lazy) = (pool("durable", schema::DURABLE), pool("lazy", schema::LAZY));
        Self {
            address,
            me,
            host: host.to_owned(),
            held: Held::default(),
            in_doubt: AtomicBool::new(false),
            dead: AtomicBool::new(false),
            away: Mutex::default(),
            given_up: Mutex::default(),
            end_of_patience: Condvar::new(),
            durable,
            lazy,
        }
    }

    /// Which of the agents this is; a number that none has if it is none.
    pub(super) fn instance(&self) -> i64 {
        self.me.as_ref().map_or(-1, |me| me.instance)
    }

    /// Asks, or fails fast.
    pub(super) fn ask<T>(&self, work: &dyn Fn(&mut Line, bool) -> Result<T, Fault>) -> Result<T, LedgerError> {
        self.once(&self.lazy, work)
    }

    /// Asks for something that survives a power cut, or fails fast.
    pub(super) fn ask_durably<T>(&self, work: &dyn Fn(&mut Line, bool) -> Result<T, Fault>) -> Result<T, LedgerError> {
        self.once(&self.durable, work)
    }

    /// A worker's step; losing it only repeats work.
    pub(super) fn lazily<T>(&self, work: &dyn Fn(&mut Line, bool) -> Result<T, Fault>) -> Result<T, LedgerError> {
        self.until_it_answers(&self.lazy, work)
    }

    /// A worker's step that survives a power cut.
    pub(super) fn durably<T>(&self, work: &dyn Fn(&mut Line, bool) -> Result<T, Fault>) -> Result<T, LedgerError> {
        self.until_it_answers(&self.durable, work)
    }

    fn once<T>(&self, pool: &Pool, work: &dyn Fn(&mut Line, bool) -> Result<T, Fault>) -> Result<T, LedgerError> {
        self.is_alive()?;
        let outcome = pool.with(&self.address, work);
        self.note(outcome.as_ref().err());
        outcome.map_err(|fault| fault.at(&self.address.shown))
    }

    fn until_it_answers<T>(
        &self,
        pool: &Pool,
        work: &dyn Fn(&mut Line, bool) -> Result<T, Fault>,
    ) -> Result<T, LedgerError> {
        let (mut again, mut wait) = (false, SHORT);
        loop {
            self.is_alive()?;
            let outcome = pool.with(&self.address, &|line, retried| work(line, again || retried));
            self.note(outcome.as_ref().err());
            match outcome {
                Err(fault) if fault.passes() && self.waits(wait) => (again, wait) = (true, (2 * wait).min(LONG)),
                outcome => return outcome.map_err(|fault| fault.at(&self.address.shown)),
            }
        }
    }

    /// Waits so long; false at once if nobody is to wait.
    fn waits(&self, wait: Duration) -> bool {
        let given_up = self.given_up.lock().unwrap_or_else(PoisonError::into_inner);
        if self.me.is_none() || *given_up {
            return false;
        }
        let (given_up, _) = self.end_of_patience.wait_timeout(given_up, wait).unwrap_or_else(PoisonError::into_inner);
        !*given_up
    }

    /// Steps wait no more.
    pub(super) fn give_up(&self) {
        *self.given_up.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.end_of_patience.notify_all();
    }

    /// What a call came to tells whether the database is there.
    pub(super) fn note(&self, fault: Option<&Fault>) {
        let away = match fault {
            Some(fault) if fault.passes() && !fault.is_collision() => Some(format!("{}: {fault}", self.address.shown)),
            // Another error is an answer, too.
            _ => None,
        };
        *self.away.lock().unwrap_or_else(PoisonError::into_inner) = away;
    }

    /// Why the database does not answer.
    pub(super) fn away(&self) -> Option<String> {
        self.away.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Others have taken this agent for dead, and what it had.
    pub(super) fn declare_dead(&self) {
        self.dead.store(true, Ordering::Relaxed);
    }

    /// An error if it is not.
    pub(super) fn is_alive(&self) -> Result<(), LedgerError> {
        if self.dead.load(Ordering::Relaxed) { Err(LedgerError::Expelled) } else { Ok(()) }
    }
}
