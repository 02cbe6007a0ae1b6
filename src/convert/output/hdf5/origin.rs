//! Reading back what an output tells of its source.

use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::super::OutputError;
use super::super::provenance::{ATTRIBUTE, Provenance};
use super::capi;

/// What the HDF5 file `path` tells of its source; none if it tells nothing, as files of other programs do.
pub(crate) fn read(path: &Path) -> Result<Option<Provenance>, OutputError> {
    let (name, attribute) = (CString::new(path.as_os_str().as_bytes()), CString::new(ATTRIBUTE));
    let (Ok(name), Ok(attribute)) = (name, attribute) else { return Ok(None) };
    let text = capi::locked(|library| capi::root_text(library, &name, &attribute));
    let text = text.map_err(super::fixed::refused(path))?;
    Ok(text.and_then(|text| Provenance::parse(&text)))
}
