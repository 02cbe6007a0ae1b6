//! Intake: which files are ready.
//!
//! Events are hints, the scan is the truth. A [`Watcher`] says early where to look, [`scan()`] says now and then
//! everything that is there ([`Schedule`] says when, a [`Lister`] does it in its own thread), both feed [`Settle`], which decides when each path is due for a
//! [`look()`] and, from what the looks see, when the file behind it is complete; where the operator wants it, also from the [`Signs`] beside the file. Nothing here remembers across a
//! restart and nothing here is final: whoever takes a ready file checks its identity again after reading it.

mod filter;
mod handled;
mod hints;
mod lease;
mod lister;
mod look;
mod manifest;
mod manifests;
mod mounts;
mod network;
mod scan;
mod schedule;
mod settle;
mod signs;
mod watch;

pub use filter::{NameFilter, Refusal};
pub use handled::Known;
pub use hints::Hint;
pub use lease::{Writer, ignore_lease_signal, writer_present};
pub use lister::{Entry, Listed, Lister, Remembered};
pub use look::{Look, look};
pub use manifest::Sum;
pub use manifests::Manifests;
pub use network::network_kind;
pub use scan::{Found, ScanError, ScanSummary, scan};
pub use schedule::Schedule;
pub use settle::{Kind, Rules, Settle, Verdict};
pub use signs::{Consent, Lack, Signs};
pub use watch::{WatchError, Watcher};
