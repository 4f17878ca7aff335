//! The commands that look builds up and change nothing, and the options that they share.

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Subcommand};

use super::context::{ContextArgs, LookUpFields, ProjectField, VariableField};
use super::values::KeySource;

/// Print the latest build of a branch
///
/// baton looks the build up each time, by pipeline and build number: an old build that finishes late, or a rerun, never
/// replaces a newer one. Prints the selector of the build, for example build:1234.
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

/// Set the project variable on CircleCI that contains the number of the latest build
///
/// Only jobs that read the variable need it: baton looks the latest build up without it. Fails with exit code 3 if the
/// number is lower than the current one. If baton cannot tell, since the API masks values, it prints a warning.
#[derive(Debug, Args)]
pub(crate) struct LatestSet {
    /// Name of the variable
    #[arg(long, default_value = "LATEST_BUILD_NUM", value_name = "NAME")]
    pub(crate) var: String,
    /// Number of the build [default: the number of this build]
    #[arg(long, value_name = "N")]
    pub(crate) value: Option<u64>,
    /// Set the variable even if the number is lower than the current one
    #[arg(long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) context: ContextArgs<VariableField>,
}

/// List builds, newest first
#[derive(Debug, Args)]
pub(crate) struct Builds {
    /// List only builds of this commit: at least four hex digits
    #[arg(long, value_name = "SHA", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) commit: Option<String>,
    /// List only builds of this tag
    #[arg(long, value_parser = NonEmptyStringValueParser::new())]
    pub(crate) tag: Option<String>,
    /// List only builds that can be the latest of this branch
    #[arg(long, value_parser = NonEmptyStringValueParser::new())]
    pub(crate) branch: Option<String>,
    /// Maximum number of builds, at most 1000
    #[arg(long, default_value_t = 10, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) limit: u32,
    /// Name of the artifact
    #[arg(long, default_value = "default")]
    pub(crate) name: String,
    /// List only builds of this job. May be repeated
    #[arg(long)]
    pub(crate) job: Vec<String>,
    #[command(flatten)]
    pub(crate) context: ContextArgs<ProjectField>,
}

/// List the artifacts of a project
///
/// Prints one name on each line. Takes one request to the store for each artifact.
#[derive(Debug, Args)]
pub(crate) struct Artifacts {
    #[command(flatten)]
    pub(crate) page: PageArgs,
    #[command(flatten)]
    pub(crate) context: ContextArgs<ProjectField>,
}

/// List the channels of an artifact, and the build that each channel points to
///
/// Takes two requests to the store for each channel.
#[derive(Debug, Args)]
pub(crate) struct Channels {
    #[command(flatten)]
    pub(crate) page: PageArgs,
    /// Name of the artifact
    #[arg(long, default_value = "default")]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) context: ContextArgs<ProjectField>,
}

/// The part of a list that is printed.
#[derive(Debug, Args)]
pub(crate) struct PageArgs {
    /// Maximum number of lines, at most 1000
    #[arg(long, default_value_t = 100, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) limit: u32,
    /// List only names after this one
    #[arg(long, value_name = "NAME")]
    pub(crate) after: Option<String>,
}

/// Show a build: its record, and its files with their sizes and digests
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// Build to show: latest, latest@BRANCH, build:1234, sha:abc123, tag:v1.2, channel:NAME, workspace, workflow:ID or
    /// tree:ID
    #[arg(default_value = "latest")]
    pub(crate) selector: String,
    /// With --format intoto, print a DSSE envelope that is signed with this Ed25519 private key: a PEM file, or env:NAME for
    /// a variable that contains the PEM text
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
/// Compares paths, types, contents and permission bits, but not times. Fetches no file contents.
#[derive(Debug, Args)]
pub(crate) struct Diff {
    /// First build, for example build:1234: latest, latest@BRANCH, build:NUMBER, sha:COMMIT, tag:NAME, channel:NAME,
    /// workspace, workflow:ID or tree:ID
    pub(crate) before: String,
    /// Second build, for example latest
    pub(crate) after: String,
    /// Print only the totals
    #[arg(long)]
    pub(crate) stat: bool,
    #[command(flatten)]
    pub(crate) look_up: LookUpArgs,
}

/// The artifact, the job and the context of a look-up.
#[derive(Debug, Args)]
#[command(next_help_heading = "Look-up options")]
pub(crate) struct LookUpArgs {
    /// Name of the artifact [default: default; for workspace and workflow:ID, all artifacts]
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Only builds of this job. May be repeated
    #[arg(long)]
    pub(crate) job: Vec<String>,
    #[command(flatten)]
    pub(crate) context: ContextArgs<LookUpFields>,
    /// With --store circleci:, use the build number in this variable as the latest. Without a name, LATEST_BUILD_NUM
    #[arg(
        long,
        value_name = "VAR",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "LATEST_BUILD_NUM",
        hide_short_help = true
    )]
    pub(crate) from_env: Option<String>,
}

/// The files that a build must contain.
#[derive(Debug, Args)]
#[command(next_help_heading = "Look-up options")]
pub(crate) struct HavingArgs {
    /// With latest and latest@BRANCH, the newest of the last 100 builds that contains files that match. May be repeated:
    /// then each pattern must match
    #[arg(long, value_name = "GLOB")]
    pub(crate) having: Vec<String>,
}

/// Whether a damaged build is passed over.
#[derive(Debug, Args)]
#[command(next_help_heading = "Look-up options")]
pub(crate) struct StrictArgs {
    /// Fail if the latest build is damaged. Do not use an older one
    #[arg(long)]
    pub(crate) strict: bool,
}
