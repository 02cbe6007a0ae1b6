//! One file that somebody named, converted to where it is wanted, without ledger or agent: what `h5inbox convert` and the
//! Python module do with each.
//!
//! An output gets its name in one step, so that there is a whole one or none. [`Named::replacing`] puts it in place of
//! what has the name; [`Named::once`] takes no other file's place, and is content with an output of the same source that
//! is there: it may be called any number of times, also at once.

use std::fs::{self, File};
use std::io::{self, Seek};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use super::bad_records::bad_records_beside;
use super::naming::Naming;
use super::pool::panic_message;
use super::staging::Staging;
use crate::config::Format;
use crate::convert::output::provenance::{Origin, Provenance};
use crate::convert::output::publish::{rename_over, rename_to_new, sync_folder};
use crate::convert::output::{OutputError, hint, provenance_of};
use crate::convert::profile::{self, Stage};
use crate::convert::{self, ConvertError, Options, Summary, Target};
use crate::source::{Identity, OpenError, open_named, sha256_of};

/// One file to convert.
#[derive(Clone, Copy, Debug)]
pub struct Named<'p> {
    /// The source.
    pub source: &'p Path,
    /// Its output.
    pub output: &'p Path,
    /// Bytes of the source as far as they are known, for a profile.
    pub bytes: u64,
    /// Tells its temporary files from others of this process.
    pub number: usize,
}

/// What [`Named::once`] came to.
#[derive(Clone, Debug)]
pub enum Once {
    /// The output was made now.
    Made(Box<Summary>),
    /// It was there already, tells this, and has so many bytes.
    There(Box<Provenance>, u64),
}

/// Why a file was not converted.
#[derive(Debug, thiserror::Error)]
pub enum NamedError {
    /// It is not there, or no file.
    #[error("{}", source_fault(.0))]
    Source(OpenError),
    /// The conversion came to nothing.
    #[error(transparent)]
    Convert(#[from] ConvertError),
    /// Nothing that the user could put right.
    #[error("internal error: {0}")]
    Panic(String),
}

impl NamedError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> &str {
        match self {
            Self::Source(_) => "check the path",
            Self::Convert(ConvertError::Defect(defect)) => &defect.hint,
            Self::Convert(ConvertError::Read(_)) => "check the path and its permissions",
            Self::Convert(ConvertError::Changed) => "wait until its writer has finished, then convert it again",
            Self::Convert(ConvertError::Output(error)) => error.hint(),
            Self::Convert(ConvertError::Spill(error)) => hint(error),
            Self::Panic(_) => "please report it with the source",
        }
    }
}

fn source_fault(error: &OpenError) -> String {
    match error {
        OpenError::Gone => "does not exist".to_owned(),
        other => other.to_string(),
    }
}

/// The output of `source` in `outdir`, or beside it: called as the source, with the format's ending.
#[must_use]
pub fn output_of(source: &Path, outdir: Option<&Path>, format: Format) -> PathBuf {
    let beside = || source.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = Path::new(source.file_name().unwrap_or_default());
    // Called as the source, it has neither date nor hash.
    Naming::as_sources(format).output_of(outdir.unwrap_or_else(beside), name, 0, [0; 32])
}

/// What is at the place of an output.
enum There {
    Nothing,
    /// An output of this source, as its content shows, made with the same options.
    Same(Box<Provenance>, u64),
    /// One whose name, size and time say so; the content's hash is not known.
    Likely,
    Another,
}

