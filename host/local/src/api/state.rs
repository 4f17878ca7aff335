//! The state of the API: written by the runs, read by the requests.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::continuation::Expected;
use super::records::{
    Artifact, JobRecord, JobStatus, NewPipeline, PipelineRecord, WorkflowRecord, WorkflowStatus,
};
use super::{slug::short_slug, variables};

/// The state of the API. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Api(Arc<Mutex<State>>);

#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct State {
    pub(super) pipelines: Vec<PipelineRecord>,
    pub(super) workflows: Vec<WorkflowRecord>,
    pub(super) jobs: Vec<JobRecord>,
    #[serde(with = "variables")]
    pub(super) variables: BTreeMap<(String, String), String>,
    /// The last number that was given, by project.
    pipeline_numbers: BTreeMap<String, u64>,
    job_numbers: BTreeMap<String, u64>,
    ids: u64,
    #[serde(skip)]
    pub(super) expected: Expected,
}

/// An id that the state does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no {what} {id}")]
pub struct UnknownId {
    /// `pipeline`, `workflow` or `job`.
    pub what: &'static str,
    /// The id.
    pub id: String,
}

impl Api {
    /// Returns a state without anything in it.
    pub fn new() -> Api {
        Api::default()
    }

    pub(super) fn of(state: State) -> Api {
        Api(Arc::new(Mutex::new(state)))
    }

    /// Forgets everything.
    pub fn forget(&self) {
        *self.lock() = State::default();
    }

    /// A panic of another thread leaves nothing half done here: every change is one push or one assignment.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a pipeline, with the next number of its project.
    pub fn add_pipeline(&self, mut of: NewPipeline) -> PipelineRecord {
        of.project = short_slug(&of.project);
        let mut state = self.lock();
        let number = next(&mut state.pipeline_numbers, &of.project);
        let pipeline = PipelineRecord {
            id: state.id(),
            number,
            of,
            created_ms: now_ms(),
        };
        state.pipelines.push(pipeline.clone());
        pipeline
    }

    /// Adds a workflow to a pipeline, running.
    pub fn add_workflow(&self, pipeline: &str, name: &str) -> Result<WorkflowRecord, UnknownId> {
        let mut state = self.lock();
        state.pipeline(pipeline)?;
        let id = state.id();
        let workflow = WorkflowRecord {
            workspace: id.clone(),
            id,
            name: name.to_owned(),
            pipeline: pipeline.to_owned(),
            status: WorkflowStatus::Running,
            created_ms: now_ms(),
            stopped_ms: None,
        };
        state.workflows.push(workflow.clone());
        Ok(workflow)
    }

    /// Adds a rerun of a workflow: another workflow of the same pipeline, with the same workspace.
    pub fn add_rerun(&self, workflow: &str) -> Result<WorkflowRecord, UnknownId> {
        let mut state = self.lock();
        let first = state.workflow(workflow)?.clone();
        let again = WorkflowRecord {
            id: state.id(),
            status: WorkflowStatus::Running,
            created_ms: now_ms(),
            stopped_ms: None,
            ..first
        };
        state.workflows.push(again.clone());
        Ok(again)
    }

    /// Adds a running job to a workflow, with the next number of its project.
    pub fn add_job(&self, workflow: &str, name: &str, nodes: u32) -> Result<JobRecord, UnknownId> {
        let mut state = self.lock();
        let pipeline = state.workflow(workflow)?.pipeline.clone();
        let project = state.pipeline(&pipeline)?.of.project.clone();
        let number = next(&mut state.job_numbers, &project);
        let job = JobRecord {
            id: state.id(),
            project,
            number,
            name: name.to_owned(),
            workflow: workflow.to_owned(),
            status: JobStatus::Running,
            nodes: nodes.max(1),
            started_ms: now_ms(),
            stopped_ms: None,
            artifacts: Vec::new(),
        };
        state.jobs.push(job.clone());
        Ok(job)
    }

    /// Sets the number of the project's next job, unless it is below a number that was given.
    pub fn skip_to(&self, project: &str, number: u64) {
        let mut state = self.lock();
        let last = state.job_numbers.entry(short_slug(project)).or_default();
        *last = (*last).max(number.saturating_sub(1));
    }

    /// Sets the status of a job.
    pub fn set_job_status(&self, project: &str, number: u64, status: JobStatus) -> Result<(), UnknownId> {
        let mut state = self.lock();
        let job = state.job_mut(project, number)?;
        job.status = status;
        job.stopped_ms = (status != JobStatus::Running).then(now_ms);
        Ok(())
    }

