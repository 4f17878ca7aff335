//! `baton completions`, `baton man` and `baton component`.

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

/// Print the digests, the size and the interface of the component, or write it to a file
///
/// The component contains all of the logic, and any runtime with WASI 0.2 can host it. The interface is printed as WIT text.
#[derive(Debug, Args)]
pub(crate) struct Component {
    /// File to write the component to, in place of printing its interface. An existing file is replaced
    #[arg(long, value_name = "FILE", value_parser = paths::parser())]
    pub(crate) output: Option<PathBuf>,
}
