//! `baton local`.

use std::path::{Path, PathBuf};

use clap::Args;

use super::values::pair;
use crate::paths;

/// Run a config of CircleCI on this machine
///
/// Expands the config as CircleCI does, and runs the jobs one after the other, each in a directory of its own. There is no
/// Docker: jobs run here, as you. Numbers, artifacts, variables and workspaces stay for the next run.
#[derive(Debug, Args)]
pub(crate) struct Local {
    /// The config
    #[arg(default_value = ".circleci/config.yml", value_name = "CONFIG", value_parser = paths::parser())]
    pub(crate) file: PathBuf,
    /// Only this workflow
    #[arg(long)]
    pub(crate) workflow: Option<String>,
    /// Only this job, and those that it requires
    #[arg(long)]
    pub(crate) job: Option<String>,
    /// Print what would run, and run nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// A parameter of the pipeline. May be repeated
    #[arg(long = "parameter", value_name = "NAME=VALUE", value_parser = pair)]
    pub(crate) parameters: Vec<(String, String)>,
    /// A variable of the project; without a value, as it is here. May be repeated. Jobs see no other variable of yours
    #[arg(long = "env", value_name = "NAME[=VALUE]", value_parser = variable)]
    pub(crate) variables: Vec<String>,
    /// A job that waits for an approval, and has it. May be repeated
    #[arg(long = "approve", value_name = "JOB")]
    pub(crate) approved: Vec<String>,
    /// The file of an orb, without the version in its name: acme/tools=tools.yml. May be repeated. baton's own is built in
    #[arg(long = "orb", value_name = "NAME=FILE", value_parser = named_file)]
    pub(crate) orbs: Vec<(String, PathBuf)>,
    /// The branch of the pipeline. Default: as git says
    #[arg(long, conflicts_with = "tag")]
    pub(crate) branch: Option<String>,
    /// The tag of the pipeline, instead of a branch
    #[arg(long)]
    pub(crate) tag: Option<String>,
    /// The project. Default: as git says
    #[arg(long)]
    pub(crate) project: Option<String>,
    /// Where the runs of the project are kept. Default: baton/local in the user's data directory
    #[arg(long, value_name = "DIR", value_parser = paths::parser())]
    pub(crate) state: Option<PathBuf>,
    /// Forget earlier runs
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
