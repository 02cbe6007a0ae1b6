//! What the operator sees: the log, the status, the metrics, the page. Counts and names, knows no job.

pub mod hour;
pub mod http;
pub mod listener;
pub mod logging;
pub mod metrics;
pub mod page;
pub mod status;
