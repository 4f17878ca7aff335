//! The contract in `wit/`, as Rust. Only what the rest of the crate or an embedder needs is re-exported.

#[expect(
    missing_docs,
    reason = "the documentation is in wit/, and not carried over to every item"
)]
mod generated {
    wasmtime::component::bindgen!({
        path: "../wit",
        world: "plugin",
        imports: { default: trappable },
        additional_derives: [Clone],
    });
}

pub(crate) use generated::baton::plugin::{attributes, scratch, store, types, waiting};
pub(crate) use generated::exports::baton::plugin::signatures::Found as FoundSignature;
pub(crate) use generated::exports::baton::plugin::transfer::{Report, Request};
pub(crate) use generated::{Plugin, PluginPre};

pub use generated::baton::plugin::types::{
    Build, BuildContext, CircleciSource, Counter, Damage, Error as PluginError, Kind, Node, OnConflict,
    Order, Problem, Rank, Scope, Timestamp, ToldNumber, Unfit,
};
pub use generated::exports::baton::plugin::builds::{Change, Names, Query, Resolution, TreeEntry};
pub use generated::exports::baton::plugin::channels::{
    Action as Move, BuildId, Event, Moved, Page as ChannelPage, Past, Pointer, PromoteRequest,
    RollbackRequest, Target,
};
pub use generated::exports::baton::plugin::circleci::{LatestSet, SetLatestRequest};
pub use generated::exports::baton::plugin::retention::{
    Amount, Decision, Policy as Retention, Pruned, RemoveRequest, Request as PruneRequest,
};
pub use generated::exports::baton::plugin::transfer::{
    Action, AttachRequest, Attached, Finding, IfNoFiles, PersistRequest, Persisted, Planned, Remedy,
    SpecialFiles, Step, StoredAgain, Task, Verified, VerifyRequest,
};
