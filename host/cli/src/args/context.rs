//! The options that say which build this is.

use baton_host::context::Overrides;
use clap::Args;

/// Which build this is, where the runner does not say or is wrong. docs/reference/runners.md has where each comes from.
#[derive(Debug, Args)]
#[command(next_help_heading = "Context options (default: from the runner or git)")]
pub(crate) struct BuildArgs {
    /// For example gh/acme/shop
    #[arg(long)]
    pub(crate) project: Option<String>,
    /// The branch that is built
    #[arg(long)]
    pub(crate) branch: Option<String>,
    /// The branch that new branches start from
    #[arg(long)]
    pub(crate) default_branch: Option<String>,
    /// The tag that is built
    #[arg(long)]
    pub(crate) tag: Option<String>,
    /// The commit, 7 to 64 hex digits
    #[arg(long, value_name = "SHA")]
    pub(crate) commit: Option<String>,
    /// The pipeline or run number: orders builds first
    #[arg(long, value_name = "N")]
    pub(crate) run: Option<String>,
    /// The build's number: what build:N means
    #[arg(long, value_name = "N")]
    pub(crate) number: Option<String>,
    /// The job number or attempt: orders builds of one run
    #[arg(long, value_name = "N")]
    pub(crate) attempt: Option<String>,
    /// What the run number counts, where several workflows or jobs share one count
    #[arg(long, value_name = "NAME")]
    pub(crate) counter: Option<String>,
    /// This run of the workflow
    #[arg(long, value_name = "ID")]
    pub(crate) workflow: Option<String>,
    /// The workspace: the same for a workflow and its reruns
    #[arg(long, value_name = "ID")]
    pub(crate) workspace: Option<String>,
    /// The job's name
    #[arg(long)]
    pub(crate) job: Option<String>,
    /// Which parallel node, from 0, of how many: 2/8
    #[arg(long, value_name = "INDEX/TOTAL")]
    pub(crate) node: Option<String>,
    /// The number of the pull request that is built; false for none
    #[arg(long, value_name = "N")]
    pub(crate) pull_request: Option<String>,
    /// Whether the commit comes from a fork
    #[arg(long, num_args = 0..=1, default_missing_value = "true", value_name = "BOOL")]
    pub(crate) fork: Option<String>,
    /// Where people see the job
    #[arg(long)]
    pub(crate) url: Option<String>,
    /// Who started it
    #[arg(long)]
    pub(crate) actor: Option<String>,
}

impl From<BuildArgs> for Overrides {
    fn from(args: BuildArgs) -> Overrides {
        let BuildArgs {
            project,
            branch,
            default_branch,
            tag,
            commit,
            run,
            number,
            attempt,
            counter,
            workflow,
            workspace,
            job,
            node,
            pull_request,
            fork,
            url,
            actor,
        } = args;
        Overrides {
            project,
            branch,
            default_branch,
            tag,
            commit,
            run,
            number,
            attempt,
            counter,
            workflow,
            workspace,
            job,
            node,
            pull_request,
            fork,
            url,
            actor,
        }
    }
}
