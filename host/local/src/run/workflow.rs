//! A workflow: its jobs in their order, each if the jobs that it requires ended as required.

use super::assignment::Assignment;
use super::events::{Event, NodeName, Reporter};
use super::node::{self, NodeOutcome};
use super::options::RunOptions;
use super::outcome::{Ending, JobOutcome, WorkflowOutcome};
use super::services::{Services, unknown};
use super::upstream::Upstream;
use crate::api::{JobStatus, WorkflowRecord, WorkflowStatus};
use crate::error::{LocalError, Place};
use crate::pipeline::Pipeline;
use crate::plan::{Build, Job, JobKind, Status, Workflow};

/// A workflow to run.
pub(super) struct WorkflowRun<'a> {
    pub(super) services: &'a Services,
    pub(super) pipeline: &'a Pipeline,
    pub(super) options: &'a RunOptions,
    pub(super) record: &'a WorkflowRecord,
    pub(super) planned: &'a Workflow,
    pub(super) report: Reporter<'a>,
}

impl WorkflowRun<'_> {
    pub(super) fn run(&self, place: &Place) -> Result<WorkflowOutcome, LocalError> {
        (self.report)(Event::WorkflowStarted(self.planned));
        let mut outcome = WorkflowOutcome {
            name: self.planned.name.clone(),
            jobs: Vec::new(),
        };
        for job in &self.planned.jobs {
            let ended = self.job(job, &outcome.jobs, &place.within(&job.name))?;
            outcome.jobs.push(ended);
        }
        let has = |ending| outcome.jobs.iter().any(|job| job.ending == ending);
        let status = if has(Ending::Failed) {
            WorkflowStatus::Failed
        } else if has(Ending::OnHold) {
            WorkflowStatus::OnHold
        } else {
            WorkflowStatus::Success
        };
        self.services
            .api
            .set_workflow_status(&self.record.id, status)
            .map_err(unknown(place))?;
        Ok(outcome)
    }

    fn job(&self, job: &Job, before: &[JobOutcome], place: &Place) -> Result<JobOutcome, LocalError> {
        let without_run = |ending| JobOutcome {
            name: job.name.clone(),
            ending,
            number: None,
            directories: Vec::new(),
        };
        let runs = job.requires.iter().all(|requirement| {
            let ended = before.iter().find(|it| it.name == requirement.job);
            ended.is_some_and(|it| status(it.ending).is_some_and(|it| requirement.statuses.contains(&it)))
        });
        if !runs {
            return Ok(without_run(Ending::NotRun));
        }
        match &job.kind {
            JobKind::NoOp => Ok(without_run(Ending::Success)),
            JobKind::Approval if self.options.approved.contains(&job.name) => {
                Ok(without_run(Ending::Success))
            }
            JobKind::Approval => {
                let text = format!("{0} waits for an approval: --approve {0} gives it", job.name);
                (self.report)(Event::Note {
                    node: None,
                    text: &text,
                });
                Ok(without_run(Ending::OnHold))
            }
            JobKind::Build(build) => self.build(job, build, place),
        }
    }

    /// Runs all nodes of a job.
    fn build(&self, job: &Job, build: &Build, place: &Place) -> Result<JobOutcome, LocalError> {
        let api = &self.services.api;
        let record = api
            .add_job(&self.record.id, &job.name, build.parallelism)
            .map_err(unknown(place))?;
        let mut outcome = JobOutcome {
            name: job.name.clone(),
            ending: Ending::Success,
            number: Some(record.number),
            directories: Vec::new(),
        };
        let variables = api.variables(&record.project);
        let upstream = Upstream::of(job, self.planned);
        for index in 0..build.parallelism {
            let assignment = Assignment {
                services: self.services,
                options: self.options,
                pipeline: self.pipeline,
                workflow: self.record,
                job,
                build,
                record: &record,
                name: NodeName {
                    job: job.name.clone(),
                    index,
                    total: build.parallelism,
                },
                variables: &variables,
                upstream: &upstream,
                report: self.report,
            };
            let NodeOutcome { directory, succeeded } = node::run(&assignment, place).inspect_err(|_| {
                // The error of the node is returned. This one can only say that the record does not exist.
                let _ = api.set_job_status(&record.project, record.number, JobStatus::Failed);
            })?;
            outcome.directories.push(directory);
            if !succeeded {
                outcome.ending = Ending::Failed;
            }
        }
        let status = match outcome.ending {
            Ending::Success => JobStatus::Success,
            _ => JobStatus::Failed,
        };
        api.set_job_status(&record.project, record.number, status)
            .map_err(unknown(place))?;
        self.services.save()?;
        Ok(outcome)
    }
}

/// Returns how a job ended, in the words of `requires`; `None` for one that waits.
fn status(ending: Ending) -> Option<Status> {
    match ending {
        Ending::Success => Some(Status::Success),
        Ending::Failed => Some(Status::Failed),
        Ending::NotRun => Some(Status::NotRun),
        Ending::OnHold => None,
    }
}
