//! Options of a run.

use std::ffi::OsString;
use std::path::PathBuf;

use baton_host::Options;

/// Options of a run.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// The directory that `checkout` copies: a git repository, or any directory.
    pub repository: PathBuf,
    /// The project's slug, for example `gh/acme/shop`.
    pub project: String,
    /// Variables of the project.
    pub variables: Vec<(String, String)>,
    /// The directories of programs.
    pub path: OsString,
    /// The command `baton` on the path of the jobs.
    pub binary: PathBuf,
    /// The user who triggered the pipeline.
    pub actor: Option<String>,
    /// The names of the jobs that are approved.
    pub approved: Vec<String>,
    /// Options for persisting and attaching the workspace. Their interrupt ends the run.
    pub transfer: Options,
}