    /// Sets the status of a workflow.
    pub fn set_workflow_status(&self, id: &str, status: WorkflowStatus) -> Result<(), UnknownId> {
        let mut state = self.lock();
        let unknown = || UnknownId {
            what: "workflow",
            id: id.to_owned(),
        };
        let workflow = state
            .workflows
            .iter_mut()
            .find(|workflow| workflow.id == id)
            .ok_or_else(unknown)?;
        workflow.status = status;
        let stopped = !matches!(status, WorkflowStatus::Running | WorkflowStatus::OnHold);
        workflow.stopped_ms = stopped.then(now_ms);
        Ok(())
    }

    /// Adds a file to a job's artifacts. One of the same path and node is replaced, as CircleCI does.
    pub fn add_artifact(&self, project: &str, number: u64, artifact: Artifact) -> Result<(), UnknownId> {
        let mut state = self.lock();
        let artifacts = &mut state.job_mut(project, number)?.artifacts;
        artifacts.retain(|there| (&there.path, there.node) != (&artifact.path, artifact.node));
        artifacts.push(artifact);
        Ok(())
    }

    /// Removes all artifacts of a job, as happens when they expire.
    pub fn expire_artifacts(&self, project: &str, number: u64) -> Result<(), UnknownId> {
        self.lock().job_mut(project, number)?.artifacts.clear();
        Ok(())
    }

    /// Returns how many jobs there are, of all projects.
    pub fn job_count(&self) -> usize {
        self.lock().jobs.len()
    }

    /// Returns a job as it stands.
    pub fn job(&self, project: &str, number: u64) -> Result<JobRecord, UnknownId> {
        self.lock().job_mut(project, number).cloned()
    }

    /// Returns a variable of a project, not masked.
    pub fn variable(&self, project: &str, name: &str) -> Option<String> {
        let key = (short_slug(project), name.to_owned());
        self.lock().variables.get(&key).cloned()
    }

    /// Returns all variables of a project, not masked: what a job sees in its environment when it starts.
    pub fn variables(&self, project: &str) -> BTreeMap<String, String> {
        let project = short_slug(project);
        let state = self.lock();
        let of_project = state.variables.iter().filter(|((of, _), _)| *of == project);
        of_project
            .map(|((_, name), value)| (name.clone(), value.clone()))
            .collect()
    }

    /// Sets a variable of a project.
    pub fn set_variable(&self, project: &str, name: &str, value: &str) {
        let key = (short_slug(project), name.to_owned());
        self.lock().variables.insert(key, value.to_owned());
    }
}

impl State {
    /// Returns a new id in the form of a UUID.
    fn id(&mut self) -> String {
        self.ids += 1;
        let digest = blake3::hash(&self.ids.to_le_bytes()).to_hex();
        let part = |from: usize, to: usize| digest.get(from..to).unwrap_or_default();
        format!(
            "{}-{}-4{}-8{}-{}",
            part(0, 8),
            part(8, 12),
            part(12, 15),
            part(15, 18),
            part(18, 30)
        )
    }

    pub(super) fn pipeline(&self, id: &str) -> Result<&PipelineRecord, UnknownId> {
        let found = self.pipelines.iter().find(|pipeline| pipeline.id == id);
        found.ok_or_else(|| UnknownId {
            what: "pipeline",
            id: id.to_owned(),
        })
    }

    pub(super) fn workflow(&self, id: &str) -> Result<&WorkflowRecord, UnknownId> {
        let found = self.workflows.iter().find(|workflow| workflow.id == id);
        found.ok_or_else(|| UnknownId {
            what: "workflow",
            id: id.to_owned(),
        })
    }

    fn job_mut(&mut self, project: &str, number: u64) -> Result<&mut JobRecord, UnknownId> {
        let project = short_slug(project);
        let found = self
            .jobs
            .iter_mut()
            .find(|job| job.project == project && job.number == number);
        found.ok_or_else(|| UnknownId {
            what: "job",
            id: format!("{number} of {project}"),
        })
    }

    pub(super) fn job(&self, project: &str, number: u64) -> Option<&JobRecord> {
        self.jobs
            .iter()
            .find(|job| job.project == project && job.number == number)
    }

    /// Whether anything is known of a project.
    pub(super) fn knows(&self, project: &str) -> bool {
        self.pipelines
            .iter()
            .any(|pipeline| pipeline.of.project == project)
            || self.variables.keys().any(|(of, _)| of == project)
    }
}

fn next(numbers: &mut BTreeMap<String, u64>, project: &str) -> u64 {
    let last = numbers.entry(project.to_owned()).or_default();
    *last += 1;
    *last
}

fn now_ms() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    now.as_millis() as u64
}
