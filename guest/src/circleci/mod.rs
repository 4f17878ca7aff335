//! CircleCI: what its API says, and what its jobs stored as artifacts.
//!
//! A job's artifacts are one of two things, and tell themselves apart (`open.rs`): a baton store that was persisted to a
//! directory and stored as it is, which is read as any store is (`store.rs`); or plain files, which are attached under
//! their paths (`plain/`). Which job is meant is decided from what the API says at that moment (`find/`), not from a
//! variable that somebody has set.
//!
//! Nothing here has a token, or could tell one: the host adds it to the requests that it belongs to. Nor does anything
//! here decide which servers may be asked: the host does, and refuses the others.

mod api;
mod artifacts;
mod download;
mod find;
mod open;
pub mod plain;
mod retry;
mod send;
mod set_latest;
mod slug;
mod store;
mod url;

use serde::{Deserialize, Serialize};

pub use artifacts::Artifact;
pub use open::{Artifacts, open, resolve, store_of};
pub use set_latest::{LatestSet, SetLatest, set_latest};
pub use slug::Slug;
pub use store::{ArtifactStore, Index};

use crate::error::{Error, Result};

/// Which CircleCI is asked about which project.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Source {
    /// The origin, for example `https://circleci.com`, without a slash at the end.
    pub base_url: String,
    /// The slug, for example `gh/acme/shop`.
    pub project: String,
    /// How long one request is tried for, in milliseconds.
    pub patience_ms: u64,
    /// The name of the variable that the host takes the token from: for messages.
    pub token_variable: String,
    /// Whether the host has a token.
    pub has_token: bool,
    /// The number that a variable says is the latest, where that is to decide.
    pub told: Option<Told>,
}

/// What a variable of the environment said when the job began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// Its name.
    pub variable: String,
    /// Its value.
    pub number: u64,
}

/// One run of a job, as far as the API said.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Job {
    /// What people and `build:N` use.
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
    /// Where people see it.
    pub url: Option<String>,
    /// When it ended, in milliseconds since 1970, or 0.
    pub stopped_ms: u64,
    /// Whether its commit comes from a fork.
    pub fork: bool,
    /// How it stands, where it did not succeed: its artifacts may be incomplete.
    pub unsuccessful: Option<String>,
}

impl Job {
    /// How messages name it.
    pub fn shown(&self) -> String {
        match &self.name {
            Some(name) => format!("build:{} (job {name})", self.number),
            None => format!("build:{}", self.number),
        }
    }
}

/// Returns the error for what can only be done to a store of baton's.
pub fn read_only() -> Error {
    let message = "CircleCI's artifacts can only be read: a job adds to them with store_artifacts";
    Error::invalid("circleci-read-only", message, "circleci:")
}

/// Returns the error for a list of builds.
pub fn not_listed() -> Error {
    let message = "CircleCI's artifacts are not listed by build: its own pages do that; latest, show and attach look one up";
    Error::invalid("circleci-not-listed", message, "circleci:")
}

/// Returns the error for what plain artifacts cannot answer.
pub fn only_plain(job: &str) -> Error {
    let message = format!("{job} has plain artifacts, of which CircleCI says neither sizes nor digests");
    Error::invalid("plain-artifacts", message, "circleci:")
}

/// Reads a time as CircleCI writes it. 0 where there is none, since it is for show only.
fn time_ms(text: Option<&str>) -> u64 {
    let parsed = text.and_then(|text| humantime::parse_rfc3339_weak(text).ok());
    let since = parsed.and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
    since.map_or(0, |since| since.as_millis() as u64)
}

/// Checks the name of a variable: what CircleCI and a shell take.
fn check_variable(name: &str) -> Result<()> {
    let begins = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let plain = name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if begins && plain && name.len() <= 200 {
        return Ok(());
    }
    let message = "a variable's name has letters, digits and `_`, and does not begin with a digit";
    Err(Error::invalid("wrong-variable", message, name))
}
