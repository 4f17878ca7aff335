//! End to end against CircleCI's API as `baton::local::api` has it: the real command, the real component, HTTP on
//! loopback. Every answer that a test gets from the API is checked against CircleCI's own description of it, where that
//! is at hand (`described.rs`).
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod described;
#[path = "../cli/files.rs"]
#[expect(dead_code, reason = "shared with the other end to end tests")]
mod files;
mod full;
#[path = "../cli/hostile.rs"]
mod hostile;
mod latest_set;
mod looking_up;
mod many;
#[path = "../cli/objects.rs"]
mod objects;
#[path = "../cli/place.rs"]
#[expect(dead_code, reason = "shared with the other end to end tests")]
mod place;
mod plain;
mod secrets;
#[path = "../cli/stored.rs"]
#[expect(dead_code, reason = "shared with the other end to end tests")]
mod stored;
mod trouble;
mod world;
