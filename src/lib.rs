//! Drop JSON into a folder; find HDF5 that pandas opens in another.

pub mod convert;

pub mod source;
