//! Integration tests: the real program on real files, its outputs read back by real pandas.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "test code")]

mod agent;
mod bad_input;
mod bad_records;
mod bench;
mod burst;
mod compressed;
mod convert;
mod crash;
mod fuzz;
mod harness;
mod house;
mod limits;
mod many_keys;
mod missed;
mod mounts;
mod places;
mod producers;
mod profile;
mod random_options;
mod random_producers;
mod readback;
mod records;
mod schema;
mod shapes;
mod signs;
mod verbs;
