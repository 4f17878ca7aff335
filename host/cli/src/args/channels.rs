//! The commands that move channels and list their moves.

use clap::Args;
use clap::builder::NonEmptyStringValueParser;

/// Point a channel at a build
///
/// A channel that is held does not move, nor does one that points to a newer build, unless --if-current says which build
/// it is to leave: so a slow old job undoes nothing. Both end with exit code 3.
#[derive(Debug, Args)]
pub(crate) struct Promote {
    /// The build, for example latest or build:1234
    pub(crate) selector: String,
    /// The channel, for example production
    pub(crate) channel: String,
    /// Why. Kept in the history
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// Only if the channel points to this build now
    #[arg(long, value_name = "SELECTOR")]
    pub(crate) if_current: Option<String>,
    /// Take a build of a fork or a pull request, too
    #[arg(long)]
    pub(crate) allow_fork: bool,
    #[command(flatten)]
    pub(crate) who: WhoArgs,
}

/// Go back to an earlier build, and stay there until it is released
///
/// On a channel, a step back is to the build that it pointed to before. On a branch, latest answers an earlier build.
#[derive(Debug, Args)]
pub(crate) struct Rollback {
    #[command(flatten)]
    pub(crate) pointer: PointerArgs,
    /// To this build, instead of one back
    #[arg(long, value_name = "SELECTOR", conflicts_with = "steps")]
    pub(crate) to: Option<String>,
    /// This many builds back
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) steps: u32,
    /// Why. Kept in the history
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// Let the next promote move the channel, or the next build be the latest of the branch
    #[arg(long)]
    pub(crate) no_hold: bool,
    #[command(flatten)]
    pub(crate) who: WhoArgs,
}

/// End the hold of a rollback
///
/// A channel stays where it is, and can be promoted again. The latest of a branch is its newest build again.
#[derive(Debug, Args)]
pub(crate) struct Release {
    #[command(flatten)]
    pub(crate) pointer: PointerArgs,
    /// Why. Kept in the history
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
    /// At most this many
    #[arg(long, default_value_t = 20, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) limit: u32,
    #[command(flatten)]
    pub(crate) who: WhoArgs,
}

/// What is moved: a channel, or the latest of a branch.
#[derive(Debug, Args)]
pub(crate) struct PointerArgs {
    /// The channel, for example production
    #[arg(required_unless_present = "branch", conflicts_with = "branch")]
    pub(crate) channel: Option<String>,
    /// The latest of this branch, instead of a channel
    #[arg(long, value_parser = NonEmptyStringValueParser::new())]
    pub(crate) branch: Option<String>,
}

/// Whose channel it is, and who moves it.
#[derive(Debug, Args)]
pub(crate) struct WhoArgs {
    /// The artifact. Default: default
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Only builds of this job. May be repeated
    #[arg(long)]
    pub(crate) job: Vec<String>,
    /// The project. Default: as the runner or git says
    #[arg(long)]
    pub(crate) project: Option<String>,
    /// Who does it. Default: as the runner says
    #[arg(long)]
    pub(crate) actor: Option<String>,
}
