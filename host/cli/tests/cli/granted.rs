//! Checks that `baton policy` prints exactly the grants of a command: a component tries everything, and reports the results.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::files::write;
use crate::hostile;
use crate::place::{Job, Place};

/// Commands that run the component, each in a way that makes it call one.
const COMMANDS: [&str; 19] = [
    "persist dist",
    "persist dist --dry-run",
    "attach latest --at out",
    "attach latest --at out --dry-run",
    "latest",
    "builds",
    "artifacts",
    "channels",
    "show latest",
    "diff latest latest",
    "history production",
    "verify latest",
    "promote latest production",
    "rollback production",
    "release production",
    "prune --keep-last 1 --dry-run",
    "prune --keep-last 1",
    "remove build:1 --dry-run",
    "remove build:1",
];

/// Returns what `baton policy` prints, in the words of the component.
fn promised(job: &Job, words: &str) -> String {
    let policy = job.json(&format!("policy {words}"));
    let access = |kind: &str| {
        let grants = policy["grants"].as_array().unwrap();
        let grant = grants.iter().find(|grant| grant["what"] == kind).unwrap();
        grant["access"].as_str().unwrap().to_owned()
    };
    // Which servers there are is said by the place; what is read of them by the access.
    let network = access("network").replace(", set one variable", "");
    format!(
        "directory: {}; store: {}; network: {network}",
        access("directory"),
        access("store")
    )
}

fn found(job: &Job, words: &str) -> String {
    let ran = job.baton(words);
    assert_eq!(ran.code, Some(1), "{words}\n{}", ran.err);
    let line = ran.err.lines().find_map(|line| line.strip_prefix("error: "));
    line.unwrap_or_else(|| panic!("{words} says no error:\n{}", ran.err))
        .to_owned()
}

#[test]
fn each_command_can_do_exactly_what_policy_prints() {
    let place = Place::new();
    let job = place.job("work").number(1);
    write(&job.path("dist/app"), "app");
    job.baton("persist dist").succeeds();
    let job = job.set("BATON_COMPONENT", hostile::build());
    for words in COMMANDS {
        let deletes = words.starts_with("prune") || words.starts_with("remove");
        let project = match deletes && !words.contains("--dry-run") {
            true => "gh/acme/granted-to-delete",
            false => "gh/acme/granted",
        };
        let job = job.clone().set("BATON_PROJECT", project);
        assert_eq!(found(&job, words), promised(&job, words), "{words}");
    }
    let tried: BTreeSet<&str> = COMMANDS.iter().filter_map(|it| it.split(' ').next()).collect();
    let others = [
        "policy",
        "local",
        "doctor",
        "component",
        "completions",
        "man",
        "help",
    ];
    let help = job
        .clone()
        .without("BATON_COMPONENT")
        .baton("--help")
        .succeeds()
        .out;
    let all = help.split("\nCommands:\n").nth(1).unwrap();
    let all = all.split("\n\n").next().unwrap();
    for command in all.lines().filter_map(|line| line.split_whitespace().next()) {
        let is_known = tried.contains(command) || others.contains(&command);
        // Continued lines of a description are no commands.
        if job
            .clone()
            .without("BATON_COMPONENT")
            .run([command, "--help"])
            .code
            == Some(0)
        {
            assert!(is_known, "{command} is not tried here");
        }
    }
}

#[test]
fn setting_the_latest_build_uses_neither_store_nor_directory() {
    let place = Place::new();
    let job = place
        .circle("deploy", 9)
        .set("BATON_COMPONENT", hostile::build())
        .set("BATON_PROJECT", "gh/acme/granted")
        .set("CIRCLE_TOKEN", "secret")
        .set("BATON_API", "http://127.0.0.1:9");
    let words = "latest set --value 9";
    assert_eq!(found(&job, words), promised(&job, words));
    let policy: Value = job.json(&format!("policy {words}"));
    assert_eq!(policy["grants"][0]["access"], "none", "{policy}");
    assert_eq!(policy["grants"][1]["access"], "none", "{policy}");
}
