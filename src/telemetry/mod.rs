//! What the operator sees: the log and the status. Counts and names, knows no job.

pub mod listener;
pub mod logging;
pub mod status;
