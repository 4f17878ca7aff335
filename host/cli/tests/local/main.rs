//! `baton local` end to end: the real command runs whole configs, those of the orb's examples among them, and the scripts of
//! the orb as they are packed. `laptop` is where a test works, `trees` compares what jobs left.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod article;
mod concurrent;
mod documents;
mod examples;
mod install;
mod integrations;
mod laptop;
mod orb;
mod pipeline;
mod registry;
mod runner;
mod sandbox;
mod services;
mod trees;
