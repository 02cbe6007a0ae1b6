//! The bytes of a frame's blocks, made and given to nobody: for the benchmark of the stages.

use std::fs::File;

use super::super::super::ConvertError;
use super::super::super::frame::Frame;
use super::super::OutputError;
use super::blocks;
use super::fill::{self, Content};
use super::layout::{Addresses, Place};

/// Makes all bytes of the blocks of `frame`, its pickles included.
pub(crate) fn encode(frame: &Frame) -> Result<(), ConvertError> {
    let blocks = blocks::of(frame)?;
    let nowhere = File::options().write(true).open("/dev/null").map_err(OutputError::io("open", "/dev/null"))?;
    let place = Place { content: Some(0), row: Some(0) };
    let addresses = Addresses { rows: Some(0), heaps: Vec::new(), blocks: vec![place; blocks.len()] };
    let content = Content { frame, blocks: &blocks, small: &[] };
    fill::write(&nowhere, &content, &addresses).map_err(OutputError::io("write", "/dev/null"))?;
    Ok(())
}
