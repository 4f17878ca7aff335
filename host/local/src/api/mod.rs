//! The part of CircleCI's API that baton asks, on loopback: pipelines, workflows, jobs, their artifacts with all bytes,
//! and the variables of a project, in memory. It stands in for the service where there is none: on a developer's
//! machine and in tests.
//!
//! [`Api`] is the state, shared by all of its clones. [`Server`] answers HTTP from it: v2's pipelines, workflows, jobs,
//! artifacts and variables, v1.1's builds of a branch, and the download of an artifact.
//!
//! It deliberately has no queue, no users and no rate limit of its own, and forgets everything when it is dropped, unless
//! it was saved. It binds to 127.0.0.1 only.

mod answers;
mod body;
mod routes;
mod saved;
mod server;
mod state;

pub use server::{Asked, Exchange, Fault, Faults, Record, Server, Settings};
pub use state::{
    Api, Artifact, Content, Job, JobStatus, NewPipeline, Pipeline, UnknownId, Workflow, WorkflowStatus,
};
