//! `baton persist` and `baton attach`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::context::BuildArgs;
use super::lookup::{HavingArgs, LookUpArgs, StrictArgs};
use super::values::KeySource;
use crate::paths;

/// Store files as an artifact of this build
///
/// Paths and globs are relative to --root. `*` and `?` stay within a name, `**` crosses directories, `{a,b}` and `[a-z]`
/// choose, and a leading `!` excludes. A path that exists as it is written is that path. A directory stands for all that is
/// in it. Prints the build, for example build:1234.
#[derive(Debug, Args)]
pub(crate) struct Persist {
    /// What to store, for example dist or 'target/release/*' or '!**/*.map'
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<String>,
    /// The artifact's name
    #[arg(long, default_value = "default")]
    pub(crate) name: String,
    /// The directory that paths are relative to: all that baton gets to see
    #[arg(long, default_value = ".", value_name = "DIR", value_parser = paths::parser())]
    pub(crate) root: PathBuf,
    /// What to do where a path matches nothing. An exclude that leaves nothing out is warned of, unless this is ignore
    #[arg(long, value_enum, default_value_t, value_name = "WHAT")]
    pub(crate) if_no_files: IfNoFiles,
    /// What to do about devices, sockets and FIFOs
    #[arg(long, value_enum, default_value_t, value_name = "WHAT")]
    pub(crate) special_files: SpecialFiles,
    /// What to do where another job of the workspace persisted other bytes under the same path
    #[arg(long, value_enum, default_value_t, value_name = "WHAT")]
    pub(crate) on_conflict: OnConflict,
    /// Sign the build with this Ed25519 key: a PEM file, or env:NAME for a variable that holds one
    #[arg(long, env = "BATON_SIGN", value_name = "KEY")]
    pub(crate) sign: Option<KeySource>,
    /// Read back all that the build will point to, and store again what is missing or damaged. Without it that is done where
    /// the build had one of the files before, and for 16 MiB of what other builds stored
    #[arg(long)]
    pub(crate) repair: bool,
    /// Print what would be stored, and store nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) build: BuildArgs,
}

/// Bring files into a directory
///
/// SELECTOR is workspace (what this workflow persisted), latest, latest@BRANCH, build:1234, sha:abc123, tag:v1.2,
/// channel:NAME, workflow:ID or tree:ID. A file appears under its name only when it is complete and verified; what is equal already is
/// left alone, and so is what the artifact does not have.
#[derive(Debug, Args)]
pub(crate) struct Attach {
    /// What to attach
    #[arg(default_value = "workspace")]
    pub(crate) selector: String,
    /// The directory to bring the files into. Created if missing
    #[arg(long, value_name = "DIR", value_parser = paths::parser())]
    pub(crate) at: PathBuf,
    /// Only files that match, and the directories above them. May be repeated; a leading `!` excludes
    #[arg(long, value_name = "GLOB")]
    pub(crate) only: Vec<String>,
    /// Delete files that the artifact covers and does not have. It covers the paths that it was persisted with
    #[arg(long)]
    pub(crate) clean: bool,
    /// Remove the first N names from each path, as tar does. Paths with no more names than that are left out
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub(crate) strip: u32,
    /// Bring all files into the directory itself, without the directories in their paths
    #[arg(long, conflicts_with_all = ["strip", "clean"])]
    pub(crate) flatten: bool,
    /// What to do if no build is found
    #[arg(long, value_enum, default_value_t, value_name = "WHAT")]
    pub(crate) if_no_build: IfNoBuild,
    /// What to do where two jobs persisted other bytes under the same path
    #[arg(long, value_enum, default_value_t, value_name = "WHAT")]
    pub(crate) on_conflict: OnConflict,
    /// Refuse builds that are not signed by this Ed25519 key: a PEM file, or env:NAME for a variable that holds one
    #[arg(long, env = "BATON_REQUIRE_SIGNED", value_name = "KEY")]
    pub(crate) require_signed: Option<KeySource>,
    /// Print each step, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) look_up: LookUpArgs,
    #[command(flatten)]
    pub(crate) having: HavingArgs,
    #[command(flatten)]
    pub(crate) strict: StrictArgs,
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
pub(crate) enum SpecialFiles {
    /// Fail, and name them
    #[default]
    Error,
    /// Leave them out with a warning
    Skip,
}

impl From<SpecialFiles> for baton_host::SpecialFiles {
    fn from(choice: SpecialFiles) -> baton_host::SpecialFiles {
        match choice {
            SpecialFiles::Error => baton_host::SpecialFiles::Fail,
            SpecialFiles::Skip => baton_host::SpecialFiles::Skip,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum IfNoBuild {
    /// Fail with exit code 3
    #[default]
    Error,
    /// Warn, and attach nothing
    Warn,
    /// Attach nothing
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

impl From<IfNoFiles> for baton_host::IfNoFiles {
    fn from(choice: IfNoFiles) -> baton_host::IfNoFiles {
        match choice {
            IfNoFiles::Error => baton_host::IfNoFiles::Fail,
            IfNoFiles::Warn => baton_host::IfNoFiles::Warn,
            IfNoFiles::Ignore => baton_host::IfNoFiles::Ignore,
        }
    }
}

impl From<OnConflict> for baton_host::OnConflict {
    fn from(choice: OnConflict) -> baton_host::OnConflict {
        match choice {
            OnConflict::Error => baton_host::OnConflict::Fail,
            OnConflict::Newest => baton_host::OnConflict::Newest,
        }
    }
}
