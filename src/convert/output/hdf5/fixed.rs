//! pandas' `fixed` format.
//!
//! The `nodes` of the file are made by the library; their content is written around it.

use std::ffi::{CStr, CString};
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Mutex;

use super::super::super::ConvertError;
use super::super::super::deadline::Deadline;
use super::super::super::frame::Frame;
use super::super::super::options::Encoding;
use super::super::super::profile::{self, Stage};
use super::super::provenance::Provenance;
use super::super::{OutputError, Writer};
use super::blocks::{self, Block};
use super::capi::{self, Medium};
use super::fill::{self, Content};
use super::layout::{Layout, RECENT};
use super::refused::Refused;
use super::{nodes, packed, pickle};
use crate::config::Compression;

/// Writes outputs that look so.
pub(crate) struct Fixed<'e>(pub(crate) &'e Encoding);

impl Writer for Fixed<'_> {
    fn write(
        &self,
        frame: &Frame,
        provenance: &Provenance,
        path: &Path,
        deadline: Deadline,
    ) -> Result<(File, u64), ConvertError> {
        let file = match self.0.compression {
            // Without a row there is nothing to compress.
            Compression::Zlib(level) if frame.rows > 0 => {
                packed::write(frame, provenance, (&self.0.key, level), path, deadline)?
            }
            _ => self.plainly(frame, provenance, path, deadline)?,
        };
        let bytes = file.metadata().map_err(OutputError::io("look at", path))?.len();
        Ok((file, bytes))
    }

    /// It holds whatever there is, as pandas does.
    fn types(&self, _: &Frame, _: Deadline) -> Result<Option<Vec<String>>, ConvertError> {
        Ok(None)
    }
}

impl Fixed<'_> {
    /// Writes without compression.
    fn plainly(
        &self,
        frame: &Frame,
        provenance: &Provenance,
        path: &Path,
        deadline: Deadline,
    ) -> Result<File, ConvertError> {
        let blocks = blocks::of(frame)?;
        let small = small_pickles(frame, &blocks).map_err(ConvertError::Spill)?;
        let told = provenance.text();
        let content = Content { frame, blocks: &blocks, small: &small, told: &told };
        let layout = Layout { told: told.len(), ..Layout::of(frame, &self.0.key, provenance.bad_records, &blocks) };
        let name = CString::new(path.as_os_str().as_bytes()).unwrap_or_default();
        match layout.medium() {
            Medium::Memory => in_memory(layout, &content, path, &name, deadline),
            Medium::Disk => on_disk(&layout, &content, path, &name, deadline),
        }
    }
}

/// The whole file in memory, written in one go.
fn in_memory(
    layout: Layout,
    content: &Content<'_>,
    path: &Path,
    name: &CStr,
    deadline: Deadline,
) -> Result<File, ConvertError> {
    let image = RECENT.image(layout, name).map_err(refused(path))?;
    let bytes = Mutex::new(image.file());
    fill::write(&bytes, path, content, &image.addresses, deadline)?;
    let _write = profile::span(Stage::Write);
    let mut file = File::create_new(path).map_err(OutputError::io("create", path))?;
    let bytes = bytes.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    file.write_all(&bytes).map_err(OutputError::io("write", path))?;
    Ok(file)
}

/// The library makes the file; its content is written into it.
fn on_disk(
    layout: &Layout,
    content: &Content<'_>,
    path: &Path,
    name: &CStr,
    deadline: Deadline,
) -> Result<File, ConvertError> {
    let addresses = capi::locked(|library| nodes::lay_out(library, name, layout, content.told));
    let (addresses, _) = addresses.map_err(refused(path))?;
    let file = File::options().write(true).open(path).map_err(OutputError::io("open", path))?;
    fill::write(&file, path, content, &addresses, deadline)?;
    Ok(file)
}

pub(super) fn refused(path: &Path) -> impl FnOnce(Refused) -> OutputError {
    move |Refused { action, detail, system }| match system {
        Some(error) => OutputError::io(if action == capi::CREATE { "create" } else { "write" }, path)(error),
        None => OutputError::Hdf5 { action, path: path.into(), detail },
    }
}

/// For each block its whole pickle, if that is small.
fn small_pickles(frame: &Frame, blocks: &[Block]) -> io::Result<Vec<Option<Vec<u8>>>> {
    let size = |block: &Block| block.pickle.as_ref().filter(|size| size.is_small()).map(|size| size.header.clone());
    let mut pickles: Vec<Option<Vec<u8>>> = blocks.iter().map(size).collect();
    if pickles.iter().all(Option::is_none) {
        return Ok(pickles);
    }
    let _encode = profile::span(Stage::Encode);
    for piece in 0..frame.pieces.len() {
        let cells = frame.cells_of(piece)?;
        for (block, out) in blocks.iter().zip(&mut pickles) {
            if let Some(out) = out {
                pickle::write_piece(&cells, &block.columns, block.memo(frame), out, |_| Ok(()))?;
            }
        }
    }
    pickles.iter_mut().flatten().for_each(|out| out.extend_from_slice(pickle::FOOTER));
    Ok(pickles)
}
