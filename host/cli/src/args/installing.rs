//! `baton completions` and `baton man`.

use std::path::PathBuf;

use clap::Args;
use clap_complete::Shell;

use crate::paths;

/// Print a script that completes commands and options in a shell
#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// Shell that the script is for
    #[arg(value_enum)]
    pub(crate) shell: Shell,
}

/// Print a man page, or write all of them to a directory
#[derive(Debug, Args)]
pub(crate) struct Man {
    /// Command that the page describes, for example persist or latest set [default: baton itself]
    #[arg(conflicts_with = "dir", value_name = "COMMAND")]
    pub(crate) command: Vec<String>,
    /// Directory to write the pages of all commands to. Created if it does not exist
    #[arg(long, value_name = "DIR", value_parser = paths::parser())]
    pub(crate) dir: Option<PathBuf>,
}
