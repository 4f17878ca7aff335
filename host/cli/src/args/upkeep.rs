//! The commands that check a store and remove from it, and `baton policy`.

use std::time::Duration;

use clap::Args;

use super::channels::WhoArgs;
use super::context::{ContextArgs, ProjectField};
use super::lookup::LookUpArgs;
use super::values::KeySource;

/// Check a build or a store for missing and damaged data
///
/// Reads the records and trees, and checks that each pack exists and has the right size. With --data, reads every byte.
/// Prints the damage and the builds that it affects, and exits with code 1 if there is any. Never changes the store.
#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// Build to check: latest, latest@BRANCH, build:1234, sha:abc123, tag:v1.2, channel:NAME, workspace, workflow:ID or
    /// tree:ID [default: latest, or the whole store if the branch is not known]
    #[arg(conflicts_with = "all")]
    pub(crate) selector: Option<String>,
    /// Check all builds of all projects in the store, and all channels
    #[arg(long, conflicts_with_all = ["name", "job", "project", "branch", "workspace"])]
    pub(crate) all: bool,
    /// Read every byte, and check every digest
    #[arg(long)]
    pub(crate) data: bool,
    /// Check that this Ed25519 key has signed each build: a PEM file, or env:NAME for a variable that contains the PEM text
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Option<KeySource>,
    #[command(flatten)]
    pub(crate) look_up: LookUpArgs,
}

/// Remove old builds, and data that no build uses
///
/// A build is kept if any rule keeps it. The newest build of each branch and job, builds that a channel or a rollback
/// points to, and builds that are younger than the grace period are always kept. Without a --keep rule, only builds of
/// --branches-gone are removed. Data that no build uses any longer is deleted by a later prune, after the grace period.
#[derive(Debug, Args)]
pub(crate) struct Prune {
    /// Keep the last N builds of each branch
    #[arg(long, value_name = "N")]
    pub(crate) keep_last: Option<u32>,
    /// Keep builds that are younger than this, for example 90d or 12h
    #[arg(long, value_name = "AGE", value_parser = humantime::parse_duration)]
    pub(crate) keep_within: Option<Duration>,
    /// Keep builds of tags
    #[arg(long)]
    pub(crate) keep_tags: bool,
    /// Branches that no longer exist: their newest build is not kept. Separated by commas. May be repeated
    #[arg(long, value_name = "BRANCH", value_delimiter = ',')]
    pub(crate) branches_gone: Vec<String>,
    /// Remove builds whose record, tree or pack is missing or damaged, even if a rule keeps them
    ///
    /// Also removes the moves of a channel up to one that is missing or damaged, unless it is the last. Without this option,
    /// such a build or move stops the prune, because baton cannot tell which data it uses.
    #[arg(long)]
    pub(crate) drop_damaged: bool,
    /// Keep the builds that a rollback of up to N steps returns to, on each channel
    #[arg(long, default_value_t = 3, value_name = "N")]
    pub(crate) keep_channel_steps: u32,
    /// Time that unused data stays in the store: longer than any persist or attach takes, and at least 15m
    #[arg(long, default_value = "24h", value_name = "AGE", value_parser = humantime::parse_duration)]
    pub(crate) grace: Duration,
    /// Allow a grace period below 15m. No other command may use the store until the prune has finished
    ///
    /// A persist that runs at the same time can succeed and lose its data.
    #[arg(long)]
    pub(crate) no_other_writers: bool,
    /// Print the plan, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) context: ContextArgs<ProjectField>,
}

/// Remove one build
///
/// The build can no longer be found by branch, workspace, number, commit or tag. A note with the user, the time and the
/// reason remains. Data that only this build used is deleted by later prunes, after the grace period. Fails if a channel or
/// a rollback points to the build.
#[derive(Debug, Args)]
pub(crate) struct Remove {
    /// Build to remove: build:1234, sha:abc123, tag:v1.2, channel:NAME or latest
    pub(crate) selector: String,
    /// Reason, kept in the note
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// Remove the build even if a channel or a rollback points to it. Looking that channel up then fails
    #[arg(long)]
    pub(crate) even_if_pointed_to: bool,
    /// Print what would be removed, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) who: WhoArgs,
}

/// Print what a command is allowed to access, without running it
///
/// Lists the directory, the store and the network access of the component, and its limits.
#[derive(Debug, Args)]
pub(crate) struct Policy {
    /// Command with its options, for example: baton policy persist --root out dist
    #[arg(
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "COMMAND"
    )]
    pub(crate) command: Vec<String>,
}
