//! What stays from one run to the next: numbers, artifacts, variables and workspaces, in one directory.

use std::fs::{self, File, TryLockError};
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::super::api::{Api, NewPipeline, Server, Settings};
use super::super::error::{LocalError, Place};
use super::super::pipeline::Pipeline;
use super::super::plan::Plan;
use super::{Outcome, RunOptions, Watch, unknown, workflow};

/// The file that says whose directory it is.
const MARK: &str = "baton-local";

/// The directory of a project's runs, locked, with its API on loopback.
#[derive(Debug)]
pub struct Session {
    pub(super) directory: PathBuf,
    pub(super) api: Api,
    pub(super) token: String,
    server: Server,
    // Its lock ends with it.
    _lock: File,
}

impl Session {
    /// Opens the directory, made if it is not there, and starts the API.
    ///
    /// # Errors
    ///
    /// [`LocalError::Busy`] where another run has the directory, [`LocalError::Foreign`] where something else is in it,
    /// [`LocalError::Files`] where it cannot be used.
    pub fn open(directory: &Path) -> Result<Session, LocalError> {
        fs::create_dir_all(directory)
            .map_err(LocalError::files("the directory cannot be made", directory))?;
        let directory = directory
            .canonicalize()
            .map_err(LocalError::files("the directory cannot be used", directory))?;
        claim(&directory)?;
        let lock_path = directory.join("lock");
        let lock =
            File::create(&lock_path).map_err(LocalError::files("the lock cannot be made", &lock_path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(LocalError::Busy(directory)),
            Err(TryLockError::Error(error)) => {
                return Err(LocalError::files("the lock cannot be taken", lock_path)(error));
            }
        }
        let saved = directory.join("api.json");
        let api = match fs::read_to_string(&saved) {
            Ok(text) => Api::from_json(&text).map_err(|error| {
                let error = std::io::Error::new(std::io::ErrorKind::InvalidData, error);
                LocalError::files("what earlier runs left cannot be read", &saved)(error)
            })?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Api::new(),
            Err(error) => {
                return Err(LocalError::files("what earlier runs left cannot be read", &saved)(error));
            }
        };
        let token = token()?;
        let settings = Settings {
            token: Some(token.clone()),
            ..Settings::default()
        };
        let server = Server::start(api.clone(), settings).map_err(LocalError::files(
            "the API cannot be started on loopback for",
            &directory,
        ))?;
        Ok(Session {
            directory,
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

    /// Keeps what is known, for the next run.
    pub(super) fn save(&self) -> Result<(), LocalError> {
        let path = self.directory.join("api.json");
        let unsaved = || LocalError::files("what the next run needs cannot be kept", path.clone());
        let text = self
            .api
            .to_json()
            .map_err(|error| unsaved()(std::io::Error::other(error)))?;
        let new = path.with_extension("new");
        let mut file = File::create(&new).map_err(unsaved())?;
        file.write_all(text.as_bytes()).map_err(unsaved())?;
        fs::rename(&new, &path).map_err(unsaved())
    }
}

/// Marks a new directory as one of runs. One that has something in it and no such mark is somebody's: runs remove what
/// they find.
fn claim(directory: &Path) -> Result<(), LocalError> {
    let mark = directory.join(MARK);
    if mark.exists() {
        return Ok(());
    }
    let mut entries =
        fs::read_dir(directory).map_err(LocalError::files("the directory cannot be used", directory))?;
    if entries.next().is_some() {
        return Err(LocalError::Foreign(directory.to_owned()));
    }
    // Jobs may leave secrets here.
    fs::set_permissions(directory, fs::Permissions::from_mode(0o700))
        .and_then(|()| fs::write(&mark, "The runs of baton local. --reset forgets them.\n"))
        .map_err(LocalError::files("the directory cannot be used", &mark))
}

/// Returns a token that nobody else on this machine knows.
fn token() -> Result<String, LocalError> {
    let mut bytes = [0; 16];
    let source = Path::new("/dev/urandom");
    File::open(source)
        .and_then(|mut file| file.read_exact(&mut bytes))
        .map_err(LocalError::files("no random number can be had", source))?;
    Ok(blake3::hash(&bytes).to_hex().to_string())
}
