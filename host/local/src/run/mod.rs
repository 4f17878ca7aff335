//! A plan, done: jobs one after the other on this machine, each in a directory of its own.
//!
//! What CircleCI gives to a job is here, too: its variables, its workspace, its artifacts and its API, the last one on
//! loopback. A file a step that CircleCI has itself. There is no Docker, no isolation and no parallel job.

mod artifacts;
mod checkout;
mod environment;
mod job;
mod place;
mod session;
mod shell;
mod state_directory;
mod workflow;
mod workspace;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use super::api::UnknownId;
use super::error::{LocalError, Place};
use super::plan::{Job, Step, Workflow};
use baton_host::Options;

pub use session::Session;

/// How jobs run.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// What checkout brings into a job: a directory, of a git repository or of none.
    pub repository: PathBuf,
    /// The project's slug, for example `gh/acme/shop`.
    pub project: String,
    /// Variables of the project and its contexts.
    pub variables: Vec<(String, String)>,
    /// Where programs are found.
    pub path: OsString,
    /// The command `baton` that jobs find on their path.
    pub binary: PathBuf,
    /// Who has triggered the pipeline.
    pub actor: Option<String>,
    /// The jobs that wait for an approval and have it.
    pub approved: Vec<String>,
    /// How the workspace is persisted and attached. Its interrupt ends a run early.
    pub options: Options,
}

/// What happens while a plan is done.
#[derive(Debug)]
#[non_exhaustive]
pub enum Occurrence<'a> {
    /// A workflow begins.
    Workflow(&'a Workflow),
    /// A node of a job begins.
    Node {
        /// The job.
        job: &'a Job,
        /// Its number in the project.
        number: u64,
        /// Which node, from 0, of how many.
        node: (u32, u32),
        /// Where it works.
        directory: &'a std::path::Path,
    },
    /// A step begins.
    Step(&'a Step),
    /// A step says something, in pieces of any size.
    Output(&'a [u8]),
    /// A step has ended.
    StepEnded {
        /// The step.
        step: &'a Step,
        /// Why it failed; nothing where it did not.
        failure: Option<&'a str>,
        /// How long it took.
        took: Duration,
    },
    /// What a person should know.
    Note(&'a str),
}

/// Hears what happens.
pub type Watch<'w> = &'w mut dyn FnMut(Occurrence<'_>);

/// How a plan went.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The workflows, in their order.
    pub workflows: Vec<WorkflowOutcome>,
}

/// How a workflow went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkflowOutcome {
    /// Its name.
    pub name: String,
    /// Its jobs, in the order in which they ran.
    pub jobs: Vec<JobOutcome>,
}

/// How a job went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobOutcome {
    /// Its name.
    pub name: String,
    /// How it ended.
    pub ending: Ending,
    /// Its number in the project, where it ran.
    pub number: Option<u64>,
    /// Where its nodes worked.
    pub directories: Vec<PathBuf>,
}

/// How a job ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// All its steps did.
    Success,
    /// One of its steps failed.
    Failed,
    /// It waits for an approval.
    OnHold,
    /// What it requires did not end as it must.
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

/// What the API was never told of: that would be a defect.
fn unknown(place: &Place) -> impl FnOnce(UnknownId) -> LocalError {
    let place = place.clone();
    move |error| LocalError::Step {
        place,
        message: "the API on loopback lost track".to_owned(),
        source: Box::new(error),
    }
}
