//! The services that all jobs of a session share: the state directory and the API on loopback.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::caches::Caches;
use super::state_directory::StateDirectory;
use crate::api::{Api, Server, ServerOptions, UnknownId};
use crate::command::timings::Timings;
use crate::error::{LocalError, Place};

/// The state directory and the API on loopback.
#[derive(Debug)]
pub(super) struct Services {
    state: StateDirectory,
    pub(super) api: Api,
    pub(super) caches: Caches,
    /// The token of the API. Only the jobs of this session have it.
    pub(super) token: String,
    server: Server,
    saving: Mutex<()>,
}

impl Services {
    /// Reads the state of earlier runs, and starts the API.
    pub(super) fn start(state: StateDirectory) -> Result<Services, LocalError> {
        let directory = state.path();
        let api = match state.saved()? {
            Some(text) => Api::from_json(&text, &directory.join("artifacts")).map_err(|error| {
                let error = std::io::Error::new(std::io::ErrorKind::InvalidData, error);
                LocalError::files("cannot read the state of earlier runs", directory)(error)
            })?,
            None => Api::new(),
        };
        let token = token(directory)?;
        let options = ServerOptions {
            token: Some(token.clone()),
            ..ServerOptions::default()
        };
        let server = Server::start(api.clone(), options).map_err(LocalError::files(
            "cannot start the API on loopback for",
            directory,
        ))?;
        Ok(Services {
            caches: Caches::new(directory),
            state,
            api,
            token,
            server,
            saving: Mutex::new(()),
        })
    }

    pub(super) fn directory(&self) -> &Path {
        self.state.path()
    }

    pub(super) fn api_url(&self) -> String {
        self.server.base_url()
    }

    /// Returns the times of the tests of a job's last run.
    pub(super) fn timings(&self, job: &str) -> Result<Timings, LocalError> {
        let file = self.timings_file(job);
        Timings::read(&file).map_err(LocalError::files("cannot read the times of tests in", &file))
    }

    /// Saves the times of the tests of a job.
    pub(super) fn save_timings(&self, job: &str, timings: &Timings) -> Result<(), LocalError> {
        let file = self.timings_file(job);
        let failed = || LocalError::files("cannot save the times of tests in", &file);
        let parent = file.parent().unwrap_or(self.directory());
        fs::create_dir_all(parent)
            .and_then(|()| timings.write(&file))
            .map_err(failed())
    }

    fn timings_file(&self, job: &str) -> PathBuf {
        let name = blake3::hash(job.as_bytes()).to_hex();
        self.directory().join("timings").join(name.as_str())
    }

    /// Saves the state of the API for the next run.
    pub(super) fn save(&self) -> Result<(), LocalError> {
        // Jobs end concurrently.
        let _saving = self.saving.lock().unwrap_or_else(PoisonError::into_inner);
        let text = self.api.to_json().map_err(|error| {
            let error = std::io::Error::other(error);
            LocalError::files("cannot save the state for the next run", self.directory())(error)
        })?;
        self.state.save(&text)
    }
}

/// Returns a random token for a state directory.
pub(super) fn token(directory: &Path) -> Result<String, LocalError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| {
        let error = std::io::Error::other(format!("the system's random number generator failed: {error}"));
        LocalError::files("cannot create a token for", directory)(error)
    })?;
    Ok(blake3::hash(&bytes).to_hex().to_string())
}

/// Returns the error that the API does not have a record that this run added: a defect.
pub(super) fn unknown(place: &Place) -> impl FnOnce(UnknownId) -> LocalError {
    let place = place.clone();
    move |error| LocalError::Step {
        place,
        message: "the API on loopback lost a record".to_owned(),
        source: Box::new(error),
    }
}
