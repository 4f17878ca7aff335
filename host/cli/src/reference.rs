//! Writes the generated blocks of docs/reference/cli.md from the grammar of the command line, and fails while the page is
//! stale. A block stands between `<!-- begin: NAME -->` and `<!-- end: NAME -->`; the text around it is written by hand.

#![expect(clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod runners;

use clap::{Arg, Command, CommandFactory as _};

use crate::args::Cli;

/// The command that renews the generated pages.
pub(crate) const RENEW: &str = "RENEW_PAGES=1 cargo test -p baton-cli --bin baton";

/// Compares a generated page with its file. Writes the file instead if `RENEW_PAGES` is set.
pub(crate) fn check(page: &str, is: &str, should: &str) {
    if is == should {
        return;
    }
    if std::env::var_os("RENEW_PAGES").is_some() {
        std::fs::write(page, should).expect("the page can be written");
        return;
    }
    let lines = is.lines().zip(should.lines()).find(|(is, should)| is != should);
    panic!("{page} is stale: run `{RENEW}`. First difference (page, code): {lines:#?}");
}

/// Returns the page with each block replaced by what `block` returns for its name.
fn renewed(page: &str, block: impl Fn(&str) -> Option<String>) -> String {
    let mut text = String::new();
    let mut rest = page;
    while let Some((before, after)) = rest.split_once("<!-- begin: ") {
        let (name, after) = after.split_once(" -->").expect("a mark ends with -->");
        let end = format!("<!-- end: {name} -->");
        let (_, after) = after.split_once(end.as_str()).expect("a block has an end");
        let block = block(name).unwrap_or_else(|| panic!("there is no command {name}"));
        text.push_str(&format!("{before}<!-- begin: {name} -->\n{block}{end}"));
        rest = after;
    }
    text + rest
}

/// Returns every command with its full name, `baton latest set` among them.
fn commands() -> Vec<(String, Command)> {
    let mut root = Cli::command();
    root.build();
    let mut found = Vec::new();
    let mut waiting: Vec<(String, Command)> = vec![("baton".to_owned(), root)];
    while let Some((name, command)) = waiting.pop() {
        for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
            waiting.push((format!("{name} {}", sub.get_name()), sub.clone()));
        }
        found.push((name, command));
    }
    found
}

/// Returns what a page has of a command: what it does, its usage, its arguments and its own options.
fn command_block(name: &str, command: &Command) -> String {
    let about = command
        .get_long_about()
        .or(command.get_about())
        .expect("a command has help");
    let about = about.to_string();
    // The first line of help has no final period.
    let (first, rest) = about.split_once("\n\n").unwrap_or((&about, ""));
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage:").lines().map(str::trim);
    let usage: Vec<&str> = usage.filter(|line| !line.is_empty()).collect();
    let mut text = format!("{}.\n", prose(first.trim_end_matches('.')));
    if !rest.is_empty() {
        text.push_str(&format!("\n{}\n", wrapped(&prose(rest))));
    }
    text.push_str(&format!("\n```\n{}\n```\n", usage.join("\n")));
    let is_global = |arg: &Arg| arg.is_global_set();
    let own: Vec<&Arg> = command
        .get_arguments()
        .filter(|arg| !is_global(arg) && !arg.is_hide_set() && !is_usual(arg))
        .collect();
    if name != "baton" {
        text.push_str(&tables(&own));
    }
    text
}

fn is_usual(arg: &Arg) -> bool {
    matches!(arg.get_id().as_str(), "help" | "version")
}

/// Returns a table for each heading.
fn tables(arguments: &[&Arg]) -> String {
    let heading = |arg: &Arg| match (arg.is_positional(), arg.get_help_heading()) {
        (true, _) => "Arguments".to_owned(),
        (false, None) => "Options".to_owned(),
        (false, Some(heading)) => heading.to_owned(),
    };
    let mut headings: Vec<String> = Vec::new();
    for argument in arguments {
        if !headings.contains(&heading(argument)) {
            headings.push(heading(argument));
        }
    }
    // The order of the help.
    let place = |heading: &str| match heading {
        "Arguments" => 0,
        "Options" => 1,
        _ => 2,
    };
    headings.sort_by_key(|heading| place(heading));
    let mut text = String::new();
    for title in headings {
        text.push_str(&format!("\n| {title} | meaning | default |\n|---|---|---|\n"));
        for argument in arguments.iter().filter(|arg| heading(arg) == title) {
            text.push_str(&row(argument));
        }
    }
    text
}

