//! Errors become the exceptions of `h5inbox._errors`.

use std::path::Path;

use pyo3::prelude::*;
use pyo3::types::PyDict;
use rustix::io::Errno;

use crate::convert::output::OutputError;
use crate::convert::{ConvertError, Defect};
use crate::jobs::named::NamedError;
use crate::source::{OpenError, Shown};

/// What an exception tells.
struct Told<'a> {
    class: &'static str,
    code: &'a str,
    /// What the exception is about: the source, or the file of the output that made trouble.
    path: Option<&'a Path>,
    what: String,
    hint: &'a str,
    line: Option<u64>,
    byte: Option<u64>,
    errno: Option<i32>,
}

/// A conversion of `src` that came to nothing.
pub(super) fn of_named(py: Python<'_>, src: &Path, error: &NamedError) -> PyErr {
    let io = |error: &std::io::Error| error.raw_os_error();
    let (class, code, errno) = match error {
        NamedError::Source(OpenError::Gone) => ("SourceMissingError", "missing", Some(Errno::NOENT.raw_os_error())),
        NamedError::Source(_) => ("SourceReadError", "not_a_file", None),
        NamedError::Convert(ConvertError::Defect(Defect { code, .. })) => ("BadInputError", *code, None),
        NamedError::Convert(ConvertError::Read(why)) => ("SourceReadError", "read", io(why)),
        NamedError::Convert(ConvertError::Changed) => ("SourceChangedError", "changed", None),
        NamedError::Convert(ConvertError::Output(OutputError::Exists(_))) => {
            ("OutputExistsError", "exists", Some(Errno::EXIST.raw_os_error()))
        }
        NamedError::Convert(ConvertError::Output(OutputError::Io { source, .. })) => {
            ("OutputWriteError", "write", io(source))
        }
        NamedError::Convert(ConvertError::Output(OutputError::Hdf5 { .. })) => ("OutputWriteError", "write", None),
        NamedError::Convert(ConvertError::Spill(why)) => ("OutputWriteError", "spill", io(why)),
        NamedError::Panic(_) => ("InternalError", "internal", None),
    };
    let defect = match error {
        NamedError::Convert(ConvertError::Defect(defect)) => Some(defect),
        _ => None,
    };
    let (line, byte) = (defect.and_then(|defect| defect.line), defect.and_then(|defect| defect.byte));
    let hint = match error {
        NamedError::Convert(ConvertError::Output(OutputError::Exists(_))) => {
            "it is no output of this source with these options: move it away, or convert with overwrite=True"
        }
        other => other.hint(),
    };
    let (path, what) = (Some(path_of(src, error)), format!("{}: {error}", Shown(src)));
    raise(py, &Told { class, code, path, what, hint, line, byte, errno })
}

/// The file that made trouble.
fn path_of<'a>(src: &'a Path, error: &'a NamedError) -> &'a Path {
    match error {
        NamedError::Convert(ConvertError::Output(
            OutputError::Exists(path) | OutputError::Io { path, .. } | OutputError::Hdf5 { path, .. },
        )) => path,
        _ => src,
    }
}

/// An option of a conversion of `src` that says nothing that can be done.
pub(super) fn of_option(py: Python<'_>, src: &Path, option: &str, what: &str) -> PyErr {
    let what = format!("{option}: {what}");
    let hint = "see help(h5inbox.convert)";
    raise(py, &Told { hint, path: Some(src), ..Told::bare("OptionError", "option", what) })
}

/// The process was forked while a thread of its parent converted.
pub(super) fn forked(py: Python<'_>) -> PyErr {
    let what = "this process was forked while another thread of its parent was converting".to_owned();
    let hint = "start processes with the method \"spawn\" or \"forkserver\", or before any thread converts";
    raise(py, &Told { hint, ..Told::bare("InternalError", "forked", what) })
}

/// The system gives no threads.
pub(super) fn no_threads(py: Python<'_>, error: &rayon::ThreadPoolBuildError) -> PyErr {
    let hint = "raise the limit of processes (`ulimit -u`), or convert fewer files at a time";
    raise(py, &Told { hint, ..Told::bare("InternalError", "threads", format!("cannot start threads: {error}")) })
}

/// The work ended without a result.
pub(super) fn lost(py: Python<'_>) -> PyErr {
    let what = "the conversion ended without a result".to_owned();
    raise(py, &Told { hint: "please report it with the source", ..Told::bare("InternalError", "internal", what) })
}

impl Told<'_> {
    fn bare(class: &'static str, code: &'static str, what: String) -> Self {
        Self { class, code, path: None, what, hint: "", line: None, byte: None, errno: None }
    }
}

fn raise(py: Python<'_>, told: &Told<'_>) -> PyErr {
    exception(py, told).map_or_else(|error| error, PyErr::from_value)
}

fn exception<'py>(py: Python<'py>, told: &Told<'_>) -> PyResult<Bound<'py, PyAny>> {
    let more = PyDict::new(py);
    more.set_item("path", told.path.map(Path::as_os_str))?;
    more.set_item("line", told.line)?;
    more.set_item("byte", told.byte)?;
    more.set_item("code", told.code)?;
    more.set_item("hint", told.hint)?;
    if let Some(errno) = told.errno {
        more.set_item("errno", errno)?;
    }
    py.import("h5inbox._errors")?.getattr(told.class)?.call((&told.what,), Some(&more))
}
