//! The orbs that a config uses: from CircleCI's registry or a URL, kept on this machine, with their versions pinned.
//!
//! A reference such as `acme/deploy@7` is resolved once. The lock beside the files has the version and the digest that it
//! was resolved to, so that later runs use the same bytes without asking anybody.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::DirBuilder;
use std::io::{self, ErrorKind};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use baton_host::{CircleCi, DocumentError, Documents, HttpOptions, Secret};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::state_directory::replace_file;
use crate::error::{LocalError, Place};
use crate::orbs::{OrbReference, OrbSource};
use crate::plan::Plan;
use crate::{Config, Pipeline, Selection, plan};

/// CircleCI takes configs of 3 MB at most; an orb with its examples may be larger.
const ORB_BYTES_MAX: usize = 16 << 20;
const LOCK_BYTES_MAX: u64 = 16 << 20;
const LOCK: &str = "lock.json";
/// The query of CircleCI's own command. The registry resolves the version and returns the source at once.
const QUERY: &str = "query($ref: String!) { orbVersion(orbVersionRef: $ref) { version source } }";

/// Orbs that were fetched, and the means to fetch others.
#[derive(Debug)]
pub struct OrbLibrary {
    directory: PathBuf,
    /// How CircleCI is reached; nothing where only what is here may be used.
    circleci: Option<CircleCi>,
    /// Whether references are resolved again.
    update: bool,
    resolved: BTreeSet<OrbReference>,
    lock: Lock,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Lock {
    orbs: BTreeMap<String, Pin>,
}

/// The version and the digest that a reference was resolved to.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Pin {
    /// The whole version; nothing for a URL.
    version: Option<String>,
    /// The BLAKE3 digest of the text.
    digest: String,
}

/// Why an orb could not be fetched.
#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error(transparent)]
    Document(#[from] DocumentError),
    #[error("{0}")]
    Host(Box<baton_host::Error>),
    #[error("the registry has no such orb, or it is private and the token does not give access to it{0}")]
    Unknown(String),
    #[error("the registry's answer is not one: {0}")]
    Answer(String),
}

impl OrbLibrary {
    /// Opens the library in a directory, which is created when the first orb is fetched. Without `circleci` nothing is
    /// fetched. With `update` each reference is resolved again.
    ///
    /// # Errors
    ///
    /// [`LocalError::Files`] where the lock cannot be read.
    pub fn open(
        directory: PathBuf,
        circleci: Option<CircleCi>,
        update: bool,
    ) -> Result<OrbLibrary, LocalError> {
        let path = directory.join(LOCK);
        let unread = LocalError::files("cannot read the lock of the orbs", &path);
        let lock = match baton_host::files::read_text(&path, LOCK_BYTES_MAX) {
            Ok(text) => match serde_json::from_str(&text) {
                Ok(lock) => lock,
                Err(error) => return Err(unread(io::Error::new(ErrorKind::InvalidData, error))),
            },
            Err(error) if error.kind() == ErrorKind::NotFound => Lock::default(),
            Err(error) => return Err(unread(error)),
        };
        Ok(OrbLibrary {
            directory,
            circleci,
            update,
            resolved: BTreeSet::new(),
            lock,
        })
    }

    /// Plans a config with the orbs that it uses.
    ///
    /// # Errors
    ///
    /// The errors of [`plan`]; [`LocalError::Orb`] for an orb that cannot be fetched, and [`LocalError::OrbMissing`] for one that is
    /// not here where nothing is fetched.
    pub fn plan(
        &mut self,
        config: Config<'_>,
        pipeline: &Pipeline,
        selection: &Selection,
    ) -> Result<Plan, LocalError> {
        let mut orbs = config.orbs.to_vec();
        let mut unavailable: Vec<OrbReference> = config.unavailable.to_vec();
        let mut failures: Vec<LocalError> = Vec::new();
        let mut notes = Vec::new();
        loop {
            let config = Config {
                orbs: &orbs,
                unavailable: &unavailable,
                ..config
            };
            let (place, reference) = match plan(config, pipeline, selection) {
                Err(LocalError::OrbMissing { place, reference }) => (place, reference),
                planned => {
                    let mut planned = planned?;
                    planned.notes.splice(0..0, notes);
                    return Ok(planned);
                }
            };
            if unavailable.contains(&reference) {
                let missing = LocalError::OrbMissing { place, reference };
                return Err(failures.pop().unwrap_or(missing));
            }
            match self.orb(&reference, &place) {
                Ok((orb, note)) => {
                    orbs.push(orb);
                    notes.extend(note);
                }
                Err(failure) => {
                    failures.push(failure);
                    unavailable.push(reference);
                }
            }
        }
    }

