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
mod crash_images;
mod dice;
mod disks;
mod explain;
mod faults;
mod fuzz;
mod harness;
mod hostile;
mod house;
mod images;
mod kill_matrix;
mod kill_scenes;
mod limits;
mod lost_ledger;
mod many_keys;
mod missed;
mod mounts;
mod places;
mod power_loss;
mod producers;
mod profile;
mod random_kills;
mod random_options;
mod random_producers;
mod readback;
mod records;
mod schema;
mod shapes;
mod signs;
mod snapshot;
mod soak;
mod sync_order;
mod traced;
mod verbs;
mod verify;
