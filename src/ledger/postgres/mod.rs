//! The ledger of several hosts: a database of PostgreSQL that their agents share.
//!
//! Every statement that changes a job names who changes it and by which claim; a job that is another's by now is not found, and
//! nothing changes. Claims, steps and reaping are single transactions of the database, and time is what its clock says. What is
//! durable has been flushed by the server when its answer arrives.
//!
//! * `address`, `line`, `pool`, `store`: where it is, one connection, a few of them, and what is done while it is away
//! * `schema`, `fault`, `rows`: migrations; errors; between rows and the ledger's types
//! * `lease`, `keeper`: who is alive, and the thread that says so
//! * `held`, `claim`: whose a job is
//! * `step`, `steps`, `arrival`: what happens to jobs
//! * `queries`, `retention`, `restore`: what is asked, forgotten, found again
//! * `copy`: a ledger of one host moves here

mod address;
mod arrival;
mod claim;
mod copy;
mod fault;
mod held;
mod keeper;
mod lease;
mod line;
mod pool;
mod queries;
mod restore;
mod retention;
mod rows;
mod schema;
mod step;
mod steps;
mod store;
#[cfg(test)]
mod tests;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::Receiver;
use jiff::Timestamp;

use super::{
    Admission, Adopted, Agent, Archived, Arrival, Disposal, Disposition, Each, Failure, Finished, HistoryFilter, Job,
    JobId, Ledger, LedgerError, Publication, Published, Record, Restored, Shared, State, Totals,
};
use crate::config::{self, Order};
use crate::source::Identity;
use address::Address;
pub use copy::{Copied, copy};
use keeper::Keeper;
use lease::Applicant;
use line::{Line, PATIENCE};
use schema::{MIGRATIONS, Migration, Place};
use store::Store;

/// A ledger in a database that agents on several hosts share.
///
/// The fields are dropped in this order: the agent ends before its connections do.
pub struct PostgresLedger {
    /// None: a person beside the agents.
    keeper: Option<Keeper>,
    store: Arc<Store>,
}

impl PostgresLedger {
    /// Registers an agent: makes the schema, or brings it up to date, and takes the agent's name.
    pub fn open(config: &config::Ledger) -> Result<Self, LedgerError> {
        Self::open_with(config, MIGRATIONS)
    }

    /// Opens the ledger beside the agents that may be at work.
    pub fn open_shared(config: &config::Ledger) -> Result<Self, LedgerError> {
        let address = Address::new(config)?;
        let (mut line, place) = (connect(&address)?, place(&address));
        schema::beside(&mut line, &place, MIGRATIONS).map_err(|fault| fault.at(&address.shown))?;
        let store = Store::new(address, None, &host(), "h5inbox");
        Ok(Self { keeper: None, store: Arc::new(store) })
    }

    fn open_with(config: &config::Ledger, migrations: &[Migration]) -> Result<Self, LedgerError> {
        let (address, host) = (Address::new(config)?, host());
        let name = if config.agent.is_empty() { plain(&host) } else { config.agent.clone() };
        let lease = Duration::from_secs(config.lease_secs);
        let mut line = connect(&address)?;
        let registered = || {
            let place = place(&address);
            schema::migrate(&mut line, &place, migrations)?;
            lease::register(&mut line, &place, &Applicant { name: &name, host: &host, lease })
        };
        let me = { registered }().map_err(|fault| fault.at(&address.shown))?;
        let called = lease::called(&address.schema, me.instance);
        let store = Arc::new(Store::new(address, Some(me.clone()), &host, &called));
        let keeper = Keeper::start(Arc::clone(&store), me, lease, line);
        let keeper = keeper.map_err(|fault| fault.at(&store.address.shown))?;
        Ok(Self { keeper: Some(keeper), store })
    }
}

fn connect(address: &Address) -> Result<Line, LedgerError> {
    let settings = format!("{}{}", schema::settings(&address.schema, "h5inbox"), schema::LAZY);
    Line::connect(address, &settings, PATIENCE).map_err(|fault| fault.at(&address.shown))
}

