//! A command line that baton does not understand: clap's message, and the command that was probably meant. Selectors,
//! branches and channels are all plain words, so a word in the wrong place is the usual mistake.

use clap::CommandFactory;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use baton_host::escaped;

use super::args::Cli;
use super::sink;

/// The kinds of selectors, as they begin.
const SELECTORS: [&str; 8] = [
    "latest",
    "build",
    "sha",
    "tag",
    "channel",
    "workspace",
    "workflow",
    "tree",
];

/// The names that other tools give to a command.
const OTHER_NAMES: [(&str, &str); 16] = [
    ("save", "persist"),
    ("store", "persist"),
    ("upload", "persist"),
    ("push", "persist"),
    ("put", "persist"),
    ("restore", "attach"),
    ("download", "attach"),
    ("fetch", "attach"),
    ("pull", "attach"),
    ("get", "attach"),
    ("ls", "builds"),
    ("list", "builds"),
    ("log", "history"),
    ("deploy", "promote"),
    ("check", "verify"),
    ("gc", "prune"),
];

/// Returns the error with what was given escaped, so that each line of the message is clap's or baton's.
pub(crate) fn safe(mut error: clap::Error) -> clap::Error {
    let given: Vec<(ContextKind, String, String)> = error
        .context()
        .filter_map(|(kind, value)| match value {
            ContextValue::String(given) => Some((kind, given.clone(), escaped(given).into_owned())),
            _ => None,
        })
        .collect();
    for (kind, given, shown) in given {
        if given != shown {
            // What clap suggests repeats what was given.
            error.remove(ContextKind::Suggested);
            error.insert(kind, ContextValue::String(shown));
        }
    }
    error
}

/// Prints the manual on standard output, or a message on standard error.
pub(crate) fn print(error: &clap::Error) {
    if !error.use_stderr() {
        return sink::print_lines(&error.to_string());
    }
    sink::say_lines(error.to_string().trim_end());
    let words: Vec<String> = std::env::args_os()
        .skip(1)
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    if let Some(hint) = hint(error, &words) {
        sink::say("");
        sink::say(&format!("hint: {hint}"));
    }
}

/// Returns what to do about a command line, of which `words` are all but the program's name.
fn hint(error: &clap::Error, words: &[String]) -> Option<String> {
    let positional = positional(words);
    let (command, rest) = positional.split_first()?;
    let given = |kind| match error.get(kind) {
        Some(ContextValue::String(given)) => Some(given.as_str()),
        _ => None,
    };
    match error.kind() {
        ErrorKind::InvalidSubcommand => match (*command, given(ContextKind::InvalidSubcommand)?) {
            ("latest", word) => Some(instead_of_latest(word)),
            (_, word) => instead_of_command(word),
        },
        ErrorKind::UnknownArgument => {
            let word = given(ContextKind::InvalidArg).filter(|word| !word.starts_with('-'))?;
            instead_of_argument(command, rest, word)
        }
        ErrorKind::MissingRequiredArgument => missing(command, rest),
        _ => None,
    }
}

/// Returns the words that are neither options nor values of those that hold for every command.
fn positional(words: &[String]) -> Vec<&str> {
    let cli = Cli::command();
    let takes_value = |word: &str| {
        let mut arguments = cli.get_arguments();
        arguments.any(|it| it.get_action().takes_values() && it.get_long() == word.strip_prefix("--"))
    };
    let mut found = Vec::new();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if takes_value(word) {
            words.next();
        } else if !word.starts_with('-') {
            found.push(word.as_str());
        }
    }
    found
}

/// Returns the kind of a selector and its value.
fn selector(word: &str) -> Option<(&str, &str)> {
    let (kind, value) = word.split_once([':', '@']).unwrap_or((word, ""));
    SELECTORS.contains(&kind).then_some((kind, value))
}

fn is_number(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit())
}

