//! The options that every command takes.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::store::StoreArgs;
use super::values::{MEMORY_MIB_MAX, SECONDS_MAX, WORKERS_MAX, up_to};
use crate::paths;

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
