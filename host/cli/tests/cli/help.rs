//! The help that the command prints. docs/reference/cli.md is generated from the same grammar, so its texts are not pinned
//! here, but its layout is.

use crate::place::Place;

/// Wide enough that no line depends on where the tests run.
const COLUMNS: &str = "100";

fn help(words: &str) -> String {
    let place = Place::new();
    // What clap shows of a variable's value would be this test's.
    let job = place.bare("work").without("BATON_STORE").set("COLUMNS", COLUMNS);
    job.baton(words).succeeds().out
}

/// Returns the commands that `baton --help` lists.
fn commands() -> Vec<String> {
    let help = help("--help");
    let commands = help.split("Commands:\n").nth(1).unwrap();
    let lines = commands.lines().take_while(|line| !line.is_empty());
    lines
        .filter_map(|line| Some(line.split_whitespace().next()?.to_owned()))
        .filter(|name| name != "help")
        .collect()
}

#[test]
fn help_short() {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("../snapshots");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!("help_short", help("-h")));
}

#[test]
fn the_options_of_a_command_come_before_the_global_ones() {
    let commands = commands();
    assert!(commands.len() > 20, "{commands:?}");
    for command in commands {
        for flag in ["-h", "--help"] {
            let help = help(&format!("{command} {flag}"));
            let headings: Vec<&str> = help
                .lines()
                .filter(|line| line.ends_with(':') && !line.starts_with(' '))
                .collect();
            let at = |heading: &str| headings.iter().position(|it| *it == heading);
            let (own, global) = (at("Options:").unwrap(), at("Global options:").unwrap());
            assert!(own < global, "{command} {flag}: {headings:?}");
            let below = help.split("Global options:\n").nth(1).unwrap();
            assert!(below.contains("--store <STORE>"), "{command} {flag}");
            assert!(!below.contains("--project"), "{command} {flag}");
            // `-h` is one screen: how a store is reached is in the long help.
            assert_eq!(help.contains("--endpoint"), flag == "--help", "{command} {flag}");
        }
    }
}
