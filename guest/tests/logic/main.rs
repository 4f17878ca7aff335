//! The logic, driven as a host drives it, on a store and directories in memory.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod bundles;
mod channels;
mod circleci;
mod circleci_search;
mod counters;
mod damage;
mod fallback;
mod golden;
mod hostile_entries;
mod hostile_places;
mod hostile_streams;
mod killed;
mod latest;
mod merging;
mod model;
mod names;
mod odd_files;
mod order_of_writes;
mod parts;
mod prune;
mod regressions;
mod repairs;
mod requests;
mod reruns;
mod reused;
mod revisions;
mod round_trip;
mod selectors;
mod slices;
mod support;
mod unsteady;
mod workspaces;
