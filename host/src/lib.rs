//! baton passes files from one CI job to the next. This crate is its host, and the API to embed it.
//!
//! All logic is in a WebAssembly component, which this crate carries, sandboxes and feeds: it has the store, one
//! directory, the servers that a run needs, and nothing else. [`Baton`] is where to start; the command `baton` is built on it.
//!
//! Library code here does not touch the terminal, the environment or the home directory; the command does.

pub mod attach;
mod baton;
mod beneath;
mod bindings;
pub mod builds;
pub mod channel;
pub mod circleci;
mod codes;
mod component;
pub mod context;
mod engine;
mod error;
mod escape;
pub mod files;
mod forms;
mod grants;
mod http;
mod instance;
mod interrupt;
mod mirror;
mod options;
pub mod persist;
mod plugin_error;
mod problem;
mod request;
pub mod retention;
mod signatures;
mod signing;
mod statement;
pub mod store;
pub mod transfer;
mod tunables;
pub mod verify;

pub use crate::http::{DocumentError, Documents, HttpOptions, Proxies};
pub use baton::Baton;
pub use circleci::CircleCi;
pub use component::Component;
pub use error::Error;
pub use escape::{escaped, escaped_json, shortened};
pub use grants::{Access, GrantSet, NetworkAccess, OnWait, Operation, StoreAccess};
pub use instance::Paged;
pub use interrupt::Interrupt;
pub use options::Options;
pub use plugin_error::{Damage, PluginError, Problem};
pub use signing::{KeyError, SigningKey, VerifyingKey};
#[doc(no_inline)]
pub use store::{CloudStore, DirectoryStore, MemoryStore, ObjectStore};
pub use transfer::Progress;

/// The Rust blocks of the documents, which `cargo test --doc` compiles.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
#[doc = include_str!("../../docs/guides/embed.md")]
pub struct DocumentExamples;
