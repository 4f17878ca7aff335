//! One workflow: its jobs in their order, each where what it requires has ended as it must.

use super::job::NodeRun;
use super::session::Session;
use super::{Ending, JobOutcome, Occurrence, RunOptions, Watch, WorkflowOutcome, unknown};
use crate::api::{JobStatus, Workflow as ApiWorkflow, WorkflowStatus};
use crate::error::{LocalError, Place};
use crate::pipeline::Pipeline;
use crate::plan::{Build, Job, JobKind, Status, Workflow};

/// What the jobs of a workflow share.
pub(super) struct WorkflowRun<'a> {
    pub(super) session: &'a Session,
    pub(super) pipeline: &'a Pipeline,
    pub(super) options: &'a RunOptions,
    pub(super) workflow: &'a ApiWorkflow,
}

impl WorkflowRun<'_> {
    pub(super) fn run(
        &self,
        planned: &Workflow,
        place: &Place,
        watch: Watch<'_>,
    ) -> Result<WorkflowOutcome, LocalError> {
        watch(Occurrence::Workflow(planned));
        let mut outcome = WorkflowOutcome {
            name: planned.name.clone(),
            jobs: Vec::new(),
        };
        for job in &planned.jobs {
            let ended = self.job(job, planned, &outcome.jobs, &place.within(&job.name), watch)?;
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
        self.session
            .api
            .set_workflow_status(&self.workflow.id, status)
            .map_err(unknown(place))?;
        Ok(outcome)
    }

    fn job(
        &self,
        job: &Job,
        planned: &Workflow,
        before: &[JobOutcome],
        place: &Place,
        watch: Watch<'_>,
    ) -> Result<JobOutcome, LocalError> {
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
                watch(Occurrence::Note(&format!(
                    "{} waits for an approval: --approve {} gives it",
                    job.name, job.name
                )));
                Ok(without_run(Ending::OnHold))
            }
            JobKind::Build(build) => self.build(job, build, planned, place, watch),
        }
    }

    /// Runs all nodes of a job, one after the other.
    fn build(
        &self,
        job: &Job,
        build: &Build,
        planned: &Workflow,
        place: &Place,
        watch: Watch<'_>,
    ) -> Result<JobOutcome, LocalError> {
        let api = &self.session.api;
        let added = api
            .add_job(&self.workflow.id, &job.name, build.parallelism)
            .map_err(unknown(place))?;
        let mut outcome = JobOutcome {
            name: job.name.clone(),
            ending: Ending::Success,
            number: Some(added.number),
            directories: Vec::new(),
        };
        let variables = api.variables(&added.project);
        let upstream = upstream(planned, job);
        for node in 0..build.parallelism {
            let run = NodeRun {
                workflow: self,
                job,
                build,
                api_job: &added,
                node,
                variables: &variables,
                upstream: &upstream,
            };
            let (directory, succeeded) = run.run(place, watch).inspect_err(|_| {
                // The error of the run is what matters; that the job is known to the API was seen above.
                let _ = api.set_job_status(&added.project, added.number, JobStatus::Failed);
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
        api.set_job_status(&added.project, added.number, status)
            .map_err(unknown(place))?;
        self.session.save()?;
        Ok(outcome)
    }
}

/// The jobs whose layers a job sees.
pub(super) struct Upstream {
    pub(super) names: Vec<String>,
    /// The nodes of one, and any two of which neither requires the other: what they persist must not differ.
    pub(super) side_by_side: Vec<Vec<String>>,
}

/// Returns all that a job requires, directly or not, in the order in which they ran.
fn upstream(planned: &Workflow, job: &Job) -> Upstream {
    let requires_all = |of: &Job| -> Vec<String> {
        let mut wanted: Vec<&str> = of.requires.iter().map(|it| it.job.as_str()).collect();
        let mut names = Vec::new();
        for before in planned.jobs.iter().rev() {
            if wanted.contains(&before.name.as_str()) {
                wanted.extend(before.requires.iter().map(|it| it.job.as_str()));
                names.push(before.name.clone());
            }
        }
        names.reverse();
        names
    };
    let names = requires_all(job);
    let mut side_by_side = Vec::new();
    for (at, name) in names.iter().enumerate() {
        let own = planned.jobs.iter().find(|it| it.name == *name);
        let required = own.map(requires_all).unwrap_or_default();
        side_by_side.push(vec![name.clone()]);
        // They are in the order in which they ran: none requires a later one.
        let others = names.iter().take(at).filter(|other| !required.contains(other));
        side_by_side.extend(others.map(|other| vec![other.clone(), name.clone()]));
    }
    Upstream { names, side_by_side }
}

/// Returns how a job ended, as `requires` asks for it; nothing for one that waits.
fn status(ending: Ending) -> Option<Status> {
    match ending {
        Ending::Success => Some(Status::Success),
        Ending::Failed => Some(Status::Failed),
        Ending::NotRun => Some(Status::NotRun),
        Ending::OnHold => None,
    }
}
