//! One thread for each agent: it keeps the lease, reaps the dead, leads if no other does, and hears what the others tell.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};

use super::fault::Fault;
use super::lease;
use super::line::Line;
use super::schema;
use super::store::{Me, Store};

/// Whoever listens is spoken to at least this often: a notification may have been lost with its connection.
const WAKE: Duration = Duration::from_secs(3);

/// How long one wait for a notification is: after it, the thread looks whether it has to stop.
const SLICE: Duration = Duration::from_millis(100);

/// How often the lead is asked for, and a lost connection is made anew.
const ASK: Duration = Duration::from_secs(1);

/// The handle of the thread. Dropping it ends the agent in order.
pub(super) struct Keeper {
    desk: Arc<Desk>,
    pub(super) woken: Receiver<()>,
    thread: Option<JoinHandle<()>>,
}

/// What the thread and the others both know.
struct Desk {
    store: Arc<Store>,
    me: Me,
    lease: Duration,
    stop: AtomicBool,
    leads: AtomicBool,
    about: Mutex<Option<String>>,
    wake: Sender<()>,
}

impl Keeper {
    /// Keeps what was registered on `line`.
    pub(super) fn start(store: Arc<Store>, me: Me, lease: Duration, line: Line) -> Result<Self, Fault> {
        let (wake, woken) = bounded(1);
        let (stop, leads) = (AtomicBool::new(false), AtomicBool::new(false));
        let desk = Arc::new(Desk { store, me, lease, stop, leads, about: Mutex::default(), wake });
        let round = Round::of(Arc::clone(&desk), line);
        let thread = thread::Builder::new().name("lease".to_owned()).spawn(move || round.serve())?;
        Ok(Self { desk, woken, thread: Some(thread) })
    }

    /// Whether this agent leads, as far as it knows.
    pub(super) fn leads(&self) -> bool {
        self.desk.leads.load(Ordering::Relaxed)
    }

