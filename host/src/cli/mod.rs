//! The command line: what there is to say to baton, and who answers. A file a verb.

mod args;
mod artifacts;
mod attach;
mod builds;
mod channels;
mod component;
mod config;
mod diff;
mod doctor;
mod failure;
mod hints;
mod latest;
mod local;
mod output;
mod panics;
mod paths;
mod persist;
mod policy;
mod progress;
mod prune;
mod remove;
mod settings;
mod signals;
mod sink;
mod stores;
mod usage;
mod verify;

use std::process::ExitCode;

use baton::{Error, PluginError, Problem};
use clap::Parser;

use args::{Cli, Command, Format, FormatArg};
use failure::Failure;
use settings::Settings;

/// Parses the arguments, does what they say, and reports how it went. What was printed and cannot be written fails a
/// command that did all else.
pub(crate) fn run() -> ExitCode {
    panics::install();
    let (format, place, ended) = match Cli::try_parse() {
        Ok(cli) => (cli.global.format.into(), cli.command.name(), dispatch(cli)),
        Err(error) => (Format::Text, "", Err(error.into())),
    };
    let failed = ended.err().map(|failure| {
        failure.print(format, place);
        failure.exit_code()
    });
    let unwritten = sink::finish().err().map(|error| {
        let failure = Failure::Output(error);
        // What could be said there cannot be written there.
        failure.print(Format::Text, place);
        failure.exit_code()
    });
    ExitCode::from(failed.filter(|code| *code != 0).or(unwritten).unwrap_or(0))
}

fn dispatch(cli: Cli) -> Result<(), Failure> {
    if cli.global.format == FormatArg::Intoto && !matches!(cli.command, Command::Show(_)) {
        return Err(Failure::usage("--format intoto is for `baton show`"));
    }
    let settings = Settings::read(&cli.global)?;
    if settings.store.is_circleci() {
        check_readable(&cli.command)?;
    }
    policy::tell(&settings, &cli.command);
    let done = match cli.command {
        Command::Persist(args) => persist::run(&settings, args),
        Command::Attach(args) => attach::run(&settings, args),
        Command::Latest(args) => latest::run(&settings, args),
        Command::Builds(args) => builds::list(&settings, args),
        Command::Artifacts(args) => artifacts::run(&settings, args),
        Command::Channels(args) => channels::list(&settings, args),
        Command::Show(args) => builds::show(&settings, args, cli.global.format == FormatArg::Intoto),
        Command::Diff(args) => diff::run(&settings, args),
        Command::Promote(args) => channels::promote(&settings, args),
        Command::Rollback(args) => channels::rollback(&settings, args),
        Command::Release(args) => channels::release(&settings, args),
        Command::History(args) => channels::history(&settings, args),
        Command::Verify(args) => verify::run(&settings, args),
        Command::Prune(args) => prune::run(&settings, args),
        Command::Remove(args) => remove::run(&settings, args),
        Command::Policy(args) => policy::run(cli.global, &args),
        Command::Local(args) => local::run(&settings, *args),
        Command::Doctor => doctor::run(&settings),
        Command::Component => component::run(&settings),
    };
    done.map_err(|failure| failure.explained(settings.git_said()))
}

/// Refuses what needs more of a store than CircleCI's artifacts are: they are found by job, and read.
fn check_readable(command: &Command) -> Result<(), Failure> {
    let wants = match command {
        Command::Persist(_) => "persist",
        Command::Builds(_) => "builds",
        Command::Artifacts(_) => "artifacts",
        Command::Channels(_) => "channels",
        Command::Promote(_) => "promote",
        Command::Rollback(_) => "rollback",
        Command::Release(_) => "release",
        Command::History(_) => "history",
        Command::Prune(_) => "prune",
        Command::Remove(_) => "remove",
        Command::Verify(args) if args.all => "verify --all",
        _ => return Ok(()),
    };
    Err(Failure::Run(Error::Plugin(PluginError::Invalid(Problem {
        code: "circleci-read-only".to_owned(),
        message: format!(
            "`baton {wants}` cannot work on CircleCI's artifacts, which are found by job, and only read"
        ),
        subject: "circleci:".to_owned(),
        causes: Vec::new(),
    }))))
}
