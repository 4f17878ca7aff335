//! The grammar of the command line. These doc comments are the help that `--help` prints.

use std::path::{Path, PathBuf};
use std::time::Duration;

use baton_host::context::Overrides;
use clap::builder::{NonEmptyStringValueParser, RangedU64ValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};

use super::paths;
use super::settings::{MEMORY_MIB_MAX, SECONDS_MAX, WORKERS_MAX};
use super::stores::StoreArgs;

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
    /// Where the files are kept: a directory, s3://BUCKET/PREFIX, gs://BUCKET/PREFIX, az://CONTAINER/PREFIX or memory:; or
    /// circleci: or circleci:gh/OWNER/REPOSITORY for what jobs of CircleCI stored as artifacts, to read.
    /// Default: baton/store in the user's data directory
    #[arg(long, global = true, env = "BATON_STORE", value_name = "STORE")]
    pub(crate) store: Option<String>,
    /// How results are printed
    #[arg(long, global = true, env = "BATON_FORMAT", value_enum, default_value_t)]
    pub(crate) format: FormatArg,
    /// A file with defaults for these options. Default: baton.toml here or above, up to the top of the repository, which may
    /// set less: see docs/reference/cli.md
    #[arg(long, global = true, env = "BATON_CONFIG", value_name = "FILE", value_parser = paths::parser())]
    pub(crate) config: Option<PathBuf>,
    /// Another component to run instead of the built-in one
    #[arg(
        long,
        global = true,
        env = "BATON_COMPONENT",
        value_name = "FILE",
        value_parser = paths::parser(),
        hide_short_help = true
    )]
    pub(crate) component: Option<PathBuf>,
    /// How many workers share a transfer. Default: one a core, at most 8
    #[arg(
        long,
        global = true,
        env = "BATON_WORKERS",
        value_name = "N",
        value_parser = up_to::<usize>(WORKERS_MAX),
        hide_short_help = true
    )]
    pub(crate) workers: Option<usize>,
    /// The most memory of one instance of the component, in MiB. Default: 512
    #[arg(
        long,
        global = true,
        env = "BATON_MEMORY_MIB",
        value_name = "N",
        value_parser = up_to::<usize>(MEMORY_MIB_MAX),
        hide_short_help = true
    )]
    pub(crate) memory_mib: Option<usize>,
    /// The longest that one step of a run may take, in seconds. Default: 900
    #[arg(
        long,
        global = true,
        env = "BATON_TIMEOUT_SECONDS",
        value_name = "N",
        value_parser = up_to::<u64>(SECONDS_MAX),
        hide_short_help = true
    )]
    pub(crate) timeout_seconds: Option<u64>,
    // Last: its heading holds for all that follows.
    #[command(flatten)]
    pub(crate) reach: StoreArgs,
}

