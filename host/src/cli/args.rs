//! The grammar of the command line. These comments are the manual: `--help` prints them, and docs/cli.md is made of them.

use std::path::PathBuf;

use baton::context::Overrides;
use clap::{Args, Parser, Subcommand, ValueEnum};

/// Pass files from one CI job to the next: within a workflow, across workflows, across runners.
///
/// A job persists files under a name; another attaches them, by workspace, by latest build of a branch, by number, commit
/// or tag. Every byte is verified, and permission bits, symlinks and times arrive as they were.
#[derive(Debug, Parser)]
#[command(name = "baton", version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Args)]
pub(crate) struct Global {
    /// Where the files are kept: a directory. Default: baton/store in the user's data directory
    #[arg(long, global = true, env = "BATON_STORE", value_name = "DIR")]
    pub(crate) store: Option<String>,
    /// How results are printed
    #[arg(long, global = true, env = "BATON_FORMAT", value_enum, default_value_t)]
    pub(crate) format: Format,
    /// A file with defaults for these options. Default: baton.toml here or in a directory above
    #[arg(long, global = true, env = "BATON_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Another component to run instead of the built-in one
    #[arg(
        long,
        global = true,
        env = "BATON_COMPONENT",
        value_name = "FILE",
        hide_short_help = true
    )]
    pub(crate) component: Option<PathBuf>,
    /// How many workers share a transfer. Default: one a core, at most 8
    #[arg(
        long,
        global = true,
        env = "BATON_WORKERS",
        value_name = "N",
        hide_short_help = true
    )]
    pub(crate) workers: Option<usize>,
    /// The most memory of one instance of the component, in MiB. Default: 512
    #[arg(
        long,
        global = true,
        env = "BATON_MEMORY_MIB",
        value_name = "N",
        hide_short_help = true
    )]
    pub(crate) memory_mib: Option<usize>,
    /// The longest that one step of a run may take, in seconds. Default: 900
    #[arg(
        long,
        global = true,
        env = "BATON_TIMEOUT_SECONDS",
        value_name = "N",
        hide_short_help = true
    )]
    pub(crate) timeout_seconds: Option<u64>,
}

