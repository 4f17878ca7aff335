//! The note that a build was removed, by whom and why.

/// What says that a build was removed, by whom and why: created once, and left there.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub struct Note {
    /// The artifact's name.
    pub artifact: String,
    /// The number of the build.
    pub number: u64,
    /// Why.
    pub reason: Option<String>,
    /// Who.
    pub actor: Option<String>,
    /// The CI system.
    pub runner: String,
    /// Where people see the job.
    pub url: Option<String>,
    /// When, in milliseconds since 1970.
    pub created_ms: u64,
}
