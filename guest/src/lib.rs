//! All logic of baton: what is stored, under which names, in which order, and what a selector means.
//!
//! The same code runs as a WASI component inside the host and natively under `cargo test`. It reaches the world only
//! through the traits in [`ports`]; `component/` implements those over the WIT imports, `testing/` in memory. Nothing
//! here knows a path outside the granted directory, an environment variable, or a secret.

pub mod attach;
pub mod build_id;
pub mod channel;
pub mod chunk;
pub mod circleci;
#[cfg(target_family = "wasm")]
mod component;
pub mod condemned;
pub mod context;
pub mod counter;
mod date;
pub mod diff;
mod directory_reader;
pub mod error;
pub mod event;
pub mod external_sort;
pub mod frame;
pub mod glob;
pub mod id;
pub mod inventory;
mod json_lines;
pub mod keys;
pub mod lookup;
pub mod name;
pub mod order;
pub mod pack;
pub mod path;
mod patterns;
pub mod persist;
pub mod pointer;
pub mod ports;
pub mod prune;
pub mod recency;
pub mod record;
pub mod removal_note;
mod reserved;
pub mod scratch_list;
pub mod sealed;
pub mod selector;
pub mod signatures;
pub mod store_format;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod text;
pub mod transfer_plan;
pub mod tree;
pub mod verify;
pub mod wire;
pub mod workspace;

pub use error::{Error, Result};
