//! The command line: what there is to say to baton, and who answers. A file a verb.

mod args;
mod attach;
mod builds;
mod component;
mod doctor;
mod failure;
mod hints;
mod output;
mod persist;
mod policy;
mod progress;
mod settings;

use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Command};
use failure::Failure;
use settings::Settings;

/// Parses the arguments, does what they say, and reports how it went.
pub(crate) fn run() -> ExitCode {
    // Clap prints usage errors itself, and ends with code 2.
    let cli = Cli::parse();
    let format = cli.global.format;
    match dispatch(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.print(format);
            failure.exit_code()
        }
    }
}

fn dispatch(cli: Cli) -> Result<(), Failure> {
    let settings = Settings::read(&cli.global)?;
    match cli.command {
        Command::Persist(args) => persist::run(&settings, args),
        Command::Attach(args) => attach::run(&settings, args),
        Command::Latest(args) => builds::latest(&settings, args),
        Command::Builds(args) => builds::list(&settings, args),
        Command::Show(args) => builds::show(&settings, args),
        Command::Policy(args) => policy::run(cli.global, &args),
        Command::Doctor => doctor::run(&settings),
        Command::Component => component::run(&settings),
    }
}
