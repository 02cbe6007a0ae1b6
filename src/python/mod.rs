//! What a Python program calls: the module `h5inbox._native`, over which the package in `h5inbox/` puts names, types and
//! documentation. Compiled only with the feature `python`; `make wheel` makes a wheel of it.
//!
//! * `asked`: what a call asks for becomes [`Options`](crate::convert::Options)
//! * `work`: the work itself: without the interpreter's lock, on threads that end with the call, given up on Ctrl-C
//! * `forked`: a process that was forked in the middle of a conversion is refused, because it would hang
//! * `raised`: errors become exceptions
//! * `reported`: what came of it, as plain values

mod asked;
mod forked;
mod raised;
mod reported;
mod work;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use pyo3::prelude::*;

use crate::convert;
use crate::jobs::named::{Named, NamedError, Once, guarded};
use crate::jobs::staging::tidy_up;
use crate::source::{OpenError, open_named};
use asked::{Asked, Place};
use reported::Reported;

/// The version of the crate.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Converts `src` to where `place` says, as `asked`; returns what `Report` is made of.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "what is made of a Python object is handed over by value")]
fn convert_file(py: Python<'_>, src: PathBuf, place: Place, asked: Asked) -> PyResult<(OsString, Reported)> {
    let mut options = asked.options(py, &src)?;
    options.hash = place.sha256;
    options.durable = place.durable;
    let output = place.output(py, &src, options.encoding.format)?;
    let named = Named { source: &src, output: &output, bytes: 0, number: work::number() };
    let done = work::run(py, asked.threads, &mut options, |options| {
        let done = if place.overwrite { replaced(named, options) } else { named.once(options) };
        tidy_up(named.folder());
        done
    });
    let done = done.and_then(|done| done.map_err(|error| raised::of_named(py, &src, &error)));
    done.map(|done| (output.clone().into_os_string(), Reported::of(done, &output)))
}

fn replaced(named: Named<'_>, options: &convert::Options) -> Result<Once, NamedError> {
    named.replacing(options).map(|summary| Once::Made(Box::new(summary)))
}

/// Tells what `convert_file` would make of `src`, as JSON.
#[pyfunction]
#[expect(clippy::needless_pass_by_value, reason = "what is made of a Python object is handed over by value")]
fn schema_of(py: Python<'_>, src: PathBuf, asked: Asked) -> PyResult<String> {
    let mut options = asked.options(py, &src)?;
    let read = work::run(py, asked.threads, &mut options, |options| guarded(|| schema(&src, options)))?;
    read.map_err(|error| raised::of_named(py, &src, &error))
}

fn schema(src: &Path, options: &convert::Options) -> Result<String, NamedError> {
    let (file, identity) = open_named(src).map_err(|error| match error {
        OpenError::Io(error) => convert::ConvertError::Read(error).into(),
        other => NamedError::Source(other),
    })?;
    let schema = convert::schema(&file, identity, options)?;
    serde_json::to_string(&schema).map_err(|error| NamedError::Panic(error.to_string()))
}

/// The part of `h5inbox` that is written in Rust.
#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("VERSION", VERSION)?;
    module.add_function(wrap_pyfunction!(convert_file, module)?)?;
    module.add_function(wrap_pyfunction!(schema_of, module)?)
}
