//! The end-to-end tests of `host/cli/tests/cli` once more, with the store in an S3 bucket. Left out are:
//!
//! - `directories` and `full_disk`: they are about what only a directory can be, lack, or run out of;
//! - `many_builds`: it lays 100,000 records into a directory, which would take minutes through S3;
//! - `docs`, `help` and `invariants`: they read sources and documents, and know no store.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use baton_testkit::{files, on_bucket as place, stored};

#[path = "../cli/attaching.rs"]
mod attaching;
#[path = "../cli/bad_input.rs"]
mod bad_input;
#[path = "../cli/channels.rs"]
mod channels;
#[path = "../cli/crashes.rs"]
mod crashes;
#[path = "../cli/damage.rs"]
mod damage;
#[path = "../cli/deduplication.rs"]
mod deduplication;
#[path = "../cli/hostile_trees.rs"]
mod hostile_trees;
#[path = "../cli/json.rs"]
mod json;
#[path = "../cli/limits.rs"]
mod limits;
#[path = "../cli/order.rs"]
mod order;
#[path = "../cli/pipelines.rs"]
mod pipelines;
#[path = "../cli/races.rs"]
mod races;
#[path = "../cli/repeated.rs"]
mod repeated;
#[path = "../cli/round_trip.rs"]
mod round_trip;
#[path = "../cli/selectors.rs"]
mod selectors;
#[path = "../cli/upkeep.rs"]
mod upkeep;
#[path = "../cli/workspaces.rs"]
mod workspaces;
