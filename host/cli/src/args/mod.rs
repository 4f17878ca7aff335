//! The grammar of the command line, a file for each group of commands. The doc comments are the help that `--help` prints.

mod channels;
mod context;
mod global;
mod installing;
mod local;
mod lookup;
mod store;
mod transfer;
mod upkeep;
mod values;

use clap::{Parser, Subcommand};

pub(crate) use channels::{History, PointerArgs, Promote, Release, Rollback, WhoArgs};
pub(crate) use global::{Format, FormatArg, Global};
pub(crate) use installing::{Completions, Component, Man};
pub(crate) use local::Local;
pub(crate) use lookup::{
    Artifacts, Builds, Channels, Diff, Latest, LatestCommand, LatestSet, LookUpArgs, Show,
};
pub(crate) use store::{AddressingArg, StoreArgs};
pub(crate) use transfer::{Attach, IfNoBuild, Persist};
pub(crate) use upkeep::{Policy, Prune, Remove, Verify};
pub(crate) use values::{KeySource, MEMORY_MIB_MAX, SECONDS_MAX, WORKERS_MAX};

/// Pass files from one CI job to the next: within a workflow, across workflows and across runners.
///
/// A job persists files under a name. Another job attaches them: from the workspace of its workflow, from the latest build
/// of a branch, or by build number, commit, tag or channel. baton verifies every byte, and restores permission bits,
/// symlinks and times.
#[derive(Debug, Parser)]
#[command(name = "baton", version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Persist(Persist),
    Attach(Attach),
    Latest(Latest),
    Builds(Builds),
    Artifacts(Artifacts),
    Channels(Channels),
    Show(Show),
    Diff(Diff),
    Promote(Promote),
    Rollback(Rollback),
    Release(Release),
    History(History),
    Verify(Verify),
    Prune(Prune),
    Remove(Remove),
    Policy(Policy),
    Local(Box<Local>),
    /// Check the settings, the runner and the store, and print what to correct
    Doctor,
    Component(Component),
    Completions(Completions),
    Man(Man),
}

impl Command {
    /// Returns the word that names the command.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Command::Persist(_) => "persist",
            Command::Attach(_) => "attach",
            Command::Latest(_) => "latest",
            Command::Builds(_) => "builds",
            Command::Artifacts(_) => "artifacts",
            Command::Channels(_) => "channels",
            Command::Show(_) => "show",
            Command::Diff(_) => "diff",
            Command::Promote(_) => "promote",
            Command::Rollback(_) => "rollback",
            Command::Release(_) => "release",
            Command::History(_) => "history",
            Command::Verify(_) => "verify",
            Command::Prune(_) => "prune",
            Command::Remove(_) => "remove",
            Command::Policy(_) => "policy",
            Command::Local(_) => "local",
            Command::Doctor => "doctor",
            Command::Component(_) => "component",
            Command::Completions(_) => "completions",
            Command::Man(_) => "man",
        }
    }
}
