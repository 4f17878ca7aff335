//! End to end: the real command, the real component, real directories. A file a subject; `place` is where a test works,
//! `files` makes and compares trees, `stored` looks into a store and harms it. `host/cli/tests/s3` runs most of these on S3.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use baton_testkit::{files, history, hostile, on_directory as place, stored};

mod attaching;
mod attempts;
mod bad_input;
mod channels;
mod cleaning;
mod crashes;
mod crowded;
mod damage;
mod deduplication;
mod directories;
mod docs;
mod full_disk;
mod given;
mod granted;
mod help;
mod hints;
mod hostile_component;
mod hostile_settings;
mod hostile_stores;
mod hostile_trees;
mod installing;
mod interrupts;
mod invariants;
mod json;
mod layouts;
mod limits;
mod many_builds;
mod mounts;
mod neighbours;
mod odd_files;
mod order;
mod output;
mod pipelines;
mod races;
mod regressions;
mod repairs;
mod repeated;
mod round_trip;
mod scale;
mod selectors;
mod trust;
mod unanswered;
mod upkeep;
mod verbosity;
mod workspaces;
