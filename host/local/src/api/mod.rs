//! The part of CircleCI's API that baton uses, on loopback: pipelines, workflows, jobs, their artifacts with all bytes, and
//! the variables of a project. It replaces the service on a developer's machine and in tests.
//!
//! [`Api`] is the state, shared by all of its clones. [`Server`] serves it over HTTP: v2's pipelines, workflows, jobs,
//! artifacts and variables, v1.1's builds of a branch, and the download of an artifact.
//!
//! It deliberately has no queue, no users and no rate limit of its own. The state is in memory, unless it is saved as text.
//! The server binds to 127.0.0.1 only.

mod admission;
mod answers;
mod body;
mod continuation;
mod continuing;
mod escapes;
mod options;
mod records;
mod request;
mod routes;
mod saved;
mod server;
mod slug;
mod state;
mod variables;

pub use continuation::Continuation;
pub use options::{Fault, Faults, Observer, ServerOptions};
pub use records::{
    Artifact, Content, JobRecord, JobStatus, NewPipeline, PipelineRecord, WorkflowRecord, WorkflowStatus,
};
pub use request::{ApiRequest, Exchange};
pub use server::Server;
pub use state::{Api, UnknownId};
