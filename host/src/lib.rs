//! baton passes files between CI jobs: within a workflow, across workflows, across CI systems, and back in time. This crate is
//! the library; the command `baton` (package `baton-cli`) is built on it.
//!
//! # First steps
//!
//! A [`Baton`] has a store and does everything else: one job [persists](persist) files under a name, another one
//! [attaches](attach) them, found by branch, build number, commit, tag, workflow or channel. The example at [`Baton`] is a
//! complete program.
//!
//! | to | use |
//! |---|---|
//! | say which job this is | [`builds::BuildContext`], by hand or from [`context::Context::detect`] |
//! | choose a store | [`DirectoryStore`], [`CloudStore`] (S3, GCS, Azure), [`MemoryStore`], or your own [`ObjectStore`] |
//! | store files | [`Baton::persist`] |
//! | fetch files | [`Baton::attach`] |
//! | find a build | [`Baton::resolve`], [`Baton::list`] |
//! | deploy and roll back | [`Baton::promote`], [`Baton::rollback`] |
//! | check a store, remove old builds | [`Baton::verify`], [`Baton::plan_prune`] |
//!
//! # Behaviour
//!
//! - Methods of [`Baton`] block. In an async program, call them in `spawn_blocking` or an equivalent.
//! - A WebAssembly component that this crate contains makes all decisions. It is sandboxed: [`Operation::grants`] is all
//!   that it can access for an operation. [`Options`] limits its memory and time.
//! - Nothing here touches the terminal, the environment variables or the home directory. You pass in what it needs.
//! - Failures are an [`Error`]. Those that the component reports have a stable code in their [`Problem`].
//! - Texts of stores, repositories and servers can hold control characters. Escape them with [`escaped`] before you print them.

pub mod attach;
mod baton;
mod beneath;
mod bindings;
mod build;
pub mod channel;
mod circleci_access;
mod circleci_source;
mod codes;
mod component;
pub mod context;
mod engine;
mod error;
mod escape;
pub mod files;
mod grants;
mod http;
mod instance;
mod interrupt;
mod look_up;
mod mirror;
mod options;
mod percent;
pub mod persist;
mod plugin_error;
mod problem;
mod random;
mod request;
pub mod retention;
mod secret;
mod set_latest;
mod signatures;
mod signing;
mod statement;
pub mod store;
mod syntax;
pub mod transfer;
mod tunables;
pub mod verify;

/// Builds: finding them by a selector, listing them, and comparing their files.
///
/// [`Baton::resolve`] answers "which build is the latest of `main`?", [`Baton::list`] returns the newest ones,
/// [`Baton::show`] and [`Baton::diff`] read their lists of files. All of them read the store and change nothing.
pub mod builds {
    pub use crate::build::{
        Build, BuildContext, Counter, FileChange, Kind, Names, Node, OnConflict, Order, Query, Rank,
        Resolution, Scope, Timestamp, TreeEntry,
    };
    pub use crate::look_up::{Details, Difference};
}

/// CircleCI: its artifacts as a place to search builds in, and the variable that says which build is the latest.
///
/// A [`Scope`](builds::Scope) with a [`CircleciSource`](circleci::CircleciSource) searches the artifacts of a project's jobs
/// instead of the store. [`CircleCi`] has the address and the token.
pub mod circleci {
    pub use crate::circleci_access::{CLOUD, CircleCi};
    pub use crate::circleci_source::{CircleciSource, ToldNumber};
    pub use crate::set_latest::{LatestSet, SetLatestRequest};
}

pub use crate::http::{DocumentError, Documents, HttpOptions, Proxies};
pub use baton::Baton;
pub use circleci_access::CircleCi;
pub use component::Component;
pub use error::Error;
pub use escape::{escaped, escaped_json, shortened};
pub use grants::{Access, GrantSet, NetworkAccess, OnWait, Operation, StoreAccess};
pub use instance::Paged;
pub use interrupt::Interrupt;
pub use options::Options;
pub use plugin_error::{Damage, PluginError, Problem};
pub use secret::{RedactedUrl, Secret};
pub use signing::{KeyError, SigningKey, VerifyingKey};
#[doc(no_inline)]
pub use store::{CloudStore, DirectoryStore, MemoryStore, ObjectStore};
pub use transfer::Progress;

/// The Rust blocks of the documents, which `cargo test --doc` compiles.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
#[doc = include_str!("../../docs/guides/embed.md")]
pub struct DocumentExamples;
