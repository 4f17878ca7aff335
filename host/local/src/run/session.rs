//! A session: a state directory, which keeps numbers, artifacts, variables and workspaces from one run to the next, and the
//! runs in it.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use super::events::Reporter;
use super::options::RunOptions;
use super::outcome::Outcome;
use super::services::{Services, token, unknown};
use super::state_directory::StateDirectory;
use super::{directories, workflow};
use crate::api::{Continuation, NewPipeline};
use crate::error::{LocalError, Place};
use crate::pipeline::Pipeline;
use crate::plan::Plan;

/// The state directory of a project, locked, with the API on loopback.
#[derive(Debug)]
pub struct Session {
    services: Services,
    /// Whether a plan ran: another one in the same session continues its pipeline.
    has_run: AtomicBool,
    // Its lock ends with it.
    _lock: File,
}

impl Session {
    /// Opens the directory, which is created if it does not exist, and starts the API.
    ///
    /// # Errors
    ///
    /// [`LocalError::Busy`] where another run has the directory, [`LocalError::Foreign`] where it holds other files,
    /// [`LocalError::Unsafe`] where it is not the user's alone, [`LocalError::Files`] where it cannot be used.
    pub fn open(directory: &Path) -> Result<Session, LocalError> {
        let state = StateDirectory::open(directory)?;
        let lock = state.lock_file()?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(LocalError::Busy(state.path().to_owned())),
            Err(TryLockError::Error(error)) => {
                return Err(LocalError::files("cannot lock the state directory", state.path())(error));
            }
        }
        Ok(Session {
            services: Services::start(state)?,
            has_run: AtomicBool::new(false),
            _lock: lock,
        })
    }

    /// Forgets earlier runs: their numbers, artifacts, variables and workspaces.
    ///
    /// # Errors
    ///
    /// [`LocalError::Files`] where something cannot be removed.
    pub fn reset(&self) -> Result<(), LocalError> {
        for name in ["artifacts", "caches", "timings", "workspaces"] {
            let directory = self.services.directory().join(name);
            if directory.exists() {
                directories::remove(&directory)?;
            }
        }
        self.services.api.forget();
        self.services.save()
    }

    /// Returns the pipeline with the number and the id that it has in this session. Nothing is kept of it unless something
    /// runs.
    pub fn begin(&self, project: &str, pipeline: Pipeline) -> Pipeline {
        let added = self.services.api.add_pipeline(NewPipeline {
            project: project.to_owned(),
            branch: pipeline.branch.clone(),
            tag: pipeline.tag.clone(),
            revision: pipeline.revision.clone(),
            fork: false,
        });
        Pipeline {
            id: added.id,
            number: added.number,
            ..pipeline
        }
    }

    /// Removes the directories of the jobs of earlier sessions, runs the plan, and returns the outcome. The failure of a job ends only the
    /// jobs that require its success.
    ///
    /// # Errors
    ///
    /// [`LocalError`] if the run cannot continue, for example because the disk is full. A failed step is an outcome.
    pub fn run(
        &self,
        plan: &Plan,
        pipeline: &Pipeline,
        options: &RunOptions,
        report: Reporter<'_>,
    ) -> Result<Outcome, LocalError> {
        let jobs = self.services.directory().join("jobs");
        if !self.has_run.swap(true, Ordering::Relaxed) && jobs.exists() {
            directories::remove(&jobs)?;
        }
        if plan.is_setup {
            self.services
                .api
                .expect_continuation(&token(self.services.directory())?);
        }
        let mut outcome = Outcome::default();
        for planned in &plan.workflows {
            let place = Place::file(format!("workflow {}", planned.name));
            let record = self
                .services
                .api
                .add_workflow(&pipeline.id, &planned.name)
                .map_err(unknown(&place))?;
            let run = workflow::WorkflowRun {
                services: &self.services,
                pipeline,
                options,
                record: &record,
                planned,
                report,
            };
            let ran = run.run(&place);
            self.services.save()?;
            outcome.workflows.push(ran?);
        }
        Ok(outcome)
    }

    /// Returns the config that the setup workflow of the last run continued the pipeline with, if it did.
    pub fn continuation(&self) -> Option<Continuation> {
        self.services.api.end_setup()
    }

    /// Returns the directory for the orbs that were fetched. [`Session::reset`] leaves it.
    pub fn orbs(&self) -> PathBuf {
        self.services.directory().join("orbs")
    }
}
