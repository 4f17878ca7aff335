//! Jobs of CircleCI, as far as its API tells of them.

use serde::{Deserialize, Serialize};

use super::api::{JobDetails, WorkflowJob};
use crate::date::time_ms;

/// One run of a job, as far as the API said.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Job {
    /// The number that people and `build:N` use.
    pub number: u64,
    /// As the workflow calls it.
    pub name: Option<String>,
    /// The branch of its pipeline.
    pub branch: Option<String>,
    /// The tag of its pipeline.
    pub tag: Option<String>,
    /// The commit of its pipeline.
    pub commit: Option<String>,
    /// Its pipeline's number: what orders jobs first.
    pub pipeline: Option<u64>,
    /// Its workflow's id.
    pub workflow: Option<String>,
    /// The link to it.
    pub url: Option<String>,
    /// When it ended, in milliseconds since 1970, or 0.
    pub stopped_ms: u64,
    /// Whether its commit comes from a fork.
    pub fork: bool,
    /// Its status, if it did not succeed: its artifacts may be incomplete.
    pub unsuccessful: Option<String>,
}

impl Job {
    /// Returns its name for messages.
    pub fn shown(&self) -> String {
        match &self.name {
            Some(name) => format!("build:{} (job {name})", self.number),
            None => format!("build:{}", self.number),
        }
    }
}

/// Returns whether a job's name is one of those that are wanted. No names: all are.
pub(super) fn is_wanted(wanted: &[String], name: Option<&str>) -> bool {
    wanted.is_empty() || name.is_some_and(|name| wanted.iter().any(|wanted| wanted == name))
}

pub(super) fn job(details: JobDetails) -> Job {
    Job {
        number: details.number,
        name: Some(details.name),
        workflow: details.latest_workflow.map(|workflow| workflow.id),
        url: details.web_url,
        stopped_ms: time_ms(details.stopped_at.as_deref()),
        unsuccessful: Some(details.status).filter(|status| status != "success"),
        ..Job::default()
    }
}

/// Returns a job of a workflow, if it ran: an approval has no number.
pub(super) fn workflow_job(item: WorkflowJob, workflow: &str) -> Option<Job> {
    Some(Job {
        number: item.job_number?,
        name: Some(item.name),
        workflow: Some(workflow.to_owned()),
        stopped_ms: time_ms(item.stopped_at.as_deref()),
        ..Job::default()
    })
}
