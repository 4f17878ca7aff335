//! baton passes files from one CI job to the next. This crate is its host, and the API to embed it.
//!
//! All logic is in a WebAssembly component, which this crate carries, sandboxes and feeds: it has the store, one
//! directory, and nothing else. [`Baton`] is where to start; the command `baton` uses nothing that is not here.
//!
//! Library code here does not touch the terminal, the environment or the home directory; the command does.

mod baton;
mod bindings;
mod component;
pub mod context;
mod engine;
mod error;
mod grants;
mod problem;
pub mod request;
mod store;
mod tunables;

pub use baton::{Baton, Options, Progress};
pub use bindings::{
    Action, AttachRequest, Attached, Build, BuildContext, Damage, Details, IfNoFiles, Kind, Node, OnConflict,
    PersistRequest, Persisted, Planned, PluginError, Problem, Query, Scope, Step, Task, Timestamp, TreeEntry,
};
pub use component::Component;
pub use engine::Interrupt;
pub use error::Error;
pub use grants::Access;
pub use store::{ByteRange, DirectoryStore, Key, ObjectStore, PutMode, PutOutcome, StoreError};
