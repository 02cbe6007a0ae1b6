//! Reading back what an output tells of its source, and how many rows it has.

use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::super::OutputError;
use super::super::provenance::{ATTRIBUTE, Provenance};
use super::super::told::Told;
use super::capi;
use super::refused::Refused;

/// What the HDF5 file `path` tells of its source; none if it tells nothing, as files of other programs do.
pub(crate) fn read(path: &Path) -> Result<Option<Provenance>, OutputError> {
    let (name, attribute) = (CString::new(path.as_os_str().as_bytes()), CString::new(ATTRIBUTE));
    let (Ok(name), Ok(attribute)) = (name, attribute) else { return Ok(None) };
    let text = capi::locked(|library| capi::root_text(library, &name, &attribute));
    let text = text.map_err(super::fixed::refused(path))?;
    Ok(text.and_then(|text| Provenance::parse(&text)))
}

/// Rows of the frame in the HDF5 file `path`, which was made with `told`.
pub(crate) fn rows(path: &Path, told: &Told) -> Result<u64, OutputError> {
    let key = told.key.as_deref().unwrap_or_default();
    let rows = || {
        let name = CString::new(path.as_os_str().as_bytes()).map_err(|_| no_frame())?;
        let index = CString::new(format!("{key}/axis1")).map_err(|_| no_frame())?;
        capi::locked(|library| capi::rows(library, &name, &index))?.ok_or_else(no_frame)
    };
    rows().map_err(super::fixed::refused(path))
}

fn no_frame() -> Refused {
    Refused::because("find the frame", "it is not where it was written")
}
