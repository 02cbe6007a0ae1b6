//! HDF5 as pandas and PyTables lay it out, and as everybody else reads it.
//!
//! ```text
//! blocks    which columns are stored together, and how many bytes each block takes
//! layout    all that the library is told of an output; recent ones are kept
//! nodes     a layout as groups, arrays and attributes   by capi, under the lock
//! fill      the content, around the library             pickle, heap: its bytes
//! fixed     the whole of an output
//! table     the whole of an output in the other of pandas' layouts
//! bands     a frame in rows of chunks                    filter: what HDF5's filters make of them
//! packed    the fixed format, compressed
//! plain     another layout, one dataset a column
//! origin    what an output tells of its source, read back
//! ```
//!
//! Only [`capi`] talks to the library, under its process-wide lock; everything else here is plain bytes made ready
//! beforehand. Facts about the format were found by experiment with pandas 1.5 to 3.1 and PyTables 3.7 to 3.11.

#[cfg(any(test, feature = "bench"))]
pub(crate) mod alone;
mod bands;
mod blocks;
mod capi;
mod fill;
mod filter;
pub(crate) mod fixed;
mod heap;
mod layout;
mod nodes;
pub(crate) mod origin;
mod packed;
mod pickle;
pub(crate) mod plain;
mod refused;
pub(crate) mod table;