fn place(address: &Address) -> Place<'_> {
    Place { shown: &address.shown, schema: &address.schema, user: address.user() }
}

fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// A host's name as an agent's: in letters that need no quotes.
fn plain(host: &str) -> String {
    host.chars().map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' }).take(100).collect()
}

impl Ledger for PostgresLedger {
    fn id(&self) -> Result<String, LedgerError> {
        steps::id(&self.store)
    }

    fn shared(&self) -> Option<&dyn Shared> {
        Some(self)
    }

    fn restore(&self, jobs: &[Restored]) -> Result<u64, LedgerError> {
        restore::restore(&self.store, jobs)
    }

    fn arrive(&self, arrivals: &[Arrival]) -> Result<Vec<Admission>, LedgerError> {
        arrival::arrive(&self.store, arrivals)
    }

    fn begin_all(&self, ids: &[JobId]) -> Each<u32> {
        steps::begin(&self.store, ids)
    }

    fn publishing_all(&self, outputs: &[(JobId, Publication)]) -> Each {
        steps::publishing(&self.store, outputs, false)
    }

    fn publishing_together(&self, outputs: &[(JobId, Publication)]) -> Result<(), LedgerError> {
        steps::publishing(&self.store, outputs, true)?.into_iter().collect()
    }

    fn sharing(&self, temporary: &Path) -> Result<Vec<Job>, LedgerError> {
        queries::sharing(&self.store, temporary)
    }

    fn rename_publication(&self, id: JobId, output: &Path) -> Result<(), LedgerError> {
        steps::rename_publication(&self.store, id, output)
    }

    fn done_all(&self, outputs: &[Published]) -> Each {
        steps::done(&self.store, outputs)
    }

    fn disposed_all(&self, disposals: &[Disposal]) -> Each {
        steps::disposed(&self.store, disposals)
    }

    fn duplicate(
        &self,
        id: JobId,
        hash: [u8; 32],
        of: Option<JobId>,
        disposition: Disposition,
    ) -> Result<(), LedgerError> {
        steps::duplicate(&self.store, id, hash, of, disposition)
    }

    fn failed(&self, id: JobId, failure: &Failure, run_at: Timestamp) -> Result<(), LedgerError> {
        steps::failed(&self.store, id, failure, run_at)
    }

    fn deferred(&self, id: JobId, failure: &Failure, run_at: Timestamp) -> Result<(), LedgerError> {
        steps::deferred(&self.store, id, failure, run_at)
    }

    fn quarantined(&self, id: JobId, failure: &Failure, disposition: Disposition) -> Result<(), LedgerError> {
        steps::the_one(steps::quarantined(&self.store, &[id], failure, disposition, false))
    }

    fn quarantined_together(
        &self,
        ids: &[JobId],
        failure: &Failure,
        disposition: Disposition,
    ) -> Result<(), LedgerError> {
        steps::quarantined(&self.store, ids, failure, disposition, true)?.into_iter().collect()
    }

    fn crashed(&self, id: JobId) -> Result<(u32, State), LedgerError> {
        steps::crashed(&self.store, id)
    }

    fn release(&self, id: JobId) -> Result<(), LedgerError> {
        steps::release(&self.store, id)
    }

    fn apart(&self, ids: &[JobId]) -> Each {
        steps::apart(&self.store, ids)
    }

    fn postponed(&self, id: JobId) -> Result<(), LedgerError> {
        steps::postponed(&self.store, id)
    }

    fn gone(&self, id: JobId) -> Result<(), LedgerError> {
        steps::gone(&self.store, id)
    }

    fn requeue(&self, ids: &[JobId]) -> Result<Vec<Job>, LedgerError> {
        arrival::requeue(&self.store, ids)
    }

    /// None: they are claimed like all that waits.
    fn requeued(&self) -> Result<Vec<Job>, LedgerError> {
        Ok(Vec::new())
    }