impl Global {
    /// Returns these options, and where they are silent the other ones.
    pub(crate) fn or(self, other: Global) -> Global {
        Global {
            store: self.store.or(other.store),
            format: if self.format == FormatArg::default() {
                other.format
            } else {
                self.format
            },
            config: self.config.or(other.config),
            component: self.component.or(other.component),
            workers: self.workers.or(other.workers),
            memory_mib: self.memory_mib.or(other.memory_mib),
            timeout_seconds: self.timeout_seconds.or(other.timeout_seconds),
            reach: self.reach.or(other.reach),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum FormatArg {
    /// For people
    #[default]
    Text,
    /// For scripts: one JSON value on standard output: see docs/reference/json.md
    Json,
    /// For show: an in-toto Statement with the build's provenance (SLSA provenance v1)
    Intoto,
}

/// What all commands know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Text,
    Json,
}

impl From<FormatArg> for Format {
    fn from(arg: FormatArg) -> Format {
        match arg {
            FormatArg::Text | FormatArg::Intoto => Format::Text,
            FormatArg::Json => Format::Json,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Persist(Box<Persist>),
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
    /// Check the runner, the store and the set-up, and say what to mend
    Doctor,
    /// Print the digest, the size and the interface of the component
    Component,
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
            Command::Component => "component",
        }
    }
}

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

/// Run a config of CircleCI on this machine
///
/// Expands the config as CircleCI does, and runs the jobs one after the other, each in a directory of its own. There is no
/// Docker: jobs run here, as you. Numbers, artifacts, variables and workspaces stay for the next run.
#[derive(Debug, Args)]
pub(crate) struct Local {
    /// The config
    #[arg(default_value = ".circleci/config.yml", value_name = "CONFIG", value_parser = paths::parser())]
    pub(crate) file: PathBuf,
    /// Only this workflow
    #[arg(long)]
    pub(crate) workflow: Option<String>,
    /// Only this job, and those that it requires
    #[arg(long)]
    pub(crate) job: Option<String>,
    /// Print what would run, and run nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// A parameter of the pipeline. May be repeated
    #[arg(long = "parameter", value_name = "NAME=VALUE", value_parser = pair)]
    pub(crate) parameters: Vec<(String, String)>,
    /// A variable of the project; without a value, as it is here. May be repeated. Jobs see no other variable of yours
    #[arg(long = "env", value_name = "NAME[=VALUE]", value_parser = variable)]
    pub(crate) variables: Vec<String>,
    /// A job that waits for an approval, and has it. May be repeated
    #[arg(long = "approve", value_name = "JOB")]
    pub(crate) approved: Vec<String>,
    /// The file of an orb, without the version in its name: acme/tools=tools.yml. May be repeated. baton's own is built in
    #[arg(long = "orb", value_name = "NAME=FILE", value_parser = named_file)]
    pub(crate) orbs: Vec<(String, PathBuf)>,
    /// The branch of the pipeline. Default: as git says
    #[arg(long, conflicts_with = "tag")]
    pub(crate) branch: Option<String>,
    /// The tag of the pipeline, instead of a branch
    #[arg(long)]
    pub(crate) tag: Option<String>,
    /// The project. Default: as git says
    #[arg(long)]
    pub(crate) project: Option<String>,
    /// Where the runs of the project are kept. Default: baton/local in the user's data directory
    #[arg(long, value_name = "DIR", value_parser = paths::parser())]
    pub(crate) state: Option<PathBuf>,
    /// Forget earlier runs
    #[arg(long, conflicts_with = "dry_run")]
    pub(crate) reset: bool,
}

/// Reads a number from 1 to `max`.
pub(crate) fn up_to<N>(max: impl TryInto<u64>) -> RangedU64ValueParser<N>
where
    N: TryFrom<u64> + Clone + Send + Sync + 'static,
    <N as TryFrom<u64>>::Error: std::error::Error + Send + Sync + 'static,
{
    RangedU64ValueParser::new().range(1..=max.try_into().unwrap_or(u64::MAX))
}

/// Parses NAME=VALUE.
fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("there is no =")?;
    match name.is_empty() {
        true => Err("there is nothing before =".to_owned()),
        false => Ok((name.to_owned(), value.to_owned())),
    }
}

/// Parses NAME=FILE.
fn named_file(text: &str) -> Result<(String, PathBuf), String> {
    let (name, file) = pair(text)?;
    Ok((name, paths::expanded(Path::new(&file))?))
}

/// Parses NAME or NAME=VALUE.
fn variable(text: &str) -> Result<String, String> {
    match text.is_empty() || text.starts_with('=') {
        true => Err("it has no name".to_owned()),
        false => Ok(text.to_owned()),
    }
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

/// Where a key comes from: never from the command line itself, which others can see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum KeySource {
    /// A PEM file.
    File(PathBuf),
    /// A variable that holds PEM text.
    Variable(String),
}

impl std::str::FromStr for KeySource {
    type Err = String;

    fn from_str(text: &str) -> Result<KeySource, Self::Err> {
        match text.strip_prefix("env:") {
            Some("") => Err("the name of a variable follows env:".to_owned()),
            Some(name) => Ok(KeySource::Variable(name.to_owned())),
            None if text.is_empty() => Err("give a PEM file, or env: and the name of a variable".to_owned()),
            None => Ok(KeySource::File(paths::expanded(Path::new(text))?)),
        }
    }
}

/// Which build this is, where the runner does not say or is wrong. docs/reference/runners.md has where each comes from.
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
    /// What the run number counts, where several workflows or jobs share one count
    #[arg(long, value_name = "NAME")]
    pub(crate) counter: Option<String>,
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
    /// The number of the pull request that is built; false for none
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
            counter,
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
            counter,
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
