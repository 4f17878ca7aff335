//! The errors of the host. An error of the component is passed on unchanged.

use std::path::PathBuf;
use std::time::Duration;

use crate::plugin_error::PluginError;

/// A failure of a run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The component says what failed.
    #[error("{}", summary(.0))]
    Plugin(PluginError),
    /// The component ended itself: a defect, or an enemy.
    #[error("the component failed in `{call}`")]
    Trap {
        /// The export that was running.
        call: &'static str,
        /// Its output on standard error, and the place where it ended.
        report: String,
    },
    /// The component used more memory than it may.
    #[error("the component needs more than {limit_mib} MiB of memory in `{call}`")]
    Memory {
        /// The export that was running.
        call: &'static str,
        /// The limit in MiB.
        limit_mib: u64,
    },
    /// The system refuses what an instance reserves.
    #[error("the system has no memory for an instance of the component: {0}")]
    NoMemory(String),
    /// A call took longer than it may.
    #[error("`{call}` was ended after {} s", .limit.as_secs())]
    Timeout {
        /// The export that was running.
        call: &'static str,
        /// The limit.
        limit: Duration,
    },
    /// Somebody asked for the end.
    #[error("interrupted")]
    Interrupted,
    /// A component's file cannot be read.
    #[error("the component {} cannot be read", .path.display())]
    ComponentFile {
        /// Its path.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not a component of this world.
    #[error("{name} is not a component that this baton can run: {reason}")]
    ComponentInvalid {
        /// The name of the file.
        name: String,
        /// Why.
        reason: String,
    },
    /// The directory that a run needs cannot be used.
    #[error("the {what} {} cannot be used", .path.display())]
    Directory {
        /// `root` or `target`.
        what: &'static str,
        /// Its path.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The directory that a run worked in does not exist any more.
    #[error("the {what} {} was removed while it was used", .path.display())]
    DirectoryRemoved {
        /// `root` or `target`.
        what: &'static str,
        /// Its path.
        path: PathBuf,
    },
    /// A build is not signed by the key that is required.
    #[error("{build} is refused: {reason}")]
    Unsigned {
        /// Its selector.
        build: String,
        /// The missing part.
        reason: String,
    },
    /// CircleCI cannot be asked as it was said.
    #[error("CircleCI cannot be asked at {base_url}: {reason}")]
    CircleCi {
        /// The origin of the API.
        base_url: String,
        /// The reason.
        reason: String,
    },
    /// The store cannot be opened.
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
    /// The engine cannot be set up.
    #[error("the WebAssembly engine cannot be started: {0}")]
    Engine(String),
}

/// Returns the one sentence that says what the component reported.
fn summary(error: &PluginError) -> String {
    match error {
        PluginError::Damaged(damage) => damage.message.clone(),
        PluginError::Invalid(it)
        | PluginError::MissingContext(it)
        | PluginError::NothingMatched(it)
        | PluginError::Stale(it)
        | PluginError::Conflict(it)
        | PluginError::Unsupported(it)
        | PluginError::Files(it)
        | PluginError::Store(it)
        | PluginError::Limit(it)
        | PluginError::Internal(it) => it.message.clone(),
    }
}
