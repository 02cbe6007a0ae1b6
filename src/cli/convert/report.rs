//! `--profile`: the page of what the run cost, and the word for its bottleneck.

use std::path::{Path, PathBuf};

use crate::cli::{ExitCode, output};
use crate::convert::output::OutputError;
use crate::convert::profile::{PageFile, Report};

/// The page's name. The ending keeps a pattern behind `--profile` from replacing the first file that it matches.
pub(super) fn name(path: PathBuf) -> Result<PathBuf, String> {
    let fits = path.extension().is_some_and(|ending| ending == "html");
    fits.then_some(path).ok_or_else(|| "the name of the page to write ends in .html".to_owned())
}

/// Whether the page can be written is known before any file is converted.
pub(super) fn try_out(path: &Path) -> Result<(), ExitCode> {
    PageFile::create(path).map(drop).map_err(|error| failed(&error))
}

/// Writes the page, and says here, too, what the bottleneck was.
pub(super) fn tell(path: &Path, report: &Report) -> Result<(), ExitCode> {
    PageFile::create(path).and_then(|page| page.publish(&report.page())).map_err(|error| failed(&error))?;
    output::note(&format!("profile: {}", report.sentence()));
    Ok(())
}

fn failed(error: &OutputError) -> ExitCode {
    output::error(&format!("{error}\n  hint: name a page in a folder that you may write to with --profile"));
    ExitCode::Failed
}
