//! The commands that check a store and remove from it, and `baton policy`.

use std::time::Duration;

use clap::Args;

use super::channels::WhoArgs;
use super::lookup::LookUpArgs;
use super::values::KeySource;

/// Check that the store holds what it says
///
/// Reads records, trees and their references, and looks for each pack; --data reads every byte. Lists each damage with
/// the builds that it hurts, and ends with exit code 1 if there is any. Never changes the store.
#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// Which build, as for attach. Default: latest; the whole store where no branch is known
    #[arg(conflicts_with = "all")]
    pub(crate) selector: Option<String>,
    /// All builds of all projects in the store, and all channels
    #[arg(long, conflicts_with_all = ["name", "job", "project", "branch", "workspace"])]
    pub(crate) all: bool,
    /// Read every byte, and check every digest
    #[arg(long)]
    pub(crate) data: bool,
    /// Also check that each build is signed by this Ed25519 key: a PEM file, or env:NAME for a variable that holds one
    #[arg(long, value_name = "KEY")]
    pub(crate) key: Option<KeySource>,
    #[command(flatten)]
    pub(crate) look_up: LookUpArgs,
}

/// Remove builds that are not kept, and what only they used
///
/// Always kept are the newest build of each branch and job, what a channel or a rollback points to, and what is younger
/// than the grace period. Without any --keep rule no build is removed but those of branches that are gone. What nothing
/// uses any more is deleted by a later prune, after the grace period.
#[derive(Debug, Args)]
pub(crate) struct Prune {
    /// Keep the last N builds of each branch
    #[arg(long, value_name = "N")]
    pub(crate) keep_last: Option<u32>,
    /// Keep what is younger, for example 90d or 12h
    #[arg(long, value_name = "AGE", value_parser = humantime::parse_duration)]
    pub(crate) keep_within: Option<Duration>,
    /// Keep builds of tags
    #[arg(long)]
    pub(crate) keep_tags: bool,
    /// These branches do not exist any more: do not keep their newest build. May be repeated
    #[arg(long, value_name = "BRANCH", value_delimiter = ',')]
    pub(crate) branches_gone: Vec<String>,
    /// Remove builds whose record or tree is missing or damaged, or of which a pack is missing or too short, whatever else
    /// would keep them, and moves of channels up to one that is missing or damaged
    #[arg(long)]
    pub(crate) drop_damaged: bool,
    /// Keep what a rollback of up to N steps leads to, on each channel
    #[arg(long, default_value_t = 3, value_name = "N")]
    pub(crate) keep_channel_steps: u32,
    /// How long what nothing uses stays: longer than any persist or attach takes, and at least 15m
    #[arg(long, default_value = "24h", value_name = "AGE", value_parser = humantime::parse_duration)]
    pub(crate) grace: Duration,
    /// Take any grace period, 0s too: nobody persists to the store or attaches from it until the prune is done. A persist
    /// that runs meanwhile may end well and lose its packs
    #[arg(long)]
    pub(crate) no_other_writers: bool,
    /// Print the plan, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// The project whose builds are judged. Default: as the runner or git says
    #[arg(long)]
    pub(crate) project: Option<String>,
}

/// Remove one build that must go
///
/// Removes the build under all names: from its branch, its workspace, and by number, commit and tag. A note stays that says
/// who removed it, when and why. What only this build used, later prunes delete, after the grace period. A build that a
/// channel or a rollback points to is refused.
#[derive(Debug, Args)]
pub(crate) struct Remove {
    /// Which build: build:1234, sha:abc123, tag:v1.2, channel:NAME or latest
    pub(crate) selector: String,
    /// Why, for the note
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// Remove it even if a channel or a rollback points to it: what points to it then leads nowhere
    #[arg(long)]
    pub(crate) even_if_pointed_to: bool,
    /// Print what would go, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) who: WhoArgs,
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