fn instead_of_latest(word: &str) -> String {
    match selector(word) {
        Some(("latest", "")) => "run `baton latest`".to_owned(),
        Some(("latest", branch)) => format!("run `baton latest --branch {branch}`"),
        Some(_) => format!("`baton latest` takes no selector: run `baton show {word}`"),
        None if is_number(word) => format!("`baton latest` takes no number: run `baton show build:{word}`"),
        None => format!(
            "for the latest build of the branch {word}, run `baton latest --branch {word}`; as a selector, for example of attach, it is latest@{word}"
        ),
    }
}

fn instead_of_command(word: &str) -> Option<String> {
    if selector(word).is_some() {
        return Some(format!(
            "a command comes first: `baton show {word}` prints that build, `baton attach {word} --at DIR` fetches its files"
        ));
    }
    let (_, command) = OTHER_NAMES.iter().find(|(other, _)| *other == word)?;
    Some(format!(
        "use `baton {command}`; `baton {command} --help` describes it"
    ))
}

/// Returns what to do about a word that a command does not take.
fn instead_of_argument(command: &str, rest: &[&str], word: &str) -> Option<String> {
    let hint = match (command, selector(word)) {
        ("builds", Some(("sha", commit))) => format!("run `baton builds --commit {commit}`"),
        ("builds", Some(("tag", tag))) => format!("run `baton builds --tag {tag}`"),
        ("builds", Some(("latest", branch))) if !branch.is_empty() => {
            format!("run `baton builds --branch {branch}`")
        }
        ("builds", Some(("channel", channel))) => format!("run `baton history {channel}`"),
        ("builds", Some(_)) => format!("run `baton show {word}`"),
        ("builds", None) => {
            format!("for the builds of the branch {word}, run `baton builds --branch {word}`")
        }
        ("latest", _) if rest.first() == Some(&"set") && is_number(word) => {
            format!("run `baton latest set --value {word}`")
        }
        ("latest", _) if rest.first() == Some(&"set") => format!("run `baton latest set --var {word}`"),
        ("attach", _) => {
            format!("attach takes one selector; name the directory with --at, for example --at {word}")
        }
        ("rollback", Some(_)) => format!("name the build to go back to with --to {word}"),
        ("rollback", None) if is_number(word) => {
            format!("give the number of steps with --steps {word}, or name the build with --to build:{word}")
        }
        ("rollback" | "release" | "history", _) => {
            format!("{command} takes one channel, or --branch NAME instead of a channel")
        }
        ("show" | "verify", _) => {
            format!("{command} takes one selector; `baton diff A B` compares two builds")
        }
        ("promote", _) => {
            "promote takes a build and a channel, for example `baton promote latest production`".to_owned()
        }
        ("diff", _) => "diff takes two builds; --name and --job say of which artifact and job".to_owned(),
        ("channels", Some(("channel", channel))) => format!("run `baton history {channel}`"),
        ("channels", None) => {
            format!(
                "for the moves of the channel {word}, run `baton history {word}`; --name names the artifact"
            )
        }
        ("prune" | "doctor" | "component" | "artifacts" | "channels", _) => {
            format!("{command} takes options only: see `baton {command} --help`")
        }
        _ => return None,
    };
    Some(hint)
}

