//! pandas' `fixed` format, compressed: numbers as chunks that are shuffled and deflated, pickles deflated into a pickle
//! that inflates them.
//!
//! ```text
//! pickles   text and objects, before the file is there: how long they get is not known earlier
//! tiles     numbers, band by band, while the file is open
//! ```
//!
//! What takes time is done by all threads and without the library's lock, which is held to lay the file out and to
//! write chunks that are ready.

mod pickles;
mod tiles;

use std::ffi::CString;
use std::fs::File;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use super::super::super::ConvertError;
use super::super::super::deadline::Deadline;
use super::super::super::frame::Frame;
use super::super::super::profile::{self, Stage};
use super::super::OutputError;
use super::super::provenance::Provenance;
use super::bands::Bands;
use super::blocks::Block;
use super::capi::{self, Medium};
use super::fill::{Content, Sink};
use super::fixed::refused;
use super::layout::{Addresses, Layout, Place, Tiling};
use super::{blocks, fill, nodes};
use pickles::Pickles;
use tiles::Tiles;

/// Fewer numbers than this are not worth the index that chunks need.
const FEWEST_NUMBERS: usize = 1024;

/// Writes `frame` into the new file `path` under `key`, compressed as hard as `level` says.
pub(super) fn write(
    frame: &Frame,
    provenance: &Provenance,
    (key, level): (&str, u8),
    path: &Path,
    deadline: Deadline,
) -> Result<File, ConvertError> {
    let bands = Bands::of(frame);
    let mut blocks = blocks::grouped(frame);
    let beside = path.parent().unwrap_or(Path::new("."));
    let mut pickles = Pickles::pack(frame, &mut blocks, &bands, level, beside, deadline)?;
    let told = provenance.text();
    let tiling = is_worth_chunks(frame, &blocks).then_some(Tiling { height: bands.height(), level });
    let layout = Layout { told: told.len(), tiling, ..Layout::of(frame, key, provenance.bad_records, &blocks) };
    let name = CString::new(path.as_os_str().as_bytes()).unwrap_or_default();
    let open = capi::locked(|library| nodes::open(library, &name, &layout, &told)).map_err(refused(path))?;
    if let Some(tiling) = tiling {
        Tiles::of(frame, &blocks, tiling).write(&bands, &open.tiled, path, deadline)?;
    }
    let addresses = open.addresses.clone();
    let image = capi::locked(|library| open.close(library, &layout)).map_err(refused(path))?;
    let small = pickles.small(&blocks).map_err(ConvertError::Spill)?;
    let content = Content { frame, blocks: &blocks, small: &small, told: &told };
    if layout.medium() == Medium::Disk {
        let file = File::options().write(true).open(path).map_err(OutputError::io("open", path))?;
        write_around(&file, path, &content, &addresses, &mut pickles, deadline)?;
        return Ok(file);
    }
    let image = Mutex::new(image);
    write_around(&image, path, &content, &addresses, &mut pickles, deadline)?;
    let _write = profile::span(Stage::Write);
    let mut file = File::create_new(path).map_err(OutputError::io("create", path))?;
    let image = image.into_inner().unwrap_or_else(PoisonError::into_inner);
    file.write_all(&image).map_err(OutputError::io("write", path))?;
    Ok(file)
}

fn is_worth_chunks(frame: &Frame, blocks: &[Block]) -> bool {
    let columns: usize = blocks.iter().filter(|block| !block.is_pickled()).map(|block| block.columns.len()).sum();
    frame.rows * (1 + columns) >= FEWEST_NUMBERS
}

/// Writes what is in no chunk: all pickles, and numbers if they are few.
fn write_around(
    file: &impl Sink,
    path: &Path,
    content: &Content<'_>,
    addresses: &Addresses,
    pickles: &mut Pickles,
    deadline: Deadline,
) -> Result<(), ConvertError> {
    let place = |(block, place): (&Block, &Place)| if block.is_pickled() { Place::default() } else { *place };
    let numbers = content.blocks.iter().zip(&addresses.blocks).map(place).collect();
    let numbers = Addresses { told: None, rows: addresses.rows, heaps: Vec::new(), blocks: numbers };
    fill::write(file, path, &Content { small: &[], ..*content }, &numbers, deadline)?;
    pickles.write(file, content, addresses, path)
}
