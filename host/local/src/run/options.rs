//! Options of a run.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use baton_host::Options;

/// Options of a run.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// The directory that `checkout` copies: a git repository, or any directory.
    pub repository: PathBuf,
    /// The project's slug, for example `gh/acme/shop`.
    pub project: String,
    /// Variables of the project. Their values are masked in the output.
    pub variables: Vec<(String, String)>,
    /// The variables of contexts, by their names. Their values are masked in the output.
    pub contexts: BTreeMap<String, Vec<(String, String)>>,
    /// The directories of programs.
    pub path: OsString,
    /// The command `baton` on the path of the jobs.
    pub binary: PathBuf,
    /// The user who triggered the pipeline.
    pub actor: Option<String>,
    /// The names of the jobs that are approved.
    pub approved: Vec<String>,
    /// The number of nodes that run concurrently at most.
    pub jobs: usize,
    /// The longest time of a job. CircleCI has one of 5 hours.
    pub job_time_max: Duration,
    /// The program bubblewrap, for a sandbox around each job. `None`: jobs run as the user.
    pub sandbox: Option<PathBuf>,
    /// Directories of this machine that jobs in a sandbox may read and write, too.
    pub writable: Vec<PathBuf>,
    /// Whether jobs have a network. Without one they have no API on loopback either.
    pub network: bool,
    /// Options for persisting and attaching the workspace. Their interrupt ends the run.
    pub transfer: Options,
}
