//! The mark of an outbox: which ledger knows what is in it.
//!
//! A ledger that was removed, or exchanged by another, would look like one that has never done anything, and every source
//! that is still in the inbox would be converted again. So the outbox says which ledger it belongs to.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use crate::convert::output::publish::{STAGING, staging, sync_folder};

/// In the staging folder of the outbox. No job's number.
pub(super) const NAME: &str = "ledger";

/// The ledger whose outbox this is, if it says so.
#[must_use]
pub fn read(outbox: &Path) -> Option<String> {
    fs::read_to_string(outbox.join(STAGING).join(NAME)).ok().map(|mark| mark.trim().to_owned())
}

/// Makes `outbox` that of `ledger`, on disk.
pub fn write(outbox: &Path, ledger: &str) -> io::Result<()> {
    let folder = staging(outbox).map_err(io::Error::other)?;
    let unfinished = folder.join(format!("{NAME}.tmp"));
    let mut file = File::create(&unfinished)?;
    writeln!(file, "{ledger}")?;
    file.sync_all()?;
    fs::rename(&unfinished, folder.join(NAME))?;
    sync_folder(&folder).map_err(io::Error::other)
}
