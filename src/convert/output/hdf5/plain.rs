//! The plain layout: one dataset a column, for h5py, MATLAB, Julia, R and xarray.
//!
//! ```text
//! columns   what each column of the frame is here, and how it tells missing values
//! names     labels as names of links
//! texts     texts in heaps made by hand
//! measure   how large these heaps get, and what of the content does not fit, before the file is there
//! nodes     groups, datasets and attributes     by capi, under the lock
//! band      the content of a band of rows       around the library, or as chunks that are ready
//! ```

mod band;
mod columns;
mod measure;
mod names;
mod nodes;
mod texts;

use std::ffi::CString;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use super::super::super::ConvertError;
use super::super::super::deadline::Deadline;
use super::super::super::frame::Frame;
use super::super::super::options::Encoding;
use super::super::super::profile::{self, Stage};
use super::super::provenance::Provenance;
use super::super::{OutputError, Writer};
use super::bands::Bands;
use super::capi::{self, Medium};
use super::fill::Sink;
use super::fixed::refused;
use crate::config::Compression;
use band::Content;
use columns::PlainColumn;
use nodes::Plan;

/// Fewer values than this are not worth the index that chunks need.
const FEWEST_ROWS: usize = 1024;

/// An output with less content than this is made in memory and written in one go.
const IN_MEMORY: u64 = 1 << 20;

/// Writes outputs that look so.
pub(crate) struct Plain<'e>(pub(crate) &'e Encoding);

impl Writer for Plain<'_> {
    fn write(
        &self,
        frame: &Frame,
        provenance: &Provenance,
        path: &Path,
        deadline: Deadline,
    ) -> Result<(File, u64), ConvertError> {
        let mut columns = columns::all(frame, self.0.on_unfit)?;
        let bands = Bands::of(frame);
        let heaps = measure::heaps(frame, &mut columns, &bands, deadline)?;
        let level = match self.0.compression {
            Compression::Zlib(level) if frame.rows >= FEWEST_ROWS => Some(level),
            _ => None,
        };
        let plan = Plan {
            columns: &columns,
            rows: frame.rows,
            height: bands.height(),
            level,
            heap: heaps.bytes(),
            key: &self.0.key,
        };
        let medium = if plan.bytes() < IN_MEMORY { Medium::Memory } else { Medium::Disk };
        let name = CString::new(path.as_os_str().as_bytes()).unwrap_or_default();
        let told = provenance.text();
        let open = capi::locked(|library| nodes::open(library, &name, medium, &plan, provenance.bad_records, &told));
        let open = open.map_err(refused(path))?;
        let content = Content { frame, plan: &plan, heaps: &heaps, open: &open, path };
        let file = if medium == Medium::Memory {
            let later = Later::default();
            content.write(&later, &bands, deadline)?;
            let image = capi::locked(|library| open.close(library)).map_err(refused(path))?;
            later.write(image, path)?
        } else {
            let file = File::options().write(true).open(path).map_err(OutputError::io("open", path))?;
            content.write(&file, &bands, deadline)?;
            capi::locked(|library| open.close(library)).map_err(refused(path))?;
            file
        };
        let bytes = file.metadata().map_err(OutputError::io("look at", path))?.len();
        Ok((file, bytes))
    }

    fn types(&self, frame: &Frame, deadline: Deadline) -> Result<Option<Vec<String>>, ConvertError> {
        let mut columns = columns::all(frame, self.0.on_unfit)?;
        measure::heaps(frame, &mut columns, &Bands::of(frame), deadline)?;
        Ok(Some(columns.iter().map(PlainColumn::in_words).collect()))
    }
}

/// Content for a file in memory, whose bytes are not there before it is closed.
#[derive(Default)]
struct Later(Mutex<Vec<(u64, Vec<u8>)>>);

impl Sink for Later {
    fn put(&self, bytes: &[u8], address: u64) -> io::Result<()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((address, bytes.to_vec()));
        Ok(())
    }
}

impl Later {
    /// Writes `image` with the content into the new file `path`.
    fn write(self, image: Vec<u8>, path: &Path) -> Result<File, OutputError> {
        let _write = profile::span(Stage::Write);
        let image = Mutex::new(image);
        let content = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        let put = content.iter().try_for_each(|(address, bytes)| image.put(bytes, *address));
        put.map_err(OutputError::io("write", path))?;
        let mut file = File::create_new(path).map_err(OutputError::io("create", path))?;
        let image = image.into_inner().unwrap_or_else(PoisonError::into_inner);
        file.write_all(&image).map_err(OutputError::io("write", path))?;
        Ok(file)
    }
}
