//! The commands that look builds up and change nothing, and the options that they share.

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Subcommand};

use super::values::KeySource;

/// Print the latest build of a branch
///
/// It is looked up, in the order of pipeline and build numbers: a slow old build or a rerun never moves it back.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_help_heading = "Commands")]
pub(crate) struct Latest {
    #[command(subcommand)]
    pub(crate) command: Option<LatestCommand>,
    #[command(flatten)]
    pub(crate) look_up: LookUpArgs,
    #[command(flatten)]
    pub(crate) having: HavingArgs,
    #[command(flatten)]
    pub(crate) strict: StrictArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum LatestCommand {
    Set(LatestSet),
}

/// Set the variable of a project of CircleCI that says which build is the latest
///
/// For jobs that read the variable. A look-up needs none. What is known to move it backwards is refused, with exit code
/// 3; what cannot be known, since the API hides the value, is said.
#[derive(Debug, Args)]
pub(crate) struct LatestSet {
    /// The variable's name
    #[arg(long, default_value = "LATEST_BUILD_NUM", value_name = "NAME")]
    pub(crate) var: String,
    /// The number of the build. Default: this build's
    #[arg(long, value_name = "N")]
    pub(crate) value: Option<u64>,
    /// Set it even if that moves it backwards
    #[arg(long)]
    pub(crate) force: bool,
    /// The project. Default: that of --store circleci:SLUG, or as the runner or git says
    #[arg(long)]
    pub(crate) project: Option<String>,
}

/// List builds, newest first
#[derive(Debug, Args)]
pub(crate) struct Builds {
    /// Only of this commit, or of commits that begin with it
    #[arg(long, value_name = "SHA", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) commit: Option<String>,
    /// Only of this tag
    #[arg(long, value_parser = NonEmptyStringValueParser::new())]
    pub(crate) tag: Option<String>,
    /// Only of this branch. Default: of all
    #[arg(long, value_parser = NonEmptyStringValueParser::new())]
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

/// List the artifacts of a project
///
/// Prints a name a line, in the order of the store. Each takes one request.
#[derive(Debug, Args)]
pub(crate) struct Artifacts {
    #[command(flatten)]
    pub(crate) page: PageArgs,
    /// The project. Default: as the runner or git says
    #[arg(long)]
    pub(crate) project: Option<String>,
}

/// List the channels of an artifact, and the build that each points to
///
/// Each takes two requests.
#[derive(Debug, Args)]
pub(crate) struct Channels {
    #[command(flatten)]
    pub(crate) page: PageArgs,
    /// The artifact. Default: default
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// The project. Default: as the runner or git says
    #[arg(long)]
    pub(crate) project: Option<String>,
}

/// Which part of a list.
#[derive(Debug, Args)]
pub(crate) struct PageArgs {
    /// At most this many
    #[arg(long, default_value_t = 100, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) limit: u32,
    /// Only those after this name, in the order of the list
    #[arg(long, value_name = "NAME")]
    pub(crate) after: Option<String>,
}

/// Show a build: its record, its files, their sizes and digests
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// Which, as for attach
    #[arg(default_value = "latest")]
    pub(crate) selector: String,
    /// With --format intoto: print the statement as a DSSE envelope, signed by this Ed25519 key: a PEM file, or env:NAME
    #[arg(long, value_name = "KEY")]
    pub(crate) sign: Option<KeySource>,
    #[command(flatten)]
    pub(crate) look_up: LookUpArgs,
    #[command(flatten)]
    pub(crate) having: HavingArgs,
    #[command(flatten)]
    pub(crate) strict: StrictArgs,
}

/// Show what differs between the files of two builds
///
/// Compares paths, kinds, contents and permission bits, not times. No contents are fetched for it.
#[derive(Debug, Args)]
pub(crate) struct Diff {
    /// The first, as for attach
    pub(crate) before: String,
    /// The second
    pub(crate) after: String,
    /// Print sums only
    #[arg(long)]
    pub(crate) stat: bool,
    #[command(flatten)]
    pub(crate) look_up: LookUpArgs,
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
    /// With --store circleci: let this variable say which build is the latest. Default name: LATEST_BUILD_NUM
    #[arg(
        long,
        value_name = "VAR",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "LATEST_BUILD_NUM"
    )]
    pub(crate) from_env: Option<String>,
}

/// Which files a build must have.
#[derive(Debug, Args)]
pub(crate) struct HavingArgs {
    /// Only a build that has files that match: the newest of the last 100. For latest and latest@BRANCH. May be repeated:
    /// then each pattern must match
    #[arg(long, value_name = "GLOB")]
    pub(crate) having: Vec<String>,
}

/// What is done about damage.
#[derive(Debug, Args)]
pub(crate) struct StrictArgs {
    /// Fail where the latest build is damaged, instead of taking the newest intact one
    #[arg(long)]
    pub(crate) strict: bool,
}
