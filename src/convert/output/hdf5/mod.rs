//! HDF5 as pandas and PyTables lay it out.
//!
//! Only [`capi`] talks to the library, under its process-wide lock; everything else here is plain bytes made ready
//! beforehand. Facts about the format were found by experiment with pandas 1.5 to 3.1 and PyTables 3.7 to 3.11.

#[cfg(any(test, feature = "bench"))]
pub(crate) mod alone;
mod blocks;
mod capi;
mod fill;
pub(crate) mod fixed;
mod heap;
mod layout;
mod nodes;
mod pickle;