impl Global {
    /// Returns these options, and where they are silent the other ones.
    pub(crate) fn or(self, other: Global) -> Global {
        Global {
            store: self.store.or(other.store),
            format: if self.format == Format::default() {
                other.format
            } else {
                self.format
            },
            config: self.config.or(other.config),
            component: self.component.or(other.component),
            workers: self.workers.or(other.workers),
            memory_mib: self.memory_mib.or(other.memory_mib),
            timeout_seconds: self.timeout_seconds.or(other.timeout_seconds),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Format {
    /// For people
    #[default]
    Text,
    /// For scripts: one JSON value on standard output, described in docs/json.md
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Persist(Box<Persist>),
    Attach(Attach),
    Latest(Latest),
    Builds(Builds),
    Show(Show),
    Policy(Policy),
    /// Check the runner, the store and the set-up, and say what to mend
    Doctor,
    /// Print the digest, the size and the interface of the component
    Component,
}

/// Store files as an artifact of this build
///
/// Paths and globs are relative to --root. `*` and `?` stay within a name, `**` crosses directories, `{a,b}` and `[a-z]`
/// choose, and a leading `!` excludes. A directory stands for all that is in it. Prints the build, for example build:1234.
#[derive(Debug, Args)]
pub(crate) struct Persist {
    /// What to store, for example dist or 'target/release/*' or '!**/*.map'
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<String>,
    /// The artifact's name
    #[arg(long, default_value = "default")]
    pub(crate) name: String,
    /// The directory that paths are relative to: all that baton gets to see
    #[arg(long, default_value = ".", value_name = "DIR")]
    pub(crate) root: PathBuf,
    /// What to do where a path matches nothing
    #[arg(long, value_enum, default_value_t, value_name = "WHAT")]
    pub(crate) if_no_files: IfNoFiles,
    /// What to do where another job of the workspace persisted other bytes under the same path
    #[arg(long, value_enum, default_value_t, value_name = "WHAT")]
    pub(crate) on_conflict: OnConflict,
    /// Print what would be stored, and store nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) build: BuildArgs,
}

/// Bring files into a directory
///
/// SELECTOR is workspace (what this workflow persisted), latest, latest@BRANCH, build:1234, sha:abc123, tag:v1.2,
/// workflow:ID or tree:ID. A file appears under its name only when it is complete and verified; what is equal already is
/// left alone, and so is what the artifact does not have.
#[derive(Debug, Args)]
pub(crate) struct Attach {
    /// What to attach
    #[arg(default_value = "workspace")]
    pub(crate) selector: String,
    /// The directory to bring the files into. It is made if it is not there
    #[arg(long, value_name = "DIR")]
    pub(crate) at: PathBuf,
    /// Only files that match, and the directories above them. May be repeated; a leading `!` excludes
    #[arg(long, value_name = "GLOB")]
    pub(crate) only: Vec<String>,
    /// Also remove what the artifact does not have
    #[arg(long)]
    pub(crate) clean: bool,
    /// What to do where two jobs persisted other bytes under the same path
    #[arg(long, value_enum, default_value_t, value_name = "WHAT")]
    pub(crate) on_conflict: OnConflict,
    /// Print each step, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) look_up: LookUpArgs,
}

/// Print the latest build of a branch
///
/// It is looked up, in the order of pipeline and build numbers: a slow old build or a rerun never moves it back.
#[derive(Debug, Args)]
pub(crate) struct Latest {
    #[command(flatten)]
    pub(crate) look_up: LookUpArgs,
}

/// List builds, newest first
#[derive(Debug, Args)]
pub(crate) struct Builds {
    /// Only of this commit, or of commits that begin with it
    #[arg(long, value_name = "SHA")]
    pub(crate) commit: Option<String>,
    /// Only of this tag
    #[arg(long)]
    pub(crate) tag: Option<String>,
    /// Only of this branch. Default: of all
    #[arg(long)]
    pub(crate) branch: Option<String>,
    /// At most this many
    #[arg(long, default_value_t = 10, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) limit: u32,
    /// The artifact. Default: default
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Only builds of this job. May be repeated
    #[arg(long)]
    pub(crate) job: Vec<String>,
    /// The project. Default: as the runner or git says
    #[arg(long)]
    pub(crate) project: Option<String>,
}

/// Show a build: its record, its files, their sizes and digests
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// Which, as for attach
    #[arg(default_value = "latest")]
    pub(crate) selector: String,
    #[command(flatten)]
    pub(crate) look_up: LookUpArgs,
}

/// Print what a command would be granted, without running it
#[derive(Debug, Args)]
pub(crate) struct Policy {
    /// A command with its options, for example: baton policy persist --root out dist
    #[arg(
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "COMMAND"
    )]
    pub(crate) command: Vec<String>,
}

/// What is looked up, and for whom.
#[derive(Debug, Args)]
pub(crate) struct LookUpArgs {
    /// The artifact. Default: default, and every artifact of a workspace
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Only what this job persisted. May be repeated
    #[arg(long)]
    pub(crate) job: Vec<String>,
    /// The project. Default: as the runner or git says
    #[arg(long)]
    pub(crate) project: Option<String>,
    /// The branch of latest. Default: as the runner or git says
    #[arg(long)]
    pub(crate) branch: Option<String>,
    /// The workspace. Default: as the runner says
    #[arg(long, value_name = "ID")]
    pub(crate) workspace: Option<String>,
}

/// Which build this is, where the runner does not say or is wrong. docs/runners.md has where each comes from.
#[derive(Debug, Args)]
#[command(next_help_heading = "Which build this is (default: as the runner or git says)")]
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
    /// The number of the pull request that is built
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

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum IfNoFiles {
    /// Fail with exit code 3
    #[default]
    Error,
    /// Warn, and store what there is
    Warn,
    /// Store what there is
    Ignore,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum OnConflict {
    /// Fail, and name both jobs
    #[default]
    Error,
    /// Take the newer build's
    Newest,
}

impl From<IfNoFiles> for baton::IfNoFiles {
    fn from(choice: IfNoFiles) -> baton::IfNoFiles {
        match choice {
            IfNoFiles::Error => baton::IfNoFiles::Fail,
            IfNoFiles::Warn => baton::IfNoFiles::Warn,
            IfNoFiles::Ignore => baton::IfNoFiles::Ignore,
        }
    }
}

impl From<OnConflict> for baton::OnConflict {
    fn from(choice: OnConflict) -> baton::OnConflict {
        match choice {
            OnConflict::Error => baton::OnConflict::Fail,
            OnConflict::Newest => baton::OnConflict::Newest,
        }
    }
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
