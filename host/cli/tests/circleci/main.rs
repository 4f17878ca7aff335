//! End to end against CircleCI's API as `baton_local::api` has it: the real command, the real component, HTTP on
//! loopback. Every answer that a test gets from the API is checked against CircleCI's own description of it, where that
//! is at hand (`described.rs`).
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use baton_testkit::{files, hostile, on_directory as place};

mod described;
mod full;
mod latest_set;
mod looking_up;
mod many;
mod plain;
mod secrets;
mod trouble;
mod world;