impl Named<'_> {
    /// Converts the file; the output takes the place of what has its name. A panic is a failure of this file.
    pub fn replacing(self, options: &Options) -> Result<Summary, NamedError> {
        guarded(|| {
            let recorded = profile::file(self.source, self.bytes);
            let (file, identity) = self.open()?;
            let summary = self.publish(&file, identity, options, rename_over)?;
            recorded.converted(summary.rows);
            Ok(summary)
        })
    }

    /// Converts the file unless its output is there already; refuses to take another file's place.
    pub fn once(self, options: &Options) -> Result<Once, NamedError> {
        guarded(|| {
            let (file, identity) = self.open()?;
            match self.there(&file, identity, options)? {
                There::Nothing => {}
                There::Same(told, bytes) => return Ok(Once::There(told, bytes)),
                There::Likely => return Ok(made(self.publish(&file, identity, options, rename_over)?)),
                There::Another => return Err(self.taken()),
            }
            match self.publish(&file, identity, options, rename_to_new) {
                // Somebody was faster. If it was one of us, that output is as good.
                Err(NamedError::Convert(ConvertError::Output(OutputError::Exists(_)))) => {
                    match self.there(&file, identity, options)? {
                        There::Same(told, bytes) => Ok(Once::There(told, bytes)),
                        There::Likely => Ok(made(self.publish(&file, identity, options, rename_over)?)),
                        There::Nothing | There::Another => Err(self.taken()),
                    }
                }
                published => published.map(made),
            }
        })
    }

    /// The folder of the output.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.output.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
    }

    fn open(&self) -> Result<(File, Identity), NamedError> {
        open_named(self.source).map_err(|error| match error {
            OpenError::Io(error) => ConvertError::Read(error).into(),
            other => NamedError::Source(other),
        })
    }

    fn taken(&self) -> NamedError {
        ConvertError::from(OutputError::Exists(self.output.into())).into()
    }

    fn origin(&self, identity: Identity) -> Origin<'_> {
        let name = Path::new(self.source.file_name().unwrap_or_default());
        Origin { source: name, job: None, modified_ns: identity.mtime_ns }
    }

    fn there(&self, file: &File, identity: Identity, options: &Options) -> Result<There, NamedError> {
        let bytes = match fs::symlink_metadata(self.output) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(There::Nothing),
            found => found.map_err(OutputError::io("look at", self.output)).map_err(ConvertError::from)?.len(),
        };
        // What cannot be read as an output is another file.
        let told = provenance_of(self.output).ok().flatten();
        let Some(told) = told.filter(|told| told.is_of(identity.size, options)) else { return Ok(There::Another) };
        let Some(hash) = told.hash() else {
            let likely = told.is_called(self.origin(identity));
            return Ok(if likely { There::Likely } else { There::Another });
        };
        let found = (&*file).rewind().and_then(|()| sha256_of(file)).map_err(ConvertError::Read)?;
        Ok(if found == hash { There::Same(Box::new(told), bytes) } else { There::Another })
    }

    /// Converts into the staging folder, and gives output and bad records their names: the output by `rename`, behind the
    /// bad records, because with it the source is done.
    fn publish(
        &self,
        mut file: &File,
        identity: Identity,
        options: &Options,
        rename: fn(&Path, &Path) -> Result<(), OutputError>,
    ) -> Result<Summary, NamedError> {
        file.rewind().map_err(ConvertError::Read)?;
        let folder = self.folder();
        let held = Staging::share(folder).map_err(ConvertError::from)?;
        let temporary = Temporary(held.temporary(self.number));
        let bad_records = Temporary(temporary.0.with_extension("bad.tmp"));
        let origin = self.origin(identity);
        let target = Target { output: &temporary.0, bad_records: Some(&bad_records.0), origin };
        let summary = convert::to_file(file, identity, target, options)?;
        let _publish = profile::span(Stage::Publish);
        let bad_name = bad_records_beside(self.output);
        if let Some(bad) = &summary.bad_file {
            rename_over(bad, &bad_name).map_err(ConvertError::from)?;
        }
        rename(&temporary.0, self.output).map_err(ConvertError::from)?;
        if summary.bad_file.is_none() {
            remove_outdated(&bad_name)?;
        }
        if options.durable {
            sync_folder(folder).map_err(ConvertError::from)?;
        }
        Ok(summary)
    }
}

fn made(summary: Summary) -> Once {
    Once::Made(Box::new(summary))
}

/// Does `work`; a panic is a failure of its file.
pub fn guarded<T>(work: impl FnOnce() -> Result<T, NamedError>) -> Result<T, NamedError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(NamedError::Panic(panic_message(panic.as_ref()))))
}

/// What an earlier run left out is in the output that is there now. Another program's file of that name stays.
fn remove_outdated(bad_records: &Path) -> Result<(), NamedError> {
    if !convert::is_file_of_bad_records(bad_records) {
        return Ok(());
    }
    match fs::remove_file(bad_records) {
        // Another conversion of the same file was faster.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done.map_err(|error| ConvertError::from(OutputError::io("remove", bad_records)(error)).into()),
    }
}

/// An unfinished output, removed unless it got its name.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        // Nothing is there if it was renamed, or if the failure came before the file.
        let _ = fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn options() -> Options {
        Options { hash: true, durable: false, ..Options::from_config(&Config::new("/i".into(), "/o".into()), 1) }
    }

    /// A source of that text, and the place of its output.
    fn case(text: &str) -> (tempfile::TempDir, PathBuf, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let (source, output) = (folder.path().join("a.json"), folder.path().join("a.h5"));
        fs::write(&source, text).unwrap();
        (folder, source, output)
    }

    fn named<'p>(source: &'p Path, output: &'p Path) -> Named<'p> {
        Named { source, output, bytes: 0, number: 1 }
    }

    #[test]
    fn a_panic_is_a_failure_of_its_file() {
        let done: Result<(), _> = guarded(|| std::panic::panic_any("so it goes"));
        assert_eq!(done.unwrap_err().to_string(), "internal error: so it goes");
    }

    #[test]
    fn once_is_content_with_its_own_output_and_leaves_any_other() {
        let (_folder, source, output) = case("{\"a\": 1}\n");
        assert!(matches!(named(&source, &output).once(&options()), Ok(Once::Made(summary)) if summary.rows == 1));
        assert!(matches!(named(&source, &output).once(&options()), Ok(Once::There(told, _)) if told.rows == 1));
        fs::write(&source, "{\"a\": 2}\n").unwrap();
        let exists = |done| matches!(done, Err(NamedError::Convert(ConvertError::Output(OutputError::Exists(_)))));
        assert!(exists(named(&source, &output).once(&options())));
        assert!(named(&source, &output).replacing(&options()).is_ok());
        fs::write(&output, "mine").unwrap();
        assert!(exists(named(&source, &output).once(&options())));
        assert_eq!(fs::read_to_string(&output).unwrap(), "mine");
    }

    #[test]
    fn of_two_that_have_one_output_in_hand_the_slower_is_content_with_that_of_the_faster() {
        let (folder, source, output) = case("{\"a\": 1}\n");
        let (file, identity) = named(&source, &output).open().unwrap();
        let publish = || named(&source, &output).publish(&file, identity, &options(), rename_to_new);
        publish().unwrap();
        assert!(matches!(publish(), Err(NamedError::Convert(ConvertError::Output(OutputError::Exists(_))))));
        let there = named(&source, &output).there(&file, identity, &options()).unwrap();
        assert!(matches!(there, There::Same(told, _) if told.rows == 1));
        assert_eq!(fs::read_dir(folder.path().join(".h5inbox")).unwrap().count(), 0);
    }
}
