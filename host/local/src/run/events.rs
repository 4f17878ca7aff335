//! The events of a run, for whoever prints them.

use std::path::Path;
use std::time::Duration;

use crate::plan::{Job, Step, Workflow};

/// The name of a node: that of its job, and which of the job's nodes it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeName {
    /// The name of the job.
    pub job: String,
    /// The index of the node, from 0.
    pub index: u32,
    /// The number of nodes of the job.
    pub total: u32,
}

/// An event of a run.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A workflow starts.
    WorkflowStarted(&'a Workflow),
    /// A node of a job starts.
    NodeStarted {
        /// The node.
        node: &'a NodeName,
        /// The job.
        job: &'a Job,
        /// The number of the job in the project.
        number: u64,
        /// The directory of the node.
        directory: &'a Path,
    },
    /// A step starts.
    StepStarted {
        /// The node that runs it.
        node: &'a NodeName,
        /// The step.
        step: &'a Step,
    },
    /// Output of a step, in pieces of any size.
    Output {
        /// The node that runs the step.
        node: &'a NodeName,
        /// The bytes.
        bytes: &'a [u8],
    },
    /// A step ended.
    StepEnded {
        /// The node that ran it.
        node: &'a NodeName,
        /// The step.
        step: &'a Step,
        /// Why it failed, if it did.
        failure: Option<&'a str>,
        /// The time that it took.
        took: Duration,
    },
    /// A message for the user.
    Note {
        /// The node that it is about; `None` if it is about the run.
        node: Option<&'a NodeName>,
        /// The message.
        text: &'a str,
    },
}

/// Receives the events of a run.
pub type Reporter<'r> = &'r (dyn Fn(Event<'_>) + Sync);