/// Returns what to do about a word that a command lacks.
fn missing(command: &str, rest: &[&str]) -> Option<String> {
    let first = rest.first().copied();
    let hint = match (command, first, first.and_then(selector)) {
        ("attach", Some(word), None) if word.contains(['/', '.']) => {
            format!("name the directory with --at: `baton attach latest --at {word}`")
        }
        ("attach", ..) => format!(
            "name the directory to attach into: `baton attach {} --at DIR`",
            first.unwrap_or("latest")
        ),
        ("promote", Some(build), Some(_)) => {
            format!("name the channel, too: `baton promote {build} production`")
        }
        ("promote", Some(channel), None) => {
            format!("name the build before the channel: `baton promote latest {channel}`")
        }
        ("promote", None, _) => "name a build and a channel: `baton promote latest production`".to_owned(),
        ("rollback" | "release" | "history", ..) => format!(
            "name a channel, for example `baton {command} production`, or a branch: `baton {command} --branch main`"
        ),
        ("diff", ..) => "name two builds: `baton diff build:1 latest`".to_owned(),
        ("persist", ..) => "name the files or directories to store: `baton persist dist`".to_owned(),
        _ => return None,
    };
    Some(hint)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    fn hint_of(line: &str) -> String {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        match Cli::try_parse_from(std::iter::once("baton".to_owned()).chain(words.clone())) {
            Ok(_) => "(is understood)".to_owned(),
            Err(error) => hint(&safe(error), &words).unwrap_or_else(|| "(no hint)".to_owned()),
        }
    }

    #[test]
    fn a_word_in_the_wrong_place_leads_to_the_command_that_was_meant() {
        let lines = [
            "latest main",
            "latest latest@main",
            "latest build:5",
            "latest 5",
            "--format json latest main",
            "latest set 5",
            "latest@main",
            "build:5",
            "download",
            "builds main",
            "builds latest@main",
            "builds sha:abc123",
            "builds tag:v1",
            "builds channel:production",
            "builds build:5",
            "attach latest out",
            "attach latest",
            "attach ./out",
            "attach",
            "promote production",
            "promote latest",
            "promote",
            "promote latest production now",
            "rollback production build:5",
            "rollback production 2",
            "rollback",
            "release production main",
            "history",
            "diff latest",
            "show build:1 build:2",
            "verify build:1 build:2",
            "prune main",
            "artifacts main",
            "channels production",
            "channels channel:production",
            "channels build:5",
            "persist",
        ];
        let hints: Vec<String> = lines
            .iter()
            .map(|line| format!("{line}: {}", hint_of(line)))
            .collect();
        insta::assert_snapshot!(hints.join("\n"), @r"
        latest main: for the latest build of the branch main, run `baton latest --branch main`; as a selector, for example of attach, it is latest@main
        latest latest@main: run `baton latest --branch main`
        latest build:5: `baton latest` takes no selector: run `baton show build:5`
        latest 5: `baton latest` takes no number: run `baton show build:5`
        --format json latest main: for the latest build of the branch main, run `baton latest --branch main`; as a selector, for example of attach, it is latest@main
        latest set 5: run `baton latest set --value 5`
        latest@main: a command comes first: `baton show latest@main` prints that build, `baton attach latest@main --at DIR` fetches its files
        build:5: a command comes first: `baton show build:5` prints that build, `baton attach build:5 --at DIR` fetches its files
        download: use `baton attach`; `baton attach --help` describes it
        builds main: for the builds of the branch main, run `baton builds --branch main`
        builds latest@main: run `baton builds --branch main`
        builds sha:abc123: run `baton builds --commit abc123`
        builds tag:v1: run `baton builds --tag v1`
        builds channel:production: run `baton history production`
        builds build:5: run `baton show build:5`
        attach latest out: attach takes one selector; name the directory with --at, for example --at out
        attach latest: name the directory to attach into: `baton attach latest --at DIR`
        attach ./out: name the directory with --at: `baton attach latest --at ./out`
        attach: name the directory to attach into: `baton attach latest --at DIR`
        promote production: name the build before the channel: `baton promote latest production`
        promote latest: name the channel, too: `baton promote latest production`
        promote: name a build and a channel: `baton promote latest production`
        promote latest production now: promote takes a build and a channel, for example `baton promote latest production`
        rollback production build:5: name the build to go back to with --to build:5
        rollback production 2: give the number of steps with --steps 2, or name the build with --to build:2
        rollback: name a channel, for example `baton rollback production`, or a branch: `baton rollback --branch main`
        release production main: release takes one channel, or --branch NAME instead of a channel
        history: name a channel, for example `baton history production`, or a branch: `baton history --branch main`
        diff latest: name two builds: `baton diff build:1 latest`
        show build:1 build:2: show takes one selector; `baton diff A B` compares two builds
        verify build:1 build:2: verify takes one selector; `baton diff A B` compares two builds
        prune main: prune takes options only: see `baton prune --help`
        artifacts main: artifacts takes options only: see `baton artifacts --help`
        channels production: for the moves of the channel production, run `baton history production`; --name names the artifact
        channels channel:production: run `baton history production`
        channels build:5: channels takes options only: see `baton channels --help`
        persist: name the files or directories to store: `baton persist dist`
        ");
    }
}