fn row(argument: &Arg) -> String {
    let help = argument.get_long_help().or(argument.get_help());
    let help = help
        .unwrap_or_else(|| panic!("{} has no help", argument.get_id()))
        .to_string();
    let (mut sentences, mut default) = (Vec::new(), None);
    for paragraph in help.split("\n\n") {
        let paragraph = paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
        let (text, told) = match paragraph
            .strip_suffix(']')
            .and_then(|it| it.rsplit_once("[default: "))
        {
            Some((text, told)) => (text.trim_end(), Some(prose(told))),
            None => (paragraph.as_str(), None),
        };
        sentences.push(prose(text.trim_end_matches('.')));
        default = told.or(default);
    }
    let takes_value = argument.get_action().takes_values();
    let values = argument.get_possible_values();
    if takes_value && !values.is_empty() {
        let values = values.iter().map(|value| match value.get_help() {
            Some(help) => format!("`{}`: {}", value.get_name(), prose(&help.to_string())),
            None => format!("`{}`", value.get_name()),
        });
        sentences.push(values.collect::<Vec<_>>().join("; "));
    }
    if let Some(variable) = argument.get_env() {
        sentences.push(format!("Variable: `{}`", variable.to_string_lossy()));
    }
    let default = default.unwrap_or_else(|| {
        let defaults = argument.get_default_values().iter().filter(|_| takes_value);
        let defaults: Vec<String> = defaults.map(|it| format!("`{}`", it.to_string_lossy())).collect();
        defaults.join(" ")
    });
    let short = argument
        .get_short()
        .map(|short| format!("`-{short}`, "))
        .unwrap_or_default();
    let space = if default.is_empty() { "" } else { " " };
    format!(
        "| {short}`{}` | {} | {default}{space}|\n",
        spelled(argument),
        sentences.join(". ")
    )
}

/// Returns an option or argument as the usage spells it, without its short form.
fn spelled(argument: &Arg) -> String {
    let values: Vec<&str> = argument
        .get_value_names()
        .unwrap_or_default()
        .iter()
        .map(|name| name.as_str())
        .collect();
    let values = match argument.get_action().takes_values() {
        true => values.join(" "),
        false => String::new(),
    };
    let is_optional = argument
        .get_num_args()
        .is_some_and(|range| range.min_values() == 0);
    match (argument.get_long(), values.is_empty()) {
        (None, _) => values,
        (Some(long), true) => format!("--{long}"),
        (Some(long), false) if is_optional && argument.is_require_equals_set() => {
            format!("--{long}[={values}]")
        }
        (Some(long), false) if is_optional => format!("--{long} [{values}]"),
        (Some(long), false) => format!("--{long} {values}"),
    }
}

/// Returns a text with what is not prose in backquotes: options, variables, addresses and selectors.
fn prose(text: &str) -> String {
    let is_code = |word: &str| {
        let selector = [
            "build:",
            "sha:",
            "tag:",
            "channel:",
            "workflow:",
            "tree:",
            "env:",
            "memory:",
            "circleci:",
        ];
        word.starts_with("--")
            || word.starts_with('$')
            || word.starts_with("~/")
            || word.contains("://")
            || word.contains('@')
            || selector
                .iter()
                .any(|kind| word.starts_with(kind) && word != "build:")
            || (word.contains('_')
                && word
                    .chars()
                    .all(|c| c.is_ascii_uppercase() || c == '_' || c.is_ascii_digit()))
    };
    let mut inside = false;
    let words = text.split(' ').map(|word| {
        let ticks = word.matches('`').count();
        let was_inside = inside;
        inside ^= ticks % 2 == 1;
        let core = word.trim_end_matches([',', '.', ';', ')']);
        let core = if core.ends_with(':') && core.starts_with("--") {
            core.trim_end_matches(':')
        } else {
            core
        };
        match ticks == 0 && !was_inside && is_code(core) {
            true => format!("`{core}`{}", word.strip_prefix(core).unwrap_or_default()),
            false => word.to_owned(),
        }
    });
    words
        .collect::<Vec<_>>()
        .join(" ")
        .replace('|', "\\|")
        .replace('<', "&lt;")
}

