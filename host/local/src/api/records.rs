//! The records that the API keeps: pipelines, their workflows, jobs and artifacts.

use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The trigger of a pipeline: the project and the commit.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct NewPipeline {
    /// The slug, for example `gh/acme/shop`.
    pub project: String,
    /// The branch that is built. Absent on a tag.
    pub branch: Option<String>,
    /// The tag that is built.
    pub tag: Option<String>,
    /// The commit in full.
    pub revision: String,
    /// Whether the commit comes from a fork.
    pub fork: bool,
}

/// One run of a project's configuration.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PipelineRecord {
    /// A UUID.
    pub id: String,
    /// Counted by project, from 1.
    pub number: u64,
    /// The project and the commit.
    pub of: NewPipeline,
    /// In milliseconds since 1970.
    pub created_ms: u64,
}

/// One workflow of a pipeline, or a rerun of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct WorkflowRecord {
    /// A UUID.
    pub id: String,
    /// As the configuration calls it.
    pub name: String,
    /// The pipeline's id.
    pub pipeline: String,
    /// The id of the first run: a rerun keeps its workspace.
    pub workspace: String,
    /// The status.
    pub status: WorkflowStatus,
    /// In milliseconds since 1970.
    pub created_ms: u64,
    /// In milliseconds since 1970, once it has stopped.
    pub stopped_ms: Option<u64>,
}

/// One run of a job.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct JobRecord {
    /// A UUID.
    pub id: String,
    /// The project's slug.
    pub project: String,
    /// Counted by project over all of its jobs, reruns included, from 1.
    pub number: u64,
    /// As the configuration calls it.
    pub name: String,
    /// The workflow's id.
    pub workflow: String,
    /// The status.
    pub status: JobStatus,
    /// The number of nodes that run in parallel.
    pub nodes: u32,
    /// In milliseconds since 1970.
    pub started_ms: u64,
    /// In milliseconds since 1970, once it has stopped.
    pub stopped_ms: Option<u64>,
    /// In the order in which they were added.
    pub artifacts: Vec<Artifact>,
}

/// One file that a job stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Artifact {
    /// The name that the job gave it, of any form.
    pub path: String,
    /// The index of the node that stored it.
    pub node: u32,
    /// Its bytes.
    pub content: Content,
}

/// The bytes of an artifact, or where they are.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Content {
    /// In memory. It cannot be saved.
    #[serde(skip)]
    Bytes(Arc<[u8]>),
    /// In a file, which is read for each request.
    File(PathBuf),
    /// One byte, repeated.
    Repeated {
        /// The byte.
        byte: u8,
        /// The number of bytes.
        length: u64,
    },
}

impl From<&[u8]> for Content {
    fn from(bytes: &[u8]) -> Content {
        Content::Bytes(bytes.into())
    }
}

impl From<Vec<u8>> for Content {
    fn from(bytes: Vec<u8>) -> Content {
        Content::Bytes(bytes.into())
    }
}

/// The status of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum JobStatus {
    /// It is running.
    Running,
    /// It succeeded.
    Success,
    /// It failed.
    Failed,
    /// It was canceled.
    Canceled,
}

impl JobStatus {
    pub(super) fn word(self) -> &'static str {
        match self {
            JobStatus::Running => "running",
            JobStatus::Success => "success",
            JobStatus::Failed => "failed",
            JobStatus::Canceled => "canceled",
        }
    }
}

/// The status of a workflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum WorkflowStatus {
    /// A job runs.
    Running,
    /// All jobs succeeded.
    Success,
    /// A job failed.
    Failed,
    /// It waits for an approval.
    OnHold,
    /// It was canceled.
    Canceled,
}

impl WorkflowStatus {
    pub(super) fn word(self) -> &'static str {
        match self {
            WorkflowStatus::Running => "running",
            WorkflowStatus::Success => "success",
            WorkflowStatus::Failed => "failed",
            WorkflowStatus::OnHold => "on_hold",
            WorkflowStatus::Canceled => "canceled",
        }
    }
}
