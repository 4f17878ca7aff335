//! `baton persist` and `baton attach`.

use std::path::PathBuf;

use clap::{Arg, Args, ValueEnum};

use super::context::{ContextArgs, EveryField};
use super::lookup::{HavingArgs, LookUpArgs, StrictArgs};
use super::values::KeySource;
use crate::paths;

/// Store files as an artifact of this build
///
/// Paths and globs are relative to --root. `*` and `?` match within one name, `**` matches any number of directories,
/// `{a,b}` and `[a-z]` match alternatives, and a leading `!` excludes. A path that exists literally is not read as a
/// pattern. A directory includes everything in it. Prints the selector of the build, for example build:1234.
#[derive(Debug, Args)]
#[command(mut_args(in_long_help))]
pub(crate) struct Persist {
    /// Paths or globs to store, for example dist or 'target/release/*' or '!**/*.map'
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<String>,
    /// Name of the artifact
    #[arg(long, default_value = "default")]
    pub(crate) name: String,
    /// Directory that paths are relative to. baton reads no files outside of it
    #[arg(long, default_value = ".", value_name = "DIR", value_parser = paths::parser())]
    pub(crate) root: PathBuf,
    /// Action if a path matches nothing. With ignore, baton also does not warn of unused exclude patterns
    #[arg(long, value_enum, default_value_t, value_name = "ACTION")]
    pub(crate) if_no_files: IfNoFiles,
    /// Action for devices, sockets and FIFOs
    #[arg(long, value_enum, default_value_t, value_name = "ACTION")]
    pub(crate) special_files: SpecialFiles,
    /// Action if another job of the workspace persisted different content at the same path
    #[arg(long, value_enum, default_value_t, value_name = "ACTION")]
    pub(crate) on_conflict: OnConflict,
    /// Sign the build with this Ed25519 private key: a PEM file, or env:NAME for a variable that contains the PEM text
    #[arg(long, env = "BATON_SIGN", value_name = "KEY")]
    pub(crate) sign: Option<KeySource>,
    /// Read back all data that the build refers to, and store again what is missing or damaged
    ///
    /// Without this option, baton does so for files that the build already had, and for up to 16 MiB that other builds
    /// stored.
    #[arg(long)]
    pub(crate) repair: bool,
    /// Print what would be stored, and store nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) context: ContextArgs<EveryField>,
}

/// Fetch the files of an artifact into a directory
///
/// Each file is written to a temporary name and renamed into place after baton has verified it. Files that are already equal are not
/// written. Files that the artifact does not contain stay, unless you give --clean.
#[derive(Debug, Args)]
pub(crate) struct Attach {
    /// Builds to attach: workspace (the files that the jobs of this workflow persisted), latest, latest@BRANCH, build:1234,
    /// sha:abc123, tag:v1.2, channel:NAME, workflow:ID or tree:ID
    #[arg(default_value = "workspace")]
    pub(crate) selector: String,
    /// Directory to write the files to. Created if it does not exist
    #[arg(long, value_name = "DIR", value_parser = paths::parser())]
    pub(crate) at: PathBuf,
    /// Attach only files that match, and the directories above them. A leading `!` excludes. May be repeated
    #[arg(long, value_name = "GLOB")]
    pub(crate) only: Vec<String>,
    /// Delete files that the artifact does not contain, below the paths that it was persisted with
    #[arg(long)]
    pub(crate) clean: bool,
    /// Remove the first N names from each path, as tar does. Paths with N names or fewer are skipped
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) strip: u32,
    /// Write all files directly into the directory, without the directories in their paths
    #[arg(long, conflicts_with_all = ["strip", "clean"])]
    pub(crate) flatten: bool,
    /// Action if no build is found
    #[arg(long, value_enum, default_value_t, value_name = "ACTION")]
    pub(crate) if_no_build: IfNoBuild,
    /// Action if two jobs persisted different content at the same path
    #[arg(long, value_enum, default_value_t, value_name = "ACTION")]
    pub(crate) on_conflict: OnConflict,
    /// Refuse builds that this Ed25519 key has not signed: a PEM file, or env:NAME for a variable that contains the PEM text
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

/// Leaves the options that say which build this is out of `-h`: the runner sets most of them.
fn in_long_help(arg: Arg) -> Arg {
    let is_context = arg
        .get_help_heading()
        .is_some_and(|heading| heading.starts_with("Context"));
    arg.hide_short_help(is_context)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum IfNoFiles {
    /// Fail with exit code 3
    #[default]
    Error,
    /// Warn, and store the files that exist
    Warn,
    /// Store the files that exist
    Ignore,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum SpecialFiles {
    /// Fail, and list them
    #[default]
    Error,
    /// Warn, and leave them out
    Skip,
}

impl From<SpecialFiles> for baton_host::persist::SpecialFiles {
    fn from(choice: SpecialFiles) -> baton_host::persist::SpecialFiles {
        match choice {
            SpecialFiles::Error => baton_host::persist::SpecialFiles::Fail,
            SpecialFiles::Skip => baton_host::persist::SpecialFiles::Skip,
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
    /// Use the file of the newer build
    Newest,
}

impl From<IfNoFiles> for baton_host::persist::IfNoFiles {
    fn from(choice: IfNoFiles) -> baton_host::persist::IfNoFiles {
        match choice {
            IfNoFiles::Error => baton_host::persist::IfNoFiles::Fail,
            IfNoFiles::Warn => baton_host::persist::IfNoFiles::Warn,
            IfNoFiles::Ignore => baton_host::persist::IfNoFiles::Ignore,
        }
    }
}

impl From<OnConflict> for baton_host::builds::OnConflict {
    fn from(choice: OnConflict) -> baton_host::builds::OnConflict {
        match choice {
            OnConflict::Error => baton_host::builds::OnConflict::Fail,
            OnConflict::Newest => baton_host::builds::OnConflict::Newest,
        }
    }
}
