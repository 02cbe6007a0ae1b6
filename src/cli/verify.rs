//! `h5inbox verify`: do outputs hold what their sources give?

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use super::{ExitCode, load, output};
use crate::config::{Config, Format};
use crate::convert::Options;
use crate::convert::output::publish::STAGING;
use crate::convert::verify::{Compared, Inspected, VerifyError, compare, inspect};
use crate::source::Shown;

/// Options of `h5inbox verify`.
#[derive(Debug, Args)]
pub(super) struct Verify {
    /// Outputs to verify; of a folder, those in it and in the folders below
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<PathBuf>,
    /// Where sources are: a folder that has them under the names that the outputs tell; may be given several times
    /// [default: the output's own folder]
    #[arg(long, value_name = "DIR")]
    sources: Vec<PathBuf>,
    /// Look for sources in the inbox and the archive of this configuration file as well, and take its limits
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// One JSON object an output and line: path, verdict (verified, consistent or failed), rows, `output_bytes`, source,
    /// sha256, compared (equal, different, `no_source`, `other_source`, `other_version`, unconverted or null), byte, error
    #[arg(long)]
    json: bool,
}

/// What is said of an output.
#[derive(Debug, Serialize)]
struct Line {
    path: String,
    verdict: &'static str,
    rows: Option<u64>,
    output_bytes: Option<u64>,
    source: Option<String>,
    sha256: Option<String>,
    compared: Option<&'static str>,
    /// The first byte in which the output differs from what its source gives.
    byte: Option<u64>,
    error: Option<String>,
}

impl Verify {
    pub(super) fn run(&self) -> Result<ExitCode, ExitCode> {
        let config = self.config.as_deref().map(load).transpose()?;
        let defaults = || Config::new(PathBuf::new(), PathBuf::new());
        let options = Options::from_config(&config.clone().unwrap_or_else(defaults), 1);
        let mut code = ExitCode::Success;
        for path in self.outputs()? {
            let line = self.verify(&path, config.as_ref(), &options);
            if line.verdict == FAILED {
                code = ExitCode::Failed;
            }
            output::data(&self.text(&line))?;
        }
        Ok(code)
    }

    /// The outputs to look at, in order.
    fn outputs(&self) -> Result<Vec<PathBuf>, ExitCode> {
        let mut outputs = Vec::new();
        for path in &self.paths {
            if !path.is_dir() {
                outputs.push(path.clone());
                continue;
            }
            outputs_in(path, &mut outputs).map_err(|error| {
                let todo = "let this user read it, or run this as the agent's user";
                output::error(&format!("{}: cannot be listed: {error}; {todo}", Shown(path)));
                ExitCode::Failed
            })?;
        }
        Ok(outputs)
    }

    fn verify(&self, path: &Path, config: Option<&Config>, options: &Options) -> Line {
        let line = Line::of(path);
        let inspected = match inspect(path) {
            Ok(inspected) => inspected,
            Err(error) => return line.failed(&error),
        };
        let sources = inspected.shares().into_iter().map(|share| self.source_of(path, &share.path(), config));
        let sources: Option<Vec<PathBuf>> = sources.collect();
        let scratch = std::env::temp_dir();
        let compared = match &sources {
            Some(sources) => compare(path, &inspected, sources, &scratch, options),
            None => Compared::NoSource,
        };
        line.with(inspected, sources.iter().flatten().next().map(PathBuf::as_path)).told(&compared)
    }

    /// The first place that has something under the name of the source.
    fn source_of(&self, path: &Path, name: &Path, config: Option<&Config>) -> Option<PathBuf> {
        let beside = path.parent().unwrap_or(Path::new(""));
        let mut folders: Vec<&Path> = self.sources.iter().map(PathBuf::as_path).collect();
        folders.extend(config.into_iter().flat_map(|config| [&*config.inbox.path, &*config.source.archive]));
        if folders.is_empty() {
            folders.push(beside);
        }
        folders.into_iter().map(|folder| folder.join(name)).find(|source| fs::symlink_metadata(source).is_ok())
    }

    fn text(&self, line: &Line) -> String {
        if self.json {
            return serde_json::to_string(line).unwrap_or_default() + "\n";
        }
        let Line { path, verdict, .. } = line;
        let rows = line.rows.map_or_else(String::new, |rows| format!(" {rows} rows;"));
        let what = line.error.as_deref().unwrap_or(match line.compared {
            Some(EQUAL) => "equal to what its source gives",
            Some(OTHER_SOURCE) => "its source has changed since, so that values cannot be compared",
            _ => "its source is not there, so that values cannot be compared",
        });
        format!("{path}: {verdict};{rows} {what}\n")
    }
}

/// Verdicts, and what comparing gave, as `--json` has them.
const FAILED: &str = "failed";
const VERIFIED: &str = "verified";
const CONSISTENT: &str = "consistent";
const EQUAL: &str = "equal";
const OTHER_SOURCE: &str = "other_source";

impl Line {
    fn of(path: &Path) -> Self {
        Self {
            path: Shown(path).to_string(),
            verdict: FAILED,
            rows: None,
            output_bytes: None,
            source: None,
            sha256: None,
            compared: None,
            byte: None,
            error: None,
        }
    }

    fn failed(self, error: &VerifyError) -> Self {
        Self { error: Some(error.to_string()), ..self }
    }

    fn with(self, inspected: Inspected, source: Option<&Path>) -> Self {
        Self {
            rows: Some(inspected.rows),
            output_bytes: Some(inspected.bytes),
            source: source.map(|source| Shown(source).to_string()),
            sha256: inspected.provenance.sha256,
            ..self
        }
    }

    /// With what comparing the output with its source gave.
    fn told(self, compared: &Compared) -> Self {
        let (verdict, compared, byte, error) = match compared {
            Compared::Equal => (VERIFIED, EQUAL, None, None),
            Compared::Different(byte) => {
                let what = format!("differs from what its source gives, from byte {byte} on; convert the source again");
                (FAILED, "different", Some(*byte), Some(what))
            }
            Compared::NoSource => (CONSISTENT, "no_source", None, None),
            Compared::OtherSource => (CONSISTENT, OTHER_SOURCE, None, None),
            Compared::OtherVersion(version) => {
                let what =
                    format!("written by version {version}, whose outputs need not be equal to those of this one");
                (CONSISTENT, "other_version", None, Some(what))
            }
            Compared::Failed(error) => {
                (FAILED, "unconverted", None, Some(format!("its source cannot be converted here: {error}")))
            }
            Compared::Unfit(unfit) => (
                FAILED,
                "unconverted",
                None,
                Some(format!("its sources cannot be converted together here: one {unfit}")),
            ),
        };
        Self { verdict, compared: Some(compared), byte, error, ..self }
    }
}

/// All outputs in `folder` and below, by name; unfinished ones are none.
fn outputs_in(folder: &Path, outputs: &mut Vec<PathBuf>) -> std::io::Result<()> {
    let mut entries = fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let (kind, path) = (entry.file_type()?, entry.path());
        if kind.is_dir() && entry.file_name() != STAGING {
            outputs_in(&path, outputs)?;
        } else if kind.is_file() && is_output(&path) {
            outputs.push(path);
        }
    }
    Ok(())
}

fn is_output(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str());
    Format::ALL.into_iter().any(|format| ending == Some(format.extension()))
}
