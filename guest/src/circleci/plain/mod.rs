//! Plain artifacts become files: each is downloaded whole, under its path.
//!
//! CircleCI says neither size nor digest, so what is there cannot be compared, and every file is written anew. What holds
//! for a tree holds here as well: paths cannot leave the directory, nothing is seen before all of it is there.

mod finish;
mod plan;
mod worker;

use serde::{Deserialize, Serialize};

pub use finish::{Downloaded, abandon, finish};
pub use plan::{PlannedDownload, entries, plan};
pub use worker::run;

use super::{Job, Source};
use crate::id::Digest;

/// One artifact, and where its bytes go.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct TaskIn {
    /// Index into [`Rest::parts`].
    pub(super) part: u32,
    pub(super) path: String,
    pub(super) url: String,
    pub(super) staged: String,
}

/// What a worker reports of a task.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Outcome {
    pub(super) part: u32,
    pub(super) bytes: u64,
    pub(super) digest: Digest,
}

/// What `finish` needs besides the outcomes.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Rest {
    pub(super) jobs: Vec<Job>,
    pub(super) project: String,
    pub(super) attach: crate::attach::Rest,
    pub(super) parts: Vec<Part>,
}

/// One download. Several of one path must turn out to be equal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Part {
    pub(super) path: String,
    /// Index into [`Rest::jobs`].
    pub(super) job: u32,
    pub(super) node: u32,
}

/// For each worker.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Shared {
    pub(super) source: Source,
}
