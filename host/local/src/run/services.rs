//! The services that all jobs of a session share: the state directory and the API on loopback.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::state_directory::StateDirectory;
use crate::api::{Api, Server, ServerOptions, UnknownId};
use crate::error::{LocalError, Place};

/// The state directory and the API on loopback.
#[derive(Debug)]
pub(super) struct Services {
    state: StateDirectory,
    pub(super) api: Api,
    /// The token of the API. Only the jobs of this session have it.
    pub(super) token: String,
    server: Server,
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
        let token = token()?;
        let options = ServerOptions {
            token: Some(token.clone()),
            ..ServerOptions::default()
        };
        let server = Server::start(api.clone(), options).map_err(LocalError::files(
            "cannot start the API on loopback for",
            directory,
        ))?;
        Ok(Services {
            state,
            api,
            token,
            server,
        })
    }

    pub(super) fn directory(&self) -> &Path {
        self.state.path()
    }

    pub(super) fn api_url(&self) -> String {
        self.server.base_url()
    }

    /// Saves the state of the API for the next run.
    pub(super) fn save(&self) -> Result<(), LocalError> {
        let text = self.api.to_json().map_err(|error| {
            let error = std::io::Error::other(error);
            LocalError::files("cannot save the state for the next run", self.directory())(error)
        })?;
        self.state.save(&text)
    }
}

/// Returns a random token.
pub(super) fn token() -> Result<String, LocalError> {
    let mut bytes = [0; 16];
    let source = Path::new("/dev/urandom");
    File::open(source)
        .and_then(|mut file| file.read_exact(&mut bytes))
        .map_err(LocalError::files("cannot read random bytes from", source))?;
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
