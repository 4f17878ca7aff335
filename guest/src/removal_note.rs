//! The note that a build was removed, with the actor and the reason.

/// The note that a build was removed, with the actor and the reason. Created once, and never deleted.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub struct Note {
    /// The artifact's name.
    pub artifact: String,
    /// The number of the build.
    pub number: u64,
    /// Why.
    pub reason: Option<String>,
    /// The person who removed it.
    pub actor: Option<String>,
    /// The CI system.
    pub runner: String,
    /// The link to the job.
    pub url: Option<String>,
    /// When, in milliseconds since 1970.
    pub created_ms: u64,
}
