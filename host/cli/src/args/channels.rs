//! The commands that move channels and list their moves.

use clap::Args;
use clap::builder::NonEmptyStringValueParser;

use super::context::{ContextArgs, MoverFields};

/// Point a channel at a build
///
/// Fails with exit code 3 if the channel points to a newer build, so that an old job that finishes late undoes nothing, or
/// if the channel is held after a rollback. To go back to an older build, use `baton rollback`, or name the build that the
/// channel points to with --if-current. Prints the selector of the build.
#[derive(Debug, Args)]
pub(crate) struct Promote {
    /// Build: latest, latest@BRANCH, build:1234, sha:abc123, tag:v1.2 or channel:NAME
    pub(crate) selector: String,
    /// Name of the channel, for example production
    pub(crate) channel: String,
    /// Reason for the move, kept in the history: at most 10000 bytes
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// Move the channel only if it points to this build now. Then it may also move to an older build
    #[arg(long, value_name = "SELECTOR")]
    pub(crate) if_current: Option<String>,
    /// Allow a build of a fork or a pull request
    #[arg(long)]
    pub(crate) allow_fork: bool,
    #[command(flatten)]
    pub(crate) who: WhoArgs,
}

/// Return a channel or a branch to an earlier build, and hold it there
///
/// A channel returns to the build that it pointed to before. The latest of a branch becomes the build before it. Until
/// `baton release`, promote and new builds do not move it. Prints the selector of the build.
#[derive(Debug, Args)]
pub(crate) struct Rollback {
    #[command(flatten)]
    pub(crate) pointer: PointerArgs,
    /// Build to return to: latest@BRANCH, build:1234, sha:abc123, tag:v1.2 or channel:NAME [default: the previous build]
    #[arg(long, value_name = "SELECTOR", conflicts_with = "steps")]
    pub(crate) to: Option<String>,
    /// Number of builds to go back, at most 1000
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) steps: u32,
    /// Reason for the move, kept in the history: at most 10000 bytes
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// Do not hold: the next promote moves the channel, or the next build becomes the latest of the branch
    #[arg(long)]
    pub(crate) no_hold: bool,
    #[command(flatten)]
    pub(crate) who: WhoArgs,
}

/// End the hold of a rollback
///
/// A channel keeps its build, and `baton promote` can move it again. The latest of a branch is its newest build again.
#[derive(Debug, Args)]
pub(crate) struct Release {
    #[command(flatten)]
    pub(crate) pointer: PointerArgs,
    /// Reason for the move, kept in the history: at most 10000 bytes
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    #[command(flatten)]
    pub(crate) who: WhoArgs,
}

/// List the moves of a channel or a branch, newest first
#[derive(Debug, Args)]
pub(crate) struct History {
    #[command(flatten)]
    pub(crate) pointer: PointerArgs,
    /// Maximum number of moves, at most 1000
    #[arg(long, default_value_t = 20, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) limit: u32,
    #[command(flatten)]
    pub(crate) who: WhoArgs,
}

/// The pointer that is moved: a channel, or the latest of a branch.
#[derive(Debug, Args)]
pub(crate) struct PointerArgs {
    /// Name of the channel, for example production
    #[arg(required_unless_present = "branch", conflicts_with = "branch")]
    pub(crate) channel: Option<String>,
    /// Branch whose latest build is meant, instead of a channel
    #[arg(long, value_parser = NonEmptyStringValueParser::new())]
    pub(crate) branch: Option<String>,
}

/// The artifact and the project of a channel, and who moves it.
#[derive(Debug, Args)]
#[command(next_help_heading = "Look-up options")]
pub(crate) struct WhoArgs {
    /// Name of the artifact
    #[arg(long, default_value = "default")]
    pub(crate) name: String,
    /// Only builds of this job. May be repeated
    #[arg(long)]
    pub(crate) job: Vec<String>,
    #[command(flatten)]
    pub(crate) context: ContextArgs<MoverFields>,
}
