//! The bytes of a frame's blocks, made and given to nobody: for the benchmark of the stages.

use std::fs::File;

use super::super::super::ConvertError;
use super::super::super::frame::Frame;
use super::super::OutputError;
use super::blocks;
use super::fill::{self, Addresses};

/// Makes all bytes of the blocks of `frame`, its pickles included.
pub(crate) fn encode(frame: &Frame) -> Result<(), ConvertError> {
    let blocks = blocks::of(frame)?;
    let nowhere = File::options().write(true).open("/dev/null").map_err(OutputError::io("open", "/dev/null"))?;
    let addresses = Addresses { rows: Some(0), blocks: vec![Some(0); blocks.len()] };
    fill::write(&nowhere, frame, &blocks, &addresses).map_err(OutputError::io("write", "/dev/null"))?;
    Ok(())
}
