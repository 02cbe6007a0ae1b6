//! Drop JSON into a folder; find HDF5 that pandas opens in another.
//!
//! A tour of the house, in the order in which a file meets its rooms:
//!
//! * [`cli`]: what the operator types; one small file a verb, each a few lines over the rooms below.
//! * [`python`](crate#python): what a Python program calls, with the cargo feature of that name: `convert` and `schema` over the same
//!   engine. The other door, beside `cli`.
//! * [`agent`]: what keeps running. One thread decides; it joins the rooms below with channels.
//! * [`intake`]: which files are ready. Events are hints, the listing is the truth, and a pure state machine settles.
//! * [`jobs`]: one attempt on one file, or on several that become one output, from the queue over the workers to what becomes of the source.
//! * [`ledger`]: what was done, durably: one trait, behind it SQLite for one agent or PostgreSQL for several that share an inbox.
//! * [`convert`]: one source in (or several small ones), one output out: read, parse, frame, write, publish. Knows no agent
//!   and no ledger.
//! * [`telemetry`]: what the operator sees: the log, the status, the metrics, the page, and where they are asked for.
//! * [`source`]: a source file's identity, its name and how to open it safely. A leaf.
//! * [`config`]: what the operator wrote, checked. A leaf.
//!
//! Imports point down this list, and the neighbours `intake` and `jobs`, `ledger` and `convert` do not know each other;
//! a test holds that. `unsafe` is in two places: the one that talks to the HDF5 library, and the one that asks the kernel
//! whether a file has a writer.

// Above everything: the operator's side.
pub mod cli;

#[cfg(feature = "python")]
pub mod python;

pub mod agent;

// What the agent joins.
pub mod intake;

pub mod jobs;

// What a job needs.
pub mod ledger;

pub mod convert;

// What everybody may use.
pub mod telemetry;

pub mod source;

pub mod config;
