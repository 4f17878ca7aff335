//! `baton local`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use super::values::pair;
use crate::paths;

/// Run a CircleCI config on this machine
///
/// Expands the config as CircleCI does, and runs its jobs on this machine, each in its own directory and in a sandbox of
/// bubblewrap (bwrap): a job can read system directories and write to its own directory, and has no access to other files
/// and processes. Build numbers, artifacts, caches, variables and workspaces are kept for the next run.
#[derive(Debug, Args)]
pub(crate) struct Local {
    /// Config file
    #[arg(default_value = ".circleci/config.yml", value_name = "CONFIG", value_parser = paths::parser())]
    pub(crate) file: PathBuf,
    /// Run only this workflow
    #[arg(long)]
    pub(crate) workflow: Option<String>,
    /// Run only this job, and the jobs that it requires
    #[arg(long)]
    pub(crate) job: Option<String>,
    /// Print what would run, and run nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Pipeline parameter. May be repeated
    #[arg(long = "parameter", value_name = "NAME=VALUE", value_parser = pair)]
    pub(crate) parameters: Vec<(String, String)>,
    /// Project variable. Without a value, baton passes on the variable of its environment. May be repeated. Jobs get no
    /// other variables of the environment
    #[arg(long = "env", value_name = "NAME[=VALUE]", value_parser = variable)]
    pub(crate) variables: Vec<String>,
    /// Variables of a context, as lines NAME=VALUE. May be repeated
    #[arg(long = "context", value_name = "NAME=FILE", value_parser = named_file)]
    pub(crate) contexts: Vec<(String, PathBuf)>,
    /// Jobs and nodes that run at a time [default: processors]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) jobs: Option<u16>,
    /// End a job after this time
    #[arg(long, value_name = "TIME", default_value = "5h", value_parser = humantime::parse_duration)]
    pub(crate) job_timeout: Duration,
    /// Run jobs as the current user, without a sandbox
    #[arg(long)]
    pub(crate) no_sandbox: bool,
    /// Directory that jobs may write to, too. May be repeated
    #[arg(long, value_name = "DIR", value_parser = paths::parser(), conflicts_with = "no_sandbox")]
    pub(crate) writable: Vec<PathBuf>,
    /// Give jobs no network, and so no CircleCI API on loopback
    #[arg(long, conflicts_with = "no_sandbox")]
    pub(crate) no_network: bool,
    /// Approve this job, which waits for an approval. May be repeated
    #[arg(long = "approve", value_name = "JOB")]
    pub(crate) approved: Vec<String>,
    /// File to use in place of an orb of the registry or a URL: acme/tools=tools.yml for all versions, acme/tools@1.2=tools.yml
    /// for one. May be repeated. The orb of baton is built in
    #[arg(long = "orb", value_name = "NAME=FILE", value_parser = named_file)]
    pub(crate) orbs: Vec<(String, PathBuf)>,
    /// Fetch no orb, and use those that earlier runs fetched
    #[arg(long)]
    pub(crate) offline: bool,
    /// Look up the versions of orbs again, in place of those that earlier runs found
    #[arg(long, conflicts_with = "offline")]
    pub(crate) update_orbs: bool,
    /// Branch of the pipeline [default: from git]
    #[arg(long, conflicts_with = "tag")]
    pub(crate) branch: Option<String>,
    /// Tag of the pipeline, instead of a branch
    #[arg(long)]
    pub(crate) tag: Option<String>,
    /// Default branch, for pipeline.git.branch.is_default [default: that of the remote, from git]
    #[arg(long, value_name = "BRANCH")]
    pub(crate) default_branch: Option<String>,
    /// Value of the pipeline in place of the usual one, for example schedule.name=nightly. May be repeated. Without
    /// --parameter, a push triggers the pipeline, else the API
    #[arg(long = "pipeline-value", value_name = "NAME=VALUE", value_parser = pair)]
    pub(crate) values: Vec<(String, String)>,
    /// Project, for example gh/acme/shop [default: from git]
    #[arg(long)]
    pub(crate) project: Option<String>,
    /// Directory where baton keeps the runs of the project [default: baton/local/PROJECT in the user's data directory]
    #[arg(long, value_name = "DIR", value_parser = paths::parser())]
    pub(crate) state: Option<PathBuf>,
    /// Delete the state of earlier runs
    #[arg(long, conflicts_with = "dry_run")]
    pub(crate) reset: bool,
}

/// Parses NAME=FILE.
fn named_file(text: &str) -> Result<(String, PathBuf), String> {
    let (name, file) = pair(text)?;
    Ok((name, paths::expanded(Path::new(&file))?))
}

/// Parses NAME or NAME=VALUE.
fn variable(text: &str) -> Result<String, String> {
    match text.is_empty() || text.starts_with('=') {
        true => Err("it has no name".to_owned()),
        false => Ok(text.to_owned()),
    }
}
