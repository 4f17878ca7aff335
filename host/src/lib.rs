//! baton passes files from one CI job to the next. This crate is its host, and the API to embed it.
//!
//! All logic is in a WebAssembly component, which this crate carries, sandboxes and feeds: it has the store, one
//! directory, the servers that a run needs, and nothing else. [`Baton`] is where to start; the command `baton` is built on it.
//!
//! Library code here does not touch the terminal, the environment or the home directory; the command does.

mod baton;
mod beneath;
mod bindings;
mod circleci;
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
mod problem;
pub mod request;
mod signing;
mod statement;
mod store;
mod tunables;

pub use crate::http::{DocumentError, Documents, HttpOptions, Proxies};
pub use baton::{Baton, Details, Difference, Options, Progress, PrunePlan, Removal};
pub use bindings::{
    Action, Amount, AttachRequest, Attached, Build, BuildContext, BuildId, Change, ChannelPage,
    CircleciSource, Counter, Damage, Decision, Event, Finding, IfNoFiles, Kind, LatestSet, Move, Moved,
    Names, Node, OnConflict, Order, Past, PersistRequest, Persisted, Planned, PluginError, Pointer, Problem,
    PromoteRequest, PruneRequest, Pruned, Query, Rank, Remedy, RemoveRequest, Resolution, Retention,
    RollbackRequest, Scope, SetLatestRequest, SpecialFiles, Step, StoredAgain, Target, Task, Timestamp,
    ToldNumber, TreeEntry, Unfit, Verified, VerifyRequest,
};
pub use circleci::{CLOUD, CircleCi};
pub use component::Component;
pub use engine::Steps;
pub use error::Error;
pub use escape::{escaped, escaped_json, shortened};
pub use grants::{Access, GrantSet, NetworkAccess, OnWait, Operation, StoreAccess};
pub use instance::Paged;
pub use interrupt::Interrupt;
pub use signing::{KeyError, SigningKey, VerifyingKey};
pub use store::{
    Addressing, ByteRange, CloudLocation, CloudOptions, CloudStore, DirectoryStore, Key, MemoryStore,
    ObjectStore, Provider, PutMode, PutOutcome, RemoteFailure, RemoteKind, Role, StoreError, StoreLocation,
    StoreUse, Variables,
};

/// The Rust blocks of the documents, which `cargo test --doc` compiles.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
#[doc = include_str!("../../docs/guides/embed.md")]
pub struct Documents;
