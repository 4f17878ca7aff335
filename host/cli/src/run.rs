//! From the arguments to the exit status: parses, runs the command, reports how it went.

use std::process::ExitCode;

use baton_host::{Error, PluginError, Problem};
use clap::Parser;

use crate::args::{Cli, Command, Format, FormatArg};
use crate::failure::Failure;
use crate::settings::Settings;
use crate::sink::Level;

/// Parses the arguments, does what they say, and reports how it went. What was printed and cannot be written fails a
/// command that did all else.
pub(crate) fn run() -> ExitCode {
    crate::panics::install();
    let (format, place, ended) = match Cli::try_parse() {
        Ok(cli) => {
            crate::sink::set_level(match (cli.global.quiet, cli.global.verbose) {
                (true, _) => Level::Quiet,
                (false, true) => Level::Verbose,
                (false, false) => Level::Usual,
            });
            (cli.global.format.into(), cli.command.name(), dispatch(cli))
        }
        Err(error) => (Format::Text, "", Err(error.into())),
    };
    let failed = ended.err().map(|failure| {
        failure.print(format, place);
        failure.exit_code()
    });
    let unwritten = crate::sink::finish().err().map(|error| {
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
    match &cli.command {
        Command::Completions(args) => return crate::installing::completions(args),
        Command::Man(args) => return crate::installing::man(args),
        _ => {}
    }
    let settings = Settings::read(&cli.global)?;
    if settings.store.is_circleci() {
        check_readable(&cli.command)?;
    }
    crate::policy::tell(&settings, &cli.command);
    let done = match cli.command {
        Command::Persist(args) => crate::persist::run(&settings, args),
        Command::Attach(args) => crate::attach::run(&settings, args),
        Command::Latest(args) => crate::latest::run(&settings, args),
        Command::Builds(args) => crate::builds::list(&settings, args),
        Command::Artifacts(args) => crate::artifacts::run(&settings, args),
        Command::Channels(args) => crate::channels::list(&settings, args),
        Command::Show(args) => crate::builds::show(&settings, args, cli.global.format == FormatArg::Intoto),
        Command::Diff(args) => crate::diff::run(&settings, args),
        Command::Promote(args) => crate::channels::promote(&settings, args),
        Command::Rollback(args) => crate::channels::rollback(&settings, args),
        Command::Release(args) => crate::channels::release(&settings, args),
        Command::History(args) => crate::channels::history(&settings, args),
        Command::Verify(args) => crate::verify::run(&settings, args),
        Command::Prune(args) => crate::prune::run(&settings, args),
        Command::Remove(args) => crate::remove::run(&settings, args),
        Command::Policy(args) => crate::policy::run(cli.global, &args),
        Command::Local(args) => crate::local::run(&settings, *args),
        Command::Doctor => crate::doctor::run(&settings),
        Command::Component(args) => crate::component::run(&settings, &args),
        Command::Completions(args) => crate::installing::completions(&args),
        Command::Man(args) => crate::installing::man(&args),
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
    Err(Failure::Run(Error::Plugin(PluginError::Invalid(
        Problem::new(
            "circleci-read-only",
            format!(
                "`baton {wants}` cannot work on CircleCI's artifacts, which are found by job, and only read"
            ),
        )
        .about("circleci:"),
    ))))
}
