//! What stays from one run to the next: numbers, artifacts, variables and workspaces, in one directory.

use std::fs::{File, TryLockError};
use std::io::Read;
use std::path::{Path, PathBuf};

use super::state_directory::StateDirectory;
use super::{Outcome, RunOptions, Watch, unknown, workflow};
use crate::api::{Api, NewPipeline, Server, Settings};
use crate::error::{LocalError, Place};
use crate::pipeline::Pipeline;
use crate::plan::Plan;

/// The directory of a project's runs, locked, with its API on loopback.
#[derive(Debug)]
pub struct Session {
    pub(super) directory: PathBuf,
    state: StateDirectory,
    pub(super) api: Api,
    pub(super) token: String,
    server: Server,
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
        let directory = state.path().to_owned();
        let lock = state.lock_file()?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(LocalError::Busy(directory)),
            Err(TryLockError::Error(error)) => {
                return Err(LocalError::files("cannot lock the state directory", directory)(
                    error,
                ));
            }
        }
        let api = match state.saved()? {
            Some(text) => Api::from_json(&text, &directory.join("artifacts")).map_err(|error| {
                let error = std::io::Error::new(std::io::ErrorKind::InvalidData, error);
                LocalError::files("cannot read the state of earlier runs", &directory)(error)
            })?,
            None => Api::new(),
        };
        let token = token()?;
        let settings = Settings {
            token: Some(token.clone()),
            ..Settings::default()
        };
        let server = Server::start(api.clone(), settings).map_err(LocalError::files(
            "cannot start the API on loopback for",
            &directory,
        ))?;
        Ok(Session {
            directory,
            state,
            api,
            token,
            server,
            _lock: lock,
        })
    }

    /// Forgets earlier runs: their numbers, artifacts, variables and workspaces.
    ///
    /// # Errors
    ///
    /// [`LocalError::Files`] where something cannot be removed.
    pub fn reset(&self) -> Result<(), LocalError> {
        for name in ["artifacts", "workspaces"] {
            let directory = self.directory.join(name);
            if directory.exists() {
                super::place::remove(&directory)?;
            }
        }
        self.api.forget();
        self.save()
    }

    /// Returns the pipeline with the number and the id that it has in this session. Nothing is kept of it unless something
    /// runs.
    pub fn begin(&self, project: &str, pipeline: Pipeline) -> Pipeline {
        let added = self.api.add_pipeline(NewPipeline {
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

    /// Removes the directories of earlier jobs, does what a plan says, one job after the other, and returns how it went. A
    /// job that fails ends no other one that does not require it.
    ///
    /// # Errors
    ///
    /// [`LocalError`] where this machine does not do what it must: a disk is full, or bash is not there. A step that fails
    /// is an outcome.
    pub fn run(
        &self,
        plan: &Plan,
        pipeline: &Pipeline,
        options: &RunOptions,
        watch: Watch<'_>,
    ) -> Result<Outcome, LocalError> {
        let jobs = self.directory.join("jobs");
        if jobs.exists() {
            super::place::remove(&jobs)?;
        }
        let mut outcome = Outcome::default();
        for planned in &plan.workflows {
            let place = Place::file(format!("workflow {}", planned.name));
            let added = self
                .api
                .add_workflow(&pipeline.id, &planned.name)
                .map_err(unknown(&place))?;
            let run = workflow::WorkflowRun {
                session: self,
                pipeline,
                options,
                workflow: &added,
            };
            let ran = run.run(planned, &place, watch);
            self.save()?;
            outcome.workflows.push(ran?);
        }
        Ok(outcome)
    }

    pub(super) fn api_url(&self) -> String {
        self.server.base_url()
    }

    /// Saves the state of the API for the next run.
    pub(super) fn save(&self) -> Result<(), LocalError> {
        let text = self.api.to_json().map_err(|error| {
            let error = std::io::Error::other(error);
            LocalError::files("cannot save the state for the next run", &self.directory)(error)
        })?;
        self.state.save(&text)
    }
}

/// Returns a random token, which only the jobs of this run are given.
fn token() -> Result<String, LocalError> {
    let mut bytes = [0; 16];
    let source = Path::new("/dev/urandom");
    File::open(source)
        .and_then(|mut file| file.read_exact(&mut bytes))
        .map_err(LocalError::files("cannot read random bytes from", source))?;
    Ok(blake3::hash(&bytes).to_hex().to_string())
}
