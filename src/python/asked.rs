//! What a call asks for: the words of the options, checked as `h5inbox convert` checks its own.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use pyo3::prelude::*;

use super::raised;
use crate::config::{Choice, Compression, Config, Format, Layout, OnUnfit, choose, hint_for, key};
use crate::convert::{Encoding, Options, Wanted};
use crate::jobs::named::output_of;

/// How to convert; what is none is as the configuration file says, or else the default.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(super) struct Asked {
    format: Option<String>,
    layout: Option<String>,
    key: Option<String>,
    compression: Option<String>,
    on_unfit: Option<String>,
    input: Option<String>,
    on_bad_record: Option<String>,
    nested: Option<String>,
    types: Vec<(String, String)>,
    config: Option<PathBuf>,
    pub(super) threads: usize,
}

/// Where the output goes.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
pub(super) struct Place {
    dst: Option<PathBuf>,
    outdir: Option<PathBuf>,
    pub(super) overwrite: bool,
    pub(super) sha256: bool,
    pub(super) durable: bool,
}

/// An option and what is wrong with it.
type Refused = (&'static str, String);

impl Asked {
    /// The same as options of a conversion of `src`.
    pub(super) fn options(&self, py: Python<'_>, src: &Path) -> PyResult<Options> {
        self.checked().map_err(|(option, what)| raised::of_option(py, src, option, &what))
    }

    fn checked(&self) -> Result<Options, Refused> {
        if self.threads == 0 || self.threads > MOST_THREADS {
            return Err(("threads", format!("write a number from 1 to {MOST_THREADS}")));
        }
        let config = match &self.config {
            Some(file) => Config::load(file).map_err(|error| ("config", error.to_string()))?,
            None => Config::new(PathBuf::new(), PathBuf::new()),
        };
        // A cluster's worker has a core, and its neighbours have the others.
        let mut options = Options::from_config(&config, config.worker_count());
        let records = &mut options.records;
        records.input = or("input", self.input.as_deref(), records.input)?;
        records.on_bad_record = or("on_bad_record", self.on_bad_record.as_deref(), records.on_bad_record)?;
        records.nested = or("nested", self.nested.as_deref(), records.nested)?;
        let hints = self.types.iter().map(|(column, dtype)| hint_for(column, dtype));
        let hints = hints.collect::<Result<Vec<_>, _>>().map_err(|what| ("types", what))?;
        // The first hint that names a column decides.
        records.types = hints.into_iter().chain(std::mem::take(&mut records.types)).collect();
        Ok(Options { encoding: self.encoding(options.encoding)?, ..options })
    }

    fn encoding(&self, configured: Encoding) -> Result<Encoding, Refused> {
        let compression = self.compression.as_deref().map(Compression::choose).transpose();
        let wanted = Wanted {
            format: chosen::<Format>("format", self.format.as_deref())?,
            layout: chosen::<Layout>("layout", self.layout.as_deref())?,
            on_unfit: chosen::<OnUnfit>("on_unfit", self.on_unfit.as_deref())?,
            key: self.key.as_deref().map(key).transpose().map_err(|what| ("key", what))?,
            compression: compression.map_err(|what| ("compression", what))?,
        };
        wanted.over(configured).map_err(|unfit| (unfit.option(), unfit.to_string()))
    }
}

/// As many as `h5inbox convert` has workers.
const MOST_THREADS: usize = 1024;

fn chosen<C: Choice>(option: &'static str, word: Option<&str>) -> Result<Option<C>, Refused> {
    word.map(choose).transpose().map_err(|what| (option, what))
}

fn or<C: Choice>(option: &'static str, word: Option<&str>, configured: C) -> Result<C, Refused> {
    Ok(chosen(option, word)?.unwrap_or(configured))
}

impl Place {
    /// The output of `src` in that format.
    pub(super) fn output(&self, py: Python<'_>, src: &Path, format: Format) -> PyResult<PathBuf> {
        self.checked(src, format).map_err(|(option, what)| raised::of_option(py, src, option, &what))
    }

    fn checked(&self, src: &Path, format: Format) -> Result<PathBuf, Refused> {
        let Some(dst) = &self.dst else {
            let output = output_of(src, self.outdir.as_deref(), format);
            // A bare name has a bare name beside it.
            let bare = self.outdir.is_none() && src.parent().is_some_and(|folder| folder.as_os_str().is_empty());
            return Ok(if bare { output.file_name().map(PathBuf::from).unwrap_or(output) } else { output });
        };
        let ending = format.extension();
        match () {
            () if self.outdir.is_some() => Err(("outdir", "give dst or outdir, not both".to_owned())),
            () if dst.is_dir() => Err(("dst", "is a folder; name a file, or give the folder as outdir".to_owned())),
            // The ending tells a format's readers, ours among them, what the file is.
            () if dst.extension().is_none_or(|found| found != ending) => {
                Err(("dst", format!("the name of an output in {} ends in .{ending}", format.name())))
            }
            () if are_one(src, dst) => Err(("dst", "is the source itself".to_owned())),
            () => Ok(dst.clone()),
        }
    }
}

fn are_one(src: &Path, dst: &Path) -> bool {
    let identity = |path: &Path| std::fs::metadata(path).map(|found| (found.dev(), found.ino())).ok();
    identity(src).is_some_and(|found| identity(dst) == Some(found))
}
