//! All logic of baton: what is stored, under which names, in which order, and what a selector means.
//!
//! The same code runs as a WASI component inside the host and natively under `cargo test`. It reaches the world only
//! through the traits in [`ports`]; `component/` implements those over the WIT imports, [`memory`] for tests. Nothing
//! here knows a path outside the granted directory, an environment variable, or a secret.

pub mod attach;
pub mod channel;
pub mod circleci;
pub mod condemned;
pub mod context;
pub mod counter;
pub mod diff;
pub mod error;
pub mod event;
pub mod frame;
pub mod glob;
pub mod id;
pub mod keys;
mod lines;
mod listing;
pub mod lookup;
#[cfg(not(target_family = "wasm"))]
pub mod memory;
#[cfg(not(target_family = "wasm"))]
pub mod memory_http;
pub mod name;
pub mod order;
pub mod pack;
pub mod path;
pub mod persist;
pub mod plan;
pub mod ports;
pub mod prune;
pub mod record;
pub mod selector;
pub mod signatures;
pub mod spool;
pub mod store_format;
pub mod survey;
pub mod tree;
pub mod verify;
pub mod wire;
pub mod workspace;

#[cfg(target_family = "wasm")]
mod component;

pub use error::{Error, Result};