/// Returns a paragraph in lines of at most 120 characters.
fn wrapped(text: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut().filter(|line| line.len() + 1 + word.len() <= 120) {
            Some(line) => line.push_str(&format!(" {word}")),
            None => lines.push(word.to_owned()),
        }
    }
    lines.join("\n")
}

/// Returns the variables that stand for options, in the order of the options.
fn variables_block() -> String {
    let mut rows = Vec::new();
    for (name, command) in commands().iter().rev() {
        for argument in command
            .get_arguments()
            .filter(|arg| name == "baton" || !arg.is_global_set())
        {
            let Some(variable) = argument.get_env() else {
                continue;
            };
            let of = match name == "baton" {
                true => String::new(),
                false => format!(" of `{name}`"),
            };
            let long = argument.get_long().unwrap_or_default();
            rows.push(format!("| `{}` | `--{long}`{of} |\n", variable.to_string_lossy()));
        }
    }
    rows.sort();
    format!("\n| variable | option |\n|---|---|\n{}\n", rows.concat())
}

fn block(name: &str) -> Option<String> {
    let commands = commands();
    let root = &commands.first()?.1;
    match name {
        "variables" => Some(variables_block()),
        "global options" => {
            let usual = ["help", "version"];
            let global: Vec<&Arg> = root
                .get_arguments()
                .filter(|arg| !usual.contains(&arg.get_id().as_str()))
                .collect();
            Some(format!("{}\n", tables(&global)))
        }
        "commands" => {
            let list = root
                .get_subcommands()
                .filter(|sub| sub.get_name() != "help")
                .map(|sub| {
                    let about = sub.get_about().map(ToString::to_string).unwrap_or_default();
                    format!(
                        "| [`baton {0}`](#baton-{0}) | {1} |\n",
                        sub.get_name(),
                        prose(&about)
                    )
                });
            Some(format!(
                "\n| command | what it does |\n|---|---|\n{}\n",
                list.collect::<String>()
            ))
        }
        _ => {
            let (name, command) = commands.iter().find(|(full, _)| full == name)?;
            Some(format!("\n{}\n", command_block(name, command)))
        }
    }
}

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/cli.md");
const CONFIGURATION: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../docs/reference/configuration.md"
);

const RUNNERS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/runners.md");

#[test]
fn the_page_on_runners_has_the_fields_of_the_library() {
    let page = std::fs::read_to_string(RUNNERS).expect("the page exists");
    check(RUNNERS, &page, &renewed(&page, runners::block));
}

#[test]
fn the_reference_is_what_the_help_says() {
    for page in [PAGE, CONFIGURATION] {
        let is = std::fs::read_to_string(page).expect("the page exists");
        check(page, &is, &renewed(&is, block));
    }
}

#[test]
fn every_command_has_its_place_in_the_reference() {
    let page = std::fs::read_to_string(PAGE).expect("the page exists");
    for (name, _) in commands().iter().filter(|(name, _)| name != "baton") {
        assert!(
            page.contains(&format!("<!-- begin: {name} -->")),
            "{PAGE} has no block for {name}"
        );
    }
}

/// The first lines of help are short, and no option is without help.
#[test]
fn every_command_and_every_option_has_help_that_stands_alone() {
    for (name, command) in commands() {
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        assert!(!about.is_empty() && about.len() < 100, "{name}: {about}");
        for argument in command.get_arguments().filter(|arg| !is_usual(arg)) {
            let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.len() > 4, "{name}: {} has no help", argument.get_id());
            for riddle in ["as for ", "Default:", "Which,"] {
                assert!(!help.contains(riddle), "{name}: {}: {help}", argument.get_id());
            }
        }
        let mut command = command.clone().term_width(100);
        let short = command.render_help().to_string();
        let lines = short.lines().count();
        assert!(lines <= 50, "{name} -h has {lines} lines:\n{short}");
    }
}
