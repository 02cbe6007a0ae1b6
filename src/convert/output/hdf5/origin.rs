//! Reading back what an output tells of its source, and how many rows it has.

use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::super::OutputError;
use super::super::provenance::{ATTRIBUTE, Provenance};
use super::capi;
use super::refused::Refused;
use crate::config::Layout;

/// What the HDF5 file `path` tells of its source; none if it tells nothing, as files of other programs do.
pub(crate) fn read(path: &Path) -> Result<Option<Provenance>, OutputError> {
    let (name, attribute) = (CString::new(path.as_os_str().as_bytes()), CString::new(ATTRIBUTE));
    let (Ok(name), Ok(attribute)) = (name, attribute) else { return Ok(None) };
    let text = capi::locked(|library| capi::root_text(library, &name, &attribute));
    let text = text.map_err(super::fixed::refused(path))?;
    Ok(text.and_then(|text| Provenance::parse(&text)))
}

/// Rows of the frame in the HDF5 file `path`, which was made with `told`; none if nothing in the file says it, because
/// the frame has no columns.
pub(crate) fn rows(path: &Path, told: &Provenance) -> Result<Option<u64>, OutputError> {
    let layout = told.options.layout.as_deref().and_then(Layout::parse).unwrap_or(Layout::Fixed);
    let plain = layout == Layout::Plain;
    if plain && told.columns == 0 {
        return Ok(None);
    }
    let key = told.options.key.as_deref().unwrap_or_default();
    let object = match layout {
        Layout::Fixed => format!("{key}/axis1"),
        Layout::Table => format!("{key}/table"),
        Layout::Plain => key.to_owned(),
    };
    let rows = || {
        let name = CString::new(path.as_os_str().as_bytes()).map_err(|_| no_frame())?;
        let object = CString::new(object).map_err(|_| no_frame())?;
        capi::locked(|library| capi::rows(library, &name, &object, plain))?.ok_or_else(no_frame).map(Some)
    };
    rows().map_err(super::fixed::refused(path))
}

fn no_frame() -> Refused {
    Refused::because("find the frame", "it is not where it was written")
}
