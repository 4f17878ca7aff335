//! `baton local`.

use std::path::PathBuf;

#[cfg(test)]
use schemars::JsonSchema;
use serde::Serialize;

/// The result of `baton local`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(crate) struct LocalRun {
    /// The number of the pipeline, from 1.
    pub(crate) pipeline: u64,
    /// Whether no job failed.
    pub(crate) success: bool,
    pub(crate) workflows: Vec<LocalWorkflow<LocalJob>>,
}

/// The plan that `baton local --dry-run` prints.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(crate) struct LocalPlan {
    /// True.
    pub(crate) dry_run: bool,
    /// The parts that are left out, and why.
    pub(crate) notes: Vec<String>,
    pub(crate) pipeline: u64,
    pub(crate) workflows: Vec<LocalWorkflow<PlannedJob>>,
}

/// A workflow, and its jobs in order.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(crate) struct LocalWorkflow<J> {
    pub(crate) jobs: Vec<J>,
    pub(crate) name: String,
}

/// A job that ran, or did not.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(crate) struct LocalJob {
    /// The directory of each node.
    pub(crate) directories: Vec<PathBuf>,
    pub(crate) name: String,
    /// The N of `build:N`. Null if it did not run.
    pub(crate) number: Option<u64>,
    /// `success`, `failed`, `on_hold` or `not_run`.
    pub(crate) status: &'static str,
    /// Null if the job stored no test results.
    pub(crate) tests: Option<LocalTests>,
}

/// The test results of a job.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(crate) struct LocalTests {
    pub(crate) failed: u64,
    pub(crate) passed: u64,
    pub(crate) skipped: u64,
}

/// A job that would run.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(crate) struct PlannedJob {
    /// The executor on CircleCI. Null if it runs no steps.
    pub(crate) executor: Option<String>,
    /// `build`, `approval` or `no-op`.
    pub(crate) kind: &'static str,
    pub(crate) name: String,
    pub(crate) nodes: Option<u64>,
    /// Names of jobs.
    pub(crate) requires: Vec<String>,
    pub(crate) steps: Vec<LocalStep>,
}

/// A step of a job.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(JsonSchema))]
pub(crate) struct LocalStep {
    /// Of a `run`.
    pub(crate) command: Option<String>,
    pub(crate) kind: String,
    pub(crate) name: String,
}
