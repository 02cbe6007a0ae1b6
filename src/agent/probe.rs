//! Looks at the outbox now and then, and writes the metrics to a file if the operator wants one. On a thread of its own: a
//! disk that does not answer is to keep nobody waiting who asks how the agent is.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{Access, access, statvfs};

use super::answer::Answer;
use crate::convert::profile::PageFile;
use crate::source::Shown;

/// How often it looks.
const EVERY: Duration = Duration::from_secs(10);
/// After so long without a look the disk does not answer.
const LATE: Duration = Duration::from_secs(60);

/// What was found last.
#[derive(Debug, Default)]
pub(super) struct Probe(Mutex<Option<(Instant, Result<u64, String>)>>);

impl Probe {
    /// Bytes free for outputs, or why there can be none; none before the first look.
    pub(super) fn found(&self) -> Option<Result<u64, String>> {
        let found = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        found.map(|(at, found)| if at.elapsed() > LATE { Err("the disk does not answer".to_owned()) } else { found })
    }

    fn note(&self, found: Result<u64, String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), found));
    }
}

/// Looks until the process ends.
pub(super) fn start(answer: &Arc<Answer>) -> std::io::Result<()> {
    let answer = Arc::clone(answer);
    let look = move || {
        let mut failing = false;
        loop {
            let config = answer.config();
            answer.probe.note(look_at(&config.output.path));
            if let Some(textfile) = config.status.textfile() {
                failing = write(&answer.metrics(), textfile, failing);
            }
            thread::sleep(EVERY);
        }
    };
    thread::Builder::new().name("probe".to_owned()).spawn(look).map(drop)
}

fn look_at(outbox: &Path) -> Result<u64, String> {
    let space = statvfs(outbox).map_err(|error| format!("cannot be looked at: {error}"))?;
    access(outbox, Access::WRITE_OK | Access::EXEC_OK).map_err(|error| format!("cannot be written to: {error}"))?;
    Ok(space.f_bavail.saturating_mul(space.f_frsize))
}

/// Whether it failed; that is told once.
fn write(metrics: &str, textfile: &Path, failing: bool) -> bool {
    match PageFile::create(textfile).and_then(|file| file.publish(metrics)) {
        // Whoever collects it is another user.
        Ok(()) => fs::set_permissions(textfile, Permissions::from_mode(0o644)).is_err(),
        Err(error) => {
            if !failing {
                log::warn!(event = "agent.textfile", path:% = Shown(textfile), error:% = error;
                    "The metrics cannot be written; check the folder of `status.textfile`, or set it to \"\".");
            }
            true
        }
    }
}
