//! Tasks, outcomes and the rest of a download, as they cross between the calls of one run.

use serde::{Deserialize, Serialize};

use super::super::job::Job;
use super::super::source::Source;
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

/// The outcome of a task.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Outcome {
    pub(super) part: u32,
    pub(super) bytes: u64,
    pub(super) digest: Digest,
}

/// The part of a plan that `finish` needs in addition to the outcomes.
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