    fn try_out(&self) -> Result<(), LedgerError> {
        steps::try_out(&self.store)
    }

    /// Of this agent.
    fn unfinished(&self) -> Result<Vec<Job>, LedgerError> {
        queries::unfinished(&self.store)
    }

    /// None: what waits is claimed.
    fn waiting(&self) -> Result<Vec<Job>, LedgerError> {
        Ok(Vec::new())
    }

    fn handled(&self, each: &mut dyn FnMut(&Path, Identity)) -> Result<(), LedgerError> {
        queries::handled(&self.store, each)
    }

    fn totals(&self) -> Result<Totals, LedgerError> {
        queries::totals(&self.store)
    }

    fn history(
        &self,
        filter: &HistoryFilter,
        each: &mut dyn FnMut(Record) -> ControlFlow<()>,
    ) -> Result<(), LedgerError> {
        queries::history(&self.store, filter, each)
    }

    fn find(&self, path: &Path) -> Result<Option<Record>, LedgerError> {
        queries::find(&self.store, path)
    }

    fn finished_before(
        &self,
        before: Timestamp,
        behind: Option<&Finished>,
        most: usize,
    ) -> Result<Vec<Finished>, LedgerError> {
        retention::finished_before(&self.store, before, behind, most)
    }

    fn forget(&self, ids: &[JobId], before: Timestamp) -> Result<u64, LedgerError> {
        retention::forget(&self.store, ids, before)
    }

    fn archived_before(
        &self,
        before: Timestamp,
        behind: Option<&Archived>,
        most: usize,
    ) -> Result<Vec<Archived>, LedgerError> {
        retention::archived_before(&self.store, before, behind, most)
    }

    fn unarchived(&self, ids: &[JobId]) -> Result<(), LedgerError> {
        retention::unarchived(&self.store, ids)
    }

    fn seen_at(&self, path: &Path, identity: &Identity) -> Result<Option<Timestamp>, LedgerError> {
        retention::seen_at(&self.store, path, identity)
    }

    /// The server's own vacuum does that.
    fn shrink(&self, _: u32) -> Result<u64, LedgerError> {
        Ok(0)
    }
}

impl Shared for PostgresLedger {
    fn name(&self) -> &str {
        self.store.me.as_ref().map_or("", |me| me.name.as_str())
    }

    fn claim(&self, most: usize, bytes: u64, order: Order) -> Result<Vec<Job>, LedgerError> {
        claim::claim(&self.store, most, bytes, order)
    }

    fn adopt(&self, most: usize) -> Result<Vec<Adopted>, LedgerError> {
        claim::adopt(&self.store, most)
    }

    fn let_go(&self, ids: &[JobId]) -> Result<(), LedgerError> {
        claim::let_go(&self.store, ids)
    }

    fn let_go_waiting(&self) -> Result<(), LedgerError> {
        claim::let_go_waiting(&self.store)
    }

    fn leads(&self) -> bool {
        self.keeper.as_ref().is_some_and(Keeper::leads)
    }

    fn released(&self) -> Result<Vec<(PathBuf, Identity)>, LedgerError> {
        claim::released(&self.store)
    }

    fn wakes(&self) -> Receiver<()> {
        self.keeper.as_ref().map_or_else(crossbeam_channel::never, |keeper| keeper.woken.clone())
    }

    fn away(&self) -> Option<String> {
        self.store.away()
    }

    fn give_up(&self) {
        self.store.give_up();
    }

    fn tell(&self, about: String) {
        if let Some(keeper) = &self.keeper {
            keeper.tell(about);
        }
    }

    fn agents(&self) -> Result<Vec<Agent>, LedgerError> {
        self.store.ask(&|line, _| lease::agents(line))
    }

    fn are_over(&self, claims: &[(JobId, u64)]) -> Result<Vec<bool>, LedgerError> {
        claim::are_over(&self.store, claims)
    }
}
