//! The options that every command takes.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::store::StoreArgs;
use super::values::{MEMORY_MIB_MAX, SECONDS_MAX, WORKERS_MAX, up_to};
use crate::paths;

#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// Where files are stored [default: baton/store in the user's data directory]
    ///
    /// A directory, s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or az://CONTAINER/PREFIX. memory: is for tests. circleci: and
    /// circleci:gh/OWNER/REPOSITORY read the artifacts that jobs on CircleCI stored. The user's data directory is
    /// $XDG_DATA_HOME, or ~/.local/share. [default: baton/store in the user's data directory]
    #[arg(long, global = true, env = "BATON_STORE", value_name = "STORE")]
    pub(crate) store: Option<String>,
    /// Output format
    #[arg(long, global = true, env = "BATON_FORMAT", value_enum, default_value_t)]
    pub(crate) format: FormatArg,
    /// File with defaults for these options [default: baton.toml in this directory or above]
    ///
    /// Without this option, baton reads baton.toml in the current directory or in the nearest directory above it, up to the
    /// top of the repository. A file found like this may set fewer options than one that is named here.
    #[arg(long, global = true, env = "BATON_CONFIG", value_name = "FILE", value_parser = paths::parser())]
    pub(crate) config: Option<PathBuf>,
    /// Print what baton decides, and each request to the store
    ///
    /// Prints the config file, the store, the component and its limits, each field of the context and where it comes from,
    /// and each fallback to another build.
    #[arg(short, long, global = true, conflicts_with = "quiet")]
    pub(crate) verbose: bool,
    /// Print only errors and warnings to standard error
    ///
    /// Standard output does not change.
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// Component to run instead of the built-in one. It makes all decisions: use only one that you trust
    #[arg(
        long,
        global = true,
        env = "BATON_COMPONENT",
        value_name = "FILE",
        value_parser = paths::parser(),
        hide_short_help = true
    )]
    pub(crate) component: Option<PathBuf>,
    /// Number of workers that share a transfer, at most 256 [default: one for each core, at most 8]
    #[arg(
        long,
        global = true,
        env = "BATON_WORKERS",
        value_name = "N",
        value_parser = up_to::<usize>(WORKERS_MAX),
        hide_short_help = true
    )]
    pub(crate) workers: Option<usize>,
    /// Maximum memory of each instance of the component, in MiB, at most 4096 [default: 512]
    #[arg(
        long,
        global = true,
        env = "BATON_MEMORY_MIB",
        value_name = "N",
        value_parser = up_to::<usize>(MEMORY_MIB_MAX),
        hide_short_help = true
    )]
    pub(crate) memory_mib: Option<usize>,
    /// Maximum time of each step of a run (the plan, one task, or the end), in seconds, at most 604800 [default: 900]
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
    /// Returns these options, with the others where these are not set.
    pub(crate) fn or(self, other: Global) -> Global {
        Global {
            store: self.store.or(other.store),
            format: if self.format == FormatArg::default() {
                other.format
            } else {
                self.format
            },
            config: self.config.or(other.config),
            verbose: self.verbose || other.verbose,
            quiet: self.quiet || other.quiet,
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
    /// For scripts: one JSON value on standard output
    Json,
    /// For `baton show`: an in-toto statement with the provenance of the build (SLSA provenance v1)
    Intoto,
}

/// The formats that every command has.
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

#[cfg(test)]
mod tests {

    #[test]
    fn the_defaults_in_the_help_are_those_of_the_library() {
        let options = baton_host::Options::default();
        let defaults = [
            ("memory_mib", (options.memory_bytes_max >> 20).to_string()),
            ("timeout_seconds", options.call_time_max.as_secs().to_string()),
            (
                "store_timeout_seconds",
                baton_host::store::CloudOptions::default()
                    .time_budget
                    .as_secs()
                    .to_string(),
            ),
        ];
        let command = <crate::args::Cli as clap::CommandFactory>::command();
        for (id, default) in defaults {
            let argument = command.get_arguments().find(|it| it.get_id() == id);
            let help = argument.and_then(clap::Arg::get_help).map(ToString::to_string);
            let help = help.unwrap_or_default();
            assert!(help.contains(&format!("[default: {default}]")), "{id}: {help}");
        }
    }
}
