//! The file of the records that were left out of an output: made in the quarantine's own staging folder, and given its
//! name there with the output. As with outputs, the temporary name is the witness: as long as it exists, the file is not
//! published.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::attempt::Workshop;
use crate::config::OnBadRecord;
use crate::convert::output::OutputError;
use crate::convert::output::publish::{STAGING, lasting_staging, make_folders, rename_to_new, versioned};
use crate::ledger::Job;
use crate::source::output_stem;

/// What the names of these files end in.
const ENDING: &str = ".bad.ndjson";

impl Workshop {
    /// Where an attempt on `job` collects bad records; `None` if they are not left out.
    pub(super) fn collect_bad_records(&self, job: &Job) -> Result<Option<PathBuf>, OutputError> {
        if self.options.records.on_bad_record != OnBadRecord::Skip {
            return Ok(None);
        }
        lasting_staging(&self.quarantine)?;
        Ok(Some(self.temporary_bad_records(job)))
    }

    /// The temporary name: made of the job's number, never of the source's name.
    pub(super) fn temporary_bad_records(&self, job: &Job) -> PathBuf {
        self.quarantine.join(STAGING).join(format!("{}.bad.tmp", job.claim_name()))
    }

    /// Gives the file of bad records its name, which is returned, if there is one that has none yet.
    pub(super) fn publish_bad_records(&self, job: &Job) -> Result<Option<PathBuf>, OutputError> {
        let temporary = self.temporary_bad_records(job);
        if fs::symlink_metadata(&temporary).is_err_and(|e| e.kind() == io::ErrorKind::NotFound) {
            return Ok(None);
        }
        let first = bad_records_of(&self.quarantine, &job.path);
        let folder = first.parent().unwrap_or(&self.quarantine);
        make_folders(folder)?;
        let mut number = 1;
        loop {
            let name = versioned(&first, number);
            match rename_to_new(&temporary, &name) {
                Ok(()) => return Ok(Some(name)),
                Err(OutputError::Exists(_)) => number += 1,
                Err(other) => return Err(other),
            }
        }
    }
}

/// The file for the bad records of `source` (relative to the inbox) in `folder`.
#[must_use]
pub fn bad_records_of(folder: &Path, source: &Path) -> PathBuf {
    let mut name = OsString::from(output_stem(source.file_name().unwrap_or_default()));
    name.push(ENDING);
    folder.join(source.with_file_name(name))
}

/// The file for the bad records of the source of `output`, beside it.
#[must_use]
pub fn bad_records_beside(output: &Path) -> PathBuf {
    output.with_extension(&ENDING[1..])
}

/// Returns true if and only if `path` is named as a file of bad records.
#[must_use]
pub fn holds_bad_records(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().ends_with(ENDING.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_records_are_named_after_their_source() {
        let name = bad_records_of(Path::new("/q"), Path::new("a/b.c.json.gz"));
        assert_eq!(name, Path::new("/q/a/b.c.bad.ndjson"));
        assert_eq!(bad_records_beside(Path::new("/q/a/b.c.h5")), name);
        assert_eq!(versioned(&name, 2), Path::new("/q/a/b.c.bad~2.ndjson"));
        assert!(holds_bad_records(&name) && !holds_bad_records(Path::new("/q/a.ndjson")));
    }
}
