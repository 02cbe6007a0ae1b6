//! The bytes of a frame's blocks, made and given to nobody: for the benchmark of the stages.

use std::fs::File;
use std::path::Path;

use super::super::super::ConvertError;
use super::super::super::deadline::Deadline;
use super::super::super::frame::Frame;
use super::super::OutputError;
use super::blocks;
use super::fill::{self, Content};
use super::layout::{Addresses, Place};

/// No run comes near it.
const SECS: u64 = 3600;

/// Makes all bytes of the blocks of `frame`, its pickles included.
pub(crate) fn encode(frame: &Frame) -> Result<(), ConvertError> {
    let blocks = blocks::of(frame)?;
    let path = Path::new("/dev/null");
    let nowhere = File::options().write(true).open(path).map_err(OutputError::io("open", path))?;
    let place = Place { content: Some(0), row: Some(0) };
    let addresses = Addresses { told: None, rows: Some(0), heaps: Vec::new(), blocks: vec![place; blocks.len()] };
    let content = Content { frame, blocks: &blocks, small: &[], told: "" };
    fill::write(&nowhere, path, &content, &addresses, Deadline::in_secs(SECS))
}
