//! The outcome of a run.

use std::path::PathBuf;

/// The outcome of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The workflows, in the order of the plan.
    pub workflows: Vec<WorkflowOutcome>,
}

/// The outcome of a workflow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkflowOutcome {
    /// The name.
    pub name: String,
    /// The jobs, in the order of the plan.
    pub jobs: Vec<JobOutcome>,
}

/// The outcome of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobOutcome {
    /// The name.
    pub name: String,
    /// How it ended.
    pub ending: Ending,
    /// The number in the project, if it ran.
    pub number: Option<u64>,
    /// The directories of its nodes.
    pub directories: Vec<PathBuf>,
    /// The results of its tests, if it stored any.
    pub tests: Option<TestCounts>,
}

/// Numbers of tests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TestCounts {
    /// Tests that passed.
    pub passed: u64,
    /// Tests with a failure or an error.
    pub failed: u64,
    /// Tests that were skipped.
    pub skipped: u64,
}

/// How a job ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// All steps succeeded.
    Success,
    /// A step failed.
    Failed,
    /// It waits for an approval.
    OnHold,
    /// A job that it requires did not end as required.
    NotRun,
}

impl Ending {
    /// Returns CircleCI's word for it.
    pub fn name(self) -> &'static str {
        match self {
            Ending::Success => "success",
            Ending::Failed => "failed",
            Ending::OnHold => "on_hold",
            Ending::NotRun => "not_run",
        }
    }
}

impl Outcome {
    /// Returns whether no job failed.
    pub fn is_success(&self) -> bool {
        let mut jobs = self.workflows.iter().flat_map(|it| &it.jobs);
        jobs.all(|job| job.ending != Ending::Failed)
    }
}
