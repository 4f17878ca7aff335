//! The CircleCI and the project that are asked, and errors for questions that it cannot answer.

use serde::{Deserialize, Serialize};

use crate::error::Error;

/// The CircleCI and the project that are asked.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Source {
    /// The origin, for example `https://circleci.com`, without a slash at the end.
    pub base_url: String,
    /// The slug, for example `gh/acme/shop`.
    pub project: String,
    /// The time limit of one request including retries, in milliseconds.
    pub patience_ms: u64,
    /// The name of the variable that the host takes the token from: for messages.
    pub token_variable: String,
    /// Whether the host has a token.
    pub has_token: bool,
    /// The number that a variable says is the latest, where that is to decide.
    pub pinned: Option<PinnedBuild>,
}

/// A build number that a variable of the environment had when the job began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PinnedBuild {
    /// Its name.
    pub variable: String,
    /// Its value.
    pub number: u64,
}

/// Returns the error for what can only be done to a store of baton's.
pub fn read_only() -> Error {
    let message = "CircleCI's artifacts can only be read: a job adds to them with store_artifacts";
    Error::invalid("circleci-read-only", message, "circleci:")
}

/// Returns the error for a list of builds.
pub fn not_listed() -> Error {
    let message = "the builds of CircleCI's artifacts cannot be listed, except on its own pages; latest, show and attach find one of them";
    Error::invalid("circleci-not-listed", message, "circleci:")
}

/// Returns the error for what plain artifacts cannot answer.
pub fn only_plain(job: &str) -> Error {
    let message = format!("{job} has plain artifacts, of which CircleCI says neither sizes nor digests");
    Error::invalid("plain-artifacts", message, "circleci:")
}