    /// What the next sign of life tells.
    pub(super) fn tell(&self, about: String) {
        // What is no JSON would cost the sign of life.
        if serde_json::from_str::<serde::de::IgnoredAny>(&about).is_ok() && !about.contains('\0') {
            *self.desk.about.lock().unwrap_or_else(PoisonError::into_inner) = Some(about);
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.desk.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The thread's own.
struct Round {
    desk: Arc<Desk>,
    line: Option<Line>,
    /// Whether this connection has the agent's name, so that no other agent takes it.
    has_name: bool,
    /// When this agent was heard of last, as far as it knows.
    renewed: Instant,
    renew_at: Instant,
    reap_at: Instant,
    lead_at: Instant,
    wake_at: Instant,
    connect_at: Instant,
}

impl Round {
    fn of(desk: Arc<Desk>, line: Line) -> Self {
        let now = Instant::now();
        let (renew_at, lead_at, wake_at, connect_at) = (now, now, now, now);
        let reap_at = now + desk.lease / 2;
        let mut round = Self {
            desk,
            line: Some(line),
            has_name: true,
            renewed: now,
            renew_at,
            reap_at,
            lead_at,
            wake_at,
            connect_at,
        };
        round.outcome(Self::settle);
        round
    }

    fn serve(mut self) {
        while !self.desk.stop.load(Ordering::Relaxed) && self.desk.store.is_alive().is_ok() {
            if self.line.is_none() && !self.connect() {
                thread::sleep(SLICE);
            }
            self.outcome(Self::turn);
            if Instant::now() >= self.wake_at {
                self.wake();
            }
        }
        self.leave();
    }

    /// Runs `work` on the connection; if that was lost, so was the lead. What the server refused this time is asked again.
    fn outcome(&mut self, work: fn(&mut Self, &mut Line) -> Result<(), Fault>) {
        let Some(mut line) = self.line.take() else { return };
        match work(self, &mut line) {
            Ok(()) => self.line = Some(line),
            Err(fault) if !fault.is_of_the_line() => {
                log::debug!(event = "ledger.keeper", error:% = fault; "The database refused what keeps the lease; it is asked again.");
                self.line = Some(line);
                thread::sleep(ASK);
            }
            Err(fault) => {
                self.desk.store.note(Some(&fault));
                self.set_lead(false);
                self.connect_at = Instant::now() + ASK;
            }
        }
    }

    /// What the connection is for, once it is there.
    fn settle(&mut self, line: &mut Line) -> Result<(), Fault> {
        let schema = &self.desk.store.address.schema;
        line.batch(&format!("SET application_name = '{}'", lease::keeper_called(schema, self.desk.me.instance)))?;
        line.batch(&format!("LISTEN {}", channel(schema)))?;
        let patience = self.patience();
        line.be_patient(patience);
        // What another has locked must not cost the sign of life.
        let (half, most) = (patience.as_millis() / 2, patience.as_millis() * 4 / 5);
        line.batch(&format!("SET lock_timeout = {half}; SET statement_timeout = {most}"))?;
        self.lead(line)
    }

    fn patience(&self) -> Duration {
        (self.desk.lease / 3).clamp(Duration::from_secs(1), Duration::from_secs(5))
    }

    /// Once more, after the connection was lost.
    fn connect(&mut self) -> bool {
        if Instant::now() < self.connect_at {
            return false;
        }
        let store = &self.desk.store;
        let (schema, instance) = (&store.address.schema, self.desk.me.instance);
        let settings = format!("{}{}", schema::settings(schema, "h5inbox"), schema::LAZY);
        let patience = self.patience();
        let again = || -> Result<Line, Fault> {
            let mut line = Line::connect(&store.address, &settings, patience)?;
            // The session that was lost here may linger there, with the name.
            lease::close_keepers(&mut line, schema, instance)?;
            Ok(line)
        };
        match again() {
            Ok(line) => {
                store.note(None);
                (self.line, self.has_name) = (Some(line), false);
                (self.renew_at, self.lead_at) = (Instant::now(), Instant::now());
                self.outcome(Self::settle);
                self.wake();
            }
            Err(fault) => {
                store.note(Some(&fault));
                self.connect_at = Instant::now() + ASK;
            }
        }
        self.line.is_some()
    }

    /// What is due now; then a short wait for what others tell.
    fn turn(&mut self, line: &mut Line) -> Result<(), Fault> {
        let now = Instant::now();
        if now >= self.renew_at {
            self.renew(line)?;
            self.renew_at = now + self.desk.lease / 3;
        }
        if now >= self.reap_at {
            self.reap_at = now + self.desk.lease / 2;
            if lease::reap_expired(line, &self.desk.store.address.schema)? > 0 {
                self.wake();
            }
        }
        if now >= self.lead_at {
            // If another agent has it by now, this one has ended, and learns of that when it renews.
            self.has_name =
                self.has_name || lease::take_name(line, &self.desk.store.address.schema, &self.desk.me.name)?;
            self.lead(line)?;
            self.lead_at = now + ASK;
        }
        if line.listen(SLICE)? {
            self.wake();
        }
        Ok(())
    }

    fn renew(&mut self, line: &mut Line) -> Result<(), Fault> {
        let about = self.desk.about.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let leads = self.desk.leads.load(Ordering::Relaxed);
        if self.renewed.elapsed() > self.desk.lease * 2 / 3 {
            // Perhaps the database was away for all, or stood still: then the others come to say that they live, too.
            self.reap_at = self.reap_at.max(Instant::now() + self.desk.lease / 2);
        }
        self.renewed = Instant::now();
        if !lease::renew(line, &self.desk.me, self.desk.lease, leads, about.as_deref())? {
            self.desk.store.declare_dead();
            self.set_lead(false);
            self.wake();
        }
        Ok(())
    }

    fn lead(&mut self, line: &mut Line) -> Result<(), Fault> {
        let store = &self.desk.store;
        if !self.desk.leads.load(Ordering::Relaxed)
            && store.is_alive().is_ok()
            && lease::take_lead(line, &store.address.schema)?
        {
            lease::others_follow(line, &self.desk.me)?;
            self.set_lead(true);
            self.renew_at = Instant::now();
        }
        Ok(())
    }

    fn set_lead(&mut self, leads: bool) {
        if self.desk.leads.swap(leads, Ordering::Relaxed) != leads {
            self.wake();
        }
    }

    fn wake(&mut self) {
        // One that was not heard yet is enough.
        let _ = self.desk.wake.try_send(());
        self.wake_at = Instant::now() + WAKE;
    }

    /// The agent ends: what it has is anybody's at once, and so is its name.
    fn leave(mut self) {
        let (schema, instance) = (&self.desk.store.address.schema, self.desk.me.instance);
        if let Some(mut line) = self.line.take()
            && lease::reap(&mut line, schema, instance).is_ok()
        {
            let _ = line.batch(&format!("NOTIFY {}", channel(schema)));
        }
    }
}

/// What agents of this ledger listen to.
pub(super) fn channel(schema: &str) -> String {
    format!("h5inbox_{schema}")
}