    /// Returns an orb, and what a person should know of its version.
    fn orb(
        &mut self,
        reference: &OrbReference,
        place: &Place,
    ) -> Result<(OrbSource, Option<String>), LocalError> {
        let is_settled = !self.update || self.resolved.contains(reference) || self.circleci.is_none();
        let pin = self.lock.orbs.get(reference.as_str()).cloned();
        let pin = pin.filter(|_| is_settled);
        if let Some(pin) = &pin
            && let Some(text) = self.kept(reference, pin)?
        {
            return Ok((source(reference, pin, text), None));
        }
        let Some(circleci) = &self.circleci else {
            return Err(LocalError::OrbMissing {
                place: place.clone(),
                reference: reference.clone(),
            });
        };
        // What was pinned stays so, where only its file is lost.
        let wanted = match &pin {
            Some(Pin {
                version: Some(version),
                ..
            }) => format!("{}@{version}", reference.name()),
            _ => reference.as_str().to_owned(),
        };
        let fetched = match reference.is_url() {
            true => from_url(circleci, &wanted).map(|text| (None, text)),
            false => from_registry(circleci, &wanted).map(|(version, text)| (Some(version), text)),
        };
        let (version, text) = fetched.map_err(|error| LocalError::Orb {
            place: place.clone(),
            reference: reference.clone(),
            source: Box::new(error),
        })?;
        let digest = blake3::hash(text.as_bytes()).to_hex().to_string();
        let note = version
            .as_ref()
            .filter(|version| !reference.as_str().ends_with(&format!("@{version}")))
            .map(|version| format!("the orb {reference} is version {version}"));
        let pin = Pin { version, digest };
        self.keep(reference, &pin, &text)?;
        self.resolved.insert(reference.clone());
        Ok((source(reference, &pin, text), note))
    }

    /// Returns the text of an orb that was fetched before; nothing where its file is lost or changed.
    fn kept(&self, reference: &OrbReference, pin: &Pin) -> Result<Option<String>, LocalError> {
        let path = self.directory.join(file_name(reference, pin));
        match baton_host::files::read_text(&path, ORB_BYTES_MAX as u64) {
            Ok(text) if blake3::hash(text.as_bytes()).to_hex().as_str() == pin.digest => Ok(Some(text)),
            Ok(_) => Ok(None),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(LocalError::files("cannot read the orb", path)(error)),
        }
    }

    fn keep(&mut self, reference: &OrbReference, pin: &Pin, text: &str) -> Result<(), LocalError> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.directory)
            .map_err(LocalError::files(
                "cannot create the directory of the orbs",
                &self.directory,
            ))?;
        let unkept = |path: &Path| LocalError::files("cannot keep the orb", path.to_owned());
        let path = self.directory.join(file_name(reference, pin));
        replace_file(&path, text.as_bytes()).map_err(unkept(&path))?;
        self.lock.orbs.insert(reference.as_str().to_owned(), pin.clone());
        let path = self.directory.join(LOCK);
        let lock =
            serde_json::to_vec_pretty(&self.lock).map_err(|error| unkept(&path)(io::Error::other(error)))?;
        replace_file(&path, &lock).map_err(unkept(&path))
    }
}

fn source(reference: &OrbReference, pin: &Pin, text: String) -> OrbSource {
    let file = match &pin.version {
        Some(version) => format!("{}@{version}", reference.name()),
        None => reference.as_str().to_owned(),
    };
    OrbSource {
        name: reference.as_str().to_owned(),
        file,
        text,
    }
}

/// Returns the name of an orb's file: one for each version, or for each URL.
fn file_name(reference: &OrbReference, pin: &Pin) -> String {
    match &pin.version {
        Some(version) => format!("{}@{version}.yml", reference.name().replace('/', "~")),
        None => format!("{}.yml", blake3::hash(reference.as_str().as_bytes()).to_hex()),
    }
}

/// Asks CircleCI for the version and the source of an orb.
fn from_registry(circleci: &CircleCi, reference: &str) -> Result<(String, String), FetchError> {
    circleci
        .check()
        .map_err(|error| FetchError::Host(Box::new(error)))?;
    let options = HttpOptions {
        allow_http: circleci.base_url.starts_with("http:"),
        ..circleci.http.clone()
    };
    let documents = Documents::new(&options, ORB_BYTES_MAX)?;
    let url = format!("{}/graphql-unstable", circleci.base_url.trim_end_matches('/'));
    let query = json!({ "query": QUERY, "variables": { "ref": reference } });
    let answer = documents.post_json(
        &url,
        circleci.token.as_ref().map(Secret::expose),
        &query.to_string(),
    )?;
    let answer: Value =
        serde_json::from_str(&answer).map_err(|error| FetchError::Answer(error.to_string()))?;
    let text = |pointer: &str| answer.pointer(pointer).and_then(Value::as_str);
    match (text("/data/orbVersion/version"), text("/data/orbVersion/source")) {
        (Some(version), Some(source)) if is_version(version) => Ok((version.to_owned(), source.to_owned())),
        (Some(version), Some(_)) => Err(FetchError::Answer(format!("{version:?} is no version"))),
        _ => {
            let said = text("/errors/0/message").map_or_else(String::new, |said| format!(" ({said})"));
            Err(FetchError::Unknown(said))
        }
    }
}

/// The version becomes a part of a file's name.
fn is_version(version: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "-_.:+".contains(c);
    !version.is_empty() && version.len() <= 128 && version.chars().all(is_part)
}

fn from_url(circleci: &CircleCi, url: &str) -> Result<String, FetchError> {
    let documents = Documents::new(&circleci.http, ORB_BYTES_MAX)?;
    Ok(documents.get(url)?)
}
